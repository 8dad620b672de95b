//! The errors that a page names, and for which of its calls.

use super::page::{Block, Kind, Page, is_identifier, last_word};
use abispec::errno::Errno;
use abispec::version::Release;
use std::collections::BTreeSet;

/// The oldest kernel that a page's word is compared for: what it says of older ones is history.
const OLDEST: Release = Release::new(5, 10);

/// How a page says that its list of errors is not complete.
const OPEN: &[&str] = &[
    "ther errors may occur",
    "ther errors may be generated",
    "dditional errors may be generated",
    "ther errors can be returned",
    "rrors other than those listed below can be returned",
    "ther errors are specific",
    "errors as defined for the protocol",
];

/// What a page says about errors.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Errors {
    /// Single statements, in the order of the page.
    pub(super) named: Vec<Named>,
    /// Other pages whose errors can occur too.
    pub(super) references: Vec<Reference>,
    /// The calls that have a list of their own.
    pub(super) listed: BTreeSet<String>,
    /// Where the page says that its list is not complete.
    pub(super) open: Option<u32>,
    /// Whether the page has such a section at all.
    pub(super) stated: bool,
}

/// One errno, once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    /// Its name, never an alias.
    pub(super) errno: String,
    /// Where it is named.
    pub(super) line: u32,
    /// The calls that it is said of; all of the page's where none is named.
    pub(super) calls: BTreeSet<String>,
    /// Whether it is said of these as the most general ones, so that it holds for others too that have no list of their own.
    pub(super) general: bool,
    /// Why it is not about a kernel that can be compared.
    pub(super) foreign: Option<&'static str>,
}

/// A sentence that refers to the errors of another page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reference {
    /// The other page's name.
    pub(super) page: String,
    /// The calls that it is said of; all of the page's where none is named.
    pub(super) calls: BTreeSet<String>,
    /// Where.
    pub(super) line: u32,
}

/// Reads the errors of a page that is about these calls.
pub(super) fn errors(page: &Page, calls: &[String]) -> Errors {
    let mut found = Errors::default();
    for section in page.sections("ERRORS") {
        found.stated = true;
        let mut heading = Heading::default();
        let mut blocks = section.blocks.as_slice();
        while let Some((block, rest)) = blocks.split_first() {
            blocks = rest;
            let text = block.text();
            match block.kind {
                Kind::Subsection => heading = Heading { calls: mentioned(&text, calls), general: false },
                // A page may lack the macro of an entry: an errno alone in its line is one all the same.
                Kind::Paragraph if block.lines.first().is_some_and(|line| errno(line.text.trim()).is_some()) => {
                    let (tag, body) = block.lines.split_at(1);
                    let tag = Block { lines: tag.to_vec(), ..block.clone() };
                    let body = Block { lines: body.to_vec(), ..block.clone() }.text();
                    entry(&tag, &body, calls, &heading, &mut found);
                }
                Kind::Paragraph => {
                    refer(block, &text, calls, &mut found);
                    let open = OPEN.iter().any(|phrase| text.contains(phrase));
                    found.open = found.open.or_else(|| block.lines.first().filter(|_| open).map(|line| line.number));
                    heading = headed(&text, calls);
                    found.listed.extend(heading.calls.iter().cloned());
                }
                Kind::Body => {}
                Kind::Tags => {
                    let body = rest.first().filter(|next| next.kind == Kind::Body).map(Block::text).unwrap_or_default();
                    entry(block, &body, calls, &heading, &mut found);
                }
            }
        }
    }
    found
}

