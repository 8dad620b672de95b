//! Tables of processes that others share things with: what others may change without being seen is not known of them.

use super::{Channel, Descriptor, Descriptors, Slot, number};

impl Descriptors {
    /// Descriptions whose flags another process may change from here on: it has them too.
    pub fn share(&mut self) {
        for description in self.descriptions.iter_mut().flatten() {
            description.status = None;
            description.nonblock = None;
            description.append = None;
        }
    }

    /// Somebody may be opening numbers: what is closed may be open.
    pub fn may_open(&mut self) {
        self.slots.retain(|(_, slot)| *slot != Slot::Closed);
        self.complete = false;
    }

    /// Forgets positions, contents and files: others move, fill and empty them.
    pub fn forget_moving(&mut self, fds: impl Iterator<Item = i128>) {
        for fd in fds {
            if let Some(description) = self.description_mut(fd) {
                description.offset = None;
                description.inode = None;
                description.channel = Channel::None;
            }
        }
        if self.descriptions.iter().flatten().all(|description| !matches!(description.channel, Channel::Pipe(_))) {
            self.pipes.clear();
        }
    }

    /// Closes whatever closes when another program is executed; false if that is not known of every descriptor.
    pub fn exec(&mut self) -> bool {
        let open: Vec<(u32, Descriptor)> = self
            .slots
            .iter()
            .filter_map(|(fd, slot)| if let Slot::Open(descriptor) = slot { Some((*fd, *descriptor)) } else { None })
            .collect();
        let certain = self.is_complete() && open.iter().all(|(_, descriptor)| descriptor.cloexec.is_some());
        for (fd, descriptor) in open {
            if descriptor.cloexec != Some(false) {
                self.close(i128::from(fd));
            }
        }
        certain
    }

    /// Forgets the flags of one descriptor's description.
    pub fn forget_status(&mut self, fd: i128) {
        if let Some(description) = self.description_mut(fd) {
            description.status = None;
            description.nonblock = None;
            description.append = None;
        }
    }

    /// Whether a number could be one.
    pub fn is_number(fd: i128) -> bool {
        number(fd).is_some()
    }
}

#[cfg(test)]
mod tests {
    use crate::world::description::{Access, Description};
    use crate::world::descriptors::Descriptors;
    use abispec::expr::Word;

    fn table() -> Descriptors {
        let mut table = Descriptors::new();
        let access = Some(Access { read: true, write: true });
        for (fd, cloexec) in [(0, Some(false)), (3, Some(true))] {
            let kind = Some(Word::Socket);
            let description = Description { access, nonblock: Some(true), status: Some(2), ..Description::of(kind) };
            table.open(fd, description, cloexec);
        }
        table
    }

    #[test]
    fn flags_that_others_may_change_are_forgotten_and_kinds_are_not() {
        let mut table = table();
        table.share();
        let found = table.description(3).unwrap();
        assert_eq!((found.status, found.nonblock, found.kind), (None, None, Some(Word::Socket)));
        assert_eq!(table.is_open(4), Some(false));
        table.may_open();
        assert_eq!((table.is_open(4), table.is_open(3)), (None, Some(true)));
    }

    #[test]
    fn executing_closes_what_is_marked_and_says_if_that_is_not_known() {
        let mut known = table();
        assert!(known.exec());
        assert_eq!((known.is_open(0), known.is_open(3)), (Some(true), Some(false)));
        let mut unknown = table();
        unknown.set_cloexec(0, None);
        assert!(!unknown.exec());
    }
}
