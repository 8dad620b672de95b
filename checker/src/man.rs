//! Man pages of section 2: the errors that they name, the releases in which calls and constants came, the parameters.
//!
//! Pages are written in roff with the macros of man(7). A page may stand for several calls, and several names may stand
//! for one page; each name is a call of its own here, as the specification has them.

mod errors;
mod escape;
mod history;
mod page;
mod roff;
mod synopsis;

use crate::facts::{Attribution, Fact, Facts, Parameter, Prototype, Source, WitnessKind};
use crate::files::Files;
use abispec::arch::Arch;
use abispec::version::Release;
use flate2::read::MultiGzDecoder;
use page::Page;
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::sync::Arc;

/// Bytes of a page that are read; the longest real one has 200,000.
const LONGEST: u64 = 4 << 20;
/// Names that one page may have.
const MOST_NAMES: usize = 64;
/// Pages that refer to each other are followed so far.
const DEEPEST: usize = 8;

/// A page with the name that it was found under.
struct Found {
    /// The name, without section.
    stem: String,
    /// The section, `2` or `2const`.
    section: String,
    /// How reports call its file.
    shown: Arc<str>,
    page: Page,
    /// The calls that it is about.
    calls: Vec<String>,
    errors: errors::Errors,
}

/// Reads the pages of section 2 below a folder of man pages (`/usr/share/man`, a package's files, the source of a
/// collection) or in it.
///
/// # Errors
/// When there is no such page.
pub fn read_man(files: &dyn Files, arch: Arch) -> Result<Facts, String> {
    let roots = ["", "man", "usr/share/man", "share/man"];
    let inside = |root: &&&str| !page_names(files, &within(root, "man2")).is_empty();
    let (root, folder) = match roots.iter().find(inside) {
        Some(root) => (*root, within(root, "man2")),
        None if !page_names(files, "").is_empty() => ("", String::new()),
        None => return Err(format!("{} has no man pages of section 2", files.show(""))),
    };
    let mut facts = Facts::new(WitnessKind::Man, files.show(""), arch);
    let names = page_names(files, &folder);
    let pages: Vec<_> = names
        .into_par_iter()
        .map(|(name, stem, section)| (page(files, root, &within(&folder, &name), &stem, section), stem))
        .collect();
    let mut found = Vec::new();
    for (page, stem) in pages {
        match page {
            Ok(page) => found.push(page),
            Err(reason) => facts.silence(stem, reason),
        }
    }
    facts.version = version(&found);
    state(&found, &mut facts);
    Ok(facts)
}

fn page(files: &dyn Files, root: &str, path: &str, stem: &str, section: String) -> Result<Found, String> {
    let (path, page) = page_at(files, root, path.to_owned(), 0)?;
    if !page.titled {
        return Err(format!("{} is not written with the macros of man(7)", files.show(&path)));
    }
    let mut calls = page.names();
    calls.truncate(MOST_NAMES);
    let errors = errors::errors(&page, &calls);
    Ok(Found { stem: stem.to_owned(), section, shown: Arc::from(files.show(&path)), page, calls, errors })
}

