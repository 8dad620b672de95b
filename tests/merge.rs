//! Shards of one seed, joined, are one run of that seed.

#![expect(clippy::print_stderr, reason = "a test that is skipped says so")]

mod common;

use common::{abispec, code, copy_of_the_specification, scratch, stderr, stdout};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// A specification with a rule made wrong, so that there is something to find.
fn wrong(name: &str) -> String {
    let dir = copy_of_the_specification(name);
    let file = dir.join("syscalls/dup.yaml");
    let text = fs::read_to_string(&file).expect("readable");
    fs::write(&file, text.replace("EBADF:", "EINVAL:")).expect("writable");
    dir.display().to_string()
}

/// Fuzzes some calls that leave nothing behind. False where there is no sandbox.
fn fuzz(spec: &str, journal: &Path, more: &[&str]) -> bool {
    let journal = journal.display().to_string();
    let out = format!("{journal}-findings");
    let args = ["fuzz", "--spec", spec, "--syscalls", "dup,lseek,getpid", "--seed", "11", "--time", "5m"];
    let ran = abispec(&[&args[..], &["--journal", &journal, "--out", &out], more].concat());
    if code(&ran) == 2 {
        // Without user namespaces there is no sandbox; the fuzzer says so itself.
        assert!(stdout(&ran).contains("skipped"), "{}{}", stdout(&ran), stderr(&ran));
        eprintln!("SKIPPED: {}", stdout(&ran));
        return false;
    }
    assert_eq!(code(&ran), 1, "{}{}", stdout(&ran), stderr(&ran));
    true
}

