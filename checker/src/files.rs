//! A tree of files, wherever it is kept: a folder, memory, a revision in a repository.
//!
//! Readers take their input through [`Files`], so that each of them reads an installed tree, a kernel tree and a revision
//! that was never checked out by the same code.

pub mod below;
pub mod git;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// A tree of files. Paths are relative to its root, with `/` between the parts and none at either end.
pub trait Files: Send + Sync {
    /// The bytes of a file; `None` where there is no such file or it cannot be read.
    fn read(&self, path: &str) -> Option<Vec<u8>>;

    /// The names in a folder, sorted, those of folders with a `/` at the end; empty where there is no such folder.
    fn list(&self, folder: &str) -> Vec<String>;

    /// How reports call a file of the tree.
    fn show(&self, path: &str) -> String;

    /// The text of a file; bytes that are no UTF-8 are replaced.
    fn text(&self, path: &str) -> Option<String> {
        let bytes = self.read(path)?;
        Some(String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
    }

    /// Every file below a folder whose name ends in `ending`, sorted; folders are followed 16 deep.
    fn below(&self, folder: &str, ending: &str) -> Vec<String> {
        let mut found = Vec::new();
        walk(self, folder, ending, 0, &mut found);
        found.sort();
        found
    }
}

fn walk<F: Files + ?Sized>(files: &F, folder: &str, ending: &str, depth: u32, found: &mut Vec<String>) {
    for name in files.list(folder) {
        let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
        match path.strip_suffix('/') {
            Some(inner) if depth < 16 => walk(files, inner, ending, depth + 1, found),
            Some(_) => {}
            None if path.ends_with(ending) => found.push(path),
            None => {}
        }
    }
}

/// A folder on disk.
#[derive(Clone, Debug)]
pub struct Folder(pub PathBuf);

impl Files for Folder {
    fn read(&self, path: &str) -> Option<Vec<u8>> {
        fs::read(self.0.join(path)).ok()
    }

    fn list(&self, folder: &str) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.0.join(folder)) else { return Vec::new() };
        let name = |entry: fs::DirEntry| {
            let name = entry.file_name().into_string().ok()?;
            // A link to a folder counts as one: installed trees have such links.
            let folder = entry.file_type().is_ok_and(|kind| kind.is_dir())
                || (entry.file_type().is_ok_and(|kind| kind.is_symlink()) && entry.path().is_dir());
            Some(if folder { format!("{name}/") } else { name })
        };
        let mut names: Vec<String> = entries.flatten().filter_map(name).collect();
        names.sort();
        names
    }

    fn show(&self, path: &str) -> String {
        if path.is_empty() { self.0.display().to_string() } else { self.0.join(Path::new(path)).display().to_string() }
    }
}

/// Files in memory, by path.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    /// How reports call the root.
    pub name: String,
    /// The files.
    pub files: BTreeMap<String, Vec<u8>>,
}

impl Files for Memory {
    fn read(&self, path: &str) -> Option<Vec<u8>> {
        self.files.get(path).cloned()
    }

    fn list(&self, folder: &str) -> Vec<String> {
        let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        let inside = self.files.range(prefix.clone()..).map_while(|(path, _)| path.strip_prefix(&prefix));
        let mut names: Vec<String> = inside
            .map(|rest| rest.split_once('/').map_or_else(|| rest.to_owned(), |(name, _)| format!("{name}/")))
            .collect();
        names.sort();
        names.dedup();
        names
    }

    fn show(&self, path: &str) -> String {
        if path.is_empty() { self.name.clone() } else { format!("{}/{path}", self.name) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_lists_like_a_folder() {
        let paths = ["a.h", "a/b.h", "a/c/d.h", "a/c/e.txt", "ab/f.h"];
        let files = paths.iter().map(|path| ((*path).to_owned(), Vec::new())).collect();
        let memory = Memory { name: "m".to_owned(), files };
        let root = std::env::temp_dir().join(format!("abispec-files-{}", std::process::id()));
        for path in paths {
            fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
            fs::write(root.join(path), "").unwrap();
        }
        let folder = Folder(root.clone());
        for name in ["", "a", "a/c", "nothing"] {
            assert_eq!(memory.list(name), folder.list(name), "{name}");
        }
        assert_eq!(memory.below("", ".h"), ["a.h", "a/b.h", "a/c/d.h", "ab/f.h"]);
        assert_eq!(memory.below("a", ".h"), folder.below("a", ".h"));
        fs::remove_dir_all(root).unwrap();
    }
}
