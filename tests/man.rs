//! `abispec check --man` and `--known` as their user meets them.

mod common;

use common::{abispec, code, scratch, stderr, stdout};
use std::fs;
use std::path::{Path, PathBuf};

const PAGE: &str = "\
.TH umask 2 2026-01-31 \"Linux man-pages 6.9.1\"
.SH NAME
umask \\- choose permissions that new files lack
.SH SYNOPSIS
.nf
.BI \"mode_t umask(mode_t \" mask );
.fi
.SH ERRORS
.TP
.B EFROBNICATE
No such errno.
.TP
.B EBADF
No kernel says this.
";

/// A folder with one page, and a folder for lists of known divergences.
struct Folders(PathBuf);

impl Folders {
    fn new(name: &str) -> Self {
        let root = scratch(&format!("man-{name}"));
        fs::create_dir_all(root.join("man2")).expect("a temporary folder");
        fs::create_dir_all(root.join("known")).expect("a temporary folder");
        fs::write(root.join("man2/umask.2"), PAGE).expect("a temporary file");
        fs::write(root.join("known/notes.txt"), "not a list").expect("a temporary file");
        Self(root)
    }

    fn known(&self, text: &str) -> PathBuf {
        fs::write(self.0.join("known/a.yaml"), text).expect("a temporary file");
        self.0.join("known")
    }

    fn check(&self, known: &Path, more: &[&str]) -> (i32, String, String) {
        let (man, known) = (self.0.display().to_string(), known.display().to_string());
        let first = ["check", "--only", "man", "--man", &man, "--known", &known];
        run(&first.iter().chain(more).copied().collect::<Vec<_>>())
    }
}

/// Exit code, standard output and standard error.
fn run(args: &[&str]) -> (i32, String, String) {
    let output = abispec(args);
    (code(&output), stdout(&output), stderr(&output))
}

const ENTRY: &str = "- id: errno-unspecified\n  subjects: [umask.EBADF]\n  reason: the page is made up\n";

#[test]
fn a_difference_is_a_warning_until_it_is_known() {
    let folders = Folders::new("known");
    let (code, out, _) = folders.check(&folders.known("# nothing yet\n"), &[]);
    assert_eq!(code, 0, "{out}");
    assert!(out.contains("warning[errno-unspecified]: umask.EBADF"), "{out}");
    assert!(out.contains("umask.2:13:1") && out.contains("conforms, 1 warning(s)"), "{out}");

    let (code, out, _) = folders.check(&folders.known(ENTRY), &["--silent"]);
    assert_eq!(code, 0);
    assert!(
        !out.contains("warning") && out.contains("known[errno-unspecified]: umask.EBADF") && out.contains("made up"),
        "{out}"
    );
    assert!(out.contains("1 of these are known"), "{out}");
}

#[test]
fn a_known_divergence_that_is_not_met_or_has_expired_is_reported() {
    let folders = Folders::new("unmatched");
    let (code, out, _) =
        folders.check(&folders.known(&ENTRY.replace("[umask.EBADF]", "[umask.EBADF, umask.EACCES]")), &[]);
    assert_eq!(code, 0);
    assert!(out.contains("warning[unmatched-known]: umask.EACCES") && out.contains("a.yaml:2:27"), "{out}");
    let (_, out, _) = folders.check(&folders.known(&format!("{ENTRY}  expires: 2020-01-31\n")), &[]);
    assert!(out.contains("warning[expired-known]") && out.contains("warning[errno-unspecified]"), "{out}");
    let (_, out, _) = folders.check(&folders.known(&format!("{ENTRY}  pages: \"7.0..\"\n")), &[]);
    assert!(out.contains("warning[errno-unspecified]") && !out.contains("-known"), "{out}");
}

#[test]
fn what_cannot_be_used_says_why() {
    let folders = Folders::new("broken");
    let (code, _, err) = folders.check(&folders.known("- id: errno-unspecifed\n  subjects: [a]\n  reason: r\n"), &[]);
    assert_eq!(code, 2);
    assert!(err.contains("a.yaml:1:7") && err.contains("did you mean `errno-unspecified`?"), "{err}");
    let (code, _, err) = folders.check(&folders.0.join("nowhere"), &[]);
    assert_eq!(code, 2);
    assert!(err.contains("nowhere") && err.contains("--known takes a folder"), "{err}");
    let empty = folders.0.join("known").display().to_string();
    let (code, _, err) = run(&["check", "--man", &empty]);
    assert_eq!(code, 2);
    assert!(err.contains("has no man pages of section 2"), "{err}");
}
