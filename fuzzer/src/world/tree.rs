//! Inodes and names. The fixture is shared by all worlds; a changed tree holds only what differs from it.

use abispec::expr::Word;
use std::sync::Arc;

/// A file, by its place in the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InodeId(pub(super) u32);

/// The root directory.
pub const ROOT: InodeId = InodeId(0);
/// The working directory at program start, `/t`: the root of the sandbox's tmpfs.
pub const WORK: InodeId = InodeId(1);

/// What tmpfs counts for a name in the size of a directory.
const NAME_BYTES: u64 = 20;

/// Which mount a file lies on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mount {
    /// That of `/`.
    Root,
    /// That of `/t`.
    Work,
    /// Those of the devices in `/dev`, one each.
    Device,
}

/// A name in a directory.
pub type Entry = (Arc<[u8]>, InodeId);

/// A file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inode {
    /// What it is.
    pub kind: Option<Word>,
    /// Mode bits 07777.
    pub permissions: Option<u16>,
    /// Number of names; for directories with those of their parts.
    pub links: Option<u32>,
    /// Bytes of a regular file.
    pub size: Option<u64>,
    /// What a symbolic link holds.
    pub target: Option<Arc<[u8]>>,
    /// Names in a directory, sorted.
    pub entries: Vec<Entry>,
    /// Whether these are all its names.
    pub complete: bool,
    /// The directory that holds a directory.
    pub parent: Option<InodeId>,
    /// Whether a directory was removed.
    pub removed: bool,
    /// The mount; `None` for files that never had a name.
    pub mount: Option<Mount>,
    /// Whether its contents are of a format that the kernel executes, where nothing changes them.
    pub runnable: Option<bool>,
    /// Sealed ways of changing it; `None` where that is unknown or makes no sense.
    pub seals: Option<u32>,
}

impl Inode {
    /// A file of which only the kind is known.
    pub fn of(kind: Option<Word>) -> Self {
        Self {
            kind,
            permissions: None,
            links: None,
            size: None,
            target: None,
            entries: Vec::new(),
            complete: true,
            parent: None,
            removed: false,
            mount: None,
            runnable: None,
            seals: None,
        }
    }

    /// Whether it is a directory.
    pub fn is_directory(&self) -> bool {
        self.kind == Some(Word::Directory)
    }

    /// The file of a name, in a directory.
    pub fn entry(&self, name: &[u8]) -> Option<InodeId> {
        let index = self.entries.binary_search_by(|entry| (*entry.0).cmp(name)).ok()?;
        Some(self.entries[index].1)
    }

    fn set_entry(&mut self, name: &[u8], to: Option<InodeId>) {
        let found = self.entries.binary_search_by(|entry| (*entry.0).cmp(name));
        match (found, to) {
            (Ok(index), Some(to)) => self.entries[index].1 = to,
            (Ok(index), None) => {
                self.entries.remove(index);
            }
            (Err(index), Some(to)) => self.entries.insert(index, (name.into(), to)),
            (Err(_), None) => {}
        }
    }

    /// `st_size`, as tmpfs computes it.
    pub fn st_size(&self) -> Option<u64> {
        match self.kind? {
            Word::Regular => self.size,
            Word::Symlink => Some(self.target.as_ref()?.len() as u64),
            Word::Directory if self.complete && self.mount == Some(Mount::Work) => {
                Some(NAME_BYTES * (2 + self.entries.len() as u64))
            }
            _ => None,
        }
    }

    /// Writing to a file takes its set-id bits away, from some callers and in some groups.
    pub(super) fn written(&mut self) {
        if self.has_set_id() {
            self.permissions = None;
        }
    }

    /// Whether it has a set-user-id or set-group-id bit.
    pub(super) fn has_set_id(&self) -> bool {
        self.permissions.is_some_and(|permissions| permissions & 0o6000 != 0)
    }

    fn links_changed(&mut self, by: i32) {
        self.links = self.links.and_then(|links| links.checked_add_signed(by));
    }
}

