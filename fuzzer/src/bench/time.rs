//! Processor time.

use nix::time::{ClockId, clock_gettime};
use nix::unistd::Pid;
use std::time::Duration;

/// What this thread has used.
pub(super) fn own() -> Duration {
    read(ClockId::CLOCK_THREAD_CPUTIME_ID)
}

/// What a process has used; nothing if it is gone.
pub(super) fn of(pid: i32) -> Duration {
    nix::time::clock_getcpuclockid(Pid::from_raw(pid)).map_or(Duration::ZERO, read)
}

fn read(clock: ClockId) -> Duration {
    clock_gettime(clock).map_or(Duration::ZERO, Duration::from)
}
