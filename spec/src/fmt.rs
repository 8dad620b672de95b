//! One way to write a specification file: the order of its top-level keys, the spacing and quoting of its conditions, no
//! blanks at line ends. Comments and line breaks stay where they are, and so does the meaning, which is checked.

use crate::expr::{Node, Syntax, parse};
use crate::finding::{Finding, SourceFile};
use crate::load::yaml::{self, Value, Yaml};
use crate::place::{FileId, Place};
use std::path::Path;

/// The order of keys: those of a system call, and among them those of other maps. Others follow.
pub(crate) const ORDER: &[&str] = &[
    "syscall",
    "summary",
    "kind",
    "unimplemented",
    "since",
    "until",
    "man",
    "groups",
    "nr",
    "entry",
    "config",
    "scope",
    "header",
    "c",
    "btf",
    "prefix",
    "includes",
    "members",
    "size",
    "align",
    "name",
    "type",
    "value",
    "params",
    "orders",
    "returns",
    "blocks",
    "ensures",
    "effects",
    "needs",
    "errors",
    "select",
    "commands",
    "that",
    "when",
    "may",
    "because",
    "from",
];

/// Keys whose value is a condition, wherever they stand.
const CONDITIONS: [&str; 10] =
    ["when", "may", "that", "blocks", "used", "follow", "empty", "must_exist", "unknown_when", "scoped"];

/// Words that YAML, in one version or another, does not read as texts.
pub(crate) const NOT_TEXTS: [&str; 9] = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];

/// Formats one file.
///
/// # Errors
/// When the file is not YAML, or when its formatted form would mean something else.
pub fn format(source: &SourceFile) -> Result<String, Box<Finding>> {
    let before = yaml::parse(FileId(0), source)?;
    let folder = folder(&source.path);
    let mut text = lines(&source.text);
    if folder == Some("syscalls") {
        text = ordered(&text);
    }
    let tidy = SourceFile { path: source.path.clone(), text };
    let mut edits = Vec::new();
    visit(&yaml::parse(FileId(0), &tidy)?, &Role::root(folder), &mut |yaml, role| {
        edits.extend(edit(&tidy.text, yaml, role))
    });
    let result = SourceFile { text: apply(&tidy.text, edits), ..tidy };
    let after = yaml::parse(FileId(0), &result)?;
    if meaning(&before, &Role::root(folder)) != meaning(&after, &Role::root(folder)) {
        let message = "the formatted file would not mean the same; it is left as it is";
        return Err(Box::new(Finding::error("unformattable", source.path.clone(), message)));
    }
    Ok(result.text)
}

/// The folder that a file lies in, which says what it holds.
pub(crate) fn folder(path: &str) -> Option<&str> {
    Path::new(path).parent().and_then(Path::file_name).and_then(|name| name.to_str())
}

/// Line ends, blank lines and the end of the file.
fn lines(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut blank = true;
    for line in text.lines() {
        let line = line.trim_end();
        if line.is_empty() {
            blank = blank || out.is_empty();
            if !blank {
                out.push('\n');
            }
            blank = true;
        } else {
            out.push_str(line);
            out.push('\n');
            blank = false;
        }
    }
    out.truncate(out.trim_end().len());
    out.push('\n');
    out
}

/// Puts the top-level keys in order; comments move with the key below them, those at the head of the file stay.
fn ordered(text: &str) -> String {
    let key_of = |line: &str| {
        let begins = line.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        begins.then(|| line.split(':').next().unwrap_or_default().trim_end().to_owned())
    };
    let mut head = String::new();
    let mut chunks: Vec<(usize, String)> = Vec::new();
    let mut waiting = String::new();
    for line in text.split_inclusive('\n') {
        if let Some(key) = key_of(line) {
            let rank = ORDER.iter().position(|known| *known == key).unwrap_or(ORDER.len());
            if chunks.is_empty() {
                head = std::mem::take(&mut waiting);
            }
            chunks.push((rank, std::mem::take(&mut waiting) + line));
        } else if line.starts_with('#') || line == "\n" {
            waiting.push_str(line);
        } else if let Some((_, chunk)) = chunks.last_mut() {
            chunk.push_str(&std::mem::take(&mut waiting));
            chunk.push_str(line);
        } else {
            waiting.push_str(line);
        }
    }
    chunks.sort_by_key(|(rank, _)| *rank);
    let body: String = chunks.into_iter().map(|(_, chunk)| chunk).collect();
    lines(&(head + &body + &waiting))
}

