//! Other ways into the kernel than the port's own instruction.
#![cfg(target_arch = "x86_64")]
#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test")]

use abispec_fuzzer::exec::layout::{ARENA_BASE, CELL_GUARD, CELL_RW, cell, low_cell};
use abispec_fuzzer::exec::{Arg, BatchEnd, Ending, Entry, Op, OpState, Sandbox, SandboxConfig, VDSO_CALLS};
use std::io::Write as _;

abispec_fuzzer::sandbox_before_main!();

/// Past the harness's capture, so that nobody takes a skipped test for a passed one.
fn say(text: &str) {
    let mut out = std::io::stderr();
    writeln!(out, "{text}").unwrap();
}

/// Numbers of i386.
mod ia32 {
    pub(crate) const READ: u32 = 3;
    pub(crate) const WRITE: u32 = 4;
    pub(crate) const GETPID: u32 = 20;
    pub(crate) const REBOOT: u32 = 88;
    pub(crate) const PREAD64: u32 = 180;
    pub(crate) const PIPE2: u32 = 331;
}

fn through(entry: Entry, nr: u32, args: &[u64]) -> Op {
    let args: Vec<Arg> = args.iter().copied().map(Arg::imm).collect();
    Op { entry, ..Op::new(nr.into(), &args) }
}

/// A sandbox with the i386 entry, where the kernel has one.
fn sandbox() -> Option<Sandbox> {
    let numbers = vec![ia32::READ, ia32::WRITE, ia32::GETPID, ia32::PREAD64, ia32::PIPE2];
    let config = SandboxConfig { ia32: numbers, ..SandboxConfig::default() };
    let mut sandbox = Sandbox::start(&config).unwrap_or_else(|error| panic!("{error}"));
    sandbox.push(through(Entry::Ia32, ia32::GETPID, &[])).unwrap();
    match sandbox.run() {
        BatchEnd::Completed => {
            sandbox.clear();
            Some(sandbox)
        }
        end => {
            say(&format!("SKIPPED: this kernel has no i386 entry ({end:?})"));
            None
        }
    }
}

#[test]
fn both_entries_reach_one_process() {
    let Some(mut sandbox) = sandbox() else { return };
    let own = sandbox.push(Op::new(libc::SYS_getpid, &[])).unwrap();
    let other = sandbox.push(through(Entry::Ia32, ia32::GETPID, &[])).unwrap();
    assert_eq!(sandbox.run(), BatchEnd::Completed);
    assert!(sandbox.result(own).ret > 0);
    assert_eq!(sandbox.result(own), sandbox.result(other));
}

#[test]
fn pointers_of_32_bits_reach_the_arena() {
    let Some(mut sandbox) = sandbox() else { return };
    let (low, high) = (low_cell(2) + CELL_RW, cell(2) + CELL_RW);
    sandbox.arena_mut().slice_mut(low + 64, 4).unwrap().copy_from_slice(b"word");
    assert_eq!(sandbox.arena().slice(high + 64, 4).unwrap(), b"word");
    let made = sandbox.push(through(Entry::Ia32, ia32::PIPE2, &[low, 0])).unwrap();
    let ends = [Arg::mem32(low), Arg::mem32(low + 4)];
    let put = through(Entry::Ia32, ia32::WRITE, &[0, low + 64, 4]);
    let put = sandbox.push(Op { args: [ends[1], put.args[1], put.args[2], 0.into(), 0.into(), 0.into()], ..put });
    // The upper half of the register behind a pointer is nothing to the entry.
    let get = Op::new(ia32::READ.into(), &[ends[0], Arg::imm(high + 128).with_high(7), Arg::imm(4)]);
    let get = sandbox.push(Op { entry: Entry::Ia32, ..get }).unwrap();
    // A range that runs into the guard page is read as far as it goes.
    let bad = sandbox.push(through(Entry::Ia32, ia32::PIPE2, &[low_cell(2) + CELL_GUARD - 4, 0])).unwrap();
    assert_eq!(sandbox.run(), BatchEnd::Completed);
    assert_eq!(sandbox.result(made).ret, 0);
    assert_eq!(sandbox.result(put.unwrap()).ret, 4);
    assert_eq!(sandbox.result(get).ret, 4);
    assert_eq!(sandbox.arena().slice(high + 128, 4).unwrap(), b"word");
    assert_eq!(sandbox.result(bad).errno(), Some(libc::EFAULT));
}

