//! What stands in a kernel's memory as text: its banner and its configuration.

use flate2::read::GzDecoder;
use memchr::memmem;
use std::collections::BTreeSet;
use std::io::Read as _;

/// How the kernel begins to say what it is.
pub(super) const BANNER: &str = "Linux version ";

/// A configuration has some ten thousand lines.
const CONFIG_LIMIT: u64 = 16 << 20;

/// The banner, without the end of its line.
pub(super) fn banner(bytes: &[u8]) -> Option<String> {
    memmem::find_iter(bytes, BANNER).find_map(|at| {
        let rest = &bytes[at..];
        // The same words also begin formats and messages.
        let digit = rest.get(BANNER.len()).is_some_and(u8::is_ascii_digit);
        let end = rest.iter().take(1000).position(|byte| matches!(byte, b'\n' | 0))?;
        digit.then(|| String::from_utf8_lossy(&rest[..end]).into_owned())
    })
}

/// The configuration that `CONFIG_IKCONFIG` puts between two marks.
pub(super) fn config(bytes: &[u8]) -> Option<BTreeSet<String>> {
    memmem::find_iter(bytes, "IKCFG_ST").find_map(|at| {
        let packed = bytes.get(at + 8..)?;
        Some(options(&unpacked(packed)?))
    })
}

/// The text of a configuration that is packed by gzip, as the kernel has it.
pub(crate) fn unpacked(packed: &[u8]) -> Option<String> {
    if !packed.starts_with(&[0x1f, 0x8b]) {
        return None;
    }
    let mut text = String::new();
    GzDecoder::new(packed).take(CONFIG_LIMIT).read_to_string(&mut text).ok()?;
    Some(text)
}

/// The options of a configuration that are y or m.
pub(crate) fn options(text: &str) -> BTreeSet<String> {
    let on = text.lines().filter_map(|line| {
        let (name, value) = line.trim().split_once('=')?;
        (name.starts_with("CONFIG_") && matches!(value, "y" | "m")).then(|| name.to_owned())
    });
    on.collect()
}
