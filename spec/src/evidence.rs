//! What a fuzzing run has exercised, as it leaves it in a file and `abispec list --coverage` reads it.

use crate::target::{Clause, ClauseId, ClauseKind, Resolved};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The clauses that a run has exercised.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// The layout's version, [`Evidence::VERSION`].
    pub version: u32,
    /// The kernel's release.
    pub kernel: String,
    /// The port.
    pub arch: String,
    /// What was exercised.
    pub clauses: Vec<Exercised>,
}

impl Evidence {
    /// The version of the layout that this crate reads and writes.
    pub const VERSION: u32 = 1;

    /// The clauses that `times` has seen at least once.
    pub fn new(resolved: &Resolved, times: impl Fn(ClauseId) -> u64) -> Self {
        let ids = (0..).map(ClauseId).zip(&resolved.clauses);
        let seen = ids.map(|(id, clause)| Exercised { clause: ClauseKey::of(clause), times: times(id) });
        Self {
            version: Self::VERSION,
            kernel: resolved.target.release.to_string(),
            arch: resolved.target.arch.name().to_owned(),
            clauses: seen.filter(|one| one.times > 0).collect(),
        }
    }

    /// How often each clause of a resolved specification was exercised. Clauses that no longer exist are left out.
    pub fn counts(&self, resolved: &Resolved) -> BTreeMap<ClauseId, u64> {
        let seen: BTreeMap<&ClauseKey, u64> = self.clauses.iter().map(|one| (&one.clause, one.times)).collect();
        let ids = (0..).map(ClauseId).zip(&resolved.clauses);
        ids.filter_map(|(id, clause)| seen.get(&ClauseKey::of(clause)).map(|times| (id, *times))).collect()
    }
}

/// A clause and how often it was exercised.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exercised {
    /// The clause.
    pub clause: ClauseKey,
    /// How often.
    pub times: u64,
}

/// What names a clause across runs and edits: ids and places change when a file does.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClauseKey {
    /// The system call.
    pub syscall: String,
    /// The command, for calls that multiplex.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub command: Option<String>,
    /// What sort of promise it is.
    pub kind: ClauseKind,
    /// The errno of an error rule.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub errno: Option<String>,
    /// The clause as text.
    pub text: String,
}

impl ClauseKey {
    /// The key of a clause.
    pub fn of(clause: &Clause) -> Self {
        Self {
            syscall: clause.syscall.clone(),
            command: clause.command.clone(),
            kind: clause.kind,
            errno: clause.errno.map(|errno| errno.name().to_owned()),
            text: clause.text.clone(),
        }
    }
}
