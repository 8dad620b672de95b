//! A man page as a reader sees it: sections of paragraphs and of entries with tags.

use super::escape::Plain;
use super::roff::{self, Line};
use abispec::version::Release;

/// A page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Page {
    /// The number of its collection, `6.9` of `Linux man-pages 6.9`.
    pub(super) version: Option<Release>,
    /// Whether it has a title, which every page of the macros that are read here has.
    pub(super) titled: bool,
    /// Another page that it sends its reader to, as a path below the folder of the sections.
    pub(super) redirect: Option<String>,
    /// Its sections.
    pub(super) sections: Vec<Section>,
}

/// A section.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Section {
    /// Its title, `ERRORS`.
    pub(super) title: String,
    /// What it consists of.
    pub(super) blocks: Vec<Block>,
}

/// A piece of a section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Block {
    /// Which.
    pub(super) kind: Kind,
    /// How often it is moved to the right.
    pub(super) depth: usize,
    /// Its text by lines of the file.
    pub(super) lines: Vec<Written>,
}

/// The kinds of block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The title of a subsection.
    Subsection,
    /// A paragraph.
    Paragraph,
    /// The tags of an entry, one a line.
    Tags,
    /// The text of an entry, or a further paragraph of it.
    Body,
}

/// A line of text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Written {
    /// Where it stands in the file, from 1.
    pub(super) number: u32,
    /// What it says.
    pub(super) text: String,
}

impl Block {
    /// Its text in one line.
    pub(super) fn text(&self) -> String {
        let mut out = String::new();
        for word in self.lines.iter().flat_map(|line| line.text.split_whitespace()) {
            if !out.is_empty() {
                out.push(' ');
            }
            out.push_str(word);
        }
        out
    }
}

impl Page {
    /// Reads a page.
    pub(super) fn read(text: &str) -> Self {
        let mut builder = Builder { page: Self::default(), open: Open::Paragraph, depth: 0, joins: false };
        for line in roff::lines(text) {
            match line {
                Line::Text { number, text } => builder.text(number, text),
                Line::Request { number, name, args } => builder.request(number, &name, &args),
            }
        }
        builder.page
    }

    /// The sections of a title.
    pub(super) fn sections<'a>(&'a self, title: &'a str) -> impl Iterator<Item = &'a Section> {
        self.sections.iter().filter(move |section| section.title == title)
    }

    /// The names that the page gives in its first section: `a, b - do something`.
    pub(super) fn names(&self) -> Vec<String> {
        let text: Vec<String> = self.sections("NAME").flat_map(|section| &section.blocks).map(Block::text).collect();
        let text = text.join(" ");
        let end = [" - ", " -- ", " \u{2013} "].iter().filter_map(|dash| text.find(dash)).min();
        let Some(names) = end.map(|end| &text[..end]) else { return Vec::new() };
        names.split(',').map(|name| name.trim().to_owned()).filter(|name| is_identifier(name)).collect()
    }
}

/// Whether a text is a name of C.
pub(super) fn is_identifier(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') && text.starts_with(|c: char| !c.is_ascii_digit())
}

/// The word at the end of a text, and what stands before it. The word is empty where the text ends in something else.
pub(super) fn last_word(text: &str) -> (&str, &str) {
    let word = |c: &char| c.is_ascii_alphanumeric() || *c == '_';
    // Letters of a word take one byte each.
    let length = text.chars().rev().take_while(word).count();
    text.split_at(text.len() - length)
}

/// What the next text belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Open {
    Section,
    Subsection,
    /// The tag of an entry.
    Tag,
    /// A further tag of the same entry.
    NextTag,
    Body,
    Paragraph,
    /// The block that is there already.
    Same,
}

struct Builder {
    page: Page,
    open: Open,
    depth: usize,
    joins: bool,
}

impl Builder {
    fn request(&mut self, number: u32, name: &str, args: &[Plain]) {
        match name {
            "TH" => {
                self.page.titled = true;
                self.page.version = args.get(3).and_then(|manual| version(&manual.text));
            }
            "so" => {
                let path = args.first().map(|path| path.text.clone());
                if !self.page.titled {
                    self.page.redirect = self.page.redirect.take().or(path);
                }
            }
            "SH" => self.heading(number, Open::Section, args),
            "SS" => self.heading(number, Open::Subsection, args),
            "P" | "PP" | "LP" | "HP" => self.start(Open::Paragraph),
            "TP" => self.start(Open::Tag),
            "TQ" => self.start(Open::NextTag),
            "IP" => match args.first() {
                Some(tag) if !is_bullet(&tag.text) => {
                    self.start(Open::Tag);
                    self.text(number, tag.clone());
                }
                _ => self.start(Open::Body),
            },
            "RS" => {
                self.depth += 1;
                self.start(Open::Body);
            }
            "RE" => {
                self.depth = self.depth.saturating_sub(1);
                self.start(Open::Body);
            }
            "BR" | "BI" | "IB" | "IR" | "RB" | "RI" => self.words(number, args, ""),
            "B" | "I" | "SM" | "SB" | "SY" | "MR" => self.words(number, args, if name == "MR" { "" } else { " " }),
            _ => {}
        }
    }

