//! A batch: filled with operations, run, watched while it runs, and asked what became of it.

use std::ops::Range;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::time::{Duration, Instant};

use nix::errno::Errno;

use super::{PATIENCE, Sandbox};
use crate::exec::apart::Apart;
use crate::exec::commander::command;
use crate::exec::entry::Entry;
use crate::exec::layout::{INTERRUPT_SIGNAL, MAX_OPS, NO_OP, arena_offset, bits};
use crate::exec::leaving::{is_apart, is_beginning};
use crate::exec::op::{Arg, Guard, Op, OpIndex, OpResult, OpState, PushError, Source};
use crate::exec::sys;
use crate::exec::watchdog::{Verdict, Watchdog, sleeps};

/// How an executor ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Killed by this signal.
    Signal(i32),
    /// Exited with this code.
    Exit(i32),
}

/// Why a batch could not run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    /// The last executor ended: [`Sandbox::respawn`] makes a new one.
    NoExecutor,
    /// The sandbox process was killed from outside: a new sandbox is needed.
    NoSandbox,
}

/// How a batch ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchEnd {
    /// Every operation returned or was skipped.
    Completed,
    /// The executor died.
    Died {
        /// What of.
        ending: Ending,
        /// The operation that did not return; none if it died between two.
        op: Option<OpIndex>,
    },
    /// An operation could not be interrupted, so that the executor was killed.
    Stuck {
        /// The operation.
        op: Option<OpIndex>,
    },
    /// It did not run, or not observably.
    Lost(Lost),
}

impl Sandbox {
    /// Empties the batch.
    pub fn clear(&mut self) {
        self.len = 0;
        self.in_flight = None;
    }

    /// Adds a look at a descriptor, which is three operations: F_GETFD, and where there is such a descriptor F_GETFL and its
    /// position. One record holds what they are.
    pub fn push_look(&mut self, fd: Arg, guard: Guard) -> Result<[OpIndex; 3], PushError> {
        if self.room() < 3 {
            return Err(PushError::Full);
        }
        let first = self.push(Op::new(libc::SYS_fcntl, &[fd]).guarded(guard))?;
        let records = self.arena.records();
        let wire = &records.ops[first.get()];
        wire.head.store(wire.head.load(Relaxed) | bits::LOOK, Relaxed);
        self.len += 2;
        Ok([first, OpIndex(first.0 + 1), OpIndex(first.0 + 2)])
    }

    /// Adds an operation to the batch.
    #[inline]
    pub fn push(&mut self, op: Op) -> Result<OpIndex, PushError> {
        let index = self.len;
        let records = self.arena.records();
        let (Some(wire), Some(extra)) = (records.ops.get(index as usize), records.extras.get(index as usize)) else {
            return Err(PushError::Full);
        };
        let earlier = |op: OpIndex| if op.0 < index { Ok(u64::from(op.0)) } else { Err(PushError::NotEarlier(op)) };
        let (guard, guard_op) = match op.guard {
            Guard::Always => (bits::GUARD_ALWAYS, 0),
            Guard::IfOk(op) => (bits::GUARD_IF_OK, earlier(op)?),
            Guard::IfErr(op) => (bits::GUARD_IF_ERR, earlier(op)?),
            Guard::IfOkOrFault(op) => (bits::GUARD_IF_OK_OR_FAULT, earlier(op)?),
        };
        let (mut dynamic, mut kinds) = (0u64, 0u64);
        for (place, arg) in op.registers().iter().enumerate() {
            let Arg { source, add, high } = *arg;
            let (kind, value) = match source {
                Source::Imm(value) => {
                    let value = value.wrapping_add(add as u64);
                    let value = high.map_or(value, |high| value & u64::from(u32::MAX) | u64::from(high) << 32);
                    wire.args[place].store(value, Relaxed);
                    continue;
                }
                Source::Result(op) => (bits::FROM_RESULT, earlier(op)?),
                Source::Mem32(addr) => (bits::FROM_MEM32, readable(addr, 4)?),
                Source::Mem64(addr) => (bits::FROM_MEM64, readable(addr, 8)?),
            };
            wire.args[place].store(value, Relaxed);
            extra.add[place].store(add as u64, Relaxed);
            extra.high[place].store(high.unwrap_or(0), Relaxed);
            dynamic |= 1 << place;
            kinds |= u64::from(kind | if high.is_some() { bits::HIGH } else { 0 }) << (8 * place);
        }
        if dynamic != 0 {
            extra.kinds.store(kinds, Relaxed);
        }
        wire.guard_op.store(guard_op, Relaxed);
        let entry = match op.entry {
            Entry::Native => 0,
            Entry::Ia32 => bits::IA32,
            Entry::Vdso => bits::VDSO,
        };
        let apart = match (is_apart(op.entry, op.nr), is_beginning(op.entry, op.nr)) {
            (true, true) => bits::APART | bits::BEGINS,
            (true, false) => bits::APART,
            (false, _) => 0,
        };
        let head =
            entry | apart | u64::from(op.nr) | u64::from(guard) << bits::GUARD_SHIFT | dynamic << bits::DYNAMIC_SHIFT;
        wire.head.store(head, Relaxed);
        records.states[index as usize].store(bits::NOT_RUN, Relaxed);
        self.len += 1;
        Ok(OpIndex(index))
    }

