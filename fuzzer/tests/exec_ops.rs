//! Operations in a real sandbox: values, chains, memory, blocking, death.
#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test")]

use abispec_fuzzer::exec::layout::{
    ARENA_BASE, CELL_RO, CELL_RW, MAX_OPS, PLAYGROUND_BASE, PLAYGROUND_MARGIN_PAGES, PLAYGROUND_PAGES, cell,
};
use abispec_fuzzer::exec::{
    Arg, ArgCondition, BatchEnd, Ending, Guard, INTERRUPT_SIGNAL, Lost, Op, OpIndex, OpResult, OpState, PushError,
    Sandbox, SandboxConfig, ShimFilter, ShimOutcome,
};
use libc::{
    SYS_capget, SYS_clock_nanosleep, SYS_close, SYS_dup, SYS_fcntl, SYS_getcwd, SYS_getpid, SYS_getppid, SYS_getuid,
    SYS_kill, SYS_mkdirat, SYS_mmap, SYS_munmap, SYS_openat, SYS_pipe2, SYS_prlimit64, SYS_read, SYS_reboot,
    SYS_rt_sigprocmask, SYS_unshare, SYS_write,
};

abispec_fuzzer::sandbox_before_main!();

fn sandbox() -> Sandbox {
    Sandbox::start(&SandboxConfig::default()).unwrap_or_else(|error| panic!("{error}"))
}

fn op<const N: usize>(nr: i64, args: [u64; N]) -> Op {
    Op::new(nr, &args.map(Arg::imm))
}

fn push(sandbox: &mut Sandbox, op: Op) -> OpIndex {
    sandbox.push(op).unwrap()
}

/// Runs one call alone.
fn one(sandbox: &mut Sandbox, op: Op) -> OpResult {
    sandbox.clear();
    let index = push(sandbox, op);
    assert_eq!(sandbox.run(), BatchEnd::Completed);
    sandbox.result(index)
}

fn done(ret: i64) -> OpResult {
    OpResult { ret, state: OpState::Done }
}

fn put(sandbox: &mut Sandbox, addr: u64, bytes: &[u8]) {
    sandbox.arena_mut().slice_mut(addr, bytes.len()).unwrap().copy_from_slice(bytes);
}

#[test]
fn what_every_machine_has_was_set_up() {
    use abispec_fuzzer::exec::Part;
    let sandbox = sandbox();
    for part in [Part::DenyList, Part::OwnMappings, Part::DevNull] {
        assert!(sandbox.report().has(part), "{:?}", sandbox.report());
    }
}

#[test]
fn results_chain_into_later_operations() {
    let mut sandbox = sandbox();
    let pid = push(&mut sandbox, op(SYS_getpid, []));
    let own = push(&mut sandbox, Op::new(SYS_kill, &[Arg::result(pid), Arg::imm(0)]));
    let copy = push(&mut sandbox, op(SYS_dup, [0]));
    let close = push(&mut sandbox, Op::new(SYS_close, &[Arg::result(copy)]));
    let again = push(&mut sandbox, Op::new(SYS_close, &[Arg::result(copy)]));
    let next = push(&mut sandbox, Op::new(SYS_dup, &[Arg::result(copy).plus(-3)]));
    assert_eq!(sandbox.run(), BatchEnd::Completed);
    assert_eq!(sandbox.result(own), done(0));
    assert_eq!(sandbox.result(copy), done(3));
    assert_eq!(sandbox.result(close), done(0));
    assert_eq!(sandbox.result(again).errno(), Some(libc::EBADF));
    assert_eq!(sandbox.result(next), done(3));
    // The same batch once more, in the same process: descriptor 3 is in use now.
    assert_eq!(sandbox.run(), BatchEnd::Completed);
    assert_eq!(sandbox.result(copy), done(4));
}

