//! Writes the first version of a system call's specification, as far as a kernel's source tree tells it.
//!
//! Numbers, parameters, C types, the option and layouts are what the tree states. Types, sets and errnos are proposals,
//! read off names and off the call's own code; each is marked, to be confirmed by whoever knows the call.

mod code;
mod numbers;
mod propose;
mod sets;
mod structs;
mod write;

use crate::facts::Facts;
use crate::files::Files;
use crate::headers::read_tree_headers;
use crate::tree::{Found, Tree};
use abispec::arch::{Arch, DataModel};
use abispec::model::Spec;
use abispec::suggest::nearest;
use code::Code;
use rayon::prelude::*;
use std::sync::Arc;

/// What a tree tells of one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extract {
    /// Files of a specification: paths relative to its folder, and texts. The call's own is the first.
    pub files: Vec<(String, String)>,
    /// What the author has to fill in or confirm, a line each.
    pub notes: Vec<String>,
}

/// A tree that was read for extracting from it.
pub struct Extractor<'f> {
    tree: Tree<'f>,
    files: &'f Arc<dyn Files>,
    ports: Vec<Facts>,
    /// Headers with 64-bit and 32-bit longs, where the tree has such a port.
    headers: Vec<Facts>,
}

/// Ports whose layouts stand for those of their data model: x86's 32-bit port aligns 64-bit numbers as no other does.
const LAYOUTS: &[(DataModel, &[Arch])] = &[
    (DataModel::Lp64, &[Arch::X86_64, Arch::Arm64, Arch::Riscv64]),
    (DataModel::Ilp32, &[Arch::Arm, Arch::Powerpc, Arch::MipsO32]),
];

impl<'f> Extractor<'f> {
    /// Reads a tree.
    ///
    /// # Errors
    /// When it is no kernel source tree.
    pub fn read(files: &'f Arc<dyn Files>) -> Result<Self, String> {
        let tree = Tree::read(&**files)?;
        let present: Vec<Arch> = Arch::ALL.iter().copied().filter(|arch| tree.has(*arch)).collect();
        let layouts: Vec<Arch> =
            LAYOUTS.iter().filter_map(|(_, ports)| ports.iter().copied().find(|arch| present.contains(arch))).collect();
        let (ports, headers) = rayon::join(
            || present.par_iter().map(|arch| tree.facts(*arch)).collect(),
            || layouts.par_iter().filter_map(|arch| read_tree_headers(files, *arch).ok()).collect(),
        );
        Ok(Self { tree, files, ports, headers })
    }

    /// The calls of the tree that a function serves on some port.
    pub fn names(&self) -> Vec<&str> {
        let entries = self.ports.iter().flat_map(|facts| &facts.entries);
        let served = entries.filter(|(_, fact)| fact.value.entry.is_some());
        let mut names: Vec<&str> = served.map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Writes what the tree tells of a call, with the sets, structs and resources that a specification already has.
    ///
    /// # Errors
    /// When no table of the tree has the call, or nothing in the tree defines it.
    pub fn extract(&self, name: &str, spec: &Spec) -> Result<Extract, String> {
        let root = self.files.show("");
        let Some((facts, entry)) = self.principal(name) else {
            let near = nearest(name, self.names());
            let hint = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
            return Err(format!("no table of system calls in {root} has a call `{name}`{hint}"));
        };
        let Some(found) = self.tree.definition(&entry, facts.arch) else {
            let reason = facts.why_silent(&entry).unwrap_or("no macro of the kind SYSCALL_DEFINE defines it");
            return Err(format!("{name} is in the tables of {root}, but its parameters are not known: {reason}"));
        };
        let text = self.files.text(&found.path).unwrap_or_default();
        let code = Code::of(&text, found.place);
        Ok(self.write(name, &entry, facts, &found, &code, spec))
    }

    /// The port that the call is described by, and the function behind it: x86_64 where that has the call and its
    /// definition can be read, otherwise the first that does.
    fn principal(&self, name: &str) -> Option<(&Facts, String)> {
        let served = |facts: &'_ Facts| facts.entries.get(name).and_then(|fact| fact.value.entry.clone());
        let known =
            self.ports.iter().find(|facts| served(facts).is_some_and(|entry| facts.prototypes.contains_key(&entry)));
        let facts = known.or_else(|| self.ports.iter().find(|facts| served(facts).is_some()))?;
        Some((facts, served(facts)?))
    }

    fn write(&self, name: &str, entry: &str, facts: &Facts, found: &Found, code: &Code, spec: &Spec) -> Extract {
        let mut sheet = propose::Sheet::new(spec, &self.headers, found, code);
        let params = propose::params(&mut sheet);
        let option =
            facts.options.get(entry).map(|fact| fact.value.clone()).or_else(|| facts.settled.get(entry).cloned());
        let numbers = numbers::numbers(&self.ports, name, entry, &self.tree);
        let call = write::Call {
            name,
            entry: (entry != name).then_some(entry),
            summary: found.summary.as_deref(),
            option: option.as_deref(),
            numbers: &numbers,
            params: &params,
            found,
            release: self.tree.release(),
        };
        write::write(&call, &sheet)
    }
}
