//! A divergence from end to end: found, saved, replayed, and shown again by its C program.
//!
//! The specification is made wrong in one rule, so that a right kernel diverges from it.

#![expect(clippy::print_stderr, reason = "a test that is skipped says so")]
#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test")]

mod common;

use common::{abispec, code, copy_of_the_specification, scratch, stderr, stdout};
use std::fs;
use std::path::Path;
use std::process::Command;

/// A rule made wrong, and the call whose divergence must show: one without files, one with them.
const WRONG: &[(&str, &str, &str)] = &[("dup", "EBADF:", "EINVAL:"), ("mkdirat", "EEXIST:", "EBUSY:")];

#[test]
fn a_divergence_is_saved_replayed_and_compiled() {
    for (call, right, wrong) in WRONG {
        let dir = copy_of_the_specification(&format!("divergence-{call}"));
        let file = dir.join(format!("syscalls/{call}.yaml"));
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.contains(right), "{call}.yaml has a rule for {right}");
        fs::write(&file, text.replace(right, wrong)).unwrap();
        shows(&dir, call);
    }
}

fn shows(dir: &Path, call: &str) {
    let found = dir.join("found");
    let (spec, out) = (dir.to_str().unwrap(), found.to_str().unwrap());
    let fuzz = abispec(&["fuzz", "--spec", spec, "--syscalls", call, "--time", "4s", "--seed", "1", "--out", out]);
    let text = stdout(&fuzz);
    if code(&fuzz) == 2 {
        // Without user namespaces there is no sandbox; the fuzzer says so itself.
        assert!(text.contains("skipped"), "{text}{}", stderr(&fuzz));
        eprintln!("SKIPPED: {text}");
        return;
    }
    assert_eq!(code(&fuzz), 1, "{text}{}", stderr(&fuzz));
    assert!(text.contains(&format!("{call}.yaml")), "the finding names the specification's place: {text}");
    let mut saved: Vec<_> = fs::read_dir(&found).unwrap().map(|entry| entry.unwrap().path()).collect();
    saved.sort();
    let replays: Vec<_> = saved.iter().filter(|path| path.extension().is_some_and(|e| e == "yaml")).collect();
    assert!(!replays.is_empty(), "a replay file");
    for replay in replays {
        let c = replay.with_extension("c");
        let replay = replay.to_str().unwrap();
        let again = abispec(&["replay", "--spec", spec, replay]);
        assert_eq!(code(&again), 1, "the divergence is still there: {}{}", stdout(&again), stderr(&again));
        let right = abispec(&["replay", replay]);
        assert_eq!(code(&right), 0, "the right specification permits it: {}{}", stdout(&right), stderr(&right));

        let binary = dir.join("reproducer");
        let arguments = ["-std=gnu99", "-Wall", "-Wextra", "-Werror", "-o"];
        let Ok(status) = Command::new("cc").args(arguments).arg(&binary).arg(&c).status() else {
            eprintln!("SKIPPED: the C program is not compiled, there is no cc");
            return;
        };
        assert!(status.success(), "{} compiles without a warning", c.display());
        let status = Command::new(&binary).status().unwrap();
        assert_eq!(status.code(), Some(1), "the C program {} sees the answer again", c.display());
    }
}

#[test]
fn a_broken_replay_file_is_told_where() {
    let file = scratch("broken-replay").join("broken.yaml");
    let cases = [
        ("format: 1\ncalls: []\n", ":2:", "at least one call"),
        ("format: 7\ncalls: [{call: dup, args: [{number: 0}]}]\n", ":1:", "format 1"),
        ("format: 1\ncalls:\n  - call: dpu\n    args: [{number: 0}]\n", ":3:", "did you mean `dup`"),
        ("format: 1\ncalls:\n  - call: dup\n    args: []\n", ":4:", "takes 1 argument"),
        ("format: 1\ncalls:\n  - call: dup\n    args: [{result: {of: 0}}]\n", ":4:", "does not come before"),
        ("format: 1\nstrange: 2\ncalls: []\n", ":2:", "strange"),
        ("format: [\n", "broken.yaml:", "replay file is not right"),
    ];
    for (text, place, message) in cases {
        fs::write(&file, text).unwrap();
        let output = abispec(&["replay", file.to_str().unwrap()]);
        assert_eq!(code(&output), 2, "{text}: {}", stderr(&output));
        assert!(stderr(&output).contains(place), "{text}: no {place} in {}", stderr(&output));
        assert!(stderr(&output).contains(message), "{text}: no `{message}` in {}", stderr(&output));
    }
}

#[test]
fn a_program_that_is_never_run_does_not_pass_for_one_that_ran() {
    let file = scratch("refused-replay").join("kill.yaml");
    let text = |signal| format!("format: 1\ncalls:\n  - call: kill\n    args: [{{number: 0}}, {{number: {signal}}}]\n");
    fs::write(&file, text(9)).unwrap();
    let output = abispec(&["replay", file.to_str().unwrap()]);
    assert_eq!(code(&output), 2, "{}", stderr(&output));
    assert!(stderr(&output).contains("the program is not run"), "{}", stderr(&output));
    assert!(stderr(&output).contains("r0 = kill(0, 9)"), "{}", stderr(&output));
    fs::write(&file, text(0)).unwrap();
    let output = abispec(&["replay", file.to_str().unwrap()]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
}
