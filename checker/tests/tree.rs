//! Changes planted in a small kernel tree of our own: each is found, with both places, and nothing else is.

use abispec::arch::Arch;
use abispec::finding::{Finding, Severity, SourceFile};
use abispec::load::load;
use abispec::model::Spec;
use abispec_checker::Report;
use abispec_checker::check;
use abispec_checker::extract::Extractor;
use abispec_checker::files::{Files, Memory};
use abispec_checker::tree::{Parts, Tree, witnesses_of_tree};
use std::collections::BTreeMap;
use std::sync::Arc;

const TABLE: &str = "\
# the calls of the quay
0\tcommon\tmoor\t\tsys_moor
1\t64\tcast_off\tsys_cast_off
2\tx32\tcast_off\tcompat_sys_cast_off
3\tcommon\tsink\t\tsys_ni_syscall
4\tcommon\tberth\t\tsys_newberth
5\tcommon\thoist\t\tsys_hoist
";

const SHARED: &str = "\
0\tcommon\tmoor\tsys_moor
1\t32\tcast_off32\tsys_cast_off32
1\t64\tcast_off\tsys_cast_off
4\tcommon\tberth\tsys_newberth
5\tcommon\thoist\tsys_hoist
";

const SOURCE: &str = "\
#include <linux/syscalls.h>

static int tie(int rope)
{
\tif (rope < 0)
\t\treturn -EBADF;
\treturn 0;
}

/**
 * sys_moor - make a ship fast
 * @rope: the rope
 *
 * error: EBADF, there is no such rope
 * error: EINVAL, the flags are wrong
 */
SYSCALL_DEFINE2(moor, int, fd, unsigned int, flags)
{
\tif (flags & ~(MOOR_FAST | MOOR_LOOSE))
\t\treturn -EINVAL;
\treturn tie(fd);
}

#ifdef CONFIG_64BIT
SYSCALL_DEFINE2(cast_off, int, fd, struct berth __user *, where)
{
\treturn copy_to_user(where, &place, sizeof(place)) ? -EFAULT : 0;
}
#else
SYSCALL_DEFINE2(cast_off32, int, fd, u32 __user *, where)
{
\treturn -EPERM;
}
#endif
COMPAT_SYSCALL_DEFINE2(cast_off, int, fd, u32 __user *, where)
{
\treturn 0;
}

#if defined(CONFIG_ROPE_BACKWARDS)
SYSCALL_DEFINE2(newberth, char __user *, buf, int, fd)
#else
SYSCALL_DEFINE2(newberth, int, fd, char __user *, buf)
#endif
{
\treturn 0;
}
";

const UAPI: &str = "\
#ifndef _UAPI_LINUX_MOOR_H
#define _UAPI_LINUX_MOOR_H
#define MOOR_FAST 1
#define MOOR_LOOSE 0x10
struct berth { unsigned long place; int depth; char name[16]; };
#endif
";

fn files() -> BTreeMap<String, Vec<u8>> {
    let texts = [
        ("Makefile", "VERSION = 6\nPATCHLEVEL = 4\nSUBLEVEL = 2\n"),
        ("Kbuild", "obj-y += kernel/\n"),
        (
            "Kconfig",
            "source \"arch/$(SRCARCH)/Kconfig\"\nconfig CRANE\n\tbool \"A crane\"\nconfig ROPE_BACKWARDS\n\tbool\n",
        ),
        ("arch/x86/Kconfig", "config X86\n\tdef_bool y\n"),
        ("arch/x86/entry/syscalls/syscall_64.tbl", TABLE),
        ("arch/x86/include/uapi/asm/Kbuild", "generated-y += unistd_64.h\n"),
        ("arch/x86/include/uapi/asm/bitsperlong.h", "#define __BITS_PER_LONG 64\n"),
        ("arch/riscv/include/uapi/asm/bitsperlong.h", "#define __BITS_PER_LONG 64\n"),
        ("arch/riscv/Kconfig", "config RISCV\n\tdef_bool y\n\tselect ROPE_BACKWARDS\n"),
        ("arch/riscv/include/uapi/asm/Kbuild", ""),
        ("scripts/Makefile.asm-headers", "syscall_abis_32 += common,32\nsyscall_abis_64 += common,64\n"),
        ("scripts/syscall.tbl", SHARED),
        ("include/uapi/linux/moor.h", UAPI),
        ("kernel/Makefile", "obj-y := moor.o sys_ni.o\nobj-$(CONFIG_CRANE) += hoist.o\n"),
        ("kernel/moor.c", SOURCE),
        ("kernel/hoist.c", "SYSCALL_DEFINE0(hoist)\n{\n\treturn 0;\n}\n"),
        ("kernel/sys_ni.c", "COND_SYSCALL(hoist);\n"),
    ];
    texts.into_iter().map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec())).collect()
}

