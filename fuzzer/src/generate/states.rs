//! Descriptors in a state that a condition names: a length, a position, seals, so many bytes that wait or that fit.

use super::dice::Dice;
use super::objects::ObjectWish;
use super::producers::Producers;
use crate::exec::layout::PLAYGROUND_BASE;
use crate::program::{Argument, Block, Program};
use abispec::expr::Word;

/// What of a descriptor's state a condition names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct State {
    /// Bytes of the file.
    pub(super) size: Option<i128>,
    /// Where it stands.
    pub(super) offset: Option<i128>,
    /// Its `F_SEAL_*` bits.
    pub(super) seals: Option<i128>,
    /// Bytes that can be read.
    pub(super) available: Option<i128>,
    /// Bytes that can be written.
    pub(super) room: Option<i128>,
    /// Whether nobody has the other end.
    pub(super) lonely: Option<bool>,
}

/// Bytes that a new pipe has room for.
const PIPE: i128 = 65_536;
/// The largest value of an event counter.
const COUNTER: i128 = u64::MAX as i128 - 1;
/// Bytes that a call can write from memory of its own.
const OWN: usize = 2048;

impl State {
    /// The kinds of files that can be in such a state.
    pub(super) fn kinds(&self) -> &'static [Word] {
        if self.lonely.is_some() {
            &[Word::Pipe]
        } else if self.room.is_some_and(|room| room > PIPE) || self.available.is_some_and(|bytes| bytes > PIPE) {
            &[Word::Eventfd]
        } else if self.room.is_some() || self.available.is_some() {
            &[Word::Pipe, Word::Eventfd]
        } else if *self != Self::default() {
            &[Word::Regular]
        } else {
            &[]
        }
    }
}

/// A descriptor of this kind in the state that is wished for; `None` where no recipe brings it there.
pub(super) fn in_state(
    dice: &mut Dice<'_>,
    wish: &ObjectWish,
    kind: Word,
    producers: &Producers<'_>,
    program: &mut Program,
) -> Option<Argument> {
    let mut stage = Stage { dice, wish, producers, program };
    match kind {
        Word::Regular => stage.file(),
        Word::Pipe => stage.pipe(),
        Word::Eventfd => stage.counter(),
        _ => None,
    }
}

struct Stage<'a, 'd, 'r> {
    dice: &'d mut Dice<'r>,
    wish: &'a ObjectWish,
    producers: &'a Producers<'a>,
    program: &'d mut Program,
}

