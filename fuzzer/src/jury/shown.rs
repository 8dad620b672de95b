//! Programs that showed a clause which is not settled yet.

use crate::program::{Invocation, Program};
use abispec::target::ClauseId;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Programs that are kept of a clause.
const KEPT: usize = 8;
/// Of so many further ones, one takes the place of an older one.
const SELDOM: usize = 32;

/// Programs by the clause that their last call showed.
#[derive(Debug, Default)]
pub(super) struct Shown {
    clauses: BTreeMap<ClauseId, Clause>,
}

#[derive(Debug, Default)]
struct Clause {
    /// How many who have it otherwise still sit.
    open: AtomicUsize,
    noted: AtomicUsize,
    programs: Mutex<Vec<Program>>,
}

impl Shown {
    /// Somebody has a clause otherwise.
    pub(super) fn open(&mut self, clause: Option<ClauseId>) {
        if let Some(clause) = clause {
            self.clauses.entry(clause).or_default().open.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// One of those who have it otherwise is told apart.
    pub(super) fn settle(&self, clause: Option<ClauseId>) {
        if let Some(clause) = clause.and_then(|clause| self.clauses.get(&clause)) {
            clause.open.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Keeps calls, the last of which showed these clauses.
    pub(super) fn keep(&self, clauses: &[ClauseId], calls: &[Invocation]) {
        let open = |clause: &&Clause| clause.open.load(Ordering::Relaxed) > 0;
        for clause in clauses.iter().filter_map(|clause| self.clauses.get(clause)).filter(open) {
            let noted = clause.noted.fetch_add(1, Ordering::Relaxed);
            let place = if noted < KEPT { noted } else { noted / SELDOM % KEPT };
            if noted < KEPT || noted.is_multiple_of(SELDOM) {
                let mut programs = clause.programs.lock().unwrap_or_else(PoisonError::into_inner);
                let program = Program { calls: calls.to_vec() };
                match programs.get_mut(place) {
                    Some(older) => *older = program,
                    None => programs.push(program),
                }
            }
        }
    }

    /// Whether any call showed a clause.
    pub(super) fn was_shown(&self, clause: ClauseId) -> bool {
        self.clauses.get(&clause).is_some_and(|clause| clause.noted.load(Ordering::Relaxed) > 0)
    }

    /// One of the programs, of any of these clauses that is not settled.
    pub(super) fn any(&self, ticket: u64, of: &dyn Fn(&ClauseId) -> bool) -> Option<Program> {
        let open = |(id, clause): &(&ClauseId, &Clause)| {
            clause.open.load(Ordering::Relaxed) > 0 && clause.noted.load(Ordering::Relaxed) > 0 && of(id)
        };
        let count = self.clauses.iter().filter(open).count();
        let (which, one) = (ticket as u32 as usize, (ticket >> 32) as usize);
        let (_, clause) = self.clauses.iter().filter(open).nth(which.checked_rem(count)?)?;
        let programs = clause.programs.lock().unwrap_or_else(PoisonError::into_inner);
        programs.get(one.checked_rem(programs.len())?).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_kept_of_clauses_that_are_open_alone() {
        let (one, other) = (ClauseId(1), ClauseId(2));
        let mut shown = Shown::default();
        shown.open(Some(one));
        shown.open(Some(one));
        shown.open(None);
        let call = |call| Invocation { call, args: Vec::new() };
        assert_eq!(shown.any(7, &|_| true), None);
        shown.keep(&[other], &[call(9)]);
        assert_eq!(shown.any(7, &|_| true), None, "nobody has it otherwise");
        for index in 0..3 * KEPT {
            shown.keep(&[other, one], &[call(index)]);
        }
        let kept = shown.clauses[&one].programs.lock().unwrap().len();
        assert_eq!(kept, KEPT);
        assert!(shown.any(7, &|_| true).is_some() && shown.any(7, &|clause| *clause == other).is_none());
        shown.settle(Some(one));
        assert!(shown.any(7 << 32, &|_| true).is_some());
        shown.settle(Some(one));
        assert_eq!(shown.any(7, &|_| true), None);
    }
}
