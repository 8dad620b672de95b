//! Another implementation of the ABI under test: a user-mode emulator runs the sandbox.

#![expect(clippy::print_stderr, reason = "a test that is skipped says so")]

mod common;

use common::{abispec, code, scratch, stderr, stdout};
use std::path::Path;

fn fuzz(emulator: &str, out: &str) -> std::process::Output {
    let calls = "getpid,dup,close,lseek";
    abispec(&["--format", "json", "fuzz", "--emulator", emulator, "--syscalls", calls, "--time", "5s", "--out", out])
}

#[test]
fn an_emulator_is_held_against_the_specification() {
    let emulator =
        ["/usr/bin/qemu-x86_64", "/usr/bin/qemu-x86_64-static"].into_iter().find(|path| Path::new(path).exists());
    let Some(emulator) = emulator.filter(|_| cfg!(target_arch = "x86_64")) else {
        eprintln!("SKIPPED: no user-mode emulator of x86_64 is installed (package qemu-user)");
        return;
    };
    let out = scratch("emulator");
    let ran = fuzz(emulator, out.to_str().expect("a path of text"));
    let text = stdout(&ran);
    let summary = text.lines().last().unwrap_or_default();
    if summary.contains("\"compared\":0") && !summary.contains("emulator") {
        // Without user namespaces there is no sandbox; the fuzzer says so itself.
        eprintln!("SKIPPED: {summary}");
        return;
    }
    // Which divergences an emulator has is its own affair; that its calls were judged is ours.
    assert!(matches!(code(&ran), 0 | 1), "{text}{}", stderr(&ran));
    assert!(summary.contains("\"engine\":\"fuzz\"") && !summary.contains("\"compared\":0"), "{summary}");
}

#[test]
fn what_is_no_emulator_is_said() {
    let out = scratch("no-emulator");
    let missing = fuzz("/nonexistent/emulator", out.to_str().expect("a path of text"));
    assert_eq!(code(&missing), 2, "{}", stdout(&missing));
    assert!(
        stdout(&missing).contains("cannot start") || stdout(&missing).contains("user namespace"),
        "{}",
        stdout(&missing)
    );
}
