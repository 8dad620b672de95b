//! A revision of a git repository, read from its object store: nothing is checked out.
//!
//! One `git cat-file --batch` runs beside the reader and answers for objects by name. Folders are read when they are first
//! asked for, as tree objects, so that a kernel's hundred thousand names are never listed; a file is one question and
//! one answer through a pipe.

use super::Files;
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

/// A file in a tree larger than this is no source.
const LARGEST: u64 = 256 << 20;

/// A revision of a repository.
#[derive(Debug)]
pub struct Repository {
    revision: String,
    tree: String,
    digest: usize,
    talk: Mutex<Talk>,
    folders: Mutex<HashMap<String, Arc<Vec<Entry>>>>,
}

/// The process that answers.
#[derive(Debug)]
struct Talk {
    child: Child,
    ask: Option<ChildStdin>,
    answer: BufReader<ChildStdout>,
    /// It said something that was not understood, so that its next words belong to no question.
    lost: bool,
}

/// A name in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    name: String,
    object: String,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    File,
    Folder,
    Link,
    Other,
}

impl Repository {
    /// Opens a revision: a tag, a branch, a commit.
    ///
    /// # Errors
    /// When git is not installed, the folder belongs to no repository, or there is no such revision.
    pub fn open(folder: &Path, revision: &str) -> Result<Self, String> {
        if revision.is_empty() || revision.contains(['\n', '\0']) {
            return Err("a revision has a name".to_owned());
        }
        if !folder.is_dir() {
            return Err(format!("{} is no folder", folder.display()));
        }
        let mut talk = Talk::start(folder)?;
        let (object, kind, _) =
            talk.ask(&format!("{revision}^{{tree}}"))?.ok_or_else(|| no_revision(folder, revision))?;
        if kind != "tree" {
            return Err(no_revision(folder, revision));
        }
        let digest = object.len() / 2;
        let (talk, folders) = (Mutex::new(talk), Mutex::default());
        Ok(Self { revision: revision.to_owned(), tree: object, digest, talk, folders })
    }

    fn object(&self, name: &str) -> Option<(String, Vec<u8>)> {
        let mut talk = self.talk.lock().unwrap_or_else(PoisonError::into_inner);
        talk.ask(name).ok().flatten().map(|(_, kind, bytes)| (kind, bytes))
    }

    fn entries(&self, folder: &str) -> Arc<Vec<Entry>> {
        let known = self.folders.lock().unwrap_or_else(PoisonError::into_inner).get(folder).map(Arc::clone);
        if let Some(known) = known {
            return known;
        }
        let name = if folder.is_empty() {
            Some(self.tree.clone())
        } else {
            self.find(folder).filter(|entry| entry.kind == Kind::Folder).map(|entry| entry.object)
        };
        let found = name.and_then(|name| self.object(&name)).filter(|(kind, _)| kind == "tree");
        let entries = Arc::new(found.map(|(_, bytes)| read_tree(&bytes, self.digest)).unwrap_or_default());
        let mut folders = self.folders.lock().unwrap_or_else(PoisonError::into_inner);
        folders.insert(folder.to_owned(), Arc::clone(&entries));
        entries
    }

    fn find(&self, path: &str) -> Option<Entry> {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let entries = self.entries(folder);
        entries
            .binary_search_by(|entry| entry.name.as_str().cmp(name))
            .ok()
            .and_then(|index| entries.get(index).cloned())
    }

    /// The file that a path leads to through symbolic links inside the tree.
    fn resolve(&self, path: &str) -> Option<Entry> {
        let mut path = path.to_owned();
        for _ in 0..8 {
            let entry = self.find(&path)?;
            if entry.kind != Kind::Link {
                return Some(entry);
            }
            let (_, target) = self.object(&entry.object)?;
            let target = String::from_utf8(target).ok()?;
            let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
            path = normal(&format!("{folder}/{target}"))?;
        }
        None
    }
}

fn no_revision(folder: &Path, revision: &str) -> String {
    format!("the repository in {} has no revision `{revision}`", folder.display())
}

