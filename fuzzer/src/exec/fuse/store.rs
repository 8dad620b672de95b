//! The files of the server: in memory, and no more of them than the sandbox has room for.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use nix::errno::Errno;

use super::answers::{self, ANSWERS, ANSWERS_MODE, Refused, Stands};

/// The number that the kernel has for the root of every such file system.
pub(super) const ROOT: u64 = 1;

const PAGE: u64 = super::super::layout::PAGE;
const NAME_MAX: usize = 255;

/// Seconds and nanoseconds since 1970.
pub(super) type Time = (u64, u32);

pub(super) fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    (since.as_secs(), since.subsec_nanos())
}

/// What a file is made of.
pub(super) enum Content {
    /// Pages that were written, by their number.
    File { size: u64, pages: BTreeMap<u64, Box<[u8; PAGE as usize]>> },
    /// Names.
    Directory(Entries),
    /// What a symbolic link holds.
    Link(Vec<u8>),
    /// A FIFO, socket or device, which is the kernel's own affair.
    Special,
}

/// The names in a directory.
#[derive(Default)]
pub(super) struct Entries {
    by_name: BTreeMap<Vec<u8>, Entry>,
    last: u64,
}

#[derive(Clone, Copy)]
pub(super) struct Entry {
    pub(super) node: u64,
    /// Its place in a listing, which no other name takes.
    pub(super) place: u64,
}

/// Places of `.` and `..` in a listing.
const DOTS: u64 = 2;

impl Entries {
    fn insert(&mut self, name: &[u8], node: u64) {
        self.last += 1;
        self.by_name.insert(name.to_vec(), Entry { node, place: DOTS + self.last });
    }

    /// Names behind a place, in the order of their places.
    pub(super) fn behind(&self, place: u64) -> Vec<(&[u8], Entry)> {
        let found = self.by_name.iter().filter(|(_, entry)| entry.place > place);
        let mut found: Vec<_> = found.map(|(name, entry)| (name.as_slice(), *entry)).collect();
        found.sort_by_key(|(_, entry)| entry.place);
        found
    }
}

pub(super) struct Node {
    pub(super) content: Content,
    /// Type and permissions.
    pub(super) mode: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) device: u32,
    pub(super) links: u32,
    /// Of the last access, change of contents, and change of anything.
    pub(super) times: [Time; 3],
    /// The directory that holds a directory.
    pub(super) parent: u64,
    /// How often the kernel was told of it and has not forgotten it.
    told: u64,
    /// What its name refused when it was made.
    pub(super) answer: Option<(Refused, Errno)>,
}

impl Node {
    pub(super) fn size(&self) -> u64 {
        match &self.content {
            Content::File { size, .. } => *size,
            Content::Directory(_) => PAGE,
            Content::Link(target) => target.len() as u64,
            Content::Special => 0,
        }
    }

    pub(super) fn pages(&self) -> u64 {
        match &self.content {
            Content::File { pages, .. } => pages.len() as u64,
            _ => 0,
        }
    }

    pub(super) fn touched(&mut self) {
        let now = now();
        self.times[1..].fill(now);
    }

    /// Gives a file a name in this directory that nothing has there yet.
    fn name(&mut self, name: &[u8], id: u64) -> Result<(), Errno> {
        let entries = self.entries()?;
        if entries.by_name.contains_key(name) {
            return Err(Errno::EEXIST);
        }
        entries.insert(name, id);
        self.touched();
        Ok(())
    }

    fn entries(&mut self) -> Result<&mut Entries, Errno> {
        match &mut self.content {
            Content::Directory(entries) => Ok(entries),
            _ => Err(Errno::ENOTDIR),
        }
    }
}

/// What a new file is like.
pub(super) struct New {
    pub(super) content: Content,
    pub(super) mode: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) device: u32,
}

pub(super) struct Store {
    nodes: BTreeMap<u64, Node>,
    next: u64,
    /// The name of the present tree in the root, and its directory.
    current: Option<(Vec<u8>, u64)>,
    /// The directory of names that refuse.
    answers: u64,
    /// Pages and files that there may be.
    pub(super) limits: (u64, u64),
    pub(super) pages: u64,
}

impl Store {
    pub(super) fn new(pages: u64, files: u64) -> Self {
        let mut store =
            Self { nodes: BTreeMap::new(), next: ROOT, current: None, answers: 0, limits: (pages, files), pages: 0 };
        store.root();
        store
    }

