//! `abispec check --git`: a series is told what it brings about, and nothing that was there before.

#![expect(clippy::print_stderr, reason = "a test that is skipped says so")]

mod common;

use common::{abispec, code, copy_of_the_specification, scratch, stderr, stdout};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Command;

fn git(repository: &Path, args: &[&str]) {
    let ran = Command::new("git")
        .arg("-C")
        .arg(repository)
        .args(["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"])
        .args(args)
        .output()
        .expect("git starts");
    assert!(ran.status.success(), "{args:?}: {}", String::from_utf8_lossy(&ran.stderr));
}

/// A tree that is as small as one can be: its release, and the table of x86_64.
fn tree(folder: &Path, table: &str) {
    let write = |path: &str, text: &str| {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().expect("in a folder")).expect("writable");
        fs::write(path, text).expect("writable");
    };
    write("Makefile", "VERSION = 7\nPATCHLEVEL = 3\nSUBLEVEL = 0\nEXTRAVERSION =\n");
    write("arch/x86/entry/syscalls/syscall_64.tbl", table);
    write("include/uapi/linux/a.h", "#define A 1\n");
}

#[test]
fn a_series_is_told_what_it_brings_about() {
    if Command::new("git").arg("--version").output().is_err() {
        eprintln!("skipped: no git on this machine");
        return;
    }
    let repository = scratch("series");
    git(&repository, &["init", "--quiet", "--initial-branch=main"]);
    // A number that is wrong from the beginning is none of the series' business.
    tree(&repository, "0 common read sys_read\n7 common dup sys_dup\n");
    git(&repository, &["add", "."]);
    git(&repository, &["commit", "--quiet", "-m", "base"]);
    tree(
        &repository,
        "0 common read sys_read\n7 common dup sys_dup\n8 common lseek sys_lseek\n9 common pipe2 sys_pipe2\n",
    );
    git(&repository, &["commit", "--quiet", "-am", "more"]);
    let spec = copy_of_the_specification("series-spec").display().to_string();
    let repo = repository.display().to_string();
    let check = |range: &str| {
        let args = ["check", "--spec", &spec, "--git", range, "--repo", &repo, "--only", "tree", "--arch", "x86_64"];
        abispec(&[&args[..], &["--format", "json"]].concat())
    };
    let ran = check("HEAD~1..HEAD");
    let found: Vec<Value> = stdout(&ran).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let about = |subject: &str| {
        found.iter().filter(|one| one["subject"].as_str().is_some_and(|own| own.starts_with(subject))).count()
    };
    assert_eq!(code(&ran), 1, "{}{}", stdout(&ran), stderr(&ran));
    assert!(about("pipe2") > 0, "{}", stdout(&ran));
    assert_eq!((about("dup"), about("lseek")), (0, 0), "dup was wrong before, lseek is right: {}", stdout(&ran));
    assert!(stdout(&ran).contains("the series does not touch them"), "{}", stdout(&ran));
    // The line of the series is what is commented on; the specification lies elsewhere.
    let args =
        ["check", "--spec", &spec, "--git", "HEAD~1..HEAD", "--repo", &repo, "--only", "tree", "--arch", "x86_64"];
    let commented = stdout(&abispec(&[&args[..], &["--format", "github"]].concat()));
    assert!(commented.contains("::error file=arch/x86/entry/syscalls/syscall_64.tbl,line=4,"), "{commented}");
    let whole =
        abispec(&["check", "--spec", &spec, "--tree", &repo, "--only", "tree", "--arch", "x86_64", "--format", "json"]);
    assert!(stdout(&whole).contains("\"subject\":\"dup\""), "the tree as a whole shows it: {}", stdout(&whole));
    for (range, expected) in
        [("HEAD", "no range"), ("HEAD~7..HEAD", "the series could not be read"), ("..HEAD", "no range")]
    {
        let refused = check(range);
        assert_eq!(code(&refused), 2, "{range}");
        assert!(stderr(&refused).contains(expected), "{range}: {}", stderr(&refused));
    }
    let elsewhere = abispec(&["check", "--git", "a..b", "--repo", "/no/such/folder"]);
    assert_eq!(code(&elsewhere), 2);
}
