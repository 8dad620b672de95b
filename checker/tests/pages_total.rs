//! Whatever stands in a man page, reading it ends soon and without a panic, and what is stated is in order.

use abispec::arch::Arch;
use abispec::errno::Errno;
use abispec_checker::facts::{Facts, Position};
use abispec_checker::files::Memory;
use abispec_checker::man::read_man;
use proptest::collection::vec;
use proptest::prelude::*;
use std::fmt::Write;
use std::fs;
use std::path::Path;

fn read(bytes: &[u8]) -> Facts {
    let files = [("x.2", bytes.to_vec()), ("y.2", b".so man2/x.2".to_vec())];
    let files = files.into_iter().map(|(name, bytes)| (name.to_owned(), bytes)).collect();
    read_man(&Memory { name: "m".to_owned(), files }, Arch::X86_64).expect("two pages")
}

/// Reads a page twice and looks at what it states.
fn sound(bytes: &[u8]) -> Facts {
    let facts = read(bytes);
    assert_eq!(facts, read(bytes));
    let lines = bytes.iter().filter(|byte| **byte == b'\n').count() + 1;
    for (errno, fact) in facts.errnos.values().flatten() {
        assert!(Errno::from_name(errno).is_some(), "{errno}");
        let Position::Line { line, .. } = fact.source.at else { panic!("{errno} has no line") };
        assert!((1..=lines).contains(&(line as usize)), "{errno} in line {line} of {lines}");
    }
    facts
}

fn fixture(name: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/man/man2").join(name)).expect("a fixture")
}

/// Lines that come close to pages.
fn line() -> impl Strategy<Value = String> {
    let request = prop::sample::select(vec![
        ".TH x 2 d \"Linux man-pages 6.9\"",
        ".SH NAME",
        ".SH ERRORS",
        ".SH SYNOPSIS",
        ".SH HISTORY",
        ".SS",
        ".SS a()",
        ".TP",
        ".TQ",
        ".IP",
        ".IP \\[bu] 3",
        ".RS",
        ".RE",
        ".P",
        ".nf",
        ".de X",
        "..",
        ".ig",
        ".if n \\{\\",
        ".ie t .B",
        ".el \\{\\",
        ".\\}",
        ".ds a \\*a\\*a",
        ".so man2/y.2",
        ".BR",
        ".BI \"",
        ".B EINVAL",
        ".BR EPERM \" or \" EACCES",
        ".BR x ()",
        ".RB ( y ())",
        "x, y \\- z",
        "int x(int a, ...);",
        "int syscall(SYS_x, int a[2], void (*f)(int));",
        "Linux 5.6.",
        "x() was added in Linux 5.1.",
        "the errors of y(2)",
        "EBADF",
        "/*",
        "*/",
        "((((((((((",
        "))))))))))",
        "\\*a\\*a\\*a",
        "\\f[",
        "\\s",
        "\\c",
        "\\",
    ]);
    prop_oneof![8 => request.prop_map(str::to_owned), 1 => "[ -~]{0,40}", 1 => "\\PC{0,20}"]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes(bytes in vec(any::<u8>(), 0..2000)) {
        sound(&bytes);
    }

    #[test]
    fn arbitrary_pages(lines in vec(line(), 0..120)) {
        sound(lines.join("\n").as_bytes());
    }

    #[test]
    fn mutated_pages(
        name in prop::sample::select(vec!["moor.2", "signal_tower.2", "hail.2", "TOWER_LAMP.2const"]),
        changes in vec((any::<prop::sample::Index>(), any::<u8>(), 0..3_u8), 1..12),
    ) {
        let mut bytes = fixture(name);
        for (at, byte, how) in changes {
            let at = at.index(bytes.len().max(1)).min(bytes.len().saturating_sub(1));
            match how {
                0 if !bytes.is_empty() => bytes[at] = byte,
                1 if !bytes.is_empty() => drop(bytes.remove(at)),
                _ => bytes.insert(at, byte),
            }
        }
        sound(&bytes);
    }
}

/// Pages that are made to take long.
#[test]
fn hostile_pages_are_read_in_bounded_time() {
    let head = ".TH x 2 d \"Linux man-pages 6.9\"\n.SH NAME\n";
    let mut names = String::new();
    for number in 0..25_000 {
        let _ = write!(names, "n{number}, ");
    }
    let entry = ".TP\n.B EINVAL\nn1() n2() n3()\n";
    let deep = format!(".ds a {}\n{}", "x".repeat(4000), ".ds a \\*a\\*a\n".repeat(1000));
    let pages = [
        format!("{head}{names} z \\- x\n.SH ERRORS\n{}", entry.repeat(12_500)),
        format!("{deep}{head}{}", "\\*a\\*a\\*a\n".repeat(50_000)),
        format!("{head}x \\- y\n.SH SYNOPSIS\n{}", "int x(".repeat(75_000)),
        format!("{head}x \\- y\n.SH SYNOPSIS\n{}", "int x(int a);".repeat(50_000)),
        format!("{head}x \\- y\n.SH ERRORS\n.TP\n.B {}\n", "EINVAL ".repeat(100_000)),
        format!("{head}x \\- y\n.SH ERRORS\n{}", ".RS\n.TP\n.B EPERM\n(".repeat(50_000)),
        format!("{head}x \\- y\n.SH ERRORS\nthe errors of {}", "y(2) errors. ".repeat(50_000)),
        format!("{head}x \\- y\n.SH HISTORY\n{}", "x(), ".repeat(100_000)),
        format!("{head}x \\- y\n.SH HISTORY\n{}", ".TP\nx()\nLinux 5.1.\n".repeat(25_000)),
        format!("{head}{}", "x() library/kernel differences\n.SS library/kernel differences\n".repeat(10_000)),
        ".if n ".repeat(125_000),
        "a\\\n".repeat(250_000),
        format!("{head}x \\- y\n.SH ERRORS\n.TP\n.B EPERM\n{}", "\\c\n".repeat(225_000)),
    ];
    // What is quadratic in one of them takes minutes, which nobody overlooks.
    for page in pages {
        read(page.as_bytes());
    }
}