    fn root(&mut self) {
        let content = Content::Directory(Entries::default());
        let root = self.node(New { content, mode: libc::S_IFDIR | 0o755, uid: 0, gid: 0, device: 0 });
        self.nodes.insert(ROOT, root);
        self.next = self.next.max(ROOT + 1);
    }

    fn node(&self, new: New) -> Node {
        let links = if matches!(new.content, Content::Directory(_)) { 2 } else { 1 };
        let New { content, mode, uid, gid, device } = new;
        Node { content, mode, uid, gid, device, links, times: [now(); 3], parent: ROOT, told: 0, answer: None }
    }

    pub(super) fn files(&self) -> u64 {
        self.nodes.len() as u64
    }

    /// A file; what belongs to an earlier tree is gone.
    pub(super) fn get(&self, id: u64) -> Result<&Node, Errno> {
        self.nodes.get(&id).ok_or(Errno::ESTALE)
    }

    pub(super) fn get_mut(&mut self, id: u64) -> Result<&mut Node, Errno> {
        self.nodes.get_mut(&id).ok_or(Errno::ESTALE)
    }

    /// The tree of a name in the root, which is that user's: a new name begins a new tree, and ends the one before.
    fn tree(&mut self, name: &[u8], uid: u32, gid: u32) -> u64 {
        if let Some((_, found)) = self.current.as_ref().filter(|(current, _)| current == name) {
            return *found;
        }
        self.nodes.clear();
        self.pages = 0;
        self.root();
        let directory = || New {
            content: Content::Directory(Entries::default()),
            mode: libc::S_IFDIR | u32::from(ANSWERS_MODE),
            uid,
            gid,
            device: 0,
        };
        let (top, answers) = (self.next, self.next + 1);
        self.next += 2;
        let node = self.node(directory());
        self.nodes.insert(top, node);
        let node = Node { parent: top, ..self.node(directory()) };
        self.nodes.insert(answers, node);
        if let Some(Ok(entries)) = self.nodes.get_mut(&top).map(Node::entries) {
            entries.insert(ANSWERS.as_bytes(), answers);
        }
        (self.current, self.answers) = (Some((name.to_vec(), top)), answers);
        for answer in answers::answers() {
            let new = match answer.refused.stands() {
                Stands::Nothing => continue,
                Stands::Directory => New { mode: libc::S_IFDIR | u32::from(answer.refused.mode()), ..directory() },
                Stands::File => New {
                    content: Content::File { size: 0, pages: BTreeMap::new() },
                    mode: libc::S_IFREG | u32::from(answer.refused.mode()),
                    ..directory()
                },
            };
            // There is room for them: nothing else is there yet.
            let _ = self.create(answers, answer.name.as_bytes(), new);
        }
        for id in [top, answers] {
            if let Some(node) = self.nodes.get_mut(&id) {
                node.links = 2;
            }
        }
        let directories = answers::answers().filter(|answer| answer.refused.stands() == Stands::Directory).count();
        if let (Some(node), Ok(count)) = (self.nodes.get_mut(&answers), u32::try_from(directories)) {
            node.links += count;
        }
        if let Some(node) = self.nodes.get_mut(&top) {
            node.links += 1;
        }
        top
    }

    /// Finds a name.
    pub(super) fn lookup(&mut self, parent: u64, name: &[u8], uid: u32, gid: u32) -> Result<u64, Errno> {
        fits(name)?;
        if parent == ROOT {
            return if name.iter().all(u8::is_ascii_digit) {
                Ok(self.tree(name, uid, gid))
            } else {
                Err(Errno::ENOENT)
            };
        }
        let found = match &self.get(parent)?.content {
            Content::Directory(entries) => entries.by_name.get(name),
            _ => return Err(Errno::ENOTDIR),
        };
        found.map(|entry| entry.node).ok_or(Errno::ENOENT)
    }

    /// Whether a name refuses to be made in this way.
    pub(super) fn refuses_name(&self, parent: u64, name: &[u8], how: Refused) -> Result<(), Errno> {
        match answers::read(name) {
            Some((refused, errno)) if parent == self.answers && refused == how => Err(errno),
            _ => Ok(()),
        }
    }

    /// Whether a file refuses something.
    pub(super) fn refuses(&self, id: u64, what: Refused) -> Result<(), Errno> {
        match self.get(id)?.answer {
            Some((refused, errno)) if refused == what => Err(errno),
            _ => Ok(()),
        }
    }

