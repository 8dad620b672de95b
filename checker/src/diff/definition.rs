//! How a header writes its constants: which names a macro's body uses, where in its `enum` an enumerator stands.
//!
//! Values alone do not tell a count that grows with its list from a number that programs rely on. This reads a header as
//! text, whatever its conditions say, and so knows more definitions than one port sees; places tell them apart.

use std::collections::BTreeMap;

/// The definitions of one header.
#[derive(Debug, Default)]
pub(super) struct Definitions {
    macros: BTreeMap<String, Vec<Macro>>,
    lists: Vec<List>,
    enumerators: BTreeMap<String, (usize, usize)>,
    /// Macros by place, for what stands beside what.
    order: Vec<(u32, String)>,
    guard: Option<String>,
}

/// A `#define`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Macro {
    /// Its line, from 1.
    pub(super) line: u32,
    /// The identifiers of its body, each as often as it stands there.
    pub(super) names: Vec<String>,
    /// Whether the body only joins names, numbers and shifted ones with `|`.
    pub(super) joined: bool,
}

/// An `enum`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct List {
    /// Which `enum` of the header it is, from 0.
    pub(super) number: usize,
    /// Its tag.
    pub(super) tag: Option<String>,
    /// Its enumerators in order.
    pub(super) items: Vec<Item>,
}

/// An enumerator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Item {
    /// Its name.
    pub(super) name: String,
    /// Whether it is written with a value.
    pub(super) explicit: bool,
    /// The identifiers of that value.
    pub(super) names: Vec<String>,
    /// Whether the value only joins names, numbers and shifted ones with `|`.
    pub(super) joined: bool,
}

/// How one constant is written.
#[derive(Clone, Copy, Debug)]
pub(super) enum Definition<'a> {
    /// As a macro.
    Macro(&'a Macro),
    /// As an enumerator: its list and its place in it.
    Enumerator(&'a List, usize),
}

impl Definition<'_> {
    /// The identifiers that its value is written with.
    pub(super) fn names(&self) -> &[String] {
        match self {
            Self::Macro(found) => &found.names,
            Self::Enumerator(list, index) => list.items.get(*index).map_or(&[], |item| &item.names),
        }
    }

    /// Whether it is a member of a list that is counted, one more than the one before.
    pub(super) fn is_counted(&self) -> bool {
        match self {
            Self::Macro(_) => false,
            Self::Enumerator(list, index) => list.items.get(*index).is_some_and(|item| !item.explicit),
        }
    }

    /// Whether its value only joins names, numbers and shifted ones with `|`.
    pub(super) fn joined(&self) -> bool {
        match self {
            Self::Macro(found) => found.joined,
            Self::Enumerator(list, index) => list.items.get(*index).is_some_and(|item| item.joined),
        }
    }
}

impl Definitions {
    /// Reads a header.
    pub(super) fn read(text: &str) -> Self {
        let plain = without_comments(text);
        let mut found = Self::default();
        let mut tokens = Vec::new();
        let mut condition: Option<&str> = None;
        let mut directive: Option<(u32, Vec<&str>)> = None;
        for (index, line) in plain.lines().enumerate() {
            let number = u32::try_from(index + 1).unwrap_or(u32::MAX);
            let continued = line.trim_end().ends_with('\\');
            let part = line.trim_end().trim_end_matches('\\');
            if line.trim_start().starts_with('#') && directive.is_none() {
                directive = Some((number, Vec::new()));
            }
            match &mut directive {
                Some((_, inside)) => tokenize(part, inside),
                None => tokenize(part, &mut tokens),
            }
            if !continued && let Some((number, inside)) = directive.take() {
                found.directive(number, &inside, &mut condition);
            }
        }
        if let Some((number, inside)) = directive {
            found.directive(number, &inside, &mut condition);
        }
        found.enums(&tokens);
        found
    }