/// The file tree that the caller sees.
#[derive(Clone, Debug, PartialEq)]
pub struct Tree {
    base: Arc<[Inode]>,
    /// Files that differ from the base, and new ones, by number.
    changed: Vec<(InodeId, Arc<Inode>)>,
    next: u32,
    known: bool,
    owned: bool,
}

impl Tree {
    /// A tree of these files: the first is [`ROOT`], the second [`WORK`].
    pub fn new(base: Vec<Inode>) -> Self {
        let next = base.len() as u32;
        Self { base: base.into(), changed: Vec::new(), next, known: true, owned: true }
    }

    /// The same tree, with all changes in the base that later copies share.
    #[must_use]
    pub fn settle(self) -> Self {
        let all = (0..self.next).filter_map(|id| self.get(InodeId(id)).cloned()).collect();
        Self { known: self.known, owned: self.owned, ..Self::new(all) }
    }

    /// A file.
    pub fn get(&self, id: InodeId) -> Option<&Inode> {
        match self.changed.binary_search_by_key(&id, |changed| changed.0) {
            Ok(index) => Some(&self.changed[index].1),
            Err(_) => self.base.get(id.0 as usize),
        }
    }

    /// A file, to be changed.
    pub fn get_mut(&mut self, id: InodeId) -> Option<&mut Inode> {
        let index = match self.changed.binary_search_by_key(&id, |changed| changed.0) {
            Ok(index) => index,
            Err(index) => {
                let inode = self.base.get(id.0 as usize)?.clone();
                self.changed.insert(index, (id, Arc::new(inode)));
                index
            }
        };
        Some(Arc::make_mut(&mut self.changed[index].1))
    }

    /// Whether every file is what it was when the tree was made. Files that came since and have no name do not count: those with
    /// names are in directories that changed.
    pub fn is_unchanged(&self) -> bool {
        let as_it_was =
            |(id, inode): &(InodeId, Arc<Inode>)| self.base.get(id.0 as usize).is_none_or(|base| *base == **inode);
        self.known && self.owned && self.changed.iter().all(as_it_was)
    }

    /// Whether the model still follows the tree.
    pub fn is_known(&self) -> bool {
        self.known
    }

    /// Gives up following: everything about paths is unknown from here on.
    pub fn lose(&mut self) {
        self.known = false;
    }

    /// Whether the caller still owns everything.
    pub fn is_owned(&self) -> bool {
        self.owned
    }

    /// Gives up knowing who owns what.
    pub fn lose_owners(&mut self) {
        self.owned = false;
    }

    /// Adds a file that has no name.
    pub fn add(&mut self, inode: Inode) -> InodeId {
        let id = InodeId(self.next);
        self.next += 1;
        self.changed.push((id, Arc::new(inode)));
        id
    }

    /// Adds a file with a name; what cannot be makes the tree unknown.
    pub fn create(&mut self, parent: InodeId, name: &[u8], mut inode: Inode) -> Option<InodeId> {
        let directory = inode.is_directory();
        let free =
            self.get(parent).filter(|parent| parent.is_directory() && !parent.removed && parent.entry(name).is_none());
        let Some((mount, above)) = free.map(|parent| (parent.mount, parent.permissions)) else {
            self.lose();
            return None;
        };
        inode.mount = mount;
        if directory {
            // Directories inherit the set-group-ID bit.
            inode.permissions = inode.permissions.zip(above).map(|(own, above)| own | above & 0o2000);
        }
        inode.links = Some(if directory { 2 } else { 1 });
        inode.parent = directory.then_some(parent);
        let id = self.add(inode);
        let parent = self.get_mut(parent)?;
        parent.set_entry(name, Some(id));
        if directory {
            parent.links_changed(1);
        }
        Some(id)
    }

    /// Gives a file another name.
    pub fn link(&mut self, inode: InodeId, parent: InodeId, name: &[u8]) {
        let free = self.get(parent).is_some_and(|parent| parent.is_directory() && parent.entry(name).is_none());
        match (free, self.get_mut(inode)) {
            (true, Some(inode)) => inode.links_changed(1),
            _ => return self.lose(),
        }
        if let Some(parent) = self.get_mut(parent) {
            parent.set_entry(name, Some(inode));
        }
    }

