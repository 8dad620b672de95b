//! C source as tokens, each with the conditions under which it is compiled. Nothing is expanded.

use super::guard::Guard;
use super::text::Text;
use nom::branch::alt;
use nom::bytes::complete::{tag, take_until, take_while, take_while1};
use nom::character::complete::{anychar, char};
use nom::combinator::{map, opt, recognize, rest};
use nom::multi::many0_count;
use nom::sequence::{pair, preceded};
use nom::{IResult, Parser};
use std::sync::Arc;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An identifier or a keyword.
    Name,
    /// A number.
    Number,
    /// A string or a character.
    Quoted,
    /// One other character.
    Mark,
}

/// A token of C.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Token<'t> {
    /// What it is.
    pub(crate) kind: Kind,
    /// How it is written.
    pub(crate) text: &'t str,
    /// Where it begins in the joined text.
    pub(crate) offset: usize,
    /// Index of its guard.
    guard: u32,
}

impl Token<'_> {
    /// Whether it is this one character.
    pub(crate) fn is(&self, mark: &str) -> bool {
        self.kind == Kind::Mark && self.text == mark
    }
}

/// A comment that begins with `/**`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Comment<'t> {
    /// With its marks.
    pub(crate) text: &'t str,
    /// Where it begins in the joined text.
    pub(crate) offset: usize,
    /// Index of the token that follows it.
    pub(crate) next: usize,
}

/// A macro's definition.
#[derive(Clone, Debug)]
pub(crate) struct Define<'t> {
    /// The macro.
    pub(crate) name: &'t str,
    /// What stands behind the name; begins with a parenthesis where the macro takes arguments.
    pub(crate) body: &'t str,
    /// Where the name begins in the joined text.
    pub(crate) offset: usize,
    /// When it is defined.
    pub(crate) guard: Arc<Guard>,
}

/// A file of C source.
#[derive(Clone, Debug)]
pub(crate) struct Source<'t> {
    /// Everything but comments and directives.
    pub(crate) tokens: Vec<Token<'t>>,
    /// Comments that begin with `/**`.
    pub(crate) comments: Vec<Comment<'t>>,
    /// Definitions of macros in order.
    pub(crate) defines: Vec<Define<'t>>,
    guards: Vec<Arc<Guard>>,
}

impl Source<'_> {
    /// When a token is compiled.
    pub(crate) fn guard(&self, token: &Token<'_>) -> Arc<Guard> {
        self.guards.get(token.guard as usize).cloned().unwrap_or_else(|| Arc::new(Guard::Opaque))
    }
}

/// More branches, one in or after the other, are not told apart.
const BRANCHES: usize = 60;

/// An open `#if`: the branch that is being read, the opposite of those before it, and how many there were.
struct Branch {
    now: Guard,
    otherwise: Guard,
    count: usize,
}

impl Branch {
    fn open(condition: Guard, depth: usize) -> Self {
        let now = if depth < BRANCHES { condition } else { Guard::Opaque };
        Self { otherwise: now.clone().negated(), now, count: 1 }
    }

    fn next(&mut self, condition: Guard) {
        self.count += 1;
        if self.count > BRANCHES {
            (self.now, self.otherwise) = (Guard::Opaque, Guard::Opaque);
            return;
        }
        self.now = self.otherwise.clone().and(condition.clone());
        self.otherwise = self.otherwise.clone().and(condition.negated());
    }
}