#[test]
fn descriptors_come_out_of_memory() {
    let mut sandbox = sandbox();
    let (fds, text) = (cell(0) + CELL_RW, cell(1) + CELL_RO);
    let back = cell(2) + CELL_RW;
    put(&mut sandbox, text, b"through the pipe");
    let pipe = push(&mut sandbox, op(SYS_pipe2, [fds, 0]));
    let write = push(&mut sandbox, Op::new(SYS_write, &[Arg::mem32(fds + 4), Arg::imm(text), Arg::imm(16)]));
    let read =
        push(&mut sandbox, Op::new(SYS_read, &[Arg::mem32(fds).with_high(0xdead_beef), Arg::imm(back), Arg::imm(100)]));
    assert_eq!(sandbox.run(), BatchEnd::Completed);
    assert_eq!((sandbox.result(pipe), sandbox.result(write), sandbox.result(read)), (done(0), done(16), done(16)));
    assert_eq!(sandbox.arena().slice(back, 16).unwrap(), b"through the pipe");
    assert_eq!(sandbox.arena().slice(fds, 8).unwrap(), [3, 0, 0, 0, 4, 0, 0, 0]);
}

#[test]
fn the_upper_half_reaches_the_kernel() {
    let mut sandbox = sandbox();
    let length = Arg::imm(4096).with_high(0x7000_0000);
    let wide = one(&mut sandbox, Op::new(SYS_munmap, &[Arg::imm(PLAYGROUND_BASE), length]));
    assert_eq!(wide.errno(), Some(libc::EINVAL));
    let narrow = one(&mut sandbox, op(SYS_munmap, [PLAYGROUND_BASE, 4096]));
    assert_eq!(narrow, done(0));
}

#[test]
fn guards_decide_what_runs() {
    let mut sandbox = sandbox();
    let good = push(&mut sandbox, op(SYS_dup, [0]));
    let bad = push(&mut sandbox, op(SYS_dup, [99]));
    let ids: Vec<OpIndex> = [Guard::IfOk(good), Guard::IfErr(good), Guard::IfOk(bad), Guard::IfErr(bad)]
        .into_iter()
        .map(|guard| push(&mut sandbox, op(SYS_getuid, []).guarded(guard)))
        .collect();
    let of_skipped = push(&mut sandbox, op(SYS_getuid, []).guarded(Guard::IfErr(ids[1])));
    let with_skipped = push(&mut sandbox, Op::new(SYS_close, &[Arg::result(ids[1])]));
    assert_eq!(sandbox.run(), BatchEnd::Completed);
    let states: Vec<OpState> = ids.iter().map(|id| sandbox.result(*id).state).collect();
    assert_eq!(states, [OpState::Done, OpState::Skipped, OpState::Skipped, OpState::Done]);
    assert_eq!(sandbox.result(of_skipped).state, OpState::Skipped);
    assert_eq!(sandbox.result(with_skipped).errno(), Some(libc::EBADF));
}

#[test]
fn a_look_at_a_descriptor_is_three_operations() {
    let mut sandbox = sandbox();
    let file = push(&mut sandbox, op(libc::SYS_memfd_create, [cell(0) + CELL_RW, 1]));
    let moved = push(&mut sandbox, Op::new(libc::SYS_lseek, &[file.into(), Arg::imm(7), Arg::imm(0)]));
    let open = sandbox.push_look(file.into(), Guard::IfOk(moved)).unwrap();
    let closed = sandbox.push_look(Arg::imm(40), Guard::Always).unwrap();
    let unasked = sandbox.push_look(file.into(), Guard::IfErr(moved)).unwrap();
    let pipe = cell(1) + CELL_RW;
    push(&mut sandbox, op(libc::SYS_pipe2, [pipe, 0]));
    let end = sandbox.push_look(Arg::mem32(pipe), Guard::Always).unwrap();
    let last = push(&mut sandbox, op(libc::SYS_getpid, []));
    assert_eq!(sandbox.run(), BatchEnd::Completed);
    let results = |sandbox: &Sandbox, ops: [OpIndex; 3]| ops.map(|op| sandbox.result(op));
    let skipped = OpResult { ret: -1, state: OpState::Skipped };
    assert_eq!(results(&sandbox, open), [done(1), done(i64::from(0o100_000 | libc::O_RDWR)), done(7)]);
    assert_eq!(results(&sandbox, closed), [done(-i64::from(libc::EBADF)), skipped, skipped]);
    assert_eq!(results(&sandbox, unasked), [skipped; 3]);
    assert_eq!(results(&sandbox, end), [done(0), done(0), done(-i64::from(libc::ESPIPE))]);
    assert_eq!(sandbox.result(last).state, OpState::Done);
}

