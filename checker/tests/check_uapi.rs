//! What the kernel's own check reports between two releases, and changes planted in a real tree.
//!
//! `ABISPEC_TREES` names a folder with the kernel trees linux-6.12 and linux-7.3, and check-uapi-6.12-7.3.txt: what
//! `scripts/check-uapi.sh -b v7.3 -p v6.12 -l FILE` wrote.

#![expect(clippy::print_stderr, reason = "a test that is skipped says so, and one that compares says how much")]

use abispec::arch::Arch;
use abispec::version::Release;
use abispec_checker::diff::sides::Input;
use abispec_checker::diff::{self, Comparison, Impact, Request};
use abispec_checker::files::{Files, Folder};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;
use std::{env, fs};

const ANY: Release = Release::new(u16::MAX, 0);

fn trees() -> Option<PathBuf> {
    let found = env::var_os("ABISPEC_TREES").map(PathBuf::from).filter(|path| path.join("linux-7.3").is_dir());
    if found.is_none() {
        eprintln!("SKIPPED: ABISPEC_TREES names no folder with linux-6.12 and linux-7.3");
    }
    found
}

fn compare(old: &Input, new: &Input) -> Comparison {
    let spec = abispec::embedded();
    diff::run(&Request { spec, old, new, ports: &[Arch::X86_64], releases: (ANY, ANY), sources: false })
        .expect("both trees are read")
}

fn open(path: &Path) -> Input {
    Input::of_path(path).unwrap_or_else(|problem| panic!("{problem:?}"))
}

/// The header that a line of the report is about.
fn reported(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("==== ")?;
    let word = rest.split_whitespace().find_map(|word| word.strip_prefix("include/"))?;
    word.ends_with(".h").then_some(word)
}

/// The rows of the page that lists which reports are no issue: the first column.
fn non_issues() -> BTreeSet<String> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/check-uapi.md");
    let text = fs::read_to_string(page).expect("the page is there");
    let section = text.split("## Reported by check-uapi.sh only").nth(1).expect("the section is there");
    let section = section.split("\n## ").next().unwrap_or(section);
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    rows.map(str::to_owned).collect()
}

#[test]
fn every_header_that_check_uapi_reports_is_reported() {
    let Some(trees) = trees() else { return };
    let Ok(report) = fs::read_to_string(trees.join("check-uapi-6.12-7.3.txt")) else {
        eprintln!("SKIPPED: {} holds no check-uapi-6.12-7.3.txt", trees.display());
        return;
    };
    let headers: BTreeSet<&str> = report.lines().filter_map(reported).collect();
    assert!(headers.len() > 100, "the report is read: {headers:?}");
    let (old, new) = (open(&trees.join("linux-6.12")), open(&trees.join("linux-7.3")));
    let start = Instant::now();
    let comparison = compare(&old, &new);
    let took = start.elapsed();
    let mut differences: BTreeMap<&str, Impact> = BTreeMap::new();
    for one in &comparison.differences {
        let worst = differences.entry(&one.header).or_insert(one.class.impact);
        *worst = one.class.impact.max(*worst);
    }
    // The script compiles each header alone, so that a header is reported for what it includes.
    let mut includes: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for side in [&old, &new] {
        let facts = side.facts(&[Arch::X86_64], ANY, false).pop().expect("one port");
        let facts = facts.expect("the tree is read");
        for (header, files) in facts.headers {
            let names = files.iter().map(|file| file.rsplit_once("uapi/").map_or(&**file, |(_, name)| name).to_owned());
            includes.entry(header).or_default().extend(names);
        }
    }
    let worst = |header: &str| {
        let inside = includes.get(header).into_iter().flatten().map(String::as_str);
        inside.chain([header]).filter_map(|name| differences.get(name)).max().copied()
    };
    let allowed = non_issues();
    let mut counts: BTreeMap<Option<Impact>, usize> = BTreeMap::new();
    let mut missed = Vec::new();
    for header in &headers {
        let worst = worst(header);
        *counts.entry(worst).or_default() += 1;
        if worst.is_none() {
            missed.push(*header);
        }
    }
    eprintln!("{} headers reported by check-uapi.sh; as {counts:?} here; compared in {took:?}", headers.len());
    let listed: Vec<&str> = allowed.iter().map(String::as_str).collect();
    assert_eq!(
        missed, listed,
        "what is not reported here (left) is what docs/check-uapi.md gives a reason for (right)"
    );
}

