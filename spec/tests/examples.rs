//! The examples do what they say.

#![expect(clippy::print_stderr, reason = "a test that is skipped says why")]

use std::path::PathBuf;
use std::process::{Command, Output};

/// Cargo builds examples beside the tests.
fn example(name: &str, args: &[&str]) -> Output {
    let test = std::env::current_exe().expect("a test has a place");
    let folder = test.parent().and_then(|deps| deps.parent()).expect("tests stand in deps/");
    let output = Command::new(folder.join("examples").join(name)).args(args).output();
    output.unwrap_or_else(|error| panic!("{name}: {error}; `cargo test -p abispec` builds examples too"))
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("text")
}

#[test]
fn flags_are_taken_apart() {
    let output = example("decode_flags", &["openat2_flags", "0x40080042", "5.10"]);
    let names: Vec<String> =
        text(&output).lines().map(|line| line.split("  ").next().unwrap_or_default().to_owned()).collect();
    assert_eq!(names, ["O_RDWR", "O_CREAT", "O_CLOEXEC", "(not in 5.10)"]);
    assert_eq!(example("decode_flags", &["no_such_set", "1"]).status.code(), Some(2));
}

#[test]
fn an_input_is_made_and_comes_back_from_its_bytes() {
    let output = example("fuzzer_input", &[]);
    assert!(output.status.success() && text(&output).lines().count() > 3);
}

#[test]
fn random_calls_answer_what_is_specified() {
    let program = text(&example("random_calls", &["7"]));
    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let (source, binary) = (dir.join("random_calls.c"), dir.join("random_calls"));
    std::fs::write(&source, program).expect("writable");
    let built = Command::new("gcc").args(["-Wall", "-Wextra", "-Werror", "-o"]).args([&binary, &source]).output();
    let Ok(built) = built else {
        eprintln!("skipped: gcc is not on this machine");
        return;
    };
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        eprintln!("skipped: the program is for x86_64");
        return;
    }
    let said = text(&Command::new(&binary).output().expect("it starts"));
    assert!(said.lines().count() > 20 && !said.contains("NOT SPECIFIED"), "{said}");
}
