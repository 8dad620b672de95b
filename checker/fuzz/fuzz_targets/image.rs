//! Arbitrary bytes as a kernel image: type information or the reason why there is none, within the limits of memory.

#![no_main]

use abispec_checker::image::read_image_bytes;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Err(reason) = read_image_bytes("image", bytes, None, &|_| true) {
        assert!(reason.starts_with("image: "), "{reason}");
    }
});
