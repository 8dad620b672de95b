//! Calls that end, copy or replace their caller, made by stand-ins in a real sandbox.
#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test")]
#![cfg(target_arch = "x86_64")]

use std::fs;
use std::io::Write as _;
use std::time::Duration;

use abispec_fuzzer::exec::layout::{CELL_RW, cell, low_cell};
use abispec_fuzzer::exec::{
    Apart, Arg, BatchEnd, Begun, CHILD_STATUS, ENDED_CHILD, EXECUTABLES, EXECUTOR_PID, Ending, Entry, INTERRUPT_SIGNAL,
    Op, OpResult, OpState, PROGRAM_STATUS, SLEEPING_CHILD, Sandbox, SandboxConfig, Told,
};
use libc::{
    CLONE_CHILD_CLEARTID, CLONE_CHILD_SETTID, CLONE_FILES, CLONE_FS, CLONE_NEWPID, CLONE_NEWUSER, CLONE_PARENT,
    CLONE_PARENT_SETTID, CLONE_PIDFD, CLONE_SETTLS, CLONE_SIGHAND, CLONE_THREAD, CLONE_VFORK, CLONE_VM, SIGCHLD,
};

abispec_fuzzer::sandbox_before_main!();

fn sandbox() -> Sandbox {
    let ia32 = vec![1, 2, 11, 120, 190, 252, 358, 435];
    Sandbox::start(&SandboxConfig { ia32, ..SandboxConfig::default() }).unwrap_or_else(|error| panic!("{error}"))
}

/// Makes one call alone.
fn one(sandbox: &mut Sandbox, op: Op) -> (OpResult, Option<Apart>) {
    sandbox.clear();
    let index = sandbox.push(op).unwrap();
    assert_eq!(sandbox.run(), BatchEnd::Completed);
    (sandbox.result(index), sandbox.apart(index))
}

fn op<const N: usize>(nr: i64, args: [u64; N]) -> Op {
    Op::new(nr, &args.map(Arg::imm))
}

fn ia32<const N: usize>(nr: i64, args: [u64; N]) -> Op {
    Op { entry: Entry::Ia32, ..op(nr, args) }
}

fn put(sandbox: &mut Sandbox, addr: u64, bytes: &[u8]) {
    sandbox.arena_mut().slice_mut(addr, bytes.len()).unwrap().copy_from_slice(bytes);
}

fn left(sandbox: &mut Sandbox, op: Op) -> Ending {
    let (result, apart) = one(sandbox, op);
    assert_eq!(result.state, OpState::Left, "{op:?}");
    Ending::of(apart.unwrap().status)
}

/// What began in a call that succeeded.
fn begun(sandbox: &mut Sandbox, op: Op) -> (i64, Apart, Begun) {
    let (result, apart) = one(sandbox, op);
    assert!(result.state == OpState::Done && result.ret > 0, "{op:?}: {result:?}");
    let apart = apart.unwrap();
    (result.ret, apart, apart.begun.unwrap())
}

#[test]
fn who_ends_is_waited_for_and_the_executor_goes_on() {
    let mut sandbox = sandbox();
    let executor = sandbox.executor_pid();
    for nr in [libc::SYS_exit, libc::SYS_exit_group] {
        for status in [0, 7, 255, 256, 0xffff_ffff_ffff_ff01] {
            assert_eq!(left(&mut sandbox, op(nr, [status])), Ending::Exit((status & 0xff) as i32));
        }
    }
    assert_eq!(left(&mut sandbox, ia32(1, [9])), Ending::Exit(9));
    assert_eq!(left(&mut sandbox, ia32(252, [0x1_0000_0003])), Ending::Exit(3));
    assert_eq!(one(&mut sandbox, op(libc::SYS_getpid, [])).0.state, OpState::Done);
    assert_eq!(sandbox.executor_pid(), executor);
}

