//! Questions to the kernel around the calls of a program.

use super::{CAREFUL_NUMBERS, Probe};
use crate::ask::{Aspect, Subject};
use crate::exec::{Arg, Guard, Op, OpIndex, PushError, Sandbox};
use crate::plan::Reach;

/// Asks about one descriptor, after a success of `after` if that is given.
pub(super) fn probe(
    sandbox: &mut Sandbox,
    (subject, aspect): (Subject, Aspect),
    fd: Arg,
    after: Option<OpIndex>,
) -> Result<Probe, PushError> {
    let guard = after.map_or(Guard::Always, Guard::IfOk);
    let mut probe = Probe { subject, cloexec: None, status: None, offset: None };
    let op = |nr: i64, args: [Arg; 3]| Op::new(nr, &args).guarded(guard);
    let number = |value: i32| Arg::imm(i64::from(value).cast_unsigned());
    match aspect {
        Aspect::Whole => {
            let [cloexec, status, offset] = sandbox.push_look(fd, guard)?;
            (probe.cloexec, probe.status, probe.offset) = (Some(cloexec), Some(status), Some(offset));
        }
        Aspect::Flags => {
            probe.cloexec = Some(sandbox.push(op(libc::SYS_fcntl, [fd, number(libc::F_GETFD), number(0)]))?);
        }
        Aspect::Status => {
            probe.status = Some(sandbox.push(op(libc::SYS_fcntl, [fd, number(libc::F_GETFL), number(0)]))?);
        }
        Aspect::Offset => {
            probe.offset = Some(sandbox.push(op(libc::SYS_lseek, [fd, number(0), number(libc::SEEK_CUR)]))?);
        }
    }
    Ok(probe)
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
        into.push(probe(sandbox, (Subject::Number(number), Aspect::Whole), fd, None)?);
    }
    Ok(())
}
