//! Changes planted in what a witness states: each is found, with both places, and nothing else is.

mod encoder;

use abispec::arch::Arch;
use abispec::finding::SourceFile;
use abispec::load::load;
use abispec::model::Spec;
use abispec::version::Release;
use abispec_checker::btf::read_btf_bytes;
use abispec_checker::facts::{Claim, Facts, Position, Source};
use abispec_checker::headers::{read_header_texts, read_headers};
use abispec_checker::symbols::read_symbols_text;
use abispec_checker::tracefs::read_tracefs;
use abispec_checker::{Report, check};
use encoder::Encoder;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{env, fs, process};

const FLAGS: &str = "\
wharf_flags:
  kind: flags
  header: linux/wharf.h
  prefix: [WHARF_]
  members:
    WHARF_NEAR: 0x1
    WHARF_FAR: 0x2
    WHARF_SLOW: {value: 0x10, arch: {x86_64: 0x20}}
    WHARF_LATE: {value: 0x40, since: \"6.4\"}
    WHARF_NEXT: {value: 0x80, since: \"6.5\"}
    WHARF_ANY: {value: WHARF_NEAR | WHARF_FAR | WHARF_SLOW | WHARF_NEXT, mask: true}
    WHARF_ELSEWHERE: {value: 0, arch: {sparc: 0x100}}
    WHARF_KERNEL: {value: 0x8000, internal: true}
wharf_sides:
  kind: enum
  header: linux/wharf.h
  members: {WHARF_SIDE_PORT: 0, WHARF_SIDE_STARBOARD: 1}
";

const TYPES: &str = "\
wharf_how:
  header: linux/wharf.h
  size: 32
  align: {lp64: 8, ilp32: 4}
  versions: {24: \"6.1\", 32: \"6.9\"}
  fields:
    - {name: flags, type: \"flags[wharf_flags, uint64]\", offset: 0, c: __u64, unknown: EINVAL}
    - {name: side, type: \"enum[wharf_sides, uint32]\", offset: 8, unknown: EINVAL}
    - {name: length, type: uint32, offset: 12}
    - {name: name, type: uint64, offset: 16}
    - {name: crew, type: uint64, offset: 24, since: \"6.9\"}
";

const OPEN: &str = "\
syscall: wharf_open
summary: an example
nr: {x86_64: 700}
params:
  - {name: name, c: \"const char __user *\", type: string}
  - {name: flags, c: unsigned int, type: \"flags[wharf_flags]\", unknown: EINVAL}
returns: zero
";

const WAIT: &str = "\
syscall: wharf_wait
summary: another example
nr: {x86_64: 701}
params: []
returns: zero
";

fn spec() -> Spec {
    let file = |path: &str, text: &str| SourceFile { path: path.to_owned(), text: text.to_owned() };
    let (spec, findings) = load(vec![
        file("spec/flags/wharf.yaml", FLAGS),
        file("spec/types/wharf.yaml", TYPES),
        file("spec/syscalls/wharf_open.yaml", OPEN),
        file("spec/syscalls/wharf_wait.yaml", WAIT),
    ]);
    assert!(findings.is_empty(), "{findings:#?}");
    spec
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/headers")
}

fn texts() -> BTreeMap<String, String> {
    let names = ["linux/version.h", "linux/wharf.h", "asm/wharf.h", "asm/unistd.h", "asm-generic/wharf.h"];
    names
        .iter()
        .map(|name| ((*name).to_owned(), fs::read_to_string(fixtures().join(name)).expect("the fixture")))
        .collect()
}

/// The headers with one text replaced in one of them.
fn headers(file: &str, from: &str, to: &str) -> Facts {
    let mut texts = texts();
    let text = texts.get_mut(file).expect("a fixture of this name");
    assert!(text.contains(from), "{file} does not hold {from}");
    *text = text.replace(from, to);
    read_header_texts("tree", texts, Arch::X86_64)
}

fn of_kernel(facts: Facts) -> Facts {
    let source = Source { file: "release".into(), at: Position::Whole };
    Facts { release: Claim::Says { value: Release::new(6, 4), source }, ..facts }
}

struct Plan {
    size: u32,
    side: u32,
    starboard: u32,
    name: &'static str,
    unsigned: bool,
    third: bool,
}

const RIGHT: Plan = Plan { size: 24, side: 64, starboard: 1, name: "flags", unsigned: true, third: false };

fn btf(plan: &Plan) -> Facts {
    let mut btf = Encoder::new();
    let int = btf.add("int", 1, false, 0, 4, &[0x0100_0020]);
    let unsigned = btf.add("unsigned int", 1, false, 0, 4, &[32]);
    let wide = btf.add("long long unsigned int", 1, false, 0, 8, &[64]);
    let u64 = btf.add("__u64", 8, false, 0, wide, &[]);
    let character = btf.add("char", 1, false, 0, 1, &[8]);
    let constant = btf.add("", 10, false, 0, character, &[]);
    let pointer = btf.add("", 2, false, 0, constant, &[]);
    let fields = [("flags", u64, 0), ("side", unsigned, plan.side), ("length", unsigned, 96), ("name", u64, 128)];
    btf.record("wharf_how", plan.size, false, &fields);
    let (port, starboard) = (btf.name("WHARF_SIDE_PORT"), btf.name("WHARF_SIDE_STARBOARD"));
    btf.add("wharf_side", 6, false, 2, 4, &[port, 0, starboard, plan.starboard]);
    let mut params = vec![("name", pointer), (plan.name, if plan.unsigned { unsigned } else { int })];
    if plan.third {
        params.push(("more", int));
    }
    btf.function("__do_sys_wharf_open", wide, &params);
    of_kernel(read_btf_bytes("vmlinux", &btf.bytes(false), Arch::X86_64, &|_| true).expect("whole type information"))
}

/// A tracefs with these fields of wharf_open.
fn tracefs(name: &str, fields: &str) -> Facts {
    let root = env::temp_dir().join(format!("abispec-tracefs-{name}-{}", process::id()));
    for (call, fields) in [("wharf_open", fields), ("wharf_wait", "")] {
        let folder = root.join(format!("events/syscalls/sys_enter_{call}"));
        fs::create_dir_all(&folder).expect("a temporary folder");
        let text = format!(
            "name: sys_enter_{call}\nformat:\n\tfield:int __syscall_nr;\toffset:8;\n{fields}\nprint fmt: \"\"\n"
        );
        fs::write(folder.join("format"), text).expect("a temporary file");
    }
    let facts = read_tracefs(&root, Arch::X86_64, &|_| true).expect("a tracefs");
    let _ = fs::remove_dir_all(&root);
    of_kernel(facts)
}

const TRACED: &str = "\tfield:const char * name;\toffset:16;\n\tfield:unsigned int flags;\toffset:24;\n";

/// Exactly one finding: its id, subject, place in the specification, and the other side's place.
#[track_caller]
fn found(facts: Facts, id: &str, subject: &str, place: &str, other: &str) {
    let report = check(&spec(), &[facts]);
    let shown: Vec<_> =
        report.findings.iter().map(|f| format!("{} {} {:?} {:?}", f.id, f.subject, f.message, f.other)).collect();
    let [finding] = report.findings.as_slice() else { panic!("not one finding: {shown:#?}") };
    assert_eq!((finding.id.as_str(), finding.subject.as_str()), (id, subject), "{shown:?}");
    assert_eq!(finding.spec.as_ref().map(ToString::to_string).as_deref(), Some(place));
    let seen = finding.other.as_deref().unwrap_or_default();
    assert!(seen.contains(other), "{seen} is not {other}");
    assert!(finding.expected.is_some() && finding.actual.is_some() && finding.help.is_some());
}

fn count(report: &Report, check: &str) -> usize {
    report.compared.iter().filter(|entry| entry.check == check).map(|entry| entry.count).sum()
}

#[test]
fn unchanged_witnesses_give_no_finding() {
    let tree = read_headers(&fixtures(), Arch::X86_64).expect("the fixture tree");
    assert_eq!(tree.release.value(), Some(&Release::new(6, 4)));
    let report = check(&spec(), &[tree, btf(&RIGHT), tracefs("right", TRACED)]);
    assert_eq!(report.findings, []);
    let counts = abispec_checker::checks::ALL.iter().map(|check| (check.id, count(&report, check.id)));
    // What only trees and pages state is planted elsewhere.
    let compared: BTreeMap<_, _> = counts.filter(|(_, count)| *count > 0).collect();
    let expected = [
        ("argument-count", 3),
        ("argument-name", 4),
        ("argument-type", 4),
        ("constant-value", 9),
        ("extra-constant", 7),
        ("extra-syscall", 2),
        ("field-extra", 8),
        ("field-missing", 9),
        ("field-offset", 8),
        ("field-size", 8),
        ("field-type", 2),
        ("missing-constant", 7),
        ("struct-alignment", 1),
        ("struct-size", 2),
        ("syscall-number", 2),
    ];
    assert_eq!(compared, BTreeMap::from(expected));
    assert!(report.silent.iter().any(|silent| silent.check == "argument-count" && silent.subjects == ["wharf_wait"]));
}

#[test]
fn constants() {
    let flags = |line: u32, column: u32| format!("spec/flags/wharf.yaml:{line}:{column}");
    let changed = headers("linux/wharf.h", "(1 << 1)", "(1 << 2)");
    let report = check(&spec(), &[changed]);
    let subjects: Vec<_> = report.findings.iter().map(|finding| finding.subject.as_str()).collect();
    assert_eq!(subjects, ["wharf_flags.WHARF_FAR", "wharf_flags.WHARF_ANY"], "an alias changes with its part");
    found(
        headers("linux/wharf.h", "(1 << 6)", "(1 << 7)"),
        "constant-value",
        "wharf_flags.WHARF_LATE",
        &flags(9, 25),
        "tree/linux/wharf.h:12:9",
    );
    let side = headers("linux/wharf.h", "WHARF_SIDE_STARBOARD,", "WHARF_SIDE_STARBOARD = 7,");
    found(side, "constant-value", "wharf_sides.WHARF_SIDE_STARBOARD", &flags(17, 55), "tree/linux/wharf.h:17:2");
    let more = headers("linux/wharf.h", "#define WHARF_NEAR", "#define WHARF_CLOSE 8\n#define WHARF_NEAR");
    found(more, "missing-constant", "wharf_flags.WHARF_CLOSE", &flags(1, 1), "tree/linux/wharf.h:10:9");
    let early = headers("linux/wharf.h", "#define WHARF_NEAR", "#define WHARF_NEXT 0x80\n#define WHARF_NEAR");
    found(early, "missing-constant", "wharf_flags.WHARF_NEXT", &flags(10, 5), "tree/linux/wharf.h:10:9");
    let less = headers("linux/wharf.h", "#define WHARF_LATE", "#define OTHER_LATE");
    found(less, "extra-constant", "wharf_flags.WHARF_LATE", &flags(9, 5), "tree/linux/wharf.h");
    found(
        btf(&Plan { starboard: 2, ..RIGHT }),
        "constant-value",
        "wharf_sides.WHARF_SIDE_STARBOARD",
        &flags(17, 55),
        "vmlinux [type 9]",
    );
}

#[test]
fn layouts() {
    let types = |line: u32, column: u32| format!("spec/types/wharf.yaml:{line}:{column}");
    let ids = |facts: Facts| {
        check(&spec(), &[facts]).findings.iter().map(|f| format!("{} {}", f.id, f.subject)).collect::<Vec<_>>()
    };
    let grown = headers("linux/wharf.h", "__u64 name;", "__u64 name;\n\t__u64 more;");
    assert_eq!(ids(grown), ["struct-size wharf_how", "field-missing wharf_how.more"]);
    let order = headers(
        "linux/wharf.h",
        "__u32 side;\n\tunion {\n\t\t__u32 length;\n\t\t__u32 draught;\n\t};",
        "union {\n\t\t__u32 length;\n\t\t__u32 draught;\n\t};\n\t__u32 side;",
    );
    assert_eq!(ids(order), ["field-offset wharf_how.side", "field-offset wharf_how.length"]);
    let packed = headers("linux/wharf.h", "__u64 name;\n}", "__u64 name;\n} __attribute__((packed))");
    found(packed, "struct-alignment", "wharf_how", &types(4, 10), "tree/linux/wharf.h:20:8");
    let narrow = headers("linux/wharf.h", "__u64 name;", "__u32 name;");
    found(narrow, "field-size", "wharf_how.name", &types(10, 26), "tree/linux/wharf.h:20:8");
    let signed = headers("linux/wharf.h", "__u64 flags;", "long long flags;");
    found(signed, "field-type", "wharf_how.flags", &types(7, 71), "tree/linux/wharf.h:20:8");
    let renamed = headers("linux/wharf.h", "__u64 name;", "__u64 title;");
    found(renamed, "field-extra", "wharf_how.name", &types(10, 14), "tree/linux/wharf.h:20:8");
    found(btf(&Plan { size: 32, ..RIGHT }), "struct-size", "wharf_how", &types(3, 9), "vmlinux [type 8]");
    found(btf(&Plan { side: 72, ..RIGHT }), "field-offset", "wharf_how.side", &types(8, 63), "vmlinux [type 8]");
}

#[test]
fn numbers() {
    let changed = headers("asm/unistd.h", "wharf_open 700", "wharf_open 710");
    found(changed, "syscall-number", "wharf_open", "spec/syscalls/wharf_open.yaml:3:14", "tree/asm/unistd.h:2:9");
    let gone = headers("asm/unistd.h", "__NR_wharf_wait", "__NR_wharf_rest");
    found(gone, "extra-syscall", "wharf_wait", "spec/syscalls/wharf_wait.yaml:3:14", "tree/asm/unistd.h");
}

/// What a kernel's list of symbols says against a specification in which one call depends on an option.
fn served(list: &str, release: Release, config: Option<&[&str]>) -> Report {
    let file = |path: &str, text: &str| SourceFile { path: path.to_owned(), text: text.to_owned() };
    let wait = format!("{WAIT}since: \"6.3\"\nconfig: CONFIG_WHARF\n");
    let late = WAIT.replace("wharf_wait", "wharf_late").replace("701", "702") + "since: \"6.9\"\n";
    let own = WAIT.replace("wharf_wait", "wharf_own").replace("701", "703")
        + "errors: {ENOSYS: [{may: \"true\", from: config}]}\n";
    let files = [("wait", wait), ("late", late), ("own", own)];
    let mut files: Vec<_> =
        files.iter().map(|(name, text)| file(&format!("spec/syscalls/wharf_{name}.yaml"), text)).collect();
    files.extend([file("spec/flags/wharf.yaml", FLAGS), file("spec/syscalls/wharf_open.yaml", OPEN)]);
    let (spec, findings) = load(files);
    assert!(findings.is_empty(), "{findings:#?}");
    let facts = read_symbols_text("map", list, Arch::X86_64, &|_| true).expect("a list of symbols");
    let source = Source { file: "map".into(), at: Position::Whole };
    let release = Claim::Says { value: release, source: source.clone() };
    let config = match config {
        Some(options) => Claim::Says { value: options.iter().map(|option| (*option).to_owned()).collect(), source },
        None => Claim::Silent { reason: "not read".to_owned() },
    };
    check(&spec, &[Facts { release, config, ..facts }])
}

#[test]
fn calls_that_a_kernel_serves() {
    const ALL: &str = "f1 T __x64_sys_wharf_open\nf2 T __x64_sys_wharf_wait\nf3 W __x64_sys_wharf_own\n";
    let said = |report: &Report| -> Vec<String> {
        assert!(report.findings.iter().all(|finding| finding.id == "syscall-served"));
        report
            .findings
            .iter()
            .map(|found| format!("{}: {} at {:?}", found.subject, found.message, found.other))
            .collect()
    };
    let right = served(ALL, Release::new(6, 4), Some(&["CONFIG_WHARF"]));
    assert_eq!((said(&right), count(&right, "syscall-served")), (vec![], 2));
    let off = ALL.replace("T __x64_sys_wharf_wait", "W __x64_sys_wharf_wait");
    assert_eq!(said(&served(&off, Release::new(6, 4), Some(&[]))), [""; 0]);
    for (list, release, config, expected) in [
        (
            off.as_str(),
            Release::new(6, 4),
            Some(&["CONFIG_WHARF"][..]),
            "wharf_wait: spec says that a kernel with CONFIG_WHARF serves the call",
        ),
        (
            ALL.replace("_open", "_shut").as_str(),
            Release::new(6, 4),
            None,
            "wharf_open: spec says that every kernel serves the call",
        ),
        (
            ALL,
            Release::new(6, 9),
            None,
            "wharf_late: spec says that every kernel serves the call, symbols says there is no function wharf_late",
        ),
    ] {
        let found = said(&served(list, release, config));
        assert!(found.len() == 1 && found[0].starts_with(expected), "{expected}: {found:?}");
    }
    // What is there although its option is off may answer ENOSYS by itself.
    let stub = served(ALL, Release::new(6, 4), Some(&[]));
    assert_eq!((said(&stub), count(&stub, "syscall-served")), (vec![], 1));
    // An older kernel need not have it, and of one whose options are not known nothing is said.
    assert_eq!(said(&served("f1 T __x64_sys_wharf_open\n", Release::new(6, 2), None)), [""; 0]);
    assert_eq!(said(&served(&off, Release::new(6, 4), None)), [""; 0]);
}

#[test]
fn arguments() {
    let open = |line: u32, column: u32| format!("spec/syscalls/wharf_open.yaml:{line}:{column}");
    found(
        btf(&Plan { unsigned: false, ..RIGHT }),
        "argument-type",
        "wharf_open(flags)",
        &open(6, 22),
        "vmlinux [type 11]",
    );
    found(btf(&Plan { name: "how", ..RIGHT }), "argument-name", "wharf_open(flags)", &open(6, 12), "vmlinux [type 11]");
    found(btf(&Plan { third: true, ..RIGHT }), "argument-count", "wharf_open", &open(5, 12), "vmlinux [type 11]");
    let path = "events/syscalls/sys_enter_wharf_open/format:1:1";
    found(
        tracefs("type", &TRACED.replace("const char *", "char *")),
        "argument-type",
        "wharf_open(name)",
        &open(5, 21),
        path,
    );
    found(tracefs("name", &TRACED.replace("name;", "path;")), "argument-name", "wharf_open(name)", &open(5, 12), path);
    found(
        tracefs("count", TRACED.split_inclusive('\n').next().unwrap_or_default()),
        "argument-count",
        "wharf_open",
        &open(5, 12),
        path,
    );
}

#[test]
fn a_witness_without_a_release_is_silent_about_what_depends_on_it() {
    let facts = headers("linux/version.h", "LINUX_VERSION_CODE", "NO_VERSION_CODE");
    let report = check(&spec(), &[facts]);
    assert_eq!(report.findings, []);
    let silent = report.silent.iter().find(|silent| silent.check == "extra-constant").expect("silence");
    assert_eq!(silent.subjects, ["wharf_flags.WHARF_LATE", "wharf_flags.WHARF_NEXT"]);
}
