//! The files that every program finds, in one table.

use super::process::Identity;
use super::tree::{Inode, InodeId, Mount, ROOT, Tree, WORK};
use crate::exec::layout::WORK_DIRECTORY;
use crate::exec::{ANSWERS, ANSWERS_MODE, EXECUTABLE_MODE, EXECUTABLES, SILENT_MODE, Stands, answers};
use abispec::expr::Word;
use std::sync::Arc;

/// One step of building or repairing the tree. Paths are absolute. Modes are final: the umask is 0 or a chmod follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Build {
    /// A directory.
    Dir {
        /// Its path.
        path: Vec<u8>,
        /// Its permissions.
        mode: u16,
    },
    /// A regular file that holds [`content`]; what is there already is overwritten.
    File {
        /// Its path.
        path: Vec<u8>,
        /// Its permissions.
        mode: u16,
        /// Its bytes.
        size: u64,
    },
    /// A symbolic link.
    Symlink {
        /// Its path.
        path: Vec<u8>,
        /// What it holds.
        target: Vec<u8>,
    },
    /// A FIFO.
    Fifo {
        /// Its path.
        path: Vec<u8>,
        /// Its permissions.
        mode: u16,
    },
    /// A socket that nobody listens on.
    Socket {
        /// Its path.
        path: Vec<u8>,
        /// Its permissions.
        mode: u16,
    },
    /// A second name.
    HardLink {
        /// The new name.
        path: Vec<u8>,
        /// The old one.
        to: Vec<u8>,
    },
    /// Permissions of what exists.
    Chmod {
        /// Its path.
        path: Vec<u8>,
        /// Its permissions.
        mode: u16,
    },
    /// Takes away a name that is no directory's.
    Remove {
        /// Its path.
        path: Vec<u8>,
    },
    /// Takes away an empty directory.
    RemoveDir {
        /// Its path.
        path: Vec<u8>,
    },
}

impl Build {
    /// The name that the step is about.
    pub(super) fn path(&self) -> &[u8] {
        let (Self::Dir { path, .. }
        | Self::File { path, .. }
        | Self::Symlink { path, .. }
        | Self::Fifo { path, .. }
        | Self::Socket { path, .. }
        | Self::HardLink { path, .. }
        | Self::Chmod { path, .. }
        | Self::Remove { path }
        | Self::RemoveDir { path }) = self;
        path
    }
}

/// The byte at a position of every regular file that is built: a pattern that has no NUL and repeats at no power of two.
pub const fn content(position: u64) -> u8 {
    (position % 251) as u8 + 1
}

