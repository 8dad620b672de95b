//! Every document is read by a program that is not ours, and says there what it was given. `ci/fetch-consumers` brings
//! these programs; where one is absent its test says that it was skipped.

#![expect(clippy::print_stderr, reason = "a test that is skipped says so")]

use abispec::finding::{Finding, Severity, SourcePlace};
use abispec::report::{Document, Origin, Section};
use serde_json::Value;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// What a format could trip over: its own marks, several lines, control characters, another script, a path with blanks.
const NASTY: &str =
    "a <b> & \"c\" 'd' # e: 100 %, ]]> ::error:: \u{1b}[1m\u{0}\r\nsecond\tline \u{fffe} \u{e9}\u{4e2d}";

fn findings() -> Vec<Finding> {
    let place = |file: &str| SourcePlace { file: file.to_owned(), line: 12, column: 7, text: None };
    let plain =
        Finding::error("missing-error", "pipe2", "success, but EINVAL is due").at(place("spec/syscalls/pipe2.yaml"));
    let nasty = Finding {
        trace: vec![NASTY.to_owned()],
        files: vec!["out/a b.c".to_owned()],
        ports: vec!["x86_64".to_owned(), "arm64".to_owned()],
        ..Finding::error("bad-return", NASTY, NASTY).at(place("a b/%41/\u{e9}, x:y.yaml")).values(NASTY, NASTY)
    };
    let elsewhere =
        Finding::error("ioctl-changed", "SEM", "3 became 4").other("v7.3:include/uapi/linux/a.h:43:9").help("see");
    let nowhere = Finding::error("kernel-complaint", "kernel", "a new taint");
    let warning = Finding { severity: Severity::Warning, ..Finding::error("known-expired", "dup", "look again") };
    vec![plain, nasty, elsewhere, nowhere, warning]
}

/// Three engines: one with findings, one that could do nothing, one that agrees.
fn sections(findings: &[Finding]) -> Vec<Section<'_>> {
    vec![
        Section { name: "lint", inward: true, ..Section::default() },
        Section {
            name: "check",
            compared: 481,
            findings,
            skipped: vec![("tracefs", NASTY), ("man # pages", "not asked for")],
            seconds: 1234.5678,
            ..Section::default()
        },
        Section { name: "fuzz", skipped: vec![("every call", "no user namespaces")], ..Section::default() },
    ]
}

