//! The executor: a forked process that runs batches and may be broken by any operation of them.
//!
//! Between batches and during them it uses nothing but its code, its stack and the shared memory: it does not
//! allocate, does not touch thread-local storage and holds no descriptor, because tested calls take those away.
#![expect(unsafe_code, reason = "fork, and the calls under test")]

use std::io::Read;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicI32, AtomicI64, AtomicU8, Ordering::Relaxed, Ordering::Release};

use libc::{c_int, sock_filter};
use nix::errno::Errno;
use nix::fcntl::{OFlag, open, openat};
use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::{SigSet, SigmaskHow, Signal, sigprocmask};
use nix::sys::stat::{Mode, umask};
use nix::unistd::{ForkResult, Pid, chdir, fork, setsid};

use super::error::{Part, Stage};
use super::invoke::{invoke, invoke_ia32};
use super::layout::{
    Control, INTERRUPT_SIGNAL, MAX_DENIED, MAX_IA32, MAX_OPS, MAX_SHIM, NO_OP, Records, WORK_DIRECTORY, WireExtra,
    WireOp, bits,
};
use super::shared::fixed_records;
use super::{apart, children, deny, op, shared, sys, vdso};

/// The file that stands in for /dev/null where that cannot be had.
pub const EMPTY_FILE: &str = "/empty";

/// A socket on the sandbox's own file system that nobody listens on.
pub const SILENT_SOCKET: &str = "/silent";
/// Its permissions.
pub const SILENT_MODE: u16 = 0o666;

/// Runs `body` in a forked child, which ends when `body` returns.
pub(super) fn spawn(body: impl FnOnce()) -> Result<Pid, Errno> {
    // SAFETY: the commander has one thread, so its child may do whatever it could do.
    match unsafe { fork() }? {
        ForkResult::Parent { child } => Ok(child),
        ForkResult::Child => {
            body();
            leave()
        }
    }
}

/// The number of every executor in its pid namespace, where the kernel lets it be chosen.
pub const EXECUTOR_PID: i32 = 2;

/// The same for an executor: its number is [`EXECUTOR_PID`], so that programs know it before they run. A kernel before 5.5, or
/// one where something of the last executor is left, gives it another. The control record holds who it is before it runs: whoever
/// sees it ready can ask about it.
pub(super) fn spawn_executor(control: &Control, body: impl FnOnce()) -> Result<i32, Errno> {
    let seen = &control.executor_pid;
    control.chosen_pid.store(EXECUTOR_PID, Relaxed);
    let forked = sys::fork_numbered(EXECUTOR_PID, Some(seen)).or_else(|_| {
        control.chosen_pid.store(0, Relaxed);
        sys::fork_told(seen)
    });
    match forked? {
        0 => {
            body();
            leave()
        }
        pid => Ok(pid),
    }
}

/// Ends this process without running anything that its parent registered for its own end.
pub(super) fn leave() -> ! {
    loop {
        // SAFETY: ending is what is wanted.
        unsafe { invoke(libc::SYS_exit_group as u64, [0; 6]) };
    }
}

/// Records that `part` is missing.
pub(super) fn skip(control: &Control, part: Part, errno: Errno) {
    control.skipped[part as usize].store(errno as i32, Relaxed);
}

/// Records what made a sandbox or executor impossible.
pub(super) fn fail(control: &Control, stage: Stage, errno: Errno) {
    control.failed_errno.store(errno as i32, Relaxed);
    control.failed_stage.store(stage as u32, Release);
}

/// The executor's life: everything it needs is set up, then it obeys the supervisor.
pub(super) fn executor(records: &'static Records, number: u32, host_proc: Option<&OwnedFd>) {
    let control = &records.control;
    match set_up(control, number, host_proc) {
        Ok(()) => {
            control.ready.store(number, Release);
            tell(control);
            serve(records)
        }
        Err((stage, errno)) => fail(control, stage, errno),
    }
}

