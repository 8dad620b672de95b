//! Every header that is read, taken apart once for all ports and kept for good.
//!
//! Headers are read side by side, in groups with texts of their own, and numbered afterwards in their order, so that
//! nothing depends on which of them was done first.

use super::file::{HeaderFile, HeaderPlace, Macro, Part, Target, define};
use super::lex::{Kind, Token, lex};
use super::shelf::Shelf;
use super::symbol::{KNOWN_TEXTS, Sym, Texts, sym};
use rayon::prelude::*;
use std::collections::{BTreeSet, HashMap};
use std::path::Path;

/// The headers of several search paths.
pub(crate) struct Stock {
    shelves: Vec<Shelf>,
    files: Vec<HeaderFile>,
    /// What was looked for: where it is, by name and shelf.
    places: HashMap<Box<str>, Vec<(usize, Option<u16>)>>,
    /// The texts of all tokens.
    pub(crate) texts: Texts,
    /// How many macros all headers define.
    pub(crate) macros: u32,
    /// How often each name is defined, by its number.
    defined: Vec<u8>,
}

/// A header by its shelf and name.
pub(crate) type Place = (usize, String);

/// Largest header, in bytes.
const LARGEST: usize = 8 << 20;
/// Most headers.
const MOST: u16 = u16::MAX - 1;
/// Headers that are read together.
const GROUP: usize = 24;

/// Headers of one group, their tokens in the group's own texts.
struct Group {
    texts: Texts,
    headers: Vec<(Place, Option<Lexed>)>,
}

/// The tokens of a header, or why it is not read.
type Lexed = Result<Vec<Token>, &'static str>;

/// A header that waits for its number in the stock's texts.
struct Job {
    number: u16,
    place: Place,
    lexed: Lexed,
    group: usize,
}

impl Stock {
    /// An empty stock of these shelves.
    pub(crate) fn new(shelves: Vec<Shelf>) -> Self {
        Self { shelves, files: Vec::new(), places: HashMap::new(), texts: Texts::new(), macros: 0, defined: Vec::new() }
    }

    /// A shelf by its number.
    pub(crate) fn shelf(&self, number: usize) -> Option<&Shelf> {
        self.shelves.get(number)
    }

    /// Every header, in the order of their numbers.
    pub(crate) fn files(&self) -> &[HeaderFile] {
        &self.files
    }

    /// Whether a name may be defined at more than one place; it is counted where macros, enumerations and structs are
    /// written, and what macros make is not counted.
    pub(crate) fn may_be_several(&self, name: Sym) -> bool {
        self.defined.get(name.index()).is_none_or(|count| *count != 1)
    }

    fn count_definitions(&mut self, first: usize) {
        self.defined.resize(self.texts.len(), 0);
        let mut note = |name: Sym| {
            if let Some(count) = self.defined.get_mut(name.index()) {
                *count = count.saturating_add(1);
            }
        };
        for file in self.files.iter().skip(first) {
            for part in &file.parts {
                if let Part::Define(definition) = part {
                    note(definition.name);
                }
            }
            declared_names(&file.tokens, &mut note);
        }
    }

    /// How many headers there are, and how many tokens they have.
    pub(crate) fn size(&self) -> (usize, usize) {
        (self.files.len(), self.files.iter().map(|file| file.tokens.len()).sum())
    }

    /// A header by its number.
    pub(crate) fn file(&self, number: u16) -> Option<&HeaderFile> {
        self.files.get(usize::from(number))
    }

    /// Where a header is on a shelf: `None` when it was not looked for yet, `Some(None)` when there is none.
    pub(crate) fn find(&self, shelf: usize, name: &str) -> Option<Option<&HeaderFile>> {
        let (_, number) = self.places.get(name)?.iter().find(|(on, _)| *on == shelf)?;
        Some(number.and_then(|number| self.file(number)))
    }

    /// Reads headers, and what they include along any of the search paths.
    pub(crate) fn read(&mut self, wanted: BTreeSet<Place>, paths: &[Vec<usize>]) {
        let mut wanted = wanted;
        while !wanted.is_empty() {
            let first = self.files.len();
            self.read_these(wanted);
            wanted = self.included(first, paths);
        }
    }

    /// What the headers from number `first` on may include and was not looked for.
    fn included(&self, first: usize, paths: &[Vec<usize>]) -> BTreeSet<Place> {
        let mut wanted = BTreeSet::new();
        for file in self.files.iter().skip(first) {
            for part in &file.parts {
                let Part::Include { target, .. } = part else { continue };
                let name = match target {
                    Target::Angle(name) => name,
                    Target::Quote(name) => {
                        let beside = beside(&file.name, name);
                        if self.find(file.folder, &beside).is_none() {
                            wanted.insert((file.folder, beside));
                        }
                        name
                    }
                    Target::Computed(_) | Target::Broken => continue,
                };
                for shelf in paths.iter().filter(|path| path.contains(&file.folder)).flatten() {
                    if self.find(*shelf, name).is_none() {
                        wanted.insert((*shelf, name.to_string()));
                    }
                }
            }
        }
        wanted
    }