    /// Makes a file.
    pub(super) fn create(&mut self, parent: u64, name: &[u8], new: New) -> Result<u64, Errno> {
        fits(name)?;
        if self.nodes.len() as u64 >= self.limits.1 {
            return Err(Errno::ENOSPC);
        }
        let named = (parent == self.answers).then(|| answers::read(name)).flatten();
        let above = self.get(parent)?;
        if above.links == 0 || parent == ROOT {
            return Err(Errno::ENOENT);
        }
        let (inherits, group) = (above.mode & libc::S_ISGID != 0, above.gid);
        let mut node = self.node(new);
        let directory = matches!(node.content, Content::Directory(_));
        if inherits {
            node.gid = group;
            node.mode |= if directory { libc::S_ISGID } else { 0 };
        }
        (node.parent, node.answer) = (parent, named);
        let id = self.next;
        let above = self.get_mut(parent)?;
        above.name(name, id)?;
        above.links += u32::from(directory);
        self.next += 1;
        self.nodes.insert(id, node);
        Ok(id)
    }

    /// Gives a file another name.
    pub(super) fn link(&mut self, id: u64, parent: u64, name: &[u8]) -> Result<(), Errno> {
        fits(name)?;
        self.get(id)?;
        if self.get(parent)?.links == 0 {
            return Err(Errno::ENOENT);
        }
        let above = self.get_mut(parent)?;
        above.name(name, id)?;
        let node = self.get_mut(id)?;
        node.links += 1;
        node.times[2] = now();
        Ok(())
    }

    /// Takes a name away; `directory` says what it has to be.
    pub(super) fn remove(&mut self, parent: u64, name: &[u8], directory: bool) -> Result<(), Errno> {
        let id = self.find(parent, name)?;
        match &self.get(id)?.content {
            Content::Directory(_) if !directory => return Err(Errno::EISDIR),
            Content::Directory(entries) if !entries.by_name.is_empty() => return Err(Errno::ENOTEMPTY),
            Content::Directory(_) => {}
            _ if directory => return Err(Errno::ENOTDIR),
            _ => {}
        }
        let above = self.get_mut(parent)?;
        above.entries()?.by_name.remove(name);
        above.touched();
        above.links -= u32::from(directory);
        let node = self.get_mut(id)?;
        node.links = if directory { 0 } else { node.links.saturating_sub(1) };
        node.times[2] = now();
        self.drop_unused(id);
        Ok(())
    }

    fn find(&self, parent: u64, name: &[u8]) -> Result<u64, Errno> {
        match &self.get(parent)?.content {
            Content::Directory(entries) => entries.by_name.get(name).map(|entry| entry.node).ok_or(Errno::ENOENT),
            _ => Err(Errno::ENOTDIR),
        }
    }

    /// Moves a name, or exchanges what two names mean.
    pub(super) fn rename(&mut self, from: (u64, &[u8]), to: (u64, &[u8]), flags: u32) -> Result<(), Errno> {
        fits(to.1)?;
        let moved = self.find(from.0, from.1)?;
        let replaced = self.find(to.0, to.1).ok();
        let directory =
            |store: &Self, id: u64| store.get(id).is_ok_and(|node| matches!(node.content, Content::Directory(_)));
        if self.get(to.0)?.links == 0 {
            return Err(Errno::ENOENT);
        }
        match (flags, replaced) {
            (0, _) | (libc::RENAME_NOREPLACE, None) | (libc::RENAME_EXCHANGE, Some(_)) => {}
            (libc::RENAME_NOREPLACE, Some(_)) => return Err(Errno::EEXIST),
            (libc::RENAME_EXCHANGE, None) => return Err(Errno::ENOENT),
            _ => return Err(Errno::EINVAL),
        }
        if replaced == Some(moved) {
            return Ok(());
        }
        let exchanged = replaced.filter(|_| flags == libc::RENAME_EXCHANGE);
        if let (None, Some(replaced)) = (exchanged, replaced) {
            self.remove(to.0, to.1, directory(self, replaced))?;
        }
        let is_directory = directory(self, moved);
        let others = exchanged.is_some_and(|other| directory(self, other));
        for (at, out, into, new) in [(from, is_directory, others, exchanged), (to, others, is_directory, Some(moved))] {
            let above = self.get_mut(at.0)?;
            above.touched();
            above.links = above.links - u32::from(out) + u32::from(into);
            let entries = above.entries()?;
            match new {
                Some(id) => entries.insert(at.1, id),
                None => drop(entries.by_name.remove(at.1)),
            }
        }
        for (id, parent) in [(Some(moved), to.0), (exchanged, from.0)] {
            if let Some(id) = id {
                let node = self.get_mut(id)?;
                (node.parent, node.times[2]) = (parent, now());
            }
        }
        Ok(())
    }

