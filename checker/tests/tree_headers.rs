//! What a kernel's source tree would install, on a small tree of our own.

use abispec::arch::Arch;
use abispec::version::Release;
use abispec_checker::facts::{Claim, Facts};
use abispec_checker::files::{Files, Memory};
use abispec_checker::headers::{is_kernel_tree, read_tree_headers, read_tree_headers_of, take_tree_apart};
use std::sync::Arc;

const TREE: &[(&str, &str)] = &[
    (
        "Makefile",
        "# a kernel\nVERSION = 6\nPATCHLEVEL = 12\nSUBLEVEL = 3\nEXTRAVERSION =\n#define LINUX_VERSION_MAJOR\n",
    ),
    (
        "include/uapi/Kbuild",
        "ifeq ($(wildcard $(srctree)/arch/$(SRCARCH)/include/uapi/asm/lock.h),)\nno-export-headers += linux/lock.h\nendif\n",
    ),
    ("include/uapi/asm-generic/Kbuild", "mandatory-y += rope.h\nmandatory-y += unistd.h\n"),
    ("include/uapi/asm-generic/rope.h", "#define ROPE 1\n"),
    ("include/uapi/asm-generic/unistd.h", "#include <asm/bitsperlong.h>\n#define __NR_generic 1\n"),
    ("include/uapi/linux/lock.h", "#define LOCK 1\n"),
    (
        "include/uapi/linux/quay.h",
        "#ifndef _UAPI_LINUX_QUAY_H\n#define _UAPI_LINUX_QUAY_H\n#include <linux/compiler.h>\n#include <asm/rope.h>\n\
         #ifdef __KERNEL__\n#define QUAY_KERNEL 1\n#endif\n\
         struct quay { char side; void __user *crew; } __packed;\n#define QUAY_ROPES (ROPE + 1)\n\
         #ifdef _LINUX_QUAY_H\n#define QUAY_GUARD 1\n#endif\n#endif\n",
    ),
    (
        "arch/x86/include/uapi/asm/Kbuild",
        "generated-y += unistd_32.h\ngenerated-y += unistd_64.h\ngenerated-y += unistd_x32.h\n",
    ),
    ("arch/x86/include/uapi/asm/lock.h", "#define ASM_LOCK 1\n"),
    (
        "arch/x86/include/uapi/asm/unistd.h",
        "#define __X32_SYSCALL_BIT 0x40000000\n#ifdef __i386__\n#include <asm/unistd_32.h>\n#elif defined(__ILP32__)\n\
         #include <asm/unistd_x32.h>\n#else\n#include <asm/unistd_64.h>\n#endif\n",
    ),
    (
        "arch/x86/entry/syscalls/syscall_64.tbl",
        "# numbers\n0\tcommon\tmoor\tsys_moor\n\n1\t64\tcast\tsys_cast\n512\tx32\tcast\tcompat_sys_cast\n",
    ),
    ("arch/x86/entry/syscalls/syscall_32.tbl", "7\ti386\tmoor\tsys_moor\n"),
    ("arch/riscv/include/uapi/asm/Kbuild", "syscall-y += unistd_32.h\nsyscall-y += unistd_64.h\n"),
    ("arch/riscv/include/uapi/asm/rope.h", "#include <asm-generic/rope.h>\n#define ROPE_RISCV 1\n"),
    (
        "arch/riscv/include/uapi/asm/unistd.h",
        "#if __riscv_xlen == 64\n#include <asm/unistd_64.h>\n#else\n#include <asm/unistd_32.h>\n#endif\n",
    ),
    ("arch/riscv/kernel/Makefile.syscalls", "syscall_abis_32 += riscv\nsyscall_abis_64 += riscv rlimit\n"),
    (
        "scripts/syscall.tbl",
        "0\tcommon\tmoor\tsys_moor\n1\t32\tcast32\tsys_cast\n1\t64\tcast\tsys_cast\n2\trlimit\tlimit\tsys_limit\n3\tcsky\tflush\tsys_flush\n",
    ),
];

fn tree() -> Arc<dyn Files> {
    let files = TREE.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect();
    Arc::new(Memory { name: "tree".to_owned(), files })
}