    /// Takes a name away.
    pub fn unlink(&mut self, parent: InodeId, name: &[u8]) {
        let Some(id) = self.get(parent).and_then(|parent| parent.entry(name)) else { return self.lose() };
        let Some(inode) = self.get_mut(id) else { return self.lose() };
        let directory = inode.is_directory();
        if directory {
            inode.links = Some(0);
            inode.removed = true;
        } else {
            inode.links_changed(-1);
        }
        if let Some(parent) = self.get_mut(parent) {
            parent.set_entry(name, None);
            if directory {
                parent.links_changed(-1);
            }
        }
    }

    /// Moves a name; what had the new name loses it.
    pub fn rename(&mut self, from: (InodeId, &[u8]), to: (InodeId, &[u8])) {
        let Some(moved) = self.get(from.0).and_then(|parent| parent.entry(from.1)) else { return self.lose() };
        match self.get(to.0).map(|parent| parent.entry(to.1)) {
            None => return self.lose(),
            // Two names of one file stay as they are.
            Some(Some(replaced)) if replaced == moved => return,
            Some(Some(_)) => self.unlink(to.0, to.1),
            Some(None) => {}
        }
        self.set(from, None);
        self.set(to, Some(moved));
        self.moved(moved, from.0, to.0);
    }

    /// Exchanges what two names mean.
    pub fn exchange(&mut self, a: (InodeId, &[u8]), b: (InodeId, &[u8])) {
        let entry = |at: (InodeId, &[u8])| self.get(at.0).and_then(|parent| parent.entry(at.1));
        let (Some(first), Some(second)) = (entry(a), entry(b)) else { return self.lose() };
        self.set(a, Some(second));
        self.set(b, Some(first));
        self.moved(first, a.0, b.0);
        self.moved(second, b.0, a.0);
    }

    fn set(&mut self, at: (InodeId, &[u8]), to: Option<InodeId>) {
        if let Some(parent) = self.get_mut(at.0) {
            parent.set_entry(at.1, to);
        }
    }

    fn moved(&mut self, id: InodeId, from: InodeId, to: InodeId) {
        if from == to || !self.get(id).is_some_and(Inode::is_directory) {
            return;
        }
        if let Some(inode) = self.get_mut(id) {
            inode.parent = Some(to);
        }
        for (parent, by) in [(from, -1), (to, 1)] {
            if let Some(parent) = self.get_mut(parent) {
                parent.links_changed(by);
            }
        }
    }

    /// Whether `id`, or for a file its directory, is `above` or lies below it.
    pub fn lies_in(&self, id: InodeId, above: InodeId) -> Option<bool> {
        let mut at = id;
        // A directory cannot be deeper than there are files.
        for _ in 0..=self.next {
            if at == above {
                return Some(true);
            }
            if at == ROOT {
                return Some(false);
            }
            at = self.get(at)?.parent?;
        }
        None
    }

