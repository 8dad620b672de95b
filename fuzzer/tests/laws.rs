//! Laws on kernels that break them, on the real one that keeps them, and laws that are wrong.
#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test")]

#[path = "laws/table.rs"]
mod table;

use abispec::arch::Arch;
use abispec::finding::SourceFile;
use abispec::model::Spec;
use abispec::target::{Resolved, Target};
use abispec::version::Release;
use abispec_fuzzer::campaign::{self, Options, Outcome, Progress};
use abispec_fuzzer::confirm::Confirmed;
use abispec_fuzzer::coverage::Executable;
use abispec_fuzzer::laws::{Judged, watch};
use abispec_fuzzer::program::Argument;
use abispec_fuzzer::reproduce;
use abispec_fuzzer::worker::{Room, Setting, WorkerError};
use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use table::{Breaking, table};

abispec_fuzzer::sandbox_before_main!();

/// How long a broken law may stay hidden.
const PATIENCE: Duration = Duration::from_secs(60);

/// Tests share the processors: one at a time.
static ALONE: Mutex<()> = Mutex::new(());

fn resolved(spec: &Spec) -> Arc<Resolved> {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let target = Target::new(Arch::X86_64, Release::from_uname(release.trim()).unwrap());
    Arc::new(abispec::resolve(spec, &target))
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
            say(&format!("SKIPPED: no law was tried, this machine has no sandbox: {error}"));
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// Runs until a law is broken; gives how it was broken, or else what was found instead.
fn break_law(resolved: &Arc<Resolved>, law: &str, options: Options) -> Option<Result<Confirmed, String>> {
    let calls = resolved.laws.iter().find(|found| found.name == law).unwrap().lines();
    let calls: BTreeSet<&str> = calls.iter().map(|line| resolved.calls[line.call].name.as_str()).collect();
    let stop = Arc::new(AtomicBool::new(false));
    let (end, wanted) = (stop.clone(), law.to_owned());
    let report = Arc::new(move |found: &Confirmed| {
        if found.key.syscall == wanted {
            end.store(true, Ordering::Relaxed);
        }
    });
    let options = Options { time: Some(PATIENCE), seed: 7, workers: 1, report: Some(report), stop, ..options };
    let outcome = campaign(resolved, &calls, options)?;
    let others: Vec<String> = outcome.confirmed.iter().map(|found| format!("{:?}", found.verdict)).collect();
    let found = outcome.confirmed.into_iter().find(|found| found.key.id == "broken-law" && found.key.syscall == law);
    Some(
        found.ok_or_else(|| {
            format!("not among {others:#?}, dismissed {:?}, {} calls", outcome.dismissed, outcome.calls)
        }),
    )
}

#[test]
fn every_broken_law_is_found() {
    let _alone = ALONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let resolved = resolved(abispec::embedded());
    let only = std::env::var("PLANTED_ONLY").unwrap_or_default();
    let table: Vec<Breaking> = table().into_iter().filter(|one| one.law.contains(&only)).collect();
    assert!(table.len() >= 40 || !only.is_empty());
    let next = AtomicUsize::new(0);
    let missed = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(one) = table.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let options = Options { plants: vec![one.plant.clone()], shrink: false, ..Options::default() };
                    match break_law(&resolved, one.law, options) {
                        None => break,
                        Some(Ok(found)) => {
                            let clause = found.verdict.clause.map(|clause| resolved.clause(clause));
                            assert!(clause.is_some_and(|clause| clause.syscall == one.law), "{}", one.law);
                        }
                        Some(Err(instead)) => {
                            missed.lock().unwrap().push(format!("{} ({}): {instead}", one.law, one.name));
                        }
                    }
                }
            });
        }
    });
    let missed = missed.into_inner().unwrap();
    assert!(missed.is_empty(), "{} of {} are not found:\n{}", missed.len(), table.len(), missed.join("\n"));
}

