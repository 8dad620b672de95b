//! LANGUAGE.md is the truth: whatever the loader takes stands in it.

use abispec::arch::Arch;
use abispec::expr::{Function, LANGUAGE_CONSTANTS, Word};
use abispec::model::{Changed, Origin};
use std::fs;
use std::path::Path;

const REFERENCE: &str = include_str!("../LANGUAGE.md");

fn listed(name: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    REFERENCE
        .match_indices(name)
        .any(|(at, _)| !REFERENCE[..at].ends_with(word) && !REFERENCE[at + name.len()..].starts_with(word))
}

/// Texts that the loader's sources pass to the functions which take a key.
fn keys() -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/load")).expect("sources are readable") {
        let text = fs::read_to_string(entry.expect("sources are readable").path()).expect("sources are readable");
        for take in [
            ".take(\"",
            ".need(\"",
            ".text(\"",
            ".need_text(\"",
            ".texts(\"",
            ".truth(\"",
            ".expr(\"",
            ".may(\"",
            ".need_file(\"",
            ".need_path(\"",
            ".need_truth(\"",
            ".path(\"",
            ".release(\"",
        ] {
            found.extend(text.split(take).skip(1).filter_map(|rest| rest.split('"').next()).map(str::to_owned));
        }
    }
    found
}

#[test]
fn every_key_is_in_the_reference() {
    let keys = keys();
    assert!(keys.len() > 60, "the keys are no longer found in the sources");
    for key in keys {
        assert!(listed(&key), "LANGUAGE.md lacks the key `{key}`");
    }
}

#[test]
fn every_effect_word_and_name_is_in_the_reference() {
    let effects = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/load/effects.rs")).unwrap();
    let list = effects.split("const NAMES: &[&str] = &[").nth(1).unwrap().split("];").next().unwrap();
    let effects: Vec<&str> = list.split('"').skip(1).step_by(2).collect();
    assert!(effects.len() > 20);
    let section = REFERENCE.split("## 11. Effects").nth(1).unwrap().split("## 12.").next().unwrap();
    for effect in effects {
        assert!(section.contains(&format!("`{effect}`")), "section 11 lacks `{effect}`");
    }
    for changed in Changed::ALL {
        assert!(section.contains(&format!("`{}`", changed.name())), "section 11 lacks `{}`", changed.name());
    }
    for name in Origin::ALL.iter().map(|origin| origin.name()) {
        assert!(listed(name), "LANGUAGE.md lacks the origin `{name}`");
    }
    for name in Word::ALL.iter().map(|word| word.name()).chain(LANGUAGE_CONSTANTS.iter().copied()) {
        assert!(listed(name), "LANGUAGE.md lacks `{name}`");
    }
}

#[test]
fn every_function_is_in_the_reference_and_no_other() {
    let section = REFERENCE.split("## 7. Functions").nth(1).unwrap().split("## 8.").next().unwrap();
    let targets = ["config", "kernel", "arch", "compat", "known"];
    for name in Function::ALL.iter().map(|function| function.name()).chain(targets) {
        assert!(section.contains(&format!("`{name}(")), "section 7 lacks {name}()");
    }
    for row in section.lines().filter(|line| line.starts_with("| `")) {
        let cell = row.split(" | ").next().unwrap();
        for name in cell.split('`').skip(1).step_by(2).filter_map(|code| code.split('(').next()) {
            assert!(
                Function::from_name(name).is_some() || targets.contains(&name),
                "section 7 lists {name}(), which does not exist"
            );
        }
    }
}

#[test]
fn ports_have_one_name_each() {
    for arch in Arch::ALL {
        assert_eq!(Arch::from_name(arch.name()), Some(*arch));
    }
}
