//! Small headers, each about one thing that is easily read wrongly.

use super::read_header_texts;
use crate::facts::{Claim, Facts, Layout};
use abispec::arch::Arch;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn read_for(arch: Arch, files: &[(&str, &str)]) -> Facts {
    let texts: BTreeMap<_, _> = files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    read_header_texts("tree", texts, arch)
}

fn read(files: &[(&str, &str)]) -> Facts {
    read_for(Arch::X86_64, files)
}

fn one(text: &str) -> Facts {
    read(&[("linux/one.h", text)])
}

#[track_caller]
fn value(facts: &Facts, name: &str) -> i128 {
    match facts.constant(name, None) {
        Claim::Says { value, .. } => value.value.value,
        Claim::Silent { reason } => panic!("{name}: {reason}; {:?}", facts.silent),
    }
}

#[track_caller]
fn values(text: &str, expected: &[(&str, i128)]) {
    let facts = one(text);
    for (name, number) in expected {
        assert_eq!(value(&facts, name), *number, "{name}");
    }
}

#[track_caller]
fn layout<'a>(facts: &'a Facts, name: &str) -> &'a Layout {
    match facts.layout(name, None) {
        Claim::Says { value, .. } => &value.value,
        Claim::Silent { reason } => panic!("{name}: {reason}; {:?}", facts.silent),
    }
}

/// Size, alignment, and the bit offset of each field.
fn shape(layout: &Layout) -> (u64, u64, Vec<(&str, u64)>) {
    let offsets = layout.fields.iter().map(|field| (field.name.as_str(), field.offset_bits)).collect();
    (layout.size, layout.align.unwrap(), offsets)
}

#[test]
fn arithmetic_has_the_types_of_c() {
    values(
        "#define SHIFT (1 << 31)\n#define SHIFT_U (1U << 31)\n#define ALL ~0U\n#define ALL_LONG ~0UL\n#define MIX (-1 > 0u)\n\
         #define CHOICE (1 ? -1 : 0u)\n#define CAST ((unsigned char)300)\n#define SIZE (sizeof(long) * sizeof(char[3]))\n\
         #define TEXT (sizeof(\"ab\\n\") - 1)\n#define FOURCC ('a' | ('b' << 8))\n#define ELVIS (5 ?: 6)\n",
        &[
            ("SHIFT", i128::from(i32::MIN)),
            ("SHIFT_U", 1 << 31),
            ("ALL", 0xffff_ffff),
            ("ALL_LONG", i128::from(u64::MAX)),
            ("MIX", 1),
            ("CHOICE", 0xffff_ffff),
            ("CAST", 44),
            ("SIZE", 24),
            ("TEXT", 3),
            ("FOURCC", 0x6261),
            ("ELVIS", 5),
        ],
    );
}

#[test]
fn macros_paste_quote_and_stop_at_themselves() {
    values(
        "#define CAT(a, b) a##b\n#define XCAT(a, b) CAT(a, b)\n#define PART 4\n#define PASTED XCAT(PART, 2)\n#define RAW CAT(1, 2)\n\
         #define EMPTY_LEFT CAT(, 7)\nenum { SELF = 9 };\n#define SELF (SELF + 0)\n#define OTHER SELF\nenum { ALIAS = 3 };\n#define ALIAS ALIAS\n\
         #define STR(x) #x\n#define LENGTH sizeof(STR( a \"b\" ))\n#define F(x, ...) (x G(__VA_ARGS__))\n#define G(...) , ## __VA_ARGS__\n\
         #define PICK_(a, b, ...) b\n#define PICK(...) PICK_(__VA_ARGS__)\n#define SECOND PICK(1, 2, 3)\n\
         #define OBJECT FUNCTION\n#define FUNCTION(x) ((x) + 1)\n#define CALLED OBJECT (41)\n\
         #define LINES \\\n  (1 + \\\n  2)\n",
        &[
            ("PASTED", 42),
            ("RAW", 12),
            ("EMPTY_LEFT", 7),
            ("OTHER", 9),
            ("ALIAS", 3),
            ("LENGTH", 6),
            ("SECOND", 2),
            ("CALLED", 42),
            ("LINES", 3),
        ],
    );
}