/// What a value is, by the keys above it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// A condition or an expression.
    Condition,
    /// The list or map below a key.
    Under(Above),
    /// Anything else.
    Plain,
}

/// What stands above a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Above {
    /// A file of system calls, one of its maps, or a list in it.
    Call,
    /// `ensures:`, whose items are conditions or maps.
    Ensures,
    /// `effects:`.
    Effects,
    /// One effect's map.
    Effect,
    /// A file of flag sets.
    Sets,
    /// `members:`.
    Members,
    /// A file of laws, or one law.
    Laws,
}

impl Role {
    pub(crate) fn root(folder: Option<&str>) -> Self {
        match folder {
            Some("syscalls") => Self::Under(Above::Call),
            Some("flags") => Self::Under(Above::Sets),
            Some("laws") => Self::Under(Above::Laws),
            _ => Self::Plain,
        }
    }

    /// The role of the value of a key.
    fn key(self, key: &str) -> Self {
        match self {
            Self::Under(Above::Effect | Above::Members) if matches!(key, "since" | "until" | "because") => Self::Plain,
            Self::Under(Above::Effects) if CONDITIONS.contains(&key) => Self::Condition,
            Self::Under(Above::Effects) if matches!(key, "since" | "until") => Self::Plain,
            Self::Under(Above::Effects) => Self::Under(Above::Effect),
            Self::Under(Above::Effect) => Self::Condition,
            Self::Under(Above::Call | Above::Ensures) => match key {
                "ensures" => Self::Under(Above::Ensures),
                "effects" => Self::Under(Above::Effects),
                _ if CONDITIONS.contains(&key) => Self::Condition,
                _ => Self::Under(Above::Call),
            },
            Self::Under(Above::Laws) if matches!(key, "when" | "that") => Self::Condition,
            // Names of what is given may be any word.
            Self::Under(Above::Laws) if matches!(key, "given" | "calls" | "same") => Self::Plain,
            Self::Under(Above::Laws) => self,
            Self::Under(Above::Sets) if key == "members" => Self::Under(Above::Members),
            Self::Under(Above::Sets) => self,
            Self::Under(Above::Members) => self,
            Self::Condition | Self::Plain => Self::Plain,
        }
    }

    /// What a scalar of this role is.
    pub(crate) fn is_condition(self) -> bool {
        matches!(self, Self::Condition | Self::Under(Above::Ensures | Above::Members))
    }
}

/// Calls `found` on every scalar that is a value.
pub(crate) fn visit(yaml: &Yaml, role: &Role, found: &mut dyn FnMut(&Yaml, Role)) {
    match &yaml.value {
        Value::Map(map) => {
            for (key, value) in map {
                let role = match &key.value {
                    Value::Text(key) => role.key(key),
                    _ => Role::Plain,
                };
                visit(value, &role, found);
            }
        }
        Value::List(list) => list.iter().for_each(|item| visit(item, role, found)),
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float | Value::Text(_) => found(yaml, *role),
    }
}

/// A replacement of bytes.
pub(crate) type Edit = (std::ops::Range<usize>, String);

pub(crate) fn apply(text: &str, mut edits: Vec<Edit>) -> String {
    edits.sort_by_key(|(range, _)| range.start);
    let mut out = String::with_capacity(text.len());
    let mut end = 0;
    for (range, new) in edits {
        // A value that an alias repeats is met twice.
        if range.start < end {
            continue;
        }
        out.push_str(&text[end..range.start]);
        out.push_str(&new);
        end = range.end;
    }
    out.push_str(&text[end..]);
    out
}

/// How a text is quoted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quotes {
    None,
    Single,
    Double,
}

