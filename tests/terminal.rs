//! The program between others: options, pipes, colour, help.

mod common;

use common::{abispec, code, command, stderr, stdout};
use std::fs::File;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const SUBCOMMANDS: &[&str] = &[
    "run",
    "lint",
    "list",
    "show",
    "explain",
    "check",
    "diff",
    "fuzz",
    "replay",
    "mutate",
    "bench",
    "export",
    "fmt",
    "completions",
];

#[test]
fn every_subcommand_has_help_with_examples() {
    let top = abispec(&["--help"]);
    assert_eq!(code(&top), 0);
    for sub in SUBCOMMANDS {
        assert!(stdout(&top).contains(&format!("\n  {sub} ")), "--help lacks {sub}");
        let output = abispec(&[sub, "--help"]);
        assert_eq!(code(&output), 0, "{sub}");
        assert!(stdout(&output).contains("Examples:"), "{sub} --help has no examples");
    }
}

#[test]
fn what_does_not_exist_is_refused_with_a_suggestion() {
    for (args, suggestion) in [
        (["lint", "--formt", "json"].as_slice(), "--format"),
        (&["lnit"], "lint"),
        (&["show", "opnat2"], "`openat2`"),
        (&["show", "openat2", "--arch", "x86_65"], "`x86_64`"),
        (&["show", "fcntl", "--command", "F_DUPFDD"], "`F_DUPFD`"),
        (&["explain", "unknwon-key"], "`unknown-key`"),
        (&["show", "O_CLOEXEC"], "abispec show "),
        (&["show", "openat2", "--kernel", "six"], "6.1"),
        (&["fuzz", "--time", "ten"], "10s"),
    ] {
        let output = abispec(args);
        assert_eq!(code(&output), 2, "{args:?}");
        assert_eq!(stdout(&output), "", "{args:?}");
        assert!(stderr(&output).contains(suggestion), "{args:?}: {}", stderr(&output));
    }
}

#[test]
fn failures_are_json_where_json_was_asked_for() {
    let output = abispec(&["show", "opnat2", "--format", "json"]);
    let error: serde_json::Value = serde_json::from_str(&stderr(&output)).unwrap();
    assert!(error["error"].is_string() && error["help"].is_string());
}

#[test]
fn a_reader_that_leaves_early_is_no_error() {
    for args in [["list"].as_slice(), &["export", "json"], &["show", "fcntl"], &["list", "--format", "json"]] {
        let mut child = command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!((code(&output), stderr(&output)), (0, String::new()), "{args:?}");
    }
    let pipe = format!("{} list | head -1", env!("CARGO_BIN_EXE_abispec"));
    let output = Command::new("sh").args(["-c", &pipe]).output().unwrap();
    assert_eq!((stdout(&output).lines().count(), stderr(&output)), (1, String::new()));
}

#[test]
fn a_full_disk_is_an_error() {
    let full = File::options().write(true).open("/dev/full").unwrap();
    let output = command(&["export", "json"]).stdout(full).output().unwrap();
    assert_eq!(code(&output), 2);
    assert!(stderr(&output).contains("could not be written"), "{}", stderr(&output));
}

#[test]
fn colour_is_for_terminals_unless_asked_for() {
    assert!(!stdout(&abispec(&["show", "pipe2"])).contains('\x1b'));
    assert!(stdout(&abispec(&["show", "pipe2", "--color", "always"])).contains('\x1b'));
    assert!(!stdout(&abispec(&["show", "pipe2", "--color", "never"])).contains('\x1b'));
}

#[test]
fn every_shell_gets_a_completion_script() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = abispec(&["completions", shell]);
        assert_eq!(code(&output), 0, "{shell}");
        assert!(stdout(&output).contains("implied"), "{shell}");
    }
}

#[test]
fn showing_a_call_takes_no_time() {
    let once = || {
        let start = Instant::now();
        assert_eq!(code(&abispec(&["show", "openat2"])), 0);
        start.elapsed()
    };
    let best = (0..20).map(|_| once()).min().unwrap();
    let limit = Duration::from_millis(if cfg!(debug_assertions) { 150 } else { 10 });
    assert!(best < limit, "{best:?}");
}