fn within(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

/// The pages of a folder: file, name and section.
fn page_names(files: &dyn Files, folder: &str) -> Vec<(String, String, String)> {
    let split = |file: String| {
        let (stem, section) = file.strip_suffix(".gz").unwrap_or(&file).rsplit_once('.')?;
        let (stem, section) = (stem.to_owned(), section.to_owned());
        matches!(section.as_str(), "2" | "2const").then_some((file, stem, section))
    };
    files.list(folder).into_iter().filter_map(split).collect()
}

/// Reads a page, and the page that it sends its reader to.
fn page_at(files: &dyn Files, root: &str, path: String, depth: usize) -> Result<(String, Page), String> {
    let shown = || files.show(&path);
    let bytes = files.read(&path).ok_or_else(|| format!("{} cannot be read", shown()))?;
    let text = text(&bytes).map_err(|why| format!("{}: {why}", shown()))?;
    let page = Page::read(&text);
    let Some(target) = page.redirect.as_ref().filter(|_| !page.titled) else { return Ok((path, page)) };
    if depth >= DEEPEST {
        return Err(format!("{}: pages refer to each other without end", shown()));
    }
    let outside = target.starts_with('/') || target.split('/').any(|part| part == "..");
    let near = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let places =
        [within(root, target), within(near, target), within(near, target.rsplit('/').next().unwrap_or(target))];
    let names = places.iter().flat_map(|place| [place.clone(), format!("{place}.gz")]);
    match names.filter(|_| !outside).find(|name| *name != path && files.read(name).is_some()) {
        Some(next) => page_at(files, root, next, depth + 1),
        None => Err(format!("{} refers to {target}, which is not there", shown())),
    }
}

fn text(bytes: &[u8]) -> Result<String, String> {
    let mut unpacked = Vec::new();
    let bytes = if bytes.starts_with(&[0x1f, 0x8b]) {
        let mut reader = MultiGzDecoder::new(bytes).take(LONGEST + 1);
        reader.read_to_end(&mut unpacked).map_err(|error| format!("it is no whole gzip file: {error}"))?;
        unpacked.as_slice()
    } else {
        bytes
    };
    if bytes.len() as u64 > LONGEST {
        return Err(format!("it is longer than {LONGEST} bytes"));
    }
    Ok(String::from_utf8_lossy(bytes).into_owned())
}

/// The number of the collection that most pages belong to.
fn version(found: &[Found]) -> Option<Release> {
    let mut counts: BTreeMap<Release, usize> = BTreeMap::new();
    for version in found.iter().filter_map(|one| one.page.version) {
        *counts.entry(version).or_default() += 1;
    }
    counts.into_iter().max_by_key(|(_, count)| *count).map(|(version, _)| version)
}

/// Turns pages into facts.
fn state(found: &[Found], facts: &mut Facts) {
    let stems: BTreeSet<&str> = found.iter().filter(|one| one.section == "2").map(|one| one.stem.as_str()).collect();
    for one in found {
        if one.section == "2" {
            state_call(&one.stem, one, facts);
            // Names that have no file of their own.
            for call in one.calls.iter().filter(|call| !stems.contains(call.as_str())) {
                if !facts.families.contains_key(call.as_str()) {
                    state_call(call, one, facts);
                }
            }
        }
    }
    // A command's page is about the call that its declaration shows.
    for one in found.iter().filter(|one| one.section == "2const") {
        let declared = synopsis::declarations(&one.page);
        let calls: BTreeSet<&str> = declared.iter().map(|one| one.name.as_str()).collect();
        for call in calls.into_iter().filter(|call| stems.contains(call)) {
            let errnos = facts.errnos.entry(call.to_owned()).or_default();
            for named in one.errors.named.iter().filter(|named| named.foreign.is_none()) {
                note(errnos, &named.errno, Attribution::Marked, Source::line(one.shown.clone(), named.line, 1));
            }
            state_constants(call, one, facts);
        }
    }
    follow(found, facts);
}

/// States what a page says about one of its calls, or about a name that stands for one.
fn state_call(name: &str, one: &Found, facts: &mut Facts) {
    let stands_for = stands_for(name, &one.calls);
    facts.families.insert(name.to_owned(), one.calls.clone());
    let source = |line| Source::line(one.shown.clone(), line, 1);
    if one.errors.stated {
        let several = |call: &String| one.calls.first().is_some_and(|first| !is_or_wraps(first, call));
        let single = !one.calls.iter().skip(1).any(several);
        if let Some(line) = one.errors.open {
            facts.open.insert(name.to_owned(), source(line));
        }
        let errnos = facts.errnos.entry(name.to_owned()).or_default();
        let mut foreign = BTreeMap::new();
        for named in &one.errors.named {
            let attribution = match (named.calls.is_empty(), stands_for) {
                _ if single => Attribution::Single,
                (true, _) => Attribution::Shared,
                (false, Some(call)) if named.calls.iter().any(|said_of| is_or_wraps(said_of, call)) => {
                    Attribution::Marked
                }
                (false, Some(call)) if named.general && !one.errors.listed.contains(call) => Attribution::Shared,
                (false, _) => continue,
            };
            match named.foreign {
                None => note(errnos, &named.errno, attribution, source(named.line)),
                Some(reason) => drop(foreign.insert(named.errno.clone(), reason)),
            }
        }
        foreign.retain(|errno, _| !errnos.contains_key(errno));
        for (errno, reason) in foreign {
            facts.silence(format!("{name}.{errno}"), reason);
        }
    }
    let mut named = one.calls.clone();
    if !named.iter().any(|call| call == name) {
        named.push(name.to_owned());
    }
    if let Some(came) = history::calls(&one.page, &named).into_iter().find(|came| came.name == name) {
        facts.since.insert(name.to_owned(), Fact::new(came.release, source(came.line)));
    }
    state_constants(name, one, facts);
    let declared = synopsis::declarations(&one.page);
    let own = declared
        .iter()
        .find(|one| one.name == name && one.raw)
        .or_else(|| declared.iter().find(|one| one.name == name));
    match own {
        None => facts.silence(name, "the page does not declare it"),
        Some(own)
            if declared
                .iter()
                .any(|one| one.name == own.name && one.raw == own.raw && one.params.len() != own.params.len()) =>
        {
            facts.silence(name, "the page declares several forms of it");
        }
        Some(own) if own.variadic => facts.silence(name, "the C library's function takes a list of any length"),
        Some(own) if !own.raw && synopsis::differs_from_library(&one.page, name) => {
            facts.silence(name, "the page declares the C library's function, and says that the system call differs");
        }
        Some(own) => {
            let parameter =
                |(kind, name): &(String, String)| Parameter { name: name.clone(), c_type: Ok(kind.clone()) };
            let prototype = Prototype { params: own.params.iter().map(parameter).collect() };
            facts.prototypes.insert(name.to_owned(), Fact::new(prototype, source(own.line)));
        }
    }
}

fn state_constants(call: &str, one: &Found, facts: &mut Facts) {
    for came in history::constants(&one.page) {
        let fact = Fact::new(came.release, Source::line(one.shown.clone(), came.line, 1));
        facts.since.entry(format!("{call}.{}", came.name)).or_insert(fact);
    }
}

/// The call of a page that a name is: itself, or the one of which it is a variant, `eventfd` for `eventfd2`.
fn stands_for<'a>(name: &str, calls: &'a [String]) -> Option<&'a str> {
    let calls = calls.iter().map(String::as_str);
    let (own, only) = (calls.clone().find(|call| *call == name), calls.clone().next().filter(|_| calls.len() == 1));
    let part = || calls.filter(|call| call.len() > 2 && name.contains(call)).max_by_key(|call| call.len());
    own.or(only).or_else(part)
}