    fn directive<'t>(&mut self, line: u32, tokens: &[&'t str], condition: &mut Option<&'t str>) {
        match *tokens {
            ["#", "ifndef", name, ..] => *condition = Some(name),
            ["#", "define", name, ref body @ ..] => {
                // The macro that the header's first condition asks for only keeps it from being read twice.
                if self.guard.is_none() && *condition == Some(name) && self.macros.is_empty() {
                    self.guard = Some(name.to_owned());
                    return;
                }
                let (names, joined) = expression(body);
                self.order.push((line, name.to_owned()));
                self.macros.entry(name.to_owned()).or_default().push(Macro { line, names, joined });
            }
            _ => {}
        }
    }

    fn enums(&mut self, tokens: &[&str]) {
        let mut at = 0;
        while let Some(token) = tokens.get(at) {
            at += 1;
            if *token != "enum" {
                continue;
            }
            let mut list = List { number: self.lists.len(), ..List::default() };
            while let Some(word) = tokens.get(at).filter(|word| is_name(word)) {
                if !word.starts_with("__attribute") {
                    list.tag = Some((*word).to_owned());
                }
                at += 1;
            }
            if tokens.get(at).is_none_or(|token| *token != "{") {
                continue;
            }
            at += 1;
            let mut item: Vec<&str> = Vec::new();
            let mut depth = 0_u32;
            loop {
                let end = tokens.get(at).is_none_or(|token| *token == "}" && depth == 0);
                let Some(token) = tokens.get(at).filter(|token| !(end || **token == "," && depth == 0)) else {
                    self.item(&mut list, &std::mem::take(&mut item));
                    at += 1;
                    if end {
                        break;
                    }
                    continue;
                };
                match *token {
                    "(" => depth += 1,
                    ")" => depth = depth.saturating_sub(1),
                    _ => {}
                }
                item.push(token);
                at += 1;
            }
            self.lists.push(list);
        }
    }

    fn item(&mut self, list: &mut List, tokens: &[&str]) {
        let Some(name) = tokens.first().filter(|name| is_name(name)) else { return };
        let value = tokens.iter().position(|token| *token == "=").map(|at| tokens.get(at + 1..).unwrap_or_default());
        let (names, joined) = value.map(expression).unwrap_or_default();
        self.enumerators.entry((*name).to_owned()).or_insert((self.lists.len(), list.items.len()));
        list.items.push(Item { name: (*name).to_owned(), explicit: value.is_some(), names, joined });
    }

    /// The definition of a name, of several the one at `line`.
    pub(super) fn get(&self, name: &str, line: Option<u32>) -> Option<Definition<'_>> {
        let macros = self.macros.get(name).map(Vec::as_slice).unwrap_or_default();
        let here = macros.iter().find(|found| Some(found.line) == line);
        let enumerator = || {
            let (list, index) = self.enumerators.get(name)?;
            Some(Definition::Enumerator(self.lists.get(*list)?, *index))
        };
        here.map(Definition::Macro).or_else(enumerator).or_else(|| macros.first().map(Definition::Macro))
    }

    /// Whether the header names a macro or enumerator so, under whatever condition.
    pub(super) fn has(&self, name: &str) -> bool {
        self.macros.contains_key(name) || self.enumerators.contains_key(name)
    }

    /// Whether a name is written with the same names in both headers, and so is whatever it is made of there.
    pub(super) fn writes_alike(&self, other: &Self, name: &str) -> bool {
        self.alike(other, name, 6)
    }

    fn alike(&self, other: &Self, name: &str, depth: u32) -> bool {
        match (self.get(name, None), other.get(name, None)) {
            (None, None) => true,
            (Some(a), Some(b)) if a.names() == b.names() => {
                depth == 0 || a.names().iter().all(|used| used == name || self.alike(other, used, depth - 1))
            }
            _ => false,
        }
    }

    /// Whether the name only keeps the header from being read twice.
    pub(super) fn is_guard(&self, name: &str) -> bool {
        self.guard.as_deref() == Some(name)
    }

    /// The macros or enumerators that are written before and after a constant.
    pub(super) fn neighbours(&self, name: &str, line: Option<u32>) -> [Option<&str>; 2] {
        match self.get(name, line) {
            Some(Definition::Enumerator(list, index)) => {
                let name = |index: usize| list.items.get(index).map(|item| item.name.as_str());
                [index.checked_sub(1).and_then(name), name(index + 1)]
            }
            Some(Definition::Macro(found)) => {
                let index = self.order.partition_point(|(line, _)| *line < found.line);
                let name = |index: usize| self.order.get(index).map(|(_, name)| name.as_str());
                [index.checked_sub(1).and_then(name), name(index + 1)]
            }
            None => [None, None],
        }
    }

    /// Names that are defined as `name` and nothing else but numbers and operators, `FOO_MAX` of `(__FOO_MAX - 1)`.
    pub(super) fn derived_from<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let only = move |names: &[String]| !names.is_empty() && names.iter().all(|used| used == name);
        let macros = self.macros.iter().filter(move |(_, found)| found.iter().any(|one| only(&one.names)));
        let items = self.lists.iter().flat_map(|list| &list.items).filter(move |item| only(&item.names));
        macros.map(|(name, _)| name.as_str()).chain(items.map(|item| item.name.as_str()))
    }
}

/// The identifiers of an expression, and whether it only joins names, numbers and shifted ones with `|`.
fn expression(tokens: &[&str]) -> (Vec<String>, bool) {
    let names = tokens.iter().filter(|token| is_name(token)).map(|token| (*token).to_owned()).collect();
    let joined = tokens.contains(&"|")
        && tokens.iter().all(|token| {
            is_name(token)
                || matches!(*token, "|" | "(" | ")" | "<" | "~" | ",")
                || token.starts_with(|c: char| c.is_ascii_digit())
        });
    (names, joined)
}

