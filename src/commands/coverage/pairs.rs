//! The errors that man pages name, and whether the specification decides about each.

use crate::failure::Failure;
use crate::known;
use abispec::arch::Arch;
use abispec::errno::Errno;
use abispec::model::Spec;
use abispec_checker::errnos::Errnos;
use abispec_checker::facts::Attribution;
use abispec_checker::files::Folder;
use abispec_checker::man::read_man;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// How the known mistakes of pages are reported by `abispec check`.
const MISTAKE: &str = "errno-unspecified";

/// An error that a page names for a call.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Pair {
    call: String,
    errno: String,
    page: String,
    scope: Attribution,
}

/// All of them.
pub(super) struct Pairs {
    pairs: Option<Vec<Pair>>,
}

/// How many errors of pages there are, and how many are decided, by scope: single, marked, shared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// All, by scope.
    pub(super) all: [usize; 3],
    /// Those with a rule.
    pub(super) ruled: [usize; 3],
    /// Those that are known mistakes of their page.
    pub(super) mistaken: [usize; 3],
    /// Those that another call of the page has a rule for.
    pub(super) others: [usize; 3],
}

impl Counts {
    /// Adds those of another call.
    pub(super) fn add(&mut self, other: &Self) {
        let columns = [
            (&mut self.all, other.all),
            (&mut self.ruled, other.ruled),
            (&mut self.mistaken, other.mistaken),
            (&mut self.others, other.others),
        ];
        for (mine, theirs) in columns {
            mine.iter_mut().zip(theirs).for_each(|(mine, theirs)| *mine += theirs);
        }
    }

    /// Those that are decided, by scope.
    pub(super) fn decided(&self) -> [usize; 3] {
        [0, 1, 2].map(|scope| self.ruled[scope] + self.mistaken[scope] + self.others[scope])
    }
}

/// What the specification says of each.
#[derive(Default)]
pub(super) struct Decided {
    /// By call.
    pub(super) counts: BTreeMap<String, Counts>,
    /// Those that nothing decides: call, errno, page.
    pub(super) undecided: Vec<(String, String, String)>,
}

impl Decided {
    /// Of all calls.
    pub(super) fn total(&self) -> Counts {
        let mut total = Counts::default();
        self.counts.values().for_each(|counts| total.add(counts));
        total
    }
}

impl Pairs {
    /// Reads a list, or pages.
    ///
    /// # Errors
    /// When what was named cannot be read.
    pub(super) fn read(list: Option<&Path>, pages: Option<&Path>, arch: Arch) -> Result<Self, Failure> {
        let pairs = match (list, pages) {
            (Some(list), _) => Some(from_list(list)?),
            (None, Some(pages)) => Some(from_pages(pages, arch)?),
            (None, None) => None,
        };
        Ok(Self { pairs })
    }

    /// Whether pages were asked for at all.
    pub(super) fn asked(&self) -> bool {
        self.pairs.is_some()
    }

    /// Looks each up.
    ///
    /// # Errors
    /// When the list of known mistakes is broken.
    pub(super) fn decide(&self, spec: &Spec, errnos: &Errnos<'_>) -> Result<Decided, Failure> {
        let known = known::read(None)?;
        let mistakes: BTreeSet<&str> = known
            .entries()
            .iter()
            .filter(|entry| entry.id == MISTAKE)
            .flat_map(|entry| entry.subjects.iter().map(|(subject, _)| subject.as_str()))
            .collect();
        let mut families: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for pair in self.pairs.iter().flatten() {
            families.entry(&pair.page).or_default().insert(&pair.call);
        }
        let has = |call: &str, errno: &str| {
            Errno::from_alias(errno).is_some_and(|errno| errnos.get(call).is_some_and(|all| all.contains_key(&errno)))
        };
        let mut decided = Decided::default();
        for pair in self.pairs.iter().flatten() {
            let scope = match pair.scope {
                Attribution::Single => 0,
                Attribution::Marked => 1,
                Attribution::Shared => 2,
                Attribution::Referred => continue,
            };
            let counts = decided.counts.entry(pair.call.clone()).or_default();
            counts.all[scope] += 1;
            let family = families.get(pair.page.as_str());
            let whole = family.is_some_and(|family| family.iter().all(|call| spec.syscalls.contains_key(*call)));
            let other = || whole && family.is_some_and(|family| family.iter().any(|call| has(call, &pair.errno)));
            let own = Errno::from_alias(&pair.errno).map_or(pair.errno.as_str(), |errno| errno.name());
            let described = spec.syscalls.contains_key(&pair.call);
            if has(&pair.call, &pair.errno) {
                counts.ruled[scope] += 1;
            } else if mistakes.contains(format!("{}.{}", pair.call, own).as_str()) {
                counts.mistaken[scope] += 1;
            } else if pair.scope == Attribution::Shared && described && other() {
                counts.others[scope] += 1;
            } else {
                decided.undecided.push((pair.call.clone(), pair.errno.clone(), pair.page.clone()));
            }
        }
        Ok(decided)
    }
}

fn from_list(path: &Path) -> Result<Vec<Pair>, Failure> {
    let failed = |why: String| {
        Failure::new("the list of errors could not be read").at(path.display().to_string()).why(why).help(
            "each line holds a call, an errno, a page, and single, marked or shared, with one tab between two of them",
        )
    };
    let text = fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
    let mut pairs = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let fields: Vec<&str> = line.split('\t').collect();
        let [call, errno, page, scope] = fields[..] else {
            return Err(failed(format!("line {} has {} fields", index + 1, fields.len())));
        };
        let scope = match scope {
            "single" => Attribution::Single,
            "marked" => Attribution::Marked,
            "shared" => Attribution::Shared,
            "scope" if index == 0 => continue,
            other => return Err(failed(format!("line {}: `{other}` is no scope", index + 1))),
        };
        let page = page.split('.').next().unwrap_or(page);
        pairs.push(Pair { call: call.to_owned(), errno: errno.to_owned(), page: page.to_owned(), scope });
    }
    Ok(pairs)
}

fn from_pages(folder: &Path, arch: Arch) -> Result<Vec<Pair>, Failure> {
    let facts = read_man(&Folder(folder.to_path_buf()), arch).map_err(|why| {
        Failure::new("the man pages could not be read")
            .why(why)
            .help("--man takes a folder that holds man2/, or pages of section 2")
    })?;
    let mut pairs = Vec::new();
    for (call, errnos) in &facts.errnos {
        // Calls that are described together have one page; the first of them names it.
        let page = facts.families.get(call).and_then(|family| family.first()).unwrap_or(call);
        for (errno, fact) in errnos {
            pairs.push(Pair { call: call.clone(), errno: errno.clone(), page: page.clone(), scope: fact.value });
        }
    }
    Ok(pairs)
}
