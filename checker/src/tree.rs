//! A kernel's source tree: its tables of system calls, what it defines them with, and when it builds them.
//!
//! The tree is read once; what it states is then told for each port. Nothing is compiled or configured: what depends on
//! a choice that the port leaves open is silent, with the reason.

mod define;
mod doc;
mod facts;
mod find;
mod generic;
mod guard;
mod kbuild;
mod kconfig;
mod kernel;
mod lex;
pub mod ports;
mod renamed;
pub mod table;
mod text;
mod witnesses;

/// C source as tokens with their places.
pub(crate) mod source {
    pub(crate) use super::lex::{Kind, lex};
    pub(crate) use super::text::Text;
}

use crate::facts::{Claim, Facts, Position, Source};
use crate::files::Files;
use abispec::arch::Arch;
use abispec::version::Release;
pub(crate) use facts::option_of;
use find::Defined;
use kconfig::Options;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
pub use witnesses::{OfPort, Parts, witnesses_of_tree};

/// A kernel's source tree that was read.
pub struct Tree<'f> {
    files: &'f dyn Files,
    release: Claim<Release>,
    /// Definitions by the function's whole name: `sys_openat`, `compat_sys_openat`.
    definitions: BTreeMap<String, Vec<Defined>>,
    /// Functions that answer ENOSYS where nothing defines them.
    weak: BTreeSet<String>,
    options: Options,
    folders: BTreeSet<String>,
}

impl<'f> Tree<'f> {
    /// Reads a tree.
    ///
    /// # Errors
    /// When it is no kernel source tree: no top Makefile with a release, or no folder `arch`.
    pub fn read(files: &'f dyn Files) -> Result<Self, String> {
        let root = files.show("");
        let Some(makefile) = files.text("Makefile") else {
            return Err(format!("{root} is no kernel source tree: it has no Makefile"));
        };
        let folders: Vec<String> =
            files.list("arch").iter().filter_map(|name| name.strip_suffix('/')).map(str::to_owned).collect();
        if folders.is_empty() {
            return Err(format!("{root} is no kernel source tree: it has no folder arch/"));
        }
        let release = match release(&makefile) {
            Some(value) => {
                Claim::Says { value, source: Source { file: Arc::from(files.show("Makefile")), at: Position::Whole } }
            }
            None => {
                return Err(format!("{root} is no kernel source tree: its Makefile names no VERSION and PATCHLEVEL"));
            }
        };
        let names: Vec<&str> = folders.iter().map(String::as_str).collect();
        let (options, (definitions, weak)) =
            rayon::join(|| Options::read(files, &names), || find::definitions(files, &names));
        let folders = folders.iter().cloned().collect();
        Ok(Self { files, release, definitions, weak, options, folders })
    }

    /// The release that its top Makefile names.
    pub fn release(&self) -> Option<Release> {
        self.release.value().copied()
    }

    /// Whether it holds a port at all.
    pub fn has(&self, arch: Arch) -> bool {
        self.folders.contains(ports::home(arch).folder)
    }

    /// The definition of a function (by the name behind `sys_`) that a port's kernel is built with.
    pub(crate) fn definition(&self, entry: &str, arch: Arch) -> Option<Found> {
        let port = kernel::Port::new(self.files, &self.options, arch);
        let own = format!("arch/{}/", port.home.folder);
        let all = self.definitions.get(&facts::function(entry))?;
        let possible = all.iter().filter(|one| {
            (!one.path.starts_with("arch/") || one.path.starts_with(&own))
                && !one.absent
                && one.definition.params.is_ok()
                && one.built.settled(&port) != Some(false)
        });
        let found = possible.min_by_key(|one| one.built.holds(&kernel::Generous(&port)) != Some(true))?;
        Some(Found {
            path: found.path.to_string(),
            place: found.definition.place,
            params: found.definition.params.clone().ok()?,
            summary: found.promises.summary.clone(),
            errnos: found.promises.errnos.iter().map(|(name, _)| name.clone()).collect(),
            capabilities: found.promises.capabilities.clone(),
        })
    }

    /// Whether a function is a port's own: nothing outside `arch/` defines it.
    pub(crate) fn is_ports_own(&self, entry: &str) -> bool {
        let all = self.definitions.get(&facts::function(entry)).map(Vec::as_slice).unwrap_or_default();
        all.iter().all(|one| one.path.starts_with("arch/"))
    }

    /// What it states about a port.
    pub fn facts(&self, arch: Arch) -> Facts {
        facts::facts(self, arch)
    }
}

/// A definition, as whoever describes the call needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// The file's path in the tree.
    pub(crate) path: String,
    /// Line and column of the macro.
    pub(crate) place: (u32, u32),
    /// C type and name of each parameter.
    pub(crate) params: Vec<(String, String)>,
    /// What its comment says that it does, in a line.
    pub(crate) summary: Option<String>,
    /// The errnos that its comment promises.
    pub(crate) errnos: Vec<String>,
    /// The capabilities that its comment names.
    pub(crate) capabilities: Vec<String>,
}

/// The release in the top Makefile.
fn release(makefile: &str) -> Option<Release> {
    let value = |name: &str| {
        let lines = makefile.lines().take(200);
        let mut values = lines.filter_map(|line| line.split_once('=')).filter(|(left, _)| left.trim() == name);
        values.next()?.1.trim().parse().ok()
    };
    Some(Release { major: value("VERSION")?, minor: value("PATCHLEVEL")?, patch: value("SUBLEVEL").unwrap_or(0) })
}
