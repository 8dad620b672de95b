//! Kernels that break their promise through one way in only, and none that does.
#![cfg(target_arch = "x86_64")]
#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test")]

use abispec::target::{Call, Resolved};
use abispec_fuzzer::campaign::{self, Entries, Options, Outcome, Progress};
use abispec_fuzzer::environment::Environment;
use abispec_fuzzer::exec::Entry;
use abispec_fuzzer::plant::{Deviation, Part, Plant, When};
use abispec_fuzzer::reproduce;
use abispec_fuzzer::worker::WorkerError;
use std::io::Write as _;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

abispec_fuzzer::sandbox_before_main!();

/// Past the harness's capture, so that nobody takes a skipped test for a passed one.
fn say(text: &str) {
    let mut out = std::io::stderr();
    writeln!(out, "{text}").unwrap();
}

/// The specification for this machine's own entry and for that of i386.
fn resolved() -> [Arc<Resolved>; 2] {
    let environment = Environment::of_this_machine().unwrap();
    [Entry::Native, Entry::Ia32]
        .map(|entry| Arc::new(abispec::resolve(abispec::embedded(), &environment.target_through(entry))))
}

/// Runs programs of some calls; `None` where this machine has no sandbox.
fn run(ports: &[Arc<Resolved>; 2], calls: &[&str], options: Options) -> Option<Outcome> {
    let wanted = |call: &Call| calls.contains(&call.name.as_str());
    match campaign::run(&ports[0], &wanted, options, &Arc::new(Progress::default())) {
        Ok(outcome) => Some(outcome),
        Err(WorkerError::Sandbox(error)) => {
            say(&format!("SKIPPED: nothing was tried, this machine has no sandbox: {error}"));
            None
        }
        Err(error) => panic!("{error}"),
    }
}

fn entries(ports: &[Arc<Resolved>; 2]) -> Entries {
    Entries { native: true, ia32: Some(ports[1].clone()), vdso: true }
}

struct Planted {
    name: &'static str,
    entry: Entry,
    plant: Plant,
    /// Whichever of these shows itself first.
    finds: &'static [&'static str],
}

fn planted(
    name: &'static str,
    entry: Entry,
    syscall: &str,
    deviation: Deviation,
    finds: &'static [&'static str],
) -> Planted {
    let plant = Plant { syscall: syscall.to_owned(), when: Vec::new(), entry: Some(entry), deviation };
    Planted { name, entry, plant, finds }
}

fn table() -> Vec<Planted> {
    let seen = |truth: i32, seen: i64| Deviation::AnswerFor { truth: -i64::from(truth), seen };
    let zeros = vec![Part::Param(1, 0), Part::Number(8)];
    let mut table = vec![
        planted("dup2 answers one more", Entry::Ia32, "dup2", Deviation::Shift(1), &["broken-ensures"]),
        planted("pipe2 knows every flag", Entry::Ia32, "pipe2", seen(libc::EINVAL, 0), &["missing-error"]),
        planted("pread64 takes pipes", Entry::Ia32, "pread64", seen(libc::ESPIPE, 0), &["missing-error"]),
        planted(
            "lseek goes anywhere",
            Entry::Ia32,
            "lseek",
            seen(libc::EINVAL, 1),
            &["missing-error", "broken-ensures"],
        ),
        planted(
            "any clock is one",
            Entry::Vdso,
            "clock_gettime",
            seen(libc::EINVAL, 0),
            &["missing-error", "broken-ensures"],
        ),
        planted(
            "the clock stands at zero",
            Entry::Vdso,
            "clock_gettime",
            Deviation::AlsoOnSuccess(libc::SYS_rt_sigpending, zeros),
            &["broken-law"],
        ),
    ];
    // Only the second register of a position, which no other entry has.
    let mut high =
        planted("half a position is negative", Entry::Ia32, "pread64", seen(libc::EINVAL, 0), &["missing-error"]);
    high.plant.when = vec![When { param: 3, mask: 1 << 63, value: 1 << 63 }];
    table.push(high);
    table
}

fn calls(planted: &Planted) -> Vec<&str> {
    vec![&planted.plant.syscall]
}

