//! Path resolution, as the kernel does it.
//!
//! A directory must be searchable before any component in it is looked at, the last one included; a name is measured when
//! it is looked up; a removed directory has no names at all; a slash after the last component makes the kernel follow a
//! link there and want a directory, unless only the name is wanted (to make, remove or move it).

use super::numbers::Fault;
use super::permission::may;
use super::process::Rights;
use super::tree::{Inode, InodeId, ROOT, Tree};
use abispec::expr::Word;

/// The longest component.
const NAME_MAX: usize = 255;
/// Symbolic links that one walk may follow.
const LINKS_MAX: u32 = 40;
/// Links that a walk may follow in any case: one that begins anew, because something else was mounted or renamed meanwhile, counts
/// those of its first attempt too.
const LINKS_SURE: u32 = LINKS_MAX / 2;

/// Where a relative path starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base {
    /// At this file.
    Inode(InodeId),
    /// At a descriptor that is no file of the tree.
    NoDirectory,
    /// At a descriptor that is not open.
    NotOpen,
    /// Nobody knows.
    Unknown,
}

/// A walk to be made.
#[derive(Clone, Copy, Debug)]
pub struct Route<'a> {
    /// The path.
    pub text: &'a [u8],
    /// Where it starts if it is relative.
    pub base: Base,
    /// Whether a symbolic link at the end is followed.
    pub follow: bool,
    /// Whether the name itself is wanted: a slash after it has no meaning for the walk.
    pub name_only: bool,
    /// Whether the empty path names the base.
    pub empty: bool,
    /// Whether the base is the root of the walk.
    pub scoped: bool,
    /// What capabilities add to permission bits.
    pub rights: Rights,
}

/// What a walk found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Walked {
    /// Why it did not come to the last component.
    pub fault: Option<Fault>,
    /// The directory of the last component, behind the links that were followed.
    pub parent: Option<InodeId>,
    /// The file; `None` if it does not exist.
    pub inode: Option<InodeId>,
    /// The empty path, which names the base.
    pub is_base: bool,
    /// The last component as written is a symbolic link.
    pub last_is_symlink: bool,
    /// A symbolic link was met.
    pub via_symlink: bool,
    /// It went above the base, or began at the root.
    pub leaves: bool,
    /// It went from one mount to another.
    pub crosses_mount: bool,
}

impl Walked {
    /// Whether it came to a file.
    pub fn exists(&self) -> bool {
        self.fault.is_none() && (self.inode.is_some() || self.is_base)
    }
}

enum Stop {
    Fault(Fault),
    Unknown,
}

struct Walker<'t> {
    tree: &'t Tree,
    rights: Rights,
    root: InodeId,
    base: Option<InodeId>,
    at: InodeId,
    follow: bool,
    name_only: bool,
    links: u32,
    wants_directory: bool,
    name: Option<Vec<u8>>,
    found: Walked,
}

/// Walks; `None` where the model cannot tell.
pub fn walk(tree: &Tree, route: &Route<'_>) -> Option<Walked> {
    run(tree, route, None).map(|(found, _)| found)
}

/// Walks to the directory and the name that the last component stands for; `None` also if that is no name or the walk fails.
pub fn place(tree: &Tree, route: &Route<'_>) -> Option<(InodeId, Vec<u8>)> {
    let (found, name) = run(tree, route, Some(Vec::new()))?;
    if found.fault.is_some() {
        return None;
    }
    let name = name.filter(|name| !name.is_empty())?;
    Some((found.parent?, name))
}

fn run(tree: &Tree, route: &Route<'_>, name: Option<Vec<u8>>) -> Option<(Walked, Option<Vec<u8>>)> {
    if !tree.is_known() {
        return None;
    }
    let found = Walked {
        fault: None,
        parent: None,
        inode: None,
        is_base: false,
        last_is_symlink: false,
        via_symlink: false,
        leaves: false,
        crosses_mount: false,
    };
    let fault = |fault| Some((Walked { fault: Some(fault), ..found }, None));
    let absolute = route.text.first() == Some(&b'/');
    let base = match route.base {
        _ if route.text.is_empty() && !route.empty => return fault(Fault::Enoent),
        _ if absolute && !route.scoped => None,
        Base::NotOpen => return fault(Fault::Ebadf),
        Base::Unknown => return None,
        Base::NoDirectory if route.text.is_empty() => None,
        Base::NoDirectory => return fault(Fault::Enotdir),
        Base::Inode(base) if !route.text.is_empty() => match tree.get(base)?.kind? {
            Word::Directory => Some(base),
            _ => return fault(Fault::Enotdir),
        },
        Base::Inode(base) => Some(base),
    };
    if route.text.is_empty() {
        return Some((Walked { is_base: true, inode: base, ..found }, None));
    }
    let root = if route.scoped { base? } else { ROOT };
    let mut walker = Walker {
        tree,
        rights: route.rights,
        root,
        base,
        at: base.unwrap_or(root),
        follow: route.follow,
        name_only: route.name_only,
        links: 0,
        wants_directory: false,
        name,
        found,
    };
    if absolute {
        walker.found.leaves = !route.scoped;
        walker.at = root;
    }
    match walker.text(route.text, true, true).and_then(|()| walker.check_end()) {
        Ok(()) => {}
        Err(Stop::Fault(fault)) => walker.found.fault = Some(fault),
        Err(Stop::Unknown) => return None,
    }
    let sure = walker.links <= LINKS_SURE || walker.links > LINKS_MAX;
    // A call that succeeded has got there.
    if !sure && walker.name.is_none() {
        return None;
    }
    Some((walker.found, walker.name))
}

