//! Specifications of other versions of the language: older ones are rewritten, newer ones refused, and each says why.

use abispec::finding::SourceFile;
use abispec::load::{FORMAT, load, read_dir};
use abispec::migrate::{Refusal, migrate};
use std::path::Path;

fn folder(version: u32) -> Vec<SourceFile> {
    let dir = format!("tests/fixtures/migrate/{version}");
    read_dir(Path::new(&dir), "s").expect("the fixture is there")
}

fn file(path: &str, text: &str) -> SourceFile {
    SourceFile { path: path.to_owned(), text: text.to_owned() }
}

#[test]
fn an_older_folder_becomes_one_of_this_version() {
    let (_, findings) = load(folder(1));
    let [finding] = findings.as_slice() else { panic!("one mistake, not {findings:#?}") };
    assert_eq!(
        (finding.id.as_ref(), finding.help.as_deref()),
        ("other-format", Some("`abispec migrate s` rewrites it"))
    );
    assert_eq!(finding.spec.as_ref().map(|place| (place.file.as_str(), place.line)), Some(("s/format.yaml", 1)));
    let migrated = migrate(folder(1), None).expect("it can be rewritten");
    assert_eq!(migrated.left, []);
    assert_eq!(migrated.files, folder(2));
    let changed: Vec<&str> = migrated.changed.iter().map(String::as_str).collect();
    assert_eq!(changed, ["s/format.yaml", "s/syscalls/control.yaml", "s/syscalls/pair.yaml"]);
    let (spec, findings) = load(migrated.files);
    assert!(findings.is_empty() && spec.syscalls.len() == 2, "{findings:#?}");
    // The fixture is of the older version: without what states it, this one refuses it for what is in it.
    let silent: Vec<SourceFile> = folder(1).into_iter().filter(|file| !file.path.ends_with("format.yaml")).collect();
    let (_, findings) = load(silent.clone());
    assert!(findings.len() >= 5, "{findings:#?}");
    assert_eq!(migrate(silent.clone(), None), Err(Refusal::Unstated { mistakes: findings.len() }));
    let mut migrated = migrate(silent, Some(1)).expect("its version was named");
    migrated.files.sort_by(|a, b| a.path.cmp(&b.path));
    let mut expected = folder(2);
    expected.sort_by(|a, b| a.path.cmp(&b.path));
    assert_eq!(migrated.files, expected);
}

#[test]
fn a_folder_of_this_version_stays() {
    let migrated = migrate(folder(2), None).expect("nothing to do");
    assert!(migrated.changed.is_empty() && migrated.from == FORMAT);
    assert_eq!(migrated.files, folder(2));
    assert_eq!(migrate(folder(2), Some(1)), Err(Refusal::Contradicts { stated: FORMAT }));
    // One that does not state it, and is free of mistakes, does so from then on.
    let silent: Vec<SourceFile> = folder(2).into_iter().filter(|file| !file.path.ends_with("format.yaml")).collect();
    let migrated = migrate(silent, None).expect("it is of this version");
    assert_eq!(migrated.changed.iter().collect::<Vec<_>>(), ["s/format.yaml"]);
    // What this project's own specification states.
    let (_, findings) = load(abispec::embedded().files.clone());
    assert!(findings.is_empty());
    let own = abispec::embedded().files.iter().find(|file| file.path == "spec/format.yaml");
    assert_eq!(own.map(|file| file.text.as_str()), Some(format!("format: {FORMAT}\n").as_str()));
}

#[test]
fn a_newer_folder_is_refused_and_nothing_of_it_is_read() {
    let mut files = folder(2);
    for file in &mut files {
        file.text = file.text.replace("format: 2", "format: 3").replace("returns: zero", "outcome: zero");
    }
    let (spec, findings) = load(files.clone());
    let [finding] = findings.as_slice() else { panic!("one mistake, not {findings:#?}") };
    assert_eq!(finding.message, format!("the specification is in format 3, this program reads format {FORMAT}"));
    assert!(finding.help.as_deref().is_some_and(|help| help.contains("newer abispec")));
    assert!(spec.syscalls.is_empty());
    assert_eq!(migrate(files, None), Err(Refusal::Newer { stated: 3 }));
    for (text, id) in [
        ("format: two\n", "wrong-type"),
        ("format: 0\n", "wrong-type"),
        ("format: 2\nmore: 1\n", "unknown-key"),
        ("{}\n", "missing-key"),
        ("[2]\n", "wrong-type"),
        ("format: {\n", "yaml-syntax"),
    ] {
        let (_, findings) = load(vec![file("s/format.yaml", text), file("s/syscalls/x.yaml", "nonsense: 1\n")]);
        let ids: Vec<&str> = findings.iter().map(|finding| finding.id.as_ref()).collect();
        assert_eq!(ids, [id], "{text}");
    }
}

#[test]
fn what_cannot_be_rewritten_is_named_with_its_place() {
    let call = "syscall: x\nreturns: {type: fd, at: 3}\nerrors:\n  EMFILE: [{when: open_fds > 4}]\n  EBADF: [{when: \"!open(fd)\"}]\n";
    let migrated =
        migrate(vec![file("s/format.yaml", "format: 1\n"), file("s/syscalls/x.yaml", call)], None).expect("YAML");
    let left: Vec<String> = migrated
        .left
        .iter()
        .map(|finding| format!("{} {}", finding.spec.as_ref().map_or(0, |place| place.line), finding.message))
        .collect();
    assert_eq!(left, ["2 `returns` has more than a type", "4 `open_fds` is used in a way that cannot be rewritten"]);
    assert!(matches!(
        migrate(vec![file("s/format.yaml", "format: 1\n"), file("s/syscalls/x.yaml", "{")], None),
        Err(Refusal::Broken(findings)) if findings.len() == 1
    ));
}