/// A tree in which one text of one file is another.
struct Planted {
    files: Folder,
    path: &'static str,
    from: &'static str,
    to: &'static str,
}

impl Files for Planted {
    fn read(&self, path: &str) -> Option<Vec<u8>> {
        let bytes = self.files.read(path)?;
        if path != self.path {
            return Some(bytes);
        }
        let text = String::from_utf8(bytes).expect("a header is text");
        assert!(text.contains(self.from), "{path} holds no `{}`", self.from);
        Some(text.replacen(self.from, self.to, 1).into_bytes())
    }

    fn list(&self, folder: &str) -> Vec<String> {
        self.files.list(folder)
    }

    fn show(&self, path: &str) -> String {
        self.files.show(path)
    }
}

/// A file, what it says, what it is made to say, and the class and subject that must be found.
type Plant = (&'static str, &'static str, &'static str, &'static [(&'static str, &'static str)]);

#[test]
fn a_change_planted_in_a_real_tree_is_found_and_nothing_else_is() {
    let Some(trees) = trees() else { return };
    let tree = trees.join("linux-7.3");
    let old = open(&tree);
    let plants: [Plant; 5] = [
        (
            "include/uapi/asm-generic/fcntl.h",
            "#define O_CLOEXEC\t(1 << 19)",
            "#define O_CLOEXEC\t(1 << 20)",
            &[("constant-changed", "O_CLOEXEC")],
        ),
        ("include/uapi/linux/fs.h", "_IOWR('X', 121,", "_IOWR('X', 122,", &[("ioctl-changed", "FITRIM")]),
        (
            "include/uapi/linux/if_link.h",
            "IFLA_BR_HELLO_TIME,",
            "IFLA_BR_HELLO_TIME = 40,",
            &[("enumerator-changed", "IFLA_BR_HELLO_TIME")],
        ),
        (
            "include/uapi/linux/openat2.h",
            "__u64 flags;\n\t__u64 mode;",
            "__u64 mode;\n\t__u64 flags;",
            &[("field-moved", "struct open_how.flags"), ("field-moved", "struct open_how.mode")],
        ),
        (
            "arch/x86/entry/syscalls/syscall_64.tbl",
            "437\tcommon\topenat2",
            "997\tcommon\topenat2",
            &[("syscall-renumbered", "openat2")],
        ),
    ];
    for (path, from, to, expected) in plants {
        let planted = Planted { files: Folder(tree.clone()), path, from, to };
        let new = Input::of_files(Arc::new(planted)).unwrap_or_else(|problem| panic!("{problem:?}"));
        let comparison = compare(&old, &new);
        // What is computed from the planted value changes with it, and says so.
        let follows = |one: &&diff::Difference| one.note.as_ref().is_some_and(|note| note.contains("computed from"));
        let broken = comparison.differences.iter().filter(|one| one.class.impact == Impact::Breaking);
        let own: Vec<_> = broken.filter(|one| !follows(one)).collect();
        let found: Vec<_> = own.iter().map(|one| (one.class.id, one.subject.as_str())).collect();
        assert_eq!(found, expected, "{path}: {:#?}", comparison.differences);
        for one in own {
            let place = one.place().map(ToString::to_string).unwrap_or_default();
            assert!(place.contains(path), "{place} is not in {path}");
        }
        eprintln!("{path}: found {found:?}");
    }
}