#[test]
fn what_one_entry_breaks_is_found_through_it() {
    let ports = resolved();
    for planted in table() {
        let options = Options {
            time: Some(Duration::from_secs(20)),
            seed: 11,
            workers: 1,
            plants: vec![planted.plant.clone()],
            stop_at_first: true,
            entries: entries(&ports),
            ..Options::default()
        };
        let Some(outcome) = run(&ports, &calls(&planted), options) else { return };
        if outcome.absent.iter().any(|absent| absent.what.contains(planted.entry.name())) {
            say(&format!("SKIPPED: {}: {:?}", planted.name, outcome.absent));
            continue;
        }
        let Some(found) = outcome.confirmed.first() else {
            panic!("{}: nothing in {} calls, {:?}", planted.name, outcome.calls, outcome.dismissed);
        };
        assert_eq!(found.key.entry, planted.entry, "{}: {found:?}", planted.name);
        assert!(planted.finds.contains(&found.key.id), "{}: {found:?}", planted.name);
        replays(&ports, found);
        compiles(&ports, found);
    }
}

fn of(ports: &[Arc<Resolved>; 2], entry: Entry) -> &Resolved {
    &ports[usize::from(entry == Entry::Ia32)]
}

/// The replay file names the entry and gives the program back.
fn replays(ports: &[Arc<Resolved>; 2], found: &abispec_fuzzer::confirm::Confirmed) {
    let resolved = of(ports, found.key.entry);
    let text = reproduce::write_yaml(found, resolved, "here", "6.18");
    assert_eq!(reproduce::entry(&text), Ok(found.key.entry), "{text}");
    let replay = reproduce::read(&text, resolved).unwrap();
    assert_eq!((&replay.program, replay.entry), (&found.program, found.key.entry), "{text}");
}

/// The C program builds without a warning; on this kernel, which breaks nothing, it does not see what was planted.
fn compiles(ports: &[Arc<Resolved>; 2], found: &abispec_fuzzer::confirm::Confirmed) {
    let text = reproduce::write_c(found, of(ports, found.key.entry), "here", "6.18");
    let name = format!("abispec-entry-{}-{}-{}", std::process::id(), found.key.syscall, found.key.entry.name());
    let (source, program) = (std::env::temp_dir().join(format!("{name}.c")), std::env::temp_dir().join(name));
    std::fs::write(&source, &text).unwrap();
    let built = Command::new("cc").args(["-Wall", "-Werror", "-o"]).arg(&program).arg(&source).output();
    match built {
        Ok(built) => {
            assert!(built.status.success(), "{}\n{text}", String::from_utf8_lossy(&built.stderr));
            let ran = Command::new(&program).output().unwrap();
            assert_eq!(ran.status.code(), Some(0), "{}\n{text}", String::from_utf8_lossy(&ran.stdout));
            std::fs::remove_file(&program).unwrap();
        }
        Err(error) => say(&format!("SKIPPED: the C program is not compiled: {error}")),
    }
    std::fs::remove_file(&source).unwrap();
}

#[test]
fn what_one_entry_breaks_is_not_found_without_it() {
    let ports = resolved();
    let plants: Vec<Plant> = table().into_iter().map(|planted| planted.plant).collect();
    let names: Vec<String> = plants.iter().map(|plant| plant.syscall.clone()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let options = Options { time: Some(Duration::from_secs(6)), seed: 11, workers: 1, plants, ..Options::default() };
    let Some(outcome) = run(&ports, &names, options) else { return };
    assert!(outcome.calls > 1000 && outcome.others.is_empty(), "{} calls", outcome.calls);
    assert!(outcome.confirmed.is_empty(), "{:?}", outcome.confirmed);
}

#[test]
fn every_entry_of_this_kernel_keeps_the_promise() {
    let ports = resolved();
    let names: Vec<&str> = ports[0].calls.iter().map(|call| call.name.as_str()).collect();
    let options = Options { seed: 5, workers: 1, time: Some(Duration::from_secs(20)), ..Options::default() };
    let options = Options { entries: entries(&ports), shrink: false, ..options };
    let Some(outcome) = run(&ports, &names, options) else { return };
    assert!(outcome.confirmed.is_empty(), "{:?}", outcome.confirmed);
    for side in &outcome.others {
        assert!(side.calls > 100 && !side.system_calls.is_empty(), "{}: {}", side.entry.name(), side.calls);
    }
    assert_eq!(outcome.others.len() + outcome.absent.iter().filter(|a| a.what.starts_with("the ")).count(), 2);
}
