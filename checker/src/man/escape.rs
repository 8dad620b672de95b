//! Escape sequences of roff: what a line looks like once fonts, sizes and spacing are taken away.

use std::collections::BTreeMap;

/// Bytes that strings of a page may add to it in all. A string may name another one twice, and so on; without a bound a
/// page of a few lines would fill the memory.
const BUDGET: usize = 1 << 20;

/// The strings that a page defines, `.ds`.
#[derive(Debug)]
pub(super) struct Strings {
    texts: BTreeMap<String, String>,
    budget: usize,
}

impl Strings {
    /// Those that the macros of man pages bring along.
    pub(super) fn new() -> Self {
        let texts = [("R", "(R)"), ("Tm", "(TM)"), ("lq", "\""), ("rq", "\"")];
        let texts = texts.map(|(name, text)| (name.to_owned(), text.to_owned())).into();
        Self { texts, budget: BUDGET }
    }

    /// Defines a string. Its text is taken as it is now.
    pub(super) fn define(&mut self, name: &str, text: String) {
        self.budget = self.budget.saturating_sub(text.len());
        if self.budget > 0 {
            self.texts.insert(name.to_owned(), text);
        }
    }

    fn add(&mut self, name: &str, out: &mut String) {
        let Some(text) = self.texts.get(name) else { return };
        if let Some(left) = self.budget.checked_sub(text.len()) {
            self.budget = left;
            out.push_str(text);
        }
    }
}

/// A text without escape sequences.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Plain {
    /// What a reader sees.
    pub(super) text: String,
    /// Whether the next line goes on without a blank, `\c`.
    pub(super) continues: bool,
}

/// Takes the escape sequences out of a text.
pub(super) fn plain(input: &str, strings: &mut Strings) -> Plain {
    let mut out = Plain::default();
    let mut rest = input;
    while let Some((before, after)) = rest.split_once('\\') {
        out.text.push_str(before);
        rest = escape(after, strings, &mut out);
    }
    out.text.push_str(rest);
    out
}

/// Reads what follows a backslash and returns what is left.
fn escape<'a>(input: &'a str, strings: &mut Strings, out: &mut Plain) -> &'a str {
    let Some(letter) = input.chars().next() else { return "" };
    let after = &input[letter.len_utf8()..];
    match letter {
        '-' | '.' | '\'' | '`' | '_' => out.text.push(letter),
        'e' | '\\' | 'E' => out.text.push('\\'),
        ' ' | '~' | '0' => out.text.push(' '),
        't' => out.text.push('\t'),
        '&' | '%' | ':' | '|' | '^' | '/' | ',' | ')' | '{' | '}' | '!' | 'p' | 'd' | 'u' | 'r' | 'a' => {}
        'c' => out.continues = true,
        '"' | '#' => return "",
        '(' => {
            let (name, after) = two(after);
            glyph(name, &mut out.text);
            return after;
        }
        '[' => {
            let (name, after) = after.split_once(']').unwrap_or((after, ""));
            glyph(name, &mut out.text);
            return after;
        }
        '*' => {
            let (name, after) = name(after);
            strings.add(name, &mut out.text);
            return after;
        }
        'f' | 'm' | 'M' | 'n' | 'g' | 'k' | 'F' | 'Y' | 'V' => {
            return name(after.strip_prefix(['+', '-']).unwrap_or(after)).1;
        }
        's' => return size(after),
        'h' | 'v' | 'w' | 'l' | 'L' | 'o' | 'b' | 'x' | 'X' | 'N' | 'D' | 'S' | 'H' | 'A' | 'B' | 'R' | 'Z' | 'C' => {
            return delimited(after);
        }
        'z' => {}
        '$' => return name(after).1,
        other => out.text.push(other),
    }
    after
}

/// A name of one character, of two after `(`, or of any length in brackets.
fn name(input: &str) -> (&str, &str) {
    match input.chars().next() {
        Some('(') => two(&input[1..]),
        Some('[') => input[1..].split_once(']').unwrap_or((&input[1..], "")),
        Some(letter) => input.split_at(letter.len_utf8()),
        None => ("", ""),
    }
}

fn two(input: &str) -> (&str, &str) {
    let end = input.char_indices().nth(2).map_or(input.len(), |(at, _)| at);
    input.split_at(end)
}

