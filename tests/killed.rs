//! Killing any process of a run at any moment loses no finding and leaves nothing behind.
//!
//! The specification is made wrong in a few rules, so that a right kernel diverges from it all the time; the runs share one
//! folder for findings.

#![expect(clippy::print_stderr, reason = "a test that is skipped says so")]
#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test")]

mod common;

use common::{abispec, code, command, copy_of_the_specification, stderr, stdout};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How often something is killed.
const KILLS: usize = 200;

/// A rule that is wrong: file, what it says, what it is made to say.
const WRONG: &[(&str, &str, &str)] = &[
    ("dup.yaml", "EBADF:", "EINVAL:"),
    ("close.yaml", "EBADF:", "EINVAL:"),
    ("lseek.yaml", "ESPIPE:", "ENOTTY:"),
    ("getpid.yaml", "ret == pid()", "ret == pid() + 1"),
];

/// Numbers that look random and are the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// The processes that run this program, with their parents.
fn processes() -> Vec<(i32, i32)> {
    let program = fs::canonicalize(env!("CARGO_BIN_EXE_abispec")).unwrap();
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.filter(|pid| fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|exe| exe == program))
        .filter_map(|pid| {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            let mut fields = stat.rsplit(')').next()?.split_whitespace();
            (fields.next()? != "Z").then_some(())?;
            Some((pid, fields.next()?.parse().ok()?))
        })
        .collect()
}

fn descendants(of: i32) -> Vec<i32> {
    let all = processes();
    let mut found = vec![of];
    let mut at = 0;
    while let Some(parent) = found.get(at).copied() {
        found.extend(all.iter().filter(|(_, other)| *other == parent).map(|(pid, _)| *pid));
        at += 1;
    }
    found
}

/// What a run could change outside its sandbox.
fn host() -> Vec<String> {
    let files = [
        "/proc/self/mounts",
        "/proc/sys/kernel/hostname",
        "/proc/sys/kernel/domainname",
        "/proc/sys/fs/file-max",
        "/proc/sys/fs/pipe-max-size",
        "/proc/sys/kernel/pid_max",
        "/proc/sys/vm/overcommit_memory",
        "/proc/self/limits",
    ];
    files.iter().map(|file| fs::read_to_string(file).unwrap_or_default()).collect()
}

/// Names of the findings that a folder holds; every file in it must be whole.
fn saved(out: &Path) -> BTreeSet<String> {
    let files = fs::read_dir(out).into_iter().flatten().flatten().map(|entry| entry.path());
    let yaml = files.filter(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    yaml.map(|path| {
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with('#') && text.contains("\ncalls:\n  - call:"), "{} is torn", path.display());
        path.file_stem().unwrap().to_str().unwrap().to_owned()
    })
    .collect()
}

/// Call and id of every suspicion that waits.
fn waiting(out: &Path) -> Vec<(String, String)> {
    let files = fs::read_dir(out.join("suspected")).into_iter().flatten().flatten().map(|entry| entry.path());
    files
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .filter_map(|path| {
            let stem = path.file_stem()?.to_str()?.to_owned();
            let (call, id) = stem.split_once('-')?;
            Some((call.to_owned(), id.trim_end_matches(|c: char| c.is_ascii_digit() || c == '-').to_owned()))
        })
        .collect()
}

