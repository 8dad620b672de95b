//! A folder that is looked at from time to time: which of its files are new, changed or gone.

use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::hash::{DefaultHasher, Hasher};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Bytes of the longest file that is brought out.
const LONGEST: u64 = 8 << 20;
/// Files that are looked at; more than a run leaves.
const MOST: usize = 100_000;

/// What a folder held when it was last looked at.
#[derive(Debug)]
pub(crate) struct Folder {
    root: PathBuf,
    seen: BTreeMap<String, (State, u64)>,
}

/// What shows that a file has changed.
type State = (u64, u64, i64, i64);

fn state(data: &Metadata) -> State {
    (data.ino(), data.len(), data.mtime(), data.mtime_nsec())
}

/// What differs from the last look.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// A file and what it holds now.
    File(String, Vec<u8>),
    /// A file and what was added at its end.
    More(String, Vec<u8>),
    /// A file that is not there any more.
    Gone(String),
}

impl Folder {
    pub(crate) fn new(root: &Path) -> Self {
        Self { root: root.to_owned(), seen: BTreeMap::new() }
    }

    /// Looks again. A file that cannot be read, or is too long, is left for the next look.
    pub(crate) fn changes(&mut self) -> Vec<Change> {
        let mut now = BTreeMap::new();
        let mut waiting = vec![String::new()];
        while let Some(folder) = waiting.pop() {
            let Ok(entries) = fs::read_dir(self.root.join(&folder)) else { continue };
            for entry in entries.flatten() {
                let Some(name) = entry.file_name().to_str().map(str::to_owned) else { continue };
                let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
                match entry.metadata() {
                    Ok(data) if data.is_dir() => waiting.push(path),
                    Ok(data) if data.is_file() && data.len() <= LONGEST && now.len() < MOST => {
                        now.insert(path, state(&data));
                    }
                    _ => {}
                }
            }
        }
        let mut changes = Vec::new();
        for path in self.seen.keys().filter(|path| !now.contains_key(*path)) {
            changes.push(Change::Gone(path.clone()));
        }
        let mut seen = BTreeMap::new();
        for (path, state) in now {
            let before = self.seen.get(&path).copied();
            if let Some(same) = before.filter(|(before, _)| *before == state) {
                seen.insert(path, same);
            } else if let Ok(content) = fs::read(self.root.join(&path)) {
                // It may have grown since it was looked at: what was read counts.
                let state = (state.0, content.len() as u64, state.2, state.3);
                seen.insert(path.clone(), (state, hash(&content)));
                changes.push(match added(before, state, &content) {
                    Some(more) => Change::More(path, more.to_vec()),
                    None => Change::File(path, content),
                });
            }
        }
        self.seen = seen;
        changes
    }
}

fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    hasher.finish()
}

/// What stands behind what the same file held before, where it still begins with that. Journals grow so.
fn added(before: Option<(State, u64)>, now: State, content: &[u8]) -> Option<&[u8]> {
    let ((_, length, ..), known) = before.filter(|((file, length, ..), _)| *file == now.0 && *length > 0)?;
    let (old, new) = content.split_at_checked(usize::try_from(length).ok()?)?;
    (hash(old) == known).then_some(new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_change_is_told_once() {
        let root = std::env::temp_dir().join(format!("abispec-vm-folder-{}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        fs::create_dir_all(root.join("a")).expect("a temporary folder");
        let mut folder = Folder::new(&root);
        assert!(folder.changes().is_empty());
        fs::write(root.join("a/b"), "1").expect("writable");
        assert_eq!(folder.changes(), [Change::File("a/b".to_owned(), b"1".to_vec())]);
        assert!(folder.changes().is_empty());
        fs::write(root.join("a/b"), "22").expect("writable");
        assert_eq!(folder.changes(), [Change::File("a/b".to_owned(), b"22".to_vec())]);
        fs::write(root.join("a/b"), "2233").expect("writable");
        assert_eq!(folder.changes(), [Change::More("a/b".to_owned(), b"33".to_vec())]);
        fs::write(root.join("a/b"), "2").expect("writable");
        assert_eq!(folder.changes(), [Change::File("a/b".to_owned(), b"2".to_vec())]);
        fs::remove_file(root.join("a/b")).expect("there");
        assert_eq!(folder.changes(), [Change::Gone("a/b".to_owned())]);
        assert!(folder.changes().is_empty());
        fs::remove_dir_all(&root).expect("there");
    }
}
