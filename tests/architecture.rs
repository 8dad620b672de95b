//! The invariants of ARCHITECTURE.md that sources can be asked about.

use std::fs;
use std::path::{Path, PathBuf};

fn sources(folder: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut waiting = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            let inside = fs::read_dir(&path).expect("sources are readable");
            waiting.extend(inside.map(|entry| entry.expect("sources are readable").path()));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("sources are readable");
            found.push((relative(&path), text));
        }
    }
    found.sort();
    found
}

fn relative(path: &Path) -> String {
    path.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap_or(path).display().to_string()
}

/// The part of a source that is no test of its own.
fn shipped(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod ").next().unwrap_or(text)
}

fn manifest(package: &str) -> String {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), package, "Cargo.toml"].iter().collect();
    fs::read_to_string(path).expect("each crate has a manifest")
}

#[test]
fn crates_depend_as_drawn() {
    let (spec, checker, fuzzer) = (manifest("spec"), manifest("checker"), manifest("fuzzer"));
    for other in ["abispec-checker", "abispec-fuzzer", "libc", "nix"] {
        assert!(!spec.contains(&format!("\n{other}")), "spec depends on {other}");
    }
    assert!(!checker.contains("\nabispec-fuzzer") && !fuzzer.contains("\nabispec-checker"));
    assert!(!manifest("vm").contains("\nabispec"), "vm depends on another crate of the project");
}

#[test]
fn pure_modules_do_no_io() {
    let pure = [
        "spec/src/expr",
        "spec/src/types",
        "spec/src/resolve",
        "checker/src/checks",
        "checker/src/between",
        "checker/src/diff/class",
        "checker/src/diff/class.rs",
        "checker/src/diff/definition.rs",
        "checker/src/diff/reach.rs",
        "fuzzer/src/oracle.rs",
        "fuzzer/src/laws/judge.rs",
        "fuzzer/src/laws/compare.rs",
        "fuzzer/src/laws/rewrite.rs",
    ];
    for folder in pure {
        let files = sources(folder);
        assert!(!files.is_empty(), "{folder} is gone");
        for (path, text) in files {
            for forbidden in [
                "std::fs",
                "std::net",
                "std::process",
                "std::env",
                "std::time",
                "File::open",
                "dyn Files",
                "libc::",
                "nix::",
            ] {
                assert!(!shipped(&text).contains(forbidden), "{path} uses {forbidden}");
            }
        }
    }
}

#[test]
fn unsafe_has_one_address() {
    for folder in ["src", "spec/src", "checker/src", "fuzzer/src", "vm/src"] {
        for (path, text) in sources(folder) {
            let uses = text.contains("unsafe {") || text.contains("unsafe fn") || text.contains("unsafe impl");
            assert!(!uses || path.starts_with("fuzzer/src/exec"), "{path} holds unsafe code");
        }
    }
}

#[test]
fn files_stay_short() {
    for folder in ["src", "spec/src", "checker/src", "fuzzer/src", "vm/src"] {
        for (path, text) in sources(folder) {
            let lines = shipped(&text).lines().count();
            assert!(lines <= 650, "{path} has {lines} lines; split it by subject");
        }
    }
}

#[test]
fn documents_name_tests_that_exist() {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("ARCHITECTURE.md")).expect("readable");
    for name in text.split('`').skip(1).step_by(2) {
        let (file, test) = name.split_once(": ").unwrap_or((name, ""));
        if file.contains(' ') || !file.ends_with(".rs") || !file.contains("tests/") {
            continue;
        }
        let source = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file));
        let source = source.unwrap_or_else(|error| panic!("ARCHITECTURE.md names {file}: {error}"));
        assert!(source.contains(&format!("fn {test}")), "{file} has no test {test}");
    }
}
