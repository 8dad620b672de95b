//! Arbitrary bytes as a table of system calls: each line is an entry, no entry, or named as broken.

#![no_main]

use abispec_checker::tree::table::Table;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let table = Table::read(&text);
    let entries = text.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_digit())).count();
    assert_eq!(table.rows.len() + table.bad.len(), entries);
});