#[test]
fn conditionals_choose_one_branch() {
    values(
        "#define V 3\n#if V == 1\n#define A 1\n#elif defined(V) && V > 2 /* long\n comment */ && !defined NO\n#define A 2\n#else\n#define A 3\n#endif\n\
         #ifdef NO\n#if broken (\n#error skipped\n#endif\n#elif 1\n# define B 7\n#endif\n\
         #if -1 > 0u\n#define UNSIGNED 1\n#endif\n#if UNKNOWN\n#else\n#define C 5\n#endif\n#if 'a' == 97 && (2 || 1/0)\n#define D 6\n#endif\n\
         #undef V\n#define V 8\n#if __has_include(<linux/one.h>) && !__has_include(<linux/two.h>)\n#define E 1\n#endif\n",
        &[("A", 2), ("B", 7), ("UNSIGNED", 1), ("C", 5), ("D", 6), ("V", 8), ("E", 1)],
    );
}

#[test]
fn headers_include_each_other_once_and_as_macros_name_them() {
    let facts = read(&[
        ("linux/a.h", "#ifndef A_H\n#define A_H\n#include <linux/b.h>\n#define A (B + 1)\n#endif\n"),
        (
            "linux/b.h",
            "#ifndef B_H\n#define B_H\n#include \"sub/c.h\"\n#include <linux/a.h>\n#define B (C + 1)\n#endif\n",
        ),
        ("linux/sub/c.h", "#define NAME <asm/d.h>\n#include NAME\n#define C (D + 1)\n"),
        ("asm/d.h", "#define D 1\n"),
    ]);
    assert_eq!(value(&facts, "A"), 4);
    let source = facts.constants["D"][0].source.to_string();
    assert_eq!(source, "tree/asm/d.h:1:9");
    assert!(facts.shows("linux/a.h", &facts.constants["D"][0].source));
    assert!(!facts.shows("asm/d.h", &facts.constants["A"][0].source));
}

#[test]
fn enumerations_count_on_and_widen() {
    let facts = one(
        "enum plain { ZERO, FIVE = 5, SIX, NEGATIVE = -1, NEXT };\nenum big { TOP = 0x80000000, WIDE = 1ULL << 40 };\n\
         enum __attribute__((packed)) small { SMALL = 200 };\nstruct s { enum plain p; enum big b; enum small c; };\n\
         #define MACRO_OVER 2\nenum { MACRO = 1 };\n#define MACRO 2\n",
    );
    for (name, number) in [("ZERO", 0), ("SIX", 6), ("NEXT", 0), ("TOP", 0x8000_0000), ("WIDE", 1 << 40), ("MACRO", 2)]
    {
        assert_eq!(value(&facts, name), number, "{name}");
    }
    assert_eq!(shape(layout(&facts, "s")), (24, 8, vec![("p", 0), ("b", 64), ("c", 128)]));
}

#[test]
fn layouts_follow_the_data_model() {
    let text = "struct s { char c; long long wide; void *pointer; long word; short tail; };\nunion u { int i; struct s s; };\n\
                struct packed { char c; long long wide; } __attribute__((packed));\n\
                struct aligned { char c; long long wide __attribute__((aligned(8))); };\n";
    let lp64 = one(text);
    assert_eq!(
        shape(layout(&lp64, "s")),
        (40, 8, vec![("c", 0), ("wide", 64), ("pointer", 128), ("word", 192), ("tail", 256)])
    );
    let ilp32 = read_for(Arch::I386, &[("linux/one.h", text)]);
    assert_eq!(
        shape(layout(&ilp32, "s")),
        (24, 4, vec![("c", 0), ("wide", 32), ("pointer", 96), ("word", 128), ("tail", 160)])
    );
    assert_eq!(shape(layout(&ilp32, "packed")).0, 9);
    assert_eq!(shape(layout(&ilp32, "aligned")), (16, 8, vec![("c", 0), ("wide", 64)]));
    assert_eq!(shape(layout(&read_for(Arch::Arm, &[("linux/one.h", text)]), "s")).0, 32);
    assert!(layout(&lp64, "u").union);
}

