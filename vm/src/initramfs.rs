//! Archives that a kernel unpacks as its first file tree: cpio in its "new ASCII" form.

use std::collections::BTreeSet;

/// Kinds of entries, as the mode has them.
const DIRECTORY: u32 = 0o040_000;
const REGULAR: u32 = 0o100_000;
const SYMLINK: u32 = 0o120_000;
const CHARACTER: u32 = 0o020_000;

/// An archive that grows.
#[derive(Debug, Default)]
pub struct Archive {
    bytes: Vec<u8>,
    entries: u32,
    directories: BTreeSet<String>,
}

impl Archive {
    /// A file with its content. Paths are relative to the root; directories above it are made.
    pub fn file(&mut self, path: &str, permissions: u32, content: &[u8]) {
        self.parents(path);
        self.entry(path, REGULAR | permissions & 0o7777, (0, 0), content);
    }

    /// A symbolic link.
    pub fn symlink(&mut self, path: &str, target: &str) {
        self.parents(path);
        self.entry(path, SYMLINK | 0o777, (0, 0), target.as_bytes());
    }

    /// An empty directory.
    pub fn directory(&mut self, path: &str) {
        self.parents(path);
        if self.directories.insert(path.to_owned()) {
            self.entry(path, DIRECTORY | 0o755, (0, 0), &[]);
        }
    }

    /// A character device.
    pub fn device(&mut self, path: &str, major: u32, minor: u32) {
        self.parents(path);
        self.entry(path, CHARACTER | 0o600, (major, minor), &[]);
    }

    /// The whole archive.
    pub fn finish(mut self) -> Vec<u8> {
        self.entry("TRAILER!!!", 0, (0, 0), &[]);
        self.bytes
    }

    fn parents(&mut self, path: &str) {
        for (at, _) in path.match_indices('/') {
            let parent = &path[..at];
            if !parent.is_empty() && self.directories.insert(parent.to_owned()) {
                self.entry(parent, DIRECTORY | 0o755, (0, 0), &[]);
            }
        }
    }

    fn entry(&mut self, path: &str, mode: u32, device: (u32, u32), content: &[u8]) {
        self.entries += 1;
        // Numbers of files are all different: equal ones would be hard links.
        let fields = [
            self.entries,
            mode,
            0,
            0,
            1,
            0,
            u32::try_from(content.len()).unwrap_or(u32::MAX),
            0,
            0,
            device.0,
            device.1,
            u32::try_from(path.len() + 1).unwrap_or(u32::MAX),
            0,
        ];
        self.bytes.extend_from_slice(b"070701");
        for field in fields {
            self.bytes.extend_from_slice(format!("{field:08x}").as_bytes());
        }
        self.bytes.extend_from_slice(path.as_bytes());
        self.bytes.push(0);
        self.pad();
        self.bytes.extend_from_slice(content);
        self.pad();
    }

    fn pad(&mut self) {
        let whole = self.bytes.len().next_multiple_of(4);
        self.bytes.resize(whole, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::process::{Command, Stdio};

    #[test]
    fn parents_come_first_and_once() {
        let mut archive = Archive::default();
        archive.file("a/b/c", 0o755, b"hello");
        archive.directory("a/b");
        archive.symlink("a/l", "b/c");
        let text = String::from_utf8_lossy(&archive.finish()).into_owned();
        let at = |what: &str| text.find(what).unwrap_or(usize::MAX);
        assert!(at("a\0") < at("a/b\0") && at("a/b\0") < at("a/b/c\0") && at("a/b/c\0") < at("TRAILER!!!"));
        assert_eq!(text.matches("a/b\0").count(), 1);
    }

    /// What another implementation reads out of it, where there is one.
    #[test]
    #[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
    fn cpio_lists_what_was_put_in() {
        let mut archive = Archive::default();
        archive.file("init", 0o755, b"12345");
        archive.device("dev/console", 5, 1);
        archive.symlink("lib64", "usr/lib64");
        let cpio = Command::new("cpio").args(["-tv", "--quiet"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let Ok(mut cpio) = cpio else {
            eprintln!("skipped: no cpio on this machine");
            return;
        };
        cpio.stdin.take().expect("piped").write_all(&archive.finish()).expect("cpio reads");
        let listed = cpio.wait_with_output().expect("cpio ends");
        let text = String::from_utf8_lossy(&listed.stdout).into_owned();
        assert!(listed.status.success(), "{text}");
        for part in ["-rwxr-xr-x", " 5 ", " init\n", "crw-------", "5,   1", "lib64 -> usr/lib64", "drwxr-xr-x"] {
            assert!(text.contains(part), "`{part}` is not in\n{text}");
        }
    }
}
