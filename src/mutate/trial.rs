//! The engine that makes calls, for a jury of mutants and for one mutant.

use crate::failure::Failure;
use abispec::model::Spec;
use abispec::mutate::Mutant;
use abispec::place::Place;
use abispec::target::{Resolved, Target};
use abispec_checker::facts::Facts;
use abispec_fuzzer::campaign::{self, Options, Progress};
use abispec_fuzzer::confirm::{Confirmed, Key};
use abispec_fuzzer::generate::{Aim, Aims};
use abispec_fuzzer::jury::Jury;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
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
    pub(super) effort: Effort,
    /// How many work side by side.
    pub(super) workers: usize,
    stop: Arc<AtomicBool>,
}

/// How many calls are made for a mutant that needs a run of its own, at most, and for how long.
const ALONE_CALLS: u64 = 40_000;
const ALONE_TIME: Duration = Duration::from_secs(6);

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
        effort: Effort,
        workers: usize,
        stop: Arc<AtomicBool>,
    ) -> Self {
        let resolved = Arc::new(abispec::resolve(spec, &target));
        Self { spec, target, resolved, facts, effort, workers, stop }
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

    /// Makes calls as a mutant has them, to see whether anything is found that is not found of the specification.
    pub(super) fn alone(
        &self,
        mutant: &Mutant,
        changed: &Spec,
        aims: Vec<Aim>,
        baseline: &Baseline,
    ) -> Result<Verdict, Failure> {
        let resolved = Arc::new(abispec::resolve(changed, &self.target));
        let (stop, done) = (Arc::new(AtomicBool::new(false)), AtomicBool::new(false));
        let noticed: Arc<Mutex<Option<String>>> = Arc::default();
        let (keep, of, end, old) = (noticed.clone(), resolved.clone(), stop.clone(), baseline.known.clone());
        let report = Arc::new(move |confirmed: &Confirmed| {
            if old.contains(&known(&of, &confirmed.key)) {
                return;
            }
            let verdict = &confirmed.verdict;
            let program = confirmed.program.lines(&of).join("; ");
            let how = format!("{}: {}, not {}, in {program}", verdict.id, verdict.actual, verdict.expected);
            keep.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(how);
            end.store(true, Ordering::Relaxed);
        });
        let options = Options {
            time: Some(ALONE_TIME),
            calls: Some(ALONE_CALLS),
            seed: self.effort.seed,
            workers: 1,
            shrink: false,
            laws: false,
            report: Some(report),
            aims: Arc::new(aims.into_iter().collect::<Aims>()),
            stop: stop.clone(),
            ..Options::default()
        };
        thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    if self.interrupted() {
                        stop.store(true, Ordering::Relaxed);
                    }
                    thread::sleep(Duration::from_millis(10));
                }
            });
            let ran = self.run(&resolved, &|name| name == mutant.syscall, options);
            done.store(true, Ordering::Relaxed);
            ran
        })?;
        let how = noticed.lock().unwrap_or_else(PoisonError::into_inner).take();
        Ok(match how {
            Some(how) => Verdict::Killed { by: "fuzz", how },
            None if self.interrupted() => Verdict::Interrupted,
            None => Verdict::Survived,
        })
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
