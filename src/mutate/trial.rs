//! The engine that makes calls, before a jury of mutants.

use crate::failure::Failure;
use abispec::model::Spec;
use abispec::place::Place;
use abispec::target::{Resolved, Target};
use abispec_checker::facts::Facts;
use abispec_fuzzer::campaign::{self, Options, Progress};
use abispec_fuzzer::confirm::{Confirmed, Key};
use abispec_fuzzer::exec::FileSystem;
use abispec_fuzzer::habitat::Habitat;
use abispec_fuzzer::jury::Jury;
use std::collections::{BTreeMap, BTreeSet};
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
    /// Nobody noticed, and nobody could: in so many calls another rule permitted what the changed one did.
    Overlapped(u32),
    /// Nobody noticed.
    Survived,
    /// The changed clause cannot be exercised here.
    NotExecutable(String),
    /// The run was ended first.
    Interrupted,
}

/// What tells one divergence from another, whatever the ids of clauses are.
type Known = (&'static str, String, String, Option<(Place, String)>);

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
        let resolved = Arc::new(abispec::resolve(spec, &target));
        Self { spec, target, resolved, facts, checks: Checks::default(), file_systems, effort, workers, stop }
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

    /// Makes calls as they are specified, before a jury of mutants.
    pub(super) fn hear(&self, syscalls: &BTreeSet<&str>, jury: Arc<Jury>) -> Result<Baseline, Failure> {
        let found: Arc<Mutex<BTreeSet<Known>>> = Arc::default();
        let (keep, resolved) = (found.clone(), self.resolved.clone());
        let report = Arc::new(move |confirmed: &Confirmed| {
            keep.lock().unwrap_or_else(PoisonError::into_inner).insert(known(&resolved, &confirmed.key));
        });
        let calls = self.effort.calls.saturating_mul(jury.sitting() as u64);
        let options = Options {
            time: Some(self.effort.time),
            calls: Some(calls),
            seed: self.effort.seed,
            workers: self.workers,
            shrink: false,
            report: Some(report),
            jury: Some(jury),
            file_systems: self.file_systems.clone(),
            stop: self.stop.clone(),
            ..Options::default()
        };
        self.run(&self.resolved, &|name| syscalls.contains(name), options)?;
        let known = found.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Ok(Baseline { known })
    }

    fn run(
        &self,
        resolved: &Arc<Resolved>,
        wanted: &(dyn Fn(&str) -> bool + Sync),
        options: Options,
    ) -> Result<(), Failure> {
        let progress = Arc::new(Progress::default());
        let outcome = campaign::run(resolved, &|call| wanted(&call.name), options, &progress)
            .map_err(|error| Failure::new("no sandbox could be made").why(error.to_string()))?;
        match outcome.errors.first() {
            Some(error) if outcome.calls == 0 => Err(Failure::new("no call could be made").why(error.clone())),
            _ => Ok(()),
        }
    }
}

/// What the fuzzer says of calls as they are specified: no mutant is blamed for it.
pub(super) struct Baseline {
    known: BTreeSet<Known>,
}

impl Baseline {
    /// How many divergences there are without any change, by call.
    pub(super) fn divergences(&self) -> BTreeMap<String, usize> {
        let mut calls = BTreeMap::new();
        for (_, syscall, ..) in &self.known {
            *calls.entry(syscall.clone()).or_default() += 1;
        }
        calls
    }
}

fn known(resolved: &Resolved, key: &Key) -> Known {
    let clause = key.clause.map(|clause| resolved.clause(clause)).map(|clause| (clause.at, clause.text.clone()));
    (key.id, key.syscall.clone(), key.answer.clone(), clause)
}
