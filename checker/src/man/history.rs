//! The releases in which a page says that calls and constants came.

use super::page::{Block, Kind, Page, Section};
use abispec::version::Release;

/// One statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Came {
    /// The call or the constant.
    pub(super) name: String,
    /// The release.
    pub(super) release: Release,
    /// Where it is stated.
    pub(super) line: u32,
}

/// The first release of each call of a page, as far as it says so in one of the usual ways.
pub(super) fn calls(page: &Page, calls: &[String]) -> Vec<Came> {
    let mut found: Vec<Came> = Vec::new();
    let mut add = |name: &str, release: Release, line: u32| {
        if !found.iter().any(|came| came.name == name) {
            found.push(Came { name: name.to_owned(), release, line });
        }
    };
    for section in ["HISTORY", "VERSIONS", "STANDARDS", "CONFORMING TO"].iter().flat_map(|title| page.sections(title)) {
        for (subjects, block) in attributed(section, calls) {
            let text = block.text();
            let line = |release: Release| {
                let written = release.to_string();
                let holds = block.lines.iter().find(|line| line.text.contains(&format!("Linux {written}")));
                holds.or(block.lines.first()).map_or(1, |line| line.number)
            };
            // A list: `POSIX.1-2008, Linux 2.6.27, glibc 2.9.`
            let (own, rest) = leading_calls(&text, calls);
            let subjects = if own.is_empty() { subjects } else { own };
            if let Some(release) = segments(rest).find_map(listed) {
                subjects.iter().for_each(|name| add(name, release, line(release)));
            }
            // A sentence: `x() was added in Linux 5.2`.
            for sentence in text.split(". ") {
                if let Some((names, release)) = sentence_of(sentence, calls) {
                    names.iter().for_each(|name| add(name, release, line(release)));
                }
            }
        }
    }
    found
}

/// The constants that the page tags with a release, `O_TMPFILE (since Linux 3.11)`.
pub(super) fn constants(page: &Page) -> Vec<Came> {
    let mut found = Vec::new();
    let described = page.sections.iter().filter(|section| !matches!(section.title.as_str(), "SYNOPSIS" | "ERRORS"));
    for section in described {
        for (at, block) in section.blocks.iter().enumerate().filter(|(_, block)| block.kind == Kind::Tags) {
            for line in &block.lines {
                let (names, remark) = line.text.split_once('(').unwrap_or((&line.text, ""));
                let body = section.blocks.get(at + 1).filter(|next| next.kind == Kind::Body).map(Block::text);
                let first = body.as_deref().and_then(|body| body.strip_prefix('(')).unwrap_or_default();
                let Some(release) = since(remark).or_else(|| since(first)) else { continue };
                let names: Vec<&str> = names.split([',', ' ']).filter(|name| !name.is_empty()).collect();
                if names.iter().all(|name| is_constant(name)) {
                    let came = names.iter().map(|name| Came { name: (*name).to_owned(), release, line: line.number });
                    found.extend(came);
                }
            }
        }
    }
    found
}

/// The paragraphs of a section, each with the calls that its tags name. A paragraph without tags is about the only call,
/// if it stands first.
fn attributed<'a>(section: &'a Section, calls: &[String]) -> Vec<(Vec<String>, &'a Block)> {
    let mut found = Vec::new();
    let mut tagged: Vec<String> = Vec::new();
    for (at, block) in section.blocks.iter().enumerate() {
        match block.kind {
            // What stands under a title of its own is about something else.
            Kind::Subsection => break,
            Kind::Tags => {
                let named = |line: &super::page::Written| leading_calls(&line.text, calls).0;
                tagged = block.lines.iter().flat_map(named).collect();
            }
            Kind::Body => found.push((std::mem::take(&mut tagged), block)),
            Kind::Paragraph if at == 0 && calls.len() == 1 => found.push((calls.to_vec(), block)),
            Kind::Paragraph => found.push((Vec::new(), block)),
        }
    }
    found
}

/// The calls that a text begins with, `a(), b():`, and what follows them.
fn leading_calls<'t>(text: &'t str, calls: &[String]) -> (Vec<String>, &'t str) {
    let mut names = Vec::new();
    let mut rest = text.trim_start();
    loop {
        let known =
            calls.iter().find(|call| rest.strip_prefix(call.as_str()).is_some_and(|rest| rest.starts_with("()")));
        let Some(call) = known else { break };
        names.push(call.clone());
        rest = rest[call.len() + 2..].trim_start_matches([' ', ',']);
        rest = rest.strip_prefix("and ").unwrap_or(rest);
    }
    match rest.strip_prefix(':') {
        Some(after) if !names.is_empty() => (names, after),
        _ if rest.is_empty() => (names, rest),
        _ => (Vec::new(), text),
    }
}

/// The parts of a list: at commas, and at full stops between which no number goes on.
fn segments(text: &str) -> impl Iterator<Item = &str> {
    text.split([',', ';']).flat_map(|part| part.split(". ")).map(|part| part.trim().trim_end_matches('.'))
}

