//! The few system calls of supervisor and sandbox that have no safe wrapper elsewhere.
#![expect(unsafe_code, reason = "system calls with pointers to our own values")]

use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, OwnedFd};
use std::ptr;
use std::sync::atomic::{AtomicI32, AtomicU32};
use std::time::Duration;

use libc::{c_int, c_long, sock_filter, sock_fprog};
use nix::errno::Errno;

use super::entry::Entry;
use super::invoke::invoke;
use super::layout::ARENA_SIZE;

fn call(nr: c_long, args: [u64; 6]) -> Result<i64, Errno> {
    // SAFETY: private to this file, whose callers each pass pointers that are valid for the call.
    let ret = unsafe { invoke(nr as u64, args) };
    if super::op::is_error(ret) { Err(Errno::from_raw(-ret as i32)) } else { Ok(ret) }
}

/// Sleeps while `word` holds `seen`, for at most `timeout`. Other processes that map the word may wake it.
pub(super) fn futex_wait(word: &AtomicU32, seen: u32, timeout: Option<Duration>) -> Result<(), Errno> {
    let timeout = timeout.map(|timeout| libc::timespec {
        tv_sec: timeout.as_secs() as libc::time_t,
        tv_nsec: timeout.subsec_nanos().into(),
    });
    let pointer = timeout.as_ref().map_or(ptr::null(), ptr::from_ref);
    let args = [word.as_ptr() as u64, libc::FUTEX_WAIT as u64, seen.into(), pointer as u64, 0, 0];
    call(libc::SYS_futex, args).map(drop)
}

/// Wakes everyone who sleeps on `word`.
pub(super) fn futex_wake(word: &AtomicU32) {
    // Waking can only fail for a word that is no memory.
    let _ = call(libc::SYS_futex, [word.as_ptr() as u64, libc::FUTEX_WAKE as u64, i32::MAX as u64, 0, 0, 0]);
}

/// Closes every descriptor from `first` on.
pub(super) fn close_from(first: u32) -> Result<(), Errno> {
    call(libc::SYS_close_range, [first.into(), u32::MAX.into(), 0, 0, 0, 0]).map(drop)
}

/// A control request.
///
/// # Safety
/// `argument` is what the request takes: a number, or the address of as many bytes as it reads or writes.
pub(super) unsafe fn ioctl(fd: &OwnedFd, request: u64, argument: u64) -> Result<i64, Errno> {
    call(libc::SYS_ioctl, [fd.as_raw_fd() as u64, request, argument, 0, 0, 0])
}

/// Installs a seccomp filter for this process; it must have given up new privileges before.
pub(super) fn seccomp(program: &[sock_filter]) -> Result<(), Errno> {
    let len = u16::try_from(program.len()).map_err(|_| Errno::EINVAL)?;
    let program = sock_fprog { len, filter: program.as_ptr().cast_mut() };
    let operation = u64::from(libc::SECCOMP_SET_MODE_FILTER);
    // Without this flag older kernels turn on a slow speculation mitigation for every filtered process.
    let flags = libc::SECCOMP_FILTER_FLAG_SPEC_ALLOW;
    let pointer = ptr::from_ref(&program) as u64;
    call(libc::SYS_seccomp, [operation, flags, pointer, 0, 0, 0]).map(drop)
}

/// Gives up all capabilities: ambient, bounding, effective, permitted and inheritable.
pub(super) fn drop_capabilities() -> Result<(), Errno> {
    const VERSION_3: u32 = 0x2008_0522;
    let prctl = |option: c_int, a: u64, b: u64| call(libc::SYS_prctl, [option as u64, a, b, 0, 0, 0]);
    for capability in 0..64 {
        match prctl(libc::PR_CAPBSET_DROP, capability, 0) {
            Ok(_) => {}
            // Past the last one this kernel knows.
            Err(Errno::EINVAL) => break,
            Err(errno) => return Err(errno),
        }
    }
    prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_CLEAR_ALL as u64, 0)?;
    let header: [u32; 2] = [VERSION_3, 0];
    let none = [0u32; 6];
    call(libc::SYS_capset, [header.as_ptr() as u64, none.as_ptr() as u64, 0, 0, 0, 0]).map(drop)
}

/// Brings the loopback interface of this network namespace up.
pub(super) fn loopback_up() -> Result<(), Errno> {
    let socket = call(libc::SYS_socket, [libc::AF_INET as u64, libc::SOCK_DGRAM as u64, 0, 0, 0, 0])? as u64;
    // SAFETY: all zeros is a valid request.
    let mut request: libc::ifreq = unsafe { MaybeUninit::zeroed().assume_init() };
    request.ifr_name[0] = b'l' as libc::c_char;
    request.ifr_name[1] = b'o' as libc::c_char;
    request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short;
    let pointer = ptr::from_ref(&request) as u64;
    let set = call(libc::SYS_ioctl, [socket, libc::SIOCSIFFLAGS, pointer, 0, 0, 0]);
    let _ = call(libc::SYS_close, [socket, 0, 0, 0, 0, 0]);
    set.map(drop)
}

