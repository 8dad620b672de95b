//! When an operation has been in flight for too long.

use std::fs;

use super::layout::NO_OP;

/// Interrupts for one operation before its executor is killed. The first may come just before the call starts to sleep.
const INTERRUPTS: u32 = 2;
/// How many times longer a call may take that is not sleeping: busy, or waiting for a processor.
const BUSY_PATIENCE: u32 = 25;

/// What to do about the operation in flight.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Wait,
    Interrupt,
    Kill,
}

/// Decides from a look at the cursor every half timeout what to do about the operation in flight.
#[derive(Debug)]
pub(super) struct Watchdog {
    cursor: u32,
    asleep: u32,
    looks: u32,
    /// Interrupts for the operation in flight.
    pub(super) interrupts: u32,
}

impl Default for Watchdog {
    fn default() -> Watchdog {
        Watchdog { cursor: NO_OP, asleep: 0, looks: 0, interrupts: 0 }
    }
}

impl Watchdog {
    pub(super) fn look(&mut self, cursor: u32, sleeps: impl FnOnce() -> bool) -> Verdict {
        if cursor != self.cursor {
            *self = Watchdog { cursor, asleep: 0, looks: 0, interrupts: 0 };
        }
        self.looks += 1;
        self.asleep = if sleeps() { self.asleep + 1 } else { 0 };
        // Three looks span one timeout at least.
        if self.asleep < 3 && self.looks < 2 * BUSY_PATIENCE {
            return Verdict::Wait;
        }
        (self.asleep, self.looks) = (0, 0);
        self.interrupts += 1;
        if self.interrupts > INTERRUPTS { Verdict::Kill } else { Verdict::Interrupt }
    }
}

/// True if the process sleeps where a signal wakes it, or is stopped; also if that cannot be known.
pub(super) fn sleeps(pid: i32) -> bool {
    let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else {
        return true;
    };
    // The name before the state is in parentheses and may hold any character.
    let state = stat.rsplit(')').next().and_then(|rest| rest.trim_start().chars().next());
    matches!(state, Some('S' | 'T' | 't') | None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sleeping_operation_is_interrupted_twice_and_then_killed() {
        let mut watchdog = Watchdog::default();
        let verdicts: Vec<Verdict> = (0..9).map(|_| watchdog.look(7, || true)).collect();
        let expected = [Verdict::Wait, Verdict::Wait, Verdict::Interrupt];
        assert_eq!(verdicts[..3], expected);
        assert_eq!(verdicts[3..6], expected);
        assert_eq!(verdicts[6..], [Verdict::Wait, Verdict::Wait, Verdict::Kill]);
    }

    #[test]
    fn a_busy_operation_and_one_that_moves_on_are_left_alone() {
        let mut watchdog = Watchdog::default();
        assert!((0..40).all(|_| watchdog.look(7, || false) == Verdict::Wait));
        let mut watchdog = Watchdog::default();
        assert!((0..40).all(|cursor| watchdog.look(cursor, || true) == Verdict::Wait));
    }
}