/// `Linux 2.6.27`, and what may follow in brackets.
fn listed(segment: &str) -> Option<Release> {
    let (number, rest) = number(segment.strip_prefix("Linux ")?)?;
    (rest.is_empty() || rest.trim_start().starts_with('(')).then_some(number)
}

/// A release at the start of a text, and what follows it.
fn number(text: &str) -> Option<(Release, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let digits = text[..end].trim_end_matches('.');
    digits.parse().ok().map(|release| (release, &text[digits.len()..]))
}

const VERBS: &[&str] = &[
    "was added in",
    "were added in",
    "was added to",
    "were added to",
    "added in",
    "first appeared in",
    "appeared in",
    "was introduced in",
    "were introduced in",
    "is available since",
    "are available since",
    "has been available since",
    "is new in",
    "was new in",
];

/// `x() was added in Linux 5.2`: the calls and the release. Anything else between the calls and the verb means something
/// else: a flag, an argument, the C library's support.
fn sentence_of(sentence: &str, calls: &[String]) -> Option<(Vec<String>, Release)> {
    let at = sentence.find("Linux ")?;
    let (release, _) = number(sentence[at + "Linux ".len()..].trim_start_matches("kernel "))?;
    let before = sentence[..at].trim_end().trim_end_matches(" the");
    let subject = VERBS.iter().find_map(|verb| before.strip_suffix(verb))?.trim_end();
    let subject = subject.strip_suffix(" first").unwrap_or(subject);
    let subject = ["system call", "system calls"].iter().find_map(|end| subject.strip_suffix(end)).unwrap_or(subject);
    let subject = subject.trim().strip_prefix("The ").unwrap_or_else(|| subject.trim());
    if matches!(subject, "This" | "These" | "The") {
        return Some((calls.to_vec(), release));
    }
    let (names, rest) = leading_calls(subject, calls);
    (!names.is_empty() && rest.is_empty()).then_some((names, release))
}

/// `since Linux 3.4` at the start of a remark.
fn since(remark: &str) -> Option<Release> {
    let rest = remark.trim_start();
    let rest = rest.strip_prefix("since ").or_else(|| rest.strip_prefix("Since "))?;
    number(rest.strip_prefix("Linux ")?).map(|(release, _)| release)
}

fn is_constant(name: &str) -> bool {
    name.contains('_')
        && name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
        && name.starts_with(|c: char| c.is_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(found: Vec<Came>) -> Vec<String> {
        found.into_iter().map(|came| format!("{} {} {}", came.line, came.name, came.release)).collect()
    }

    #[test]
    fn calls_by_entries_lists_and_sentences() {
        let names = ["moor", "moor2", "unmoor", "cast"].map(str::to_owned);
        let page = "\
.TH moor 2 2026-01-01 \"Linux man-pages 6.9\"
.SH HISTORY
.TP
.BR moor ()
POSIX.1-2001,
4.4BSD.
.TP
.BR moor2 ()
POSIX.1-2008.
Linux 2.6.16,
glibc 2.4.
.P
.BR unmoor (),
.BR cast ():
Linux 5.6 (but see BUGS).
.SS Later
Linux 6.1.
";
        assert_eq!(shown(calls(&Page::read(page), &names)), ["10 moor2 2.6.16", "15 unmoor 5.6", "15 cast 5.6"]);
        let page = "\
.TH moor 2 2022-01-01 \"Linux man-pages 6.03\"
.SH VERSIONS
.BR moor ()
was added in Linux 2.6.27;
glibc support is available since glibc 2.9.
The
.BR moor2 ()
system call first appeared in Linux 3.17.
Support for
.BR cast ()
was added in Linux 4.1.
";
        assert_eq!(shown(calls(&Page::read(page), &names)), ["4 moor 2.6.27", "8 moor2 3.17"]);
        let only = ["moor".to_owned()];
        let page = ".TH moor 2 d \"Linux man-pages 6.9\"\n.SH HISTORY\nLinux 5.6,\nglibc 2.40.\n";
        assert_eq!(shown(calls(&Page::read(page), &only)), ["3 moor 5.6"]);
        assert_eq!(calls(&Page::read(page), &names), []);
    }

    #[test]
    fn constants_by_their_tags() {
        let page = "\
.TH moor 2 d \"Linux man-pages 6.9\"
.SH DESCRIPTION
.TP
.BR MOOR_FAST \" (since Linux 3.4)\"
Quick.
.TP
.B MOOR_SLOW
.TQ
.BR MOOR_A \", \" MOOR_B \" (since Linux 5.10; see below)\"
Slow.
.TP
.BR MOOR_OLD \" (Linux 2.0 only)\"
Old.
.TP
.B MOOR_NEXT
(since Linux 6.1)
Next.
.SH ERRORS
.TP
.BR E_X \" (since Linux 3.4)\"
No.
";
        let expected = ["4 MOOR_FAST 3.4", "9 MOOR_A 5.10", "9 MOOR_B 5.10", "15 MOOR_NEXT 6.1"];
        assert_eq!(shown(constants(&Page::read(page))), expected);
    }
}
