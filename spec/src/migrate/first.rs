//! Version 1 is the first draft of the language. What it had and version 2 refuses:
//!
//! - `returns: {type: T}`, a map of one key, which is now the type itself;
//! - `free_fd_from(n)`, which is now `free_fds(n) > 0`: how many are free tells more than whether one is;
//! - `open_fds`, a number that was compared with the limit. Numbers above a limit that was lowered later were counted too,
//!   so that only comparisons with the limit can be rewritten.

use super::Rewritten;
use crate::expr::{BinaryOp, Node, Syntax, UnaryOp, parse};
use crate::finding::{Finding, SourceFile};
use crate::fmt::{self, Edit, Role};
use crate::load::yaml::{self, Value, Yaml};
use crate::place::{FileId, Place};
use std::ops::Range;

pub(super) fn rewrite(source: &SourceFile) -> Result<Rewritten, Box<Finding>> {
    let yaml = yaml::parse(FileId(0), source)?;
    let mut edits: Vec<Edit> = Vec::new();
    let mut left = Vec::new();
    let mut leave = |at: Place, message: String, help: &str| {
        let finding = Finding::error("unmigratable", source.path.clone(), message).at(source.place(at));
        left.push(finding.help(help.to_owned()));
    };
    returns(&yaml, &mut |map| match entries(map) {
        [(key, ty)] if matches!(&key.value, Value::Text(key) if key == "type") => {
            match unwrapped(&source.text, map, ty) {
                Some(both) => edits.extend(both),
                None => leave(
                    map.at,
                    "`returns` is written over lines that cannot be joined".to_owned(),
                    "write `returns: TYPE`",
                ),
            }
        }
        _ => leave(
            map.at,
            "`returns` has more than a type".to_owned(),
            "write `returns: TYPE`, and the rest under `ensures`",
        ),
    });
    let folder = fmt::folder(&source.path);
    fmt::visit(&yaml, &Role::root(folder), &mut |yaml, role| {
        let Value::Text(value) = &yaml.value else { return };
        if !role.is_condition() || !value.contains("free_fd_from") && !value.contains("open_fds") {
            return;
        }
        let new = condition(value);
        let place = fmt::byte_offset(&source.text, yaml.at);
        let token = place.and_then(|start| Some((start, fmt::token(source.text[start..].lines().next()?, value)?)));
        match (new, token) {
            (Ok(new), Some((start, (quotes, length)))) => {
                edits.push((start..start + length, fmt::condition(&new, quotes)));
            }
            (Err(why), _) => leave(yaml.at, why, "`free_fds(n)` is how many numbers from n on are free"),
            (Ok(_), None) => {
                leave(yaml.at, "the condition has escapes or several lines".to_owned(), "write it in one line")
            }
        }
    });
    Ok((fmt::apply(&source.text, edits), left))
}

fn entries(yaml: &Yaml) -> &[(Yaml, Yaml)] {
    match &yaml.value {
        Value::Map(map) => map,
        _ => &[],
    }
}

/// Calls `found` on every map that is the value of `returns`.
fn returns(yaml: &Yaml, found: &mut dyn FnMut(&Yaml)) {
    match &yaml.value {
        Value::Map(map) => {
            for (key, value) in map {
                match (&key.value, &value.value) {
                    (Value::Text(key), Value::Map(_)) if key == "returns" => found(value),
                    _ => returns(value, found),
                }
            }
        }
        Value::List(list) => list.iter().for_each(|item| returns(item, found)),
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float | Value::Text(_) => {}
    }
}

/// Takes away what stands around the only value of a map.
fn unwrapped(text: &str, map: &Yaml, only: &Yaml) -> Option<[Edit; 2]> {
    let Value::Text(value) = &only.value else { return None };
    let (start, inside) = (fmt::byte_offset(text, map.at)?, fmt::byte_offset(text, only.at)?);
    let (_, length) = fmt::token(text[inside..].lines().next()?, value)?;
    let end = inside + length;
    let after = match text[start..].starts_with('{') {
        true => {
            let rest = &text[end..];
            let close = rest.len() - rest.trim_start().strip_prefix('}')?.len();
            end..end + close
        }
        false => end..end,
    };
    // A comment between them would be lost.
    (!text[start..inside].contains('#')).then(|| [(start..inside, String::new()), (after, String::new())])
}

/// A condition of version 1 in the words of version 2.
fn condition(text: &str) -> Result<String, String> {
    let syntax = parse(text).map_err(|_| "the condition does not parse".to_owned())?;
    let mut edits = Vec::new();
    walk(text, &syntax, true, &mut edits);
    let new = fmt::apply(text, edits);
    match ["free_fd_from", "open_fds"].into_iter().find(|old| new.contains(old)) {
        Some(old) => Err(format!("`{old}` is used in a way that cannot be rewritten")),
        None => Ok(new),
    }
}

