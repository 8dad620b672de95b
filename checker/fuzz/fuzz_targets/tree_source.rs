//! Arbitrary bytes as the C source, the makefile, the Kconfig and the older list of calls of a kernel tree: facts or
//! silence, never a panic. A NUL byte goes on to the next file.

#![no_main]

use abispec::arch::Arch;
use abispec_checker::extract::Extractor;
use abispec_checker::files::{Files, Memory};
use libfuzzer_sys::fuzz_target;
use std::sync::Arc;

const FILES: &[&str] = &[
    "kernel/moor.c",
    "kernel/Makefile",
    "Kconfig",
    "include/uapi/asm-generic/unistd.h",
    "arch/riscv/include/uapi/asm/unistd.h",
    "arch/x86/include/asm/unistd.h",
];

fuzz_target!(|bytes: &[u8]| {
    let mut memory = Memory { name: "tree".to_owned(), ..Memory::default() };
    let mut put = |path: &str, bytes: &[u8]| memory.files.insert(path.to_owned(), bytes.to_vec());
    put("Makefile", b"VERSION = 6\nPATCHLEVEL = 4\n");
    put("Kbuild", b"obj-y += kernel/\n");
    put("arch/x86/entry/syscalls/syscall_64.tbl", b"0 common moor sys_moor\n");
    put("arch/riscv/Kconfig", b"");
    for (path, part) in FILES.iter().zip(bytes.split(|byte| *byte == 0)) {
        put(path, part);
    }
    let files: Arc<dyn Files> = Arc::new(memory);
    let extractor = Extractor::read(&files).expect("a tree");
    for name in extractor.names() {
        let _ = extractor.extract(name, abispec::embedded());
    }
    let tree = abispec_checker::tree::Tree::read(&*files).expect("a tree");
    for arch in [Arch::X86_64, Arch::Riscv32, Arch::Riscv64] {
        let _ = tree.facts(arch);
    }
});