    /// The kernel is told of a file.
    pub(super) fn tell(&mut self, id: u64) {
        if let Some(node) = self.nodes.get_mut(&id) {
            node.told += 1;
        }
    }

    /// The kernel forgets that it was told of a file.
    pub(super) fn forget(&mut self, id: u64, times: u64) {
        if let Some(node) = self.nodes.get_mut(&id) {
            node.told = node.told.saturating_sub(times);
            self.drop_unused(id);
        }
    }

    fn drop_unused(&mut self, id: u64) {
        if self.nodes.get(&id).is_some_and(|node| node.links == 0 && node.told == 0)
            && let Some(node) = self.nodes.remove(&id)
        {
            self.pages -= node.pages();
        }
    }

    /// Bytes of a file from a position on.
    pub(super) fn read(&self, id: u64, offset: u64, count: u64) -> Result<Vec<u8>, Errno> {
        let Content::File { size, pages } = &self.get(id)?.content else { return Err(Errno::EISDIR) };
        let end = size.min(&offset.saturating_add(count)).to_owned();
        let mut bytes = Vec::with_capacity(end.saturating_sub(offset) as usize);
        let mut at = offset;
        while at < end {
            let (page, from) = (at / PAGE, (at % PAGE) as usize);
            let part = (PAGE - at % PAGE).min(end - at);
            match pages.get(&page) {
                Some(page) => bytes.extend_from_slice(&page[from..from + part as usize]),
                None => bytes.resize(bytes.len() + part as usize, 0),
            }
            at += part;
        }
        Ok(bytes)
    }

    /// Puts bytes into a file; gives how many found room.
    pub(super) fn write(&mut self, id: u64, offset: u64, bytes: &[u8]) -> Result<u32, Errno> {
        let (mut used, limit) = (self.pages, self.limits.0);
        let node = self.get_mut(id)?;
        node.touched();
        let Content::File { size, pages } = &mut node.content else { return Err(Errno::EISDIR) };
        let mut done = 0;
        while done < bytes.len() {
            let at = offset + done as u64;
            let from = (at % PAGE) as usize;
            let part = (PAGE as usize - from).min(bytes.len() - done);
            if !pages.contains_key(&(at / PAGE)) {
                if used >= limit {
                    break;
                }
                used += 1;
            }
            let page = pages.entry(at / PAGE).or_insert_with(|| Box::new([0; PAGE as usize]));
            page[from..from + part].copy_from_slice(&bytes[done..done + part]);
            done += part;
        }
        *size = (*size).max(offset + done as u64);
        self.pages = used;
        if done == 0 && !bytes.is_empty() { Err(Errno::ENOSPC) } else { Ok(done as u32) }
    }

    /// Gives a file another size.
    pub(super) fn resize(&mut self, id: u64, to: u64) -> Result<(), Errno> {
        let node = self.get_mut(id)?;
        node.touched();
        let Content::File { size, .. } = &mut node.content else { return Err(Errno::EISDIR) };
        let old = std::mem::replace(size, to);
        if to < old { self.clear(id, to, u64::MAX) } else { Ok(()) }
    }

    /// Makes bytes zero, and gives back whole pages of them.
    pub(super) fn clear(&mut self, id: u64, from: u64, to: u64) -> Result<(), Errno> {
        let node = self.get_mut(id)?;
        node.touched();
        let Content::File { pages, .. } = &mut node.content else { return Err(Errno::EISDIR) };
        let before = pages.len() as u64;
        let (first, last) = (from / PAGE, to.div_ceil(PAGE));
        let touched: Vec<u64> = pages.range(first..last.max(first)).map(|(number, _)| *number).collect();
        for number in touched {
            let (begin, end) = (number * PAGE, (number + 1).saturating_mul(PAGE));
            if from <= begin && to >= end {
                pages.remove(&number);
            } else if let Some(page) = pages.get_mut(&number) {
                let (a, b) = (from.max(begin) - begin, to.min(end) - begin);
                page[a as usize..b as usize].fill(0);
            }
        }
        let after = pages.len() as u64;
        self.pages -= before - after;
        Ok(())
    }
}

/// Whether a name is not longer than names may be.
fn fits(name: &[u8]) -> Result<(), Errno> {
    if name.len() > NAME_MAX { Err(Errno::ENAMETOOLONG) } else { Ok(()) }
}