/// Takes a file apart. Bytes that are no C become marks of their own.
pub(crate) fn lex(text: &Text) -> Source<'_> {
    let whole = text.as_str();
    let mut source = Source { tokens: Vec::new(), comments: Vec::new(), defines: Vec::new(), guards: Vec::new() };
    let mut branches: Vec<Branch> = Vec::new();
    source.guards.push(Arc::new(Guard::Number(1)));
    let mut input = whole;
    let mut fresh = true;
    while let Some(first) = input.chars().next() {
        let offset = whole.len() - input.len();
        if first == '\n' {
            fresh = true;
            input = &input[1..];
        } else if first.is_whitespace() {
            input = &input[first.len_utf8()..];
        } else if let Ok((after, comment)) = comment(input) {
            if comment.starts_with("/**") && !comment.starts_with("/**/") {
                source.comments.push(Comment { text: comment, offset, next: source.tokens.len() });
            }
            input = after;
        } else if first == '#' && fresh {
            let (after, line) = directive_line(input);
            if directive(line, &mut branches, &mut source, whole) {
                let open = branches.iter().take(BRANCHES + 1);
                let guard = open.fold(Guard::Number(1), |all, branch| all.and(branch.now.clone()));
                source.guards.push(Arc::new(guard));
            }
            input = after;
        } else if let Ok((after, (kind, text))) = token(input) {
            let guard = u32::try_from(source.guards.len() - 1).unwrap_or(u32::MAX);
            source.tokens.push(Token { kind, text, offset, guard });
            fresh = false;
            input = after;
        } else {
            break;
        }
    }
    source
}

fn comment(input: &str) -> IResult<&str, &str> {
    let block = recognize((tag("/*"), alt((recognize((take_until("*/"), tag("*/"))), rest))));
    let line = recognize((tag("//"), take_while(|c| c != '\n')));
    alt((block, line)).parse(input)
}

fn token(input: &str) -> IResult<&str, (Kind, &str)> {
    let name = recognize(pair(
        take_while1(|c: char| c.is_ascii_alphabetic() || c == '_' || c == '$'),
        take_while(|c: char| c.is_ascii_alphanumeric() || c == '_' || c == '$'),
    ));
    let number = recognize(pair(
        take_while1(|c: char| c.is_ascii_digit()),
        take_while(|c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.')),
    ));
    alt((
        map(name, |text| (Kind::Name, text)),
        map(number, |text| (Kind::Number, text)),
        map(alt((quoted('"'), quoted('\''))), |text| (Kind::Quoted, text)),
        map(recognize(anychar), |text| (Kind::Mark, text)),
    ))
    .parse(input)
}

/// A string or character; one that is not closed ends with its line.
fn quoted<'t>(quote: char) -> impl Parser<&'t str, Output = &'t str, Error = nom::error::Error<&'t str>> {
    let plain = recognize(take_while1(move |c: char| c != quote && c != '\\' && c != '\n'));
    let escaped = recognize(preceded(char('\\'), anychar));
    recognize((char(quote), many0_count(alt((plain, escaped))), opt(char(quote))))
}

/// A directive, up to the end of its line; a comment in it may go on for more lines.
fn directive_line(input: &str) -> (&str, &str) {
    let mut at = 0;
    while at < input.len() {
        let here = &input[at..];
        if here.starts_with('\n') {
            break;
        }
        at += match comment(here) {
            Ok((_, text)) => text.len(),
            Err(_) => here.chars().next().map_or(1, char::len_utf8),
        };
    }
    (&input[at..], &input[..at])
}

/// Reads a directive; whether it changed the conditions.
fn directive<'t>(line: &'t str, branches: &mut Vec<Branch>, source: &mut Source<'t>, whole: &str) -> bool {
    let rest = line[1..].trim_start();
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
    let (word, rest) = rest.split_at(end);
    let depth = branches.len();
    let mut opens = |condition| branches.push(Branch::open(condition, depth));
    match word {
        "if" => opens(Guard::parse(&without_comments(rest))),
        "ifdef" => opens(Guard::Defined(first_word(rest))),
        "ifndef" => opens(Guard::Defined(first_word(rest)).negated()),
        "elif" => {
            if let Some(branch) = branches.last_mut() {
                branch.next(Guard::parse(&without_comments(rest)));
            }
        }
        "else" => {
            if let Some(branch) = branches.last_mut() {
                branch.now = std::mem::replace(&mut branch.otherwise, Guard::Number(0));
            }
        }
        "endif" => drop(branches.pop()),
        "define" => {
            let rest = rest.trim_start();
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
            let (name, body) = rest.split_at(end);
            let guard = source.guards.last().cloned().unwrap_or_else(|| Arc::new(Guard::Opaque));
            // Both are parts of `whole`, so the distance between their addresses is the offset.
            let offset = (name.as_ptr() as usize).saturating_sub(whole.as_ptr() as usize);
            source.defines.push(Define { name, body, offset, guard });
            return false;
        }
        _ => return false,
    }
    true
}

