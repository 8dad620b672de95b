//! Two kernels side by side: rules, findings, and the answers to the same programs.

#![expect(clippy::print_stderr, reason = "a test that is skipped says so")]

mod common;

use common::{abispec, code, scratch, stderr, stdout};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

fn clause(text: &str) -> Value {
    json!({"syscall": "dup", "kind": "when", "errno": "EBADF", "text": text})
}

/// A journal of a kernel: what it saw, what it could have seen, what it found, what it answered to two programs.
fn journal(path: &Path, kernel: &str, seen: &[&str], unseen: &[&str], found: &[&str], answers: [&str; 2]) -> String {
    let head = |engine: &str| {
        json!({"begin": {
            "journal": 1, "engine": engine, "kernel": kernel, "arch": "x86_64", "specification": "s", "started": 1,
            "parts": [{"options": "", "seed": 7, "shards": [1], "of": 1}],
        }})
    };
    let clauses: Vec<Value> = seen.iter().map(|text| json!({"clause": clause(text), "times": 1})).collect();
    let unseen: Vec<Value> = unseen.iter().map(|text| clause(text)).collect();
    let evidence = json!({"version": 1, "kernel": "6.1", "arch": "x86_64", "clauses": clauses});
    let end = json!({"end": {"compared": 9, "programs": 2, "seconds": 1.0, "summary": [], "skipped": []}});
    let mut lines = vec![head("fuzz")];
    lines.extend(found.iter().map(|subject| {
        json!({"finding": {"finding": {"id": "missing-error", "severity": "error", "subject": subject, "message": "m", "spec": null}}})
    }));
    lines.push(json!({"coverage": {"entry": "64", "evidence": evidence, "unseen": unseen}}));
    lines.extend([end.clone(), head("outcomes")]);
    let programs = [("fanotify_init(0x2000, 0)", answers[0]), ("getpid()", answers[1])];
    lines.extend(programs.iter().enumerate().map(|(number, (call, answer))| {
        let calls = ["r0 = getuid()".to_owned(), format!("r1 = {call}"), "r2 = getgid()".to_owned()];
        json!({"outcome": {"program": number, "calls": calls, "answers": ["success", answer, "success"]}})
    }));
    lines.push(end);
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    fs::write(path, text).expect("writable");
    path.display().to_string()
}

#[test]
fn what_differs_is_told_with_whether_it_is_stated() {
    let dir = scratch("compare");
    let old =
        journal(&dir.join("old.jsonl"), "6.1.0-50", &["a", "b", "c"], &["d"], &["dup", "read"], ["EINVAL", "success"]);
    let new = journal(&dir.join("new.jsonl"), "7.3.4", &["a", "d", "e"], &["b"], &["dup"], ["success", "EPERM"]);
    let ran = abispec(&["compare", &old, &new, "--rules"]);
    assert_eq!(code(&ran), 1, "{}", stderr(&ran));
    let text = stdout(&ran);
    for expected in [
        "seen on both 1, on A only 1, on B only 1, on neither 0; said of A only 1, of B only 1",
        "seen on A only: dup.EBADF  b",
        "seen on B only: dup.EBADF  d",
        "said of A only: dup.EBADF  c",
        "said of B only: dup.EBADF  e",
        "found on A only: missing-error: read: m",
        "2 programs on both, 2 differences; the specification states 1 of them",
        "fanotify_init: A answers EINVAL, B answers success (1 times, stated)",
        "getpid: A answers success, B answers EPERM (1 times, not stated)\n    r0 = getuid()\n    r1 = getpid()\n",
    ] {
        assert!(text.contains(expected), "no `{expected}` in {text}");
    }
    assert!(!text.contains("found on B only"), "{text}");
    let lines = stdout(&abispec(&["compare", &old, &new, "--format", "json"]));
    assert!(lines.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "{lines}");

    let same = abispec(&["compare", &old, &old]);
    assert_eq!(code(&same), 0, "{}", stdout(&same));
    // One journal of both: each side picks its kernel.
    let both = dir.join("both.jsonl");
    fs::write(&both, fs::read_to_string(&old).expect("text") + &fs::read_to_string(&new).expect("text"))
        .expect("writable");
    let both = both.display().to_string();
    let picked = abispec(&["compare", &format!("{both}@6.1"), &format!("{both}@7.3"), "--rules"]);
    assert_eq!((code(&picked), stdout(&picked)), (1, text));
    let table: [(&[&str], &str); 4] = [
        (&[&both, &new], "a side of a comparison is one kernel"),
        (&[&format!("{both}@2.4"), &new], "there is no run of it"),
        (&["/no/such/journal", &new], "the journal could not be read"),
        (&[&old], "required"),
    ];
    for (args, expected) in table {
        let refused = abispec(&[&["compare"], args].concat());
        assert_eq!(code(&refused), 2, "{args:?}");
        assert!(stderr(&refused).contains(expected), "{args:?}: {}", stderr(&refused));
    }
}

/// A kernel answers itself: the same programs, the same answers.
#[test]
fn the_same_seed_gives_the_same_programs_and_a_kernel_answers_alike() {
    let dir = scratch("outcomes");
    let write = |name: &str, seed: &str| {
        let journal = dir.join(name).display().to_string();
        let args = [
            "outcomes",
            "--programs",
            "40",
            "--syscalls",
            // Nothing that another sandbox of this machine could have a hand in, such as locks of its devices.
            "dup,lseek,pipe2,eventfd2",
            "--seed",
            seed,
            "--journal",
            &journal,
        ];
        (abispec(&args), journal)
    };
    let ((first, one), (_, two), (_, other)) = (write("a.jsonl", "3"), write("b.jsonl", "3"), write("c.jsonl", "4"));
    if code(&first) == 2 && stderr(&first).contains("programs could not be run") {
        eprintln!("SKIPPED: {}", stderr(&first));
        return;
    }
    assert_eq!(code(&first), 0, "{}{}", stdout(&first), stderr(&first));
    let compared = abispec(&["compare", &one, &two]);
    assert_eq!(code(&compared), 0, "{}{}", stdout(&compared), stderr(&compared));
    let text = stdout(&compared);
    let programs: u64 = text
        .split("answers: ")
        .nth(1)
        .and_then(|rest| rest.split(' ').next())
        .and_then(|n| n.parse().ok())
        .expect(&text);
    assert!(programs > 20 && text.contains(" 0 differences"), "{text}");
    let differing = abispec(&["compare", &one, &other]);
    assert_eq!(code(&differing), 2, "two seeds have no program in common: {}", stdout(&differing));
}