fn start(spec: &Path, out: &Path, seed: u64) -> Child {
    let (spec, out, seed) = (spec.to_str().unwrap(), out.to_str().unwrap(), seed.to_string());
    let calls = "dup,close,lseek,getpid,openat,pipe2,fork,clone,execve,exit_group";
    command(&["fuzz", "--spec", spec, "--syscalls", calls, "--time", "3s", "--seed", &seed, "--out", out])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn all_gone(pids: &[i32]) -> Vec<i32> {
    let begin = Instant::now();
    loop {
        let running: BTreeSet<i32> = processes().into_iter().map(|(pid, _)| pid).collect();
        let left: Vec<i32> = pids.iter().copied().filter(|pid| running.contains(pid)).collect();
        if left.is_empty() || begin.elapsed() > Duration::from_secs(10) {
            return left;
        }
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn two_hundred_kills_lose_nothing_and_leave_nothing() {
    let dir = copy_of_the_specification("killed");
    for (file, right, wrong) in WRONG {
        let path = dir.join("syscalls").join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(right), "{file} says {right}");
        fs::write(&path, text.replace(right, wrong)).unwrap();
    }
    let out: PathBuf = dir.join("found");
    let (dir_text, out_text) = (dir.to_str().unwrap(), out.to_str().unwrap());
    let probe = abispec(&["fuzz", "--spec", dir_text, "--syscalls", "getuid", "--time", "3s", "--out", out_text]);
    if code(&probe) == 2 {
        eprintln!("SKIPPED: there is no sandbox here: {}{}", stdout(&probe), stderr(&probe));
        return;
    }
    let before = host();
    let strangers: BTreeSet<i32> = processes().into_iter().map(|(pid, _)| pid).collect();
    let mut dice = Dice(0x5eed_1234_5678_9abc);
    let mut suspected: BTreeSet<(String, String)> = BTreeSet::new();
    let mut kept: BTreeSet<String> = BTreeSet::new();
    let (mut kills, mut seed) = (0, 0);
    while kills < KILLS {
        seed += 1;
        let mut run = start(&dir, &out, seed);
        let supervisor = i32::try_from(run.id()).unwrap();
        let mut family = vec![supervisor];
        // Most runs are left alone until their sandboxes stand, the others are killed while they start.
        let begin = Instant::now();
        let patience = Duration::from_secs(if dice.below(8) == 0 { 0 } else { 5 });
        while begin.elapsed() < patience && descendants(supervisor).len() < 8 && run.try_wait().unwrap().is_none() {
            thread::sleep(Duration::from_millis(10));
        }
        // A run goes on without an executor or a sandbox; with the supervisor it ends.
        loop {
            thread::sleep(Duration::from_millis(dice.below(120)));
            let now = descendants(supervisor);
            family.extend(now.iter().copied());
            if now.len() < 2 && run.try_wait().unwrap().is_some() {
                break;
            }
            let victim = now[usize::try_from(dice.below(now.len() as u64)).unwrap()];
            kills += usize::from(kill(Pid::from_raw(victim), Signal::SIGKILL).is_ok());
            if victim == supervisor || kills >= KILLS {
                break;
            }
        }
        let _ = kill(Pid::from_raw(supervisor), Signal::SIGKILL);
        run.wait().unwrap();
        let left = all_gone(&family);
        assert!(left.is_empty(), "run {seed}: {left:?} outlived their supervisor");
        suspected.extend(waiting(&out));
        let now = saved(&out);
        assert!(kept.is_subset(&now), "run {seed}: a saved finding is gone");
        kept = now;
    }
    let others: Vec<i32> = processes().into_iter().map(|(pid, _)| pid).filter(|pid| !strangers.contains(pid)).collect();
    assert!(others.is_empty(), "{others:?} are left");
    assert_eq!(host(), before, "the host is not as it was");

    eprintln!("{kills} kills in {seed} runs; left waiting meanwhile: {suspected:?}");
    assert!(!suspected.is_empty(), "no kill came while something was being tried again: the test showed nothing");

    // What was suspected when something was killed is settled by a run that comes to its end.
    let last = start(&dir, &out, 0).wait_with_output().unwrap();
    assert_eq!(last.status.code(), Some(1), "the last run finds the divergences too");
    assert_eq!(waiting(&out), [], "nothing waits any longer");
    let found = saved(&out);
    for (call, id) in suspected {
        // The careful look may call it by a better name; the call stays the same.
        assert!(found.iter().any(|stem| stem.starts_with(&format!("{call}-"))), "{call} {id} was lost: {found:?}");
    }
    for call in ["dup", "close", "lseek", "getpid"] {
        assert!(found.iter().any(|stem| stem.starts_with(&format!("{call}-"))), "nothing about {call}: {found:?}");
    }
    assert_eq!(host(), before, "the host is not as it was");
}