fn first_word(rest: &str) -> String {
    rest.trim_start().chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect()
}

/// A directive's text with a blank for each comment.
pub(crate) fn without_comments(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut input = text;
    while let Some(first) = input.chars().next() {
        if let Ok((after, _)) = comment(input) {
            out.push(' ');
            input = after;
        } else {
            out.push(first);
            input = &input[first.len_utf8()..];
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::guard::Known;
    use proptest::prelude::*;

    struct With<'a>(&'a [&'a str]);

    impl Known for With<'_> {
        fn defined(&self, name: &str) -> Option<bool> {
            Some(self.0.contains(&name))
        }

        fn value(&self, _: &str) -> Option<i128> {
            None
        }
    }

    fn words(file: &str, defined: &[&str]) -> Vec<String> {
        let text = Text::new(file);
        let source = lex(&text);
        let kept = source.tokens.iter().filter(|token| source.guard(token).holds(&With(defined)) == Some(true));
        kept.map(|token| token.text.to_owned()).collect()
    }

    #[test]
    fn tokens_are_kept_comments_are_not() {
        let file = "int a; /* SYS(1) */ // SYS(2)\nchar *b = \"/* no \\\" comment */\", c = '\"';\nlo\\\nng d;\n";
        let expected = [
            "int",
            "a",
            ";",
            "char",
            "*",
            "b",
            "=",
            "\"/* no \\\" comment */\"",
            ",",
            "c",
            "=",
            "'\"'",
            ";",
            "long",
            "d",
            ";",
        ];
        assert_eq!(words(file, &[]), expected);
    }

    #[test]
    fn branches_exclude_each_other() {
        let file = "#ifdef A\none\n# if defined(B) /* or\nnot */ && !defined(C)\ntwo\n#  else\nthree\n#endif\n\
            #elif defined(B)\nfour\n#elif \\\n defined(C)\nfive\n#else\nsix\n#endif\nseven\n";
        assert_eq!(words(file, &["A", "B"]), ["one", "two", "seven"]);
        assert_eq!(words(file, &["A", "B", "C"]), ["one", "three", "seven"]);
        assert_eq!(words(file, &["B", "C"]), ["four", "seven"]);
        assert_eq!(words(file, &["C"]), ["five", "seven"]);
        assert_eq!(words(file, &[]), ["six", "seven"]);
    }

    #[test]
    fn definitions_and_long_comments_are_kept_apart() {
        let text =
            Text::new("/** about\n * it */\n#ifndef X\n#define ABLE \\\n  1 /* a */\n#endif\n/***/ int /**/ x;\n");
        let source = lex(&text);
        let defines: Vec<_> =
            source.defines.iter().map(|found| (found.name, found.body.trim(), text.place(found.offset))).collect();
        assert_eq!(defines, [("ABLE", "1 /* a */", (4, 9))]);
        assert_eq!(source.defines[0].guard.holds(&With(&["X"])), Some(false));
        assert_eq!((source.comments[0].text, source.comments[0].next), ("/** about\n * it */", 0));
    }

    #[test]
    fn what_has_no_end_ends_with_the_file() {
        for file in ["/* open", "\"open", "'", "#if", "#define", "#else\n#endif\nx", "# ", "#if (\nx"] {
            let text = Text::new(file);
            let _ = lex(&text);
        }
        assert_eq!(words("#endif\nx", &[]), ["x"]);
    }

    #[test]
    fn endless_branches_are_not_told_apart() {
        for directive in ["#if A\n", "#elif A\n"] {
            let file = format!("#if A\n{}x", directive.repeat(3_000));
            let text = Text::new(&file);
            let source = lex(&text);
            assert_eq!(source.guard(&source.tokens[0]).holds(&With(&["A"])), None);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_taken_apart(file in "(#if|#else\n|#endif\n|#define |/\\*|\\*/|//|\"|'|\\\\\n|\\PC|[ \n]){0,60}") {
            let text = Text::new(&file);
            let source = lex(&text);
            for token in &source.tokens {
                prop_assert_eq!(&text.as_str()[token.offset..token.offset + token.text.len()], token.text);
            }
        }
    }
}