fn tell(control: &Control) {
    control.event.fetch_add(1, Release);
    sys::futex_wake(&control.event);
}

fn set_up(control: &Control, number: u32, host_proc: Option<&OwnedFd>) -> Result<(), (Stage, Errno)> {
    let process = |errno| (Stage::Process, errno);
    prctl::set_pdeathsig(Signal::SIGKILL).map_err(process)?;
    prctl::set_name(c"executor").map_err(process)?;
    setsid().map_err(process)?;
    umask(Mode::from_bits_truncate(0o022));
    chdir(WORK_DIRECTORY).map_err(|errno| (Stage::WorkDirectory, errno))?;

    // Where nothing is denied, what one executor mounts would be the next one's to meet.
    if control.privileged.load(Relaxed) != 0 {
        unshare(CloneFlags::CLONE_NEWNS).map_err(|errno| (Stage::MountNamespace, errno))?;
    }
    let ia32 = ia32(control);
    if !ia32.is_empty() {
        shared::map_low(inherited(1)).map_err(|errno| (Stage::Memory, errno))?;
    }
    vdso::publish(control);

    // Once is enough: every executor is a copy of the same commander.
    if control.mapping_count.load(Relaxed) == 0
        && let Err(errno) = report_mappings(control, host_proc)
    {
        skip(control, Part::OwnMappings, errno);
    }

    descriptors().map_err(process)?;
    limits(control).map_err(process)?;
    if children::are_due(number, control.children_every.load(Relaxed)) {
        children::bear().map_err(process)?;
    }
    signals().map_err(process)?;
    if control.drop_capabilities.load(Relaxed) != 0 {
        sys::drop_capabilities().map_err(|errno| (Stage::Capabilities, errno))?;
    }
    prctl::set_dumpable(true).map_err(process)?;
    prctl::set_no_new_privs().map_err(process)?;
    if control.privileged.load(Relaxed) == 0
        && let Err(errno) = sys::seccomp(&deny::filter(&denied(control), &ia32))
    {
        skip(control, Part::DenyList, errno);
    }
    let shim = shim(control);
    if !shim.is_empty() {
        sys::seccomp(&shim).map_err(|errno| (Stage::Shim, errno))?;
    }
    Ok(())
}

/// Exactly 0, 1 and 2 are open, each its own open file that no other executor shares.
fn descriptors() -> Result<(), Errno> {
    sys::close_from(0)?;
    for wanted in 0..3 {
        let null = open("/dev/null", OFlag::O_RDWR, Mode::empty());
        let fd = null.or_else(|_| open(EMPTY_FILE, OFlag::O_RDONLY, Mode::empty()))?;
        if std::os::fd::IntoRawFd::into_raw_fd(fd) != wanted {
            return Err(Errno::EBADF);
        }
    }
    Ok(())
}

fn limits(control: &Control) -> Result<(), Errno> {
    let set = |resource, soft: u64, hard: u64| setrlimit(resource, soft, hard);
    set(Resource::RLIMIT_CORE, 0, 0)?;
    let size = control.file_size.load(Relaxed);
    set(Resource::RLIMIT_FSIZE, size, size)?;
    let space = control.address_space.load(Relaxed);
    set(Resource::RLIMIT_AS, space, space)?;
    let locked = control.locked_memory.load(Relaxed);
    set(Resource::RLIMIT_MEMLOCK, locked, locked)?;
    // A real-time executor could take a processor away from its own watchdog.
    set(Resource::RLIMIT_RTPRIO, 0, 0)?;
    set(Resource::RLIMIT_NICE, 0, 0)?;
    set(Resource::RLIMIT_NOFILE, control.nofile_soft.load(Relaxed), control.nofile_hard.load(Relaxed))
}

