//! `abispec show`, `list`, `explain` and `export`: what the specification says, for people and programs.

mod common;

use abispec::arch::Arch;
use abispec::evidence::Evidence;
use abispec::target::{ClauseId, Target};
use abispec::version::Release;
use common::{abispec, code, scratch, stderr, stdout};
use serde_json::Value;
use std::fs;

fn json(args: &[&str]) -> Vec<Value> {
    let output = abispec(&[args, &["--format", "json"]].concat());
    assert_eq!(code(&output), 0, "{args:?}: {}", stderr(&output));
    stdout(&output).lines().map(|line| serde_json::from_str(line).expect("one JSON value a line")).collect()
}

#[test]
fn a_kernel_is_shown_what_it_has() {
    let old = stdout(&abispec(&["show", "pidfd_open", "--kernel", "5.10"]));
    let new = stdout(&abispec(&["show", "pidfd_open", "--kernel", "6.9"]));
    // Conditions may speak of what a release does not have yet; the table of flags does not.
    let thread = |shown: &str| shown.lines().any(|line| line.contains("PIDFD_THREAD") && line.ends_with("since 6.9"));
    assert!(old.contains("PIDFD_NONBLOCK") && !thread(&old), "{old}");
    assert!(thread(&new), "{new}");
    let output = abispec(&["show", "openat2", "--kernel", "5.5"]);
    assert_eq!(code(&output), 2);
    assert!(stderr(&output).contains("openat2 does not exist in Linux 5.5") && stderr(&output).contains("5.6"));
}

#[test]
fn values_are_those_of_the_port() {
    let on = |arch| json(&["show", "openat2", "--arch", arch])[0]["sets"]["openat2_flags"]["O_DIRECTORY"].clone();
    assert_eq!((on("x86_64"), on("aarch64")), (0x10000.into(), 0x4000.into()));
}

#[test]
fn rules_that_follow_from_types_are_shown_on_request() {
    let plain = stdout(&abispec(&["show", "pipe2"]));
    let implied = stdout(&abispec(&["show", "pipe2", "--implied"]));
    let rule = "EINVAL  when flags & ~known(pipe2_flags) != 0";
    assert!(!plain.contains(rule) && implied.contains(rule), "{implied}");
}

#[test]
fn everything_that_has_a_name_can_be_shown() {
    for name in ["fcntl", "open_how", "pipe2_flags", "fd", "fd[pipe]"] {
        let output = abispec(&["show", name]);
        assert_eq!(code(&output), 0, "{name}");
        assert!(stdout(&output).contains(name.trim_end_matches("_flags")), "{name}");
    }
    let one = stdout(&abispec(&["show", "fcntl", "--command", "F_GETFD"]));
    assert!(one.contains("== F_GETFD") && !one.contains("== F_SETFL"));
}

#[test]
fn the_list_counts_what_a_run_has_exercised() {
    let spec = abispec::embedded();
    let resolved = abispec::resolve(spec, &Target::new(Arch::X86_64, Release::new(6, 12)));
    let evidence = Evidence::new(&resolved, |id: ClauseId| u64::from(resolved.clause(id).syscall == "pipe2"));
    let path = scratch("coverage").join("seen.json");
    fs::write(&path, serde_json::to_string(&evidence).unwrap()).unwrap();
    let lines = json(&["list", "--kernel", "6.12", "--arch", "x86_64", "--coverage", path.to_str().unwrap()]);
    let of = |name: &str| lines.iter().find(|line| line["syscall"] == name).unwrap();
    assert_eq!(of("pipe2")["exercised"], of("pipe2")["executable"]);
    assert_eq!(of("lseek")["exercised"], 0);
    let total = lines.last().unwrap();
    assert_eq!(total["total"], spec.syscalls.len());
    for key in ["clauses", "executable", "exercised", "rules", "may_true"] {
        let sum: u64 = lines[..lines.len() - 1].iter().map(|line| line[key].as_u64().unwrap()).sum();
        assert_eq!(total[key], sum, "{key}");
    }
    fs::write(&path, "{}").unwrap();
    let output = abispec(&["list", "--coverage", path.to_str().unwrap()]);
    assert_eq!(code(&output), 2);
    assert!(stderr(&output).contains("seen.json") && stderr(&output).contains("missing field"), "{}", stderr(&output));
}

#[test]
fn rules_without_a_condition_are_rare() {
    let total = json(&["list"]).pop().unwrap();
    let (rules, always) = (total["rules"].as_u64().unwrap(), total["may_true"].as_u64().unwrap());
    assert!((rules - always) * 100 >= rules * 70, "{always} of {rules} rules permit always");
}

#[test]
fn the_export_is_stable_and_versioned() {
    let first = abispec(&["export", "json"]);
    assert_eq!(stdout(&first), stdout(&abispec(&["export", "json"])));
    let all: Value = serde_json::from_str(&stdout(&first)).unwrap();
    assert_eq!((&all["format"], &all["version"]), (&"abispec".into(), &1.into()));
    let rule = &all["syscalls"]["pipe2"]["errors"][0];
    assert!(rule["errno"].is_string() && rule["at"].as_str().unwrap().starts_with("spec/syscalls/pipe2.yaml:"));
    let bare: Value = serde_json::from_str(&stdout(&abispec(&["export", "json", "--no-places"]))).unwrap();
    assert!(bare["syscalls"]["pipe2"]["errors"][0]["at"].is_null());
}

#[test]
fn ids_are_listed_and_explained() {
    let lines = json(&["explain"]);
    let engines: std::collections::BTreeSet<&str> = lines.iter().map(|line| line["engine"].as_str().unwrap()).collect();
    assert_eq!(
        engines.into_iter().collect::<Vec<_>>(),
        ["check", "diff", "fuzz", "known", "lint", "migrate", "trace", "vm"]
    );
    assert!(stdout(&abispec(&["explain", "missing-error"])).len() > 100);
}
