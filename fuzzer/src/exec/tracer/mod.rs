//! What following other processes needs of the kernel and nix does not offer: stops with any signal, registers, memory.
#![expect(unsafe_code, reason = "ptrace, and system calls with pointers to our own values")]

mod filter;
mod launch;

pub use filter::{Allowed, Harmless, allow_filter, trace_filter};
pub use launch::{Beginning, Launch, LaunchError, Started};

use libc::{c_int, c_long, c_uint, c_void};
use nix::errno::Errno;
use nix::sys::ptrace::Options;
use nix::sys::uio::{RemoteIoVec, process_vm_readv};
use nix::unistd::Pid;
use std::io::IoSliceMut;
use std::mem::{MaybeUninit, size_of};
use std::ptr;
use std::time::Duration;

/// How a stopped task goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resume {
    /// To the next event.
    Run,
    /// To the next entry to or exit from a system call, or to the next event.
    ToCall,
    /// It stays stopped, as its group is, and is woken as its group is.
    Listen,
}

/// Why a task stopped at a system call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallStop {
    /// It is about to make a call.
    Entry {
        /// The number.
        nr: u64,
        /// All six registers.
        args: [u64; 6],
        /// Whether it enters as this port's own programs do; numbers of other ABIs mean other calls.
        native: bool,
    },
    /// It has made one.
    Exit {
        /// The returned register.
        ret: i64,
    },
    /// Neither.
    Elsewhere,
}

/// Options of every followed task: its threads, children and new programs are followed too.
///
/// `kill` ends them all when the tracer ends, however it ends.
pub fn options(kill: bool) -> Options {
    let follow = Options::PTRACE_O_TRACESYSGOOD
        | Options::PTRACE_O_TRACECLONE
        | Options::PTRACE_O_TRACEFORK
        | Options::PTRACE_O_TRACEVFORK
        | Options::PTRACE_O_TRACEEXEC
        | Options::PTRACE_O_TRACESECCOMP;
    if kill { follow | Options::PTRACE_O_EXITKILL } else { follow }
}

fn request(request: c_uint, pid: i32, address: u64, data: u64) -> Result<c_long, Errno> {
    // SAFETY: the requests made in this file write nothing through `data`, except those that pass a pointer to a value of
    // theirs with its size.
    let done = unsafe { libc::ptrace(request, pid, address as *mut c_void, data as *mut c_void) };
    Errno::result(done)
}

/// Lets a stopped task go on, with a signal if it is not 0.
///
/// # Errors
/// ESRCH for a task that is gone or not stopped.
pub fn resume(pid: i32, how: Resume, signal: i32) -> Result<(), Errno> {
    let kind = match how {
        Resume::Run => libc::PTRACE_CONT,
        Resume::ToCall => libc::PTRACE_SYSCALL,
        Resume::Listen => libc::PTRACE_LISTEN,
    };
    let signal = if how == Resume::Listen { 0 } else { signal };
    request(kind, pid, 0, signal as u64).map(drop)
}

/// Lets a stopped task go for good, with a signal if it is not 0.
///
/// # Errors
/// ESRCH for a task that is gone or not stopped.
pub fn detach(pid: i32, signal: i32) -> Result<(), Errno> {
    request(libc::PTRACE_DETACH, pid, 0, signal as u64).map(drop)
}

/// Waits for a task that the calling thread follows, or for a child of it, to stop or end: its id and wait status, or nothing if a signal came first.
///
/// # Errors
/// ECHILD when nobody is left.
pub fn wait() -> Result<Option<(i32, c_int)>, Errno> {
    let mut status: c_int = 0;
    // SAFETY: the status is ours and outlives the call.
    let done = unsafe { libc::waitpid(-1, &raw mut status, libc::__WALL | libc::__WNOTHREAD) };
    match Errno::result(done) {
        Ok(pid) => Ok(Some((pid, status))),
        Err(Errno::EINTR) => Ok(None),
        Err(errno) => Err(errno),
    }
}

/// The audit number of this port's own ABI.
#[cfg(target_arch = "x86_64")]
const NATIVE: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
const NATIVE: u32 = 0xc000_00b7;

