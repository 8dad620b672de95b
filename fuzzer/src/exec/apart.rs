//! Calls that end, copy or replace the process that makes them: each is made by a stand-in, a child that is forked for that
//! one call and gone when the operation is over.
//!
//! The stand-in is the executor's copy with memory of its own, but it shares the descriptor table and the arena, so that what
//! the call leaves there is seen. What begins in the call goes a few instructions, on no stack, and ends: a shared memory, a
//! garbage stack pointer or thread pointer disturbs nobody. Everything that comes of the call is waited for.
#![expect(unsafe_code, reason = "the calls under test, and the stand-in's own")]

use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicI32, AtomicI64, AtomicU32};

use super::child::leave;
use super::invoke::{Beginning, invoke, invoke_apart};
use super::layout::{Control, Records, bits};

/// The exit status of what begins in a call.
pub const CHILD_STATUS: i32 = 77;

/// A file mode creation mask that the stand-in does not have.
pub(super) const CHILD_UMASK: u64 = 0o123;
/// The one that it has.
const OWN_UMASK: u64 = 0o022;

/// What became of a call that was made apart; written by the stand-in, by what began in the call and by the executor.
#[repr(C, align(64))]
pub(super) struct WireApart {
    /// What it returned to its caller, where it did.
    ret: AtomicI64,
    returned: AtomicU32,
    /// Set by what began, as the last thing it does; then its thread's number, its own and its parent's.
    pub(super) begun: AtomicU32,
    pub(super) thread: AtomicI32,
    pub(super) process: AtomicI32,
    pub(super) parent: AtomicI32,
    /// What it shares with its caller, [`SHARES_MEMORY`] and so on.
    shares: AtomicU32,
    /// The wait status of the stand-in.
    status: AtomicI32,
    /// Who was told of the end of what began, [`TOLD_CALLER`] or [`TOLD_PARENT`], and its wait status.
    told: AtomicU32,
    child_status: AtomicI32,
    caller: AtomicI32,
    callers_parent: AtomicI32,
}

const SHARES_MEMORY: u32 = 1;
const SHARES_DESCRIPTORS: u32 = 2;
const SHARES_DIRECTORY: u32 = 4;
/// Whether descriptors are shared could not be seen: 0 is not open.
const DESCRIPTORS_UNSEEN: u32 = 8;

const TOLD_CALLER: u32 = 1;
const TOLD_PARENT: u32 = 2;

/// Who was told that what began in a call has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// Nobody: a thread, or a child that is reaped by itself.
    Nobody,
    /// The caller.
    Caller,
    /// The caller's own parent.
    CallersParent,
}

/// What began in a call, as it saw itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Begun {
    /// The number of its thread.
    pub thread: i32,
    /// The number of its process.
    pub process: i32,
    /// The number of its parent.
    pub parent: i32,
    /// What it writes to memory its caller sees.
    pub shares_memory: bool,
    /// What it does to a descriptor its caller sees; `None` where that could not be seen.
    pub shares_descriptors: Option<bool>,
    /// Its file mode creation mask is its caller's.
    pub shares_directory: bool,
    /// Who was told of its end, and what.
    pub told: Told,
    /// The wait status that was told.
    pub status: i32,
}

/// What became of a call that was made apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Apart {
    /// The number of the process that made the call.
    pub caller: i32,
    /// The number of that one's parent.
    pub parent: i32,
    /// The wait status with which the caller ended.
    pub status: i32,
    /// What began in the call; `None` where nothing was seen of it.
    pub begun: Option<Begun>,
}

/// Makes the operation at `index` in a stand-in, waits for all that comes of it and notes what that was.
#[inline(never)]
pub(super) fn make(records: &Records, index: usize, head: u64, args: [u64; 6]) {
    let (Some(slot), Some(ret), Some(state)) =
        (records.aparts.get(index), records.rets.get(index), records.states.get(index))
    else {
        return;
    };
    let control = &records.control;
    // Sleeping until a stand-in has ended is no sleep of the call.
    control.apart.store(1, Relaxed);
    let (value, how) = made(slot, control, head, args);
    control.apart.store(0, Relaxed);
    control.signalled.store(0, Relaxed);
    ret.store(value, Relaxed);
    state.store(how, Relaxed);
}

