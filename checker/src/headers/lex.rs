//! Text to tokens, each with its line and column.
//!
//! Lines that end in a backslash are joined first; comments and blanks leave no token, only a mark on the next one.

use super::export::{self, Export};
use super::symbol::{Sym, Texts};
use nom::branch::alt;
use nom::bytes::complete::{is_not, tag, take, take_until, take_while, take_while1};
use nom::character::complete::{anychar, char, one_of, satisfy};
use nom::combinator::{opt, recognize, rest};
use nom::multi::{many0_count, many1_count};
use nom::sequence::{delimited, pair, preceded, terminated};
use nom::{IResult, Offset, Parser};
use std::borrow::Cow;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An identifier or keyword.
    Name,
    /// A number, as the preprocessor understands it.
    Number,
    /// A character constant.
    Char,
    /// A string.
    Text,
    /// An operator or separator.
    Punct,
    /// Any other character.
    Other,
    /// In the body of a macro: a parameter, by position in `sym`.
    Param,
}

/// A token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    /// Its text.
    pub(crate) sym: Sym,
    /// What it is.
    pub(crate) kind: Kind,
    /// The first token on its line.
    pub(crate) first: bool,
    /// A blank, comment or line end comes before it.
    pub(crate) spaced: bool,
    /// A macro's name that must not be expanded any more.
    pub(crate) painted: bool,
    /// Where it was written.
    pub(crate) at: Spot,
}

impl Token {
    /// Whether it is this operator or separator.
    pub(crate) fn is(&self, sym: Sym) -> bool {
        self.sym == sym && matches!(self.kind, Kind::Punct | Kind::Name)
    }
}

/// A place in a header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Spot {
    /// Line, from 1.
    pub(crate) line: u32,
    /// The file, by its number.
    pub(crate) file: u16,
    /// Column in characters, from 1.
    pub(crate) column: u16,
}

/// The text with joined lines, and where each line of the file begins in it.
struct Joined<'a> {
    text: Cow<'a, str>,
    starts: Vec<usize>,
}

fn join(text: &str) -> Joined<'_> {
    let mut joined = Joined { text: Cow::Borrowed(text), starts: vec![0] };
    if text.contains("\\\n") || text.contains("\\\r\n") {
        let mut out = String::with_capacity(text.len());
        for line in text.split_inclusive('\n') {
            let body = line.strip_suffix('\n').map(|body| body.strip_suffix('\r').unwrap_or(body));
            match body.and_then(|body| body.strip_suffix('\\')) {
                Some(body) => out.push_str(body),
                None => out.push_str(line),
            }
            joined.starts.push(out.len());
        }
        joined.text = Cow::Owned(out);
    } else {
        joined.starts.extend(text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1));
    }
    joined
}

/// What lies between two tokens.
#[derive(Default)]
struct Gap {
    spaced: bool,
    newline: bool,
}

fn blank(input: &str) -> IResult<&str, &str> {
    take_while1(|c: char| matches!(c, ' ' | '\t' | '\r' | '\x0b' | '\x0c')).parse(input)
}

fn comment(input: &str) -> IResult<&str, &str> {
    let block = preceded(tag("/*"), alt((terminated(take_until("*/"), tag("*/")), rest)));
    let line = preceded(tag("//"), take_while(|c| c != '\n'));
    alt((block, line)).parse(input)
}

fn gap(mut input: &str) -> (&str, Gap) {
    let mut gap = Gap::default();
    while let Some(first) = input.bytes().next() {
        let next = match first {
            b'\n' => {
                gap.newline = true;
                char::<_, nom::error::Error<&str>>('\n').parse(input).map(|(next, _)| next)
            }
            b'/' => comment(input).map(|(next, _)| next),
            _ => blank(input).map(|(next, _)| next),
        };
        match next {
            Ok(next) => input = next,
            Err(_) => break,
        }
        gap.spaced = true;
    }
    (input, gap)
}

fn name(input: &str) -> IResult<&str, &str> {
    recognize(pair(satisfy(name_start), take_while(name_rest))).parse(input)
}

fn name_start(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_' || c == '$' || !c.is_ascii()
}

fn name_rest(c: char) -> bool {
    name_start(c) || c.is_ascii_digit()
}

fn number(input: &str) -> IResult<&str, &str> {
    let start = pair(opt(char('.')), satisfy(|c| c.is_ascii_digit()));
    let sign = recognize(pair(one_of("eEpP"), one_of("+-")));
    let piece = alt((
        sign,
        take_while1(|c: char| c.is_ascii_alphanumeric() && !"eEpP".contains(c) || c == '_' || c == '.'),
        recognize(one_of("eEpP")),
    ));
    recognize(pair(start, many0_count(piece))).parse(input)
}

fn quoted<'a>(
    quote: char,
    plain: &'static str,
) -> impl Parser<&'a str, Output = &'a str, Error = nom::error::Error<&'a str>> {
    let escape = recognize(pair(char('\\'), anychar));
    recognize(delimited(char(quote), many0_count(alt((is_not(plain), escape))), char(quote)))
}

fn character(input: &str) -> IResult<&str, &str> {
    let escape = recognize(pair(char('\\'), anychar));
    recognize(delimited(char('\''), many1_count(alt((is_not("'\\\n"), escape))), char('\''))).parse(input)
}

