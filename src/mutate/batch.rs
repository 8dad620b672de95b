//! Mutants of many calls at once: the engines at rest are asked about each, and one run hears what is left.

use super::alone::{Alone, Then};
use super::trial::{Missed, Name, Trials, Verdict};
use crate::failure::Failure;
use abispec::finding::Finding;
use abispec::mutate::Mutant;
use abispec_fuzzer::jury::{HIDDEN, Jury};
use std::collections::{BTreeMap, BTreeSet};
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// Mutants that share a run, if it is not one call alone that has more; a mutant takes some ten kilobytes.
const BATCH: usize = 60_000;

/// A call with its mutants.
pub(crate) type Work = (String, Vec<Mutant>);

/// What became of mutants.
#[derive(Default)]
pub(crate) struct Judged {
    /// Every mutant that was judged, call by call.
    pub(crate) mutants: Vec<(Mutant, Verdict)>,
    /// Divergences that the fuzzer found without any change. No mutant is blamed for them.
    pub(crate) divergences: Vec<Finding>,
}

impl Trials<'_> {
    /// Judges all mutants of some calls. `settled` is told how many more are.
    pub(crate) fn judge(&self, work: Vec<Work>, settled: &(dyn Fn(usize) + Sync)) -> Result<Judged, Failure> {
        let mut all = Judged::default();
        let mut batch = Vec::new();
        let mut waiting = work.into_iter().peekable();
        while let Some(next) = waiting.next() {
            batch.push(next);
            let mutants: usize = batch.iter().map(|(_, list)| list.len()).sum();
            let room = |(_, list): &Work| mutants + list.len() <= BATCH;
            if waiting.peek().is_some_and(room) {
                continue;
            }
            if self.interrupted() {
                break;
            }
            let judged = self.batch(std::mem::take(&mut batch), settled)?;
            all.mutants.extend(judged.mutants);
            all.divergences.extend(judged.divergences);
        }
        share(&mut all.mutants);
        Ok(all)
    }

    fn batch(&self, work: Vec<Work>, settled: &(dyn Fn(usize) + Sync)) -> Result<Judged, Failure> {
        let begun = self.side_by_side(work, |(call, list)| self.at_rest(&call, list, settled)).into_iter().flatten();
        let mut jury = Jury::new(self.effort.patience);
        let mut calls = BTreeSet::new();
        let mut steps = Vec::new();
        for (mutant, then) in begun {
            let step = match then {
                Then::Settled(verdict) => Step::Settled(verdict),
                Then::Hear(version) => {
                    calls.insert(mutant.syscall.clone());
                    Step::Juror(jury.admit(version))
                }
            };
            steps.push((mutant, step));
        }
        let jury = Arc::new(jury);
        let divergences = if calls.is_empty() { Vec::new() } else { self.hear(&calls, jury.clone())? };
        let judge = |(mutant, step): (Mutant, Step)| {
            settled(usize::from(matches!(step, Step::Juror(_))));
            let verdict = match step {
                Step::Settled(verdict) => verdict,
                Step::Juror(juror) => match jury.told_apart(juror) {
                    Some(how) => Verdict::Killed { by: "fuzz", how: how.to_owned() },
                    None if self.interrupted() => Verdict::Interrupted,
                    None => match jury.agreed(juror) {
                        times @ HIDDEN.. => Verdict::Hidden(times),
                        0 if !jury.was_shown(juror) => Verdict::Survived(Missed::Clause),
                        0 => Verdict::Survived(Missed::Difference),
                        times => Verdict::Survived(Missed::Few(times)),
                    },
                },
            };
            (mutant, verdict)
        };
        let mut mutants: Vec<_> = steps.into_iter().map(judge).collect();
        mutants.retain(|(_, verdict)| *verdict != Verdict::Interrupted);
        Ok(Judged { mutants, divergences })
    }

    /// Asks the engines at rest about the mutants of a call.
    fn at_rest(&self, call: &str, list: Vec<Mutant>, settled: &(dyn Fn(usize) + Sync)) -> Vec<(Mutant, Then)> {
        let Some(mut alone) = Alone::new(self, call) else { return Vec::new() };
        let mut begun = Vec::with_capacity(list.len());
        for mutant in list {
            if self.interrupted() {
                break;
            }
            let then = alone.begin(&mutant);
            settled(usize::from(matches!(then, Then::Settled(_))));
            begun.push((mutant, then));
        }
        begun
    }

    /// Does one thing with each of many, as many side by side as there are workers, and gives what came of it in order.
    fn side_by_side<T: Send, R: Send>(&self, work: Vec<T>, one: impl Fn(T) -> R + Sync) -> Vec<R> {
        let slots: Vec<Mutex<Option<T>>> = work.into_iter().map(|item| Mutex::new(Some(item))).collect();
        let next = AtomicUsize::new(0);
        let worker = || {
            let mut done = Vec::new();
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(slot) = slots.get(index) else { return done };
                if let Some(item) = slot.lock().unwrap_or_else(PoisonError::into_inner).take() {
                    done.push((index, one(item)));
                }
            }
        };
        thread::scope(|scope| {
            let threads: Vec<_> = (0..self.workers).map(|_| scope.spawn(worker)).collect();
            let joined = threads.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic)));
            let mut all: Vec<(usize, R)> = joined.flatten().collect();
            all.sort_by_key(|(index, _)| *index);
            all.into_iter().map(|(_, result)| result).collect()
        })
    }
}

/// Calls that take one set or struct share its mutants: what one of them notices, the others need not.
fn share(mutants: &mut [(Mutant, Verdict)]) {
    let killed = mutants.iter().filter_map(|(mutant, verdict)| match verdict {
        Verdict::Killed { by, how } => Some((key(mutant), (*by, format!("{} of {}", how, mutant.syscall)))),
        _ => None,
    });
    let killed: BTreeMap<Name, (&'static str, String)> = killed.collect();
    for (mutant, verdict) in
        mutants.iter_mut().filter(|(_, verdict)| matches!(verdict, Verdict::Survived(_) | Verdict::Hidden(_)))
    {
        if let Some((by, how)) = killed.get(&key(mutant)) {
            *verdict = Verdict::Killed { by, how: how.clone() };
        }
    }
}

/// What is the same for a mutant of a set or struct in all calls that take it.
pub(crate) fn key(mutant: &Mutant) -> Name {
    (mutant.at, format!("{} {}", mutant.id, mutant.change))
}

/// What is left to do for a mutant when the jury is seated.
enum Step {
    Settled(Verdict),
    Juror(usize),
}
