//! Effects on descriptors and on what flows through them.

use super::Applying;
use crate::world::World;
use crate::world::channel::Pages;
use crate::world::description::{Access, Channel, Description, Peer, Socket};
use crate::world::observe::View;
use crate::world::observe::word;
use crate::world::tree::{Inode, InodeId};
use abispec::expr::{Expr, Moment, Observer, Word};
use abispec::model::{Changed, Effect, SocketSort};
use abispec::types::{Count, Type};

/// The largest value that an event counter can hold.
const COUNTER_MAX: u64 = u64::MAX - 1;

/// Does something to every pipe that a descriptor parameter of the call refers to.
pub(super) fn with_pipes_of(view: &View<'_>, world: &mut World, change: impl Fn(&mut Pages)) {
    for fd in fd_arguments(view) {
        let pipe = world.descriptors.description(fd).and_then(|description| match description.channel {
            Channel::Pipe(pipe) => Some(pipe),
            Channel::None | Channel::Socket { .. } | Channel::Counter(_) => None,
        });
        if let Some(pipe) = pipe.and_then(|pipe| world.descriptors_mut().pipe_mut(pipe)) {
            change(&mut pipe.pages);
        }
    }
}

/// Takes the set-id bits of files that the call may have written to: the kernel does so before it looks at the data.
pub(super) fn files_written(view: &View<'_>, world: &mut World) {
    let writes =
        |effect: &Effect| matches!(effect, Effect::SetsSize { .. } | Effect::Changes { what: Changed::Contents });
    if !view.variant().effects.iter().any(|rule| writes(&rule.effect.effect)) {
        return;
    }
    for fd in fd_arguments(view) {
        let inode = world.descriptors.description(fd).and_then(|description| description.inode);
        let set_id = |id| world.tree.get(id).is_some_and(Inode::has_set_id);
        if let Some(inode) = inode.filter(|id| set_id(*id)).and_then(|id| world.tree_mut().get_mut(id)) {
            inode.written();
        }
    }
}

fn fd_arguments(view: &View<'_>) -> impl Iterator<Item = i128> {
    let params = view.variant().params.iter().enumerate();
    let fds = params.filter(|(_, param)| param.ty.is_descriptor());
    fds.filter_map(|(index, _)| view.argument(u8::try_from(index).ok()?))
}

