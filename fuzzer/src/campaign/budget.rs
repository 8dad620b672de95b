//! How much one worker does.

use super::Options;
use std::cell::Cell;

/// The calls that one worker may make. What one makes depends on no other, so that the same seed gives the same run.
pub(super) struct Budget {
    most: Option<u64>,
    made: Cell<u64>,
}

impl Budget {
    /// The part of a worker, counted from 0.
    pub(super) fn of(options: &Options, worker: usize) -> Self {
        let workers = options.workers.max(1) as u64;
        let share = |calls: u64| calls / workers + u64::from((worker as u64) < calls % workers);
        Self { most: options.calls.map(share), made: Cell::new(0) }
    }

    /// Counts calls that were made.
    pub(super) fn spend(&self, calls: u64) {
        self.made.set(self.made.get() + calls);
    }

    /// Whether all are made.
    pub(super) fn spent(&self) -> bool {
        self.most.is_some_and(|most| self.made.get() >= most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_are_the_whole() {
        for (calls, workers) in [(10, 3), (2, 4), (0, 2), (7, 0)] {
            let options = Options { calls: Some(calls), workers, ..Options::default() };
            let parts = (0..workers.max(1)).map(|worker| Budget::of(&options, worker).most.expect("limited"));
            assert_eq!(parts.sum::<u64>(), calls);
        }
        let budget = Budget::of(&Options { calls: Some(5), workers: 1, ..Options::default() }, 0);
        budget.spend(4);
        assert!(!budget.spent());
        budget.spend(3);
        assert!(budget.spent());
    }
}