/// Signals that the executor does not ignore: two that nobody can, the one of a limit that must end it, and two that the C library
/// keeps to itself.
pub const HEEDED: [c_int; 5] = [libc::SIGKILL, libc::SIGSTOP, libc::SIGXCPU, 32, 33];

/// The commander gave every signal its default disposition. Here everything is ignored that tested calls can bring about: broken
/// pipes, limits of file size, timers, and signals that they send. A fault ends the executor all the same: the kernel forces it.
fn signals() -> Result<(), Errno> {
    for signal in (1..=libc::SIGRTMAX()).filter(|signal| *signal != INTERRUPT_SIGNAL && !HEEDED.contains(signal)) {
        sys::ignore_signal(signal)?;
    }
    sys::handle_signal(INTERRUPT_SIGNAL, on_interrupt)?;
    sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None)
}

fn shim(control: &Control) -> Vec<sock_filter> {
    let len = (control.shim_len.load(Relaxed) as usize).min(MAX_SHIM);
    control.shim[..len].iter().map(|packed| unpack_filter(packed.load(Relaxed))).collect()
}

/// The numbers that are refused.
fn denied(control: &Control) -> Vec<u32> {
    let len = (control.denied_len.load(Relaxed) as usize).min(MAX_DENIED);
    control.denied[..len].iter().map(|nr| nr.load(Relaxed)).collect()
}

/// The numbers of i386 that may be called.
fn ia32(control: &Control) -> Vec<u32> {
    let len = (control.ia32_len.load(Relaxed) as usize).min(MAX_IA32);
    control.ia32[..len].iter().map(|nr| nr.load(Relaxed)).collect()
}

pub(super) fn pack_filter(filter: &sock_filter) -> u64 {
    u64::from(filter.code) << 48 | u64::from(filter.jt) << 40 | u64::from(filter.jf) << 32 | u64::from(filter.k)
}

fn unpack_filter(packed: u64) -> sock_filter {
    sock_filter { code: (packed >> 48) as u16, jt: (packed >> 40) as u8, jf: (packed >> 32) as u8, k: packed as u32 }
}

fn report_mappings(control: &Control, host_proc: Option<&OwnedFd>) -> Result<(), Errno> {
    let fd = openat(host_proc.ok_or(Errno::ENOENT)?, "self/maps", OFlag::O_RDONLY, Mode::empty())?;
    let mut text = String::new();
    std::fs::File::from(fd)
        .read_to_string(&mut text)
        .map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO)))?;
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    for line in text.lines() {
        let range = line.split_whitespace().next().and_then(|range| range.split_once('-'));
        let Some((start, end)) = range
            .and_then(|(start, end)| Some((u64::from_str_radix(start, 16).ok()?, u64::from_str_radix(end, 16).ok()?)))
        else {
            return Err(Errno::EBADMSG);
        };
        // The stack grows downwards, the heap upwards.
        let below = if line.ends_with("[stack]") { 8 << 20 } else { 0 };
        let above = if line.ends_with("[heap]") { 1 << 20 } else { 0 };
        let (start, end) = (start.saturating_sub(below), end.saturating_add(above));
        match ranges.last_mut() {
            Some(last) if start <= last.1 => last.1 = end.max(last.1),
            _ => ranges.push((start, end)),
        }
    }
    if ranges.len() > control.mappings.len() {
        return Err(Errno::E2BIG);
    }
    for (slot, (start, end)) in control.mappings.iter().zip(&ranges) {
        slot[0].store(*start, Relaxed);
        slot[1].store(*end, Relaxed);
    }
    control.mapping_count.store(ranges.len() as u32, Release);
    Ok(())
}

/// Notes that the signal came, if an operation is in flight; the operation in flight is then marked.
extern "C" fn on_interrupt(_signal: c_int) {
    let control = &fixed_records().control;
    if control.cursor.load(Relaxed) != NO_OP {
        control.signalled.store(1, Relaxed);
    }
}