/// What a stopped task is doing.
///
/// # Errors
/// ESRCH for a task that is gone or not stopped; EIO on kernels before 5.3.
pub fn call_stop(pid: i32) -> Result<CallStop, Errno> {
    // SAFETY: all zeros is a valid value.
    let mut info: libc::ptrace_syscall_info = unsafe { MaybeUninit::zeroed().assume_init() };
    let pointer = ptr::from_mut(&mut info) as u64;
    request(libc::PTRACE_GET_SYSCALL_INFO, pid, size_of::<libc::ptrace_syscall_info>() as u64, pointer)?;
    let native = |nr: u64| info.arch == NATIVE && (cfg!(not(target_arch = "x86_64")) || nr & 0x4000_0000 == 0);
    Ok(match info.op {
        libc::PTRACE_SYSCALL_INFO_ENTRY => {
            // SAFETY: `op` says which part is there.
            let entry = unsafe { info.u.entry };
            CallStop::Entry { nr: entry.nr, args: entry.args, native: native(entry.nr) }
        }
        libc::PTRACE_SYSCALL_INFO_SECCOMP => {
            // SAFETY: `op` says which part is there.
            let entry = unsafe { info.u.seccomp };
            CallStop::Entry { nr: entry.nr, args: entry.args, native: native(entry.nr) }
        }
        libc::PTRACE_SYSCALL_INFO_EXIT => {
            // SAFETY: `op` says which part is there.
            let exit = unsafe { info.u.exit };
            CallStop::Exit { ret: exit.sval }
        }
        _ => CallStop::Elsewhere,
    })
}

/// The signals that a stopped task blocks.
///
/// # Errors
/// ESRCH for a task that is gone or not stopped.
pub fn blocked_signals(pid: i32) -> Result<u64, Errno> {
    let mut mask: u64 = 0;
    request(libc::PTRACE_GETSIGMASK, pid, size_of::<u64>() as u64, ptr::from_mut(&mut mask) as u64)?;
    Ok(mask)
}

/// The soft and hard limit of a process.
///
/// # Errors
/// ESRCH for a process that is gone, EPERM for one of another user, EINVAL for a number that no limit has.
pub fn limit(pid: i32, resource: u32) -> Result<(u64, u64), Errno> {
    let mut limit = libc::rlimit64 { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the new limit is absent, the old one is ours and outlives the call.
    let done =
        unsafe { libc::syscall(libc::SYS_prlimit64, pid, resource, ptr::null::<libc::rlimit64>(), &raw mut limit) };
    Errno::result(done)?;
    Ok((limit.rlim_cur, limit.rlim_max))
}

/// Reads a task's memory: the number of bytes up to the first one that cannot be read.
pub fn read_memory(pid: i32, address: u64, bytes: &mut [u8]) -> usize {
    let Ok(base) = usize::try_from(address) else { return 0 };
    let page = 4096 - base % 4096;
    let len = bytes.len();
    // A part that cannot be read makes the whole transfer end before it only where it is a part of its own.
    let mut parts = Vec::with_capacity(len / 4096 + 2);
    let (mut at, mut left, mut room) = (base, len, page);
    while left > 0 {
        let part = left.min(room);
        parts.push(RemoteIoVec { base: at, len: part });
        (at, left, room) = (at.wrapping_add(part), left - part, 4096);
    }
    let mut into = [IoSliceMut::new(bytes)];
    process_vm_readv(Pid::from_raw(pid), &mut into, &parts).unwrap_or(0).min(len)
}

extern "C" fn wake(_: c_int) {}

/// Makes [`wait`] come back at least this often in the calling thread.
///
/// # Errors
/// When the kernel gives no timer.
pub fn tick(every: Duration) -> Result<(), Errno> {
    super::sys::handle_signal(libc::SIGALRM, wake)?;
    // SAFETY: all zeros is a valid event.
    let mut event: libc::sigevent = unsafe { MaybeUninit::zeroed().assume_init() };
    event.sigev_notify = libc::SIGEV_THREAD_ID;
    event.sigev_signo = libc::SIGALRM;
    // SAFETY: it takes nothing and cannot fail.
    event.sigev_notify_thread_id = unsafe { libc::gettid() };
    let mut timer: libc::timer_t = ptr::null_mut();
    // SAFETY: the event and the timer are ours and outlive the call.
    Errno::result(unsafe { libc::timer_create(libc::CLOCK_MONOTONIC, &raw mut event, &raw mut timer) })?;
    let spec = libc::timespec { tv_sec: every.as_secs() as libc::time_t, tv_nsec: every.subsec_nanos().into() };
    let times = libc::itimerspec { it_interval: spec, it_value: spec };
    // SAFETY: the timer was made above, the times are ours and outlive the call.
    Errno::result(unsafe { libc::timer_settime(timer, 0, &raw const times, ptr::null_mut()) }).map(drop)
}

/// Sends a signal to a process.
///
/// # Errors
/// ESRCH for a process that is gone.
pub fn send(pid: i32, signal: i32) -> Result<(), Errno> {
    super::sys::kill(pid, signal)
}