    fn heading(&mut self, number: u32, open: Open, args: &[Plain]) {
        self.depth = 0;
        self.start(open);
        self.words(number, args, " ");
    }

    fn words(&mut self, number: u32, args: &[Plain], between: &str) {
        if args.is_empty() {
            return;
        }
        let text = args.iter().map(|arg| arg.text.as_str()).collect::<Vec<_>>().join(between);
        self.text(number, Plain { text, continues: args.last().is_some_and(|last| last.continues) });
    }

    fn start(&mut self, open: Open) {
        self.open = open;
        self.joins = false;
    }

    fn text(&mut self, number: u32, plain: Plain) {
        let Plain { text, continues } = plain;
        let joins = std::mem::replace(&mut self.joins, continues);
        if joins && let Some(last) = self.last_line() {
            last.text.push_str(&text);
            return;
        }
        let open = self.open;
        if text.trim().is_empty() && open != Open::Same {
            return;
        }
        let kind = match open {
            Open::Section => {
                self.page.sections.push(Section { title: text.trim().to_owned(), blocks: Vec::new() });
                self.open = Open::Paragraph;
                return;
            }
            Open::Subsection => Kind::Subsection,
            Open::Tag | Open::NextTag => Kind::Tags,
            Open::Body => Kind::Body,
            Open::Paragraph => Kind::Paragraph,
            Open::Same => return self.append(number, text),
        };
        let after_tag = match open {
            Open::Tag | Open::NextTag => Open::Body,
            Open::Subsection => Open::Paragraph,
            Open::Section | Open::Body | Open::Paragraph | Open::Same => Open::Same,
        };
        let depth = self.depth;
        let Some(section) = self.page.sections.last_mut() else { return };
        let fits = section.blocks.last().is_some_and(|block| block.kind == Kind::Tags && block.depth == depth);
        self.open = after_tag;
        if open == Open::NextTag && fits {
            return self.append(number, text);
        }
        section.blocks.push(Block { kind, depth, lines: vec![Written { number, text }] });
    }

    fn append(&mut self, number: u32, text: String) {
        if let Some(block) = self.page.sections.last_mut().and_then(|section| section.blocks.last_mut()) {
            block.lines.push(Written { number, text });
        }
    }

    fn last_line(&mut self) -> Option<&mut Written> {
        self.page.sections.last_mut()?.blocks.last_mut()?.lines.last_mut()
    }
}

fn is_bullet(tag: &str) -> bool {
    matches!(tag.trim(), "\u{2022}" | "*" | "o" | "-" | "--" | "")
}

fn version(manual: &str) -> Option<Release> {
    let (_, number) = manual.split_once("man-pages ")?;
    let end = number.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(number.len());
    number[..end].trim_end_matches('.').parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "\
.TH wharf 2 2026-01-01 \"Linux man-pages 6.9.1\"
.SH NAME
wharf,
wharf2 \\- moor a ship
.SH ERRORS
These are
.BR wharf ()'s
errors.
.TP
.B EACCES
.TQ
.BR EPERM \" (since Linux 5.1)\"
First.
.RS
.IP \\[bu] 3
inner
.RE
.IP
More.
.TP
.B EBADF
Last \\c
.BR wharf (2):\\c
 end
.SS Other things
Done.
";

    #[test]
    fn blocks_are_told_apart() {
        let page = Page::read(PAGE);
        assert_eq!(page.names(), ["wharf", "wharf2"]);
        assert_eq!(page.version, Some(Release { major: 6, minor: 9, patch: 1 }));
        let shown: Vec<_> = page
            .sections("ERRORS")
            .flat_map(|section| &section.blocks)
            .map(|block| (block.kind, block.depth, block.lines[0].number, block.text()))
            .collect();
        let expected = [
            (Kind::Paragraph, 0, 6, "These are wharf()'s errors."),
            (Kind::Tags, 0, 10, "EACCES EPERM (since Linux 5.1)"),
            (Kind::Body, 0, 13, "First."),
            (Kind::Body, 1, 16, "inner"),
            (Kind::Body, 0, 19, "More."),
            (Kind::Tags, 0, 21, "EBADF"),
            (Kind::Body, 0, 22, "Last wharf(2): end"),
            (Kind::Subsection, 0, 25, "Other things"),
            (Kind::Paragraph, 0, 26, "Done."),
        ];
        assert_eq!(shown, expected.map(|(kind, depth, line, text)| (kind, depth, line, text.to_owned())));
    }

    #[test]
    fn a_page_that_only_names_another_is_a_redirection() {
        assert_eq!(Page::read(".so man3/wharf.3\n").redirect.as_deref(), Some("man3/wharf.3"));
        assert_eq!(Page::read(PAGE).redirect, None);
        assert_eq!(Page::read("plain text\n.B x\n"), Page::default());
    }
}
