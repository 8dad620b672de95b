//! Arbitrary bytes as the sources of a crate: facts, silence or the reason why there are none, never a panic. A NUL byte
//! goes on to the next file.

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
            match read_bindings(&memory, "libc", &target) {
                Ok(facts) => assert!(facts.constants.keys().all(|name| !name.is_empty())),
                // Nothing is known of a crate whose first file is no Rust.
                Err(reason) => assert!(reason.starts_with("crate/src/lib.rs: "), "{reason}"),
            }
        }
    }
});