#[test]
fn operations_can_be_left_out_of_a_run() {
    let mut sandbox = sandbox();
    let before = push(&mut sandbox, op(libc::SYS_getpid, []));
    let first = push(&mut sandbox, op(SYS_dup, [0]));
    let copied = push(&mut sandbox, Op::new(SYS_dup, &[Arg::result(first)]));
    let look = sandbox.push_look(copied.into(), Guard::Always).unwrap();
    let end = sandbox.len() as u32;
    let after = push(&mut sandbox, op(SYS_dup, [0]));
    let part = first.get() as u32..end;
    let not_run = OpResult { ret: -1, state: OpState::NotRun };
    for out in [true, true, false] {
        sandbox.pass(&part, out);
        assert_eq!(sandbox.run(), BatchEnd::Completed);
        assert_eq!(sandbox.result(before).state, OpState::Done);
        let inner = [first, copied, look[0], look[1], look[2]].map(|op| sandbox.result(op));
        if out {
            assert_eq!(inner, [not_run; 5]);
        } else {
            assert!(inner.iter().all(|result| result.state == OpState::Done), "{inner:?}");
        }
    }
    // Two runs made one descriptor, the last one three.
    assert_eq!(sandbox.result(after), done(7));
}

#[test]
fn guard_pages_and_read_only_pages_fault() {
    let mut sandbox = sandbox();
    let fault = Some(libc::EFAULT);
    for addr in [ARENA_BASE, cell(5) + CELL_RO, cell(5) + CELL_RW + 3 * 4096 - 4, PLAYGROUND_BASE] {
        assert_eq!(one(&mut sandbox, op(SYS_pipe2, [addr, 0])).errno(), fault, "{addr:#x}");
    }
}

#[test]
fn the_batch_refuses_what_it_cannot_run() {
    let mut sandbox = sandbox();
    let first = push(&mut sandbox, op(SYS_getpid, []));
    let second = push(&mut sandbox, Op::new(SYS_close, &[Arg::result(first)]));
    sandbox.clear();
    assert_eq!(sandbox.push(Op::new(SYS_close, &[Arg::result(second)])), Err(PushError::NotEarlier(second)));
    assert_eq!(sandbox.push(Op::new(SYS_close, &[Arg::mem32(0x1000)])), Err(PushError::OutsideArena(0x1000)));
    for _ in 0..MAX_OPS {
        push(&mut sandbox, op(SYS_getppid, []));
    }
    assert_eq!(sandbox.push(op(SYS_getppid, [])), Err(PushError::Full));
    assert_eq!(sandbox.run(), BatchEnd::Completed);
}

#[test]
fn a_blocking_read_is_interrupted() {
    let mut sandbox = sandbox();
    let (fds, buffer) = (cell(0) + CELL_RW, cell(1) + CELL_RW);
    push(&mut sandbox, op(SYS_pipe2, [fds, 0]));
    let read = push(&mut sandbox, Op::new(SYS_read, &[Arg::mem32(fds), Arg::imm(buffer), Arg::imm(1)]));
    let after = push(&mut sandbox, op(SYS_getuid, []));
    assert_eq!(sandbox.run(), BatchEnd::Completed);
    assert_eq!(sandbox.result(read), OpResult { ret: -i64::from(libc::EINTR), state: OpState::Interrupted });
    assert_eq!(sandbox.result(after), done(0));
}

#[test]
fn a_read_that_blocks_the_signal_is_stuck() {
    let mut sandbox = sandbox();
    let (fds, buffer, set) = (cell(0) + CELL_RW, cell(1) + CELL_RW, cell(2) + CELL_RW);
    put(&mut sandbox, set, &[0xff; 8]);
    let mask = push(&mut sandbox, op(SYS_rt_sigprocmask, [libc::SIG_SETMASK as u64, set, 0, 8]));
    push(&mut sandbox, op(SYS_pipe2, [fds, 0]));
    let read = push(&mut sandbox, Op::new(SYS_read, &[Arg::mem32(fds), Arg::imm(buffer), Arg::imm(1)]));
    let after = push(&mut sandbox, op(SYS_getuid, []));
    assert_eq!(sandbox.run(), BatchEnd::Stuck { op: Some(read) });
    assert_eq!(sandbox.result(mask), done(0));
    assert_eq!(sandbox.result(read).state, OpState::InFlight);
    assert_eq!(sandbox.result(after).state, OpState::NotRun);
    assert_eq!(sandbox.run(), BatchEnd::Lost(Lost::NoExecutor));
    sandbox.respawn().unwrap();
    assert_eq!(one(&mut sandbox, op(SYS_getuid, [])), done(0));
}