#[test]
fn bit_fields_share_units_of_their_type() {
    let facts = one(
        "struct bits { unsigned a : 3, b : 30; unsigned : 0; unsigned char c : 4, d : 5; unsigned long long e : 40; };\n\
         struct tight { unsigned a : 3, b : 30; unsigned char c : 7; } __attribute__((packed));\n",
    );
    assert_eq!(shape(layout(&facts, "bits")), (16, 8, vec![("a", 0), ("b", 32), ("c", 64), ("d", 72), ("e", 77)]));
    assert_eq!(shape(layout(&facts, "tight")), (5, 1, vec![("a", 0), ("b", 3), ("c", 33)]));
}

#[test]
fn declarations_of_every_form_are_read() {
    let facts = one(
        "typedef unsigned int __u32;\ntypedef struct { int x[2]; } pair_t, *pair_ptr;\ntypedef __u32 __attribute__((aligned(8))) wide_t;\n\
         static inline int f(int a) { return a ? f(a - 1) : 0; }\nextern int g(const char *, void (*)(int)) __attribute__((nonnull(1)));\n\
         struct outer {\n  __u32 type;\n  union { struct { pair_t pair; wide_t w; }; char raw[0]; };\n  int (*callback)(void *, int), *list[4];\n\
         \x20 const char *const name;\n  struct outer *next;\n  unsigned char rest[];\n};\n\
         struct later;\nstruct user { struct later *p; };\n#pragma pack(push, 2)\nstruct two { char c; int i; };\n#pragma pack(pop)\nstruct four { char c; int i; };\n\
         #define OFFSET __builtin_offsetof(struct outer, pair.x[1])\n#define OLD ((unsigned long)&((struct outer *)0)->name)\n#define FIELD sizeof(((struct outer *)0)->list)\n",
    );
    let outer = layout(&facts, "outer");
    let expected = vec![
        ("type", 0),
        ("pair", 64),
        ("w", 128),
        ("raw", 64),
        ("callback", 192),
        ("list", 256),
        ("name", 512),
        ("next", 576),
        ("rest", 640),
    ];
    assert_eq!(shape(outer), (80, 8, expected));
    let types: Vec<_> = outer.fields.iter().map(|field| field.c_type.as_str()).collect();
    let expected = [
        "__u32",
        "pair_t",
        "wide_t",
        "char [0]",
        "void (*)()",
        "int * [4]",
        "const char * const",
        "struct outer *",
        "unsigned char []",
    ];
    assert_eq!(types, expected);
    assert_eq!((layout(&facts, "two").size, layout(&facts, "four").size, layout(&facts, "pair_t").size), (6, 8, 8));
    assert_eq!((value(&facts, "OFFSET"), value(&facts, "OLD"), value(&facts, "FIELD")), (12, 64, 32));
    assert!(facts.silent.is_empty(), "{:?}", facts.silent);
}

#[test]
fn one_bad_header_does_not_silence_the_others() {
    let facts = read(&[
        (
            "linux/bad.h",
            "#define GOOD 1\nstruct s { int a; what is this; };\n#define AFTER 2\nint x = (;\nenum { LAST = 3 };\n",
        ),
        ("linux/refused.h", "#ifndef __KERNEL__\n#error \"only for the kernel\"\n#endif\n#define HIDDEN 1\n"),
        ("linux/open.h", "#if 1\n#define OPEN 1\n"),
        (
            "linux/fine.h",
            "#include <linux/absent.h>\n#define FINE 4\nstruct t { absent_t x; };\n#define ZERO_DIVISION (1 / 0)\n",
        ),
    ]);
    for (name, number) in [("GOOD", 1), ("AFTER", 2), ("LAST", 3), ("FINE", 4)] {
        assert_eq!(value(&facts, name), number, "{name}");
    }
    for absent in ["HIDDEN", "OPEN", "ZERO_DIVISION"] {
        assert!(!facts.constants.contains_key(absent), "{absent}");
    }
    let reasons: Vec<_> =
        facts.silent.iter().map(|silence| format!("{}: {}", silence.subject, silence.reason)).collect();
    let expected = [
        "linux/open.h: tree/linux/open.h:2:14: #if without #endif",
        "linux/refused.h: tree/linux/refused.h:2:2: the header refuses to be read alone: #error \"only for the kernel\"",
        "tree/linux/bad.h: tree/linux/bad.h:2:27: the declaration is not understood: expected `;`, found `this`",
        "tree/linux/fine.h: tree/linux/fine.h:1:2: the header <linux/absent.h> is not installed",
        "ZERO_DIVISION: tree/linux/fine.h:4:9: a division by zero",
        "t: tree/linux/fine.h:3:8: the type `absent_t` is not defined",
    ];
    for expected in expected {
        assert!(reasons.iter().any(|reason| reason == expected), "{expected}\nin {reasons:#?}");
    }
}

