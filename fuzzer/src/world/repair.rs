//! Getting a changed tree back to what it was, with as few calls as need be.

use super::World;
use super::fixture::{Build, is_served, perform};
use super::tree::{Inode, InodeId, ROOT, Tree, WORK};
use abispec::expr::Word;
use std::collections::BTreeMap;

/// More steps than this are not cheaper than a new tree.
const STEPS_MAX: usize = 100;
/// The longest path that calls take.
const PATH_MAX: usize = 4096;

/// The steps that turn the tree of `from` back into that of `to`; `None` if a new sandbox is cheaper or the model lost the tree.
/// Steps name files by absolute paths; they want umask 0, and the identity under which the program ran.
pub fn repair(from: &World, to: &World) -> Option<Vec<Build>> {
    if !from.tree.is_known() || !from.tree.is_owned() {
        return None;
    }
    if from.tree.is_unchanged() {
        return Some(Vec::new());
    }
    let mut repair = Repair {
        now: (*from.tree).clone(),
        wanted: &to.tree,
        steps: Vec::new(),
        same: BTreeMap::new(),
        modes: Vec::new(),
    };
    repair.adopt(WORK, WORK);
    repair.directory(b"/t", WORK, WORK)?;
    // Deepest first: what is in a closed directory comes before closing it.
    while let Some((path, mode)) = repair.modes.pop() {
        repair.step(Build::Chmod { path, mode })?;
    }
    Some(repair.steps)
}

struct Repair<'a> {
    now: Tree,
    wanted: &'a Tree,
    steps: Vec<Build>,
    /// Which file of the present tree is kept as which of the wanted one, and its path.
    same: BTreeMap<InodeId, (InodeId, Vec<u8>)>,
    /// Permissions to set at the end.
    modes: Vec<(Vec<u8>, u16)>,
}