#[test]
fn a_position_is_two_registers() {
    let Some(mut sandbox) = sandbox() else { return };
    let made = sandbox.push(through(Entry::Ia32, ia32::PIPE2, &[low_cell(0) + CELL_RW, 0])).unwrap();
    let fd = Arg::mem32(low_cell(0) + CELL_RW);
    let at = |low: u64, high: u64| {
        let memory = Arg::imm(low_cell(0) + CELL_RW + 64);
        // The fourth argument is the position.
        let call = Op::new(ia32::PREAD64.into(), &[fd, memory, 1.into(), (high << 32 | low).into()]);
        Op { entry: Entry::Ia32, wide: 1 << 3, ..call }
    };
    // What stands in the upper half of a result's register is the second register.
    let zero = sandbox.push(through(Entry::Ia32, ia32::WRITE, &[0, 0, 0])).unwrap();
    let wide = at(0, 0);
    let upper =
        Op { args: [fd, wide.args[1], 1.into(), Arg::result(zero).with_high(1 << 31), 0.into(), 0.into()], ..wide };
    let upper = sandbox.push(upper).unwrap();
    let negative = sandbox.push(at(0, 1 << 31)).unwrap();
    let fine = sandbox.push(at(0, 1)).unwrap();
    assert_eq!(sandbox.run(), BatchEnd::Completed);
    assert_eq!(sandbox.result(made).ret, 0);
    assert_eq!(sandbox.result(negative).errno(), Some(libc::EINVAL));
    assert_eq!(sandbox.result(upper).errno(), Some(libc::EINVAL));
    assert_eq!(sandbox.result(fine).errno(), Some(libc::ESPIPE));
}

#[test]
fn what_is_not_listed_is_refused() {
    let Some(mut sandbox) = sandbox() else { return };
    let refused = sandbox.push(through(Entry::Ia32, ia32::REBOOT, &[0, 0, 0, 0])).unwrap();
    let denied = sandbox.push(Op::new(libc::SYS_reboot, &[])).unwrap();
    assert_eq!(sandbox.run(), BatchEnd::Completed);
    assert!(sandbox.result(refused).denied() && sandbox.result(denied).denied());
}

#[test]
fn without_a_list_the_entry_is_closed_and_low_memory_is_nobodys() {
    if sandbox().is_none() {
        return;
    }
    let mut sandbox = Sandbox::start(&SandboxConfig::default()).unwrap();
    let refused = sandbox.push(through(Entry::Ia32, ia32::GETPID, &[])).unwrap();
    let cut = Arg::imm((cell(0) + CELL_RW) & 0xffff_ffff);
    let faults = sandbox.push(Op::new(libc::SYS_pipe2, &[cut, 0.into()])).unwrap();
    assert_eq!(sandbox.run(), BatchEnd::Completed);
    assert!(sandbox.result(refused).denied());
    assert_eq!(sandbox.result(faults).errno(), Some(libc::EFAULT));
}

#[test]
fn the_vdso_tells_the_time_that_the_kernel_tells() {
    let mut sandbox = Sandbox::start(&SandboxConfig::default()).unwrap();
    let Some(index) = sandbox.vdso().into_iter().find(|index| VDSO_CALLS[*index as usize] == "clock_gettime") else {
        say("SKIPPED: this kernel has no vDSO with clock_gettime");
        return;
    };
    let clock = libc::CLOCK_MONOTONIC as u64;
    let at = |place: u64| cell(0) + CELL_RW + 16 * place;
    let before = sandbox.push(Op::new(libc::SYS_clock_gettime, &[clock.into(), at(0).into()])).unwrap();
    let between = sandbox.push(through(Entry::Vdso, index, &[clock, at(1)])).unwrap();
    let after = sandbox.push(Op::new(libc::SYS_clock_gettime, &[clock.into(), at(2).into()])).unwrap();
    let wrong = sandbox.push(through(Entry::Vdso, index, &[99, at(3)])).unwrap();
    let fault = sandbox.push(through(Entry::Vdso, index, &[clock, ARENA_BASE])).unwrap();
    let end = sandbox.run();
    assert_eq!(end, BatchEnd::Died { ending: Ending::Signal(libc::SIGSEGV), op: Some(fault) });
    for op in [before, between, after] {
        assert_eq!((sandbox.result(op).ret, sandbox.result(op).state), (0, OpState::Done));
    }
    assert_eq!(sandbox.result(wrong).errno(), Some(libc::EINVAL));
    let number = |at: u64| i64::from_le_bytes(sandbox.arena().slice(at, 8).unwrap().try_into().unwrap());
    let time = |place: u64| (number(at(place)), number(at(place) + 8));
    assert!(time(0) <= time(1) && time(1) <= time(2), "{:?} {:?} {:?}", time(0), time(1), time(2));
}
