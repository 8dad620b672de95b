//! Headers that are made to cost time, memory or stack: each comes to an end, with silence or without. What a limit did not
//! stop would take longer than anybody waits.

use super::read_header_texts;
use crate::facts::Facts;
use abispec::arch::Arch;
use std::fmt::Write as _;

#[track_caller]
fn read(files: &[(&str, String)]) -> Facts {
    let texts = files.iter().map(|(name, text)| ((*name).to_owned(), text.clone())).collect();
    read_header_texts("tree", texts, Arch::X86_64)
}

#[track_caller]
fn one(text: String) -> Facts {
    read(&[("linux/one.h", text)])
}

#[test]
fn macros_that_double_and_leave_nothing() {
    let mut text = "#define M0\n".to_owned();
    for level in 1..60 {
        let _ = writeln!(text, "#define M{level} M{0} M{0}", level - 1);
    }
    text.push_str("M59\n#define LATE 1\n");
    one(text);
}

#[test]
fn macros_that_grow() {
    let mut text = "#define G0 x + x\n".to_owned();
    for level in 1..60 {
        let _ = writeln!(text, "#define G{level} G{0} + G{0}", level - 1);
    }
    text.push_str("#define DEEP(x) x x\nenum { E = G59 };\n#define F DEEP(DEEP(DEEP(DEEP(G40))))\n");
    one(text);
}

#[test]
fn inclusions_that_double() {
    let names: Vec<String> = (0..60).map(|number| format!("linux/h{number}.h")).collect();
    let text =
        |number: usize| format!("#include <linux/h{0}.h>\n#include <linux/h{0}.h>\n#define H{number} 1\n", number + 1);
    let files: Vec<(&str, String)> =
        names.iter().enumerate().map(|(number, name)| (name.as_str(), text(number))).collect();
    let facts = read(&files);
    assert!(!facts.silent.is_empty());
}

#[test]
fn structs_in_structs() {
    let mut text = "struct s0 { char c; };\n".to_owned();
    for level in 1..55 {
        let _ = writeln!(text, "struct s{level} {{ struct s{0} a, b; }};", level - 1);
    }
    text.push_str("#define SIZE sizeof(struct s54)\n");
    let facts = one(text);
    assert_eq!(facts.layouts["s54"][0].value.size, 1 << 54);
}

#[test]
fn long_and_deep_expressions() {
    let sum = vec!["1"; 50_000].join(" + ");
    let members = "x".to_owned() + &".y".repeat(50_000);
    let deep = "(".repeat(50_000) + "1" + &")".repeat(50_000);
    let signs = "-".repeat(50_000) + "1";
    let types = "int ".to_owned() + &"*".repeat(50_000) + "p;\ntypedef int a" + &"[1]".repeat(20_000) + ";\n";
    let text = format!(
        "#define SUM {sum}\n#define MEMBERS {members}\n#define DEEP {deep}\n#define SIGNS {signs}\n#define FINE 3\n\
         struct s {{ int a[{sum}]; int b[{deep}]; a c; }};\n{types}"
    );
    let facts = read(&[("linux/one.h", text), ("linux/two.h", format!("#if {sum}\n#endif\n"))]);
    assert_eq!(facts.constants["FINE"][0].value.value, 3);
    assert!(facts.silent.iter().any(|silence| silence.reason.contains("the condition cannot be evaluated")));
}

#[test]
fn brackets_that_are_not_closed() {
    for text in
        ["{;".repeat(50_000), "(".repeat(100_000), "struct s { int (".repeat(20_000), "typedef int a; ".repeat(20_000)]
    {
        one(text);
    }
    let mut chain = "typedef int t0;\n".to_owned();
    for number in 1..10_000 {
        let _ = writeln!(chain, "typedef t{} t{number};", number - 1);
    }
    one(chain + "struct s { t9999 a; };\n");
}

#[test]
fn files_that_are_too_large() {
    let facts = one(" ".repeat((8 << 20) + 1));
    assert!(facts.silent[0].reason.contains("larger than 8 MiB"), "{:?}", facts.silent);
}