fn edit(text: &str, yaml: &Yaml, role: Role) -> Option<Edit> {
    let Value::Text(value) = &yaml.value else { return None };
    let start = byte_offset(text, yaml.at)?;
    let line = text[start..].lines().next()?;
    let (quotes, length) = token(line, value)?;
    let new = if role.is_condition() { condition(value, quotes) } else { plain(value, quotes) };
    (new != line[..length]).then_some((start..start + length, new))
}

/// The bytes that a value takes in its line; `None` for forms that are left alone: escapes and several lines.
pub(crate) fn token(line: &str, value: &str) -> Option<(Quotes, usize)> {
    for (quotes, mark) in [(Quotes::Single, '\''), (Quotes::Double, '"')] {
        if let Some(inside) = line.strip_prefix(mark) {
            let inside = inside.strip_prefix(value)?;
            return inside.starts_with(mark).then_some((quotes, value.len() + 2));
        }
    }
    (!value.is_empty() && line.starts_with(value)).then_some((Quotes::None, value.len()))
}

pub(crate) fn byte_offset(text: &str, at: Place) -> Option<usize> {
    let line = text.split_inclusive('\n').nth(at.line as usize - 1)?;
    let start = line.as_ptr() as usize - text.as_ptr() as usize;
    let column = line.char_indices().nth(at.column as usize - 1)?.0;
    Some(start + column)
}

fn word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn quoted(text: &str, was: Quotes) -> String {
    if text.contains('\\') {
        return match was {
            Quotes::Single => format!("'{text}'"),
            Quotes::None | Quotes::Double => text.to_owned(),
        };
    }
    match (text.contains('"'), was) {
        (false, _) => format!("\"{text}\""),
        (true, Quotes::Single) => format!("'{text}'"),
        (true, Quotes::None | Quotes::Double) => text.to_owned(),
    }
}

/// A single word or number stands bare, everything else in quotes.
pub(crate) fn condition(value: &str, was: Quotes) -> String {
    let spaced = spaced(value);
    let same = matches!((parse(value), parse(&spaced)), (Ok(a), Ok(b)) if shape(&a) == shape(&b));
    let text = if same { spaced } else { value.to_owned() };
    if same && word(&text) { text } else { quoted(&text, was) }
}

fn plain(value: &str, was: Quotes) -> String {
    match was {
        Quotes::None => value.to_owned(),
        Quotes::Single | Quotes::Double => {
            let begins = value.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
            let bare = begins && word(value) && !NOT_TEXTS.contains(&value.to_ascii_lowercase().as_str());
            if bare { value.to_owned() } else { quoted(value, was) }
        }
    }
}

/// The syntax of a condition without offsets.
fn shape(syntax: &Syntax) -> Syntax {
    let inner = |syntax: &Syntax| Box::new(shape(syntax));
    let all = |list: &[Syntax]| list.iter().map(shape).collect();
    let node = match &syntax.node {
        Node::Int(_) | Node::Text(_) | Node::Name(_) => syntax.node.clone(),
        Node::Call(name, list) => Node::Call(name.clone(), all(list)),
        Node::Named(name, a) => Node::Named(name.clone(), inner(a)),
        Node::Field(a, field) => Node::Field(inner(a), field.clone()),
        Node::Index(a, b) => Node::Index(inner(a), inner(b)),
        Node::Deref(a) => Node::Deref(inner(a)),
        Node::Unary(op, a) => Node::Unary(*op, inner(a)),
        Node::Binary(op, a, b) => Node::Binary(*op, inner(a), inner(b)),
        Node::In(a, list) => Node::In(inner(a), all(list)),
        Node::InSet(a, set) => Node::InSet(inner(a), set.clone()),
    };
    Syntax { node, offset: 0 }
}

/// A condition with one blank around operators and after commas, and none elsewhere. Numbers keep their base.
fn spaced(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text.trim();
    // Whether what stands before is complete, so that an operator joins and does not begin.
    let mut complete = false;
    while let Some(first) = rest.chars().next() {
        let length = lexeme(rest, first);
        let (token, after) = rest.split_at(length);
        let operator = !matches!(first, '(' | ')' | '[' | ']' | ',' | '.' | '"') && !word(token);
        let joins = complete && (operator || token == "in");
        if joins {
            out.push(' ');
            out.push_str(token);
            out.push(' ');
        } else {
            out.push_str(token);
        }
        if token == "," {
            out.push(' ');
        }
        complete = !joins && !operator && !matches!(first, '(' | '[' | ',' | '.');
        rest = after.trim_start();
    }
    out
}