    /// Puts another number into an operation of the batch, in the place of a number.
    ///
    /// # Errors
    /// When the batch has no such operation, or its argument is none that is known before it runs.
    pub fn patch(&mut self, op: OpIndex, place: u8, value: u64) -> Result<(), PushError> {
        let records = self.arena.records();
        let wire = records.ops.get(op.get()).filter(|_| op.0 < self.len).ok_or(PushError::NotEarlier(op))?;
        let dynamic = wire.head.load(Relaxed) >> bits::DYNAMIC_SHIFT & 1 << place != 0;
        let slot = wire.args.get(usize::from(place)).filter(|_| !dynamic).ok_or(PushError::NotEarlier(op))?;
        slot.store(value, Relaxed);
        Ok(())
    }

    /// Leaves a range of operations out of the batch's next runs, or takes it in again. The first of them has no guard.
    pub fn pass(&mut self, range: &Range<u32>, out: bool) {
        let records = self.arena.records();
        let Some(wire) = records.ops.get(range.start as usize).filter(|_| range.end <= self.len && !range.is_empty())
        else {
            return;
        };
        let head = wire.head.load(Relaxed);
        if (head & bits::PASS != 0) == out || head >> bits::GUARD_SHIFT & 0xff != u64::from(bits::GUARD_ALWAYS) {
            return;
        }
        wire.head.store(head ^ bits::PASS, Relaxed);
        wire.guard_op.store(if out { range.len() as u64 } else { 0 }, Relaxed);
    }

    /// The number of operations in the batch.
    pub fn len(&self) -> usize {
        self.len as usize
    }

    /// True if the batch is empty.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Operations that the batch can still take.
    pub fn room(&self) -> usize {
        MAX_OPS - self.len()
    }

    /// Runs the batch; it stays and may be run again.
    pub fn run(&mut self) -> BatchEnd {
        self.in_flight = None;
        let records = self.arena.records();
        for state in records.states.iter().take(self.len()) {
            state.store(bits::NOT_RUN, Relaxed);
        }
        if !self.alive {
            return BatchEnd::Lost(Lost::NoExecutor);
        }
        if self.is_empty() {
            return BatchEnd::Completed;
        }
        let control = &records.control;
        control.op_count.store(self.len, Relaxed);
        control.interrupt_target.store(NO_OP, Relaxed);
        let go = control.go.load(Relaxed).wrapping_add(1);
        control.go.store(go, Release);
        sys::futex_wake(&control.go);
        self.watch(go)
    }

    fn watch(&mut self, go: u32) -> BatchEnd {
        let mut watchdog = Watchdog::new(self.config.block_timeout);
        loop {
            let control = self.arena.control();
            let seen = control.event.load(Acquire);
            if control.finished.load(Acquire) == go {
                self.settle();
                return BatchEnd::Completed;
            }
            if control.ended.load(Acquire) == self.number {
                return self.died(watchdog.interrupts > 0);
            }
            if sys::futex_wait(&control.event, seen, Some(watchdog.tick)) != Err(Errno::ETIMEDOUT) {
                continue;
            }
            if self.hung_up() {
                self.alive = false;
                self.note_in_flight();
                return BatchEnd::Lost(Lost::NoSandbox);
            }
            let control = self.arena.control();
            let cursor = control.cursor.load(Relaxed);
            let state = self.config.state;
            let asleep = || control.apart.load(Relaxed) == 0 && sleeps(state(control.executor_pid.load(Relaxed)));
            match watchdog.look(cursor, asleep) {
                Verdict::Wait => {}
                Verdict::Interrupt => {
                    control.interrupt_target.store(cursor, Release);
                    // A sandbox that cannot be asked is gone, which the next look finds.
                    if self.send(command::INTERRUPT).is_ok() {
                        self.interrupts = self.interrupts.wrapping_add(1);
                    }
                }
                Verdict::Kill => return self.stuck(),
            }
        }
    }

