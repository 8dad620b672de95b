//! Differences planted between two witnesses: each is found, with both places, and what is right is not.

mod encoder;

use abispec::arch::Arch;
use abispec::finding::Severity;
use abispec::version::Release;
use abispec_checker::between;
use abispec_checker::bindings::{CLibrary, RustTarget, read_bindings};
use abispec_checker::btf::read_btf_bytes;
use abispec_checker::facts::{Claim, Facts, Position, Source};
use abispec_checker::files::Memory;
use abispec_checker::headers::read_header_texts;
use encoder::Encoder;
use std::collections::BTreeMap;

const HEADER: &str = "\
#define BUOY_RED 0x10
#define BUOY_SIGN (-1)
#define BUOY_MAX 4
#define BELL 7
enum buoy_light { BUOY_DARK, BUOY_FLASH, BUOY_STEADY, __BUOY_LIGHTS };
struct buoy { unsigned long long at; unsigned int colour; unsigned int reserved[3]; unsigned int chain; };
struct buoy_line { unsigned int count; char name[]; };
struct anchor { unsigned int weight; };
struct pt_regs { unsigned long a; };
";

fn headers(release: &str) -> Facts {
    let texts = BTreeMap::from([
        ("linux/buoy.h".to_owned(), HEADER.to_owned()),
        ("linux/version.h".to_owned(), format!("#define LINUX_VERSION_CODE {release}\n")),
        ("asm/unistd.h".to_owned(), "#define __NR_moor 12\n#define __NR_weigh 13\n".to_owned()),
    ]);
    read_header_texts("tree", texts, Arch::X86_64)
}

fn bindings(text: &str) -> Facts {
    let files = BTreeMap::from([("src/lib.rs".to_owned(), text.as_bytes().to_vec())]);
    let target = RustTarget::new(Arch::X86_64, CLibrary::Gnu).expect("a target of Rust");
    read_bindings(&Memory { name: "crate".to_owned(), files }, "crate", &target).expect("a whole crate")
}

const BINDINGS: &str = "\
pub const BUOY_RED: u64 = 0x10;
pub const BUOY_SIGN: u32 = !0;
pub const BUOY_MAX: i32 = 3;
pub const BUOY_FLASH: u8 = 1;
pub const SYS_moor: i64 = 12;
pub const SYS_weigh: i64 = 13;
#[repr(C)] pub struct buoy { pub at: u64, pub colour: u32, reserved: [u32; 2], more: u32, pub chain: u32 }
#[repr(C)] pub struct buoy_line { pub count: u32, pub name: [u8; 0] }
#[repr(C)] pub struct anchor { pub weight: u32 }
";

fn kernel(flash: u32, chain: u32, release: Option<Release>) -> Facts {
    let mut btf = Encoder::new();
    let int = btf.add("unsigned int", 1, false, 0, 4, &[32]);
    let long = btf.add("long long unsigned int", 1, false, 0, 8, &[64]);
    let byte = btf.add("char", 1, false, 0, 1, &[8]);
    let text = btf.add("", 3, false, 0, 0, &[byte, int, 60]);
    btf.record("buoy", 32, false, &[("at", long, 0), ("colour", int, 64), ("chain", int, chain)]);
    btf.record("buoy_line", 64, false, &[("count", int, 0), ("name", text, 32)]);
    btf.record("pt_regs", 16, false, &[("a", int, 0)]);
    let (dark, light, bell) = (btf.name("BUOY_DARK"), btf.name("BUOY_FLASH"), btf.name("BELL"));
    btf.add("buoy_light", 6, false, 2, 4, &[dark, 0, light, flash]);
    // An enumeration of the kernel's own.
    btf.add("sound", 6, false, 1, 4, &[bell, 1]);
    btf.function("__do_sys_moor", long, &[("line", int)]);
    let facts = read_btf_bytes("vmlinux", &btf.bytes(false), Arch::X86_64, &|_| true).expect("type information");
    let source = Source { file: "banner".into(), at: Position::Whole };
    match release {
        Some(value) => Facts { release: Claim::Says { value, source }, ..facts },
        None => facts,
    }
}