impl<'t> Walker<'t> {
    fn here(&self) -> Result<&'t Inode, Stop> {
        self.tree.get(self.at).ok_or(Stop::Unknown)
    }

    /// Walks a text: the path itself if `outermost`, else a link's. In a link before the end every component is passed through.
    fn text(&mut self, text: &[u8], last: bool, outermost: bool) -> Result<(), Stop> {
        let mut rest = skip_slashes(text);
        if rest.is_empty() {
            if last {
                self.found.parent = Some(self.at);
                self.found.inode = Some(self.at);
            }
            return Ok(());
        }
        loop {
            match may(self.here()?, Word::Exec, self.rights, self.tree.is_owned()) {
                Some(true) => {}
                Some(false) => return Err(Stop::Fault(Fault::Eacces)),
                None => return Err(Stop::Unknown),
            }
            let end = rest.iter().position(|byte| *byte == b'/').unwrap_or(rest.len());
            let (component, behind) = rest.split_at(end);
            rest = skip_slashes(behind);
            if rest.is_empty() && last {
                return self.end(component, !behind.is_empty(), outermost);
            }
            self.pass(component)?;
            match self.here()?.kind {
                Some(Word::Directory) => {}
                Some(_) => return Err(Stop::Fault(Fault::Enotdir)),
                None => return Err(Stop::Unknown),
            }
            if rest.is_empty() {
                return Ok(());
            }
        }
    }

    /// Goes through a component that is not the last.
    fn pass(&mut self, component: &[u8]) -> Result<(), Stop> {
        match component {
            b"." => Ok(()),
            b".." => self.up(),
            name => {
                let id = self.look_up(name)?.ok_or(Stop::Fault(Fault::Enoent))?;
                let inode = self.tree.get(id).ok_or(Stop::Unknown)?;
                if inode.kind == Some(Word::Symlink) {
                    return self.follow(inode, false);
                }
                self.step(id)
            }
        }
    }

    /// Arrives at the last component.
    fn end(&mut self, component: &[u8], slash: bool, outermost: bool) -> Result<(), Stop> {
        self.found.parent = Some(self.at);
        match component {
            b"." => self.found.inode = Some(self.at),
            b".." => {
                self.up()?;
                self.found.inode = Some(self.at);
            }
            name => {
                let found = self.look_up(name)?;
                let inode = found.map(|id| self.tree.get(id).ok_or(Stop::Unknown)).transpose()?;
                let link = inode.filter(|inode| inode.kind == Some(Word::Symlink));
                self.wants_directory |= slash && !self.name_only;
                if let Some(link) = link {
                    self.found.via_symlink = true;
                    self.found.last_is_symlink |= outermost;
                    if self.follow || self.wants_directory {
                        return self.follow(link, true);
                    }
                }
                if let Some(buffer) = &mut self.name {
                    buffer.clear();
                    buffer.extend_from_slice(name);
                }
                self.found.inode = found;
                if let Some(id) = found {
                    self.step(id)?;
                }
            }
        }
        Ok(())
    }

    fn check_end(&self) -> Result<(), Stop> {
        let Some(id) = self.found.inode.filter(|_| self.wants_directory) else { return Ok(()) };
        match self.tree.get(id).and_then(|inode| inode.kind) {
            Some(Word::Directory) => Ok(()),
            Some(_) => Err(Stop::Fault(Fault::Enotdir)),
            None => Err(Stop::Unknown),
        }
    }

    fn look_up(&self, name: &[u8]) -> Result<Option<InodeId>, Stop> {
        let directory = self.here()?;
        if directory.removed {
            return Err(Stop::Fault(Fault::Enoent));
        }
        if name.len() > NAME_MAX {
            return Err(Stop::Fault(Fault::Enametoolong));
        }
        match directory.entry(name) {
            None if !directory.complete => Err(Stop::Unknown),
            found => Ok(found),
        }
    }

    fn follow(&mut self, link: &'t Inode, last: bool) -> Result<(), Stop> {
        self.found.via_symlink = true;
        self.links += 1;
        if self.links > LINKS_MAX {
            return Err(Stop::Fault(Fault::Eloop));
        }
        let target = link.target.as_deref().ok_or(Stop::Unknown)?;
        if target.first() == Some(&b'/') {
            self.found.leaves = true;
            self.step(self.root)?;
        }
        self.text(target, last, false)
    }

    fn up(&mut self) -> Result<(), Stop> {
        if self.base == Some(self.at) {
            self.found.leaves = true;
        }
        if self.at == self.root {
            return Ok(());
        }
        let parent = self.here()?.parent.ok_or(Stop::Unknown)?;
        self.step(parent)
    }

    fn step(&mut self, to: InodeId) -> Result<(), Stop> {
        let mount = |id| self.tree.get(id).and_then(|inode| inode.mount).ok_or(Stop::Unknown);
        self.found.crosses_mount |= mount(self.at)? != mount(to)?;
        self.at = to;
        Ok(())
    }
}

fn skip_slashes(text: &[u8]) -> &[u8] {
    let start = text.iter().position(|byte| *byte != b'/').unwrap_or(text.len());
    &text[start..]
}

#[cfg(test)]
mod tests;