/// Waits for batches and runs them, for ever.
fn serve(records: &'static Records) -> ! {
    let control = &records.control;
    let mut last = control.finished.load(Relaxed);
    loop {
        let go = control.go.load(std::sync::atomic::Ordering::Acquire);
        if go == last {
            // Being woken for another reason, or not sleeping at all, only costs another look.
            let _ = sys::futex_wait(&control.go, last, None);
            continue;
        }
        last = go;
        run(records);
        control.finished.store(go, Release);
        tell(control);
    }
}

fn run(records: &'static Records) {
    let control = &records.control;
    let count = (control.op_count.load(Relaxed) as usize).min(MAX_OPS);
    control.signalled.store(0, Relaxed);
    let slots = records.ops.iter().zip(&records.extras).zip(&records.rets).zip(&records.states);
    // Operations that the one before them has done.
    let mut done = 0;
    for (index, (((wire, extra), ret), state)) in slots.take(count).enumerate() {
        if done > 0 {
            done -= 1;
            continue;
        }
        // Before anything that could fault or sleep: whatever happens from here on has this operation's name.
        control.cursor.store(index as u32, Relaxed);
        let head = wire.head.load(Relaxed);
        let guard = (head >> bits::GUARD_SHIFT) as u8;
        if guard != bits::GUARD_ALWAYS && !admits(records, wire, guard) {
            skip_op(ret, state);
            if head & bits::LOOK != 0 {
                done = skip_look(records, index);
            }
            continue;
        }
        let mut args = [0; 6];
        for (arg, wire) in args.iter_mut().zip(&wire.args) {
            *arg = wire.load(Relaxed);
        }
        let dynamic = (head >> bits::DYNAMIC_SHIFT) as u8;
        if dynamic != 0 {
            resolve(records, extra, dynamic, &mut args);
        }
        if head & (bits::LOOK | bits::APART | bits::PASS) != 0 {
            if head & bits::PASS != 0 {
                done = (wire.guard_op.load(Relaxed) as usize).saturating_sub(1);
            } else if head & bits::APART != 0 {
                apart::make(records, index, head, args);
            } else {
                done = look(records, index, args[0]);
            }
            continue;
        }
        let value = if head & (bits::IA32 | bits::VDSO) != 0 {
            elsewhere(control, head, args)
        } else {
            // SAFETY: this is the call under test; this process is there to be hurt by it.
            unsafe { invoke(head & u64::from(u32::MAX), args) }
        };
        answer(control, index, value, ret, state);
    }
    control.cursor.store(NO_OP, Relaxed);
}

/// Makes an operation through another entry than the port's own.
#[inline(never)]
fn elsewhere(control: &Control, head: u64, args: [u64; 6]) -> i64 {
    let nr = head & u64::from(u32::MAX);
    if head & bits::IA32 != 0 {
        // SAFETY: this is the call under test; this process is there to be hurt by it.
        return unsafe { invoke_ia32(nr, args) };
    }
    let address = control.vdso.get(nr as usize).map_or(0, |address| address.load(Relaxed));
    // SAFETY: as above; the kernel mapped its function there, or the process dies in this operation.
    unsafe { vdso::call(address, nr as usize, args) }
}

/// Asks everything about a descriptor; gives the number of operations that this spares.
#[inline(never)]
fn look(records: &Records, index: usize, fd: u64) -> usize {
    let ask = |index: usize, nr: i64, args: [u64; 2]| {
        let (Some(ret), Some(state)) = (records.rets.get(index), records.states.get(index)) else { return false };
        records.control.cursor.store(index as u32, Relaxed);
        // SAFETY: these calls look at a descriptor and write nothing.
        let value = unsafe { invoke(nr as u64, [fd, args[0], args[1], 0, 0, 0]) };
        answer(&records.control, index, value, ret, state);
        !op::is_error(value)
    };
    if !ask(index, libc::SYS_fcntl, [libc::F_GETFD as u64, 0]) {
        return skip_look(records, index);
    }
    ask(index + 1, libc::SYS_fcntl, [libc::F_GETFL as u64, 0]);
    ask(index + 2, libc::SYS_lseek, [0, libc::SEEK_CUR as u64]);
    2
}

