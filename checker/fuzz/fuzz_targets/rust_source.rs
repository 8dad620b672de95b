//! Arbitrary bytes as the sources of a crate: facts or silence, never a panic. A NUL byte goes on to the next file.

#![no_main]

use abispec::arch::Arch;
use abispec_checker::bindings::{CLibrary, RustTarget, read_bindings};
use abispec_checker::files::Memory;
use libfuzzer_sys::fuzz_target;

const FILES: &[&str] = &["src/lib.rs", "src/unix/mod.rs", "src/unix.rs", "src/x86_64.rs"];

fuzz_target!(|bytes: &[u8]| {
    let mut memory = Memory { name: "crate".to_owned(), ..Memory::default() };
    for (path, part) in FILES.iter().zip(bytes.split(|byte| *byte == 0)) {
        memory.files.insert((*path).to_owned(), part.to_vec());
    }
    for library in [CLibrary::Gnu, CLibrary::Musl] {
        if let Ok(target) = RustTarget::new(Arch::X86_64, library) {
            let facts = read_bindings(&memory, "libc", &target).expect("a crate with src/lib.rs");
            assert!(facts.constants.keys().all(|name| !name.is_empty()));
        }
    }
});