/// Whether a page that speaks of one name means another: of a call and of the C library's function for it.
fn is_or_wraps(name: &str, call: &str) -> bool {
    name == call || call.strip_prefix("rt_") == Some(name) || name.strip_prefix("rt_") == Some(call)
}

/// Notes an errno of a call; the surer of two statements stays.
fn note(errnos: &mut BTreeMap<String, Fact<Attribution>>, errno: &str, attribution: Attribution, source: Source) {
    // The order of the attributions is that of their sureness, the surest first.
    if errnos.get(errno).is_none_or(|known| attribution < known.value) {
        errnos.insert(errno.to_owned(), Fact::new(attribution, source));
    }
}

/// Adds the errors of pages that a page refers to. They are only probable: which of them can occur is not said.
fn follow(found: &[Found], facts: &mut Facts) {
    for _ in 0..DEEPEST {
        let (mut more, mut open) = (Vec::new(), Vec::new());
        for one in found {
            let stands_for = stands_for(&one.stem, &one.calls);
            for reference in &one.errors.references {
                let about = reference.calls.is_empty() || stands_for.is_some_and(|call| reference.calls.contains(call));
                let theirs = facts.errnos.get(&reference.page).filter(|_| about && reference.page != one.stem);
                if theirs.is_some() && facts.open.contains_key(&reference.page) && !facts.open.contains_key(&one.stem) {
                    open.push((one.stem.clone(), Source::line(one.shown.clone(), reference.line, 1)));
                }
                for errno in theirs.into_iter().flat_map(BTreeMap::keys) {
                    if facts.errnos.get(&one.stem).is_some_and(|own| !own.contains_key(errno)) {
                        more.push((
                            one.stem.clone(),
                            errno.clone(),
                            Source::line(one.shown.clone(), reference.line, 1),
                        ));
                    }
                }
            }
        }
        if more.is_empty() && open.is_empty() {
            return;
        }
        facts.open.extend(open);
        for (call, errno, source) in more {
            note(facts.errnos.entry(call).or_default(), &errno, Attribution::Referred, source);
        }
    }
}
