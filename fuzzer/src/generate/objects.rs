//! Descriptors that have what a condition wants of them.

use super::dice::Dice;
use super::names::{PathWish, among, name};
use super::producers::{Object, Producers};
use super::sockets::{self, SocketWish};
use super::states::{State, in_state};
use crate::exec::Stands;
use crate::program::{Argument, Program};
use abispec::expr::Word;

/// What a condition wants of a descriptor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ObjectWish {
    pub(super) closed: bool,
    pub(super) kinds: Vec<Word>,
    pub(super) not_kinds: Vec<Word>,
    pub(super) is_path: bool,
    pub(super) readable: Option<bool>,
    pub(super) writable: Option<bool>,
    pub(super) append: Option<bool>,
    pub(super) socket: SocketWish,
    pub(super) state: State,
    /// Status flags that it is to be given besides.
    pub(super) status: Option<i128>,
    /// Permissions that its file is to be given.
    pub(super) permissions: Option<i128>,
    /// Of which file system it is, matters.
    pub(super) elsewhere: bool,
    /// The position of another parameter whose descriptor it is too.
    pub(super) same: Option<u8>,
}

impl ObjectWish {
    /// Whether what stands at a name of a server's is wished for.
    pub(super) fn fits(&self, stands: Stands) -> bool {
        stands.kind().is_some_and(|kind| among(kind, &self.kinds, &self.not_kinds))
    }
}

/// A descriptor that has what is wished for.
pub(super) fn object(
    dice: &mut Dice<'_>,
    wish: &ObjectWish,
    producers: &Producers<'_>,
    program: &mut Program,
) -> Option<Argument> {
    let made = of_a_kind(dice, wish, producers, program)?;
    if let Some(mode) = wish.permissions {
        let _ = producers.push(program, "fchmod", vec![made.clone(), Argument::Number(mode as u64)]);
    }
    if let Some(flags) = wish.status.filter(|flags| *flags != 0) {
        let set = Argument::Number(producers.constant("F_SETFL"));
        let _ = producers.push(program, "fcntl", vec![made.clone(), set, Argument::Number(flags as u64)]);
    }
    Some(made)
}

fn of_a_kind(
    dice: &mut Dice<'_>,
    wish: &ObjectWish,
    producers: &Producers<'_>,
    program: &mut Program,
) -> Option<Argument> {
    if wish.closed {
        return Some(Argument::Number(dice.of([77, 63, u64::MAX])));
    }
    if wish.is_path {
        let names = PathWish { kinds: wish.kinds.clone(), not_kinds: wish.not_kinds.clone(), ..PathWish::default() };
        let path = name(dice, &names, producers.names);
        let nofollow = if dice.chance(30) { producers.constant("O_NOFOLLOW") } else { 0 };
        return producers.open(program, &path, producers.constant("O_PATH") | nofollow);
    }
    let any = wish.kinds.is_empty() && wish.socket.fresh.is_some();
    if wish.socket != SocketWish::default() && (any || wish.kinds == [Word::Socket]) {
        return sockets::scene(dice, &wish.socket, producers, program);
    }
    let ends = wish.readable.is_some() || wish.writable.is_some() || wish.socket.nonblock.is_some();
    let named: &[Word] = match (wish.state.kinds(), &wish.kinds[..]) {
        ([], [Word::Pipe | Word::Eventfd]) if ends => &wish.kinds,
        (kinds, _) => kinds,
    };
    let able: Vec<Word> = named.iter().copied().filter(|kind| among(*kind, &wish.kinds, &wish.not_kinds)).collect();
    if let Some(kind) = dice.pick(&able).copied()
        && let Some(made) = in_state(dice, wish, kind, producers, program)
    {
        return Some(made);
    }
    // Of a directory some flags are what it was opened with.
    if let Some(flags) = wish.status
        && among(Word::Directory, &wish.kinds, &wish.not_kinds)
        && dice.chance(if wish.kinds == [Word::Directory] { 100 } else { 20 })
    {
        let path = dice.pick(&producers.names.directories)?.clone();
        return producers.open(program, &path, producers.constant("O_DIRECTORY") | flags as u64);
    }
    let fits = |(kind, _): &(Word, Object)| among(*kind, &wish.kinds, &wish.not_kinds);
    let fitting: Vec<Object> = MADE.into_iter().filter(fits).map(|(_, object)| object).collect();
    let object = dice.pick(&fitting).copied()?;
    let access = (wish.readable, wish.writable);
    if object == Object::Regular && (access != (None, None) || wish.append.is_some()) {
        let access = match access {
            (Some(true), Some(true)) => "O_RDWR",
            (_, Some(true)) | (Some(false), _) => "O_WRONLY",
            (_, Some(false)) | (Some(true), _) => "O_RDONLY",
            (None, None) => dice.of(["O_RDWR", "O_WRONLY"]),
        };
        return producers.file(dice, access, wish.append == Some(true), program);
    }
    producers.make(dice, object, program)
}

/// What can be made, by its kind.
const MADE: [(Word, Object); 13] = [
    (Word::Regular, Object::Regular),
    (Word::Regular, Object::Memfd),
    (Word::Directory, Object::Directory),
    (Word::Pipe, Object::Pipe),
    (Word::Pipe, Object::Fifo),
    (Word::Socket, Object::Socket),
    (Word::Socket, Object::SocketPair),
    (Word::Socket, Object::BusySocket),
    (Word::Socket, Object::BusySocket),
    (Word::Eventfd, Object::Eventfd),
    (Word::Timerfd, Object::Timerfd),
    (Word::Epoll, Object::Epoll),
    (Word::CharDevice, Object::Device),
];