fn found(witnesses: &[Facts]) -> Vec<String> {
    let report = between(witnesses);
    assert!(report.comparisons() > 0);
    assert!(report.findings.iter().all(|finding| finding.severity == Severity::Warning));
    report
        .findings
        .iter()
        .map(|finding| {
            let place = finding.spec.as_ref().map(ToString::to_string).unwrap_or_default();
            format!(
                "{} {}: {} [{place}] [{}]",
                finding.id,
                finding.subject,
                finding.message,
                finding.other.clone().unwrap_or_default()
            )
        })
        .collect()
}

#[test]
fn what_agrees_is_not_reported() {
    let same = Some(Release::new(6, 4));
    assert_eq!(found(&[headers("0x060400"), bindings(BINDINGS), kernel(1, 192, same)]), [""; 0]);
}

#[test]
fn each_planted_difference_is_found() {
    let plant = |from: &str, to: &str| {
        assert!(BINDINGS.contains(from), "{from}");
        found(&[headers("0x060400"), bindings(&BINDINGS.replace(from, to))])
    };
    assert_eq!(
        plant("BUOY_RED: u64 = 0x10", "BUOY_RED: u64 = 0x20"),
        [
            "binding-constant BUOY_RED: headers says 16 (0x10), rust says 32 (0x20) [tree/linux/buoy.h:1:9] [crate/src/lib.rs:1:11]"
        ]
    );
    assert_eq!(
        plant("SYS_weigh: i64 = 13", "SYS_weigh: i64 = 14"),
        [
            "call-number weigh: headers says number 13, rust says number 14 [tree/asm/unistd.h:2:9] [crate/src/lib.rs:6:11]"
        ]
    );
    assert_eq!(
        plant("reserved: [u32; 2], more: u32", "reserved: [u32; 3], more: u32"),
        [
            "binding-layout buoy: headers says `chain` is 4 bytes at 24, rust says `chain` is 4 bytes at 28 [tree/linux/buoy.h:6:8] [crate/src/lib.rs:7:23]"
        ]
    );
    assert_eq!(
        plant("pub weight: u32 }", "pub weight: u32, pub rope: [u8; 0], tail: u64 }"),
        [] as [&str; 0],
        "what has grown is silent while the release is not known"
    );
    assert_eq!(
        plant("#[repr(C)] pub struct anchor", "#[repr(C, align(16))] pub struct anchor"),
        [
            "binding-layout anchor: headers says struct anchor has 4 bytes, rust says struct anchor has 16 bytes [tree/linux/buoy.h:8:8] [crate/src/lib.rs:9:34]"
        ]
    );
}

#[test]
fn kernels_are_compared_with_headers_of_their_release() {
    let same = Some(Release::new(6, 4));
    let differs = found(&[headers("0x060400"), kernel(2, 192, same)]);
    assert_eq!(
        differs,
        ["kernel-enumerator BUOY_FLASH: headers says 1, btf says 2 [tree/linux/buoy.h:5:30] [vmlinux [type 8]]"]
    );
    assert_eq!(found(&[headers("0x060400"), kernel(2, 192, None)]), [""; 0], "another release may differ");
    let moved = found(&[headers("0x060400"), kernel(1, 160, same)]);
    assert_eq!(
        moved,
        [
            "kernel-layout buoy: headers says `chain` is 4 bytes at 24, btf says `chain` is 4 bytes at 20 [tree/linux/buoy.h:6:8] [vmlinux [type 5]]"
        ]
    );
}

#[test]
fn what_grows_is_compared_within_one_release() {
    let release = "pub const LINUX_VERSION_CODE: u32 = 0x060400;\n";
    let stale = found(&[headers("0x060400"), bindings(&format!("{release}{BINDINGS}"))]);
    assert_eq!(
        stale,
        ["binding-constant BUOY_MAX: headers says 4, rust says 3 [tree/linux/buoy.h:3:9] [crate/src/lib.rs:4:11]"]
    );
}

#[test]
fn witnesses_of_two_ports_are_not_compared() {
    let target = RustTarget::new(Arch::Arm64, CLibrary::Gnu).expect("a target of Rust");
    let files = BTreeMap::from([("src/lib.rs".to_owned(), b"pub const BUOY_RED: u32 = 1;".to_vec())]);
    let other = read_bindings(&Memory { name: "crate".to_owned(), files }, "crate", &target).expect("a whole crate");
    assert_eq!(between(&[headers("0x060400"), other]).comparisons(), 0);
}
