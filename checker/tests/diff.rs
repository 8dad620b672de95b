//! Each class of differences on two small sides: what is planted is found with its place, and nothing else is.
//!
//! A fixture holds the files of both sides, each after a line `== old PATH` or `== new PATH`. A mark `~ CLASS SUBJECT` in a
//! comment stands on the line that the difference is reported at.

use abispec::arch::Arch;
use abispec::version::Release;
use abispec_checker::diff::sides::Input;
use abispec_checker::diff::{self, Comparison, Request};
use abispec_checker::facts::Position;
use abispec_checker::files::Memory;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

/// Class, subject, file and line; whole files have line 0.
type Found = BTreeSet<(String, String, String, u32)>;

fn sides(text: &str) -> ([Memory; 2], Found) {
    let mut sides = ["old", "new"].map(|name| Memory { name: name.to_owned(), ..Memory::default() });
    let mut expected = Found::new();
    let mut file: Option<(usize, String)> = None;
    let mut line = 0;
    for text in text.lines() {
        if let Some(title) = text.strip_prefix("== ") {
            let (side, path) = title.split_once(' ').expect("`== old PATH` or `== new PATH`");
            file = Some((usize::from(side == "new"), path.to_owned()));
            line = 0;
            continue;
        }
        line += 1;
        let (side, path) = file.as_ref().expect("a file begins with `== `");
        sides[*side].files.entry(path.clone()).or_default().extend(format!("{text}\n").bytes());
        for mark in text.split("~ ").skip(1) {
            let mark = mark.split("*/").next().unwrap_or(mark).trim();
            let (class, subject) = mark.split_once(' ').expect("`~ CLASS SUBJECT`");
            let place = format!("{}/{path}", ["old", "new"][*side]);
            let line = if class.starts_with("header-") { 0 } else { line };
            expected.insert((class.to_owned(), subject.to_owned(), place, line));
        }
    }
    (sides, expected)
}

fn compare(sides: [Memory; 2]) -> Comparison {
    let [old, new] = sides.map(|side| Input::of_files(Arc::new(side)).unwrap_or_else(|problem| panic!("{problem:?}")));
    let newest = Release::new(u16::MAX, 0);
    let request = Request {
        spec: abispec::embedded(),
        old: &old,
        new: &new,
        ports: &[Arch::X86_64],
        releases: (newest, newest),
        sources: true,
    };
    diff::run(&request).expect("both sides are read")
}

fn found(comparison: &Comparison) -> Found {
    let place = |one: &diff::Difference| {
        let source = one.place().expect("each difference has a place");
        let line = match source.at {
            Position::Line { line, .. } => line,
            Position::Type(_) | Position::Whole => 0,
        };
        (one.class.id.to_owned(), one.subject.clone(), source.file.to_string(), line)
    };
    comparison.differences.iter().map(place).collect()
}

fn fixture(class: &str, name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/diff/{class}/{name}.txt"));
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn every_class_finds_what_is_planted_and_nothing_else() {
    let mut wrong = Vec::new();
    for class in diff::ALL {
        let (sides, expected) = sides(&fixture(class.id, "planted"));
        assert!(expected.iter().any(|(id, ..)| id == class.id), "{} plants nothing", class.id);
        let comparison = compare(sides);
        let seen = found(&comparison);
        if seen != expected {
            wrong.push(format!("{}: expected {expected:#?}, found {:#?}", class.id, comparison.differences));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_class_is_silent_where_nothing_of_it_changed() {
    let mut wrong = Vec::new();
    for class in diff::ALL {
        let (sides, expected) = sides(&fixture(class.id, "quiet"));
        assert!(expected.iter().all(|(id, ..)| id != class.id), "{} is not quiet", class.id);
        let comparison = compare(sides);
        assert!(comparison.count() > 0, "{} compares nothing", class.id);
        let seen = found(&comparison);
        if seen != expected {
            wrong.push(format!("{}: expected {expected:#?}, found {:#?}", class.id, comparison.differences));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_side_compared_with_itself_has_no_difference() {
    for class in diff::ALL {
        for name in ["planted", "quiet"] {
            let ([_, new], _) = sides(&fixture(class.id, name));
            let comparison = compare([new.clone(), new]);
            assert!(comparison.differences.is_empty(), "{}/{name}: {:#?}", class.id, comparison.differences);
        }
    }
}

#[test]
fn every_difference_has_the_place_of_each_side_it_has() {
    for class in diff::ALL {
        let (sides, _) = sides(&fixture(class.id, "planted"));
        for one in compare(sides).differences {
            assert!(one.old.is_some() || one.new.is_some(), "{one:?}");
            for (stated, root) in [(&one.old, "old/"), (&one.new, "new/")] {
                let right = stated.as_ref().is_none_or(|stated| stated.source.file.starts_with(root));
                assert!(right, "{one:?} has a place of the wrong side");
            }
            let finding = one.finding();
            assert!(finding.other.is_some() && (finding.expected.is_some() || finding.actual.is_some()), "{finding:?}");
        }
    }
}
