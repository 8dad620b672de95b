//! What a program needs to run elsewhere: itself and the libraries that it is linked to.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A program and its libraries.
#[derive(Debug)]
pub struct Needs {
    /// The program.
    pub program: Vec<u8>,
    /// Libraries and the loader, each at the path where the program looks for it.
    pub libraries: BTreeMap<PathBuf, Vec<u8>>,
}

/// What the calling program needs.
///
/// # Errors
/// When its own file or a library's cannot be read.
pub fn own_needs() -> io::Result<Needs> {
    needs_of(Path::new("/proc/self/exe"))
}

/// What a program needs.
///
/// # Errors
/// When its file or a library's cannot be read, it is no ELF program of 64 bits, or its loader does not list its libraries.
pub fn needs_of(path: &Path) -> io::Result<Needs> {
    let about = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    let program = fs::read(path).map_err(about)?;
    let mut libraries = BTreeMap::new();
    let wrong = || io::Error::new(io::ErrorKind::InvalidData, format!("{}: no ELF program of 64 bits", path.display()));
    if let Some(loader) = interpreter(&program).ok_or_else(wrong)? {
        let loader = PathBuf::from(loader);
        let listed = Command::new(&loader).arg("--list").arg(fs::canonicalize(path).map_err(about)?).output()?;
        if !listed.status.success() {
            let why = String::from_utf8_lossy(&listed.stderr).trim().to_owned();
            return Err(io::Error::other(format!("{} does not list its libraries: {why}", path.display())));
        }
        for library in listed_libraries(&String::from_utf8_lossy(&listed.stdout)).into_iter().chain([loader]) {
            let content = fs::read(&library)
                .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", library.display())))?;
            libraries.insert(library, content);
        }
    }
    Ok(Needs { program, libraries })
}

/// The paths in what a loader lists: `libc.so.6 => /lib/libc.so.6 (0x...)`.
fn listed_libraries(text: &str) -> Vec<PathBuf> {
    let path = |line: &str| {
        let (_, found) = line.split_once(" => ")?;
        let path = found.rsplit_once(" (").map_or(found, |(path, _)| path).trim();
        path.starts_with('/').then(|| PathBuf::from(path))
    };
    text.lines().filter_map(path).collect()
}

/// The loader that an ELF program of 64 bits names: `Some(None)` for a static program, `None` for what is none.
fn interpreter(program: &[u8]) -> Option<Option<String>> {
    const LOADER: u32 = 3;
    if program.get(..5)? != b"\x7fELF\x02" {
        return None;
    }
    // Only programs of this machine's own byte order run here.
    let u16_at = |at: usize| program.get(at..at + 2)?.try_into().ok().map(u16::from_ne_bytes);
    let u32_at = |at: usize| program.get(at..at + 4)?.try_into().ok().map(u32::from_ne_bytes);
    let u64_at = |at: usize| usize::try_from(u64::from_ne_bytes(program.get(at..at + 8)?.try_into().ok()?)).ok();
    let (table, size, count) = (u64_at(32)?, usize::from(u16_at(54)?), usize::from(u16_at(56)?));
    for index in 0..count {
        let header = table.checked_add(size * index)?;
        if u32_at(header)? == LOADER {
            let (from, length) = (u64_at(header + 8)?, u64_at(header + 32)?);
            let text = program.get(from..from.checked_add(length)?)?;
            let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
            return Some(Some(String::from_utf8(text.to_vec()).ok()?));
        }
    }
    Some(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_program_needs_a_loader_and_a_libc_or_nothing() {
        let needs = own_needs().expect("a program can read itself");
        assert!(needs.program.starts_with(b"\x7fELF"));
        let names: Vec<String> = needs.libraries.keys().map(|path| path.display().to_string()).collect();
        assert!(names.is_empty() || names.iter().any(|name| name.contains("libc")), "{names:?}");
        assert!(names.is_empty() || names.iter().any(|name| name.contains("ld")), "{names:?}");
    }

    #[test]
    fn lists_are_read() {
        let text = "\tlinux-vdso.so.1 (0x7f)\n\tlibc.so.6 => /lib/x/libc.so.6 (0x7f11)\n\tlibz => not found\n\
                    \t/lib64/ld-linux-x86-64.so.2 (0x7f)\n";
        assert_eq!(listed_libraries(text), [PathBuf::from("/lib/x/libc.so.6")]);
    }

    #[test]
    fn what_is_no_program_has_no_needs() {
        for bytes in [&b""[..], b"#!/bin/sh", b"\x7fELF\x01", b"\x7fELF\x02"] {
            assert_eq!(interpreter(bytes), None, "{bytes:?}");
        }
    }
}