#[test]
fn this_kernel_keeps_every_law() {
    let _alone = ALONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let resolved = resolved(abispec::embedded());
    let calls: BTreeSet<&str> = resolved.calls.iter().map(|call| call.name.as_str()).collect();
    let mut unseen: BTreeSet<&str> = resolved.laws.iter().map(|law| law.name.as_str()).collect();
    assert!(unseen.len() >= 30);
    // As many rounds as it takes to see each law hold, and no more than anybody waits for.
    for seed in 0..8 {
        let options =
            Options { time: Some(Duration::from_secs(10)), seed, workers: 2, shrink: false, ..Options::default() };
        let Some(outcome) = campaign(&resolved, &calls, options) else { return };
        assert!(outcome.errors.is_empty(), "{:?}", outcome.errors);
        let broken: Vec<_> = outcome.confirmed.iter().filter(|found| found.law.is_some()).collect();
        assert!(broken.is_empty(), "{broken:#?}");
        for law in &resolved.laws {
            let tried = outcome.coverage.count(law.clause) > 0;
            if tried || outcome.executable[law.clause.0 as usize] != Executable::Yes {
                unseen.remove(law.name.as_str());
            }
        }
        if unseen.is_empty() {
            return;
        }
    }
    panic!("never seen to hold: {unseen:?}");
}

/// The specification with one more file of laws.
fn with(laws: &str) -> Spec {
    let mut files: Vec<SourceFile> = abispec::embedded().files.clone();
    files.push(SourceFile { path: "spec/laws/wrong.yaml".to_owned(), text: laws.to_owned() });
    let (spec, findings) = abispec::load::load(files);
    assert!(findings.is_empty(), "{findings:?}");
    spec
}

const WRONG: &str = r#"
wrong_relation:
  summary: a law that no kernel keeps
  given: {fd: "fd[memfd]", n: "int64[1:300]", src: "buffer[in, n]", dst: "buffer[out, n]"}
  calls: ["w = pwrite64(fd, src, n, 0)", "r = preadv2(fd, iovec_out(dst, n), 1, 0, 0, 0)", "p = lseek(fd, 0, SEEK_CUR)"]
  when: "n > 7 && w == n"
  that: "same_bytes(src, dst, r) && p == r"
wrong_equivalence:
  summary: another one
  same: ["getuid()", "umask(0o22)"]
"#;

/// Judges the replay file of a broken law again, and runs its C program.
fn again(resolved: &Arc<Resolved>, found: &Confirmed) {
    let text = reproduce::write_yaml(found, resolved, "spec/laws/wrong.yaml:1:1", "this one");
    let replay = reproduce::read(&text, resolved).unwrap();
    let case = replay.law.unwrap_or_else(|| panic!("the file names no law:\n{text}"));
    let mut room = Room::open(Setting::new(resolved.clone())).unwrap();
    let watched = watch(&mut room, &case).unwrap().unwrap();
    assert_eq!(watched.program, found.program);
    assert!(matches!(watched.judged, Judged::Broken(_)), "{:?}\n{text}", watched.judged);

    let folder = std::env::temp_dir().join(format!("abispec-law-{}-{}", found.key.syscall, std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let (source, program) = (folder.join("law.c"), folder.join("law"));
    fs::write(&source, reproduce::write_c(found, resolved, "spec/laws/wrong.yaml:1:1", "this one")).unwrap();
    let built = Command::new("cc").args(["-Wall", "-Werror", "-o"]).arg(&program).arg(&source).output();
    match built {
        Ok(built) => {
            assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
            let ran = Command::new(&program).output().unwrap();
            assert_eq!(ran.status.code(), Some(1), "{}", String::from_utf8_lossy(&ran.stdout));
        }
        Err(error) => say(&format!("SKIPPED: the C program was not built, there is no C compiler: {error}")),
    }
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_wrong_law_is_found_and_made_simple_and_shows_itself_again() {
    let _alone = ALONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let resolved = resolved(&with(WRONG));
    let Some(found) = break_law(&resolved, "wrong_relation", Options::default()) else { return };
    let found = found.unwrap();
    assert_eq!(found.verdict.expected, "p == r");
    assert_eq!(found.verdict.actual, "p is 0, r is 8");
    // One call makes the file, three are the law's; what is given is as small as `when` lets it be.
    assert_eq!(found.program.calls.len(), 4, "{:#?}", found.program.lines(&resolved));
    let given = &found.law.as_ref().unwrap().given;
    assert!(given.iter().any(|(name, value)| name == "n" && *value == Argument::Number(8)), "{given:?}");
    again(&resolved, &found);

    let Some(found) = break_law(&resolved, "wrong_equivalence", Options::default()) else { return };
    let found = found.unwrap();
    assert!(found.verdict.expected.starts_with("r0 = getuid()"), "{:?}", found.verdict);
    assert_eq!(found.program.calls.len(), 1);
    again(&resolved, &found);
}
