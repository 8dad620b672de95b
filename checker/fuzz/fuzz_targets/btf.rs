//! Arbitrary bytes as type information: facts whose fields lie where some struct can have them, or the reason why not.

#![no_main]

use abispec::arch::Arch;
use abispec_checker::btf::read_btf_bytes;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    for arch in [Arch::X86_64, Arch::S390x, Arch::Arm] {
        match read_btf_bytes("btf", bytes, arch, &|_| true) {
            Ok(facts) => assert!(facts.layouts.keys().all(|name| !name.is_empty())),
            Err(reason) => assert!(reason.starts_with("btf: "), "{reason}"),
        }
    }
});