impl Stage<'_, '_, '_> {
    fn push(&mut self, name: &str, args: Vec<Argument>) -> Option<usize> {
        self.producers.push(self.program, name, args)
    }

    fn constant(&self, name: &str) -> Argument {
        Argument::Number(self.producers.constant(name))
    }

    fn status(&self) -> u64 {
        let append = if self.wish.append == Some(true) { self.producers.constant("O_APPEND") } else { 0 };
        append | if self.wish.socket.nonblock == Some(true) { self.producers.constant("O_NONBLOCK") } else { 0 }
    }

    fn file(&mut self) -> Option<Argument> {
        let state = &self.wish.state;
        let whole = self.wish.readable != Some(false) && self.wish.writable != Some(false);
        let sealed = state.seals.filter(|seals| *seals != 0);
        let size = state.size.map(|size| size as u64);
        let offset = state.offset.map(|offset| offset as u64);
        let (status, number) = (self.status(), Argument::Number);
        let fd = if sealed.is_some() || whole && self.dice.chance(35) {
            let sealing = if state.seals.is_some() { self.producers.constant("MFD_ALLOW_SEALING") } else { 0 };
            let flags = number(sealing | self.producers.executable(self.dice));
            let made = Argument::ret(self.push("memfd_create", vec![Argument::Block(Block::text(b"m")), flags])?);
            if status != 0 {
                let set = self.constant("F_SETFL");
                self.push("fcntl", vec![made.clone(), set, number(status)]);
            }
            made
        } else {
            let path = self.dice.pick(&self.producers.names.files)?.clone();
            if let (Some(size), false) = (size, self.wish.writable != Some(false)) {
                let name = Argument::Block(Block::text(path.as_bytes()));
                self.push("truncate", vec![name, number(size)]);
            }
            let access = match (self.wish.readable, self.wish.writable) {
                (Some(false), _) => "O_WRONLY",
                (_, Some(false)) => "O_RDONLY",
                _ => "O_RDWR",
            };
            self.producers.open(self.program, &path, self.producers.constant(access) | status)?
        };
        if let Some(size) = size.filter(|_| self.wish.writable != Some(false)) {
            self.push("ftruncate", vec![fd.clone(), number(size)]);
        } else if size.is_none() && sealed.is_some() && self.dice.chance(70) {
            let size = self.dice.of([1, 10, 10, 4096, 5000]);
            self.push("ftruncate", vec![fd.clone(), number(size)]);
        }
        if let Some(offset) = offset.filter(|offset| *offset != 0) {
            self.push("lseek", vec![fd.clone(), number(offset), number(0)]);
        }
        if let Some(seals) = sealed {
            let add = self.constant("F_ADD_SEALS");
            self.push("fcntl", vec![fd.clone(), add, number(seals as u64)]);
        }
        Some(fd)
    }

    fn pipe(&mut self) -> Option<Argument> {
        let state = &self.wish.state;
        let nonblock = match self.wish.socket.nonblock {
            Some(nonblock) => nonblock,
            None => self.dice.chance(80),
        };
        let flags = if nonblock { self.producers.constant("O_NONBLOCK") } else { 0 };
        let queued = state.available.or_else(|| state.room.map(|room| PIPE - room)).unwrap_or(0);
        let (lonely, available) = (state.lonely, state.available);
        let (read, write) = self.producers.pipe(flags, self.program)?;
        if queued > 0 {
            self.fill(&write, u64::try_from(queued).ok()?)?;
        }
        let writes = match (self.wish.readable, self.wish.writable) {
            (_, Some(true)) | (Some(false), _) => true,
            (Some(true), _) | (_, Some(false)) => false,
            (None, None) => available.is_none() && (queued > 0 || self.dice.chance(50)),
        };
        let (own, other) = if writes { (write, read) } else { (read, write) };
        if lonely == Some(true) {
            self.push("close", vec![other]);
        }
        Some(own)
    }

    /// Writes so many bytes. What a call's own memory does not hold comes from pages that are mapped for that.
    fn fill(&mut self, to: &Argument, bytes: u64) -> Option<usize> {
        let number = Argument::Number;
        if i128::from(bytes) > PIPE {
            return None;
        }
        if bytes <= OWN as u64 {
            let data = Argument::Block(Block::new(vec![7; bytes as usize]));
            return self.push("write", vec![to.clone(), data, number(bytes)]);
        }
        let flags = self.producers.constant("MAP_PRIVATE")
            | self.producers.constant("MAP_ANONYMOUS")
            | self.producers.constant("MAP_FIXED");
        // Beyond the pages that other calls of the program are about.
        let address = PLAYGROUND_BASE + 32 * 4096;
        let pages = bytes.next_multiple_of(4096);
        let nowhere = number(u64::MAX);
        self.push("mmap", vec![number(address), number(pages), number(3), number(flags), nowhere, number(0)])?;
        self.push("write", vec![to.clone(), number(address), number(bytes)])
    }

    fn counter(&mut self) -> Option<Argument> {
        let state = &self.wish.state;
        let value = state.available.or_else(|| state.room.map(|room| COUNTER - room));
        let value = match value {
            Some(value) => u64::try_from(value).ok()?,
            None => self.dice.of([0, 1, 5]),
        };
        let nonblock = match self.wish.socket.nonblock {
            Some(nonblock) => nonblock,
            None => self.dice.chance(80),
        };
        let flags = if nonblock { self.producers.constant("O_NONBLOCK") } else { 0 };
        let (start, rest) = if value <= u64::from(u32::MAX) { (value, 0) } else { (0, value) };
        let made = Argument::ret(self.push("eventfd2", vec![Argument::Number(start), Argument::Number(flags)])?);
        if rest > 0 {
            let more = Argument::Block(Block::new(rest.to_le_bytes().to_vec()));
            self.push("write", vec![made.clone(), more, Argument::Number(8)]);
        }
        Some(made)
    }
}
