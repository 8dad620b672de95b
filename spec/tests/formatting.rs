//! Formatting is idempotent and changes no meaning, over every file of the specification.

use abispec::finding::SourceFile;
use abispec::load::load;
use abispec::{embedded, export, fmt};

fn formatted(files: &[SourceFile]) -> Vec<SourceFile> {
    let one = |file: &SourceFile| {
        let text = fmt::format(file).unwrap_or_else(|finding| panic!("{}: {}", file.path, finding.message));
        SourceFile { path: file.path.clone(), text }
    };
    files.iter().map(one).collect()
}

#[test]
fn formatting_twice_is_formatting_once() {
    let once = formatted(&embedded().files);
    for (once, twice) in once.iter().zip(formatted(&once)) {
        assert_eq!(once.text, twice.text, "{}", once.path);
    }
}

#[test]
fn formatting_keeps_the_model_and_the_comments() {
    let files = &embedded().files;
    let result = formatted(files);
    let (spec, findings) = load(result.clone());
    assert!(findings.is_empty(), "{findings:#?}");
    assert_eq!(export::json(&spec, false), export::json(embedded(), false));
    let comments = |file: &SourceFile| {
        let mut lines: Vec<String> =
            file.text.lines().filter_map(|line| line.split_once('#')).map(|(_, text)| text.trim().to_owned()).collect();
        lines.sort();
        lines
    };
    for (before, after) in files.iter().zip(&result) {
        assert_eq!(comments(before), comments(after), "{}", before.path);
    }
}