    /// Bytes of a directory's path with its NUL; unknown if it was removed.
    pub fn path_length(&self, id: InodeId) -> Option<u64> {
        let mut bytes = 1;
        let mut at = id;
        while at != ROOT {
            let inode = self.get(at)?;
            let parent = inode.parent?;
            if inode.removed {
                return None;
            }
            let (name, _) = self.get(parent)?.entries.iter().find(|entry| entry.1 == at)?;
            bytes += name.len() as u64 + 1;
            at = parent;
        }
        Some(if id == ROOT { 2 } else { bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory(mount: Mount, parent: Option<InodeId>) -> Inode {
        let links = Some(2);
        Inode { permissions: Some(0o755), mount: Some(mount), links, parent, ..Inode::of(Some(Word::Directory)) }
    }

    fn tree() -> Tree {
        let mut root = directory(Mount::Root, Some(ROOT));
        root.set_entry(b"t", Some(WORK));
        Tree::new(vec![root, directory(Mount::Work, Some(ROOT))])
    }

    fn make(tree: &mut Tree, parent: InodeId, name: &str, kind: Word) -> InodeId {
        tree.create(parent, name.as_bytes(), Inode::of(Some(kind))).unwrap()
    }

    #[test]
    fn links_and_sizes_of_directories_follow_their_names() {
        let mut tree = tree();
        let d = make(&mut tree, WORK, "d", Word::Directory);
        let e = make(&mut tree, WORK, "e", Word::Directory);
        let f = make(&mut tree, d, "f", Word::Regular);
        let facts = |tree: &Tree, id| tree.get(id).map(|inode| (inode.links, inode.st_size())).unwrap();
        assert_eq!(facts(&tree, WORK), (Some(4), Some(80)));
        assert_eq!(facts(&tree, d), (Some(2), Some(60)));
        tree.rename((WORK, b"e"), (d, b"e"));
        assert_eq!(facts(&tree, WORK), (Some(3), Some(60)));
        assert_eq!(facts(&tree, d), (Some(3), Some(80)));
        assert_eq!(tree.path_length(e), Some("/t/d/e".len() as u64 + 1));
        tree.exchange((d, b"e"), (d, b"f"));
        assert_eq!(tree.get(d).unwrap().entry(b"e"), Some(f));
        tree.unlink(d, b"f");
        assert_eq!(facts(&tree, e), (Some(0), Some(40)));
        assert_eq!(tree.path_length(e), None);
        tree.link(f, WORK, b"g");
        assert_eq!(tree.get(f).unwrap().links, Some(2));
        assert_eq!(tree.lies_in(d, WORK), Some(true));
        assert_eq!(tree.lies_in(WORK, d), Some(false));
        assert!(tree.is_known());
    }

    #[test]
    fn directories_inherit_the_set_group_id_bit() {
        let mut tree = tree();
        let new = |kind| Inode { permissions: Some(0o700), ..Inode::of(Some(kind)) };
        let made = |tree: &mut Tree, name: &[u8], kind| {
            let id = tree.create(WORK, name, new(kind)).unwrap();
            tree.get(id).unwrap().permissions
        };
        assert_eq!(made(&mut tree, b"before", Word::Directory), Some(0o700));
        tree.get_mut(WORK).unwrap().permissions = Some(0o2755);
        assert_eq!(made(&mut tree, b"d", Word::Directory), Some(0o2700));
        assert_eq!(made(&mut tree, b"f", Word::Regular), Some(0o700));
        tree.get_mut(WORK).unwrap().permissions = None;
        assert_eq!(made(&mut tree, b"e", Word::Directory), None);
    }

    #[test]
    fn renaming_replaces() {
        let mut tree = tree();
        let a = make(&mut tree, WORK, "a", Word::Regular);
        let b = make(&mut tree, WORK, "b", Word::Regular);
        tree.rename((WORK, b"a"), (WORK, b"b"));
        assert_eq!(tree.get(WORK).unwrap().entry(b"b"), Some(a));
        assert_eq!(tree.get(WORK).unwrap().entry(b"a"), None);
        assert_eq!(tree.get(b).unwrap().links, Some(0));
    }

    #[test]
    fn what_cannot_be_ends_the_knowledge() {
        let steps: &[fn(&mut Tree)] = &[
            |tree| tree.unlink(WORK, b"missing"),
            |tree| tree.rename((WORK, b"missing"), (WORK, b"x")),
            |tree| tree.link(WORK, InodeId(77), b"x"),
            |tree| assert!(tree.create(ROOT, b"t", Inode::of(Some(Word::Regular))).is_none()),
        ];
        for step in steps {
            let mut tree = tree();
            step(&mut tree);
            assert!(!tree.is_known());
        }
    }

    #[test]
    fn a_copy_shares_the_base() {
        let old = tree();
        let mut new = old.clone();
        assert!(new.is_unchanged());
        make(&mut new, WORK, "x", Word::Regular);
        assert!(!new.is_unchanged() && old.is_unchanged());
        assert_eq!(old.get(WORK).unwrap().entry(b"x"), None);
    }
}
