//! The descriptor table: small, flat and cheap to copy.

mod foreign;

use super::channel::Pages;
use super::description::{Access, Channel, Description, DescriptionId, Peer, Pipe, PipeId};
use super::tree::InodeId;
use abispec::expr::Word;

/// A descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Descriptor {
    /// What it refers to.
    pub description: DescriptionId,
    /// Close-on-exec.
    pub cloexec: Option<bool>,
}

/// What a descriptor number is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot {
    /// Not open.
    Closed,
    /// Nobody knows.
    Unknown,
    /// Open.
    Open(Descriptor),
}

/// The descriptor table of the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Descriptors {
    /// By number; a number that is not here is closed if the table is complete.
    slots: Vec<(u32, Slot)>,
    complete: bool,
    descriptions: Vec<Option<Description>>,
    pipes: Vec<Option<Pipe>>,
}

/// A number as the table has them; the kernel takes descriptors as `unsigned int`.
fn number(fd: i128) -> Option<u32> {
    u32::try_from(fd).ok().filter(|fd| i32::try_from(*fd).is_ok())
}

impl Descriptors {
    /// An empty table.
    pub fn new() -> Self {
        Self { slots: Vec::new(), complete: true, descriptions: Vec::new(), pipes: Vec::new() }
    }

    /// What a number is.
    pub fn slot(&self, fd: i128) -> Slot {
        let Some(fd) = number(fd) else { return Slot::Closed };
        match self.slots.binary_search_by_key(&fd, |slot| slot.0) {
            Ok(index) => self.slots[index].1,
            Err(_) if self.complete => Slot::Closed,
            Err(_) => Slot::Unknown,
        }
    }

    /// Whether a number is open.
    pub fn is_open(&self, fd: i128) -> Option<bool> {
        match self.slot(fd) {
            Slot::Closed => Some(false),
            Slot::Unknown => None,
            Slot::Open(_) => Some(true),
        }
    }

    /// The descriptor behind a number that is known to be open.
    pub fn get(&self, fd: i128) -> Option<Descriptor> {
        match self.slot(fd) {
            Slot::Open(descriptor) => Some(descriptor),
            Slot::Closed | Slot::Unknown => None,
        }
    }

    /// The description behind a number that is known to be open.
    pub fn description(&self, fd: i128) -> Option<&Description> {
        self.by_id(self.get(fd)?.description)
    }

    /// The same, to be changed.
    pub fn description_mut(&mut self, fd: i128) -> Option<&mut Description> {
        let id = self.get(fd)?.description;
        self.by_id_mut(id)
    }

    fn by_id(&self, id: DescriptionId) -> Option<&Description> {
        self.descriptions.get(id.0 as usize)?.as_ref()
    }

    pub(super) fn by_id_mut(&mut self, id: DescriptionId) -> Option<&mut Description> {
        self.descriptions.get_mut(id.0 as usize)?.as_mut()
    }

    /// A pipe.
    pub fn pipe(&self, id: PipeId) -> Option<&Pipe> {
        self.pipes.get(id.0 as usize)?.as_ref()
    }

    /// A pipe, to be changed.
    pub fn pipe_mut(&mut self, id: PipeId) -> Option<&mut Pipe> {
        self.pipes.get_mut(id.0 as usize)?.as_mut()
    }

