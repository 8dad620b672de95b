//! Lines of roff: text and requests, as far as man pages use it.

use super::escape::{Plain, Strings, plain};

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// Text.
    Text {
        /// Its line in the file, from 1.
        number: u32,
        /// What it says.
        text: Plain,
    },
    /// A request or a macro.
    Request {
        /// Its line in the file, from 1.
        number: u32,
        /// The name, `TP`.
        name: String,
        /// The arguments without quotes and escapes.
        args: Vec<Plain>,
    },
}

/// Reads a page into lines. Comments, macro definitions and what is not for a terminal are left out.
pub(super) fn lines(text: &str) -> Vec<Line> {
    let mut reader = Reader { strings: Strings::new(), out: Vec::new(), last_condition: false, skip: Skip::Nothing };
    let mut number = 0;
    let mut source = text.lines();
    while let Some(first) = source.next() {
        number += 1;
        let start = number;
        let mut line = first.to_owned();
        let mut piece = first;
        while continued(piece) {
            let Some(next) = source.next() else { break };
            number += 1;
            line.pop();
            line.push_str(next);
            piece = next;
        }
        reader.line(start, &line);
    }
    reader.out
}

/// Whether a backslash at the end joins the next line to this one.
fn continued(line: &str) -> bool {
    let slashes = line.bytes().rev().take_while(|byte| *byte == b'\\').count();
    slashes % 2 == 1 && !uncommented(line).1
}

/// A line without its comment, and whether it had one.
fn uncommented(line: &str) -> (&str, bool) {
    let mut from = 0;
    while let Some(at) = line[from..].find('\\').map(|at| from + at) {
        match line[at + 1..].chars().next() {
            Some('"' | '#') => return (&line[..at], true),
            Some(other) => from = at + 1 + other.len_utf8(),
            None => break,
        }
    }
    (line, false)
}

/// What is being left out.
enum Skip {
    Nothing,
    /// A definition, up to a line with this request.
    Until(String),
    /// The other branch of a condition, with the number of its open braces.
    Braces(usize),
}

struct Reader {
    strings: Strings,
    out: Vec<Line>,
    last_condition: bool,
    skip: Skip,
}

impl Reader {
    fn line(&mut self, number: u32, line: &str) {
        let line = uncommented(line).0;
        match &mut self.skip {
            Skip::Nothing => self.shown(number, line),
            Skip::Until(end) => {
                let ends = line.strip_prefix(['.', '\'']).is_some_and(|rest| rest.trim() == end);
                if ends {
                    self.skip = Skip::Nothing;
                }
            }
            Skip::Braces(open) => {
                match (*open + line.matches("\\{").count()).saturating_sub(line.matches("\\}").count()) {
                    0 => self.skip = Skip::Nothing,
                    left => *open = left,
                }
            }
        }
    }

    fn shown(&mut self, number: u32, line: &str) {
        // Conditions may stand in one line, one behind the other.
        let mut line = line;
        loop {
            let Some(control) = line.strip_prefix(['.', '\'']) else {
                let text = plain(line, &mut self.strings);
                self.out.push(Line::Text { number, text });
                return;
            };
            let control = control.trim_start();
            let end = control.find([' ', '\t', '\\']).unwrap_or(control.len());
            let (name, rest) = control.split_at(end);
            let truth = match name {
                "if" => shown_here(rest).0,
                "ie" => {
                    self.last_condition = shown_here(rest).0;
                    self.last_condition
                }
                "el" => !self.last_condition,
                _ => return self.request(number, name, rest),
            };
            let branch = if name == "el" { rest.trim_start() } else { shown_here(rest).1 };
            let opens = branch.strip_prefix("\\{");
            if truth {
                line = opens.unwrap_or(branch).trim_start();
                if line.is_empty() {
                    return;
                }
            } else {
                let open = branch.matches("\\{").count().saturating_sub(branch.matches("\\}").count());
                if opens.is_some() && open > 0 {
                    self.skip = Skip::Braces(open);
                }
                return;
            }
        }
    }