fn made(slot: &WireApart, control: &Control, head: u64, args: [u64; 6]) -> (i64, u8) {
    slot.clear();
    let nr = head as u32;
    let ia32 = head & bits::IA32 != 0;
    let begins = head & bits::BEGINS != 0;
    let own = own(libc::SYS_getpid, [0; 4]);
    let flags = |to: Option<i64>| match to {
        None => self::own(libc::SYS_fcntl, [0, libc::F_GETFD as u64, 0, 0]),
        Some(to) => self::own(libc::SYS_fcntl, [0, libc::F_SETFD as u64, to as u64, 0]),
    };
    let before = flags(None);
    // Who executes a program signals its end by SIGCHLD; a parent that ignores this is not told of it.
    let (default, mut disposition) = ([0u64; 4], [0u64; 4]);
    let sigchld = |new: &[u64; 4], old: *mut u64| {
        self::own(libc::SYS_rt_sigaction, [libc::SIGCHLD as u64, new.as_ptr() as u64, old as u64, 8]);
    };
    sigchld(&default, disposition.as_mut_ptr());
    let stand_in = self::own(libc::SYS_clone, [libc::CLONE_FILES as u64, 0, 0, 0]);
    if stand_in == 0 {
        stand_in_for(slot, own, nr, ia32, begins, before, args);
    }
    slot.caller.store(stand_in as i32, Relaxed);
    slot.callers_parent.store(own as i32, Relaxed);
    let late = stand_in > 0 && reap(slot, control, stand_in);
    sigchld(&disposition, std::ptr::null_mut());
    if stand_in < 0 {
        return (-1, bits::DISTURBED);
    }
    if begins && before >= 0 {
        let after = flags(None);
        if after != before {
            slot.shares.fetch_or(SHARES_DESCRIPTORS, Relaxed);
            flags(Some(before));
        }
    } else {
        slot.shares.fetch_or(DESCRIPTORS_UNSEEN, Relaxed);
    }
    match (late, slot.returned.load(Acquire) != 0) {
        (true, _) => (-1, bits::LATE),
        (false, true) => (slot.ret.load(Relaxed), bits::DONE),
        (false, false) => (-1, bits::LEFT),
    }
}

/// Waits until nothing is left of a call. True if somebody had to be killed for that.
fn reap(slot: &WireApart, control: &Control, stand_in: i64) -> bool {
    let mut late = false;
    loop {
        let mut status = 0;
        let pointer = std::ptr::from_mut(&mut status) as u64;
        // What it begins belongs to the executor's group as it does itself; other children of the executor do not.
        let pid = own(libc::SYS_wait4, [0, pointer, libc::__WALL as u64, 0]);
        if pid == stand_in {
            slot.status.store(status, Relaxed);
        } else if pid > 0 {
            slot.child_status.store(status, Relaxed);
            slot.told.store(TOLD_PARENT, Relaxed);
        } else if pid != -i64::from(libc::EINTR) {
            return late;
        } else if control.signalled.swap(0, Relaxed) != 0 {
            // The watchdog has waited long enough.
            late = true;
            for pid in [stand_in, slot.ret.load(Relaxed)].into_iter().filter(|pid| *pid > 1) {
                own(libc::SYS_kill, [pid as u64, libc::SIGKILL as u64, 0, 0]);
            }
        }
    }
}