    /// Waits until every interrupt asked for was sent, so that none can hit the next batch.
    fn settle(&self) {
        let control = self.arena.control();
        let deadline = Instant::now() + PATIENCE;
        loop {
            let seen = control.event.load(Acquire);
            if control.interrupts.load(Acquire) == self.interrupts || Instant::now() > deadline {
                return;
            }
            // Timing out or not, the count decides.
            let _ = sys::futex_wait(&control.event, seen, Some(Duration::from_millis(10)));
        }
    }

    fn note_in_flight(&mut self) {
        let records = self.arena.records();
        let cursor = records.control.cursor.load(Acquire);
        let returned = records.states.get(cursor as usize).is_none_or(|state| state.load(Relaxed) != bits::NOT_RUN);
        self.in_flight = (cursor < self.len && !returned).then_some(cursor);
    }

    fn died(&mut self, interrupted: bool) -> BatchEnd {
        self.alive = false;
        self.note_in_flight();
        let op = self.in_flight.map(OpIndex);
        match Ending::of(self.arena.control().wait_status.load(Relaxed)) {
            // Without its handler our own signal kills.
            Ending::Signal(INTERRUPT_SIGNAL) if interrupted => BatchEnd::Stuck { op },
            ending => BatchEnd::Died { ending, op },
        }
    }

    fn stuck(&mut self) -> BatchEnd {
        self.alive = false;
        if self.send(command::KILL).is_ok() {
            let start = Instant::now();
            loop {
                let control = self.arena.control();
                let seen = control.event.load(Acquire);
                if control.ended.load(Acquire) == self.number {
                    break;
                }
                // Where SIGKILL does not reach it for so long, nothing does; on a busy machine only the state tells.
                let state = self.config.state;
                let asleep = state(control.executor_pid.load(Relaxed)) == Some('D');
                if start.elapsed() > if asleep { self.config.unkillable } else { PATIENCE } {
                    self.unkillable = asleep;
                    break;
                }
                // Timing out or not, the conditions above decide.
                let _ = sys::futex_wait(&control.event, seen, Some(Duration::from_millis(100)));
            }
        }
        self.note_in_flight();
        BatchEnd::Stuck { op: self.in_flight.map(OpIndex) }
    }

    /// True if the executor sleeps where not even SIGKILL wakes it. Nothing can take its place in this sandbox; dropping it
    /// leaves that process to its sleep.
    pub fn is_unkillable(&self) -> bool {
        self.unkillable
    }

    /// What became of an operation of the batch.
    pub fn result(&self, op: OpIndex) -> OpResult {
        let records = self.arena.records();
        let (Some(ret), Some(state)) = (records.rets.get(op.get()), records.states.get(op.get())) else {
            return OpResult { ret: -1, state: OpState::NotRun };
        };
        let state = match state.load(Relaxed) {
            _ if op.0 >= self.len => OpState::NotRun,
            bits::DONE => OpState::Done,
            bits::SKIPPED => OpState::Skipped,
            bits::INTERRUPTED => OpState::Interrupted,
            bits::DISTURBED => OpState::Disturbed,
            bits::LEFT => OpState::Left,
            bits::LATE => OpState::Late,
            _ if self.in_flight == Some(op.0) => OpState::InFlight,
            // Any other value was written by a tested call.
            _ => OpState::NotRun,
        };
        match state {
            OpState::Done | OpState::Interrupted | OpState::Disturbed => OpResult { ret: ret.load(Relaxed), state },
            OpState::NotRun | OpState::InFlight | OpState::Skipped | OpState::Left | OpState::Late => {
                OpResult { ret: -1, state }
            }
        }
    }

    /// What became of an operation that was made apart.
    pub fn apart(&self, op: OpIndex) -> Option<Apart> {
        let slot = self.arena.records().aparts.get(op.get())?;
        matches!(self.result(op).state, OpState::Done | OpState::Left).then(|| slot.read())
    }
}

fn readable(addr: u64, len: u64) -> Result<u64, PushError> {
    arena_offset(addr, len).map(|_| addr).ok_or(PushError::OutsideArena(addr))
}

impl Ending {
    /// Reads a wait status.
    pub fn of(status: i32) -> Self {
        if libc::WIFSIGNALED(status) {
            Self::Signal(libc::WTERMSIG(status))
        } else {
            Self::Exit(libc::WEXITSTATUS(status))
        }
    }
}
