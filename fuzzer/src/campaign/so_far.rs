//! What workers have seen while they work: each posts it from time to time, and somebody is told of the sum.

use super::side::{Side, SideOutcome, outcomes};
use crate::coverage::Coverage;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// What is told of each entry.
pub type Listener = Arc<dyn Fn(&[SideOutcome]) + Send + Sync>;

/// Who is told from time to time what each entry has come to so far.
#[derive(Clone)]
pub struct SoFar {
    /// How often.
    pub every: Duration,
    /// Who; not called when all is over.
    pub tell: Listener,
}

/// What each worker has posted last.
pub(super) struct Board {
    so_far: Option<SoFar>,
    slots: Mutex<Vec<Vec<Coverage>>>,
}

impl Board {
    pub(super) fn new(so_far: Option<SoFar>, workers: usize) -> Self {
        Self { so_far, slots: Mutex::new(vec![Vec::new(); workers]) }
    }

    /// Posts what a worker has seen, by entry, if it is time to: twice as often as somebody is told. `last` is when it did so before.
    pub(super) fn post(&self, worker: usize, coverage: &[Coverage], last: &mut Instant) {
        if self.so_far.as_ref().is_none_or(|so_far| 2 * last.elapsed() < so_far.every) {
            return;
        }
        *last = Instant::now();
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = slots.get_mut(worker) {
            *slot = coverage.to_vec();
        }
    }

    /// Tells of the sum from time to time, until it is over and this thread is woken.
    pub(super) fn tell(&self, sides: &[Side], over: &AtomicBool) {
        let Some(so_far) = &self.so_far else { return };
        let mut last = Instant::now();
        while !over.load(Ordering::Acquire) {
            thread::park_timeout(so_far.every.saturating_sub(last.elapsed()));
            if last.elapsed() < so_far.every || over.load(Ordering::Acquire) {
                continue;
            }
            last = Instant::now();
            let mut sum: Vec<Coverage> = sides.iter().map(Side::coverage).collect();
            {
                let slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
                if slots.iter().all(Vec::is_empty) {
                    continue;
                }
                slots.iter().for_each(|slot| sum.iter_mut().zip(slot).for_each(|(sum, own)| sum.add(own)));
            }
            (so_far.tell)(&outcomes(sides, sum));
        }
    }
}
