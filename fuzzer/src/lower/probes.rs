//! Questions to the kernel around the calls of a program.

use super::{CAREFUL_NUMBERS, Probe};
use crate::ask::Subject;
use crate::exec::{Arg, Guard, OpIndex, PushError, Sandbox};
use crate::plan::Reach;

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
