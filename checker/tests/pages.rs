//! Man pages against a specification: right ones give no finding, each planted difference gives one.

#![expect(clippy::print_stderr, reason = "a test that is skipped says so")]

use abispec::arch::Arch;
use abispec::finding::{Severity, SourceFile};
use abispec::load::load;
use abispec::model::Spec;
use abispec_checker::facts::{Attribution, Facts};
use abispec_checker::files::{Files, Folder, Memory};
use abispec_checker::man::read_man;
use abispec_checker::{Report, check};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

const FLAGS: &str = "\
moor_flags:
  kind: flags
  members: {MOOR_TIGHT: {value: 0x1, since: \"6.2\"}, MOOR_LONG: 0x2}
tower_ops:
  kind: enum
  members: {TOWER_LAMP: 1}
";

const MOOR: &str = "\
syscall: moor
summary: an example
man: moor(2)
nr: {x86_64: 700}
params:
  - {name: quay, c: int, type: int32}
  - {name: ship, c: \"const char __user *\", type: string}
returns: zero
errors:
  EACCES: [{may: \"true\", from: state}]
  EBADF: [{when: quay < 0}]
";

const MOOR2: &str = "\
syscall: moor2
summary: an example
since: \"6.1\"
man: moor(2)
nr: {x86_64: 701}
params:
  - {name: quay, c: int, type: int32}
  - {name: ship, c: \"const char __user *\", type: string}
  - {name: flags, c: unsigned int, type: \"flags[moor_flags]\", unknown: EINVAL}
returns: zero
errors:
  EBADF: [{when: quay < 0}]
  EACCES: [{may: \"true\", from: state}]
";

const TOWER: &str = "\
syscall: signal_tower
summary: an example
since: \"5.12\"
man: signal_tower(2)
nr: {x86_64: 702}
params:
  - {name: op, c: int, type: \"enum[tower_ops]\", unknown: EINVAL}
  - {name: arg, c: unsigned long, type: by_command}
returns: zero
select: op
commands:
  TOWER_LAMP:
    arg: int32
    errors: {ERANGE: [{when: arg > 10}], EAGAIN: [{may: \"true\", from: state}]}
";

const HAIL: &str = "\
syscall: hail
summary: an example
man: hail(2)
nr: {x86_64: 703}
params:
  - {name: ship, c: \"const char __user *\", type: string}
  - {name: length, c: size_t, type: size}
returns: zero
errors:
  EAGAIN: [{may: \"true\", from: state}]
  EHOSTDOWN: [{may: \"true\", from: state}]
";

/// The specification with one text replaced in one of its files.
fn spec(file: &str, from: &str, to: &str) -> Spec {
    let files = [("flags/moor", FLAGS), ("syscalls/moor", MOOR), ("syscalls/moor2", MOOR2)];
    let more = [("syscalls/signal_tower", TOWER), ("syscalls/hail", HAIL)];
    let read = |(path, text): (&str, &str)| {
        let text = if path == file {
            assert!(text.contains(from), "{path} does not hold {from}");
            text.replace(from, to)
        } else {
            text.to_owned()
        };
        SourceFile { path: format!("spec/{path}.yaml"), text }
    };
    let (spec, findings) = load(files.into_iter().chain(more).map(read).collect());
    assert!(findings.is_empty(), "{findings:#?}");
    spec
}

fn right() -> Spec {
    spec("", "", "")
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/man")
}

/// The pages with one text replaced in one of them.
fn pages(file: &str, from: &str, to: &str) -> Facts {
    let folder = Folder(fixtures());
    let mut files = BTreeMap::new();
    for path in folder.below("", "") {
        let mut text = folder.text(&path).expect("a fixture");
        if path == file {
            assert!(text.contains(from), "{path} does not hold {from}");
            text = text.replace(from, to);
        }
        files.insert(path, text.into_bytes());
    }
    read_man(&Memory { name: "man".to_owned(), files }, Arch::X86_64).expect("pages")
}

/// Exactly one finding: its id, subject, place in the specification and in the page.
#[track_caller]
fn found(spec: &Spec, facts: Facts, id: &str, subject: &str, place: &str, other: &str) {
    let report = check(spec, &[facts]);
    let shown: Vec<_> =
        report.findings.iter().map(|one| format!("{} {} {}", one.id, one.subject, one.message)).collect();
    let [finding] = report.findings.as_slice() else { panic!("not one finding: {shown:#?}") };
    assert_eq!((finding.id.as_str(), finding.subject.as_str()), (id, subject), "{shown:?}");
    assert_eq!(finding.severity, Severity::Warning);
    assert_eq!(finding.spec.as_ref().map(ToString::to_string).as_deref(), Some(place));
    assert_eq!(finding.other.as_deref(), Some(other));
    assert!(finding.expected.is_some() && finding.actual.is_some() && finding.help.is_some());
}

fn is_silent(report: &Report, check: &str, subject: &str, reason: &str) -> bool {
    let about = |one: &&str| *one == subject;
    report.silent.iter().any(|silent| {
        silent.check == check
            && silent.reason.contains(reason)
            && silent.subjects.iter().map(String::as_str).any(|one| about(&one))
    })
}

#[test]
fn right_pages_give_no_finding_and_every_check_compares() {
    let facts = read_man(&Folder(fixtures()), Arch::X86_64).expect("the fixtures");
    assert_eq!(facts.version.map(|version| version.to_string()).as_deref(), Some("6.9.1"));
    let report = check(&right(), &[facts]);
    assert_eq!(report.findings, []);
    let count =
        |id: &str| report.compared.iter().filter(|entry| entry.check == id).map(|entry| entry.count).sum::<usize>();
    assert_eq!(count("errno-undocumented"), 3 + 4 + 3 + 2);
    assert_eq!(count("errno-unspecified"), 3 + 4 + 3 + 2);
    assert_eq!(count("man-since"), 3);
    assert_eq!(count("man-argument-count"), 2);
    assert_eq!(count("argument-count") + count("argument-name") + count("argument-type"), 0);
    for (check, subject, reason) in [
        ("errno-undocumented", "hail.EHOSTDOWN", "other errors may occur"),
        ("man-argument-count", "signal_tower", "list of any length"),
        ("man-argument-count", "hail", "says that the system call differs"),
        ("man-since", "hail", "does not say when"),
    ] {
        assert!(is_silent(&report, check, subject, reason), "{check} {subject}: {:#?}", report.silent);
    }
}

#[test]
fn errnos_that_only_the_specification_has() {
    let fewer = spec("syscalls/moor", "  EBADF:", "  ENOTTY:");
    let report = check(&fewer, &[pages("", "", "")]);
    let shown: Vec<_> = report.findings.iter().map(|one| format!("{} {}", one.id, one.subject)).collect();
    // EBADF is said of both calls of the page, and the other one still has it.
    assert_eq!(shown, ["errno-undocumented moor.ENOTTY"]);
    let less = pages("man2/moor.2", ".B EINVAL\n", ".B E_INVAL\n");
    found(&right(), less, "errno-undocumented", "moor2.EINVAL", "spec/syscalls/moor2.yaml:9:42", "man/man2/moor.2");
    let optional = spec("syscalls/hail", "returns: zero", "config: CONFIG_HAIL\nreturns: zero");
    let report = check(&optional, &[pages("man2/hail.2", "Other errors may occur, depending on the weather.", "")]);
    assert!(is_silent(&report, "errno-undocumented", "hail.ENOSYS", "built without the call"), "{:#?}", report.silent);
    assert!(report.findings.iter().all(|one| one.subject == "hail.EHOSTDOWN"));
    let closed = pages("man2/hail.2", "Other errors may occur, depending on the weather.", "");
    found(&right(), closed, "errno-undocumented", "hail.EHOSTDOWN", "spec/syscalls/hail.yaml:11:15", "man/man2/hail.2");
}

#[test]
fn errnos_that_only_a_page_has() {
    let moor2 = "spec/syscalls/moor2.yaml:1:10";
    let marked = pages("man2/moor.2", ".B EINVAL\n", ".B EINVAL\n.TQ\n.B ENODEV\n");
    found(&right(), marked, "errno-unspecified", "moor2.ENODEV", moor2, "man/man2/moor.2:35:1");
    let single = pages("man2/hail.2", ".B EFAULT\n", ".B EFAULT\n.TQ\n.B ENOLINK\n");
    found(
        &right(),
        single,
        "errno-unspecified",
        "hail.ENOLINK",
        "spec/syscalls/hail.yaml:1:10",
        "man/man2/hail.2:15:1",
    );
    let command = pages("man2/TOWER_LAMP.2const", ".B ERANGE", ".B EDOM\n.TQ\n.B ERANGE");
    let place = "spec/syscalls/signal_tower.yaml:1:10";
    found(&right(), command, "errno-unspecified", "signal_tower.EDOM", place, "man/man2/TOWER_LAMP.2const:10:1");
    // Said of all calls of a page, an errno is reported when none of them has it.
    let shared = check(&right(), &[pages("man2/moor.2", ".B EACCES\n", ".B EACCES\n.TQ\n.B ENXIO\n")]);
    let shown: Vec<_> = shared.findings.iter().map(|one| format!("{} {}", one.id, one.subject)).collect();
    assert_eq!(shown, ["errno-unspecified moor.ENXIO", "errno-unspecified moor2.ENXIO"]);
    // What the page says of old kernels only is not compared.
    let report = check(&right(), &[pages("", "", "")]);
    assert!(report.findings.iter().all(|one| !one.subject.contains("ENOSPC")));
    let now = check(&right(), &[pages("man2/moor.2", " (before Linux 2.6.30)", " (before Linux 6.1)")]);
    assert_eq!(now.findings.len(), 2);
}

#[test]
fn releases_and_parameters() {
    let late = pages("man2/moor.2", "Linux 6.1.", "Linux 6.3.");
    found(&right(), late, "man-since", "moor2", "spec/syscalls/moor2.yaml:1:10", "man/man2/moor.2:46:1");
    let flag = spec("flags/moor", "since: \"6.2\"", "since: \"6.3\"");
    found(
        &flag,
        pages("", "", ""),
        "man-since",
        "moor2.MOOR_TIGHT",
        "spec/flags/moor.yaml:3:13",
        "man/man2/moor.2:16:1",
    );
    let forgotten = spec("syscalls/signal_tower", "since: \"5.12\"\n", "");
    found(
        &forgotten,
        pages("", "", ""),
        "man-since",
        "signal_tower",
        "spec/syscalls/signal_tower.yaml:1:10",
        "man/man2/signal_tower.2:18:1",
    );
    let fewer = pages("man2/moor.2", "const char *\" ship );", "...);\"");
    let report = check(&right(), &[fewer]);
    assert!(report.findings.is_empty() && is_silent(&report, "man-argument-count", "moor", "list of any length"));
    let more = pages("man2/moor.2", "int moor(int", "int moor(int side, int");
    found(&right(), more, "man-argument-count", "moor", "spec/syscalls/moor.yaml:6:12", "man/man2/moor.2:9:1");
    let forms = pages("man2/moor.2", ".BI \"int moor(int", ".BI \"int moor(void);\"\n.BI \"int moor(int");
    assert!(is_silent(&check(&right(), &[forms]), "man-argument-count", "moor", "several forms"));
    let same = pages("man2/hail.2", "C library/kernel differences", "Remarks");
    found(&right(), same, "man-argument-count", "hail", "spec/syscalls/hail.yaml:6:12", "man/man2/hail.2:6:1");
}

#[test]
fn pages_are_found_compressed_redirected_and_without_folders() {
    let zipped = |text: &str| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text.as_bytes()).expect("memory");
        encoder.finish().expect("memory")
    };
    let moor = std::fs::read_to_string(fixtures().join("man2/moor.2")).expect("a fixture");
    let tree = |files: Vec<(&str, Vec<u8>)>| {
        let files = files.into_iter().map(|(path, bytes)| (path.to_owned(), bytes)).collect();
        read_man(&Memory { name: "m".to_owned(), files }, Arch::X86_64)
    };
    let facts = tree(vec![
        ("usr/share/man/man2/moor.2.gz", zipped(&moor)),
        ("usr/share/man/man2/moor2.2.gz", zipped(".so man2/moor.2\n")),
        ("usr/share/man/man2/ring_a.2", b".so man2/ring_b.2".to_vec()),
        ("usr/share/man/man2/ring_b.2", b".so man2/ring_a.2".to_vec()),
        ("usr/share/man/man2/lost.2", b".so man3/lost.3".to_vec()),
        ("usr/share/man/man2/outside.2", b".so ../../etc/passwd".to_vec()),
        ("usr/share/man/man2/cut.2.gz", zipped(&moor)[..40].to_vec()),
        ("usr/share/man/man2/plain.2", b"just text".to_vec()),
        ("usr/share/man/man3/other.3", b".TH other 3".to_vec()),
    ])
    .expect("pages");
    assert_eq!(facts.errnos["moor2"]["EINVAL"].value, Attribution::Marked);
    assert_eq!(facts.errnos["moor2"]["EACCES"].value, Attribution::Shared);
    assert!(!facts.errnos["moor"].contains_key("EINVAL"));
    let reason = |name: &str| facts.why_silent(name).unwrap_or_default().to_owned();
    for (name, expected) in [
        ("ring_a", "without end"),
        ("lost", "man3/lost.3, which is not there"),
        ("outside", "which is not there"),
        ("cut", "no whole gzip file"),
        ("plain", "not written with the macros"),
    ] {
        assert!(reason(name).contains(expected), "{name}: {}", reason(name));
    }
    let flat = tree(vec![("moor.2", moor.into_bytes()), ("moor2.2", b".so man2/moor.2".to_vec())]).expect("pages");
    assert!(flat.errnos.contains_key("moor2"));
    assert!(tree(vec![("man3/x.3", Vec::new())]).unwrap_err().contains("no man pages of section 2"));
}

/// The pages that are installed: most calls have some, and all of the specification's are understood.
#[test]
fn installed_pages_are_understood() {
    let Ok(facts) = read_man(&Folder(PathBuf::from("/usr/share/man")), Arch::X86_64) else {
        eprintln!("skipped: no man pages of section 2 in /usr/share/man");
        return;
    };
    if !facts.families.contains_key("openat") {
        eprintln!("skipped: /usr/share/man has no page of openat(2)");
        return;
    }
    let pairs: usize = facts.errnos.values().map(BTreeMap::len).sum();
    assert!(pairs > 1_500, "only {pairs} errnos in the pages of {} calls", facts.errnos.len());
    assert_eq!(facts.errnos["pipe2"]["EINVAL"].value, Attribution::Marked);
    assert_eq!(facts.errnos["pipe2"]["EMFILE"].value, Attribution::Shared);
    assert!(!facts.errnos["pipe"].contains_key("EINVAL"));
    assert_eq!(facts.since["pipe2"].value.to_string(), "2.6.27");
    assert_eq!(facts.since["pipe2.O_DIRECT"].value.to_string(), "3.4");
    assert_eq!(facts.prototypes["openat2"].value.params.len(), 4);
    let report = check(abispec::embedded(), &[facts]);
    assert!(report.comparisons() > 1_000, "{} comparisons", report.comparisons());
}