#[test]
fn the_program_of_the_sandbox_takes_the_place_of_its_caller() {
    let mut sandbox = sandbox();
    let text = cell(0) + CELL_RW;
    let empty = text + 100;
    let at_cwd = i64::from(libc::AT_FDCWD).cast_unsigned();
    let low = low_cell(0) + CELL_RW;
    for (index, errno) in [(0, 0), (1, 0), (2, libc::ENOENT), (3, libc::ELOOP), (4, libc::ELIBBAD)] {
        let file = EXECUTABLES[index];
        put(&mut sandbox, text, format!("{}\0", file.path).as_bytes());
        for call in [
            op(libc::SYS_execve, [text, empty, empty]),
            op(libc::SYS_execveat, [at_cwd, text, 0, 0, 0]),
            ia32(11, [low, 0, 0]),
        ] {
            if file.runnable {
                assert_eq!(left(&mut sandbox, call), Ending::Exit(PROGRAM_STATUS), "{file:?} {call:?}");
            } else {
                assert_eq!(one(&mut sandbox, call).0.errno(), Some(errno), "{file:?} {call:?}");
            }
        }
    }
    put(&mut sandbox, text, b"/missing\0");
    let (result, _) = one(&mut sandbox, op(libc::SYS_execve, [text, empty, empty]));
    assert_eq!(result.errno(), Some(libc::ENOENT));
    let (result, _) = one(&mut sandbox, ia32(11, [low, 0, 0]));
    assert_eq!(result.errno(), Some(libc::ENOENT));
    put(&mut sandbox, text, b"/dev\0");
    let (result, _) = one(&mut sandbox, op(libc::SYS_execve, [text, empty, empty]));
    assert_eq!(result.errno(), Some(libc::EACCES));
}

#[test]
fn a_copy_is_a_child_of_its_own() {
    let mut sandbox = sandbox();
    for call in [op(libc::SYS_fork, []), op(libc::SYS_clone, [SIGCHLD as u64]), ia32(2, []), ia32(120, [0])] {
        let (ret, apart, begun) = begun(&mut sandbox, call);
        assert_eq!((i64::from(begun.thread), begun.thread), (ret, begun.process), "{call:?}");
        assert_eq!(begun.parent, apart.caller);
        assert!(!begun.shares_memory && !begun.shares_directory && begun.shares_descriptors == Some(false));
        assert_eq!((begun.told, Ending::of(begun.status)), (Told::Caller, Ending::Exit(CHILD_STATUS)));
    }
}

#[test]
fn a_descriptor_that_the_call_opens_keeps_its_flags() {
    let mut sandbox = sandbox();
    let at = cell(0) + CELL_RW;
    let flags = (CLONE_PIDFD | CLONE_FILES | SIGCHLD) as u64;
    sandbox.clear();
    let [_, clone, asked] = [
        op(libc::SYS_close, [0]),
        op(libc::SYS_clone, [flags, 0, at, 0, 0]),
        op(libc::SYS_fcntl, [0, libc::F_GETFD as u64, 0]),
    ]
    .map(|call| sandbox.push(call).unwrap());
    assert_eq!(sandbox.run(), BatchEnd::Completed);
    assert!(sandbox.result(clone).ret > 0, "{:?}", sandbox.result(clone));
    assert_eq!(sandbox.arena_mut().slice_mut(at, 4).unwrap(), [0; 4], "the lowest free number");
    assert_eq!(sandbox.result(asked).ret, i64::from(libc::FD_CLOEXEC));
}

#[test]
fn what_is_shared_is_seen() {
    let mut sandbox = sandbox();
    let table = [
        (op(libc::SYS_vfork, []), true, false, false, Told::Caller),
        (ia32(190, []), true, false, false, Told::Caller),
        (op(libc::SYS_clone, [CLONE_VM as u64]), true, false, false, Told::Caller),
        (op(libc::SYS_clone, [CLONE_FILES as u64]), false, true, false, Told::Caller),
        (op(libc::SYS_clone, [CLONE_FS as u64]), false, false, true, Told::Caller),
        (op(libc::SYS_clone, [CLONE_PARENT as u64]), false, false, false, Told::CallersParent),
        (
            op(libc::SYS_clone, [(CLONE_VM | CLONE_SIGHAND | CLONE_THREAD | CLONE_FS) as u64]),
            true,
            false,
            true,
            Told::Nobody,
        ),
    ];
    for (call, memory, descriptors, directory, told) in table {
        let (_, _, begun) = begun(&mut sandbox, call);
        let seen = (begun.shares_memory, begun.shares_descriptors, begun.shares_directory, begun.told);
        assert_eq!(seen, (memory, Some(descriptors), directory, told), "{call:?}");
    }
    // What was done to the shared table was taken back.
    assert_eq!(one(&mut sandbox, op(libc::SYS_fcntl, [0, libc::F_GETFD as u64])).0.ret, 0);
}

