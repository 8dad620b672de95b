//! Operations: what a batch consists of, and what is known about each of them afterwards.

use std::fmt;

use super::deny::DENIED_ERRNO;
use super::entry::Entry;

/// The place of an operation in its batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OpIndex(pub(super) u32);

impl OpIndex {
    /// An index, for tests of what refers to one.
    #[cfg(test)]
    pub(crate) fn at(index: u32) -> Self {
        Self(index)
    }

    /// The index as a number, counted from zero.
    pub fn get(self) -> usize {
        self.0 as usize
    }
}

/// Where an argument's value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A number.
    Imm(u64),
    /// The return value of an earlier operation; -1 if that one was skipped.
    Result(OpIndex),
    /// 32 bits read from the arena when the operation starts, sign-extended.
    Mem32(u64),
    /// 64 bits read from the arena when the operation starts.
    Mem64(u64),
}

/// One register of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arg {
    /// Where the value comes from.
    pub source: Source,
    /// Added to it, wrapping.
    pub add: i64,
    /// Then put in place of the upper half of the register.
    pub high: Option<u32>,
}

impl Arg {
    /// A number.
    pub const fn imm(value: u64) -> Arg {
        Arg::from_source(Source::Imm(value))
    }

    /// What an earlier operation returned.
    pub const fn result(op: OpIndex) -> Arg {
        Arg::from_source(Source::Result(op))
    }

    /// A sign-extended 32-bit value in the arena.
    pub const fn mem32(addr: u64) -> Arg {
        Arg::from_source(Source::Mem32(addr))
    }

    /// A 64-bit value in the arena.
    pub const fn mem64(addr: u64) -> Arg {
        Arg::from_source(Source::Mem64(addr))
    }

    /// A value with nothing added and its own upper half.
    pub const fn from_source(source: Source) -> Arg {
        Arg { source, add: 0, high: None }
    }

    /// The same with `add` added.
    pub const fn plus(self, add: i64) -> Arg {
        Arg { add, ..self }
    }

    /// Becomes what the kernel sees of it through `entry`, where it is a number.
    pub fn cut(&mut self, entry: Entry) {
        if let Source::Imm(value) = self.source {
            *self = Arg::imm(entry.register(value.wrapping_add_signed(self.add)));
        }
    }

    /// The same with the upper half of the register replaced.
    pub const fn with_high(self, high: u32) -> Arg {
        Arg { high: Some(high), ..self }
    }
}

impl From<u64> for Arg {
    fn from(value: u64) -> Arg {
        Arg::imm(value)
    }
}

impl From<OpIndex> for Arg {
    fn from(op: OpIndex) -> Arg {
        Arg::result(op)
    }
}

/// When an operation is made at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// In any case.
    Always,
    /// Only if that earlier operation was made and succeeded.
    IfOk(OpIndex),
    /// Only if that earlier operation was made and failed.
    IfErr(OpIndex),
    /// Only if that earlier operation was made and succeeded, or failed with EFAULT: then too it may have changed something.
    IfOkOrFault(OpIndex),
}

/// One system call of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Op {
    /// The number of the call, passed as it is.
    pub nr: u32,
    /// Which way it goes.
    pub entry: Entry,
    /// Arguments, a bit for each, that take two registers of 32 bits; only the i386 entry has such.
    pub wide: u8,
    /// When it is made.
    pub guard: Guard,
    /// Its six registers.
    pub args: [Arg; 6],
}

impl Op {
    /// A call made in any case, with the registers that are not given zero.
    ///
    /// # Panics
    /// If more than six arguments are given.
    #[inline]
    pub fn new(nr: i64, args: &[Arg]) -> Op {
        let mut all = [Arg::imm(0); 6];
        all[..args.len()].copy_from_slice(args);
        Op { nr: nr as u32, entry: Entry::Native, wide: 0, guard: Guard::Always, args: all }
    }

    /// The six registers of the entry.
    #[inline]
    pub(super) fn registers(&self) -> [Arg; 6] {
        if self.entry == Entry::Ia32 && self.wide != 0 { self.pairs() } else { self.args }
    }

    /// Every wide argument as two registers, the lower half first.
    fn pairs(&self) -> [Arg; 6] {
        let mut registers = [Arg::imm(0); 6];
        let mut free = registers.iter_mut();
        for (place, arg) in self.args.iter().enumerate() {
            let halves = match (self.wide & 1 << place, arg.source) {
                (0, _) => [Some(*arg), None],
                (_, Source::Imm(value)) => {
                    let value = value.wrapping_add_signed(arg.add);
                    [Some(Arg::imm(value)), Some(Arg::imm(arg.high.map_or(value >> 32, u64::from)))]
                }
                _ => [Some(*arg), Some(Arg::imm(arg.high.unwrap_or(0).into()))],
            };
            for (half, register) in halves.into_iter().flatten().zip(free.by_ref()) {
                *register = half;
            }
        }
        registers
    }

    /// The same call under a guard.
    #[inline]
    pub fn guarded(self, guard: Guard) -> Op {
        Op { guard, ..self }
    }
}

/// How far an operation came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpState {
    /// The batch ended before it.
    NotRun,
    /// It was started and never came back.
    InFlight,
    /// It returned.
    Done,
    /// Its guard did not hold.
    Skipped,
    /// It returned after the watchdog signalled it. With -EINTR it was blocking, or was just about to be; with any
    /// other value the value is real, only that a transfer may be shorter than it would have been.
    Interrupted,
    /// It returned, but a signal meant for an earlier operation came while it ran: the value proves nothing.
    Disturbed,
    /// It was made apart and did not return: the process that made it ended, or became another program.
    Left,
    /// It was made apart, and what came of it had to be killed.
    Late,
}

/// What is known of an operation after its batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpResult {
    /// What the kernel returned: a value, or a negated errno. -1 where the operation did not return.
    pub ret: i64,
    /// How far it came.
    pub state: OpState,
}

impl OpResult {
    /// The errno, if the call returned one.
    pub fn errno(self) -> Option<i32> {
        let returned = matches!(self.state, OpState::Done | OpState::Interrupted | OpState::Disturbed);
        (returned && is_error(self.ret)).then(|| -self.ret as i32)
    }

    /// True if the sandbox's filter refused the call: it never reached the kernel's own code.
    pub fn denied(self) -> bool {
        self.errno() == Some(DENIED_ERRNO)
    }
}

/// True for the values that the kernel's calling convention reserves for errors.
pub(super) fn is_error(ret: i64) -> bool {
    (-4095..0).contains(&ret)
}

/// Why an operation cannot be part of the batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PushError {
    /// The batch has as many operations as it can have.
    Full,
    /// It refers to an operation that does not come before it.
    NotEarlier(OpIndex),
    /// It reads memory that is not in the arena.
    OutsideArena(u64),
}

impl fmt::Display for PushError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PushError::Full => write!(f, "the batch already holds {} operations", super::layout::MAX_OPS),
            PushError::NotEarlier(op) => write!(f, "operation {} does not come earlier in the batch", op.0),
            PushError::OutsideArena(addr) => write!(f, "{addr:#x} is not readable memory of the arena"),
        }
    }
}

impl std::error::Error for PushError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_can_be_returned() {
        let errno = |ret| OpResult { ret, state: OpState::Done }.errno();
        assert_eq!([-4095, -1].map(errno), [Some(4095), Some(1)]);
        assert_eq!([0, -4096, i64::MIN, i64::MAX].map(errno), [None; 4]);
    }
}
