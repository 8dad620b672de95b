//! Runs on a file system whose answers are a server's: a rule that is wrong shows by a name that refuses, the right one does not.

#![expect(clippy::print_stderr, reason = "a test that is skipped says so")]

mod common;

use common::{abispec, code, copy_of_the_specification, scratch, stderr, stdout};
use std::fs;

/// A rule that hardly anything but a server brings about, and what it is made to say.
const RIGHT: &str = "  EBUSY: [{may: \"kind(fd) == regular && fs(fd) != tmpfs\"";
const WRONG: &str = "  EBUSY: [{may: \"kind(fd) == regular && fs(fd) != tmpfs && count > 4\"";

#[test]
fn what_a_server_answers_is_judged_and_tried_again() {
    let spec = copy_of_the_specification("served-wrong");
    let file = spec.join("syscalls/write.yaml");
    let text = fs::read_to_string(&file).unwrap();
    assert_eq!(text.matches(RIGHT).count(), 1);
    fs::write(&file, text.replace(RIGHT, WRONG)).unwrap();
    let out = scratch("served");
    let run = |spec: &[&str]| {
        let out = out.to_str().unwrap();
        let args = ["fuzz", "--fs", "fuse", "--entry", "64", "--syscalls", "write", "--calls", "6000", "--seed", "5"];
        abispec(&[&args[..], &["--workers", "1", "--out", out], spec].concat())
    };
    let right = run(&[]);
    if code(&right) == 2 && stderr(&right).contains("none of the file systems") {
        eprintln!("skipped: {}", stderr(&right));
        return;
    }
    assert_eq!(code(&right), 0, "{}{}", stdout(&right), stderr(&right));
    let wrong = run(&["--spec", spec.to_str().unwrap()]);
    let text = stdout(&wrong);
    assert_eq!(code(&wrong), 1, "{text}{}", stderr(&wrong));
    assert!(text.contains("actual:   EBUSY") && text.contains("answers/write.EBUSY"), "{text}");
    assert!(text.contains("(on fuse"), "{text}");
    let saved: Vec<_> = fs::read_dir(&out).unwrap().flatten().map(|entry| entry.path()).collect();
    let with =
        |extension: &str| saved.iter().find(|path| path.extension().is_some_and(|own| own == extension)).unwrap();
    let c = fs::read_to_string(with("c")).unwrap();
    assert!(c.contains("only `abispec replay` has that server"), "{c}");
    let replay = with("yaml").to_str().unwrap();
    assert_eq!(code(&abispec(&["replay", replay, "--spec", spec.to_str().unwrap()])), 1);
    assert_eq!(code(&abispec(&["replay", replay])), 0);
}
