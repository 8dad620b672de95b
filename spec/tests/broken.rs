//! Planted mistakes: each is reported once, under its own id, on its own line.

use abispec::load::load_dir;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// `file:line`, id and a part of the message.
type Expectation = (String, String, String);

fn expectations(root: &Path) -> Vec<Expectation> {
    let mut found = Vec::new();
    for folder in fs::read_dir(root).expect("fixtures are readable") {
        for file in fs::read_dir(folder.expect("fixtures are readable").path()).expect("fixtures are readable") {
            let path = file.expect("fixtures are readable").path();
            for (index, line) in fs::read_to_string(&path).expect("fixtures are readable").lines().enumerate() {
                if let Some((_, expected)) = line.split_once("#~ ") {
                    let (id, part) = expected.split_once(": ").expect("fixtures are readable");
                    found.push((format!("{}:{}", path.display(), index + 1), id.to_owned(), part.to_owned()));
                }
            }
        }
    }
    found.sort();
    found
}

#[test]
fn every_planted_mistake_is_reported_once_on_its_line() {
    let root = Path::new("tests/fixtures/broken");
    let expected = expectations(root);
    let (_, findings) = load_dir(root).unwrap();
    let mut surprises = Vec::new();
    let mut open = expected.clone();
    for finding in &findings {
        let place = finding.spec.as_ref().unwrap();
        let here = format!("{}:{}", place.file, place.line);
        let fits =
            |(at, id, part): &Expectation| *at == here && *id == finding.id && finding.message.contains(part.as_str());
        match open.iter().position(fits) {
            Some(index) => {
                open.remove(index);
            }
            None => surprises.push(format!("{here}: {}: {}", finding.id, finding.message)),
        }
        assert!(place.text.is_some() && place.column > 0, "{here} does not show its line");
    }
    assert!(surprises.is_empty(), "nobody planted these:\n{}", surprises.join("\n"));
    assert!(open.is_empty(), "not reported: {open:#?}");
    let kinds: BTreeSet<&str> = expected.iter().map(|(_, id, _)| id.as_str()).collect();
    assert!(expected.len() >= 25 && kinds.len() >= 25, "{} mistakes of {} kinds", expected.len(), kinds.len());
}

#[test]
fn a_slip_is_met_with_the_nearest_name() {
    let (_, findings) = load_dir(Path::new("tests/fixtures/broken")).unwrap();
    let helps: Vec<&str> = findings.iter().filter_map(|finding| finding.help.as_deref()).collect();
    for name in ["summary", "good_flags", "closes", "G_TWO", "count", "open", "x86_64", "socket", "E_GET"] {
        assert!(helps.iter().any(|help| help.contains(&format!("`{name}`"))), "nobody suggests {name}");
    }
}

#[test]
fn a_folder_without_a_specification_is_no_empty_specification() {
    let error = load_dir(Path::new("src")).unwrap_err();
    assert!(error.to_string().contains("holds no specification"));
    assert!(load_dir(Path::new("does/not/exist")).is_err());
}