#[test]
fn the_ports_own_definition_stands_before_the_generic_one() {
    let facts = read(&[
        ("asm-generic/fcntl.h", "#ifndef O_DIRECT\n#define O_DIRECT 1\n#endif\n#define O_PLAIN 3\n"),
        ("asm/fcntl.h", "#define O_DIRECT 2\n#include <asm-generic/fcntl.h>\n"),
        ("linux/fcntl.h", "#include <asm/fcntl.h>\n"),
        ("asm/unistd.h", "#ifdef __i386__\n#include <asm/unistd_32.h>\n#else\n#include <asm/unistd_64.h>\n#endif\n"),
        ("asm/unistd_32.h", "#define __NR_open 5\n"),
        ("asm/unistd_64.h", "#define __NR_open 2\n"),
    ]);
    assert_eq!(value(&facts, "O_DIRECT"), 2);
    assert_eq!(value(&facts, "O_PLAIN"), 3);
    assert_eq!(facts.numbers["open"].value, 2);
}

#[test]
fn headers_that_disagree_are_told_apart_by_the_header_asked_for() {
    let facts = read(&[
        ("linux/a.h", "#define LIMIT 1\n"),
        ("linux/b.h", "#define LIMIT 2\n"),
        ("linux/c.h", "#include <linux/b.h>\n"),
    ]);
    let ask = |header| facts.constant("LIMIT", header).value().map(|fact| fact.value.value);
    assert_eq!(
        (ask(Some("linux/a.h")), ask(Some("linux/b.h")), ask(Some("linux/c.h")), ask(None)),
        (Some(1), Some(2), Some(2), None)
    );
}

#[test]
fn nothing_grows_without_an_end() {
    let doubling: String = (0..24).map(|n| format!("#define A{} A{n} A{n}\n", n + 1)).collect();
    let facts = one(&format!(
        "#define A0 1\n{doubling}int x[] = {{ A24 }};\n#define AFTER 1\n#define DEEP {}1{}\n",
        "(".repeat(5000),
        ")".repeat(5000)
    ));
    assert_eq!(value(&facts, "AFTER"), 1);
    let facts = read(&[
        ("linux/loop.h", "#include <linux/loop.h>\n"),
        ("linux/self.h", "struct s { struct s s; };\ntypedef t t;\nunion u { char c[1LL << 62][8]; };\n"),
    ]);
    assert!(facts.constants.is_empty() && facts.layouts.is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Any text at all is read without a panic.
    #[test]
    fn no_text_panics(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..60)) {
        one(&pieces.concat());
    }

    #[test]
    fn no_characters_panic(text in "\\PC{0,80}") {
        one(&format!("#define A {text}\n#if {text}\n#endif\n{text}\n"));
    }
}

const PIECES: &[&str] = &[
    "#",
    "##",
    "#define ",
    "#if ",
    "#elif ",
    "#else\n",
    "#endif\n",
    "#include ",
    "#undef ",
    "#pragma pack(",
    "<linux/one.h>",
    "\"one.h\"",
    "A",
    "B",
    "F",
    "F(x)",
    "(",
    ")",
    "{",
    "}",
    "[",
    "]",
    ",",
    ";",
    ":",
    "?",
    "...",
    "__VA_ARGS__",
    "defined ",
    "struct ",
    "union ",
    "enum ",
    "typedef ",
    "int ",
    "unsigned ",
    "long ",
    "char ",
    "const ",
    "*",
    "=",
    "1",
    "0x7fffffffffffffff",
    "1ULL",
    "'a'",
    "'",
    "\"",
    "\"text\"",
    "\\\n",
    "\n",
    " ",
    "/*",
    "*/",
    "//",
    "sizeof",
    "__attribute__((",
    "packed",
    "aligned(",
    "))",
    "<<",
    ">>",
    "-",
    "+",
    "/",
    "%",
    "&&",
    "||",
    "==",
    "!",
    "~",
    ".",
    "->",
    "__builtin_offsetof(",
    "_Static_assert(",
    "s ",
    "t ",
    "__LINE__",
    "__extension__ ",
    "__asm__(",
    "mode(DI)",
];

