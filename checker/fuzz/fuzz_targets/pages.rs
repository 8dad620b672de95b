//! Arbitrary bytes as man pages: facts or silence, never a panic, each errno one that exists and in a line of its page. A NUL
//! byte goes on to the next page.

#![no_main]

use abispec::arch::Arch;
use abispec::errno::Errno;
use abispec_checker::files::Memory;
use abispec_checker::man::read_man;
use libfuzzer_sys::fuzz_target;

const PAGES: &[&str] = &["man2/moor.2", "man2/moor2.2.gz", "man2/MOOR_LONG.2const", "man3/moor.3"];

fuzz_target!(|bytes: &[u8]| {
    let mut memory = Memory { name: "man".to_owned(), ..Memory::default() };
    for (path, part) in PAGES.iter().zip(bytes.split(|byte| *byte == 0)) {
        memory.files.insert((*path).to_owned(), part.to_vec());
    }
    let facts = read_man(&memory, Arch::X86_64).expect("a page of section 2");
    for errno in facts.errnos.values().flat_map(|errnos| errnos.keys()) {
        assert!(Errno::from_name(errno).is_some());
    }
});
