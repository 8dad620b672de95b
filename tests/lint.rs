//! `abispec lint`, and how other commands meet a broken specification.

mod common;

use common::{BROKEN, abispec, code, stderr, stdout};
use std::fs;

fn planted() -> usize {
    let folders = fs::read_dir(BROKEN)
        .expect("fixtures are readable")
        .map(|folder| folder.expect("fixtures are readable").path());
    let files = folders
        .flat_map(|folder| fs::read_dir(folder).expect("fixtures are readable"))
        .map(|file| file.expect("fixtures are readable").path());
    files.map(|file| fs::read_to_string(file).expect("fixtures are readable").matches("#~ ").count()).sum()
}

#[test]
fn the_embedded_specification_has_no_mistake() {
    let output = abispec(&["lint"]);
    assert_eq!(code(&output), 0, "{}", stdout(&output));
    assert!(stdout(&output).trim_end().ends_with(": 0 mistake(s)"));
}

#[test]
fn every_mistake_of_every_file_is_shown_in_one_run() {
    let output = abispec(&["lint", "--spec", BROKEN]);
    let text = stdout(&output);
    assert_eq!(code(&output), 2);
    assert_eq!(text.lines().filter(|line| line.starts_with("error[")).count(), planted());
    assert!(text.contains("help: did you mean `summary`?"), "{text}");
    // The place, the line itself, and a mark under the column.
    assert!(text.contains("syscalls/first.yaml:3:1\n  3 | sumary: a misspelt key"), "{text}");
    assert!(text.trim_end().ends_with(&format!(": {} mistake(s)", planted())));
}

#[test]
fn programs_get_one_finding_a_line() {
    let output = abispec(&["lint", "--spec", BROKEN, "--format", "json"]);
    assert_eq!(code(&output), 2);
    let lines: Vec<serde_json::Value> =
        stdout(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (last, findings) = lines.split_last().unwrap();
    assert_eq!(findings.len(), planted());
    assert_eq!(last["findings"], planted());
    for finding in findings {
        assert!(
            finding["id"].is_string() && finding["spec"]["line"].is_number() && finding["spec"]["text"].is_string()
        );
        // Whatever lint reports, explain explains.
        assert_eq!(code(&abispec(&["explain", finding["id"].as_str().unwrap()])), 0, "{}", finding["id"]);
    }
}

#[test]
fn other_commands_refuse_a_broken_specification_and_say_all_that_is_wrong() {
    for args in [["show", "first"].as_slice(), &["list"], &["export", "json"], &["check"], &["run"]] {
        let output = abispec(&[args, &["--spec", BROKEN]].concat());
        assert_eq!(code(&output), 2, "{args:?}");
        assert_eq!(stdout(&output), "", "{args:?}");
        assert!(stderr(&output).contains(&format!("the specification has {} mistake(s)", planted())), "{args:?}");
    }
}

#[test]
fn a_folder_that_is_none_is_an_error_with_advice() {
    for dir in ["/does/not/exist", env!("CARGO_MANIFEST_DIR")] {
        let output = abispec(&["lint", "--spec", dir]);
        assert_eq!(code(&output), 2);
        let text = stderr(&output);
        assert!(text.contains(dir) && text.contains("because: ") && text.contains("help: "), "{text}");
    }
}

#[test]
fn a_filter_shows_some_files_only() {
    let text = stdout(&abispec(&["lint", "--spec", BROKEN, "resources/"]));
    assert_eq!(text.lines().filter(|line| line.starts_with("error[")).count(), 2, "{text}");
}
