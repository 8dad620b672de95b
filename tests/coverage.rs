//! `abispec coverage` as a user runs it: counts of a small specification, of pages, of runs, and of a table.

mod common;

use common::{abispec, code, scratch, stderr, stdout};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// A specification of three calls, one of them a number only.
fn specification(name: &str) -> PathBuf {
    let dir = scratch(name);
    for folder in abispec::load::FOLDERS {
        fs::create_dir_all(dir.join(folder)).expect("the build folder is writable");
    }
    let write = |path: &str, text: &str| fs::write(dir.join(path), text).expect("the build folder is writable");
    write("flags/f.yaml", "close_flags: {kind: flags, members: {ONE: 1, TWO: 2}}\n");
    write("resources/fd.yaml", "fd: {base: int32}\n");
    write(
        "types/t.yaml",
        "pair: {size: 8, align: 4, fields: [{name: a, type: int32, offset: 0}, {name: b, type: int32, offset: 4}]}\n",
    );
    write(
        "syscalls/close.yaml",
        "syscall: close\nsummary: close it\nnr: {x86_64: 3}\nman: close(2)\nparams:\n  - {name: fd, c: unsigned int, type: fd}\n  \
         - {name: flags, c: int, type: \"flags[close_flags]\", unknown: EINVAL}\n  - {name: p, c: \"struct pair *\", type: \"ptr[in, struct[pair]]\"}\n\
         returns: zero\nerrors:\n  EBADF: [{when: \"!open(fd)\"}]\n  EIO: [{may: \"flags == ONE\"}]\n  EINTR: [{may: \"true\"}]\n",
    );
    write(
        "syscalls/reboot.yaml",
        "syscall: reboot\nsummary: begin anew\nnr: {x86_64: 169}\nman: close(2)\nparams: []\nreturns: zero\nerrors:\n  EPERM: [{when: \"!capable(CAP_SYS_BOOT)\"}]\n",
    );
    write("flags/c.yaml", "caps: {kind: enum, members: {CAP_SYS_BOOT: 22}}\n");
    write("syscalls/vserver.yaml", "syscall: vserver\nsummary: nothing\nunimplemented: true\nnr: {x86_64: 236}\n");
    dir
}

fn lines(spec: &Path, more: &[&str]) -> Vec<Value> {
    let spec = spec.to_str().expect("a path of text");
    let mut args = vec!["coverage", "--spec", spec, "--format", "json", "--kernel", "6.12", "--arch", "x86_64"];
    args.extend(more);
    let output = abispec(&args);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    stdout(&output).lines().map(|line| serde_json::from_str(line).expect("a value a line")).collect()
}

#[test]
fn rules_members_and_places_are_counted() {
    let found = lines(&specification("coverage-counts"), &[]);
    let [close, reboot, vserver, total] = &found[..] else { panic!("{found:#?}") };
    let numbers =
        |line: &Value| ["when", "may", "may_true", "flags", "fields"].map(|key| line[key].as_u64().expect("a number"));
    assert_eq!(numbers(close), [1, 1, 1, 2, 2]);
    assert_eq!(numbers(total), [3, 1, 1, 2, 2]);
    // What follows from the types: an undefined bit, and memory that is not there.
    assert_eq!(close["rules_here"], 5);
    assert_eq!([&close["tried"], &reboot["tried"], &vserver["tried"]], ["host", "vm", "host"]);
    assert_eq!(reboot["why"], "stops or replaces the running kernel");
    assert_eq!(total["total"], 3);
}

#[test]
fn errors_of_pages_are_decided_or_named() {
    let spec = specification("coverage-pages");
    let list = spec.join("pairs.tsv");
    let text = "close\tEBADF\tclose.2\tsingle\nclose\tEXDEV\tclose.2\tsingle\nclose\tEINVAL\tclose.2\tmarked\nclose\tEPERM\tclose.2\tshared\nreboot\tENOENT\tclose.2\tshared\n";
    fs::write(&list, text).expect("the build folder is writable");
    let list = list.to_str().expect("a path of text");
    let found = lines(&spec, &["--pairs", list]);
    let total = found.last().expect("a total");
    let counts =
        |scope: &str| ["all", "rule", "other_call"].map(|key| total["pages"][scope][key].as_u64().expect("a number"));
    assert_eq!(counts("single"), [2, 1, 0]);
    assert_eq!(counts("marked"), [1, 1, 0]);
    assert_eq!(counts("shared"), [2, 0, 1]);
    let undecided: Vec<String> = total["undecided"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| format!("{}.{}", one["syscall"].as_str().unwrap_or(""), one["errno"].as_str().unwrap_or("")))
        .collect();
    assert_eq!(undecided, ["close.EXDEV", "reboot.ENOENT"]);
    let human = abispec(&["coverage", "--spec", spec.to_str().expect("text"), "--pairs", list, "--missing"]);
    assert!(stdout(&human).contains("no rule for close.EXDEV, which close(2) names"), "{}", stdout(&human));
}

