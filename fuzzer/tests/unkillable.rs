//! An executor that SIGKILL does not end: its commander, which would send the signal, is stopped, and its state is said to
//! be uninterruptible sleep.
#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test")]

use abispec_fuzzer::coverage::Coverage;
use abispec_fuzzer::environment::Environment;
use abispec_fuzzer::examine::Examined;
use abispec_fuzzer::lower::Mode;
use abispec_fuzzer::reproduce;
use abispec_fuzzer::worker::{Room, Setting, UNKILLABLE, WorkerError};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

abispec_fuzzer::sandbox_before_main!();

const SLEEPER: &str = "format: 1
calls:
  - {call: pipe2, args: [{memory: {hex: \"0000000000000000\"}}, {number: 0}]}
  - {call: read, args: [{result: {of: 0, param: 0}}, {memory: {hex: \"00\"}}, {number: 1}]}
";
const PLAIN: &str = "format: 1
calls:
  - {call: getpid, args: []}
";

fn room() -> Option<Room> {
    let resolved = abispec::resolve(abispec::embedded(), &Environment::of_this_machine().unwrap().target());
    match Room::open(Setting::new(Arc::new(resolved))) {
        Ok(room) => Some(room),
        Err(WorkerError::Sandbox(error)) => {
            let mut out = std::io::stderr();
            writeln!(out, "SKIPPED: nothing was run, this machine has no sandbox: {error}").unwrap();
            None
        }
        Err(error) => panic!("{error}"),
    }
}

fn run(room: &mut Room, text: &str) -> Examined {
    let resolved = room.setting().resolved.clone();
    let program = reproduce::read(text, &resolved).unwrap().program;
    let ran = room.run(&[program], Mode::Quick, &mut Coverage::new(&resolved)).unwrap();
    ran.into_iter().next().unwrap().examined.unwrap()
}

#[test]
fn a_call_that_nothing_ends_is_told_and_left_behind() {
    let Some(mut room) = room() else { return };
    let (commander, executor) = (room.sandbox.pid(), room.sandbox.executor_pid());
    let config = room.sandbox.config_mut();
    (config.state, config.unkillable) = (|_| Some('D'), Duration::from_secs(1));
    kill(Pid::from_raw(commander.try_into().unwrap()), Signal::SIGSTOP).unwrap();
    let start = Instant::now();
    let examined = run(&mut room, SLEEPER);
    let suspicion = examined.suspicion.unwrap();
    assert_eq!((suspicion.call, suspicion.verdict.id), (1, UNKILLABLE), "{suspicion:?}");
    // Nobody waited for it: the sandbox is another one.
    assert!(room.sandbox.pid() != commander && room.sandbox.executor_pid() != executor);
    assert!(start.elapsed() < Duration::from_secs(60), "{:?}", start.elapsed());
    room.sandbox.config_mut().state = |_| None;
    let after = run(&mut room, PLAIN);
    assert!(after.suspicion.is_none() && after.judged == 1, "{after:?}");
}

#[test]
fn a_call_that_sleeps_as_it_may_is_interrupted() {
    let Some(mut room) = room() else { return };
    let commander = room.sandbox.pid();
    let examined = run(&mut room, SLEEPER);
    assert!(examined.suspicion.is_none() && examined.judged == 2, "{examined:?}");
    assert_eq!(room.sandbox.pid(), commander);
}