#[test]
fn what_programs_include_first_is_there_at_the_second_reading() {
    let facts = read(&[
        (
            "linux/moor.h",
            "#define MOOR_STOP _IO('m', 1)\n#define MOOR_AT _IOW('m', 2, struct rope)\nstruct rope { int length; struct sockaddr to; };\n\
             #define rope_name to.sa_data\n",
        ),
        ("linux/types.h", "typedef unsigned int __u32;\n"),
        ("linux/ioctl.h", IOCTL),
        ("asm/ioctls.h", "#include <linux/ioctl.h>\n"),
    ]);
    assert_eq!(value(&facts, "MOOR_STOP"), 0x6d01);
    assert_eq!(value(&facts, "MOOR_AT"), 0x4014_6d02);
    assert_eq!(layout(&facts, "rope").size, 20);
    assert_eq!(facts.ioctls["MOOR_AT"].value.argument.as_deref(), Some("struct rope"));
    assert!(facts.silent.is_empty(), "{:?}", facts.silent);
}

/// A program includes the one header that defines what another one uses, of whatever kind it is.
#[test]
fn what_one_header_alone_defines_is_there_for_those_that_use_it() {
    let facts = read(&[
        (
            "linux/quay.h",
            "#include <linux/ioctl.h>\n#define QUAY_GET _IOR('q', 1, struct crane)\n#define QUAY_STOP (-PIER_LAST - 1)\n\
             #define QUAY_MASK PIER_BIT(3)\nstruct quay { pier_id_t id; };\n#define QUAY_TWICE TWICE\n#define QUAY_NEVER (NOWHERE + 1)\n",
        ),
        ("linux/crane.h", "struct crane { int load[3]; };\n"),
        (
            "linux/pier.h",
            "enum { PIER_FIRST, PIER_LAST };\n#define PIER_BIT(n) (1U << (n))\ntypedef unsigned short pier_id_t;\n",
        ),
        ("linux/one.h", "#define TWICE 1\n"),
        ("linux/two.h", "#define TWICE 2\n"),
        ("linux/ioctl.h", IOCTL),
        ("asm-generic/berths.h", "#include <linux/ioctl.h>\n#define BERTH_GET _IOR('b', 1, struct crane)\n"),
        ("asm/berths.h", "#include <asm-generic/berths.h>\n"),
    ]);
    assert_eq!(value(&facts, "QUAY_GET"), 0x800c_7101);
    assert_eq!(value(&facts, "QUAY_STOP"), -2);
    assert_eq!(value(&facts, "QUAY_MASK"), 8);
    assert_eq!(layout(&facts, "quay").size, 2);
    assert_eq!(value(&facts, "BERTH_GET"), 0x800c_6201);
    assert_eq!(facts.ioctls["BERTH_GET"].value.argument.as_deref(), Some("struct crane"));
    // Two headers disagree, and no header says.
    assert!(!facts.constants.contains_key("QUAY_TWICE"));
    assert!(!facts.constants.contains_key("QUAY_NEVER"));
}

/// The macros of most ports.
const IOCTL: &str = "#ifndef I\n#define I\n#define _IOC_NRBITS 8\n#define _IOC_TYPEBITS 8\n#define _IOC_SIZEBITS 14\n#define _IOC_NONE 0U\n\
    #define _IOC_WRITE 1U\n#define _IOC_READ 2U\n\
    #define _IOC(d, t, n, s) (((d) << 30) | ((t) << 8) | (n) | ((s) << 16))\n\
    #define _IO(t, n) _IOC(_IOC_NONE, (t), (n), 0)\n#define _IOR(t, n, s) _IOC(_IOC_READ, (t), (n), (sizeof(s)))\n\
    #define _IOW(t, n, s) _IOC(_IOC_WRITE, (t), (n), (sizeof(s)))\n\
    #define _IOWR(t, n, s) _IOC(_IOC_READ | _IOC_WRITE, (t), (n), (sizeof(s)))\n\
    #define _IOC_DIR(r) (((r) >> 30) & 3)\n#define _IOC_TYPE(r) (((r) >> 8) & 0xff)\n#define _IOC_NR(r) ((r) & 0xff)\n\
    #define _IOC_SIZE(r) (((r) >> 16) & 0x3fff)\n#endif\n";
