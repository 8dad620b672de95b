//! One mutant against the engines.

use crate::failure::Failure;
use abispec::expr::{BinaryOp, Expr, Function};
use abispec::model::Spec;
use abispec::mutate::{Mutant, Shows};
use abispec::place::Place;
use abispec::target::{ClauseId, Resolved, ResolvedEffect, Target};
use abispec_checker::facts::Facts;
use abispec_fuzzer::campaign::{self, Options, Progress};
use abispec_fuzzer::confirm::{Confirmed, Key};
use abispec_fuzzer::coverage::{Executable, executable};
use abispec_fuzzer::generate::Aim;
use std::collections::BTreeSet;
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

/// The engines, and what they say of the specification itself.
pub(crate) struct Trials<'a> {
    spec: &'a Spec,
    target: Target,
    resolved: Arc<Resolved>,
    executable: Vec<Executable>,
    facts: Vec<Facts>,
    checked: BTreeSet<String>,
    effort: Effort,
    stop: Arc<AtomicBool>,
}

/// How hard the fuzzer tries for each mutant. Calls are what counts: a busy machine must not let mutants live.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    /// Longest time.
    pub(crate) time: Duration,
    /// Most calls.
    pub(crate) calls: u64,
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
        stop: Arc<AtomicBool>,
    ) -> Self {
        let resolved = Arc::new(abispec::resolve(spec, &target));
        let executable = executable(&resolved, &[]);
        let checked = checked(spec, &facts);
        Self { spec, target, resolved, executable, facts, checked, effort, stop }
    }

    /// The unchanged specification for this machine.
    pub(crate) fn resolved(&self) -> &Resolved {
        &self.resolved
    }

    /// Whether the run was told to end.
    pub(crate) fn interrupted(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// What the fuzzer says of a call as it is specified: no mutant may be blamed for that.
    pub(crate) fn baseline(&self, syscall: &str) -> Result<Baseline, Failure> {
        let found: Arc<Mutex<BTreeSet<Known>>> = Arc::default();
        let (keep, resolved) = (found.clone(), self.resolved.clone());
        let report = Arc::new(move |confirmed: &Confirmed| {
            keep.lock().unwrap_or_else(PoisonError::into_inner).insert(known(&resolved, &confirmed.key));
        });
        let options = Options { report: Some(report), ..self.options(self.stop.clone()) };
        self.run(&self.resolved, syscall, options)?;
        let known = found.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Ok(Baseline { known })
    }

    fn options(&self, stop: Arc<AtomicBool>) -> Options {
        let Effort { time, calls, seed } = self.effort;
        Options { time: Some(time), calls: Some(calls), seed, shrink: false, laws: false, stop, ..Options::default() }
    }

    fn run(&self, resolved: &Arc<Resolved>, syscall: &str, options: Options) -> Result<(), Failure> {
        let progress = Arc::new(Progress::default());
        let outcome = campaign::run(resolved, &|call| call.name == syscall, options, &progress)
            .map_err(|error| Failure::new("no sandbox could be made").why(error.to_string()))?;
        match outcome.errors.first() {
            Some(error) if outcome.calls == 0 => {
                Err(Failure::new(format!("no call of {syscall} could be made")).why(error.clone()))
            }
            _ => Ok(()),
        }
    }

    /// Holds a mutant against the engines.
    pub(crate) fn judge(&self, mutant: &Mutant, baseline: &Baseline) -> Result<Verdict, Failure> {
        if let Shows::Nobody(why) = mutant.shows {
            return Ok(Verdict::NotExecutable(why.to_owned()));
        }
        let mut changed = self.spec.clone();
        mutant.apply(&mut changed);
        if matches!(mutant.shows, Shows::Witness | Shows::Both)
            && let Some(how) = checked(&changed, &self.facts).into_iter().find(|one| !self.checked.contains(one))
        {
            return Ok(Verdict::Killed { by: "check", how });
        }
        if mutant.shows == Shows::Witness {
            let silent = || Verdict::NotExecutable("no witness on this machine states it".to_owned());
            return Ok(if self.facts.is_empty() { silent() } else { Verdict::Survived });
        }
        if let Some(why) = self.not_executable(mutant) {
            return Ok(Verdict::NotExecutable(why));
        }
        self.call(mutant, &changed, baseline)
    }

    fn not_executable(&self, mutant: &Mutant) -> Option<String> {
        if !mutant.span.contains(self.target.release) {
            return Some(format!("says nothing about Linux {}", self.target.release.base()));
        }
        if !mutant.changes_clause() {
            return None;
        }
        match mutant.clause(&self.resolved) {
            None => Some("the target does not have the clause".to_owned()),
            Some(clause) => match self.executable.get(clause.0 as usize) {
                Some(Executable::No(why)) => Some(why.clone()),
                Some(Executable::Yes) | None => self.makes_no_difference(mutant, clause),
            },
        }
    }

    /// Why what tells the mutant from the original cannot happen here.
    fn makes_no_difference(&self, mutant: &Mutant, clause: ClauseId) -> Option<String> {
        let mut differing = self.spec.clone();
        if !mutant.apply_difference(&mut differing) {
            return None;
        }
        match executable(&abispec::resolve(&differing, &self.target), &[]).get(clause.0 as usize) {
            Some(Executable::No(why)) => Some(format!("a difference {why}")),
            Some(Executable::Yes) | None => None,
        }
    }

    /// Where programs should look: at the changed clause, at what it was, and at what tells one from the other.
    fn aims(&self, mutant: &Mutant, changed: &Resolved) -> Vec<Aim> {
        let Some(clause) = mutant.clause(&self.resolved) else {
            // A key of a parameter is no clause.
            return [&*self.resolved, changed].into_iter().flat_map(|resolved| keys(resolved, mutant)).collect();
        };
        let mut differing = self.spec.clone();
        let differing = mutant.apply_difference(&mut differing).then(|| abispec::resolve(&differing, &self.target));
        let texts = [Some(&*self.resolved), Some(changed), differing.as_ref()];
        texts.into_iter().flatten().filter_map(|resolved| aim(resolved, &mutant.syscall, clause)).collect()
    }

    fn call(&self, mutant: &Mutant, changed: &Spec, baseline: &Baseline) -> Result<Verdict, Failure> {
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
        let aims = Arc::new(self.aims(mutant, &resolved));
        let options = Options { report: Some(report), aims, ..self.options(stop.clone()) };
        thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    if self.interrupted() {
                        stop.store(true, Ordering::Relaxed);
                    }
                    thread::sleep(Duration::from_millis(10));
                }
            });
            let ran = self.run(&resolved, &mutant.syscall, options);
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