    /// Numbers that are known to be open.
    pub fn open_numbers(&self) -> impl Iterator<Item = u32> + '_ {
        self.slots.iter().filter(|slot| matches!(slot.1, Slot::Open(_))).map(|slot| slot.0)
    }

    /// Whether every number is known to be open or closed.
    pub fn is_complete(&self) -> bool {
        self.complete && self.slots.iter().all(|slot| slot.1 != Slot::Unknown)
    }

    /// How many numbers from `from` below `limit` are not open.
    pub fn free_between(&self, from: i128, limit: i128) -> Option<i128> {
        if from >= limit {
            return Some(0);
        }
        if !self.complete {
            return None;
        }
        let mut open = 0;
        for (fd, slot) in &self.slots {
            if (from..limit).contains(&i128::from(*fd)) {
                match slot {
                    Slot::Unknown => return None,
                    Slot::Open(_) => open += 1,
                    Slot::Closed => {}
                }
            }
        }
        Some(limit - from - open)
    }

    /// Whether `fd` is the lowest number from `from` that is not open.
    pub fn is_lowest_free(&self, fd: i128, from: i128) -> Option<bool> {
        if fd < from || self.is_open(fd) == Some(true) {
            return Some(false);
        }
        let mut certain = self.is_open(fd).is_some();
        for below in from..fd.min(from + 4096) {
            match self.is_open(below) {
                Some(true) => {}
                Some(false) => return Some(false),
                None => certain = false,
            }
        }
        certain.then_some(true)
    }

    fn put(&mut self, fd: u32, slot: Slot) {
        let found = self.slots.binary_search_by_key(&fd, |slot| slot.0);
        match (found, slot) {
            (Ok(index), Slot::Closed) if self.complete => {
                self.slots.remove(index);
            }
            (Ok(index), slot) => self.slots[index].1 = slot,
            (Err(_), Slot::Closed) if self.complete => {}
            (Err(index), slot) => self.slots.insert(index, (fd, slot)),
        }
    }

    /// Adds a description; descriptors to it follow with [`Self::refer`].
    pub fn describe(&mut self, description: Description) -> DescriptionId {
        let free = self.descriptions.iter().position(Option::is_none);
        let index = free.unwrap_or_else(|| {
            self.descriptions.push(None);
            self.descriptions.len() - 1
        });
        self.descriptions[index] = Some(description);
        DescriptionId(index as u32)
    }

    /// Makes a number refer to a description; whatever it was is closed.
    pub fn refer(&mut self, fd: i128, description: DescriptionId, cloexec: Option<bool>) {
        if let Some(number) = number(fd) {
            let old = self.get(fd);
            self.put(number, Slot::Open(Descriptor { description, cloexec }));
            if let Some(old) = old {
                self.forget_unused(old.description);
            }
        }
    }

    /// Opens a number with a description of its own.
    pub fn open(&mut self, fd: i128, description: Description, cloexec: Option<bool>) -> DescriptionId {
        let id = self.describe(description);
        self.refer(fd, id, cloexec);
        id
    }

    /// Closes a number.
    pub fn close(&mut self, fd: i128) {
        if let Some(number) = number(fd) {
            let old = self.get(fd);
            self.put(number, Slot::Closed);
            if let Some(old) = old {
                self.forget_unused(old.description);
            }
        }
    }

    /// Sets or spoils close-on-exec.
    pub fn set_cloexec(&mut self, fd: i128, to: Option<bool>) {
        if let (Some(number), Some(descriptor)) = (number(fd), self.get(fd)) {
            self.put(number, Slot::Open(Descriptor { cloexec: to, ..descriptor }));
        }
    }

    /// Makes a number unknown.
    pub fn blur(&mut self, fd: i128) {
        let Some(number) = number(fd) else { return };
        let old = self.get(fd);
        self.put(number, Slot::Unknown);
        let Some(id) = old.map(|old| old.description) else { return };
        if self.refers(id) {
            return;
        }
        // Its description may live on or not: nobody can say any more what its other end sees.
        let Some(lost) = self.descriptions.get_mut(id.0 as usize).and_then(Option::as_mut) else { return };
        lost.access = None;
        if let Channel::Socket { peer: Peer::Open(other), .. } = lost.channel
            && let Some(Description { channel: Channel::Socket { peer, .. }, .. }) = self.by_id_mut(other)
        {
            *peer = Peer::Unknown;
        }
    }

    /// Something was done to sockets: which are as they were made, and what comes through which, nobody knows.
    pub fn touch_sockets(&mut self) {
        for description in self.descriptions.iter_mut().flatten() {
            description.socket.fresh = description.socket.fresh.filter(|fresh| !fresh);
            if let Channel::Socket { peer, available } = &mut description.channel {
                (*peer, *available) = (Peer::Unknown, None);
            }
        }
    }

    /// Makes the whole table unknown.
    pub fn lose(&mut self) {
        self.slots.clear();
        self.descriptions.clear();
        self.pipes.clear();
        self.complete = false;
    }

    fn refers(&self, id: DescriptionId) -> bool {
        self.slots.iter().any(|slot| matches!(slot.1, Slot::Open(descriptor) if descriptor.description == id))
    }

    /// Closes everything in a range.
    pub fn close_range(&mut self, first: i128, last: i128) {
        let all = first <= 0 && last >= i128::from(i32::MAX);
        let inside = |fd: u32| (first..=last).contains(&i128::from(fd));
        let closed: Vec<u32> = self.slots.iter().map(|slot| slot.0).filter(|fd| inside(*fd)).collect();
        for fd in closed {
            self.close(i128::from(fd));
        }
        if all {
            self.slots.clear();
            self.complete = true;
        } else if !self.complete {
            // Numbers beyond any limit need not be remembered.
            for fd in first.max(0)..=last.min(1023) {
                self.close(fd);
            }
        }
    }

    fn forget_unused(&mut self, id: DescriptionId) {
        if self.refers(id) {
            return;
        }
        let certain = self.is_complete();
        let Some(gone) = self.descriptions.get_mut(id.0 as usize).and_then(Option::take) else { return };
        match gone.channel {
            Channel::Socket { peer: Peer::Open(other), .. } => {
                if let Some(Description { channel: Channel::Socket { peer, .. }, .. }) = self.by_id_mut(other) {
                    *peer = if certain { Peer::Closed } else { Peer::Unknown };
                }
            }
            Channel::Pipe(pipe) => {
                let used = self.descriptions.iter().flatten().any(|other| other.channel == Channel::Pipe(pipe));
                if !used && let Some(slot) = self.pipes.get_mut(pipe.0 as usize) {
                    *slot = None;
                }
            }
            Channel::None | Channel::Counter(_) | Channel::Socket { .. } => {}
        }
    }

    /// The pipe of a FIFO, or a new one. A descriptor that the model lost could keep an old one alive with its contents.
    pub fn pipe_of(&mut self, inode: Option<InodeId>) -> PipeId {
        if inode.is_some()
            && let Some(index) = self.pipes.iter().position(|pipe| pipe.is_some_and(|pipe| pipe.inode == inode))
        {
            return PipeId(index as u32);
        }
        let mut pages = Pages::default();
        if inode.is_some() && !self.is_complete() {
            pages.forget();
        }
        let index = self.pipes.iter().position(Option::is_none).unwrap_or_else(|| {
            self.pipes.push(None);
            self.pipes.len() - 1
        });
        self.pipes[index] = Some(Pipe { inode, pages });
        PipeId(index as u32)
    }

    /// Makes unknown what waits in every FIFO that has a name.
    pub fn forget_fifos(&mut self) {
        for pipe in self.pipes.iter_mut().flatten().filter(|pipe| pipe.inode.is_some()) {
            pipe.pages.forget();
        }
    }

    /// Whether the other end is closed.
    pub fn peer_closed(&self, fd: i128) -> Option<bool> {
        let own = self.description(fd)?;
        match own.channel {
            Channel::Pipe(pipe) => {
                let Access { read, write } = own.access?;
                let mut doubtful = !self.is_complete();
                for other in self.descriptions.iter().flatten().filter(|other| other.channel == Channel::Pipe(pipe)) {
                    match other.access {
                        Some(access) if read && access.write || write && access.read => return Some(false),
                        Some(_) => {}
                        None => doubtful = true,
                    }
                }
                (!doubtful && (read || write)).then_some(true)
            }
            Channel::Socket { peer: Peer::Closed, .. } => Some(true),
            Channel::Socket { peer: Peer::Open(_), .. } => Some(false),
            Channel::Socket { peer: Peer::Unknown, .. } | Channel::None | Channel::Counter(_) => None,
        }
    }

    /// Whether two open numbers are the same inode, where no inode is recorded: pipes, sockets and the like.
    pub fn same_anonymous(&self, a: i128, b: i128) -> Option<bool> {
        let (a, b) = (self.get(a)?.description, self.get(b)?.description);
        if a == b {
            return Some(true);
        }
        let (a, b) = (self.by_id(a)?, self.by_id(b)?);
        match (a.channel, b.channel) {
            (Channel::Pipe(a), Channel::Pipe(b)) => Some(a == b),
            _ => {
                let kinds = (a.kind?, b.kind?);
                match kinds {
                    (Word::Socket, Word::Socket) => Some(false),
                    (a, b) if a != b && [a, b].iter().any(|kind| matches!(kind, Word::Socket | Word::Pipe)) => {
                        Some(false)
                    }
                    // Event descriptors of all sorts share one inode.
                    _ => None,
                }
            }
        }
    }
}