/// Reads one entry: its tags, and what the beginning of its text says of calls and kernels.
fn entry(block: &Block, body: &str, calls: &[String], heading: &Heading, found: &mut Errors) {
    for line in &block.lines {
        let (names, remark) = line.text.split_once('(').unwrap_or((&line.text, ""));
        let words =
            names.split([' ', ',', '/', '\t']).filter(|word| !word.is_empty() && *word != "or" && *word != "and");
        let errnos: Vec<&str> = words.map_while(errno).collect();
        let first = first_clause(body);
        let bracket = body.strip_prefix('(').map_or("", |inside| bracketed(inside));
        let returned = first.split_once("returned by ").map_or("", |(_, after)| listed_first(after));
        let said =
            [remark, bracket, returned, first, closing_bracket(body)].into_iter().map(|text| mentioned(text, calls));
        let own = said.into_iter().find(|calls| !calls.is_empty());
        let general = own.is_none() && heading.general;
        let said_of = own.unwrap_or_else(|| heading.calls.clone());
        let foreign = if is_gone(remark) || is_gone(bracket) {
            Some("the page says that only kernels older than 5.10 give it")
        } else if is_of_library(remark)
            || is_of_library(bracket)
            || ["Returned by the glibc", "The glibc wrapper"].iter().any(|start| first.starts_with(start))
        {
            Some("the page says that the C library gives it")
        } else {
            None
        };
        for errno in errnos {
            let errno = errno.to_owned();
            found.named.push(Named { errno, line: line.number, calls: said_of.clone(), general, foreign });
        }
    }
}

/// Notes where the errors of another page are said to apply.
fn refer(block: &Block, text: &str, calls: &[String], found: &mut Errors) {
    for sentence in text.split(". ") {
        let about_errors =
            ["errors", "same reasons", "also fail", "As for "].iter().any(|phrase| sentence.contains(phrase));
        let only_see = sentence.starts_with("See ");
        if !about_errors && !only_see {
            continue;
        }
        let about = mentioned(sentence, calls);
        let line = block.lines.first().map_or(1, |line| line.number);
        // `For y() the same errors apply`: those of the page's other calls.
        let same = sentence.contains("same errors apply");
        let others = calls.iter().filter(|call| same && !about.is_empty() && !about.contains(*call));
        found.references.extend(others.map(|page| Reference { page: page.clone(), calls: about.clone(), line }));
        let calls = about;
        let pages = sentence.match_indices('(').filter_map(|(at, _)| {
            let section = sentence[at + 1..].split(')').next()?;
            let (_, name) = last_word(&sentence[..at]);
            (section.starts_with('2') && is_identifier(name)).then(|| name.to_owned())
        });
        let references = pages.map(|page| Reference { page, calls: calls.clone(), line });
        found.references.extend(references);
    }
}

/// The errno that a word is, by its own name.
fn errno(word: &str) -> Option<&str> {
    let word = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    Errno::from_alias(word).map(Errno::name)
}

/// Those of the calls that a text mentions, `name()`.
fn mentioned(text: &str, calls: &[String]) -> BTreeSet<String> {
    let names = text.match_indices("()").map(|(at, _)| last_word(&text[..at]).1);
    names.filter_map(|name| calls.iter().find(|call| *call == name)).cloned().collect()
}

/// What the paragraph above a list says about it.
#[derive(Default)]
struct Heading {
    /// The calls that it is about.
    calls: BTreeSet<String>,
    /// Whether these are the most general ones of the page.
    general: bool,
}

/// The calls that the list under a paragraph is about: `x() can additionally fail with:`.
fn headed(text: &str, calls: &[String]) -> Heading {
    let last = text.rsplit(". ").next().unwrap_or(text);
    let mut named = mentioned(last, calls);
    if named.len() == calls.len() {
        // Said of every call, it is said of none in particular.
        named.clear();
    }
    Heading { calls: named, general: last.contains("general errors") }
}

/// The first sentence, up to a semicolon: what follows may be another case of the same errno.
fn first_clause(text: &str) -> &str {
    let end = [". ", "; "].iter().filter_map(|end| text.find(end)).min();
    end.map_or(text, |end| &text[..end])
}

/// What stands in a bracket that has been opened.
fn bracketed(text: &str) -> &str {
    let mut depth = 1_usize;
    for (at, letter) in text.char_indices() {
        match letter {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return &text[..at];
        }
    }
    text
}

