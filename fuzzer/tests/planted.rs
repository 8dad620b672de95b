//! Kernels that break their contract on purpose: each violation is found, and none is found where there is none.
#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test")]

#[path = "planted/table.rs"]
mod table;

use abispec::arch::Arch;
use abispec::finding::SourceFile;
use abispec::model::Spec;
use abispec::target::{Resolved, Target};
use abispec::version::Release;
use abispec_fuzzer::campaign::{self, Options, Outcome, Progress};
use abispec_fuzzer::confirm::Confirmed;
use abispec_fuzzer::plant::{Deviation, Plant, When};
use abispec_fuzzer::worker::WorkerError;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use table::{Found, Planted, table};

abispec_fuzzer::sandbox_before_main!();

/// How long a violation may stay hidden.
const PATIENCE: Duration = Duration::from_secs(5);

/// The running kernel.
fn target() -> Target {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let mut target = Target::new(Arch::X86_64, Release::from_uname(release.trim()).unwrap());
    let config = Command::new("gzip").args(["-dc", "/proc/config.gz"]).output().ok();
    target.config = config.filter(|output| output.status.success()).map(|output| {
        let text = String::from_utf8_lossy(&output.stdout);
        let set = |line: &str| line.strip_suffix("=y").or(line.strip_suffix("=m")).map(str::to_owned);
        text.lines().filter_map(set).collect()
    });
    target
}

fn resolved(spec: &Spec) -> Arc<Resolved> {
    Arc::new(abispec::resolve(spec, &target()))
}

/// Past the harness's capture, so that nobody takes a skipped test for a passed one.
fn say(text: &str) {
    let mut out = std::io::stderr();
    writeln!(out, "{text}").unwrap();
}

/// Runs a campaign; `None`, and a word on standard error, where this machine has no sandbox.
fn campaign(resolved: &Arc<Resolved>, calls: &BTreeSet<&str>, options: Options) -> Option<Outcome> {
    let wanted = |call: &abispec::target::Call| calls.contains(call.name.as_str());
    match campaign::run(resolved, &wanted, options, &Arc::new(Progress::default())) {
        Ok(outcome) => Some(outcome),
        Err(WorkerError::Sandbox(error)) => {
            say(&format!("SKIPPED: no violation was tried, this machine has no sandbox: {error}"));
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// A finding with the place it names.
fn tell(spec: &Spec, resolved: &Resolved, found: &Confirmed) -> String {
    let place = found.verdict.clause.map_or_else(String::new, |id| {
        let clause = resolved.clause(id);
        let at = &spec.files[clause.at.file.0 as usize].path;
        format!(" at {at}:{} ({})", clause.at.line, clause.text)
    });
    let verdict = &found.verdict;
    format!("{} of {}: {}, expected {}{place}", verdict.id, found.key.syscall, verdict.actual, verdict.expected)
}

fn is(spec: &Spec, resolved: &Resolved, expected: &Found, found: &Confirmed) -> bool {
    let Found(id, call, piece) = expected;
    if found.verdict.id != *id || found.key.syscall != *call {
        return false;
    }
    match (piece, found.verdict.clause) {
        (None, None) => true,
        (Some(piece), Some(id)) => {
            let clause = resolved.clause(id);
            let file = &spec.files[clause.at.file.0 as usize];
            let line = file.text.lines().nth(clause.at.line as usize - 1).unwrap_or_default();
            file.path.ends_with(&format!("syscalls/{call}.yaml"))
                && (clause.text.contains(piece) || line.contains(piece))
        }
        _ => false,
    }
}

/// What is wrong with how a planted violation was found, `first` or not; `None` if it was found as it should be.
fn miss(spec: &Spec, resolved: &Arc<Resolved>, planted: &Planted, first: bool) -> Result<Option<String>, Skipped> {
    let options = Options {
        time: Some(PATIENCE),
        seed: 7,
        workers: 1,
        plants: planted.plants.clone(),
        stop_at_first: first,
        // A short program says no more than a long one here.
        shrink: false,
        // What one call shows is looked for, not what several show together.
        laws: false,
        ..Options::default()
    };
    let calls = planted.calls.iter().copied().collect();
    let outcome = campaign(resolved, &calls, options).ok_or(Skipped)?;
    if std::env::var_os("PLANTED_VERBOSE").is_some() {
        say(&format!("{:>6.2?} {:>6} calls  {}", outcome.elapsed, outcome.calls, planted.name));
    }
    let hit =
        outcome.confirmed.iter().any(|found| planted.finds.iter().any(|expected| is(spec, resolved, expected, found)));
    if hit {
        return Ok(None);
    }
    let mut text = format!(
        "{}: none of {:?} within {} calls and {:?}\n",
        planted.name, planted.finds, outcome.calls, outcome.elapsed
    );
    for found in &outcome.confirmed {
        writeln!(text, "  instead {}", tell(spec, resolved, found)).unwrap();
    }
    for (key, dismissed) in &outcome.dismissed {
        writeln!(text, "  dismissed {} times {key:?}: {:?}", dismissed.times, dismissed.suspicion).unwrap();
    }
    for error in &outcome.errors {
        writeln!(text, "  a worker ended: {error}").unwrap();
    }
    Ok(Some(text))
}

struct Skipped;

/// Tests share the processors: one at a time.
static ALONE: Mutex<()> = Mutex::new(());

/// Tries every violation of a table and says which were not found.
fn all_are_found(table: Vec<Planted>) {
    let _alone = ALONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let spec = abispec::embedded();
    let resolved = resolved(spec);
    let only = std::env::var("PLANTED_ONLY").unwrap_or_default();
    let table: Vec<Planted> = table.into_iter().filter(|planted| planted.name.contains(&only)).collect();
    let next = AtomicUsize::new(0);
    let missed = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(planted) = table.get(next.fetch_add(1, Ordering::Relaxed)) {
                    match miss(spec, &resolved, planted, true) {
                        Ok(found) => missed.lock().unwrap().extend(found),
                        Err(Skipped) => break,
                    }
                }
            });
        }
    });
    let missed = missed.into_inner().unwrap();
    assert!(missed.is_empty(), "{} of {} are not found:\n{}", missed.len(), table.len(), missed.join("\n"));
}