impl Default for Descriptors {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pipe_end(descriptors: &mut Descriptors, fd: i128, pipe: PipeId, access: Access) {
        let channel = Channel::Pipe(pipe);
        let description = Description { access: Some(access), channel, ..Description::of(Some(Word::Pipe)) };
        descriptors.open(fd, description, Some(false));
    }

    fn with_open(numbers: &[i128]) -> Descriptors {
        let mut descriptors = Descriptors::new();
        for fd in numbers {
            descriptors.open(*fd, Description::of(Some(Word::Regular)), Some(false));
        }
        descriptors
    }

    #[test]
    fn the_lowest_free_number() {
        let descriptors = with_open(&[0, 1, 2, 4]);
        let table: &[(i128, i128, bool)] =
            &[(3, 0, true), (5, 0, false), (5, 4, true), (4, 4, false), (3, 4, false), (9, 9, true), (9, 8, false)];
        for (fd, from, expected) in table {
            assert_eq!(descriptors.is_lowest_free(*fd, *from), Some(*expected), "{fd} from {from}");
        }
        assert_eq!(descriptors.free_between(0, 64), Some(60));
        assert_eq!(descriptors.free_between(4, 6), Some(1));
        assert_eq!(descriptors.free_between(64, 64), Some(0));
    }

    #[test]
    fn what_is_not_known_is_neither_open_nor_closed() {
        let mut descriptors = with_open(&[0, 1]);
        descriptors.blur(5);
        assert_eq!(descriptors.is_open(5), None);
        assert_eq!(descriptors.free_between(0, 64), None);
        assert_eq!(descriptors.free_between(6, 64), Some(58));
        descriptors.lose();
        assert_eq!(descriptors.is_open(0), None);
        assert_eq!(descriptors.is_open(-1), Some(false));
        descriptors.close(3);
        assert_eq!(descriptors.is_open(3), Some(false));
        descriptors.close_range(0, i128::from(u32::MAX));
        assert_eq!(descriptors.is_open(77), Some(false));
    }

