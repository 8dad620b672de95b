//! `abispec migrate`: folders of other versions of the language.

mod common;

use common::{abispec, code, scratch, stderr, stdout};
use std::fs;
use std::path::{Path, PathBuf};

fn fixture(version: u32) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("spec/tests/fixtures/migrate/{version}"))
}

fn copy(from: &Path, to: &Path) {
    const POSSIBLE: &str = "the fixture is readable and the build folder writable";
    fs::create_dir_all(to).expect(POSSIBLE);
    for entry in fs::read_dir(from).expect(POSSIBLE) {
        let entry = entry.expect(POSSIBLE).path();
        let to = to.join(entry.file_name().expect(POSSIBLE));
        if entry.is_dir() {
            copy(&entry, &to);
        } else {
            fs::copy(&entry, to).expect(POSSIBLE);
        }
    }
}

fn texts(dir: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).expect("readable") {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            found.extend(
                texts(&path)
                    .into_iter()
                    .map(|(name, text)| (Path::new(path.file_name().expect("named")).join(name), text)),
            );
        } else {
            found.push((path.file_name().expect("named").into(), fs::read_to_string(&path).expect("readable")));
        }
    }
    found.sort();
    found
}

#[test]
fn an_older_folder_is_rewritten_in_place_and_comments_stay() {
    let dir = scratch("migrate");
    copy(&fixture(1), &dir);
    let spec = dir.to_str().expect("text");
    let lint = abispec(&["lint", "--spec", spec]);
    assert!(
        code(&lint) == 2 && stdout(&lint).contains(&format!("`abispec migrate {spec}` rewrites it")),
        "{}",
        stdout(&lint)
    );
    let show = abispec(&["show", "pair", "--spec", spec]);
    assert!(code(&show) == 2 && stderr(&show).contains("other-format"), "{}", stderr(&show));
    let check = abispec(&["migrate", "--check", spec]);
    assert_eq!(code(&check), 1, "{}", stderr(&check));
    assert_eq!(texts(&dir), texts(&fixture(1)), "--check changes nothing");
    let output = abispec(&["migrate", spec]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert!(stdout(&output).ends_with(": from format 1 to 2, 3 of 5 files\n"), "{}", stdout(&output));
    assert_eq!(texts(&dir), texts(&fixture(2)));
    assert_eq!(code(&abispec(&["lint", "--spec", spec])), 0);
    let again = abispec(&["migrate", "--spec", spec]);
    assert!(
        code(&again) == 0 && stdout(&again).contains("is in format 2, which this program reads"),
        "{}",
        stdout(&again)
    );
}

#[test]
fn what_cannot_be_rewritten_leaves_the_folder_as_it_is() {
    let dir = scratch("migrate-not");
    copy(&fixture(1), &dir);
    let spec = dir.to_str().expect("text");
    let refused = |why: &str, args: &[&str]| {
        let before = texts(&dir);
        let output = abispec(args);
        assert!(code(&output) == 2 && stderr(&output).contains(why), "{why}: {}", stderr(&output));
        assert_eq!(texts(&dir), before);
    };
    let pair = dir.join("syscalls/pair.yaml");
    let text = fs::read_to_string(&pair).expect("readable");
    fs::write(&pair, text.replace("open_fds + 2 >", "open_fds * 2 >")).expect("writable");
    refused("pair.yaml:11:13", &["migrate", spec]);
    fs::write(&pair, text).expect("writable");
    fs::write(dir.join("format.yaml"), "format: 9\n").expect("writable");
    refused("it is in format 9, this program knows those up to 2", &["migrate", spec]);
    refused("the specification is in format 9, this program reads format 2", &["list", "--spec", spec]);
    refused("it states that it is in format 9", &["migrate", "--from", "1", spec]);
    fs::remove_file(dir.join("format.yaml")).expect("removable");
    refused("`--from 1`", &["migrate", spec]);
    refused("no folder to rewrite", &["migrate"]);
    refused("/nowhere", &["migrate", "/nowhere"]);
    assert_eq!(code(&abispec(&["migrate", "--from", "1", spec])), 0);
    assert_eq!(texts(&dir), texts(&fixture(2)));
}