/// Bytes of the token that a text begins with.
fn lexeme(rest: &str, first: char) -> usize {
    if first.is_ascii_alphanumeric() || first == '_' {
        return rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
    }
    if first == '"' {
        return rest[1..].find('"').map_or(rest.len(), |end| end + 2);
    }
    let pair = rest.get(..2).is_some_and(|pair| ["=>", "||", "&&", "==", "!=", "<<", ">>", "<=", ">="].contains(&pair));
    if pair { 2 } else { first.len_utf8() }
}

/// What a file says, without the way it is written.
#[derive(Debug, PartialEq)]
enum Meaning {
    Condition(Syntax),
    Scalar(String),
    List(Vec<Meaning>),
    Map(Vec<(String, Meaning)>),
}

fn meaning(yaml: &Yaml, role: &Role) -> Meaning {
    let scalar = |kind: &str, text: &str| match parse(text) {
        Ok(syntax) if role.is_condition() => Meaning::Condition(shape(&syntax)),
        _ => Meaning::Scalar(format!("{kind} {text}")),
    };
    match &yaml.value {
        Value::Null => Meaning::Scalar("null".to_owned()),
        Value::Float => Meaning::Scalar("float".to_owned()),
        Value::Bool(truth) => scalar("bool", &truth.to_string()),
        Value::Int(number) => scalar("int", &number.to_string()),
        Value::Text(text) => scalar("text", text),
        Value::List(list) => Meaning::List(list.iter().map(|item| meaning(item, role)).collect()),
        Value::Map(map) => {
            let mut entries: Vec<(String, Meaning)> = map
                .iter()
                .map(|(key, value)| match &key.value {
                    Value::Text(name) => (name.clone(), meaning(value, &role.key(name))),
                    other => (format!("{other:?}"), meaning(value, &Role::Plain)),
                })
                .collect();
            // Rules keep their order; keys of a map have none.
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            Meaning::Map(entries)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn formatted(path: &str, text: &str) -> String {
        format(&SourceFile { path: path.to_owned(), text: text.to_owned() }).unwrap()
    }

    #[test]
    fn conditions_are_spaced_and_keep_their_numbers() {
        let cases = [
            ("a&0o7777!=0&&!( b )", "a & 0o7777 != 0 && !(b)"),
            ("x in[a,b]||-1==~ret", "x in [a, b] || -1 == ~ret"),
            ("* p . f [ 0 ]=>kernel( \"5.8\" )", "*p.f[0] => kernel(\"5.8\")"),
            ("a - -b", "a - -b"),
            ("a<<2>>1", "a << 2 >> 1"),
        ];
        for (from, to) in cases {
            assert_eq!(spaced(from), to);
            assert_eq!(spaced(to), to);
        }
    }

    #[test]
    fn keys_are_put_in_order_and_comments_go_with_them() {
        let text = "# head\nsyscall: x\n# about errors\nerrors:\n  EBADF: [{when: '!open(fd)'}]  \n\n\n# about numbers\nnr: {x86_64: 1}\n";
        let expected = "# head\nsyscall: x\n\n# about numbers\nnr: {x86_64: 1}\n# about errors\nerrors:\n  EBADF: [{when: \"!open(fd)\"}]\n";
        assert_eq!(formatted("syscalls/x.yaml", text), expected);
    }

    #[test]
    fn words_lose_their_quotes_and_conditions_get_them() {
        let text = "errors:\n  EINTR: [{may: \"true\", because: 'a b'}, {may: \"blocks\"}]\nblocks: a<b # why\nsince: \"5.6\"\n";
        let expected = "since: \"5.6\"\nblocks: \"a < b\" # why\nerrors:\n  EINTR: [{may: true, because: \"a b\"}, {may: blocks}]\n";
        assert_eq!(formatted("syscalls/x.yaml", text), expected);
    }
}
