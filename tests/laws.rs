//! Laws through the program: a wrong one is found, saved, replayed and compiled; the right ones are shown and listed.

#![expect(clippy::print_stderr, reason = "a test that is skipped says so")]

mod common;

use common::{abispec, code, copy_of_the_specification, stderr, stdout};
use std::fs;
use std::process::Command;

const WRONG: &str = "wrong_law:
  summary: a duplicate has a position of its own
  given: {fd: \"fd[regular]\", n: \"int64[1:9000]\"}
  calls: [\"a = dup(fd)\", \"lseek(fd, n, SEEK_SET)\", \"p = lseek(a, 0, SEEK_CUR)\"]
  that: \"p == 0\"
";

#[test]
fn a_wrong_law_is_saved_replayed_and_compiled() {
    let dir = copy_of_the_specification("wrong-law");
    fs::write(dir.join("laws/wrong.yaml"), WRONG).unwrap();
    let found = dir.join("found");
    let (spec, out) = (dir.to_str().unwrap(), found.to_str().unwrap());
    let fuzz = abispec(&["fuzz", "--spec", spec, "--syscalls", "dup", "--time", "4s", "--seed", "1", "--out", out]);
    let text = stdout(&fuzz);
    if code(&fuzz) == 2 {
        // Without user namespaces there is no sandbox; the fuzzer says so itself.
        assert!(text.contains("skipped"), "{text}{}", stderr(&fuzz));
        eprintln!("SKIPPED: {text}");
        return;
    }
    assert_eq!(code(&fuzz), 1, "{text}{}", stderr(&fuzz));
    for part in ["error[broken-law]: wrong_law", "laws/wrong.yaml:1:1", "expected: p == 0", "actual:   p is 1"] {
        assert!(text.contains(part), "no `{part}` in {text}");
    }
    let saved = fs::read_dir(&found).unwrap().map(|entry| entry.unwrap().path());
    let replay = saved.into_iter().find(|path| path.extension().is_some_and(|e| e == "yaml")).expect("a replay file");
    let again = abispec(&["replay", "--spec", spec, replay.to_str().unwrap()]);
    assert_eq!(code(&again), 1, "the law is still broken: {}{}", stdout(&again), stderr(&again));
    assert!(stdout(&again).contains("wrong_law does not hold"), "{}", stdout(&again));
    let json = abispec(&["replay", "--spec", spec, "--format", "json", replay.to_str().unwrap()]);
    assert!(stdout(&json).contains("\"law\":\"broken\""), "{}", stdout(&json));
    let unknown = abispec(&["replay", replay.to_str().unwrap()]);
    assert_eq!(code(&unknown), 2);
    assert!(stderr(&unknown).contains("no law `wrong_law`"), "{}", stderr(&unknown));

    let binary = dir.join("reproducer");
    let arguments = ["-std=gnu99", "-Wall", "-Wextra", "-Werror", "-o"];
    let c = replay.with_extension("c");
    let Ok(status) = Command::new("cc").args(arguments).arg(&binary).arg(&c).status() else {
        eprintln!("SKIPPED: the C program is not compiled, there is no cc");
        return;
    };
    assert!(status.success(), "{} compiles without a warning", c.display());
    assert_eq!(
        Command::new(&binary).status().unwrap().code(),
        Some(1),
        "the C program sees that the law does not hold"
    );
}

#[test]
fn laws_are_shown_listed_and_exported() {
    let shown = stdout(&abispec(&["show", "dup2_is_dup3"]));
    assert!(shown.contains("dup2(oldfd, newfd)") && shown.contains("when oldfd != newfd"), "{shown}");
    let json = stdout(&abispec(&["show", "dup_shares_the_position", "--format", "json"]));
    assert!(json.contains("\"that\":\"p == n\""), "{json}");
    let old = abispec(&["show", "close_range_cloexec", "--kernel", "5.10"]);
    assert_eq!(code(&old), 2);
    assert!(stderr(&old).contains("says nothing of Linux 5.10"), "{}", stderr(&old));
    let slip = abispec(&["show", "dup2_is_dub3"]);
    assert!(stderr(&slip).contains("did you mean `dup2_is_dup3`?"), "{}", stderr(&slip));
    let list = stdout(&abispec(&["list", "dup_shares", "--kernel", "6.12"]));
    assert!(list.contains("dup_shares_the_position") && list.contains("0 calls, 1 laws"), "{list}");
    let line = stdout(&abispec(&["list", "dup_shares", "--kernel", "6.12", "--format", "json"]));
    assert!(line.contains("\"law\":\"dup_shares_the_position\"") && line.contains("\"executable\":1"), "{line}");
    let all = stdout(&abispec(&["export", "json"]));
    assert!(all.contains("\"dup_shares_the_position\""), "the export has laws");
}
