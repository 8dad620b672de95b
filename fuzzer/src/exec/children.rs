//! The children that an executor has from the beginning: one that sleeps and one that has ended, for calls about children.
//!
//! Each leads a session of its own, so that who waits for the executor's own group does not meet them. Where their numbers
//! cannot be chosen there are none.

use nix::errno::Errno;
use nix::sys::prctl;
use nix::sys::signal::{SigSet, SigmaskHow, Signal, sigprocmask};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::{Pid, getpid, getppid, pause, setsid};

use super::child::{EXECUTOR_PID, leave};
use super::sys;

/// The number of the child that sleeps.
pub const SLEEPING_CHILD: i32 = 3;
/// The number of the child that has ended, and has not been waited for.
pub const ENDED_CHILD: i32 = 4;

/// Whether the executor of this number, from 1 on, is the first or one of every so many; of none where that is 0.
pub(super) fn are_due(number: u32, every: u32) -> bool {
    number.wrapping_sub(1).checked_rem(every) == Some(0)
}

/// Makes them. The end of a child is remembered only while SIGCHLD is not ignored.
pub(super) fn bear() -> Result<(), Errno> {
    if getpid().as_raw() != EXECUTOR_PID {
        return Ok(());
    }
    // Every cell has mappings of its own, and to copy them is most of what a fork costs.
    sys::inherit_arena(false);
    let born = both();
    sys::inherit_arena(true);
    born
}

fn both() -> Result<(), Errno> {
    if sys::fork_numbered(SLEEPING_CHILD, None) == Ok(0) {
        // Whatever fails, its end tells nobody anything.
        let _ = sleep();
        leave();
    }
    match sys::fork_numbered(ENDED_CHILD, None) {
        Ok(0) => {
            let _ = setsid();
            leave()
        }
        Ok(child) => {
            let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT;
            waitid(Id::Pid(Pid::from_raw(child)), flags).map(drop)
        }
        Err(_) => Ok(()),
    }
}

/// Sleeps until the executor ends.
fn sleep() -> Result<(), Errno> {
    prctl::set_pdeathsig(Signal::SIGKILL)?;
    if getppid().as_raw() != EXECUTOR_PID {
        return Ok(());
    }
    setsid()?;
    // Whatever it is sent waits for ever, as it does itself.
    sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::all()), None)?;
    loop {
        pause();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_executor_is_among_those_with_children() {
        let due = |every: u32| (1..=9).filter(|number| are_due(*number, every)).collect::<Vec<u32>>();
        assert_eq!((due(0), due(1).len(), due(4)), (Vec::new(), 9, vec![1, 5, 9]));
    }
}