enum Entry {
    Dir(&'static str, u16),
    File(&'static str, u16, u64),
    Link(&'static str, &'static str),
    Fifo(&'static str, u16),
    Socket(&'static str, u16),
    HardLink(&'static str, &'static str),
}

use Entry::{Dir, Fifo, File, HardLink, Link, Socket};

/// The fixture below `/t`, parents first.
const TABLE: &[Entry] = &[
    File("f", 0o644, 10),
    File("zero", 0o644, 0),
    File("big", 0o644, 5000),
    File("two", 0o644, 100),
    HardLink("two_too", "two"),
    File("secret", 0, 10),
    File("readonly", 0o444, 10),
    File("writeonly", 0o200, 10),
    File("script", 0o755, 10),
    File("setgid", 0o2664, 10),
    File("setid", 0o6755, 10),
    Dir("d", 0o755),
    File("d/f", 0o644, 10),
    File("d/g", 0o600, 0),
    Dir("d/sub", 0o755),
    Dir("d/sub/deep", 0o700),
    File("d/sub/deep/f", 0o644, 300),
    Link("d/up", ".."),
    Dir("e", 0o755),
    Dir("closed", 0),
    File("closed/f", 0o644, 10),
    Dir("nosearch", 0o600),
    File("nosearch/f", 0o644, 10),
    Dir("nowrite", 0o555),
    File("nowrite/f", 0o644, 10),
    Dir("sticky", 0o1777),
    File("sticky/f", 0o644, 10),
    Link("lf", "f"),
    Link("ld", "d"),
    Link("lslash", "d/"),
    Link("lfslash", "f/"),
    Link("abs", "/t/f"),
    Link("labs", "/t/d"),
    Link("dangling", "missing"),
    Link("loop", "loop"),
    Link("loopa", "loopb"),
    Link("loopb", "loopa"),
    Fifo("p", 0o644),
    Socket("s", 0o666),
    Dir("c", 0o755),
];

/// Links in the chain `c/1` -> `c/2` -> ... -> `f`: from the first there is one too many to be followed.
const CHAIN: u32 = 41;

/// How to build the fixture, in order, in an empty `/t`.
pub fn setup_calls() -> Vec<Build> {
    let at = |path: &str| format!("/t/{path}").into_bytes();
    let mut steps: Vec<Build> = TABLE
        .iter()
        .map(|entry| match entry {
            // Its permissions come when what lies in it is there.
            Dir(path, _) => Build::Dir { path: at(path), mode: 0o700 },
            File(path, mode, size) => Build::File { path: at(path), mode: *mode, size: *size },
            Link(path, target) => Build::Symlink { path: at(path), target: target.as_bytes().to_vec() },
            Fifo(path, mode) => Build::Fifo { path: at(path), mode: *mode },
            Socket(path, mode) => Build::Socket { path: at(path), mode: *mode },
            HardLink(path, to) => Build::HardLink { path: at(path), to: at(to) },
        })
        .collect();
    for index in 1..=CHAIN {
        let target = if index == CHAIN { "../f".to_owned() } else { (index + 1).to_string() };
        steps.push(Build::Symlink { path: at(&format!("c/{index}")), target: target.into_bytes() });
    }
    steps.push(Build::File { path: at(&"n".repeat(255)), mode: 0o644, size: 0 });
    steps.push(Build::Dir { path: at(&"m".repeat(255)), mode: 0o755 });
    for entry in TABLE {
        if let Dir(path, mode) = entry
            && *mode != 0o700
        {
            steps.push(Build::Chmod { path: at(path), mode: *mode });
        }
    }
    steps
}

/// The tree with the fixture in it.
pub fn tree(identity: &Identity) -> Tree {
    let directory = |permissions, mount, links| Inode {
        permissions,
        mount: Some(mount),
        links,
        parent: Some(ROOT),
        ..Inode::of(Some(Word::Directory))
    };
    let mut root = directory(identity.root_permissions, Mount::Root, None);
    root.complete = identity.root_entries.is_some();
    root.entries = vec![(Arc::from(&b"t"[..]), WORK)];
    let mut inodes = vec![root, directory(identity.work_permissions, Mount::Work, Some(2))];
    for (name, kind) in identity.root_entries.iter().flatten() {
        let id = InodeId(inodes.len() as u32);
        let executable = EXECUTABLES.iter().find(|one| one.path.trim_start_matches('/') == name);
        let on_root = Inode { mount: Some(Mount::Root), links: Some(1), ..Inode::of(Some(*kind)) };
        let inode = match (kind, executable) {
            (Word::Regular, Some(one)) => Inode {
                permissions: Some(EXECUTABLE_MODE),
                // Nobody can write to it.
                runnable: (identity.root_read_only == Some(true)).then_some(one.runnable),
                ..on_root
            },
            // It lies on the root's own file system, and is empty.
            (Word::Regular, None) => Inode { size: Some(0), ..on_root },
            (Word::Socket, _) => Inode { permissions: Some(SILENT_MODE), ..on_root },
            _ => Inode { complete: false, parent: Some(ROOT), ..Inode::of(Some(*kind)) },
        };
        inodes.push(inode);
        inodes[0].entries.push((name.as_bytes().into(), id));
    }
    inodes[0].entries.sort();
    if let Some(devices) = &identity.devices
        && let Some(dev) = inodes[0].entry(b"dev")
    {
        for name in devices {
            let id = InodeId(inodes.len() as u32);
            inodes.push(Inode { mount: Some(Mount::Device), ..Inode::of(Some(Word::CharDevice)) });
            inodes[dev.0 as usize].entries.push((name.as_bytes().into(), id));
        }
        let dev = &mut inodes[dev.0 as usize];
        dev.entries.sort();
        (dev.complete, dev.mount) = (true, Some(Mount::Root));
    }
    let mut tree = Tree::new(inodes);
    if identity.work_file_system == Word::Fuse {
        served(&mut tree);
    }
    for step in setup_calls() {
        perform(&mut tree, &step);
    }
    tree.settle()
}

/// Adds the files that a server has without being told: those that say what they refuse.
fn served(tree: &mut Tree) {
    let path = |name: &str| format!("{WORK_DIRECTORY}/{ANSWERS}{name}").into_bytes();
    perform(tree, &Build::Dir { path: path(""), mode: ANSWERS_MODE });
    for answer in answers() {
        let path = path(&format!("/{}", answer.name));
        match answer.refused.stands() {
            Stands::File => perform(tree, &Build::File { path, mode: answer.refused.mode(), size: 0 }),
            Stands::Directory => perform(tree, &Build::Dir { path, mode: answer.refused.mode() }),
            Stands::Nothing => {}
        }
    }
}

/// Whether a path is one of those, which nobody but the server can make.
pub(super) fn is_served(path: &[u8]) -> bool {
    let below = path.strip_prefix(WORK_DIRECTORY.as_bytes()).and_then(|rest| rest.strip_prefix(b"/"));
    below
        .and_then(|rest| rest.strip_prefix(ANSWERS.as_bytes()))
        .is_some_and(|rest| rest.first().is_none_or(|byte| *byte == b'/'))
}

/// Finds a file by a path without links.
pub(super) fn find(tree: &Tree, path: &[u8]) -> Option<InodeId> {
    path.split(|byte| *byte == b'/')
        .filter(|name| !name.is_empty())
        .try_fold(ROOT, |at, name| tree.get(at)?.entry(name))
}

/// Does to a tree what the step does to the real one.
pub(super) fn perform(tree: &mut Tree, step: &Build) {
    let path = step.path();
    let slash = path.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
    let name = path.get(slash + 1..).unwrap_or_default();
    let Some(parent) = find(tree, &path[..slash]) else { return tree.lose() };
    let existing = tree.get(parent).and_then(|parent| parent.entry(name));
    let with = |kind, mode: u16| Inode { permissions: Some(mode), ..Inode::of(Some(kind)) };
    match step {
        Build::Dir { mode, .. } => {
            tree.create(parent, name, with(Word::Directory, *mode));
        }
        Build::File { mode, size, .. } => {
            let plain = Inode { runnable: Some(false), ..Inode::of(Some(Word::Regular)) };
            let id = existing.or_else(|| tree.create(parent, name, plain));
            if let Some(inode) = id.and_then(|id| tree.get_mut(id)) {
                inode.permissions = Some(*mode);
                inode.size = Some(*size);
            }
        }
        Build::Symlink { target, .. } => {
            tree.create(parent, name, Inode { target: Some(target.as_slice().into()), ..with(Word::Symlink, 0o777) });
        }
        Build::Fifo { mode, .. } => {
            tree.create(parent, name, with(Word::Pipe, *mode));
        }
        Build::Socket { mode, .. } => {
            tree.create(parent, name, with(Word::Socket, *mode));
        }
        Build::HardLink { to, .. } => match find(tree, to) {
            Some(inode) => tree.link(inode, parent, name),
            None => tree.lose(),
        },
        Build::Chmod { mode, .. } => match existing.and_then(|id| tree.get_mut(id)) {
            Some(inode) => inode.permissions = Some(*mode),
            None => tree.lose(),
        },
        Build::Remove { .. } | Build::RemoveDir { .. } => tree.unlink(parent, name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_builds() {
        let tree = tree(&Identity::default());
        assert!(tree.is_known() && tree.is_unchanged());
        let facts = |path: &str| {
            let inode = tree.get(find(&tree, path.as_bytes()).unwrap()).unwrap();
            (inode.kind.unwrap(), inode.permissions.unwrap(), inode.links.unwrap(), inode.st_size())
        };
        assert_eq!(facts("/t/big"), (Word::Regular, 0o644, 1, Some(5000)));
        assert_eq!(facts("/t/two_too"), (Word::Regular, 0o644, 2, Some(100)));
        assert_eq!(facts("/t/closed"), (Word::Directory, 0, 2, Some(60)));
        assert_eq!(facts("/t/sticky"), (Word::Directory, 0o1777, 2, Some(60)));
        assert_eq!(facts("/t/d"), (Word::Directory, 0o755, 3, Some(40 + 4 * 20)));
        assert_eq!(facts("/t/abs"), (Word::Symlink, 0o777, 1, Some(4)));
        assert_eq!(facts("/t/p"), (Word::Pipe, 0o644, 1, None));
        assert_eq!(find(&tree, b"/t/d/sub/deep/f").map(|id| tree.get(id).unwrap().size), Some(Some(300)));
    }

    #[test]
    fn contents_have_no_nul() {
        assert!((0..600).all(|position| content(position) != 0));
        assert_ne!(content(0), content(256));
    }
}
