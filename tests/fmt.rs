//! `abispec fmt`.

mod common;

use common::{abispec, code, scratch, stdout};
use std::fs;
use std::path::Path;

fn copy(name: &str) -> std::path::PathBuf {
    let to = scratch(name);
    for folder in abispec::load::FOLDERS {
        fs::create_dir(to.join(folder)).expect("the specification can be copied");
        for file in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("spec").join(folder))
            .expect("the specification can be copied")
        {
            let file = file.expect("the specification can be copied");
            fs::copy(file.path(), to.join(folder).join(file.file_name())).expect("the specification can be copied");
        }
    }
    to
}

#[test]
fn a_folder_is_formatted_once_and_then_stays() {
    let dir = copy("fmt");
    let spec = dir.to_str().unwrap();
    let export = || stdout(&abispec(&["export", "json", "--no-places", "--spec", spec]));
    let meaning = export();
    let file = dir.join("syscalls/pipe2.yaml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("\nparams:", "\n# kept\nparams:").replace(": ", ":  ") + "\n\n").unwrap();
    assert_eq!(code(&abispec(&["fmt", "--check", "--spec", spec])), 1);
    assert_eq!(code(&abispec(&["fmt", "--spec", spec])), 0);
    assert_eq!(code(&abispec(&["fmt", "--check", "--spec", spec])), 0);
    assert!(fs::read_to_string(&file).unwrap().contains("\n# kept\nparams:"));
    assert_eq!(export(), meaning);
    assert!(!dir.join("syscalls/pipe2.yaml.new").exists());
}

#[test]
fn a_file_that_is_not_yaml_is_left_alone() {
    let dir = scratch("fmt-broken").join("syscalls");
    fs::create_dir(&dir).unwrap();
    let file = dir.join("x.yaml");
    fs::write(&file, "nr: {x86_64: 1  \n").unwrap();
    let output = abispec(&["fmt", file.to_str().unwrap()]);
    assert_eq!(code(&output), 2);
    assert!(stdout(&output).contains("error[yaml-syntax]"));
    assert_eq!(fs::read_to_string(&file).unwrap(), "nr: {x86_64: 1  \n");
    assert_eq!(code(&abispec(&["fmt", "/does/not/exist.yaml"])), 2);
    assert_eq!(code(&abispec(&["fmt"])), 2);
}
