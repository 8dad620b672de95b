//! Reports of findings as CI systems take them, through the program. Whether others understand each format is tried in
//! spec/tests/report.rs.

#![expect(clippy::print_stderr, reason = "a test that is skipped says so")]

mod common;

use common::{BROKEN, abispec, code, scratch, stderr, stdout};
use serde_json::Value;
use std::fs;
use std::process::Command;

const DOCUMENTS: [&str; 4] = ["junit", "sarif", "ktap", "github"];

#[test]
fn every_document_has_every_mistake_and_the_usual_exit_code() {
    let lines = abispec(&["lint", "--spec", BROKEN, "--format", "json"]);
    let findings = stdout(&lines).lines().count() - 1;
    assert!(findings > 10);
    for (format, mark) in
        [("junit", "<failure "), ("sarif", "\"ruleId\""), ("ktap", "\n  not ok "), ("github", "::error file=")]
    {
        let output = abispec(&["lint", "--spec", BROKEN, "--format", format]);
        assert_eq!(code(&output), code(&lines), "{format}");
        assert_eq!(stdout(&output).matches(mark).count(), findings, "{format}");
        let sound = abispec(&["lint", "--format", format]);
        assert_eq!((code(&sound), stdout(&sound).matches(mark).count()), (0, 0), "{format}");
    }
}

#[test]
fn json_lines_are_what_their_schema_says() {
    if !Command::new("python3").args(["-c", "import jsonschema"]).output().is_ok_and(|ran| ran.status.success()) {
        eprintln!("skipped: Python has no jsonschema");
        return;
    }
    let dir = scratch("report-schema");
    let lines = [
        stdout(&abispec(&["lint", "--spec", BROKEN, "--format", "json"])),
        stdout(&abispec(&["lint", "--format", "json"])),
        stdout(&abispec(&["fuzz", "--syscalls", "dup", "--calls", "200", "--format", "json"])),
    ];
    fs::write(dir.join("lines.jsonl"), lines.concat()).expect("the build folder is writable");
    fs::write(dir.join("schema.json"), stdout(&abispec(&["export", "report-schema"]))).expect("written");
    let script = "\
import json, jsonschema
schema = json.load(open('schema.json'))
jsonschema.Draft202012Validator.check_schema(schema)
check = jsonschema.Draft202012Validator(schema)
lines = [json.loads(line) for line in open('lines.jsonl')]
finding = next(line for line in lines if 'id' in line)
engine = next(line for line in lines if 'engine' in line)
assert len(lines) > 20
for line in lines:
    check.validate(line)
for key, value in [('severity', 'fatal'), ('spec', 'dup.yaml:3'), ('colour', 'red'), ('files', []), ('id', 'Not An Id')]:
    assert not check.is_valid({**finding, key: value}), key
assert not check.is_valid({**engine, 'compared': -1})
assert not check.is_valid({})
";
    let ran = Command::new("python3").args(["-c", script]).current_dir(&dir).output().expect("it was there");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
}

#[test]
fn a_difference_is_at_its_header_and_fails_as_was_asked() {
    let dir = scratch("report-diff");
    let side = |name: &str, value: &str| {
        let folder = dir.join(name).join("linux");
        fs::create_dir_all(&folder).expect("the build folder is writable");
        fs::write(folder.join("dock.h"), format!("#define DOCK_FAR 0x2\n#define DOCK_NEAR {value}\n"))
            .expect("written");
        dir.join(name).display().to_string()
    };
    let (old, new) = (side("old", "0x1"), side("new", "0x4"));
    let sarif = |more: &[&str]| {
        let output = abispec(&[&["diff", &old, &new, "--format", "sarif"], more].concat());
        (code(&output), serde_json::from_str::<Value>(&stdout(&output)).expect("JSON"))
    };
    let (exit, log) = sarif(&[]);
    let result = &log["runs"][0]["results"][0];
    let place = &result["locations"][0]["physicalLocation"];
    assert_eq!((exit, &result["level"]), (1, &Value::from("error")));
    assert_eq!(place["region"]["startLine"], 2);
    let uri = place["artifactLocation"]["uri"].as_str().expect("text");
    assert!(uri.ends_with("new/linux/dock.h"), "{uri}");
    assert!(log["runs"][0]["tool"]["driver"]["rules"][0]["fullDescription"]["text"].is_string(), "the id is explained");
    let (exit, log) = sarif(&["--fail-on", "never"]);
    assert_eq!((exit, &log["runs"][0]["results"][0]["level"]), (0, &Value::from("warning")));
}

#[test]
fn what_a_document_cannot_hold_is_refused_before_anything_is_done() {
    for format in DOCUMENTS {
        for args in [["show", "pipe2"].as_slice(), &["list"], &["check", "--silent"], &["fuzz", "--unseen"]] {
            let output = abispec(&[args, &["--format", format]].concat());
            assert_eq!(code(&output), 2, "{args:?}");
            assert_eq!(stdout(&output), "", "{args:?}");
            assert!(stderr(&output).contains("--format human"), "{args:?}: {}", stderr(&output));
        }
    }
}

#[test]
fn a_run_that_compared_nothing_is_no_success_in_any_document() {
    let empty = scratch("report-nothing").display().to_string();
    for (format, mark) in [
        ("junit", "<error "),
        ("sarif", "\"executionSuccessful\": false"),
        ("ktap", "\nnot ok 1"),
        ("github", "::error "),
    ] {
        let output = abispec(&["check", "--headers", &empty, "--only", "headers", "--format", format]);
        assert_eq!(code(&output), 2, "{format}: {}", stderr(&output));
        assert!(stdout(&output).contains(mark), "{format}: {}", stdout(&output));
    }
}