#[test]
fn garbage_disturbs_nobody() {
    let mut sandbox = sandbox();
    let garbage = 0x1234_5678_9abc;
    let all = (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SETTLS) as u64;
    for flags in [0, CLONE_VM as u64, (CLONE_VM | CLONE_VFORK) as u64, all, (CLONE_VM | CLONE_PARENT) as u64] {
        for end in [0, 1, INTERRUPT_SIGNAL as u64, 32, 24, 0xff] {
            begun(&mut sandbox, op(libc::SYS_clone, [flags | end, garbage, 0, 0, garbage]));
        }
    }
    let (_, _, first) = begun(&mut sandbox, op(libc::SYS_clone, [(CLONE_NEWUSER | CLONE_NEWPID) as u64]));
    assert_eq!((first.thread, first.process, first.parent), (1, 1, 0));
}

#[test]
fn numbers_and_descriptors_are_where_the_call_put_them() {
    let mut sandbox = sandbox();
    let (parent, child) = (cell(0) + CELL_RW, cell(0) + CELL_RW + 8);
    let flags = (CLONE_PARENT_SETTID | CLONE_CHILD_SETTID) as u64;
    let word = |sandbox: &Sandbox, at: u64| {
        i64::from(i32::from_le_bytes(sandbox.arena().slice(at, 4).unwrap().try_into().unwrap()))
    };
    let (ret, _, _) = begun(&mut sandbox, op(libc::SYS_clone, [flags, 0, parent, child]));
    assert_eq!((word(&sandbox, parent), word(&sandbox, child)), (ret, ret));
    let thread = flags | (CLONE_VM | CLONE_SIGHAND | CLONE_THREAD | CLONE_CHILD_CLEARTID) as u64;
    for _ in 0..50 {
        let (ret, _, _) = begun(&mut sandbox, op(libc::SYS_clone, [thread, 0, parent, child]));
        assert_eq!((word(&sandbox, parent), word(&sandbox, child)), (ret, 0));
    }
    begun(&mut sandbox, op(libc::SYS_clone, [CLONE_PIDFD as u64, 0, parent]));
    let fd = word(&sandbox, parent);
    assert_eq!(fd, 3);
    assert_eq!(one(&mut sandbox, op(libc::SYS_fcntl, [3, libc::F_GETFD as u64])).0.ret, 1);
}

#[test]
fn nothing_is_left_of_what_stops() {
    let mut sandbox = sandbox();
    let children = format!("/proc/{0}/task/{0}/children", sandbox.executor_pid());
    let children = || fs::read_to_string(&children).unwrap_or_default();
    let before = children();
    let begin = std::time::Instant::now();
    // The caller is stopped when what began ends.
    let (result, apart) = one(&mut sandbox, op(libc::SYS_clone, [libc::SIGSTOP as u64]));
    assert_eq!((result.state, apart), (OpState::Late, None));
    assert!(begin.elapsed() < Duration::from_secs(20));
    assert_eq!(children(), before);
    begun(&mut sandbox, op(libc::SYS_fork, []));
}

#[test]
fn an_executor_has_a_child_that_sleeps_and_one_that_has_ended() {
    let mut sandbox = sandbox();
    let wait = |sandbox: &mut Sandbox, child: i32| {
        one(sandbox, op(libc::SYS_wait4, [child as u64, 0, libc::WNOHANG as u64])).0.ret
    };
    if one(&mut sandbox, op(libc::SYS_getpid, [])).0.ret != i64::from(EXECUTOR_PID) {
        // Past the harness's capture, so that nobody takes a skipped test for a passed one.
        let mut err = std::io::stderr();
        writeln!(err, "SKIPPED: no child is looked for, this kernel lets nobody choose the number of a process")
            .unwrap();
        return;
    }
    // What a call begins is no child of theirs, and who waits for it does not take their end away.
    begun(&mut sandbox, op(libc::SYS_fork, []));
    assert_eq!(wait(&mut sandbox, ENDED_CHILD), i64::from(ENDED_CHILD));
    assert_eq!(wait(&mut sandbox, ENDED_CHILD), -i64::from(libc::ECHILD));
    assert_eq!(wait(&mut sandbox, SLEEPING_CHILD), 0);
    sandbox.respawn().unwrap();
    assert_eq!(one(&mut sandbox, op(libc::SYS_getpid, [])).0.ret, i64::from(EXECUTOR_PID));
    assert_eq!(wait(&mut sandbox, ENDED_CHILD), i64::from(ENDED_CHILD));
}