    fn request(&mut self, number: u32, name: &str, rest: &str) {
        match name {
            // A line with nothing but a dot, and the end of a branch.
            "" => {}
            "de" | "de1" | "am" | "ig" => {
                let words: Vec<&str> = rest.split_whitespace().collect();
                let end = if name == "ig" { words.first() } else { words.get(1) };
                self.skip = Skip::Until(end.map_or_else(|| ".".to_owned(), |end| (*end).to_owned()));
            }
            "ds" => {
                let rest = rest.trim_start();
                let (name, text) = rest.split_once([' ', '\t']).unwrap_or((rest, ""));
                let text = text.trim_start();
                let text = plain(text.strip_prefix('"').unwrap_or(text), &mut self.strings).text;
                self.strings.define(name, text);
            }
            _ => {
                let args = arguments(rest).iter().map(|arg| plain(arg, &mut self.strings)).collect();
                self.out.push(Line::Request { number, name: name.to_owned(), args });
            }
        }
    }
}

/// Whether a condition holds on a terminal, and what follows it. What is not understood does not hold.
fn shown_here(rest: &str) -> (bool, &str) {
    let rest = rest.trim_start();
    let (negated, rest) = rest.strip_prefix('!').map_or((false, rest), |rest| (true, rest));
    let end = rest.find([' ', '\t']).or_else(|| rest.find("\\{")).unwrap_or(rest.len());
    let (condition, branch) = rest.split_at(end);
    let holds = match condition {
        "n" => !negated,
        "t" => negated,
        _ => false,
    };
    (holds, branch.trim_start())
}

/// The arguments of a request: parted by blanks, quotes around those that hold blanks.
fn arguments(input: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut letters = input.chars().peekable();
    loop {
        while letters.next_if(|letter| matches!(letter, ' ' | '\t')).is_some() {}
        let quoted = letters.next_if_eq(&'"').is_some();
        if !quoted && letters.peek().is_none() {
            return found;
        }
        let mut arg = String::new();
        while let Some(letter) = letters.next() {
            match letter {
                '\\' => {
                    arg.push(letter);
                    arg.extend(letters.next());
                }
                '"' if quoted => {
                    if letters.next_if_eq(&'"').is_none() {
                        break;
                    }
                    arg.push('"');
                }
                ' ' | '\t' if !quoted => break,
                letter => arg.push(letter),
            }
        }
        found.push(arg);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Vec<String> {
        let args = |args: &[Plain]| args.iter().map(|arg| format!("<{}>", arg.text)).collect::<String>();
        lines(text)
            .iter()
            .map(|line| match line {
                Line::Text { number, text } => format!("{number} {}", text.text),
                Line::Request { number, name, args: found } => format!("{number} .{name} {}", args(found)),
            })
            .collect()
    }

    #[test]
    fn requests_have_arguments() {
        assert_eq!(
            shown(".BR a \" b \" \"say \"\"x\"\"\" c\\ d\n'  in +4n\ntext\n"),
            ["1 .BR <a>< b ><say \"x\"><c d>", "2 .in <+4n>", "3 text"]
        );
    }

    #[test]
    fn lines_are_joined_and_comments_left_out() {
        assert_eq!(
            shown(".\\\" nothing\n.BI \"int \" x ,\\\n \"int \" y\nword \\\" said\nback \\\\\nlast"),
            ["2 .BI <int ><x><,><int ><y>", "4 word ", "5 back \\", "6 last"]
        );
    }

    #[test]
    fn conditions_and_definitions_are_followed_or_left_out() {
        assert_eq!(
            shown(
                ".de XX\n.B inside\n..\n.if t .B paper\n.if n .B screen\n.ie t \\{\\\n.B a\n.\\}\n.el \\{\\\n.B b\n.\\}\nend"
            ),
            ["5 .B <screen>", "9 .B <b>", "12 end"]
        );
        assert_eq!(shown(".ds N name\n.B \\*N\n.ig\nhidden\n..\n"), ["2 .B <name>"]);
    }
}