#[track_caller]
fn read(arch: Arch) -> Facts {
    read_tree_headers(&tree(), arch).expect("the small tree is whole")
}

fn numbers(facts: &Facts) -> Vec<(&str, u32, String)> {
    facts.numbers.iter().map(|(name, fact)| (name.as_str(), fact.value, fact.source.to_string())).collect()
}

#[test]
fn numbers_stand_in_their_tables() {
    let table = "tree/arch/x86/entry/syscalls/syscall_64.tbl";
    assert_eq!(
        numbers(&read(Arch::X86_64)),
        [("cast", 1, format!("{table}:4:9")), ("moor", 0, format!("{table}:2:9"))]
    );
    let bit = 0x4000_0000;
    assert_eq!(
        numbers(&read(Arch::X32)),
        [("cast", bit + 512, format!("{table}:5:9")), ("moor", bit, format!("{table}:2:9"))]
    );
    assert_eq!(numbers(&read(Arch::I386)), [("moor", 7, "tree/arch/x86/entry/syscalls/syscall_32.tbl:1:9".to_owned())]);
    let shared = |line: u32| format!("tree/scripts/syscall.tbl:{line}:9");
    assert_eq!(
        numbers(&read(Arch::Riscv64)),
        [("cast", 1, shared(3)), ("limit", 2, shared(4)), ("moor", 0, shared(1))]
    );
    assert_eq!(numbers(&read(Arch::Riscv32)), [("cast32", 1, shared(2)), ("moor", 0, shared(1))]);
}

#[test]
fn texts_are_what_is_installed_at_the_places_of_the_source() {
    let facts = read(Arch::X86_64);
    assert_eq!(facts.layouts["quay"][0].value.size, 9, "packed, and the mark of pointers is gone");
    assert_eq!(facts.constants["QUAY_ROPES"][0].source.to_string(), "tree/include/uapi/linux/quay.h:9:9");
    assert!(!facts.constants.contains_key("QUAY_KERNEL"));
    assert!(facts.constants.contains_key("QUAY_GUARD"), "the guard has its installed name");
    assert_eq!(facts.silent, []);
}

#[test]
fn each_port_has_its_own_headers() {
    let (x86, riscv) = (read(Arch::X86_64), read(Arch::Riscv64));
    assert!(x86.has_header("linux/lock.h") && !riscv.has_header("linux/lock.h"));
    assert!(x86.has_header("asm/rope.h") && !x86.constants.contains_key("ROPE_RISCV"));
    assert!(riscv.constants.contains_key("ROPE_RISCV") && riscv.constants.contains_key("ROPE"));
    let release = Release { major: 6, minor: 12, patch: 3 };
    let Claim::Says { value, source } = &riscv.release else { panic!("no release") };
    assert_eq!((*value, source.file.as_ref()), (release, "tree/Makefile"));
}

#[test]
fn ports_are_read_together_as_each_alone() {
    let files = tree();
    let together = read_tree_headers_of(&files, &[Arch::Riscv32, Arch::Alpha, Arch::X86_64]);
    assert_eq!(together[0], Ok(read(Arch::Riscv32)));
    assert!(together[1].as_ref().is_err_and(|reason| reason.contains("arch/alpha/include/uapi")), "{:?}", together[1]);
    assert_eq!(together[2], Ok(read(Arch::X86_64)));
    let apart = take_tree_apart(&files, &[Arch::X86_64]).unwrap();
    assert!(apart.headers >= 8 && apart.tokens > 50 && apart.macros >= 10, "{apart:?}");
}

#[test]
fn what_is_no_tree_is_refused() {
    let files: Arc<dyn Files> = Arc::new(Memory { name: "shed".to_owned(), ..Memory::default() });
    assert!(!is_kernel_tree(&*files) && is_kernel_tree(&*tree()));
    let reason = read_tree_headers(&files, Arch::X86_64).unwrap_err();
    assert_eq!(reason, "shed holds no kernel source (no folder include/uapi/linux)");
    assert_eq!(take_tree_apart(&files, &[Arch::X86_64]).unwrap_err(), reason);
}