/// A change of size: `s0`, `s-1`, `s+10`, `s(12`, `s[12]`, `s'12'`.
fn size(input: &str) -> &str {
    let input = input.strip_prefix(['+', '-']).unwrap_or(input);
    match input.chars().next() {
        Some('(' | '[') => name(input).1,
        Some('\'') => delimited(input),
        // Only 1 to 3 begin a size of two digits.
        Some('1'..='3') => {
            let digits = input.chars().take(2).take_while(char::is_ascii_digit).count();
            &input[digits..]
        }
        Some('0'..='9') => &input[1..],
        _ => input,
    }
}

/// Leaves out an argument between two equal characters.
fn delimited(input: &str) -> &str {
    let Some(mark) = input.chars().next() else { return "" };
    let inside = &input[mark.len_utf8()..];
    inside.split_once(mark).map_or("", |(_, after)| after)
}

/// Writes a special character by its name.
fn glyph(name: &str, out: &mut String) {
    let text = match name {
        "aq" | "oq" | "cq" => "'",
        "dq" | "lq" | "rq" => "\"",
        "rs" => "\\",
        "ha" => "^",
        "ti" => "~",
        "ga" => "`",
        "at" => "@",
        "sh" => "#",
        "Do" => "$",
        "ba" | "or" => "|",
        "sl" => "/",
        "lB" => "[",
        "rB" => "]",
        "lC" => "{",
        "rC" => "}",
        "em" => "--",
        "en" | "hy" | "mi" => "-",
        "bu" => "\u{2022}",
        "co" => "(C)",
        "rg" => "(R)",
        "mu" => "x",
        "<=" => "<=",
        ">=" => ">=",
        "!=" => "!=",
        "->" => "->",
        "+-" => "+/-",
        "de" => "\u{b0}",
        _ => {
            let code = name.strip_prefix('u').and_then(|digits| u32::from_str_radix(digits, 16).ok());
            if let Some(found) = code.and_then(char::from_u32) {
                out.push(found);
            } else if let Some(letter) = accented(name) {
                out.push(letter);
            }
            return;
        }
    };
    out.push_str(text);
}

/// The letter under an accent, `'e` or `:o`: names of people are the only place for these.
fn accented(name: &str) -> Option<char> {
    let mut letters = name.chars().filter(char::is_ascii_alphabetic);
    let letter = letters.next()?;
    (name.chars().count() == 2 && letters.next().is_none()).then_some(letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(input: &str) -> String {
        plain(input, &mut Strings::new()).text
    }

    #[test]
    fn fonts_sizes_and_spacing_vanish() {
        for (input, expected) in [
            ("\\fBint\\fP \\fIfd\\fR", "int fd"),
            ("\\f(CWx\\f[R]y\\f[]z", "xyz"),
            ("a\\-1 \\(aqb\\(aq \\[rs]n \\e0", "a-1 'b' \\n \\0"),
            ("O_\\&RDONLY\\|,\\ \\~x\\%y\\:z", "O_RDONLY,  xyz"),
            ("\\s-1SMALL\\s0 \\s+12x\\s[8]y\\s'9'z", "SMALL xyz"),
            ("\\h'2n'a\\w\"b\"c\\o'e`'d", "acd"),
            ("keep \\\"comment", "keep "),
            ("\\[u00e9]\\['e]\\[nosuch]\\(", "\u{e9}e"),
            ("\\*(lqquoted\\*[rq]\\*R", "\"quoted\"(R)"),
            ("end\\", "end"),
        ] {
            assert_eq!(text(input), expected, "{input}");
        }
        assert!(plain("in \\c", &mut Strings::new()).continues);
    }

    #[test]
    fn strings_that_name_strings_stay_bounded() {
        let mut strings = Strings::new();
        strings.define("a", "x".repeat(1000));
        let mut longest = 0;
        for _ in 0..64 {
            let twice = plain("\\*a\\*a", &mut strings).text;
            longest = longest.max(twice.len());
            strings.define("a", twice);
        }
        assert!(longest <= BUDGET);
        let total: usize = (0..10_000).map(|_| plain("\\*a\\*a\\*a", &mut strings).text.len()).sum();
        assert!(total <= BUDGET);
    }
}
