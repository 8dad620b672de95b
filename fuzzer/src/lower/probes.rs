//! Questions to the kernel around the calls of a program.

use super::{CAREFUL_NUMBERS, FileProbe, NameProbe, Probe, STATX_BYTES, Subject};
use crate::exec::layout::arena_offset;
use crate::exec::{Arg, Guard, Op, OpIndex, PushError, Sandbox};
use crate::plan::{AskedName, Reach, Touched};

impl Touched {
    /// The descriptor of one call, by the addresses of its blocks.
    pub(super) fn subject(self, addresses: &[u64; 6]) -> Option<Subject> {
        match self {
            Self::Ret => Some(Subject::Ret),
            Self::Param(index) => Some(Subject::Param(index)),
            Self::Behind(param, offset) => {
                let start = addresses.get(usize::from(param)).copied().filter(|address| *address != 0)?;
                let address = start.checked_add(offset)?;
                arena_offset(address, 4).map(|_| Subject::At(address))
            }
        }
    }
}

/// Asks, after a success, for a name that the call makes or takes away.
pub(super) fn name(
    sandbox: &mut Sandbox,
    asked: AskedName,
    args: &[Arg; 6],
    op: OpIndex,
) -> Result<NameProbe, PushError> {
    let cwd = Arg::imm(i64::from(libc::AT_FDCWD).cast_unsigned());
    let base = asked.base.map_or(cwd, |base| args[usize::from(base)]);
    let path = args[usize::from(asked.param)];
    let question = [base, path, Arg::imm(libc::F_OK as u64), Arg::imm(i64::from(asked.flags).cast_unsigned())];
    let op = sandbox.push(Op::new(libc::SYS_faccessat2, &question).guarded(Guard::IfOk(op)))?;
    Ok(NameProbe { param: asked.param, op })
}

/// Asks for the file behind the descriptor that a call returned.
pub(super) fn file_probe(sandbox: &mut Sandbox, address: u64, op: OpIndex) -> Result<FileProbe, PushError> {
    let name = address + STATX_BYTES as u64;
    let asked = [
        Arg::result(op),
        Arg::imm(name),
        Arg::imm(libc::AT_EMPTY_PATH as u64),
        Arg::imm(u64::from(libc::STATX_BASIC_STATS)),
        Arg::imm(address),
    ];
    let op = sandbox.push(Op::new(libc::SYS_statx, &asked).guarded(Guard::IfOk(op)))?;
    Ok(FileProbe { op, address })
}
/// Asks for everything about one descriptor, after a success of `after` if that is given.
pub(super) fn probe(
    sandbox: &mut Sandbox,
    subject: Subject,
    fd: Arg,
    after: Option<OpIndex>,
) -> Result<Probe, PushError> {
    let [cloexec, status, offset] = sandbox.push_look(fd, after.map_or(Guard::Always, Guard::IfOk))?;
    Ok(Probe { subject, cloexec, status, offset })
}

/// The descriptors that a program can have opened, and one more that it can not: a leak takes the lowest free number. The
/// first three are looked at only after calls that could reach them.
pub(super) fn end_table(sandbox: &mut Sandbox, reach: Reach, into: &mut Vec<Probe>) -> Result<(), PushError> {
    let first = if reach.changes { 0 } else { 3 };
    table(sandbox, first..(4 + reach.opens).min(CAREFUL_NUMBERS), into)
}

/// Asks for every descriptor of a range.
pub(super) fn table(
    sandbox: &mut Sandbox,
    numbers: std::ops::Range<i32>,
    into: &mut Vec<Probe>,
) -> Result<(), PushError> {
    for number in numbers {
        let fd = Arg::imm(u64::from(number.cast_unsigned()));
        into.push(probe(sandbox, Subject::Number(number), fd, None)?);
    }
    Ok(())
}
