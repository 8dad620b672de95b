//! The functions that a page declares.

use super::page::{Block, Kind, Page, is_identifier, last_word};

/// A declaration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Declared {
    /// The function; of `syscall(SYS_x, ...)` the system call.
    pub(super) name: String,
    /// Whether the system call itself is declared, not a function of the C library.
    pub(super) raw: bool,
    /// Where it begins.
    pub(super) line: u32,
    /// Its parameters: types and names.
    pub(super) params: Vec<(String, String)>,
    /// Whether more may follow, `...`.
    pub(super) variadic: bool,
}

/// Reads the declarations of a page.
pub(super) fn declarations(page: &Page) -> Vec<Declared> {
    let blocks = page.sections("SYNOPSIS").flat_map(|section| &section.blocks);
    let shown = blocks.take_while(|block| !block.text().starts_with("Feature Test Macro"));
    shown.filter(|block| block.kind != Kind::Subsection).flat_map(statements).collect()
}

/// Whether the page says that the system call differs from the C library's function.
pub(super) fn differs_from_library(page: &Page, call: &str) -> bool {
    let mention = format!("{call}()");
    page.sections.iter().any(|section| {
        let mut within = false;
        section.blocks.iter().any(|block| {
            let text = block.text();
            if block.kind == Kind::Subsection {
                within = text.contains("library/kernel") && text.contains("differences");
            }
            within && text.contains(&mention)
        })
    })
}

/// The declarations of one paragraph.
fn statements(block: &Block) -> Vec<Declared> {
    let mut found = Vec::new();
    let mut statement = String::new();
    let mut begins = 0;
    let (mut depth, mut comment) = (0_usize, false);
    for line in &block.lines {
        if line.text.trim_start().starts_with('#') && depth == 0 {
            continue;
        }
        let mut letters = line.text.chars().peekable();
        while let Some(letter) = letters.next() {
            if comment {
                comment = !(letter == '*' && letters.next_if_eq(&'/').is_some());
                continue;
            }
            match letter {
                '/' if letters.next_if_eq(&'*').is_some() => comment = true,
                ';' if depth == 0 => {
                    found.extend(declared(&statement, begins));
                    statement.clear();
                }
                letter => {
                    match letter {
                        '(' | '{' | '[' => depth += 1,
                        ')' | '}' | ']' => depth = depth.saturating_sub(1),
                        _ => {}
                    }
                    if statement.is_empty() {
                        if letter.is_whitespace() {
                            continue;
                        }
                        begins = line.number;
                    }
                    statement.push(letter);
                }
            }
        }
        if !statement.is_empty() {
            statement.push(' ');
        }
    }
    found
}

/// Reads `type name(type name, ...)`.
fn declared(statement: &str, line: u32) -> Option<Declared> {
    let statement = statement.trim().trim_start_matches("[[deprecated]]");
    let (head, rest) = statement.split_once('(')?;
    let inside = rest.trim_end().strip_suffix(')')?;
    let (returns, name) = last_word(head);
    let plain = |word: &str| word.chars().all(|c| c == '*') || is_identifier(word);
    if !is_identifier(name) || returns.trim().is_empty() || !returns.replace('*', " * ").split_whitespace().all(plain) {
        return None;
    }
    let mut texts = parts(inside)?;
    let raw = name == "syscall" && texts.first().is_some_and(|first| first.starts_with("SYS_"));
    let name = if raw { texts.remove(0)["SYS_".len()..].to_owned() } else { name.to_owned() };
    let variadic = texts.iter().any(|text| text == "...");
    texts.retain(|text| text != "..." && text != "void" && !text.is_empty());
    let params = texts.iter().map(|text| parameter(text)).collect();
    Some(Declared { name, raw, line, params, variadic })
}

/// Parts a list at its commas; `None` where the brackets do not match.
fn parts(list: &str) -> Option<Vec<String>> {
    let mut found = vec![String::new()];
    let mut depth = 0_i32;
    for letter in list.chars() {
        match letter {
            '(' | '[' => depth += 1,
            ')' | ']' => depth -= 1,
            ',' if depth == 0 => {
                found.push(String::new());
                continue;
            }
            _ => {}
        }
        if depth < 0 {
            return None;
        }
        if let Some(last) = found.last_mut() {
            last.push(letter);
        }
    }
    (depth == 0).then(|| found.iter().map(|part| part.trim().to_owned()).collect())
}

/// The type and the name of a parameter.
fn parameter(text: &str) -> (String, String) {
    let words = |text: &str| {
        text.split_whitespace().filter(|word| !matches!(*word, "restrict" | "_Nullable")).collect::<Vec<_>>().join(" ")
    };
    // A pointer to a function has its name inside.
    if let Some((before, after)) = text.split_once("(*") {
        let end = after.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(after.len());
        let (name, rest) = after.split_at(end);
        return (words(&format!("{before}(*{rest}")), name.to_owned());
    }
    let (text, array) = text.split_once('[').map_or((text, false), |(text, _)| (text.trim_end(), true));
    let (kind, name) = last_word(text);
    let spaced = kind.replace('*', " * ");
    let kind = words(&spaced);
    (if array { format!("{kind} *") } else { kind }, name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "\
.TH wharf 2 2026-01-01 \"Linux man-pages 6.9\"
.SH SYNOPSIS
.nf
.BR \"#include <unistd.h>\" \"   /* Definition of \" W_* \" constants; (none) */\"
.P
.BI \"ssize_t moor(int \" fd \", void \" buf [. n \"], size_t \" n );
.BI \"char *cast(const char *restrict \" name \", ...\"
.BI \"           \\fR/*\\fP mode_t \" mode \" \\fR*/\\fP );\"
.P
/* the system call */
.BI \"[[deprecated]] int syscall(SYS_moor2, unsigned int \" fd ,
.BI \"            int (*\" fn \")(void *_Nullable, int), struct x *_Nullable \" p );
.P
.B struct rope {
.B \"    int length;\"
.B };
.B int sink(void);
.P
.IR Note :
there is no wrapper for
.BR moor2 ();
see NOTES.
.P
Feature Test Macro Requirements for glibc:
.P
.B int hidden(void);
.SH DESCRIPTION
.B int no(void);
";

    #[test]
    fn declarations_are_read() {
        let shown: Vec<_> = declarations(&Page::read(PAGE))
            .into_iter()
            .map(|one| {
                let params: Vec<_> = one.params.iter().map(|(kind, name)| format!("{kind} {name}")).collect();
                (one.name, one.raw, one.line, params.join(", "), one.variadic)
            })
            .collect();
        let row =
            |name: &str, raw, line, params: &str, variadic| (name.to_owned(), raw, line, params.to_owned(), variadic);
        let expected = [
            row("moor", false, 6, "int fd, void * buf, size_t n", false),
            row("cast", false, 7, "const char * name", true),
            row("moor2", true, 11, "unsigned int fd, int (*)(void *_Nullable, int) fn, struct x * p", false),
            row("sink", false, 17, "", false),
        ];
        assert_eq!(shown, expected);
    }
}
