//! Planted violations: what a kernel with a bug would do, so that tests can see each oracle rule find it.
//!
//! A plant changes what the kernel is asked or what it is seen to answer; the oracle knows nothing of it.

use crate::exec::layout::arena_offset;
use crate::exec::{Arg, Entry, Guard, Op, OpIndex, PushError, Sandbox, Source};
use abispec::target::Call;

/// A deviation of one system call.
#[derive(Clone, Debug)]
pub struct Plant {
    /// The call that deviates.
    pub syscall: String,
    /// Only where all of these hold for the arguments.
    pub when: Vec<When>,
    /// Only through this way into the kernel.
    pub entry: Option<Entry>,
    /// What happens instead.
    pub deviation: Deviation,
}

/// A condition on an argument.
#[derive(Clone, Copy, Debug)]
pub struct When {
    /// Position of the parameter.
    pub param: u8,
    /// Bits that are looked at.
    pub mask: u64,
    /// What they must be.
    pub value: u64,
}

/// What a broken kernel does.
#[derive(Clone, Debug)]
pub enum Deviation {
    /// It answers this although the call was not made.
    Answer(i64),
    /// It answers this after a success.
    AnswerAfterSuccess(i64),
    /// It answers this after a failure.
    AnswerAfterFailure(i64),
    /// It answers this where `truth` would be right.
    AnswerFor {
        /// What the call really answers.
        truth: i64,
        /// What is seen.
        seen: i64,
    },
    /// It makes another call instead of the one that was asked for.
    Instead(i64, Vec<Part>),
    /// It answers one more or less after a success.
    Shift(i64),
    /// It sees other bits in an argument: `(argument & keep) | set`.
    Argument {
        /// Position of the parameter.
        param: u8,
        /// Bits that are kept.
        keep: u64,
        /// Bits that are set.
        set: u64,
    },
    /// After a success it also does this.
    AlsoOnSuccess(i64, Vec<Part>),
    /// After a failure it also does this.
    AlsoOnFailure(i64, Vec<Part>),
}

/// An argument of what a broken kernel does besides.
#[derive(Clone, Copy, Debug)]
pub enum Part {
    /// A number.
    Number(u64),
    /// An argument of the call, with something added.
    Param(u8, i64),
    /// The sum of two arguments of the call, with something added.
    Sum(u8, u8, i64),
    /// What the call returned, with something added.
    Ret(i64),
    /// What the call returned, added to an argument of the call.
    Past(u8),
    /// The 32-bit number that lies this many bytes behind the address in an argument, after the call.
    Stored(u8, u64),
}

impl Plant {
    fn applies(&self, entry: Entry, call: &Call, args: &[Option<u64>; 6]) -> bool {
        self.syscall == call.name
            && self.entry.is_none_or(|only| only == entry)
            && self.when.iter().all(|when| {
                args.get(usize::from(when.param)).copied().flatten().is_some_and(|arg| arg & when.mask == when.value)
            })
    }

    /// What is seen instead of `ret`.
    pub fn seen(plants: &[Self], entry: Entry, call: &Call, args: &[u64; 6], ret: i64) -> i64 {
        let known = args.map(Some);
        let success = !(-4095..0).contains(&ret);
        plants.iter().filter(|plant| plant.applies(entry, call, &known)).fold(ret, |ret, plant| match plant.deviation {
            Deviation::Answer(other) => other,
            Deviation::AnswerAfterSuccess(other) if success => other,
            Deviation::AnswerAfterFailure(other) if !success => other,
            Deviation::AnswerFor { truth, seen } if ret == truth => seen,
            Deviation::Shift(by) if success => ret.wrapping_add(by),
            _ => ret,
        })
    }
}

/// Pushes the operation of a call, deviating as planted.
pub(crate) fn push(
    plants: &[Plant],
    entry: Entry,
    call: &Call,
    _position: usize,
    mut op: Op,
    sandbox: &mut Sandbox,
) -> Result<OpIndex, PushError> {
    if plants.is_empty() {
        return sandbox.push(op);
    }
    let known = op.args.map(|arg| match arg.source {
        Source::Imm(value) => Some(arg.high.map_or(value, |high| value & 0xffff_ffff | u64::from(high) << 32)),
        _ => None,
    });
    let asked = op.args;
    let active: Vec<&Plant> = plants.iter().filter(|plant| plant.applies(entry, call, &known)).collect();
    for plant in &active {
        match plant.deviation {
            Deviation::Answer(_) => op = Op { args: op.args, guard: op.guard, ..Op::new(libc::SYS_getpid, &[]) },
            Deviation::Argument { param, keep, set } => {
                let slot = &mut op.args[usize::from(param)];
                if let Source::Imm(value) = slot.source {
                    slot.source = Source::Imm(value & keep | set);
                }
            }
            Deviation::Instead(nr, ref parts) => {
                let args = others(parts, &asked, &known, None);
                op = Op {
                    nr: u32::try_from(nr).unwrap_or(u32::MAX),
                    entry: Entry::Native,
                    wide: 0,
                    guard: op.guard,
                    args,
                };
            }
            _ => {}
        }
    }
    let index = sandbox.push(op)?;
    for plant in active {
        let (guard, nr, parts) = match &plant.deviation {
            Deviation::AlsoOnSuccess(nr, parts) => (Guard::IfOk(index), *nr, parts),
            Deviation::AlsoOnFailure(nr, parts) => (Guard::IfErr(index), *nr, parts),
            _ => continue,
        };
        let args = others(parts, &asked, &known, Some(index));
        sandbox.push(Op { nr: u32::try_from(nr).unwrap_or(u32::MAX), entry: Entry::Native, wide: 0, guard, args })?;
    }
    Ok(index)
}

/// The arguments of another call: `asked` and `known` are those of the call that deviates, `index` is where it is.
fn others(parts: &[Part], asked: &[Arg; 6], known: &[Option<u64>; 6], index: Option<OpIndex>) -> [Arg; 6] {
    let of = |param: u8| known[usize::from(param)].unwrap_or(0);
    let ret = || index.map_or(Arg::imm(u64::MAX), Arg::result);
    let mut args = [Arg::imm(0); 6];
    for (slot, part) in args.iter_mut().zip(parts) {
        *slot = match part {
            Part::Number(value) => Arg::imm(*value),
            Part::Param(param, add) => asked[usize::from(*param)].plus(*add),
            Part::Sum(a, b, add) => Arg::imm(of(*a).wrapping_add(of(*b)).wrapping_add_signed(*add)),
            Part::Ret(add) => ret().plus(*add),
            Part::Past(param) => ret().plus(of(*param).cast_signed()),
            Part::Stored(param, offset) => {
                let address = of(*param).wrapping_add(*offset);
                // An address outside the arena cannot be read; the call that asked for it fails anyway.
                if arena_offset(address, 4).is_some() { Arg::mem32(address) } else { Arg::imm(u64::MAX) }
            }
        };
    }
    args
}