fn lines(journal: &Path) -> Vec<Value> {
    let text = fs::read_to_string(journal).expect("the journal was written");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// What was found, without the programs that show it: those are each run's own.
fn found(journal: &Path) -> BTreeSet<String> {
    let findings: Vec<Value> =
        lines(journal).iter().filter_map(|line| line.get("finding")).map(|one| one["finding"].clone()).collect();
    let names = ["id", "subject", "clause", "entry", "spec"];
    let told: BTreeSet<String> = findings.iter().map(|one| names.map(|name| one[name].to_string()).join(" ")).collect();
    assert_eq!(told.len(), findings.len(), "each once");
    told
}

/// What was seen how often, and what was not, by entry.
fn seen(journal: &Path) -> Vec<Value> {
    let mut all: Vec<Value> = lines(journal).iter().filter_map(|line| line.get("coverage").cloned()).collect();
    for one in &mut all {
        for list in ["/evidence/clauses", "/unseen"] {
            let list = one.pointer_mut(list).and_then(Value::as_array_mut).expect("a list");
            list.sort_by_key(Value::to_string);
        }
    }
    all.sort_by_key(|one| one["entry"].to_string());
    all
}

/// Every line of the pretty-printed coverage that stands in one of the two alone.
fn differences(left: &[Value], right: &[Value]) -> String {
    let entries = |all: &[Value]| -> BTreeSet<String> {
        let lists = ["/evidence/clauses", "/unseen"];
        let of = |one: &Value| -> Vec<String> {
            let all = lists.iter().filter_map(|list| one.pointer(list)).filter_map(Value::as_array).flatten();
            all.map(|entry| format!("{} {entry}", one["entry"])).collect()
        };
        all.iter().flat_map(of).collect()
    };
    let (left, right) = (entries(left), entries(right));
    let left_alone = left.difference(&right).map(|entry| format!("left: {entry}\n"));
    left_alone.chain(right.difference(&left).map(|entry| format!("right: {entry}\n"))).collect()
}

fn calls(journal: &Path) -> u64 {
    lines(journal).iter().find_map(|line| line["end"]["compared"].as_u64()).expect("it ended")
}

#[test]
fn eight_shards_are_one_run_of_the_same_seed() {
    let spec = wrong("merge-spec");
    let dir = scratch("merge-shards");
    let whole = dir.join("whole.jsonl");
    if !fuzz(&spec, &whole, &["--workers", "8", "--calls", "4000"]) {
        return;
    }
    let shards: Vec<_> = (1..=8).map(|shard| dir.join(format!("shard-{shard}.jsonl"))).collect();
    for (index, journal) in shards.iter().enumerate() {
        let shard = format!("{}/8", index + 1);
        assert!(fuzz(&spec, journal, &["--workers", "1", "--calls", "500", "--shard", &shard]));
    }
    let joined = dir.join("joined.jsonl");
    let names: Vec<String> = shards.iter().map(|path| path.display().to_string()).collect();
    let (joined_text, coverage) = (joined.display().to_string(), dir.join("seen.json").display().to_string());
    let mut args = vec!["merge", "--journal", &joined_text, "--coverage", &coverage];
    args.extend(names.iter().map(String::as_str));
    // One of them twice: it counts once.
    args.push(&names[3]);
    let merged = abispec(&args);
    assert_eq!(code(&merged), 1, "{}{}", stdout(&merged), stderr(&merged));
    assert!(stdout(&merged).contains("seed 11, 8 of 8 shards"), "{}", stdout(&merged));

    assert!(!found(&whole).is_empty());
    assert_eq!(found(&joined), found(&whole));
    let (joined_seen, whole_seen) = (seen(&joined), seen(&whole));
    assert!(joined_seen == whole_seen, "{}", differences(&joined_seen, &whole_seen));
    assert_eq!(calls(&joined), calls(&whole));
    assert_eq!(calls(&joined), shards.iter().map(|shard| calls(shard)).sum::<u64>());
    let listed = abispec(&["list", "dup", "--spec", &spec, "--coverage", &coverage]);
    assert_eq!(code(&listed), 0, "{}", stderr(&listed));

    // Without one of them, and with one that breaks off, both are named and nothing else is lost.
    let text = fs::read_to_string(&shards[1]).expect("readable");
    let cut = text.find("{\"coverage\"").expect("it has coverage");
    fs::write(&shards[1], &text[..cut + 20]).expect("writable");
    let fewer = abispec(&[&["merge"], &names.iter().map(String::as_str).skip(1).collect::<Vec<_>>()[..]].concat());
    assert_eq!(code(&fewer), 1);
    for expected in ["shard 1/8 of seed 11: there is no journal of it", "shard 2/8 of seed 11: its journal breaks off"]
    {
        assert!(stdout(&fewer).contains(expected), "no `{expected}` in {}", stdout(&fewer));
    }
}

#[test]
fn a_joined_report_has_every_format_and_what_cannot_be_joined_is_refused() {
    let dir = scratch("merge-reports");
    let journal = dir.join("check.jsonl");
    let headers = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/headers");
    let text = journal.display().to_string();
    let checked = abispec(&["check", "--headers", headers, "--only", "headers", "--journal", &text]);
    assert!(code(&checked) < 2 || stdout(&checked).contains("compared nothing"), "{}", stderr(&checked));
    let file = |name: &str| dir.join(name).display().to_string();
    let reports = ["junit", "sarif", "ktap", "github"].map(|format| format!("{format}={}", file(format)));
    let mut args = vec!["merge", &text, &text];
    reports.iter().for_each(|report| args.extend(["--report", report]));
    let merged = abispec(&args);
    assert_eq!(code(&merged), code(&checked), "{}", stderr(&merged));
    for (name, mark) in [("junit", "<testsuites>"), ("sarif", "\"2.1.0\""), ("ktap", "KTAP version 1")] {
        assert!(fs::read_to_string(dir.join(name)).expect("written").contains(mark), "{name}");
    }
    let broken = file("broken.jsonl");
    fs::write(&broken, "{\"begin\":7}\n").expect("writable");
    let full = "/dev/full/nothing".to_owned();
    let empty = scratch("merge-empty").display().to_string();
    let table: [(&[&str], &str); 6] = [
        (&["/no/such/journal"], "the journal could not be read"),
        (&[&broken], "broken.jsonl:1"),
        (&[&empty], "no journal holds a run"),
        (&[&text, "--report", "pdf=x"], "there is no report `pdf`"),
        (&[&text, "--report", "junit"], "write it like junit=report.xml"),
        (&[&text, "--journal", &full], "the joined journal could not be written"),
    ];
    for (args, expected) in table {
        let refused = abispec(&[&["merge"], args].concat());
        assert_eq!(code(&refused), 2, "{args:?}");
        assert!(stderr(&refused).contains(expected), "{args:?}: {}", stderr(&refused));
    }
    let full = abispec(&["check", "--headers", headers, "--only", "headers", "--journal", "/dev/full"]);
    assert_eq!(code(&full), 2);
    assert!(stderr(&full).contains("the journal could not be written"), "{}", stderr(&full));
}