/// The stand-in's life: one call, and what is seen of it.
fn stand_in_for(
    slot: &WireApart,
    parent: i64,
    nr: u32,
    ia32: bool,
    begins: bool,
    descriptor_flags: i64,
    args: [u64; 6],
) -> ! {
    // It ends with the executor, wherever that is killed.
    own(libc::SYS_prctl, [libc::PR_SET_PDEATHSIG as u64, libc::SIGKILL as u64, 0, 0]);
    if own(libc::SYS_getppid, [0; 4]) != parent {
        leave();
    }
    let everything = u64::MAX;
    let pointer = std::ptr::from_ref(&everything) as u64;
    own(libc::SYS_rt_sigprocmask, [libc::SIG_SETMASK as u64, pointer, 0, 8]);
    // All zeros is the default action: whose parent ignores this signal, its end is told to nobody.
    let default = [0u64; 4];
    own(libc::SYS_rt_sigaction, [libc::SIGCHLD as u64, default.as_ptr() as u64, 0, 8]);
    own(libc::SYS_umask, [OWN_UMASK, 0, 0, 0]);
    let beginning = Beginning::new(slot, begins, descriptor_flags);
    // SAFETY: this is the call under test; this process is there to be hurt by it, and nobody shares its memory but
    // what begins in the call, which touches nothing but what it is given.
    let ret = unsafe { invoke_apart(nr.into(), args, ia32, &beginning) };
    slot.ret.store(ret, Relaxed);
    slot.returned.store(1, Release);
    if begins && ret > 0 {
        witness(slot, ret);
        let mut shares = 0;
        if beginning.marked() {
            shares |= SHARES_MEMORY;
        }
        if own(libc::SYS_umask, [OWN_UMASK, 0, 0, 0]) == CHILD_UMASK as i64 {
            shares |= SHARES_DIRECTORY;
        }
        slot.shares.fetch_or(shares, Relaxed);
    }
    leave()
}

/// Waits for what began in the call, and notes how it ended where that is told.
fn witness(slot: &WireApart, child: i64) {
    let mut status = 0;
    let pointer = std::ptr::from_mut(&mut status) as u64;
    if own(libc::SYS_wait4, [child as u64, pointer, libc::__WALL as u64, 0]) == child {
        slot.child_status.store(status, Relaxed);
        slot.told.store(TOLD_CALLER, Relaxed);
        return;
    }
    // A thread, or a child of somebody else: it says itself that it was there. The executor's deadline ends this too.
    while slot.begun.load(Acquire) == 0 {
        own(libc::SYS_sched_yield, [0; 4]);
    }
    let process = own(libc::SYS_getpid, [0; 4]) as u64;
    while own(libc::SYS_tgkill, [process, child as u64, 0, 0]) == 0 {
        own(libc::SYS_sched_yield, [0; 4]);
    }
}

/// A call of the executor's or the stand-in's own.
fn own(nr: i64, args: [u64; 4]) -> i64 {
    // SAFETY: private to this file, whose callers pass numbers, and pointers to their own values.
    unsafe { invoke(nr as u64, [args[0], args[1], args[2], args[3], 0, 0]) }
}

impl WireApart {
    fn clear(&self) {
        self.ret.store(0, Relaxed);
        for word in [&self.returned, &self.begun, &self.shares, &self.told] {
            word.store(0, Relaxed);
        }
        self.status.store(0, Relaxed);
    }

    /// What it holds, as the supervisor reads it.
    pub(super) fn read(&self) -> Apart {
        let shares = self.shares.load(Relaxed);
        let begun = (self.begun.load(Relaxed) != 0).then(|| Begun {
            thread: self.thread.load(Relaxed),
            process: self.process.load(Relaxed),
            parent: self.parent.load(Relaxed),
            shares_memory: shares & SHARES_MEMORY != 0,
            shares_descriptors: (shares & DESCRIPTORS_UNSEEN == 0).then_some(shares & SHARES_DESCRIPTORS != 0),
            shares_directory: shares & SHARES_DIRECTORY != 0,
            told: match self.told.load(Relaxed) {
                TOLD_CALLER => Told::Caller,
                TOLD_PARENT => Told::CallersParent,
                _ => Told::Nobody,
            },
            status: self.child_status.load(Relaxed),
        });
        Apart {
            caller: self.caller.load(Relaxed),
            parent: self.callers_parent.load(Relaxed),
            status: self.status.load(Relaxed),
            begun,
        }
    }
}