const MOOR: &str = "\
syscall: moor
summary: make a ship fast
nr: {x86_64: 0, x32: 0x40000000, generic: 0}
params:
  - {name: fd, c: int, type: fd}
  - {name: flags, c: unsigned int, type: \"flags[moor_flags]\", unknown: EINVAL}
returns: zero
errors:
  EBADF: [{when: \"!open(fd)\"}]
";
const CAST_OFF: &str = "\
syscall: cast_off
summary: let a ship go
nr: {x86_64: 1, generic64: 1}
params:
  - {name: fd, c: int, type: fd}
  - {name: where, c: \"struct berth __user *\", type: ulong}
returns: zero
";
const BERTH: &str = "\
syscall: berth
summary: where a ship lies
nr: {x86_64: 4, x32: 0x40000004, generic: 4}
entry: newberth
params:
  - {name: fd, c: int, type: fd}
  - {name: buf, c: \"char __user *\", type: ulong}
returns: zero
";
const HOIST: &str = "\
syscall: hoist
summary: lift
nr: {x86_64: 5, x32: 0x40000005, generic: 5}
config: CONFIG_CRANE
params: []
returns: zero
";
const FLAGS: &str = "\
moor_flags:
  kind: flags
  header: linux/moor.h
  prefix: [MOOR_]
  members: {MOOR_FAST: 1, MOOR_LOOSE: 16}
";

fn spec_with(from: &str, to: &str) -> Spec {
    let texts = [
        ("flags/moor.yaml", FLAGS),
        ("resources/fd.yaml", "fd: {base: int32}\n"),
        ("syscalls/berth.yaml", BERTH),
        ("syscalls/cast_off.yaml", CAST_OFF),
        ("syscalls/hoist.yaml", HOIST),
        ("syscalls/moor.yaml", MOOR),
    ];
    let sources =
        texts.iter().map(|(path, text)| SourceFile { path: (*path).to_owned(), text: text.replace(from, to) });
    let (spec, findings) = load(sources.collect());
    assert!(findings.is_empty(), "{findings:#?}");
    spec
}

fn spec() -> Spec {
    spec_with("\u{0}", "")
}

fn memory(files: BTreeMap<String, Vec<u8>>) -> Arc<dyn Files> {
    Arc::new(Memory { name: "tree".to_owned(), files })
}

/// Riscv's own berth has its parameters the other way round, so what is common is compared on x86.
const PORTS: &[Arch] = &[Arch::X86_64, Arch::X32, Arch::Riscv64, Arch::Riscv32];

fn report_of(spec: &Spec, tree: &Arc<dyn Files>, older: Option<&Arc<dyn Files>>, ports: &[Arch]) -> Report {
    let parts = Parts { source: true, headers: false };
    let witnesses = witnesses_of_tree(tree, older, ports, parts).expect("a tree");
    check(spec, &witnesses.into_iter().map(|facts| facts.expect("facts")).collect::<Vec<_>>())
}

fn changed(file: &str, from: &str, to: &str) -> Arc<dyn Files> {
    let mut files = files();
    let text = String::from_utf8(files[file].clone()).expect("text");
    assert!(text.contains(from), "{file} does not hold {from}");
    files.insert(file.to_owned(), text.replace(from, to).into_bytes());
    memory(files)
}

fn shown(findings: &[Finding]) -> Vec<String> {
    findings.iter().map(|f| format!("{} {}: {}", f.id, f.subject, f.message)).collect()
}

/// Exactly one finding, on the ports of x86.
#[track_caller]
fn found(spec: &Spec, tree: &Arc<dyn Files>, id: &str, subject: &str, other: &str) -> Finding {
    let report = report_of(spec, tree, None, &PORTS[..2]);
    let [finding] = report.findings.as_slice() else { panic!("not one finding: {:#?}", shown(&report.findings)) };
    assert_eq!((finding.id.as_str(), finding.subject.as_str()), (id, subject), "{finding:?}");
    assert_eq!(finding.other.as_deref(), Some(other), "{finding:?}");
    assert!(finding.expected.is_some() && finding.actual.is_some() && finding.help.is_some());
    finding.clone()
}

#[test]
fn a_tree_that_agrees_gives_no_finding() {
    let report = report_of(&spec(), &memory(files()), None, &PORTS[..2]);
    assert_eq!(shown(&report.findings), [] as [&str; 0]);
    let count =
        |id: &str| report.compared.iter().filter(|entry| entry.check == id).map(|entry| entry.count).sum::<usize>();
    let expected = [
        ("syscall-number", 7),
        ("extra-syscall", 7),
        ("missing-syscall", 8),
        ("argument-count", 7),
        ("argument-name", 10),
        ("argument-type", 10),
        ("syscall-option", 7),
        ("errno-unspecified", 4),
    ];
    for (id, number) in expected {
        assert_eq!(count(id), number, "{id}");
    }
    // The table of x32 has another function for cast_off, and the specification leaves the port out.
    let reasons: Vec<_> = report.silent.iter().map(|silent| (silent.check, silent.reason.as_str())).collect();
    assert!(
        reasons.contains(&("syscall-number", "on this port another function serves the call, compat_sys_cast_off"))
    );
}

#[test]
fn ports_are_told_apart() {
    let tree = memory(files());
    let tree = Tree::read(&*tree).expect("a tree");
    let params = |arch: Arch, entry: &str| -> Option<String> {
        let facts = tree.facts(arch);
        let names = facts.prototypes.get(entry)?.value.params.iter().map(|param| param.name.clone());
        Some(names.collect::<Vec<_>>().join(" "))
    };
    assert_eq!(params(Arch::X86_64, "newberth").as_deref(), Some("fd buf"));
    assert_eq!(params(Arch::Riscv64, "newberth").as_deref(), Some("buf fd"));
    assert_eq!(params(Arch::Riscv64, "cast_off").as_deref(), Some("fd where"));
    assert_eq!(params(Arch::Riscv32, "cast_off"), None);
    assert_eq!(params(Arch::Riscv32, "cast_off32").as_deref(), Some("fd where"));
    assert_eq!(tree.facts(Arch::X86_64).options["hoist"].value, "CONFIG_CRANE");
    assert_eq!(tree.facts(Arch::X32).numbers["moor"].value, 0x4000_0000);
    assert_eq!(tree.release().map(|release| release.to_string()).as_deref(), Some("6.4.2"));
    assert!(!tree.has(Arch::Arm) && tree.facts(Arch::Arm).numbers.is_empty());
}

#[test]
fn numbers() {
    let table = "arch/x86/entry/syscalls/syscall_64.tbl";
    let moved = changed(table, "0\tcommon\tmoor", "7\tcommon\tmoor");
    let report = report_of(&spec(), &moved, None, &[Arch::X86_64]);
    assert_eq!(shown(&report.findings), ["syscall-number moor: spec says number 0, tree says number 7"]);
    assert_eq!(report.findings[0].other.as_deref(), Some("tree/arch/x86/entry/syscalls/syscall_64.tbl:2:1"));
    let gone = changed(table, "1\t64\tcast_off\tsys_cast_off", "# gone");
    found(&spec(), &gone, "extra-syscall", "cast_off", "tree/arch/x86/entry/syscalls/syscall_64.tbl");
    let narrow = spec_with("generic64: 1", "generic: 1");
    let report = report_of(&narrow, &memory(files()), None, &[Arch::Riscv32]);
    let extra: Vec<_> = report.findings.iter().filter(|finding| finding.id == "extra-syscall").collect();
    assert_eq!(extra.len(), 1, "{:?}", shown(&report.findings));
    let early = spec_with("summary: let a ship go", "summary: let a ship go\nsince: \"6.5\"");
    assert_eq!(shown(&report_of(&early, &gone, None, &PORTS[..2]).findings), [] as [&str; 0]);
    let absent = spec_with("{x86_64: 0, x32: 0x40000000, generic: 0}", "{x86_64: 0, generic: 0}");
    found(&absent, &memory(files()), "syscall-number", "moor", "tree/arch/x86/entry/syscalls/syscall_64.tbl:2:1");
}

#[test]
fn prototypes() {
    let source = "kernel/moor.c";
    let wider = changed(source, "int, fd, unsigned int, flags", "int, fd, unsigned long, flags");
    let finding = found(&spec(), &wider, "argument-type", "moor(flags)", "tree/kernel/moor.c:17:1");
    assert!(finding.message.ends_with("(on all 2 ports)"), "{}", finding.message);
    let renamed = changed(source, "unsigned int, flags)", "unsigned int, how)");
    found(&spec(), &renamed, "argument-name", "moor(flags)", "tree/kernel/moor.c:17:1");
    let more = changed(source, "DEFINE2(moor, int, fd,", "DEFINE3(moor, int, more, int, fd,");
    found(&spec(), &more, "argument-count", "moor", "tree/kernel/moor.c:17:1");
}

#[test]
fn options() {
    let always = changed("kernel/Makefile", "obj-$(CONFIG_CRANE) +=", "obj-y +=");
    found(&spec(), &always, "syscall-option", "hoist", "tree/kernel/hoist.c:1:1");
    let other = changed("kernel/hoist.c", "SYSCALL_DEFINE0", "#ifdef CONFIG_WINCH\n#endif\nSYSCALL_DEFINE0");
    assert_eq!(shown(&report_of(&spec(), &other, None, &PORTS[..2]).findings), [] as [&str; 0]);
    let missing = spec_with("config: CONFIG_CRANE\n", "");
    let finding = found(&missing, &memory(files()), "syscall-option", "hoist", "tree/kernel/hoist.c:1:1");
    assert_eq!(finding.help.as_deref(), Some("write `config: CONFIG_CRANE`"));
}

#[test]
fn promises() {
    let more =
        changed("kernel/moor.c", " * error: EINVAL, the flags", " * error: EIO, the sea\n * error: EINVAL, the flags");
    let report = report_of(&spec(), &more, None, &[Arch::X86_64]);
    assert_eq!(shown(&report.findings), ["errno-unspecified moor.EIO: spec says no EIO, tree says EIO is possible"]);
    assert_eq!(report.findings[0].other.as_deref(), Some("tree/kernel/moor.c:15:11"));
    let less = changed("kernel/moor.c", " * error: EBADF, there is no such rope\n", "");
    let report = report_of(&spec(), &less, None, &[Arch::X86_64]);
    assert_eq!(
        shown(&report.findings),
        ["errno-undocumented moor.EBADF: spec says EBADF is possible, tree says nothing of EBADF"]
    );
}

#[test]
fn calls_that_no_file_describes() {
    let table = "arch/x86/entry/syscalls/syscall_64.tbl";
    let one = changed(table, "5\tcommon\thoist", "6\tcommon\tdredge\tsys_dredge\n5\tcommon\thoist");
    let report = report_of(&spec(), &one, None, &PORTS[..2]);
    let [finding] = report.findings.as_slice() else { panic!("{:?}", shown(&report.findings)) };
    assert_eq!(
        (finding.id.as_str(), finding.subject.as_str(), finding.severity),
        ("missing-syscall", "dredge", Severity::Warning)
    );
    assert_eq!(finding.help.as_deref(), Some("abispec extract dredge --tree tree"));
    let two = changed(
        table,
        "5\tcommon\thoist",
        "6\tcommon\tdredge\tsys_dredge\n7\tcommon\tbuoy\tsys_buoy\n5\tcommon\thoist",
    );
    let report = report_of(&spec(), &two, None, &PORTS[..2]);
    let [finding] = report.findings.as_slice() else { panic!("{:?}", shown(&report.findings)) };
    assert_eq!(
        (finding.subject.as_str(), finding.trace.as_slice()),
        ("2 system calls of tree", &["buoy dredge".to_owned()][..])
    );
    // Beside an older tree only what is new counts, and it is an error.
    let report = report_of(&spec(), &two, Some(&one), &PORTS[..2]);
    let [finding] = report.findings.as_slice() else { panic!("{:?}", shown(&report.findings)) };
    assert_eq!((finding.subject.as_str(), finding.severity), ("buoy", Severity::Error));
    assert_eq!(finding.other.as_deref(), Some("tree/arch/x86/entry/syscalls/syscall_64.tbl:8:1"));
    assert_eq!(shown(&report_of(&spec(), &two, Some(&two), &PORTS[..2]).findings), [] as [&str; 0]);
}

#[test]
fn what_is_extracted_loads_and_agrees() {
    let tree = memory(files());
    let extractor = Extractor::read(&tree).expect("a tree");
    let (empty, _) =
        load(vec![SourceFile { path: "resources/fd.yaml".to_owned(), text: "fd: {base: int32}\n".to_owned() }]);
    let mut texts = vec![SourceFile { path: "resources/fd.yaml".to_owned(), text: "fd: {base: int32}\n".to_owned() }];
    for name in ["moor", "cast_off", "berth", "hoist"] {
        let extract = extractor.extract(name, &empty).expect("an extract");
        texts.extend(extract.files.into_iter().map(|(path, text)| SourceFile { path, text }));
    }
    let moor = &texts.iter().find(|file| file.path == "syscalls/moor.yaml").expect("its file").text;
    for line in ["summary: make a ship fast", "  EBADF:", "  EINVAL:", "nr: {x86_64: 0, x32: 0x40000000, generic: 0}"] {
        assert!(moor.contains(line), "{moor}");
    }
    assert!(moor.contains("type: \"flags[moor_flags]\", unknown: EINVAL"), "{moor}");
    let (spec, findings) = load(texts);
    assert!(findings.is_empty(), "{findings:#?}");
    assert_eq!(spec.sets["moor_flags"].members.len(), 2);
    let berth = &spec.structs["berth"];
    assert_eq!((berth.size.value.lp64, berth.fields.len(), berth.fields[1].offset.value.lp64), (32, 3, 8));
    assert_eq!(spec.syscalls["hoist"].config.as_ref().map(|config| config.value.as_str()), Some("CONFIG_CRANE"));
    assert_eq!(shown(&report_of(&spec, &tree, None, &PORTS[..2]).findings), [] as [&str; 0]);
    let message = extractor.extract("moore", &empty).expect_err("no such call");
    assert!(message.contains("did you mean `moor`?"), "{message}");
    assert!(extractor.extract("sink", &empty).is_err());
}

#[test]
fn what_is_no_tree_says_why() {
    for (missing, reason) in [("Makefile", "no Makefile"), ("arch/", "no folder arch/")] {
        let kept = files().into_iter().filter(|(path, _)| !path.starts_with(missing)).collect();
        let memory = memory(kept);
        let message = Tree::read(&*memory).err().expect("no tree");
        assert!(message.contains(reason), "{message}");
    }
    let unnamed = changed("Makefile", "PATCHLEVEL", "LEVEL");
    assert!(Tree::read(&*unnamed).err().is_some_and(|message| message.contains("PATCHLEVEL")));
}
