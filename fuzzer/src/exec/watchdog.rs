//! When an operation has been in flight for too long.

use std::fs;
use std::time::Duration;

use super::layout::NO_OP;

/// Interrupts for one operation before its executor is killed. The first may come just before the call starts to sleep.
const INTERRUPTS: u32 = 2;
/// Looks that span one timeout at least.
const LOOKS: u32 = 3;
/// How many times longer a call may take that is not sleeping: busy, or waiting for a processor.
const BUSY_PATIENCE: u32 = 25;
/// The least that such a call may take: on a loaded machine a processor may be away for that long.
const LEAST_PATIENCE: Duration = Duration::from_millis(100);
/// The least that a call may sleep when it was woken before: it may be waiting for others that want a processor.
const WOKEN: Duration = Duration::from_millis(20);
/// Time between two looks, where the clock may be that fine.
const FINEST: Duration = Duration::from_micros(250);

/// What to do about the operation in flight.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Wait,
    Interrupt,
    Kill,
}

/// Decides from a look at the cursor every [`Watchdog::tick`] what to do about the operation in flight.
#[derive(Debug)]
pub(super) struct Watchdog {
    /// Time between two looks: half of what an operation may sleep.
    pub(super) tick: Duration,
    /// Looks at a call that does not sleep before it is interrupted all the same.
    patience: u32,
    /// Looks at a call that sleeps again before it is woken again.
    again: u32,
    cursor: u32,
    asleep: u32,
    looks: u32,
    /// Interrupts for the operation in flight.
    pub(super) interrupts: u32,
}

impl Watchdog {
    /// A watchdog that lets an operation sleep for `timeout`.
    pub(super) fn new(timeout: Duration) -> Watchdog {
        let tick = (timeout / 2).max(FINEST);
        let looks = |time: Duration| u32::try_from(time.as_nanos().div_ceil(tick.as_nanos())).unwrap_or(u32::MAX);
        let patience = looks(LEAST_PATIENCE).max(2 * BUSY_PATIENCE);
        let again = looks(WOKEN).max(LOOKS);
        Watchdog { tick, patience, again, cursor: NO_OP, asleep: 0, looks: 0, interrupts: 0 }
    }

    pub(super) fn look(&mut self, cursor: u32, sleeps: impl FnOnce() -> bool) -> Verdict {
        if cursor != self.cursor {
            *self = Watchdog { cursor, asleep: 0, looks: 0, interrupts: 0, ..*self };
        }
        self.looks += 1;
        self.asleep = if sleeps() { self.asleep + 1 } else { 0 };
        let sound = if self.interrupts == 0 { LOOKS } else { self.again };
        if self.asleep < sound && self.looks < self.patience {
            return Verdict::Wait;
        }
        (self.asleep, self.looks) = (0, 0);
        self.interrupts += 1;
        if self.interrupts > INTERRUPTS { Verdict::Kill } else { Verdict::Interrupt }
    }
}

/// The state of a process as the kernel tells it: `R`, `S`, `D` ...; `None` if that cannot be known.
pub(super) fn state(pid: i32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name before the state is in parentheses and may hold any character.
    stat.rsplit(')').next()?.trim_start().chars().next()
}

/// True if a process in this state sleeps where a signal wakes it, or is stopped; also if the state is not known.
pub(super) fn sleeps(state: Option<char>) -> bool {
    matches!(state, Some('S' | 'T' | 't') | None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sleeping_operation_is_interrupted_twice_and_then_killed() {
        let mut watchdog = Watchdog::new(Duration::from_millis(20));
        let mut until = |verdict: Verdict| (1..).find(|_| watchdog.look(7, || true) == verdict);
        assert_eq!(until(Verdict::Interrupt), Some(3));
        assert_eq!(until(Verdict::Interrupt), Some(3));
        assert_eq!(until(Verdict::Kill), Some(3));
        let mut hasty = Watchdog::new(Duration::from_millis(1));
        let mut until = |verdict: Verdict| (1..).find(|_| hasty.look(7, || true) == verdict);
        assert_eq!(until(Verdict::Interrupt), Some(3));
        assert_eq!(until(Verdict::Interrupt), Some(40));
        assert_eq!(until(Verdict::Kill), Some(40));
    }

    #[test]
    fn a_busy_operation_and_one_that_moves_on_are_left_alone() {
        let mut watchdog = Watchdog::new(Duration::from_millis(20));
        assert!((0..40).all(|_| watchdog.look(7, || false) == Verdict::Wait));
        let mut watchdog = Watchdog::new(Duration::from_millis(20));
        assert!((0..40).all(|cursor| watchdog.look(cursor, || true) == Verdict::Wait));
    }

    #[test]
    fn haste_is_for_sleepers_only() {
        let mut watchdog = Watchdog::new(Duration::from_millis(1));
        let ticks = LEAST_PATIENCE.as_nanos() / watchdog.tick.as_nanos();
        assert!((1..ticks).all(|_| watchdog.look(7, || false) == Verdict::Wait));
        assert_eq!(watchdog.look(7, || false), Verdict::Interrupt);
    }
}