/// `loose`: what stands around binds no tighter than a comparison.
fn walk(text: &str, syntax: &Syntax, loose: bool, edits: &mut Vec<Edit>) {
    let mut put = |range: Range<usize>, new: String| edits.push((range, if loose { new } else { format!("({new})") }));
    match &syntax.node {
        Node::Call(name, list) if name == "free_fd_from" && list.len() == 1 => {
            if let Some((inside, end)) = arguments(text, syntax.offset) {
                put(syntax.offset..end, format!("free_fds({inside}) > 0"));
            }
        }
        Node::Unary(UnaryOp::Not, inner) if is_call(inner, "free_fd_from") && follows(text, syntax, inner) => {
            if let Some((inside, end)) = arguments(text, inner.offset) {
                put(syntax.offset..end, format!("free_fds({inside}) == 0"));
            }
        }
        Node::Binary(op @ (BinaryOp::Gt | BinaryOp::Ge), left, right) if is_limit(right) => {
            let needed = match (&left.node, op) {
                (Node::Name(name), BinaryOp::Ge) if name == "open_fds" => Some(1),
                (Node::Binary(BinaryOp::Add, open, more), BinaryOp::Gt) => match (&open.node, &more.node) {
                    (Node::Name(name), Node::Int(more)) if name == "open_fds" => Some(*more),
                    _ => None,
                },
                _ => None,
            };
            let end = arguments(text, right.offset).map(|(_, end)| end);
            let (Some(needed), Some(end)) = (needed, end) else { return };
            // Parentheses around one side belong to neither.
            if !text[syntax.offset..right.offset].contains(['(', ')']) {
                put(syntax.offset..end, format!("free_fds(0) < {needed}"));
            }
        }
        Node::Binary(op, left, right) => {
            let loose = matches!(op, BinaryOp::And | BinaryOp::Or | BinaryOp::Implies);
            walk(text, left, loose, edits);
            walk(text, right, loose, edits);
        }
        Node::Unary(_, inner) | Node::Deref(inner) | Node::Field(inner, _) | Node::InSet(inner, _) => {
            walk(text, inner, false, edits);
        }
        Node::Named(_, inner) => walk(text, inner, true, edits),
        Node::Index(inner, index) => {
            walk(text, inner, false, edits);
            walk(text, index, true, edits);
        }
        Node::Call(_, list) => list.iter().for_each(|item| walk(text, item, true, edits)),
        Node::In(inner, list) => {
            walk(text, inner, false, edits);
            list.iter().for_each(|item| walk(text, item, false, edits));
        }
        Node::Int(_) | Node::Text(_) | Node::Name(_) => {}
    }
}

fn is_call(syntax: &Syntax, name: &str) -> bool {
    matches!(&syntax.node, Node::Call(called, _) if called == name)
}

fn is_limit(syntax: &Syntax) -> bool {
    let resource = |list: &[Syntax]| matches!(list, [Syntax { node: Node::Name(name), .. }] if name == "RLIMIT_NOFILE");
    matches!(&syntax.node, Node::Call(name, list) if name == "rlimit" && resource(list))
}

/// Whether nothing stands between a sign and its operand.
fn follows(text: &str, outer: &Syntax, inner: &Syntax) -> bool {
    text[outer.offset + 1..inner.offset].trim().is_empty()
}

/// What stands in the parentheses of the call at `offset`, and where the call ends.
fn arguments(text: &str, offset: usize) -> Option<(&str, usize)> {
    let open = offset + text[offset..].find('(')?;
    let mut depth = 0;
    for (at, byte) in text.bytes().enumerate().skip(open) {
        match byte {
            b'(' => depth += 1,
            b')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some((text[open + 1..at].trim(), at + 1));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::condition;

    #[test]
    fn conditions_keep_their_meaning() {
        for (old, new) in [
            ("open_fds + 2 > rlimit(RLIMIT_NOFILE)", "free_fds(0) < 2"),
            ("fd >= 0 && open_fds >= rlimit(RLIMIT_NOFILE)", "fd >= 0 && free_fds(0) < 1"),
            ("!free_fd_from(arg)", "free_fds(arg) == 0"),
            ("free_fd_from(arg + (1))", "free_fds(arg + (1)) > 0"),
            ("!(free_fd_from(arg) || open(fd))", "!(free_fds(arg) > 0 || open(fd))"),
            ("!(free_fd_from(arg)) && open(fd)", "!((free_fds(arg) > 0)) && open(fd)"),
            ("free_fd_from(arg) == open(fd)", "(free_fds(arg) > 0) == open(fd)"),
        ] {
            assert_eq!(condition(old).as_deref(), Ok(new), "{old}");
        }
        for old in [
            "open_fds > 3",
            "(open_fds + 2) > rlimit(RLIMIT_NOFILE)",
            "open_fds + 2 > rlimit(RLIMIT_AS)",
            "free_fd_from(a, b)",
        ] {
            assert!(condition(old).is_err(), "{old}: {:?}", condition(old));
        }
    }
}