fn is_name(token: &str) -> bool {
    token.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
}

fn tokenize<'t>(line: &'t str, tokens: &mut Vec<&'t str>) {
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let length = match first {
            c if c.is_whitespace() => {
                rest = rest.trim_start();
                continue;
            }
            c if word(c) => rest.find(|c| !word(c)).unwrap_or(rest.len()),
            '"' | '\'' => {
                let mut escaped = false;
                let end = rest.char_indices().skip(1).find(|(_, c)| {
                    let closes = *c == first && !escaped;
                    escaped = *c == '\\' && !escaped;
                    closes
                });
                end.map_or(rest.len(), |(at, c)| at + c.len_utf8())
            }
            c => c.len_utf8(),
        };
        let (token, after) = rest.split_at(length);
        tokens.push(token);
        rest = after;
    }
}

/// The text with blanks for comments; lines stay lines.
fn without_comments(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['/', '"', '\'']) {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        if let Some(comment) = from.strip_prefix("/*") {
            let (inside, after) = comment.split_once("*/").unwrap_or((comment, ""));
            out.push(' ');
            out.extend(inside.chars().filter(|c| *c == '\n'));
            rest = after;
        } else if let Some(comment) = from.strip_prefix("//") {
            rest = comment.find('\n').map_or("", |end| &comment[end..]);
        } else if let Some(after) = from.strip_prefix('/') {
            out.push('/');
            rest = after;
        } else {
            // A quote that its line does not close is an apostrophe in a message.
            let quote = if from.starts_with('"') { '"' } else { '\'' };
            let line = from.find('\n').unwrap_or(from.len());
            let mut escaped = false;
            let end = from[..line].char_indices().skip(1).find(|(_, c)| {
                let closes = *c == quote && !escaped;
                escaped = *c == '\\' && !escaped;
                closes
            });
            let length = end.map_or(1, |(at, _)| at + 1);
            out.push_str(&from[..length]);
            rest = &from[length..];
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
#ifndef _UAPI_DOCK_H /* read once */
#define _UAPI_DOCK_H
#define DOCK_NEAR 0x1 /* a comment
 over two lines */
#define DOCK_FAR 0x2
#define DOCK_ALL (DOCK_NEAR | \\
\tDOCK_FAR)
// #define DOCK_GONE 1
enum dock_side {
\tDOCK_PORT, /* left, */
\tDOCK_STARBOARD = (1 << DOCK_NEAR),
#define DOCK_PORT DOCK_PORT
\t__DOCK_SIDES,
};
#define DOCK_SIDES (__DOCK_SIDES - 1)
#define DOCK_QUOTE '\"'
typedef enum { DOCK_LAST_ONE } dock_t;
#endif
";

    #[test]
    fn macros_and_enumerators_are_found_as_they_are_written() {
        let found = Definitions::read(TEXT);
        assert!(found.is_guard("_UAPI_DOCK_H") && !found.has("_UAPI_DOCK_H") && !found.has("DOCK_GONE"));
        let all = found.get("DOCK_ALL", Some(6)).unwrap();
        assert!(all.joined() && all.names() == ["DOCK_NEAR", "DOCK_FAR"]);
        assert!(!found.get("DOCK_SIDES", None).unwrap().joined());
        let Some(Definition::Enumerator(list, 0)) = found.get("DOCK_PORT", Some(10)) else { panic!("an enumerator") };
        assert_eq!(list.tag.as_deref(), Some("dock_side"));
        let items: Vec<_> = list.items.iter().map(|item| (item.name.as_str(), item.explicit)).collect();
        assert_eq!(items, [("DOCK_PORT", false), ("DOCK_STARBOARD", true), ("__DOCK_SIDES", false)]);
        assert!(matches!(found.get("DOCK_PORT", Some(12)), Some(Definition::Macro(_))));
        assert_eq!(found.derived_from("__DOCK_SIDES").collect::<Vec<_>>(), ["DOCK_SIDES"]);
        assert_eq!(found.neighbours("DOCK_FAR", Some(5)), [Some("DOCK_NEAR"), Some("DOCK_ALL")]);
        assert_eq!(found.neighbours("DOCK_PORT", Some(10)), [None, Some("DOCK_STARBOARD")]);
        assert!(found.has("DOCK_QUOTE") && found.has("DOCK_LAST_ONE"));
    }

    #[test]
    fn what_is_no_header_is_read_to_its_end() {
        for text in
            ["enum {", "enum { A = (", "#define", "#define A \\", "\"", "'\\", "/*", "//", "enum x enum y {,,}", "é'é"]
        {
            Definitions::read(text);
        }
    }
}