fn punct(input: &str) -> IResult<&str, &str> {
    let three = alt((tag("..."), tag("<<="), tag(">>=")));
    let two = alt((
        tag("##"),
        tag("->"),
        tag("++"),
        tag("--"),
        tag("<<"),
        tag(">>"),
        tag("<="),
        tag(">="),
        tag("=="),
        tag("!="),
        tag("&&"),
        tag("||"),
        tag("*="),
        tag("/="),
        tag("%="),
        tag("+="),
        tag("-="),
        tag("&="),
        tag("^="),
        tag("|="),
    ));
    let one = recognize(one_of("#(){}[],;:?.=+-*/%&|^~!<>"));
    alt((three, two, one)).parse(input)
}

fn token(input: &str) -> IResult<&str, (Kind, &str)> {
    let named = |kind: Kind| move |text| (kind, text);
    let first = input.chars().next().unwrap_or(' ');
    // The first character decides; the general alternatives below are for what looks like one thing and is another.
    if name_start(first) {
        return name.map(named(Kind::Name)).parse(input);
    }
    alt((
        number.map(named(Kind::Number)),
        punct.map(named(Kind::Punct)),
        quoted('"', "\"\\\n").map(named(Kind::Text)),
        character.map(named(Kind::Char)),
        take(1_usize).map(named(Kind::Other)),
    ))
    .parse(input)
}

/// Reads the tokens of a file. `source`: it is the kernel's own text, and its tokens are those that it has when it is
/// installed.
pub(crate) fn lex(text: &str, file: u16, source: bool, texts: &mut Texts) -> Vec<Token> {
    let joined = join(text);
    let all: &str = &joined.text;
    let mut tokens = Vec::with_capacity(all.len() / 6);
    let mut line = 0;
    let mut first = true;
    let mut dropped = false;
    let mut input = all;
    loop {
        let (start, gap) = gap(input);
        first |= gap.newline;
        let Ok((next, (kind, text))) = token(start) else { break };
        let offset = all.offset(start);
        while joined.starts.get(line + 1).is_some_and(|at| *at <= offset) {
            line += 1;
        }
        let column = all.get(joined.starts[line]..offset).map_or(0, |before| before.chars().count());
        let at =
            Spot { line: line as u32 + 1, file, column: column.saturating_add(1).min(usize::from(u16::MAX)) as u16 };
        input = next;
        let spaced = gap.spaced || std::mem::take(&mut dropped);
        let mut push = |kind, text: &str, first, spaced| {
            tokens.push(Token { sym: texts.intern(text), kind, first, spaced, painted: false, at });
        };
        match if source && kind == Kind::Name { export::word(all, offset, text) } else { Export::Same } {
            Export::Same => push(kind, text, first, spaced),
            Export::Renamed(name) => push(kind, name, first, spaced),
            Export::Packed => {
                push(kind, "__attribute__", first, spaced);
                for (kind, text) in [
                    (Kind::Punct, "("),
                    (Kind::Punct, "("),
                    (Kind::Name, "packed"),
                    (Kind::Punct, ")"),
                    (Kind::Punct, ")"),
                ] {
                    push(kind, text, false, false);
                }
            }
            Export::Dropped => {
                dropped = true;
                continue;
            }
        }
        first = false;
    }
    tokens
}

/// What the single token is that two pasted ones make, if they make one.
pub(crate) fn lex_one(text: &str) -> Option<Kind> {
    if text.is_empty() {
        return Some(Kind::Other);
    }
    match token(text) {
        Ok(("", (kind, _))) => Some(kind),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<(String, u32, u16)> {
        let mut symbols = Texts::new();
        let tokens = lex(text, 0, false, &mut symbols);
        tokens.iter().map(|token| (symbols.text(token.sym).to_owned(), token.at.line, token.at.column)).collect()
    }

    #[test]
    fn places_survive_joined_lines_and_comments() {
        let found = texts("a /* x\n y */ b\\\nc 0x1fUL\\\n  <<= 'it\\'s'\n// end");
        let expected = [("a", 1, 1), ("bc", 2, 7), ("0x1fUL", 3, 3), ("<<=", 4, 3), ("'it\\'s'", 4, 7)];
        assert_eq!(found, expected.map(|(text, line, column)| (text.to_owned(), line, column)));
    }

    #[test]
    fn unfinished_things_do_not_stop_the_reader() {
        assert_eq!(
            texts("can't\n\"open\n/* for ever").iter().map(|t| t.0.as_str()).collect::<Vec<_>>(),
            ["can", "'", "t", "\"", "open"]
        );
        assert_eq!(
            texts("1.5e+3.x .. ...").iter().map(|t| t.0.as_str()).collect::<Vec<_>>(),
            ["1.5e+3.x", ".", ".", "..."]
        );
        assert!(texts("").is_empty());
        assert_eq!(texts("\\").len(), 1);
    }

    #[test]
    fn directives_are_known_by_their_first_token() {
        let mut symbols = Texts::new();
        let tokens = lex("#define A /* long\n comment */ 1\n  # undef A", 0, false, &mut symbols);
        let firsts: Vec<_> = tokens.iter().filter(|t| t.first).map(|t| t.at.line).collect();
        assert_eq!(firsts, [1, 3]);
    }
}