#[test]
fn a_stopped_executor_is_stuck() {
    let mut sandbox = sandbox();
    let pid = push(&mut sandbox, op(SYS_getpid, []));
    let stop = push(&mut sandbox, Op::new(SYS_kill, &[Arg::result(pid), Arg::imm(libc::SIGSTOP as u64)]));
    assert_eq!(sandbox.run(), BatchEnd::Stuck { op: Some(stop) });
    sandbox.respawn().unwrap();
}

#[test]
fn a_handler_that_is_gone_counts_as_stuck() {
    let mut sandbox = sandbox();
    let (action, time) = (cell(0) + CELL_RW, cell(1) + CELL_RW);
    put(&mut sandbox, action, &[0; 32]);
    put(&mut sandbox, time, &[60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    push(&mut sandbox, op(libc::SYS_rt_sigaction, [INTERRUPT_SIGNAL as u64, action, 0, 8]));
    let sleep = push(&mut sandbox, op(SYS_clock_nanosleep, [1, 0, time, 0]));
    assert_eq!(sandbox.run(), BatchEnd::Stuck { op: Some(sleep) });
}

#[test]
fn death_names_its_operation() {
    let mut sandbox = sandbox();
    let text = sandbox.own_mappings().to_vec();
    let kill = |sandbox: &mut Sandbox| {
        let pid = push(sandbox, op(SYS_getpid, []));
        push(sandbox, Op::new(SYS_kill, &[Arg::result(pid), Arg::imm(libc::SIGKILL as u64)]))
    };
    let unmap = |sandbox: &mut Sandbox| {
        let low = text.iter().map(|range| range.0).filter(|start| *start > PLAYGROUND_BASE * 2).min().unwrap();
        let high = text.iter().map(|range| range.1).filter(|end| *end < 1 << 47).max().unwrap();
        push(sandbox, op(SYS_munmap, [low, high - low]))
    };
    type Last<'a> = &'a dyn Fn(&mut Sandbox) -> OpIndex;
    let deaths: [(Last, Ending); 2] = [(&kill, Ending::Signal(libc::SIGKILL)), (&unmap, Ending::Signal(libc::SIGSEGV))];
    for (last, ending) in deaths {
        sandbox.clear();
        let before = push(&mut sandbox, op(SYS_getuid, []));
        let last = last(&mut sandbox);
        let after = push(&mut sandbox, op(SYS_getuid, []));
        assert_eq!(sandbox.run(), BatchEnd::Died { ending, op: Some(last) });
        assert_eq!(sandbox.result(before), done(0));
        assert_eq!(sandbox.result(last).state, OpState::InFlight);
        assert_eq!(sandbox.result(after).state, OpState::NotRun);
        sandbox.respawn().unwrap();
        assert_eq!(one(&mut sandbox, op(SYS_getuid, [])), done(0));
    }
}

#[test]
fn the_loop_survives_what_tested_calls_take_away() {
    let mut sandbox = sandbox();
    let zeros = cell(0) + CELL_RW;
    put(&mut sandbox, zeros, &[0; 16]);
    let gone = cell(1) + CELL_RO;
    put(&mut sandbox, gone, b"gone\0../gone\0");
    push(&mut sandbox, op(SYS_mkdirat, [libc::AT_FDCWD as u64, gone, 0o777]));
    push(&mut sandbox, op(libc::SYS_chdir, [gone]));
    let gone = op(libc::SYS_unlinkat, [libc::AT_FDCWD as u64, gone + 5, libc::AT_REMOVEDIR as u64]);
    let removed = push(&mut sandbox, gone);
    push(&mut sandbox, op(libc::SYS_close_range, [0, u32::MAX.into(), 0]));
    for resource in 0..16 {
        push(&mut sandbox, op(SYS_prlimit64, [0, resource, zeros, 0]));
    }
    let none = push(&mut sandbox, op(SYS_dup, [0]));
    assert_eq!(sandbox.run(), BatchEnd::Completed);
    assert_eq!(sandbox.result(removed), done(0));
    assert_eq!(sandbox.result(none).errno(), Some(libc::EBADF));
    sandbox.respawn().unwrap();
    assert_eq!(one(&mut sandbox, op(SYS_dup, [0])), done(3));
}

/// The supervisor asks the kernel about the executor by its number as soon as that is ready.
#[test]
fn an_executor_that_is_ready_is_known_by_its_number() {
    let mut sandbox = sandbox();
    let mut seen = Vec::new();
    for _ in 0..300 {
        sandbox.respawn().unwrap();
        let status = std::fs::read_to_string(format!("/proc/{}/status", sandbox.executor_pid()));
        let status = status.unwrap_or_else(|error| panic!("after {} of them: {error}", seen.len()));
        let inner =
            status.lines().find_map(|line| line.strip_prefix("NSpid:")).and_then(|ids| ids.split('\t').next_back());
        assert_eq!(inner, Some("2"), "{status}");
        assert_eq!(sandbox.inner_pid(), Some(2));
        seen.push(sandbox.executor_pid());
    }
    let each = seen.iter().collect::<std::collections::BTreeSet<_>>();
    assert!(each.len() > 1, "{seen:?}");
}

#[test]
fn every_executor_starts_in_a_fresh_directory() {
    let mut sandbox = sandbox();
    let (name, buffer) = (cell(0) + CELL_RO, cell(1) + CELL_RW);
    put(&mut sandbox, name, b"made\0");
    let make = op(SYS_mkdirat, [libc::AT_FDCWD as u64, name, 0o777]);
    assert_eq!(one(&mut sandbox, op(SYS_getcwd, [buffer, 4096])), done(3));
    assert_eq!(sandbox.arena().slice(buffer, 3).unwrap(), b"/t\0");
    assert_eq!(one(&mut sandbox, make), done(0));
    assert_eq!(one(&mut sandbox, make).errno(), Some(libc::EEXIST));
    sandbox.respawn().unwrap();
    assert_eq!(one(&mut sandbox, make), done(0));
    put(&mut sandbox, name, b"/made\0");
    assert_eq!(one(&mut sandbox, make).errno(), Some(libc::EROFS));
}

#[test]
fn calls_that_reach_the_host_are_denied() {
    let mut sandbox = sandbox();
    let denied = abispec_fuzzer::scope::denied_everywhere();
    assert!(denied.len() > 50);
    for nr in denied {
        let result = one(&mut sandbox, op((*nr).into(), [0; 6]));
        assert!(result.denied(), "{nr}: {result:?}");
    }
    // What a specification denies beside them comes on top.
    sandbox.config_mut().denied = vec![SYS_getppid as u32, SYS_reboot as u32];
    sandbox.respawn().unwrap();
    assert!(one(&mut sandbox, op(SYS_getppid, [])).denied());
    assert!(one(&mut sandbox, op(SYS_reboot, [0xfee1_dead, 672_274_793, 0x0123_4567])).denied());
    assert!(one(&mut sandbox, op(SYS_unshare, [libc::CLONE_NEWUSER as u64])).denied());
    assert!(!one(&mut sandbox, op(SYS_getpid, [])).denied());
}

#[test]
fn capabilities_are_there_or_all_gone() {
    let mut sandbox = sandbox();
    let (header, sets) = (cell(0) + CELL_RW, cell(1) + CELL_RW);
    put(&mut sandbox, header, &[0x22, 0x05, 0x08, 0x20, 0, 0, 0, 0]);
    let capget = op(SYS_capget, [header, sets]);
    assert_eq!(one(&mut sandbox, capget), done(0));
    assert_ne!(sandbox.arena().slice(sets, 8).unwrap(), [0; 8]);
    sandbox.config_mut().drop_capabilities = true;
    sandbox.respawn().unwrap();
    assert_eq!(one(&mut sandbox, capget), done(0));
    assert_eq!(sandbox.arena().slice(sets, 24).unwrap(), [0; 24]);
    let bounded = one(&mut sandbox, op(libc::SYS_prctl, [libc::PR_CAPBSET_READ as u64, 0]));
    assert_eq!(bounded, done(0));
}

#[test]
fn a_shim_plants_a_wrong_kernel() {
    let equal = |arg, value| ArgCondition { arg, mask: u64::MAX, value };
    let flag = ArgCondition { arg: 1, mask: 0x1, value: 0x1 };
    let shim = ShimFilter::new()
        .rule(SYS_dup as u32, &[equal(0, 7)], ShimOutcome::Succeed)
        .rule(SYS_fcntl as u32, &[flag, equal(2, 0x1_0000_0002)], ShimOutcome::Fail(libc::ENOTBLK as u16))
        .build();
    let mut sandbox = sandbox();
    sandbox.config_mut().shim = Some(shim);
    sandbox.respawn().unwrap();
    assert_eq!(one(&mut sandbox, op(SYS_dup, [7])), done(0));
    assert_eq!(one(&mut sandbox, op(SYS_dup, [8])).errno(), Some(libc::EBADF));
    assert_eq!(one(&mut sandbox, op(SYS_fcntl, [0, 3, 0x1_0000_0002])).errno(), Some(libc::ENOTBLK));
    assert_eq!(one(&mut sandbox, op(SYS_fcntl, [0, 1, 2])), done(0));
    assert!(one(&mut sandbox, op(SYS_fcntl, [0, 3, 2])).ret >= 0);
    sandbox.config_mut().shim = None;
    sandbox.respawn().unwrap();
    assert_eq!(one(&mut sandbox, op(SYS_dup, [7])).errno(), Some(libc::EBADF));
}

#[test]
fn limits_are_those_of_the_configuration() {
    let mut sandbox = sandbox();
    let old = cell(0) + CELL_RW;
    for (resource, soft, hard) in [
        (libc::RLIMIT_NOFILE, 64u64, 128u64),
        (libc::RLIMIT_FSIZE, 16 << 20, 16 << 20),
        (libc::RLIMIT_AS, 1 << 30, 1 << 30),
    ] {
        assert_eq!(one(&mut sandbox, op(SYS_prlimit64, [0, resource.into(), 0, old])), done(0));
        assert_eq!(sandbox.arena().slice(old, 8).unwrap(), soft.to_le_bytes());
        assert_eq!(sandbox.arena().slice(old + 8, 8).unwrap(), hard.to_le_bytes());
    }
}

#[test]
fn the_playground_and_its_margins_belong_to_nobody() {
    let mut sandbox = sandbox();
    let margin = PLAYGROUND_MARGIN_PAGES * 4096;
    let (low, high) = (PLAYGROUND_BASE - margin, PLAYGROUND_BASE + PLAYGROUND_PAGES * 4096 + margin);
    assert!(!sandbox.own_mappings().is_empty());
    assert!(sandbox.own_mappings().iter().all(|(start, end)| *end <= low || *start >= high));
    let flags = (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED_NOREPLACE) as u64;
    let map = one(&mut sandbox, op(SYS_mmap, [PLAYGROUND_BASE, PLAYGROUND_PAGES * 4096, 3, flags, u64::MAX, 0]));
    assert_eq!(map, done(PLAYGROUND_BASE as i64));
    // What the executor calls its own is in use: the arena too.
    assert!(sandbox.own_mappings().iter().any(|(start, end)| (*start..*end).contains(&ARENA_BASE)));
    let taken = one(&mut sandbox, op(SYS_mmap, [ARENA_BASE, 4096, 3, flags, u64::MAX, 0]));
    assert_eq!(taken.errno(), Some(libc::EEXIST));
}

#[test]
fn nothing_outside_the_pid_namespace_can_be_named() {
    let mut sandbox = sandbox();
    assert_eq!(one(&mut sandbox, op(SYS_getppid, [])), done(0));
    let host = u64::from(std::process::id());
    assert_eq!(one(&mut sandbox, op(SYS_kill, [host, 0])).errno(), Some(libc::ESRCH));
    // The namespace's first process is there, and deaf.
    assert_eq!(one(&mut sandbox, op(SYS_kill, [1, libc::SIGKILL as u64])), done(0));
    sandbox.respawn().unwrap();
    let name = cell(0) + CELL_RO;
    put(&mut sandbox, name, b"/proc/sys/kernel/core_pattern\0");
    let open = one(&mut sandbox, op(SYS_openat, [libc::AT_FDCWD as u64, name, libc::O_WRONLY as u64]));
    assert!(open.errno().is_some(), "{open:?}");
}
