//! Running the program as a user does.

#![allow(dead_code, reason = "each test uses a part")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A command line that is about to run, with nothing taken from the caller's terminal.
pub(crate) fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_abispec"));
    command.args(args).env_remove("CLICOLOR_FORCE").env_remove("NO_COLOR");
    command
}

/// Runs to the end.
pub(crate) fn abispec(args: &[&str]) -> Output {
    command(args).output().expect("the program starts")
}

/// The exit code; a signal is none.
pub(crate) fn code(output: &Output) -> i32 {
    output.status.code().expect("ended by itself")
}

/// What it wrote.
pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("text")
}

/// What it complained.
pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("text")
}

/// The folder with planted mistakes.
pub(crate) const BROKEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/spec/tests/fixtures/broken");

/// An empty folder of this test's own.
pub(crate) fn scratch(name: &str) -> PathBuf {
    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&dir);
    std::fs::create_dir_all(&dir).expect("the build folder is writable");
    dir
}

/// A folder of this test's own with all files of the specification.
pub(crate) fn copy_of_the_specification(name: &str) -> PathBuf {
    const POSSIBLE: &str = "the specification is readable and the build folder writable";
    let dir = scratch(name);
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("spec");
    for folder in abispec::load::FOLDERS {
        fs::create_dir_all(dir.join(folder)).expect(POSSIBLE);
        for entry in fs::read_dir(source.join(folder)).expect(POSSIBLE) {
            let entry = entry.expect(POSSIBLE);
            fs::copy(entry.path(), dir.join(folder).join(entry.file_name())).expect(POSSIBLE);
        }
    }
    dir
}