impl Files for Repository {
    fn read(&self, path: &str) -> Option<Vec<u8>> {
        let entry = self.resolve(path).filter(|entry| entry.kind == Kind::File)?;
        self.object(&entry.object).filter(|(kind, _)| kind == "blob").map(|(_, bytes)| bytes)
    }

    fn list(&self, folder: &str) -> Vec<String> {
        let entries = self.entries(folder);
        let mut names: Vec<String> = entries
            .iter()
            .map(|entry| if entry.kind == Kind::Folder { format!("{}/", entry.name) } else { entry.name.clone() })
            .collect();
        names.sort();
        names
    }

    /// As git itself names a file of a revision: `v6.12:include/uapi/linux/fs.h`.
    fn show(&self, path: &str) -> String {
        if path.is_empty() { self.revision.clone() } else { format!("{}:{path}", self.revision) }
    }
}

impl Talk {
    fn start(folder: &Path) -> Result<Self, String> {
        let failed = |error: std::io::Error| format!("git could not be run: {error}");
        let mut command = Command::new("git");
        command.arg("-C").arg(folder).args(["cat-file", "--batch"]);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().map_err(failed)?;
        let (Some(ask), Some(answer)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("git could not be run: its pipes are not there".to_owned());
        };
        Ok(Self { child, ask: Some(ask), answer: BufReader::with_capacity(1 << 16, answer), lost: false })
    }

    /// Asks for an object: its full name, its kind and its bytes; `None` where there is none of this name.
    fn ask(&mut self, name: &str) -> Result<Option<(String, String, Vec<u8>)>, String> {
        if self.lost || name.contains('\n') {
            return Ok(None);
        }
        let result = self.exchange(name);
        self.lost = result.is_err();
        result
    }

    fn exchange(&mut self, name: &str) -> Result<Option<(String, String, Vec<u8>)>, String> {
        let gone = |_| "git ended early: is this folder in a repository?".to_owned();
        let ask = self.ask.as_mut().ok_or("git has ended")?;
        ask.write_all(format!("{name}\n").as_bytes()).and_then(|()| ask.flush()).map_err(gone)?;
        let mut line = String::new();
        if self.answer.read_line(&mut line).map_err(gone)? == 0 {
            return Err("git ended early: is this folder in a repository?".to_owned());
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        let &[object, kind, size] = words.as_slice() else { return Ok(None) };
        let Ok(size) = size.parse::<u64>() else { return Ok(None) };
        if size > LARGEST {
            return Err(format!("the object {object} has {size} bytes"));
        }
        let mut bytes = Vec::new();
        (&mut self.answer).take(size + 1).read_to_end(&mut bytes).map_err(gone)?;
        if bytes.len() as u64 != size + 1 {
            return Err("git ended in the middle of an object".to_owned());
        }
        bytes.pop();
        Ok(Some((object.to_owned(), kind.to_owned(), bytes)))
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        // It ends when nobody can ask any more.
        self.ask = None;
        let _ = self.child.wait();
    }
}

/// Reads a tree object: `MODE NAME`, a NUL, and the object's digest of `digest` bytes, again and again. Sorted by name.
fn read_tree(bytes: &[u8], digest: usize) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut rest = bytes;
    while let Some(end) = rest.iter().position(|byte| *byte == 0) {
        let (head, after) = rest.split_at(end);
        let Some((object, next)) = after.get(1..).and_then(|after| after.split_at_checked(digest)) else { break };
        rest = next;
        let Some(blank) = head.iter().position(|byte| *byte == b' ') else { continue };
        // A name that is no text cannot be asked for.
        let Ok(name) = std::str::from_utf8(&head[blank + 1..]) else { continue };
        let kind = match &head[..blank] {
            b"40000" | b"040000" => Kind::Folder,
            b"120000" => Kind::Link,
            mode if mode.starts_with(b"100") => Kind::File,
            _ => Kind::Other,
        };
        let object = object.iter().map(|byte| format!("{byte:02x}")).collect();
        entries.push(Entry { name: name.to_owned(), object, kind });
    }
    // Git sorts folders as if their names ended in a slash.
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    entries
}

/// Takes `..` and `.` out of a path; none where it leaves the tree.
fn normal(path: &str) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}
