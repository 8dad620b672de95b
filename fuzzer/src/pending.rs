//! Suspicions that are being tried again, on disk until that is settled: a run that is killed meanwhile loses none.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

/// The folder below the one for findings.
const FOLDER: &str = "suspected";

/// Where suspicions wait.
#[derive(Debug)]
pub struct Pending {
    folder: PathBuf,
    count: AtomicU32,
}

impl Pending {
    /// Below the folder `out` of a run's findings. Nothing is made before there is something to keep.
    pub fn below(out: &Path) -> Self {
        Self { folder: out.join(FOLDER), count: AtomicU32::new(0) }
    }

    /// Keeps a program, a replay file, until it is settled.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn keep(&self, name: &str, replay: &str) -> io::Result<PathBuf> {
        fs::create_dir_all(&self.folder)?;
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let path = self.folder.join(format!("{name}-{}-{number}.yaml", process::id()));
        write_whole(&path, replay)?;
        Ok(path)
    }

    /// Forgets a program: it is a finding that was saved, or none.
    pub fn settle(&self, path: &Path) {
        // Another run may have tried it too and been first.
        let _ = fs::remove_file(path);
        // Fails as long as others wait in it.
        let _ = fs::remove_dir(&self.folder);
    }

    /// What runs that ended early left, sorted by name, each with its text.
    pub fn left(&self) -> Vec<(PathBuf, String)> {
        replay_files(&self.folder)
    }
}

/// The replay files of a folder, sorted by name, each with its text; what cannot be read is left out.
pub fn replay_files(folder: &Path) -> Vec<(PathBuf, String)> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let yaml = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "yaml");
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(yaml).collect();
    paths.sort();
    paths.into_iter().filter_map(|path| fs::read_to_string(&path).ok().map(|text| (path, text))).collect()
}

/// Writes a file so that whoever finds it finds all of it, whenever this process is killed.
///
/// # Errors
/// When it cannot be written or put in its place.
pub fn write_whole(path: &Path, text: &str) -> io::Result<()> {
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    fs::write(&part, text)?;
    fs::rename(&part, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_left_until_it_is_settled() {
        let out = std::env::temp_dir().join(format!("abispec-pending-{}", process::id()));
        let pending = Pending::below(&out);
        assert!(pending.left().is_empty() && !out.exists());
        let first = pending.keep("dup-missing-error", "one").unwrap();
        let second = pending.keep("dup-missing-error", "two").unwrap();
        assert_eq!(
            Pending::below(&out).left(),
            [(first.clone(), "one".to_owned()), (second.clone(), "two".to_owned())]
        );
        pending.settle(&first);
        pending.settle(&first);
        assert_eq!(pending.left().len(), 1);
        pending.settle(&second);
        assert!(pending.left().is_empty() && !out.join(FOLDER).exists());
        fs::remove_dir(out).unwrap();
    }
}
