//! Bytes as headers: a file for each part between lines that begin with `>>> NAME`, the first one is linux/a.h.

#![no_main]

use abispec::arch::Arch;
use abispec_checker::headers::read_header_texts;
use libfuzzer_sys::fuzz_target;
use std::collections::BTreeMap;

fuzz_target!(|bytes: &[u8]| {
    let (arch, bytes) = match bytes.split_first() {
        Some((first, rest)) => (Arch::ALL[usize::from(*first) % Arch::ALL.len()], rest),
        None => return,
    };
    let text = String::from_utf8_lossy(bytes);
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    let mut name = "linux/a.h".to_owned();
    for line in text.split_inclusive('\n') {
        match line.strip_prefix(">>> ") {
            Some(next) => name = next.trim().to_owned(),
            None => files.entry(name.clone()).or_default().push_str(line),
        }
    }
    read_header_texts("fuzzed", files, arch);
});
