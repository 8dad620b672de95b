//! Finds headers in the search path and keeps each one taken apart.

use super::file::{HeaderFile, HeaderPlace};
use super::install::{Installed, Origin};
use super::symbol::Symbols;
use crate::files::Files;
use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

/// Where the texts of headers come from.
pub(crate) trait Shelf {
    /// The text of a file, by its path relative to the shelf.
    fn text(&self, name: &str) -> Option<String>;

    /// How reports call a file.
    fn path(&self, name: &str) -> String;

    /// The names of the kernel's headers on it.
    fn kernel_headers(&self) -> Vec<String>;

    /// Whether its texts are a kernel's own, which are changed a little when they are installed.
    fn sources(&self) -> bool {
        false
    }
}

/// What a kernel's source tree installs.
pub(crate) struct Tree {
    /// The tree.
    pub(crate) files: Arc<dyn Files>,
    /// The headers.
    pub(crate) installed: Installed,
}

impl Shelf for Tree {
    fn text(&self, name: &str) -> Option<String> {
        match self.installed.headers.get(name)? {
            Origin::File(path) => self.files.text(path),
            Origin::Made { text, .. } => Some(text.clone()),
        }
    }

    fn path(&self, name: &str) -> String {
        match self.installed.headers.get(name) {
            Some(Origin::File(path) | Origin::Made { path, .. }) => self.files.show(path),
            None => name.to_owned(),
        }
    }

    fn kernel_headers(&self) -> Vec<String> {
        self.installed.headers.keys().cloned().collect()
    }

    fn sources(&self) -> bool {
        true
    }
}

/// A folder.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Shelf for Folder {
    fn text(&self, name: &str) -> Option<String> {
        let bytes = fs::read(self.0.join(name)).ok()?;
        Some(String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }

    fn kernel_headers(&self) -> Vec<String> {
        let mut found = Vec::new();
        for folder in KERNEL_FOLDERS {
            walk(&self.0, folder, 0, &mut found);
        }
        found
    }
}

/// Texts in memory.
pub(crate) struct Texts {
    /// How reports call the shelf.
    pub(crate) name: String,
    /// Texts by name.
    pub(crate) texts: BTreeMap<String, String>,
}

impl Shelf for Texts {
    fn text(&self, name: &str) -> Option<String> {
        self.texts.get(name).cloned()
    }

    fn path(&self, name: &str) -> String {
        format!("{}{name}", self.name)
    }

    fn kernel_headers(&self) -> Vec<String> {
        self.texts.keys().filter(|name| is_kernel_header(name)).cloned().collect()
    }
}

/// The headers of a search path.
pub(crate) struct Library {
    shelves: Vec<Box<dyn Shelf>>,
    files: Vec<Rc<HeaderFile>>,
    by_place: HashMap<(usize, Box<str>), Option<u16>>,
    /// The texts of all tokens.
    pub(crate) symbols: Symbols,
}

impl Library {
    /// A search path.
    pub(crate) fn new(shelves: Vec<Box<dyn Shelf>>) -> Self {
        Self { shelves, files: Vec::new(), by_place: HashMap::new(), symbols: Symbols::new() }
    }

    /// The names of the kernel's headers, each once, sorted.
    pub(crate) fn kernel_headers(&self) -> Vec<String> {
        let mut names: Vec<_> = self.shelves.iter().flat_map(|shelf| shelf.kernel_headers()).collect();
        names.sort();
        names.dedup();
        names
    }

    /// A header by its number.
    pub(crate) fn file(&self, number: u16) -> Option<&Rc<HeaderFile>> {
        self.files.get(usize::from(number))
    }

    /// How reports call a header.
    pub(crate) fn path(&self, number: u16) -> Arc<str> {
        self.file(number).map_or_else(|| Arc::from("<built-in>"), |file| Arc::clone(&file.path))
    }

    /// Finds `<name>` in the search path, from its position `from` on.
    pub(crate) fn find(&mut self, name: &str, from: usize) -> Option<Rc<HeaderFile>> {
        (from..self.shelves.len()).find_map(|folder| self.open(folder, name))
    }

    /// Finds `"name"`: beside the header that includes it, then in the search path.
    pub(crate) fn find_beside(&mut self, name: &str, includer: &HeaderFile) -> Option<Rc<HeaderFile>> {
        let parent = Path::new(&*includer.name).parent().map(|parent| parent.join(name));
        let beside = parent.and_then(|path| path.to_str().map(normal));
        beside.and_then(|beside| self.open(includer.folder, &beside)).or_else(|| self.find(name, 0))
    }

    fn open(&mut self, folder: usize, name: &str) -> Option<Rc<HeaderFile>> {
        let key = (folder, Box::from(name));
        if let Some(known) = self.by_place.get(&key) {
            return known.and_then(|number| self.file(number).cloned());
        }
        let number = u16::try_from(self.files.len()).ok().filter(|number| *number < u16::MAX);
        let text = number.and_then(|_| self.shelves.get(folder)?.text(name));
        let (Some(number), Some(text)) = (number, text) else {
            self.by_place.insert(key, None);
            return None;
        };
        let path = self.shelves.get(folder).map(|shelf| shelf.path(name)).unwrap_or_default();
        let sources = self.shelves.get(folder).is_some_and(|shelf| shelf.sources());
        let place = HeaderPlace {
            path: path.into(),
            name: name.into(),
            folder,
            kernel: is_kernel_header(name),
            source: sources,
        };
        let file = Rc::new(HeaderFile::read(&text, number, place, &mut self.symbols));
        self.files.push(Rc::clone(&file));
        self.by_place.insert(key, Some(number));
        Some(file)
    }
}

/// The folders that the kernel installs its headers to.
pub(crate) const KERNEL_FOLDERS: &[&str] = &[
    "asm",
    "asm-generic",
    "cxl",
    "drm",
    "fwctl",
    "linux",
    "misc",
    "mtd",
    "rdma",
    "regulator",
    "scsi",
    "sound",
    "video",
    "xen",
];

fn is_kernel_header(name: &str) -> bool {
    name.split_once('/').is_some_and(|(folder, _)| KERNEL_FOLDERS.contains(&folder))
}

fn walk(root: &Path, folder: &str, depth: u32, found: &mut Vec<String>) {
    let Ok(entries) = fs::read_dir(root.join(folder)) else { return };
    for entry in entries.flatten() {
        let Some(file) = entry.file_name().to_str().map(|file| format!("{folder}/{file}")) else { continue };
        if file.ends_with(".h") {
            found.push(file);
        } else if depth < 8 && entry.path().is_dir() {
            walk(root, &file, depth + 1, found);
        }
    }
}

/// Takes `..` and `.` out of a relative path.
fn normal(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// Installed headers, wherever they are kept.
pub(crate) struct Anywhere {
    /// The files.
    pub(crate) files: Arc<dyn Files>,
    /// The folder that `linux/` stands in, with a `/` at its end, or nothing.
    pub(crate) folder: String,
}

impl Shelf for Anywhere {
    fn text(&self, name: &str) -> Option<String> {
        self.files.text(&format!("{}{name}", self.folder))
    }

    fn path(&self, name: &str) -> String {
        self.files.show(&format!("{}{name}", self.folder))
    }

    fn kernel_headers(&self) -> Vec<String> {
        let folders = KERNEL_FOLDERS.iter().map(|name| format!("{}{name}", self.folder));
        let found = folders.flat_map(|folder| self.files.below(&folder, ".h"));
        found.filter_map(|path| path.strip_prefix(&self.folder).map(str::to_owned)).collect()
    }
}