#[test]
fn every_planted_violation_is_found() {
    let table = table();
    assert!(table.len() >= 125);
    all_are_found(table);
}

#[test]
fn the_order_of_errors_is_held() {
    let _alone = ALONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    // No call of the specification promises an order yet, so one is added: ftruncate looks at the length first.
    let mut files: Vec<SourceFile> = abispec::embedded().files.clone();
    let file = files.iter_mut().find(|file| file.path.ends_with("syscalls/ftruncate.yaml")).unwrap();
    let rule = "{when: length < 0}";
    assert!(file.text.contains(rule));
    file.text = file.text.replace(rule, "{when: length < 0, before: [EBADF]}");
    let (spec, findings) = abispec::load::load(files);
    assert!(findings.is_empty(), "{findings:?}");
    let negative = When { param: 1, mask: 1 << 63, value: 1 << 63 };
    let deviation = Deviation::AnswerFor { truth: -i64::from(libc::EINVAL), seen: -i64::from(libc::EBADF) };
    let planted = Planted {
        name: "the descriptor is looked at first",
        calls: &["ftruncate"],
        plants: vec![Plant { syscall: "ftruncate".to_owned(), when: vec![negative], entry: None, deviation }],
        finds: vec![Found("wrong-order", "ftruncate", Some("length < 0"))],
    };
    // Where the descriptor is open, EBADF is no matter of order; that is found as well.
    if let Ok(Some(text)) = miss(&spec, &resolved(&spec), &planted, false) {
        panic!("{text}");
    }
}

#[test]
fn without_a_plant_nothing_is_found() {
    let _alone = ALONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let spec = abispec::embedded();
    let resolved = resolved(spec);
    let table = table();
    let calls: BTreeSet<&str> = table.iter().flat_map(|planted| planted.calls).copied().collect();
    let options =
        Options { time: Some(Duration::from_secs(20)), seed: 7, workers: 2, shrink: false, ..Options::default() };
    let Some(outcome) = campaign(&resolved, &calls, options) else { return };
    assert!(outcome.errors.is_empty(), "{:?}", outcome.errors);
    assert!(outcome.calls > 1000, "only {} calls", outcome.calls);
    let found: Vec<String> = outcome.confirmed.iter().map(|found| tell(spec, &resolved, found)).collect();
    assert!(found.is_empty(), "{} findings without a plant:\n{}", found.len(), found.join("\n"));
}