    #[test]
    fn an_end_is_closed_with_its_last_descriptor() {
        let mut descriptors = Descriptors::new();
        let pipe = descriptors.pipe_of(None);
        pipe_end(&mut descriptors, 3, pipe, Access { read: true, write: false });
        pipe_end(&mut descriptors, 4, pipe, Access { read: false, write: true });
        let writer = descriptors.get(4).unwrap();
        descriptors.refer(5, writer.description, Some(true));
        assert_eq!(descriptors.peer_closed(3), Some(false));
        descriptors.close(4);
        assert_eq!(descriptors.peer_closed(3), Some(false));
        descriptors.close(5);
        assert_eq!(descriptors.peer_closed(3), Some(true));
        descriptors.close(3);
        assert!(descriptors.pipe(pipe).is_none());
    }

    #[test]
    fn a_lost_number_may_keep_an_end_open() {
        let mut descriptors = Descriptors::new();
        let pipe = descriptors.pipe_of(None);
        pipe_end(&mut descriptors, 3, pipe, Access { read: true, write: false });
        descriptors.blur(9);
        assert_eq!(descriptors.peer_closed(3), None);
        descriptors.close(9);
        assert_eq!(descriptors.peer_closed(3), Some(true));
        pipe_end(&mut descriptors, 4, pipe, Access { read: false, write: true });
        assert_eq!(descriptors.peer_closed(3), Some(false));
        descriptors.blur(4);
        assert_eq!(descriptors.peer_closed(3), None);
    }

    #[test]
    fn same_inode_without_an_inode() {
        let mut descriptors = with_open(&[]);
        for (fd, kind) in [(0, Word::Socket), (1, Word::Socket), (2, Word::Eventfd), (3, Word::Timerfd)] {
            descriptors.open(fd, Description::of(Some(kind)), Some(false));
        }
        let table = [(0, 0, Some(true)), (0, 1, Some(false)), (0, 2, Some(false)), (2, 3, None)];
        for (a, b, expected) in table {
            assert_eq!(descriptors.same_anonymous(a, b), expected, "{a} {b}");
        }
    }
}