/// The calls that a text begins with, `a() or b() when ...`.
fn listed_first(text: &str) -> &str {
    let is_listed = |word: &str| word == "and" || word == "or" || word.trim_end_matches(',').ends_with("()");
    let end = text.split(' ').take_while(|word| is_listed(word)).map(|word| word.len() + 1).sum::<usize>();
    text.get(..end).unwrap_or(text)
}

/// What stands in a bracket at the very end, if it is a list of calls and nothing more: `... (a(), b()).`
fn closing_bracket(text: &str) -> &str {
    let Some(inside) = text.trim_end_matches('.').strip_suffix(')') else { return "" };
    let list = inside.rfind(" (").map_or("", |start| &inside[start + 2..]);
    if listed_first(list).trim_end() == list.trim_end() { list } else { "" }
}

/// Whether a remark limits an error to kernels that are no longer supported: `before Linux 2.6.26`.
fn is_gone(remark: &str) -> bool {
    let words: Vec<&str> = remark.split([' ', ',', ';', ')', '(']).filter(|word| !word.is_empty()).collect();
    let old = |release: &str| release.parse::<Release>().is_ok_and(|release| release < OLDEST);
    let ends = |three: &[&str]| {
        three[1] == "Linux" && matches!(three[0].to_lowercase().as_str(), "before" | "until" | "to") && old(three[2])
    };
    let earlier = |four: &[&str]| four[0] == "Linux" && four[2] == "and" && four[3] == "earlier" && old(four[1]);
    words.windows(3).any(ends) || words.windows(4).any(earlier)
}

fn is_of_library(remark: &str) -> bool {
    remark.trim_start().starts_with("glibc ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "\
.TH moor 2 2026-01-01 \"Linux man-pages 6.9\"
.SH ERRORS
.B EACCES
No.
.TP
.BR EAGAIN \" or \" EWOULDBLOCK
Later.
.TP
.B EINVAL
.RB ( moor2 ())
Bad.
.TP
.BR EPERM \" (before Linux 2.6.26)\"
Gone.
.TP
.B ENAMETOOLONG
.RB \"(glibc \" moor ())
The library's.
.TP
.B EBUSY
The harbour is full
.RB ( unmoor (),
.BR moor2 ()).
.TP
.B ESRCH
For
.BR unmoor ():
nothing there.
.P
The following additional errors can occur for
.BR unmoor ():
.TP
.B ENOENT
.TQ
.B ENODEV
None.
.RS
.TP
.B not an errno
inner
.RE
.P
In addition, the errors documented in
.BR stat (2)
can occur.
.P
For
.BR unmoor ()
the same errors apply.
";

    #[test]
    fn entries_are_attributed() {
        let calls = ["moor", "moor2", "unmoor"].map(str::to_owned);
        let found = errors(&Page::read(PAGE), &calls);
        let shown: Vec<_> = found
            .named
            .iter()
            .map(|one| {
                let calls: Vec<_> = one.calls.iter().map(String::as_str).collect();
                format!(
                    "{} {} {}{}",
                    one.line,
                    one.errno,
                    calls.join("+"),
                    if one.foreign.is_some() { "!" } else { "" }
                )
            })
            .collect();
        assert_eq!(
            shown,
            [
                "3 EACCES ",
                "6 EAGAIN ",
                "6 EAGAIN ",
                "9 EINVAL moor2",
                "13 EPERM !",
                "16 ENAMETOOLONG moor!",
                "20 EBUSY moor2+unmoor",
                "25 ESRCH unmoor",
                "33 ENOENT unmoor",
                "35 ENODEV unmoor",
            ]
        );
        let references: Vec<_> = found.references.iter().map(|one| (one.page.as_str(), one.calls.len())).collect();
        assert_eq!(references, [("stat", 0), ("moor", 1), ("moor2", 1)]);
    }
}
