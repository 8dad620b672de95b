//! The lines of the kernel's makefiles that say which headers are installed: lists of words, some under a condition.

use std::collections::BTreeMap;

/// What a makefile assigns.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Kbuild {
    lists: BTreeMap<String, Vec<String>>,
    /// Lines whose condition is not understood, from 1, and the condition. What depends on it was left out.
    pub(crate) unknown: Vec<(u32, String)>,
}

/// What the conditions ask about.
pub(crate) struct Context<'a> {
    /// The folder of the port below `arch/`.
    pub(crate) port: &'a str,
    /// Whether a file exists, by its path from the root of the tree.
    pub(crate) exists: &'a dyn Fn(&str) -> bool,
}

/// Whether the lines of a conditional count.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Branch {
    Taken,
    /// This branch is not taken, the next one may be.
    NotYet,
    /// A branch was taken before, or it is not known which one is.
    Over,
}

impl Kbuild {
    /// Reads a makefile.
    pub(crate) fn read(text: &str, context: &Context<'_>) -> Self {
        let mut read = Self::default();
        let mut open: Vec<Branch> = Vec::new();
        for (number, line) in logical_lines(text) {
            let line = line.split('#').next().unwrap_or_default().trim();
            let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
            let counts = open.iter().all(|branch| *branch == Branch::Taken);
            match word {
                "ifeq" | "ifneq" | "ifdef" | "ifndef" => {
                    open.push(if counts { read.condition(number, word, rest.trim(), context) } else { Branch::Over })
                }
                "else" => {
                    let outer = open.len().saturating_sub(1);
                    let counts = open.iter().take(outer).all(|branch| *branch == Branch::Taken);
                    if let Some(branch) = open.last_mut() {
                        let (nested, rest) = rest.trim().split_once(char::is_whitespace).unwrap_or((rest.trim(), ""));
                        *branch = match *branch {
                            Branch::NotYet if counts && !nested.is_empty() => {
                                read.condition(number, nested, rest.trim(), context)
                            }
                            Branch::NotYet => Branch::Taken,
                            Branch::Taken | Branch::Over => Branch::Over,
                        };
                    }
                }
                "endif" => {
                    open.pop();
                }
                _ if counts => read.assign(line),
                _ => {}
            }
        }
        read
    }

    fn condition(&mut self, line: u32, word: &str, text: &str, context: &Context<'_>) -> Branch {
        let compared = text.strip_prefix('(').and_then(|text| text.strip_suffix(')')).and_then(at_outer_comma);
        let equal = compared.and_then(|(left, right)| Some(value(left, context)? == value(right, context)?));
        match (word, equal) {
            ("ifeq", Some(true)) | ("ifneq", Some(false)) => Branch::Taken,
            ("ifeq" | "ifneq", Some(_)) => Branch::NotYet,
            _ => {
                self.unknown.push((line, format!("{word} {text}")));
                Branch::Over
            }
        }
    }

    fn assign(&mut self, line: &str) {
        let Some((name, words)) = line.split_once('=') else { return };
        let (name, adds) = match name.strip_suffix('+') {
            Some(name) => (name, true),
            None => (name.trim_end_matches(':'), false),
        };
        let name = name.trim();
        if name.is_empty() || name.contains(|c: char| c.is_whitespace() || c == '$') {
            return;
        }
        let list = self.lists.entry(name.to_owned()).or_default();
        if !adds {
            list.clear();
        }
        list.extend(words.split_whitespace().map(str::to_owned));
    }

    /// The words of a variable.
    pub(crate) fn list(&self, name: &str) -> &[String] {
        self.lists.get(name).map_or(&[], Vec::as_slice)
    }
}

/// Lines with those joined that end in a backslash, each with the number of its first one.
fn logical_lines(text: &str) -> Vec<(u32, String)> {
    let mut lines: Vec<(u32, String)> = Vec::new();
    let mut continues = false;
    for (number, line) in (1..).zip(text.lines()) {
        let (body, more) = line.strip_suffix('\\').map_or((line, false), |body| (body, true));
        match lines.last_mut().filter(|_| continues) {
            Some((_, before)) => {
                before.push(' ');
                before.push_str(body);
            }
            None => lines.push((number, body.to_owned())),
        }
        continues = more;
    }
    lines
}

/// Splits at the comma that stands in no parentheses.
fn at_outer_comma(text: &str) -> Option<(&str, &str)> {
    let mut depth = 0_i32;
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => return Some((&text[..at], &text[at + 1..])),
            _ => {}
        }
    }
    None
}

/// What one side of a comparison stands for; `None` where it asks for something else than a file or the port.
fn value(text: &str, context: &Context<'_>) -> Option<String> {
    let text = text.trim();
    if let Some(path) = text.strip_prefix("$(wildcard ").and_then(|text| text.strip_suffix(')')) {
        let path = value(path, context)?;
        return Some(if (context.exists)(&path) { path } else { String::new() });
    }
    let plain = text.replace("$(srctree)/", "").replace("$(objtree)/", "").replace("$(SRCARCH)", context.port);
    (!plain.contains('$')).then_some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Kbuild {
        let exists = |path: &str| path == "arch/quay/include/uapi/asm/rope.h";
        Kbuild::read(text, &Context { port: "quay", exists: &exists })
    }

    #[test]
    fn lists_grow_and_begin_anew() {
        let read = read("# c\nx-y += a.h b.h # d\nx-y += \\\n  c.h\ny := 1\ny = 2 3\nz +=\n$(obj)/a: b\n");
        assert_eq!(read.list("x-y"), ["a.h", "b.h", "c.h"]);
        assert_eq!(read.list("y"), ["2", "3"]);
        assert!(read.list("z").is_empty() && read.list("none").is_empty() && read.unknown.is_empty());
    }

    #[test]
    fn conditions_ask_for_files_and_the_port() {
        let text = "ifeq ($(wildcard $(srctree)/arch/$(SRCARCH)/include/uapi/asm/rope.h),)\nx += no\nelse\nx += a\nendif\n\
            ifneq ($(wildcard $(srctree)/none),)\nx += no\nelse ifeq ($(SRCARCH),quay)\nx += b\nelse\nx += no\nendif\n\
            ifeq ($(SRCARCH),pier)\nifeq ($(CONFIG_X),y)\nx += no\nelse\nx += no\nendif\nendif\n";
        let read = read(text);
        assert_eq!(read.list("x"), ["a", "b"]);
        assert_eq!(read.unknown, []);
    }

    #[test]
    fn other_conditions_are_named_and_decide_nothing() {
        let read = read("x += a\nifdef CONFIG_X\nx += b\nelse\nx += c\nendif\nx += d\nendif\nelse\nx += e\n");
        assert_eq!(read.list("x"), ["a", "d", "e"]);
        assert_eq!(read.unknown, [(2, "ifdef CONFIG_X".to_owned())]);
    }
}