/// What the fuzzer says of a call as it is specified.
pub(crate) struct Baseline {
    known: BTreeSet<Known>,
}

impl Baseline {
    /// How many divergences there are without any change.
    pub(crate) fn divergences(&self) -> usize {
        self.known.len()
    }
}

fn known(resolved: &Resolved, key: &Key) -> Known {
    let clause = key.clause.map(|clause| resolved.clause(clause)).map(|clause| (clause.at, clause.text.clone()));
    (key.id, key.syscall.clone(), key.answer.clone(), clause)
}

/// The conditions of the parameter that a mutant changes, as aims.
fn keys(resolved: &Resolved, mutant: &Mutant) -> Vec<Aim> {
    let name = mutant.id.strip_prefix("params.").and_then(|rest| rest.split('.').next());
    let call = resolved.calls.iter().position(|call| call.name == mutant.syscall);
    let Some((name, call)) = name.zip(call) else { return Vec::new() };
    let mut aims = Vec::new();
    for (variant, found) in resolved.calls[call].variants.iter().enumerate() {
        for (index, param) in (0_u8..).zip(&found.params).filter(|(_, param)| param.name == name) {
            let link = Expr::Call(Function::LastIsSymlink, vec![Expr::Param(index)]);
            if let Some(keys) = &param.path {
                let follow = Expr::Binary(BinaryOp::And, Box::new(link.clone()), Box::new(keys.follow.clone()));
                let conditions = [follow, keys.empty.clone(), keys.must_exist.clone(), keys.scoped.clone()];
                aims.extend(conditions.into_iter().map(|condition| Aim { call, variant, condition }));
            }
        }
    }
    aims
}

/// The condition of a clause, as an aim.
fn aim(resolved: &Resolved, syscall: &str, clause: ClauseId) -> Option<Aim> {
    let call = resolved.calls.iter().position(|call| call.name == syscall)?;
    resolved.calls[call].variants.iter().enumerate().find_map(|(variant, found)| {
        let rules = found.rules.iter().map(|rule| (rule.clause, &rule.condition));
        let ensures = found.ensures.iter().map(|ensure| (ensure.clause, &ensure.condition));
        let when = |rule: &ResolvedEffect| Some((rule.clause, rule.effect.when.as_ref()?.value.clone()));
        let effects = found.effects.iter().filter_map(when);
        let own = rules.chain(ensures).map(|(id, condition)| (id, condition.clone())).chain(effects);
        let condition = own.into_iter().find(|(id, _)| *id == clause)?.1;
        Some(Aim { call, variant, condition })
    })
}

/// What the checker says of a specification, a line each.
fn checked(spec: &Spec, facts: &[Facts]) -> BTreeSet<String> {
    let findings = abispec_checker::check(spec, facts).findings;
    findings.into_iter().map(|finding| format!("{}: {}: {}", finding.id, finding.subject, finding.message)).collect()
}