#[test]
fn pages_are_read_where_they_lie() {
    let spec = specification("coverage-man");
    let pages = spec.join("man2");
    fs::create_dir_all(&pages).expect("the build folder is writable");
    let page = ".TH close 2 2024-01-01 \"Linux man-pages 6.9.1\"\n.SH NAME\nclose \\- close it\n.SH SYNOPSIS\n.BI \"int close(int \" fd );\n.SH ERRORS\n.TP\n.B EBADF\nNot open.\n.TP\n.B ENOTTY\nNever.\n";
    fs::write(pages.join("close.2"), page).expect("the build folder is writable");
    let found = lines(&spec, &["--man", spec.to_str().expect("text")]);
    let total = found.last().expect("a total");
    assert_eq!(total["pages"]["single"]["all"], 2, "{total:#}");
    assert_eq!(total["pages"]["single"]["rule"], 1, "{total:#}");
}

#[test]
fn what_runs_have_seen_is_told_by_kernel() {
    let spec = specification("coverage-seen");
    let write = |name: &str, kernel: &str, clauses: &str| {
        let text =
            format!("{{\"version\": 1, \"kernel\": \"{kernel}\", \"arch\": \"x86_64\", \"clauses\": [{clauses}]}}");
        let path = spec.join(name);
        fs::write(&path, text).expect("the build folder is writable");
        path.to_str().expect("a path of text").to_owned()
    };
    let rule = |errno: &str, kind: &str, text: &str| {
        format!(
            "{{\"clause\": {{\"syscall\": \"close\", \"kind\": \"{kind}\", \"errno\": \"{errno}\", \"text\": \"{text}\"}}, \"times\": 3}}"
        )
    };
    let bad = rule("EBADF", "when", "!open(fd)");
    let (old, new) = (
        write("old.json", "5.10.9", &bad),
        write("new.json", "6.12.1", &format!("{bad}, {}", rule("EIO", "may", "flags == ONE"))),
    );
    let found = lines(&spec, &["--seen", &new, "--seen", &old]);
    let (close, total) = (&found[0], found.last().expect("a total"));
    assert_eq!(close["seen_by_kernel"]["5.10"], 1, "{close:#}");
    assert_eq!(close["seen_by_kernel"]["6.12"], 2, "{close:#}");
    assert_eq!(total["kernels"], serde_json::json!(["5.10", "6.12"]));
    let table =
        abispec(&["coverage", "--spec", spec.to_str().expect("text"), "--table", "--seen", &new, "--seen", &old]);
    assert!(stdout(&table).contains("| seen | 5.10 | 6.12 |"), "{}", stdout(&table));
}

#[test]
fn calls_of_a_tree_without_a_file_are_named() {
    let spec = specification("coverage-tree");
    let write = |path: &str, text: &str| {
        let path = spec.join("tree").join(path);
        fs::create_dir_all(path.parent().expect("in a folder")).expect("the build folder is writable");
        fs::write(path, text).expect("the build folder is writable");
    };
    write("Makefile", "VERSION = 6\nPATCHLEVEL = 12\nSUBLEVEL = 0\n");
    write(
        "arch/x86/entry/syscalls/syscall_64.tbl",
        "3\tcommon\tclose\tsys_close\n35\tcommon\tnanosleep\tsys_nanosleep\n236\t64\tvserver\n",
    );
    let tree = spec.join("tree");
    let found = lines(&spec, &["--tree", tree.to_str().expect("text")]);
    let total = found.last().expect("a total");
    assert_eq!(total["table"], 3, "{total:#}");
    assert_eq!(total["without_file"], serde_json::json!(["nanosleep"]));
}

#[test]
fn bad_input_is_told_with_its_place() {
    let spec = specification("coverage-bad");
    let broken = spec.join("broken");
    fs::write(&broken, "close\tEBADF\n").expect("the build folder is writable");
    let (spec, broken) = (spec.to_str().expect("text"), broken.to_str().expect("text"));
    for (args, part) in [
        (["--pairs", broken], "line 1 has 2 fields"),
        (["--seen", broken], "the coverage file could not be read"),
        (["--man", broken], "the man pages could not be read"),
        (["--tree", broken], "the tree could not be read"),
        (["--pairs", "/nowhere"], "/nowhere"),
    ] {
        let output = abispec(&["coverage", "--spec", spec, args[0], args[1]]);
        assert_eq!(code(&output), 2, "{args:?}");
        assert!(stderr(&output).contains(part), "{args:?}: {}", stderr(&output));
    }
    let output = abispec(&["coverage", "--spec", spec, "nosuchcall"]);
    assert_eq!(code(&output), 2);
    assert!(stderr(&output).contains("no system call or group contains `nosuchcall`"));
}
