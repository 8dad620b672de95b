//! The engine that makes calls, before a jury of mutants.

use crate::failure::Failure;
use abispec::finding::Finding;
use abispec::model::Spec;
use abispec::place::Place;
use abispec::target::{Call, Resolved, Target};
use abispec_checker::facts::Facts;
use abispec_fuzzer::campaign::{self, Options, Progress};
use abispec_fuzzer::confirm::Confirmed;
use abispec_fuzzer::exec::FileSystem;
use abispec_fuzzer::findings;
use abispec_fuzzer::habitat::Habitat;
use abispec_fuzzer::jury::Jury;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What became of a mutant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// An engine reported what it does not report of the specification itself.
    Killed {
        /// The engine.
        by: &'static str,
        /// What it reported.
        how: String,
    },
    /// Nobody noticed: in so many calls of which it says something else, another clause decided.
    Hidden(u32),
    /// Nobody noticed, for what this says.
    Survived(Missed),
    /// The changed clause cannot be exercised here.
    NotExecutable(String),
    /// The run was ended first.
    Interrupted,
}

/// What a run lacked to notice a mutant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missed {
    /// A witness states what it changes, and the checker does not compare it.
    Witness,
    /// No call showed the clause at all.
    Clause,
    /// Calls showed the clause, and none was one of which the mutant says something else.
    Difference,
    /// So few calls were, and were judged alike.
    Few(u32),
}

impl fmt::Display for Missed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Witness => f.write_str("the checker does not compare what a witness states of it"),
            Self::Clause => f.write_str("no call showed the clause"),
            Self::Difference => f.write_str("no call is known to be one of which it says something else"),
            Self::Few(calls) => write!(f, "the {calls} call(s) of which it says something else are judged alike"),
        }
    }
}

/// The engines, and what they are given.
pub(crate) struct Trials<'a> {
    pub(super) spec: &'a Spec,
    pub(super) target: Target,
    pub(super) resolved: Arc<Resolved>,
    pub(super) facts: Vec<Facts>,
    pub(super) checks: Checks,
    /// The file systems that this machine has for work directories.
    file_systems: Vec<FileSystem>,
    pub(super) effort: Effort,
    /// How many work side by side.
    pub(super) workers: usize,
    stop: Arc<AtomicBool>,
    /// Where divergences are saved.
    out: PathBuf,
}

/// What names a mutant in all calls that share it.
pub(super) type Name = (Place, String);

/// What the checker found out about mutants.
#[derive(Default)]
pub(super) struct Checks(Mutex<BTreeMap<Name, Option<String>>>);

impl Checks {
    /// What was found out about a mutant, or is now.
    pub(super) fn of(&self, name: Name, find: impl FnOnce() -> Option<String>) -> Option<String> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&name).cloned();
        known.unwrap_or_else(|| {
            let found = find();
            self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(name, found.clone());
            found
        })
    }
}

/// How hard the fuzzer tries. Calls are what counts: a busy machine must not let mutants live.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    /// Longest time for a batch of mutants.
    pub(crate) time: Duration,
    /// Most calls for each mutant of a batch.
    pub(crate) calls: u64,
    /// A batch is over when for so long no mutant was noticed.
    pub(crate) patience: Duration,
    /// Where programs come from.
    pub(crate) seed: u64,
}

impl<'a> Trials<'a> {
    /// Prepares the engines.
    pub(crate) fn new(
        spec: &'a Spec,
        target: Target,
        facts: Vec<Facts>,
        file_systems: Vec<FileSystem>,
        effort: Effort,
        workers: usize,
        stop: Arc<AtomicBool>,
    ) -> Self {
        let (resolved, checks) = (Arc::new(abispec::resolve(spec, &target)), Checks::default());
        let out = PathBuf::from("abispec-findings");
        Self { spec, target, resolved, facts, checks, file_systems, effort, workers, stop, out }
    }

    /// Where divergences that there are without any change are saved.
    pub(crate) fn saving_below(self, out: PathBuf) -> Self {
        Self { out, ..self }
    }

    /// Every kind of sandbox in which calls are heard.
    pub(super) fn habitats(&self) -> Vec<Habitat> {
        Habitat::of_every_kind(&self.file_systems, false)
    }

    /// The unchanged specification for this machine.
    pub(crate) fn resolved(&self) -> &Resolved {
        &self.resolved
    }

    /// Whether the run was told to end.
    pub(crate) fn interrupted(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Makes calls as they are specified, before a jury of mutants. Gives the divergences that there are without any change, saved
    /// as those of the fuzzer are: no mutant is blamed for them.
    pub(super) fn hear(&self, syscalls: &BTreeSet<String>, jury: Arc<Jury>) -> Result<Vec<Finding>, Failure> {
        let options = Options {
            time: Some(self.effort.time),
            calls: Some(self.effort.calls.saturating_mul(jury.sitting() as u64)),
            seed: self.effort.seed,
            workers: self.workers,
            jury: Some(jury),
            file_systems: self.file_systems.clone(),
            stop: self.stop.clone(),
            ..Options::default()
        };
        let wanted = |call: &Call| syscalls.contains(&call.name);
        let outcome = campaign::run(&self.resolved, &wanted, options, &Arc::new(Progress::default()))
            .map_err(|error| Failure::new("no sandbox could be made").why(error.to_string()))?;
        if let Some(error) = outcome.errors.first().filter(|_| outcome.calls == 0) {
            return Err(Failure::new("no call could be made").why(error.clone()));
        }
        let kernel = self.target.release.to_string();
        let finding = |found: &Confirmed| {
            let mut finding = findings::finding(self.spec, &self.resolved, found);
            if let Err(error) = findings::save(&self.out, &self.resolved, found, &kernel, &mut finding) {
                finding.trace.push(format!("(not saved below {}: {error})", self.out.display()));
            }
            finding
        };
        Ok(outcome.confirmed.iter().map(finding).collect())
    }
}