/// Skips what comes behind the first operation of a look; gives how many that are.
fn skip_look(records: &Records, index: usize) -> usize {
    for (ret, state) in records.rets.iter().zip(&records.states).skip(index + 1).take(2) {
        skip_op(ret, state);
    }
    2
}

fn skip_op(ret: &AtomicI64, state: &AtomicU8) {
    ret.store(-1, Relaxed);
    state.store(bits::SKIPPED, Relaxed);
}

/// Notes what an operation returned.
#[inline(always)]
fn answer(control: &Control, index: usize, value: i64, ret: &AtomicI64, state: &AtomicU8) {
    ret.store(value, Relaxed);
    let how = if control.signalled.load(Relaxed) == 0 { bits::DONE } else { signalled(control, index as u32) };
    state.store(how, Relaxed);
}

#[cold]
#[inline(never)]
fn signalled(control: &Control, index: u32) -> u8 {
    control.signalled.store(0, Relaxed);
    if control.interrupt_target.load(Relaxed) == index { bits::INTERRUPTED } else { bits::DISTURBED }
}

#[inline(never)]
fn admits(records: &Records, wire: &WireOp, guard: u8) -> bool {
    let other = wire.guard_op.load(Relaxed) as usize;
    let (Some(ret), Some(state)) = (records.rets.get(other), records.states.get(other)) else {
        return false;
    };
    let made = matches!(state.load(Relaxed), bits::DONE | bits::INTERRUPTED | bits::DISTURBED);
    let ret = ret.load(Relaxed);
    let fault = guard == bits::GUARD_IF_OK_OR_FAULT && ret == -i64::from(libc::EFAULT);
    made && (fault || op::is_error(ret) == (guard == bits::GUARD_IF_ERR))
}

#[inline(never)]
fn resolve(records: &Records, extra: &WireExtra, dynamic: u8, args: &mut [u64; 6]) {
    let kinds = extra.kinds.load(Relaxed);
    for (index, ((arg, add), high)) in args.iter_mut().zip(&extra.add).zip(&extra.high).enumerate() {
        if dynamic & (1 << index) == 0 {
            continue;
        }
        let kind = (kinds >> (8 * index)) as u8;
        let value = match kind & !bits::HIGH {
            bits::FROM_RESULT => records.rets.get(*arg as usize).map_or(-1, |ret| ret.load(Relaxed)) as u64,
            // SAFETY: the supervisor checked that this is arena; unmapped by an earlier call, it kills the executor
            // at this operation.
            bits::FROM_MEM32 => i64::from(unsafe { (*arg as *const i32).read_unaligned() }) as u64,
            // SAFETY: as above.
            bits::FROM_MEM64 => unsafe { (*arg as *const u64).read_unaligned() },
            _ => *arg,
        };
        let value = value.wrapping_add(add.load(Relaxed));
        *arg = if kind & bits::HIGH != 0 {
            value & u64::from(u32::MAX) | u64::from(high.load(Relaxed)) << 32
        } else {
            value
        };
    }
}

/// Reads a wait status as the supervisor is told it.
pub(super) fn publish_end(control: &Control, number: u32, status: i32) {
    AtomicI32::store(&control.wait_status, status, Relaxed);
    control.ended.store(number, Release);
    tell(control);
}

/// A descriptor that the program was started with.
pub(super) fn inherited(raw: i32) -> BorrowedFd<'static> {
    // SAFETY: the supervisor started this process with these descriptors, and they are closed by nobody but
    // `close_from`, after which they are not used.
    unsafe { BorrowedFd::borrow_raw(raw) }
}
