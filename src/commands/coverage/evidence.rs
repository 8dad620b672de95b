//! What fuzzing runs were seen to meet, from the files that they leave.

use crate::evidence;
use crate::failure::Failure;
use abispec::evidence::ClauseKey;
use abispec::model::Spec;
use abispec::target::{Clause, ClauseKind};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// The clauses that were seen, by kernel.
#[derive(Debug, Default)]
pub(super) struct Seen {
    kernels: BTreeMap<String, BTreeSet<ClauseKey>>,
}

impl Seen {
    /// Reads the files of several runs.
    ///
    /// # Errors
    /// When one of them cannot be read, or is of another layout.
    pub(super) fn read(files: &[PathBuf], spec: &Spec) -> Result<Self, Failure> {
        let mut seen = Self::default();
        for file in files {
            let evidence = evidence::read(file)?;
            let kernel = seen.kernels.entry(short(&evidence.kernel)).or_default();
            let known = |one: &ClauseKey| spec.syscalls.contains_key(&one.syscall);
            let rule = |one: &ClauseKey| matches!(one.kind, ClauseKind::When | ClauseKind::May);
            kernel.extend(evidence.clauses.into_iter().map(|one| one.clause).filter(|one| known(one) && rule(one)));
        }
        Ok(seen)
    }

    /// The kernels, oldest first.
    pub(super) fn kernels(&self) -> Vec<String> {
        let mut kernels: Vec<String> = self.kernels.keys().cloned().collect();
        kernels
            .sort_by_key(|kernel| kernel.split('.').map(|part| part.parse::<u32>().unwrap_or(0)).collect::<Vec<_>>());
        kernels
    }

    /// Whether some run has seen a clause.
    pub(super) fn anywhere(&self, clause: &Clause) -> bool {
        let key = ClauseKey::of(clause);
        self.kernels.values().any(|seen| seen.contains(&key))
    }

    /// How many error rules of a call each kernel has shown.
    pub(super) fn by_kernel(&self, call: &str) -> BTreeMap<String, usize> {
        let count = |seen: &BTreeSet<ClauseKey>| seen.iter().filter(|one| one.syscall == call).count();
        self.kernels.iter().map(|(kernel, seen)| (kernel.clone(), count(seen))).collect()
    }
}

/// Release and patch level without what follows: runs on two builds of one release are put together.
fn short(kernel: &str) -> String {
    kernel.split('.').take(2).collect::<Vec<_>>().join(".")
}