fn text(document: Document, sections: &[Section<'_>]) -> String {
    let mut out = Vec::new();
    let explain = |id: &str| (id == "missing-error").then_some("The call succeeded.\n\nIt should not.\n");
    document.write(sections, &explain, &mut out).expect("memory takes all");
    String::from_utf8(out).expect("text")
}

/// The texts of a run with findings, one that agrees, and one that compared nothing.
fn texts(document: Document) -> [String; 3] {
    let findings = findings();
    let agrees = [Section { name: "check", compared: 3, ..Section::default() }];
    let nothing = [Section { name: "check", skipped: vec![("btf", "absent")], ..Section::default() }];
    [text(document, &sections(&findings)), text(document, &agrees), text(document, &nothing)]
}

/// A file of a consumer, if it is here.
fn consumer(file: &str) -> Option<PathBuf> {
    let found =
        std::env::var_os("ABISPEC_CONSUMERS").map(|dir| PathBuf::from(dir).join(file)).filter(|path| path.exists());
    if found.is_none() {
        eprintln!("skipped: no {file} in the folder that ABISPEC_CONSUMERS names; ci/fetch-consumers brings it");
    }
    found
}

/// What a program answers to an input, if the program is here.
fn ask(program: &str, args: &[&str], input: &str) -> Option<String> {
    let started =
        Command::new(program).args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let Ok(mut child) = started else {
        eprintln!("skipped: no {program} on this machine");
        return None;
    };
    let mut stdin = child.stdin.take().expect("a pipe");
    let input = input.to_owned();
    let writing = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().expect("it ends");
    let _ = writing.join().expect("written");
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    if complaint.contains("ModuleNotFoundError") {
        eprintln!("skipped: {complaint}");
        return None;
    }
    assert!(output.status.success(), "{program} refused it: {complaint}");
    Some(String::from_utf8(output.stdout).expect("text"))
}

#[test]
fn junit_is_valid_and_counts_what_it_holds() {
    for text in texts(Document::Junit) {
        let count = |mark: &str| text.matches(mark).count();
        let sum = |name: &str| -> usize {
            let mark = format!(" {name}=\"");
            let values = text.split(&mark).skip(1).filter_map(|rest| rest.split('"').next());
            values.map(|value| value.parse::<usize>().expect("a number")).sum()
        };
        assert_eq!(sum("tests"), count("<testcase "), "{text}");
        assert_eq!(sum("failures"), count("<failure "), "{text}");
        assert_eq!(sum("errors"), count("<error "), "{text}");
        assert_eq!(sum("skipped"), count("<skipped "), "{text}");
        if let Some(schema) = consumer("junit/junit.xsd") {
            ask("xmllint", &["--noout", "--schema", &schema.to_string_lossy(), "-"], &text);
        }
    }
    let [_, agrees, nothing] = texts(Document::Junit);
    assert!(!agrees.contains("<failure ") && !agrees.contains("<error "));
    assert!(nothing.contains("<error "), "a run that compared nothing does not pass");
    let [text, ..] = texts(Document::Junit);
    let xpath = |path: &str| ask("xmllint", &["--xpath", path, "-"], &text);
    if let Some(said) = xpath("string(//failure[@type='bad-return']/@message)") {
        // A line break in an attribute is read as a blank.
        assert!(said.starts_with("a <b> & \"c\" 'd' # e: 100 %, ]]>") && said.contains("\u{e9}\u{4e2d}"), "{said}");
    }
}

#[test]
fn sarif_is_valid_and_keeps_every_finding() {
    const VALIDATE: &str = "
import json, sys, jsonschema
schema = json.load(open(sys.argv[1]))
jsonschema.Draft4Validator(schema, format_checker=jsonschema.FormatChecker()).validate(json.load(sys.stdin))
";
    for text in texts(Document::Sarif) {
        if let Some(schema) = consumer("sarif/sarif.json") {
            ask("python3", &["-c", VALIDATE, &schema.to_string_lossy()], &text);
        }
    }
    let [all, agrees, nothing] = texts(Document::Sarif).map(|text| serde_json::from_str::<Value>(&text).expect("JSON"));
    let results = all["runs"][1]["results"].as_array().expect("results");
    assert_eq!(results.len(), findings().len());
    for (result, finding) in results.iter().zip(findings()) {
        let index = result["ruleIndex"].as_u64().expect("a number") as usize;
        assert_eq!(all["runs"][1]["tool"]["driver"]["rules"][index]["id"], Value::from(finding.id));
    }
    let place = |index: usize| &results[index]["locations"][0]["physicalLocation"];
    assert_eq!(place(0)["region"]["startLine"], 12);
    assert_eq!(place(2)["artifactLocation"]["uri"], "include/uapi/linux/a.h");
    assert_eq!(place(2)["region"]["startColumn"], 9);
    assert_eq!(place(1)["artifactLocation"]["uri"], "a%20b/%2541/%C3%A9%2C%20x%3Ay.yaml");
    let worked = |run: &Value| run["runs"][0]["invocations"][0]["executionSuccessful"].clone();
    assert_eq!((worked(&agrees), worked(&nothing)), (Value::from(true), Value::from(false)));
}

#[test]
fn kcidb_is_valid_and_keeps_every_finding() {
    const VALIDATE: &str = "
import json, sys, jsonschema
schema = json.load(open(sys.argv[1]))
jsonschema.validators.validator_for(schema)(schema, format_checker=jsonschema.FormatChecker()).validate(json.load(sys.stdin))
";
    let origin =
        Origin { kernel: "6.1.0-50-cloud-amd64".to_owned(), arch: "x86_64".to_owned(), started: 1_790_000_000 };
    let findings = findings();
    let with_kernel: Vec<Section<'_>> =
        sections(&findings).into_iter().map(|section| Section { origin: Some(&origin), ..section }).collect();
    let told = text(Document::Kcidb, &with_kernel);
    let [without, agrees, nothing] = texts(Document::Kcidb);
    for text in [&told, &without, &agrees, &nothing] {
        if let Some(schema) = consumer("kcidb/kcidb.json") {
            ask("python3", &["-c", VALIDATE, &schema.to_string_lossy()], text);
        }
    }
    let report: Value = serde_json::from_str(&told).expect("JSON");
    let tests = report["tests"].as_array().expect("a list");
    let failed = tests.iter().filter(|test| test["status"] == "FAIL" && test["misc"]["id"].is_string()).count();
    assert_eq!(failed, findings.iter().filter(|finding| finding.severity == Severity::Error).count());
    let ids: std::collections::BTreeSet<String> = tests.iter().map(|test| test["id"].to_string()).collect();
    assert_eq!(ids.len(), tests.len(), "each has an id of its own");
    assert_eq!(report["builds"].as_array().map(Vec::len), Some(1));
    assert_eq!(tests[0]["start_time"], "2026-09-21T14:13:20+00:00");
    let nothing: Value = serde_json::from_str(&nothing).expect("JSON");
    assert_eq!(nothing["tests"][0]["status"], "MISS", "a run that compared nothing does not pass");
}

#[test]
fn ktap_is_understood_by_the_kernels_own_parser() {
    const PARSE: &str = "
import sys
sys.path.insert(0, sys.argv[1])
import kunit_parser
test = kunit_parser.parse_run_tests(line.rstrip('\\n') for line in sys.stdin)
counts = test.counts
print(counts.passed, counts.failed, counts.skipped, counts.crashed, counts.errors, len(test.subtests))
";
    // Passed, failed, skipped, crashed, errors, subtests.
    let expected = ["3 4 4 0 0 3", "1 0 0 0 0 1", "0 1 1 0 0 1"];
    for (text, expected) in texts(Document::Ktap).iter().zip(expected) {
        assert!(text.lines().all(|line| !line.chars().any(char::is_control)), "{text}");
        if let Some(parser) = consumer("ktap/kunit_parser.py") {
            let folder = parser.parent().expect("a folder").to_string_lossy().into_owned();
            if let Some(counts) = ask("python3", &["-c", PARSE, &folder], text) {
                // It also shows what it reads, before our line.
                assert_eq!(counts.lines().last(), Some(expected), "{text}");
            }
        }
    }
}

#[test]
fn annotations_are_what_githubs_own_library_writes() {
    const ISSUE: &str = "
const { issueCommand } = await import(process.argv[1]);
let text = '';
for await (const chunk of process.stdin) text += chunk;
for (const [command, properties, message] of JSON.parse(text))
    issueCommand(command, Object.fromEntries(properties), message);
";
    let [text, agrees, nothing] = texts(Document::Github);
    assert_eq!(agrees, "");
    assert!(nothing.contains("::error title=abispec::nothing was compared"), "{nothing}");
    assert_eq!(text.lines().count(), findings().len() + 3, "a line for each finding and what was skipped");
    // The same commands, taken apart by hand as the runner does, and written by the library.
    let unescaped = |text: &str| {
        let mut text = text.to_owned();
        for (code, c) in [("%3A", ":"), ("%2C", ","), ("%0D", "\r"), ("%0A", "\n"), ("%25", "%")] {
            text = text.replace(code, c);
        }
        text
    };
    let commands: Vec<Value> = text
        .lines()
        .map(|line| {
            let (command, message) = line.strip_prefix("::").and_then(|rest| rest.split_once("::")).expect("a command");
            let (command, properties) = command.split_once(' ').expect("properties");
            // A list, since their order is part of the text.
            let properties: Vec<_> = properties
                .split(',')
                .filter_map(|one| one.split_once('='))
                .map(|(name, value)| (name.to_owned(), unescaped(value)))
                .collect();
            serde_json::json!([command, properties, unescaped(message)])
        })
        .collect();
    assert!(
        commands.iter().any(|one| one[1][0] == serde_json::json!(["file", "a b/%41/\u{e9}, x:y.yaml"])),
        "{commands:?}"
    );
    let Some(library) = consumer("github/lib/command.js") else { return };
    let library = format!("file://{}", library.to_string_lossy());
    let input = Value::from(commands).to_string();
    if let Some(theirs) = ask("node", &["--input-type=module", "-e", ISSUE, "--", &library], &input) {
        assert_eq!(theirs, text);
    }
}

#[test]
fn the_same_run_is_the_same_text() {
    for document in [Document::Junit, Document::Sarif, Document::Ktap, Document::Github] {
        assert_eq!(texts(document), texts(document));
    }
}