    fn read_these(&mut self, wanted: BTreeSet<Place>) {
        let wanted: Vec<Place> = wanted.into_iter().filter(|(shelf, name)| self.find(*shelf, name).is_none()).collect();
        let shelves = &self.shelves;
        let groups: Vec<Group> = wanted.par_chunks(GROUP).map(|places| read_group(places, shelves)).collect();
        let first = self.files.len();
        let mut numbers: Vec<Vec<Sym>> = Vec::with_capacity(groups.len());
        let mut jobs = Vec::new();
        for (group, Group { texts, headers }) in groups.into_iter().enumerate() {
            let shared =
                |(number, text)| if number < KNOWN_TEXTS { Sym(number as u32) } else { self.texts.intern(text) };
            numbers.push(texts.all().enumerate().map(shared).collect());
            for (place, lexed) in headers {
                let number = u16::try_from(first + jobs.len()).ok().filter(|number| *number < MOST);
                let header = lexed.zip(number);
                let known = self.places.entry(place.1.as_str().into()).or_default();
                known.push((place.0, header.as_ref().map(|(_, number)| *number)));
                if let Some((lexed, number)) = header {
                    jobs.push(Job { number, place, lexed, group });
                }
            }
        }
        let texts = &self.texts;
        let files: Vec<HeaderFile> = jobs.into_par_iter().map(|job| finish(job, &numbers, shelves, texts)).collect();
        self.files.extend(files);
        for part in self.files.iter_mut().skip(first).flat_map(|file| &mut file.parts) {
            if let Part::Define(definition) = part {
                definition.number = self.macros;
                self.macros += 1;
            }
        }
        self.count_definitions(first);
    }

    /// The definitions that a compiler makes before the first line, one `NAME VALUE` a line.
    pub(crate) fn predefine(&mut self, text: &str) -> Vec<Macro> {
        let tokens = lex(text, u16::MAX, false, &mut self.texts);
        let lines = tokens.chunk_by(|_, next| !next.first);
        lines.filter_map(|line| define(line).ok()).collect()
    }
}

/// The names of structs, unions and constants of enumerations where they are written.
fn declared_names(tokens: &[Token], note: &mut dyn FnMut(Sym)) {
    let mut listing = false;
    for (at, token) in tokens.iter().enumerate() {
        let next = |by: usize| tokens.get(at + by);
        let opens = |token: Option<&Token>| token.is_some_and(|token| token.is(sym::BRACE_OPEN));
        match token.sym {
            sym::STRUCT | sym::UNION if opens(next(2)) => next(1).into_iter().for_each(|name| note(name.sym)),
            sym::ENUM => listing = true,
            sym::BRACE_CLOSE | sym::SEMICOLON => listing = false,
            sym::BRACE_OPEN | sym::COMMA if listing => {
                next(1).filter(|name| name.kind == Kind::Name).into_iter().for_each(|name| note(name.sym));
            }
            _ => {}
        }
    }
}

fn read_group(places: &[Place], shelves: &[Shelf]) -> Group {
    let mut texts = Texts::new();
    let read = |(shelf, name): &Place| {
        let on = shelves.get(*shelf);
        let lexed = on.and_then(|on| on.text(name).map(|text| (on, text))).map(|(on, text)| {
            if text.len() > LARGEST {
                return Err("the file is larger than 8 MiB");
            }
            Ok(lex(&text, 0, on.is_source(), &mut texts))
        });
        ((*shelf, name.clone()), lexed)
    };
    let headers = places.iter().map(read).collect();
    Group { texts, headers }
}

fn finish(job: Job, numbers: &[Vec<Sym>], shelves: &[Shelf], texts: &Texts) -> HeaderFile {
    let Job { number, place: (folder, name), lexed, group } = job;
    let shelf = shelves.get(folder);
    let path = shelf.map(|shelf| shelf.path(&name)).unwrap_or_default();
    let (kernel, source) = shelf.map_or((false, false), |shelf| (shelf.is_kernel(&name), shelf.is_source()));
    let place = HeaderPlace { path: path.into(), name: name.into(), folder, kernel, source };
    match lexed {
        Err(reason) => HeaderFile::refused(reason, number, place),
        Ok(mut tokens) => {
            let numbers = numbers.get(group).map_or(&[][..], Vec::as_slice);
            for token in &mut tokens {
                token.sym = numbers.get(token.sym.index()).copied().unwrap_or(token.sym);
                token.at.file = number;
            }
            HeaderFile::new(tokens, number, place, texts)
        }
    }
}

/// The name of a header that `name` in quotes means beside the one that includes it.
pub(crate) fn beside(includer: &str, name: &str) -> String {
    let path = Path::new(includer).parent().map(|parent| parent.join(name));
    path.as_deref().and_then(Path::to_str).map_or_else(|| name.to_owned(), normal)
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
