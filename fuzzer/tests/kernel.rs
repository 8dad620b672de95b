//! A kernel that complains of itself while programs run.
#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test")]

use abispec::target::Call;
use abispec_fuzzer::campaign::{self, Options, Outcome, Progress};
use abispec_fuzzer::environment::Environment;
use abispec_fuzzer::findings;
use abispec_fuzzer::kernel::Source;
use abispec_fuzzer::pending::{Pending, replay_files};
use abispec_fuzzer::worker::WorkerError;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

abispec_fuzzer::sandbox_before_main!();

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("abispec-kernel-{name}-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("log"), "4,1,1,-;WARNING: CPU: 0 PID: 1 at early.c:1\n").unwrap();
    fs::write(folder.join("taint"), "0\n").unwrap();
    folder
}

/// Runs some cheap calls beside a kernel that says and does what `meanwhile` makes it.
fn run(folder: &Path, time: Duration, meanwhile: impl FnOnce() + Send) -> Option<Outcome> {
    let environment = Environment::of_this_machine().unwrap();
    let resolved = Arc::new(abispec::resolve(abispec::embedded(), &environment.target()));
    let options = Options {
        time: Some(time),
        workers: 1,
        seed: 3,
        laws: false,
        stop_at_first: true,
        kernel: Source { log: folder.join("log"), taint: folder.join("taint") },
        pending: Some(Arc::new(Pending::below(folder))),
        ..Options::default()
    };
    let wanted = |call: &Call| ["getpid", "dup", "lseek"].contains(&call.name.as_str());
    let outcome = thread::scope(|scope| {
        scope.spawn(meanwhile);
        campaign::run(&resolved, &wanted, options, &Arc::new(Progress::default()))
    });
    match outcome {
        Ok(outcome) => Some(outcome),
        Err(WorkerError::Sandbox(error)) => {
            let mut out = std::io::stderr();
            writeln!(out, "SKIPPED: nothing was run, this machine has no sandbox: {error}").unwrap();
            None
        }
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn what_was_in_flight_when_the_kernel_complained_is_saved() {
    let folder = folder("splat");
    let log = folder.join("log");
    let complain = || {
        thread::sleep(Duration::from_millis(1500));
        let mut log = OpenOptions::new().append(true).open(&log).unwrap();
        writeln!(log, "3,9,9,-;BUG: KASAN: slab-out-of-bounds in f+0x1/0x2").unwrap();
    };
    let Some(outcome) = run(&folder, Duration::from_secs(20), complain) else { return };
    let [found] = &outcome.confirmed[..] else { panic!("{:?}", outcome.confirmed) };
    assert_eq!(found.key.id, "kernel-splat");
    assert!(found.verdict.actual.starts_with("BUG: KASAN: "), "{:?}", found.verdict);
    assert!(!found.program.calls.is_empty());
    let mut finding = findings::finding(abispec::embedded(), &outcome.resolved, found);
    let out = folder.join("out");
    findings::save(&out, &outcome.resolved, found, "here", &mut finding).unwrap();
    let told = finding.trace.iter().any(|line| line.contains("in flight"));
    assert!(finding.spec.is_some() && told != found.beside.is_empty(), "{finding:?}");
    let saved = replay_files(&out);
    assert_eq!(saved.len(), 1 + found.beside.len());
    for (path, text) in saved {
        let replay = abispec_fuzzer::reproduce::read(&text, &outcome.resolved);
        assert!(replay.is_ok(), "{}: {replay:?}", path.display());
    }
    // What was kept while it was looked into is settled.
    assert!(Pending::below(&folder).left().is_empty());
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_new_taint_is_a_finding() {
    let folder = folder("taint");
    let taint = folder.join("taint");
    let taints = || {
        thread::sleep(Duration::from_millis(1500));
        fs::write(&taint, "512\n").unwrap();
    };
    let Some(outcome) = run(&folder, Duration::from_secs(20), taints) else { return };
    let ids: Vec<&str> = outcome.confirmed.iter().map(|found| found.key.id).collect();
    assert_eq!(ids, ["kernel-tainted"], "{:?}", outcome.confirmed);
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_kernel_that_is_silent_has_none_and_one_that_cannot_be_heard_is_named() {
    let quiet = folder("quiet");
    let Some(outcome) = run(&quiet, Duration::from_secs(2), || {}) else { return };
    assert!(outcome.confirmed.is_empty() && outcome.absent.is_empty(), "{:?}", outcome.confirmed);
    fs::remove_dir_all(&quiet).unwrap();
    let Some(outcome) = run(&quiet, Duration::from_millis(300), || {}) else { return };
    let named: Vec<&str> = outcome.absent.iter().map(|absent| absent.what.as_str()).collect();
    assert_eq!(named, ["the kernel's log", "the kernel's taint"]);
}
