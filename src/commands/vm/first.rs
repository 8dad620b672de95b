//! What a fresh guest tries first: replay files that the command names, and suspicions that the guest before it left unsettled,
//! but not those that broke guests off.

use super::ended::Ended;
use super::order::{Plan, within};
use super::packed::{Inside, Packed, WORK};
use abispec::arch::Arch;
use abispec::model::Spec;
use abispec::target::{Resolved, Target};
use abispec::version::Release;
use abispec_fuzzer::exec::Entry;
use abispec_fuzzer::pending::Pending;
use abispec_fuzzer::program::Argument;
use abispec_fuzzer::reproduce;
use std::fs;
use std::path::Path;

/// The calls of a program, by name.
pub(super) type Calls = Vec<(String, Vec<Argument>)>;

/// What comes first in guests that follow one another.
pub(super) struct First<'a> {
    spec: &'a Spec,
    plan: Option<&'a Plan>,
    /// The specification of the guests' kernel, once one has named itself.
    ports: Option<Ports>,
    /// Programs that broke guests off, as far as that is known.
    deadly: Vec<Calls>,
}

impl<'a> First<'a> {
    pub(super) fn new(spec: &'a Spec, plan: Option<&'a Plan>) -> Self {
        Self { spec, plan, ports: None, deadly: Vec::new() }
    }

    /// Learns what was running when a guest ended. True where that is a program that would come first in the next one too.
    pub(super) fn learn(&mut self, ended: &Ended, packed: &Packed) -> bool {
        let running = &ended.flown.running;
        let (Some(release), Some(_), false) = (&ended.received.release, self.plan, running.is_empty()) else {
            return false;
        };
        let left_out = |first: &Self| packed.files().filter(|file| first.leaves_out(file)).count();
        let before = left_out(self);
        self.ports = Ports::new(self.spec, release);
        self.deadly.extend(running.iter().cloned());
        left_out(self) > before
    }

    /// Whether a file of a guest is a program that the command would run first, and that broke another guest off.
    pub(super) fn leaves_out(&self, (path, text): &Inside) -> bool {
        let folder = Path::new(path).parent().and_then(|folder| folder.strip_prefix(WORK).ok());
        let corpus = self.plan.and_then(|plan| plan.corpus.as_deref());
        folder.is_some() && folder == corpus && std::str::from_utf8(text).is_ok_and(|text| self.is_deadly(text))
    }

    fn is_deadly(&self, text: &str) -> bool {
        let calls = self.ports.as_ref().and_then(|ports| ports.calls(text));
        calls.is_some_and(|calls| self.deadly.contains(&calls))
    }

    /// Moves what a guest suspected and had not settled to where the next one's files will lie, and gives what that one is to find
    /// there. What broke the guest off, and what cannot be moved, stays.
    pub(super) fn spared(&self, from: &Ended, to: &Path) -> Vec<Inside> {
        let mut spared = Vec::new();
        let Some(out) = self.plan.map(|plan| &plan.out).filter(|out| within(out)) else { return spared };
        for (path, text) in Pending::below(&from.folder.join(out)).left() {
            let Ok(place) = path.strip_prefix(&from.folder) else { continue };
            let there = to.join(place);
            let made = there.parent().map_or(Ok(()), fs::create_dir_all);
            if !self.is_deadly(&text) && made.is_ok() && fs::rename(&path, &there).is_ok() {
                spared.push((format!("{WORK}/{}", place.display()), text.into_bytes()));
            }
        }
        spared
    }
}

/// The specification as replay files name it, for each way into a kernel.
pub(super) struct Ports {
    native: Resolved,
    ia32: Resolved,
}

impl Ports {
    /// For a kernel, by its own name; of one that has none, nothing is known.
    pub(super) fn new(spec: &Spec, kernel: &str) -> Option<Self> {
        let release = Release::from_uname(kernel).ok()?;
        let resolve = |arch| abispec::resolve(spec, &Target::new(arch, release));
        Some(Self { native: resolve(Arch::NATIVE), ia32: resolve(Arch::I386) })
    }

    fn calls(&self, text: &str) -> Option<Calls> {
        let resolved = match reproduce::entry(text).ok()? {
            Entry::Native | Entry::Vdso => &self.native,
            Entry::Ia32 => &self.ia32,
        };
        let program = reproduce::read(text, resolved).ok()?.program;
        Some(program.calls.into_iter().map(|call| (resolved.calls[call.call].name.clone(), call.args)).collect())
    }
}