impl Applying<'_, '_, '_> {
    pub(super) fn opens(&mut self, effect: &Effect, certain: bool) {
        let Effect::Opens { fd, kind, file, access, flags, cloexec, socket } = effect else { return };
        let Some(fd) = self.value(fd) else {
            self.touched.other_numbers = true;
            return self.world.descriptors_mut().lose();
        };
        if fd < 0 {
            return;
        }
        self.touched.number(fd);
        if !certain {
            return self.world.descriptors_mut().blur(fd);
        }
        let mut inode = file.and_then(|path| self.inode_now(path));
        let stated = self.optional(kind.as_ref()).and_then(word);
        let kind = stated.or_else(|| inode.and_then(|inode| self.world.tree.get(inode)?.kind));
        let numbers = self.view.numbers();
        let flags = self.optional(flags.as_ref());
        let is_path = match (flags, file) {
            (Some(flags), _) => Some(flags & numbers.o_path != 0),
            (None, Some(_)) => None,
            (None, None) => Some(false),
        };
        if file.is_none() && kind == Some(Word::Regular) && is_path == Some(false) {
            // A new file without a name is empty. A path is one of a file that was there before.
            inode = Some(self.world.tree_mut().add(Inode { size: Some(0), ..Inode::of(kind) }));
        }
        let access = match is_path {
            Some(true) => Some(Access::NONE),
            _ => self.optional(access.as_ref()).and_then(Access::from_mode),
        };
        let seekable = matches!(kind, Some(Word::Regular | Word::Directory | Word::BlockDevice));
        let description = Description {
            kind,
            access,
            is_path,
            status: flags.and_then(|flags| Some(flags | access?.mode())),
            nonblock: flags.map(|flags| flags & numbers.o_nonblock != 0),
            append: flags.map(|flags| flags & numbers.o_append != 0),
            offset: (seekable && is_path == Some(false)).then_some(0),
            inode,
            channel: self.channel(kind, is_path, inode, file.is_some()),
            socket: socket.as_ref().map(|sort| self.sort(sort)).unwrap_or_default(),
        };
        let cloexec = self.optional(cloexec.as_ref()).map(|cloexec| cloexec != 0);
        let socket = self.socket;
        let descriptors = self.world.descriptors_mut();
        let id = descriptors.open(fd, description, cloexec);
        match description.channel {
            Channel::Socket { .. } => {
                // Two sockets that one call makes are each other's ends.
                if let Some(other) = socket {
                    for (one, peer) in [(id, other), (other, id)] {
                        if let Some(description) = descriptors.by_id_mut(one) {
                            description.channel = Channel::Socket { peer: Peer::Open(peer), available: Some(0) };
                        }
                    }
                }
                self.socket = Some(id);
            }
            Channel::Counter(_) => self.counter = Some(id),
            Channel::Pipe(_) | Channel::None => {}
        }
    }

    fn channel(&mut self, kind: Option<Word>, is_path: Option<bool>, inode: Option<InodeId>, by_name: bool) -> Channel {
        if is_path != Some(false) {
            return Channel::None;
        }
        match kind {
            Some(Word::Pipe) if by_name && inode.is_none() => Channel::None,
            Some(Word::Pipe) if by_name => Channel::Pipe(self.world.descriptors_mut().pipe_of(inode)),
            Some(Word::Pipe) => {
                // Two ends that one call makes belong together.
                let pipe = self.pipe.unwrap_or_else(|| self.world.descriptors_mut().pipe_of(None));
                self.pipe = Some(pipe);
                Channel::Pipe(pipe)
            }
            Some(Word::Socket) => Channel::Socket { peer: Peer::Unknown, available: None },
            Some(Word::Eventfd) => Channel::Counter(None),
            _ => Channel::None,
        }
    }

    fn sort(&self, sort: &SocketSort) -> Socket {
        let number = |expr: &Expr| self.value(expr).and_then(|value| i32::try_from(value).ok());
        let fresh = match &sort.fresh {
            Some(fresh) => self.value(fresh).map(|fresh| fresh != 0),
            None => Some(false),
        };
        Socket { family: number(&sort.family), kind: number(&sort.kind), fresh }
    }

    /// The range of an effect that names one descriptor or several.
    fn range(&self, fd: Option<&Expr>, first: Option<&Expr>, last: Option<&Expr>) -> Option<(i128, i128)> {
        match fd {
            Some(fd) => self.value(fd).map(|fd| (fd, fd)),
            None => Some((self.optional(first)?, self.optional(last)?)),
        }
    }

    pub(super) fn closes(&mut self, fd: Option<&Expr>, first: Option<&Expr>, last: Option<&Expr>, certain: bool) {
        let Some((first, last)) = self.range(fd, first, last) else {
            self.touched.other_numbers = true;
            return self.world.descriptors_mut().lose();
        };
        self.touched.range(first, last);
        if certain {
            return self.world.descriptors_mut().close_range(first, last);
        }
        for open in self.open_between(first, last) {
            self.world.descriptors_mut().blur(open);
        }
    }

    fn open_between(&self, first: i128, last: i128) -> Vec<i128> {
        self.world.descriptors.open_numbers().map(i128::from).filter(|fd| (first..=last).contains(fd)).collect()
    }

    pub(super) fn duplicates(&mut self, fd: &Expr, to: &Expr, cloexec: Option<&Expr>, certain: bool) {
        let source = self.value(fd).and_then(|fd| self.world.descriptors.get(fd));
        let cloexec = self.optional(cloexec).map(|cloexec| cloexec != 0);
        let Some(to) = self.value(to) else {
            self.touched.other_numbers = true;
            return self.world.descriptors_mut().lose();
        };
        self.touched.number(to);
        match source {
            Some(source) if certain => self.world.descriptors_mut().refer(to, source.description, cloexec),
            _ => self.world.descriptors_mut().blur(to),
        }
    }

    pub(super) fn sets_cloexec(
        &mut self,
        fd: Option<&Expr>,
        first: Option<&Expr>,
        last: Option<&Expr>,
        to: Option<bool>,
    ) {
        let Some((first, last)) = self.range(fd, first, last) else {
            return self.world.descriptors_mut().lose();
        };
        self.touched.range(first, last);
        for open in self.open_between(first, last) {
            self.world.descriptors_mut().set_cloexec(open, to);
        }
    }

    fn with_description(&mut self, fd: &Expr, change: impl FnOnce(&mut Description)) {
        let Some(fd) = self.value(fd) else {
            self.touched.other_numbers = true;
            return self.world.descriptors_mut().lose();
        };
        self.touched.number(fd);
        if let Some(description) = self.world.descriptors_mut().description_mut(fd) {
            change(description);
        }
    }

    pub(super) fn sets_status(&mut self, fd: &Expr, to: Option<i128>) {
        let numbers = self.view.numbers();
        self.with_description(fd, |description| {
            let old = description.status;
            description.nonblock = to.map(|to| to & numbers.o_nonblock != 0);
            description.append = to.map(|to| to & numbers.o_append != 0);
            description.status = match (old, to) {
                (Some(old), Some(to)) => Some(old & !numbers.setfl | to & numbers.setfl),
                _ => None,
            };
        });
    }

    pub(super) fn sets_offset(&mut self, fd: &Expr, to: Option<i128>) {
        self.with_description(fd, |description| {
            let to = to.and_then(|to| u64::try_from(to).ok());
            // A directory's position has no scale: what is said to leave it where it was may have moved it.
            let moved = description.kind != Some(Word::Directory) || to != description.offset;
            description.offset = to.filter(|_| moved);
        });
    }

    pub(super) fn queues(&mut self, fd: &Expr, by: Option<i128>) {
        self.flow(fd, by, true);
    }

    pub(super) fn drains(&mut self, fd: &Expr, by: Option<i128>) {
        self.flow(fd, by, false);
    }

    fn flow(&mut self, fd: &Expr, by: Option<i128>, into: bool) {
        self.flowed = true;
        let Some(fd) = self.value(fd) else { return self.world.descriptors_mut().lose() };
        self.touched.number(fd);
        let numbers = self.view.numbers();
        let by = by.and_then(|by| u64::try_from(by).ok());
        let whole = by.is_some() && self.requested() == by;
        let fresh = self.counter.is_some() && self.world.descriptors.get(fd).map(|fd| fd.description) == self.counter;
        let descriptors = self.world.descriptors_mut();
        let Some(description) = descriptors.description_mut(fd) else { return };
        match &mut description.channel {
            // It may be a FIFO that another descriptor has too.
            Channel::None if matches!(description.kind, None | Some(Word::Pipe)) => descriptors.forget_fifos(),
            Channel::None => {}
            Channel::Pipe(pipe) => {
                let (pipe, packets) = (*pipe, description.status.is_none_or(|status| status & numbers.o_direct != 0));
                let Some(pipe) = descriptors.pipe_mut(pipe) else { return };
                if !into {
                    pipe.pages.drain(by);
                } else if packets && by != Some(0) {
                    // Whoever reads gets one packet at a time.
                    pipe.pages.forget();
                } else {
                    pipe.pages.queue(by, numbers.page_size);
                    // Who stopped short filled the last page; pages that are passed on are not filled up.
                    if !whole && pipe.pages.room(numbers.page_size) != Some(0) {
                        pipe.pages.blur();
                    }
                }
            }
            Channel::Counter(value) => {
                let old = if fresh { Some(0) } else { *value };
                let new =
                    old.zip(by).and_then(|(old, by)| if into { old.checked_add(by) } else { old.checked_sub(by) });
                *value = new.filter(|new| *new <= COUNTER_MAX);
            }
            Channel::Socket { available, .. } if !into => {
                // Less than a whole message may have thrown the rest of it away.
                *available = available.filter(|available| Some(*available) == by && by != Some(0)).map(|_| 0);
            }
            Channel::Socket { peer: Peer::Open(other), .. } => {
                let other = *other;
                if let Some(Description { channel: Channel::Socket { available, .. }, .. }) =
                    descriptors.by_id_mut(other)
                {
                    // Two messages are read one by one, two parts of a stream at once.
                    *available = by.filter(|by| *available == Some(0) && *by > 0);
                }
            }
            Channel::Socket { peer: Peer::Unknown | Peer::Closed, .. } => {}
        }
    }

    /// Bytes that the call was asked to move, where one buffer says it.
    fn requested(&self) -> Option<u64> {
        let count = self.view.variant().params.iter().find_map(|param| match &param.ty {
            Type::Buffer { count: Count::Param(index), .. } => Some(*index),
            _ => None,
        })?;
        self.view.argument(count).and_then(|count| u64::try_from(count).ok())
    }

    /// What flows through the call's descriptors is not known any more, unless an effect said it.
    pub(super) fn forgets_contents(&mut self) {
        if self.flowed {
            return;
        }
        let view = self.view;
        with_pipes_of(view, self.world, Pages::forget);
        let before = &view.scene(Moment::Before).world.descriptors;
        for fd in fd_arguments(view) {
            let peer = match before.description(fd).map(|description| description.channel) {
                Some(Channel::Counter(_)) => None,
                Some(Channel::Socket { peer, .. }) => Some(peer),
                Some(Channel::None | Channel::Pipe(_)) | None => continue,
            };
            let descriptors = self.world.descriptors_mut();
            match descriptors.description_mut(fd).map(|description| &mut description.channel) {
                Some(Channel::Counter(value)) => *value = None,
                Some(Channel::Socket { available, .. }) => *available = None,
                Some(Channel::None | Channel::Pipe(_)) | None => {}
            }
            if let Some(Peer::Open(other)) = peer
                && let Some(Description { channel: Channel::Socket { available, .. }, .. }) =
                    descriptors.by_id_mut(other)
            {
                *available = None;
            }
        }
    }
}