fn action(signal: c_int, handler: libc::sighandler_t) -> Result<(), Errno> {
    // SAFETY: all zeros is a valid action: the default one, no flags, an empty mask.
    let mut action: libc::sigaction = unsafe { MaybeUninit::zeroed().assume_init() };
    action.sa_sigaction = handler;
    // SAFETY: the action is ours; every handler passed in here is a plain function that is safe to run at any moment.
    Errno::result(unsafe { libc::sigaction(signal, &action, ptr::null_mut()) }).map(drop)
}

/// Gives every signal its default disposition, whatever the program's runtime and its parent left behind.
pub(super) fn reset_signals() {
    for signal in 1..=64 {
        // SIGKILL, SIGSTOP and the libc's own two refuse; they have no other disposition in a sandbox.
        let _ = action(signal, libc::SIG_DFL);
    }
}

/// Ignores `signal`.
pub(super) fn ignore_signal(signal: c_int) -> Result<(), Errno> {
    action(signal, libc::SIG_IGN)
}

/// Has `handler` run for `signal`, without restarting the call it interrupts.
pub(super) fn handle_signal(signal: c_int, handler: extern "C" fn(c_int)) -> Result<(), Errno> {
    action(signal, handler as libc::sighandler_t)
}

/// Lets processes that begin from now on have the arena or not.
pub(super) fn inherit_arena(wanted: bool) {
    let advice = if wanted { libc::MADV_DOFORK } else { libc::MADV_DONTFORK };
    for entry in [Entry::Native, Entry::Ia32] {
        // The second one may not be there.
        let _ = call(libc::SYS_madvise, [entry.arena(), ARENA_SIZE, advice as u64, 0, 0, 0]);
    }
}

/// Makes one object of each kind of System V's, which nobody but its owner may use, where the kernel has them: in a namespace that
/// has none yet each has the number 0.
pub(super) fn make_ipc_objects() {
    let private = libc::IPC_PRIVATE as u64;
    let calls: [(c_long, [u64; 3]); 3] = [
        (libc::SYS_shmget, [private, 4096, 0]),
        (libc::SYS_semget, [private, 1, 0]),
        (libc::SYS_msgget, [private, 0, 0]),
    ];
    for (nr, [key, second, third]) in calls {
        // A kernel without them has none of another user's either.
        let _ = call(nr, [key, second, third, 0, 0, 0]);
    }
}

/// Forks this process, whose only thread the caller is: 0 in the child, which has this number in its pid namespace.
/// Who had it before may take a moment to be gone. `told` holds the child's number as this process sees it before the child runs.
pub(super) fn fork_numbered(pid: i32, told: Option<&AtomicI32>) -> Result<i32, Errno> {
    let (flags, told) = told_in(told);
    // Behind flags and descriptors, at 24: where the number goes. Behind the signal of its end, at 64: where the numbers are and
    // how many.
    let numbers = [pid];
    let args: [u64; 10] = [flags, 0, 0, told, libc::SIGCHLD as u64, 0, 0, 0, numbers.as_ptr() as u64, 1];
    let fork = || call(libc::SYS_clone3, [args.as_ptr() as u64, size_of_val(&args) as u64, 0, 0, 0, 0]);
    let mut tries = 0;
    loop {
        match fork() {
            Err(Errno::EEXIST) if tries < PATIENCE_FOR_A_NUMBER => {
                tries += 1;
                std::thread::sleep(Duration::from_micros(100));
            }
            other => return other.map(|pid| pid as i32),
        }
    }
}

/// The same with whatever number comes next.
pub(super) fn fork_told(told: &AtomicI32) -> Result<i32, Errno> {
    let (flags, told) = told_in(Some(told));
    // The number's place is the third argument on every architecture, and what follows goes with flags that are not set.
    call(libc::SYS_clone, [flags | libc::SIGCHLD as u64, 0, told, 0, 0, 0]).map(|pid| pid as i32)
}

/// The flag and the address with which a fork stores the child's number.
fn told_in(told: Option<&AtomicI32>) -> (u64, u64) {
    told.map_or((0, 0), |place| (libc::CLONE_PARENT_SETTID as u64, place.as_ptr() as u64))
}

/// Tenths of a millisecond that a number is waited for.
const PATIENCE_FOR_A_NUMBER: u32 = 200;

/// Sends a signal by number: nix's type has no real-time signals.
pub(super) fn kill(pid: i32, signal: c_int) -> Result<(), Errno> {
    call(libc::SYS_kill, [pid as u64, signal as u64, 0, 0, 0, 0]).map(drop)
}

/// Reaps a child of this process: its pid and wait status, or nothing if none has ended and `block` is false.
pub(super) fn wait_any(block: bool) -> Result<Option<(i32, i32)>, Errno> {
    let mut status: c_int = 0;
    let options = libc::__WALL | if block { 0 } else { libc::WNOHANG };
    let pointer = ptr::from_mut(&mut status) as u64;
    loop {
        match call(libc::SYS_wait4, [-1i64 as u64, pointer, options as u64, 0, 0, 0]) {
            Ok(0) => return Ok(None),
            Ok(pid) => return Ok(Some((pid as i32, status))),
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno),
        }
    }
}
