//! The code of a call: its own body and the functions of the same file that it comes to.

use crate::tree::source::{Kind, Text, lex};
use abispec::errno::Errno;
use std::collections::{BTreeMap, BTreeSet};

/// Calls deeper than this are not followed.
const DEPTH: usize = 6;
/// More functions than any call comes to within one file.
const FUNCTIONS: usize = 80;

/// A word of the code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) text: String,
    pub(super) line: u32,
}

/// What the code of a call holds.
#[derive(Clone, Debug, Default)]
pub(super) struct Code {
    /// Errnos as user space sees them, with the lines that name them.
    pub(super) errnos: BTreeMap<&'static str, BTreeSet<u32>>,
    /// The tokens of the call's own body, then those of the functions it comes to.
    pub(super) bodies: Vec<Vec<Word>>,
    /// Every function that is called, in this file or elsewhere.
    pub(super) calls: BTreeSet<String>,
}

impl Code {
    /// The code of the definition whose macro stands at a place.
    pub(super) fn of(file: &str, place: (u32, u32)) -> Self {
        let text = Text::new(file);
        let source = lex(&text);
        let words: Vec<Word> = source
            .tokens
            .iter()
            .map(|token| Word { text: token.text.to_owned(), line: text.place(token.offset).0 })
            .collect();
        let names: Vec<bool> = source.tokens.iter().map(|token| token.kind == Kind::Name).collect();
        let Some(start) = source.tokens.iter().position(|token| text.place(token.offset) == place) else {
            return Self::default();
        };
        let functions = functions(&words, &names);
        let mut code = Self::default();
        let mut seen = BTreeSet::new();
        let mut waiting = vec![(start, 0)];
        while let Some((start, depth)) = waiting.pop() {
            if !seen.insert(start) || seen.len() > FUNCTIONS {
                continue;
            }
            let Some(body) = body(&words, start) else { continue };
            code.errnos(&words[body.clone()]);
            for index in body.clone() {
                if names[index] && words.get(index + 1).is_some_and(|next| next.text == "(") {
                    code.calls.insert(words[index].text.clone());
                    if let Some(target) = functions.get(words[index].text.as_str()).filter(|_| depth < DEPTH) {
                        waiting.push((*target, depth + 1));
                    }
                }
            }
            code.bodies.push(words[body].to_vec());
        }
        code
    }

    fn errnos(&mut self, words: &[Word]) {
        for pair in words.windows(2) {
            let [minus, name] = pair else { continue };
            if minus.text != "-" {
                continue;
            }
            let name_seen = match name.text.as_str() {
                "ERESTARTSYS" | "ERESTARTNOINTR" | "ERESTARTNOHAND" | "ERESTART_RESTARTBLOCK" => "EINTR",
                other => other,
            };
            if let Some(errno) = Errno::from_alias(name_seen) {
                self.errnos.entry(errno.name()).or_default().insert(name.line);
            }
        }
    }
}

/// Where the functions of a file begin: the names outside all braces that parameters and a body follow.
fn functions<'w>(words: &'w [Word], names: &[bool]) -> BTreeMap<&'w str, usize> {
    let mut found = BTreeMap::new();
    let mut depth = 0_u32;
    for (index, word) in words.iter().enumerate() {
        match word.text.as_str() {
            "{" => depth += 1,
            "}" => depth = depth.saturating_sub(1),
            "(" if depth == 0 && index > 0 && names[index - 1] => {
                found.entry(words[index - 1].text.as_str()).or_insert(index - 1);
                // A prototype that comes first is replaced by the function.
                if body(words, index - 1).is_some() {
                    found.insert(words[index - 1].text.as_str(), index - 1);
                }
            }
            _ => {}
        }
    }
    found
}

/// The body of a function whose name stands at `start`.
fn body(words: &[Word], start: usize) -> Option<std::ops::Range<usize>> {
    /// No list of parameters is longer.
    const PARAMETERS: usize = 200;
    let mut depth = 0_u32;
    let mut open = None;
    for (index, word) in words.iter().enumerate().skip(start + 1).take(PARAMETERS) {
        match word.text.as_str() {
            "(" => depth += 1,
            ")" => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    open = Some(index + 1);
                    break;
                }
            }
            _ => {}
        }
    }
    let open = open.filter(|open| words.get(*open).is_some_and(|word| word.text == "{"))?;
    let mut depth = 0_u32;
    for (index, word) in words.iter().enumerate().skip(open) {
        match word.text.as_str() {
            "{" => depth += 1,
            "}" => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(open..index + 1);
                }
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_functions_of_the_file_are_followed() {
        let file = "static int tie(int rope);\nstatic int tie(int rope)\n{\n\tif (!rope)\n\t\treturn -EBADF;\n\treturn far(rope);\n}\n\
            int other(void) { return -EIO; }\n/* -EPERM */\nSYSCALL_DEFINE1(moor, int, rope)\n{\n\tif (x - EINVAL_NOT)\n\t\t;\n\
            \treturn rope ? tie(rope) : -ERESTARTSYS;\n}\n";
        let code = Code::of(file, (10, 1));
        let errnos: Vec<_> =
            code.errnos.iter().map(|(name, lines)| (*name, lines.iter().copied().collect::<Vec<_>>())).collect();
        assert_eq!(errnos, [("EBADF", vec![5]), ("EINTR", vec![14])]);
        assert!(code.calls.contains("far") && !code.calls.contains("other"));
        assert!(Code::of(file, (99, 1)).bodies.is_empty());
        assert!(Code::of("SYSCALL_DEFINE1(moor, int, rope", (1, 1)).bodies.is_empty());
    }
}
