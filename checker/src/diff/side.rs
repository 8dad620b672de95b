//! One side of a comparison: its facts, and its files where a value alone does not say enough.

use super::definition::{Definition, Definitions};
use super::difference::Stated;
use crate::facts::{Facts, Position, Source};
use crate::files::Files;
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::sync::Arc;

/// One side of a comparison.
pub struct Side<'a> {
    /// What it states.
    pub facts: &'a Facts,
    files: Option<&'a dyn Files>,
    names: RefCell<HashMap<Arc<str>, Arc<str>>>,
    read: RefCell<HashMap<Arc<str>, Rc<Definitions>>>,
}

impl<'a> Side<'a> {
    /// A side with the files that its facts were read from, where it has any.
    pub fn new(facts: &'a Facts, files: Option<&'a dyn Files>) -> Self {
        Self { facts, files, names: RefCell::default(), read: RefCell::default() }
    }

    /// The name that a file is included by: what follows `uapi/` or, in an installed tree, `include/`.
    pub(super) fn header(&self, file: &Arc<str>) -> Arc<str> {
        if let Some(known) = self.names.borrow().get(file) {
            return Arc::clone(known);
        }
        let name: Arc<str> = Arc::from(self.name_of(file));
        self.names.borrow_mut().insert(Arc::clone(file), Arc::clone(&name));
        name
    }

    fn name_of<'f>(&self, file: &'f str) -> &'f str {
        let rooted = self.files.and_then(|files| inside(file, &files.show("")));
        let path = rooted.or_else(|| inside(file, &self.facts.witness)).unwrap_or(file);
        // `arch/x86/include/generated/uapi/asm/unistd_64.h` and `include/uapi/linux/fs.h` are included without the lead.
        let after = |lead: &str| path.rfind(lead).map(|at| &path[at + lead.len()..]);
        after("include/uapi/")
            .or_else(|| after("generated/uapi/"))
            .or_else(|| path.strip_prefix("include/"))
            .unwrap_or(path)
    }

    /// A value and its place.
    pub(super) fn stated(&self, text: impl Into<String>, source: &Source) -> Stated {
        Stated { text: text.into(), source: source.clone() }
    }

    /// The definitions of the file at a place; none where the side has no text.
    pub(super) fn definitions(&self, file: &Arc<str>) -> Rc<Definitions> {
        if let Some(known) = self.read.borrow().get(file) {
            return Rc::clone(known);
        }
        let text = self.files.and_then(|files| {
            let path = inside(file, &files.show(""))?;
            files.text(path)
        });
        let read = Rc::new(text.map(|text| Definitions::read(&text)).unwrap_or_default());
        self.read.borrow_mut().insert(Arc::clone(file), Rc::clone(&read));
        read
    }

    /// Whether a header of this name is there, though perhaps nothing could be read from it.
    pub(super) fn has_header(&self, header: &str) -> bool {
        self.facts.has_header(header) || self.facts.why_silent(header).is_some()
    }

    /// The file that a header's name stands for.
    pub(super) fn file_of(&self, header: &str) -> Option<Arc<str>> {
        let files = self.facts.headers.get(header)?;
        files.iter().find(|file| &*self.header(file) == header).cloned()
    }

    /// Names that the side knows something about but could not compute, with the reason.
    pub(super) fn silences(&self) -> BTreeMap<&'a str, &'a str> {
        self.facts.silent.iter().map(|silence| (silence.subject.as_str(), silence.reason.as_str())).collect()
    }
}

/// How the constant at a place is written, given the definitions of its file.
pub(super) fn definition<'d>(definitions: &'d Definitions, name: &str, source: &Source) -> Option<Definition<'d>> {
    definitions.get(name, line(source))
}

/// The line of a place in a text.
pub(super) fn line(source: &Source) -> Option<u32> {
    match source.at {
        Position::Line { line, .. } => Some(line),
        Position::Type(_) | Position::Whole => None,
    }
}

fn inside<'f>(file: &'f str, root: &str) -> Option<&'f str> {
    let rest = file.strip_prefix(root.trim_end_matches('/'))?;
    Some(rest.trim_start_matches(['/', ':']))
}