impl Repair<'_> {
    fn step(&mut self, step: Build) -> Option<()> {
        if is_served(step.path()) {
            return None;
        }
        perform(&mut self.now, &step);
        self.steps.push(step);
        (self.now.is_known() && self.steps.len() <= STEPS_MAX).then_some(())
    }

    /// Keeps files that still have one of their names, so that names of one file stay names of one file.
    fn adopt(&mut self, now: InodeId, wanted: InodeId) {
        let (Some(present), Some(goal)) = (self.now.get(now), self.wanted.get(wanted)) else { return };
        let mut below = Vec::new();
        let mut kept = Vec::new();
        for (name, wanted) in &goal.entries {
            let Some(now) = present.entry(name) else { continue };
            let (Some(file), Some(goal)) = (self.now.get(now), self.wanted.get(*wanted)) else { continue };
            // A file of the fixture is kept as itself only, a later one as whatever it came in place of.
            let free = now == *wanted || self.wanted.get(now).is_none();
            let used = |kept: InodeId, by: InodeId| kept == now && by != *wanted;
            let taken = self.same.iter().any(|(by, (kept, _))| used(*kept, *by))
                || kept.iter().any(|(by, kept)| used(*kept, *by));
            if alike(file, goal) && free && !taken {
                kept.push((*wanted, now));
                if file.is_directory() {
                    below.push((now, *wanted));
                }
            }
        }
        for (wanted, now) in kept {
            self.same.entry(wanted).or_insert((now, Vec::new()));
        }
        for (now, wanted) in below {
            self.adopt(now, wanted);
        }
    }

    fn directory(&mut self, path: &[u8], now: InodeId, wanted: InodeId) -> Option<()> {
        let wanted_tree = self.wanted;
        let goal = wanted_tree.get(wanted)?;
        let extra: Vec<_> = {
            let present = self.now.get(now)?;
            let stays = |name: &[u8], id: InodeId| {
                goal.entry(name).is_some_and(|wanted| self.same.get(&wanted).is_some_and(|kept| kept.0 == id))
            };
            let entries = present.entries.iter().filter(|(name, id)| !stays(name, *id));
            entries.map(|(name, id)| (name.clone(), *id)).collect()
        };
        let missing =
            goal.entries.iter().any(|(name, _)| self.now.get(now).is_none_or(|now| now.entry(name).is_none()));
        if !extra.is_empty() || missing {
            self.open(path, now, goal)?;
        }
        for (name, id) in extra {
            self.remove(&join(path, &name)?, id)?;
        }
        for (name, wanted) in &goal.entries {
            let path = join(path, name)?;
            match self.now.get(now)?.entry(name) {
                Some(id) => self.settle(&path, id, *wanted)?,
                None => self.build(&path, *wanted)?,
            }
        }
        let (mode, has) = (goal.permissions?, self.now.get(now)?.permissions?);
        if mode != has && !self.modes.iter().any(|(known, _)| known == path) {
            self.modes.push((path.to_vec(), mode));
        }
        Some(())
    }

    /// Makes sure that names in a directory can be changed.
    fn open(&mut self, path: &[u8], now: InodeId, goal: &Inode) -> Option<()> {
        if now != ROOT && self.now.get(now)?.permissions? & 0o700 != 0o700 {
            self.step(Build::Chmod { path: path.to_vec(), mode: 0o700 })?;
            self.modes.push((path.to_vec(), goal.permissions?));
        }
        Some(())
    }

    /// Sets right what stays.
    fn settle(&mut self, path: &[u8], now: InodeId, wanted: InodeId) -> Option<()> {
        let (file, goal) = (self.now.get(now)?, self.wanted.get(wanted)?);
        let (mode, has) = (goal.permissions?, file.permissions?);
        let kept = self.same.get_mut(&wanted)?;
        let first = kept.1.is_empty();
        if first {
            kept.1 = path.to_vec();
        }
        match goal.kind? {
            Word::Directory => self.directory(path, now, wanted)?,
            Word::Regular if first && file.size != goal.size => {
                let size = goal.size?;
                if has & 0o200 == 0 {
                    self.step(Build::Chmod { path: path.to_vec(), mode: 0o600 })?;
                }
                self.step(Build::File { path: path.to_vec(), mode, size })?;
            }
            Word::Symlink => {}
            _ if has != mode => self.step(Build::Chmod { path: path.to_vec(), mode })?,
            _ => {}
        }
        Some(())
    }

    fn remove(&mut self, path: &[u8], id: InodeId) -> Option<()> {
        let file = self.now.get(id)?;
        if !file.is_directory() {
            return self.step(Build::Remove { path: path.to_vec() });
        }
        let below: Vec<_> = file.entries.clone();
        if !below.is_empty() && file.permissions? & 0o700 != 0o700 {
            self.step(Build::Chmod { path: path.to_vec(), mode: 0o700 })?;
        }
        for (name, id) in below {
            self.remove(&join(path, &name)?, id)?;
        }
        self.step(Build::RemoveDir { path: path.to_vec() })
    }

    fn build(&mut self, path: &[u8], wanted: InodeId) -> Option<()> {
        let wanted_tree = self.wanted;
        let goal = wanted_tree.get(wanted)?;
        let mode = goal.permissions?;
        let path_vec = path.to_vec();
        if let Some((now, other)) = self.same.get(&wanted)
            && !goal.is_directory()
        {
            // Another name of a file that is there already, or will be: its first name may come later.
            let to = if other.is_empty() { self.path_of(*now)? } else { other.clone() };
            return self.step(Build::HardLink { path: path_vec, to });
        }
        match goal.kind? {
            Word::Directory => {
                self.step(Build::Dir { path: path_vec.clone(), mode: 0o700 })?;
                for (name, wanted) in &goal.entries {
                    self.build(&join(path, name)?, *wanted)?;
                }
                if mode != 0o700 {
                    self.modes.push((path_vec, mode));
                }
            }
            Word::Regular => {
                self.step(Build::File { path: path_vec.clone(), mode, size: goal.size? })?;
                let now = super::fixture::find(&self.now, path)?;
                self.same.insert(wanted, (now, path_vec));
            }
            Word::Symlink => self.step(Build::Symlink { path: path_vec, target: goal.target.as_ref()?.to_vec() })?,
            Word::Socket => self.step(Build::Socket { path: path_vec, mode })?,
            Word::Pipe => self.step(Build::Fifo { path: path_vec, mode })?,
            _ => return None,
        }
        Some(())
    }

    fn path_of(&self, wanted: InodeId) -> Option<Vec<u8>> {
        fn search(tree: &Tree, at: InodeId, path: &[u8], wanted: InodeId) -> Option<Vec<u8>> {
            tree.get(at)?.entries.iter().find_map(|(name, id)| {
                let path = join(path, name)?;
                if *id == wanted { Some(path) } else { search(tree, *id, &path, wanted) }
            })
        }
        search(&self.now, WORK, b"/t", wanted)
    }
}

/// Whether a file can be kept for another: what cannot be set right is the same.
fn alike(file: &Inode, goal: &Inode) -> bool {
    file.kind == goal.kind
        && file.target == goal.target
        && file.permissions.is_some()
        && (goal.size.is_none() || file.size.is_some())
}

fn join(path: &[u8], name: &[u8]) -> Option<Vec<u8>> {
    let mut joined = path.to_vec();
    joined.push(b'/');
    joined.extend_from_slice(name);
    (joined.len() < PATH_MAX).then_some(joined)
}
