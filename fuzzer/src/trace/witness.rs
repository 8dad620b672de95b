//! What the checker may ask about a stopped task, and the answers.
//!
//! Everything that is known of a foreign process comes through here: from the live system ([`super::system`]) or from a
//! recording ([`super::record`]). The checker itself makes no system call.

use super::checker::Event;
use abispec::expr::Word;
use serde::{Deserialize, Serialize};

/// A question about a task that is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Question {
    /// Bytes of its memory, at most so many: as far as they can be read.
    Memory(u64, u32),
    /// Text of its memory, up to a NUL or so many bytes: as far as it can be read.
    Text(u64),
    /// One descriptor.
    Descriptor(i32),
    /// What a descriptor that is known to be open refers to.
    Kind(i32),
    /// All descriptors.
    Descriptors,
    /// Who it is.
    Status,
    /// The signals that it blocks.
    BlockedSignals,
    /// A soft and a hard limit.
    Limit(u32),
    /// What may be done in the mappings that meet a range.
    Mappings(u64, u64),
}

/// An answer. Whatever could not be learnt is [`Answer::Nothing`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// It could not be learnt.
    Nothing,
    /// Bytes.
    Bytes(Vec<u8>),
    /// One descriptor.
    Descriptor(Descriptor),
    /// All descriptors, by number.
    Descriptors(Vec<(i32, Descriptor)>),
    /// Who it is.
    Status(Status),
    /// A number.
    Number(u64),
    /// A soft and a hard limit.
    Limit(u64, u64),
    /// Mappings in order.
    Mappings(Vec<Mapping>),
}

/// What a descriptor number is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Descriptor {
    /// Not open.
    Closed,
    /// Open.
    Open {
        /// What it refers to, as [`Word::number`]; `None` where that could not be learnt.
        kind: Option<u8>,
        /// Flags as the kernel shows them, close-on-exec among them.
        flags: u64,
        /// The position.
        position: u64,
    },
}

impl Descriptor {
    /// The kind of an open descriptor.
    pub fn kind(self) -> Option<Word> {
        match self {
            Self::Open { kind, .. } => kind.and_then(|kind| Word::ALL.get(usize::from(kind)).copied()),
            Self::Closed => None,
        }
    }
}

impl Answer {
    /// A kind, of an answer to [`Question::Kind`].
    pub fn kind(&self) -> Option<Word> {
        let Self::Number(number) = self else { return None };
        usize::try_from(*number).ok().and_then(|number| Word::ALL.get(number)).copied()
    }
}

/// Who a task is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Its thread group, as the tracer numbers it.
    pub group: i32,
    /// Its own number, where it lives.
    pub own_tid: i32,
    /// Its thread group's number, where it lives.
    pub own_pid: i32,
    /// Real, effective, saved and file system user.
    pub uids: [u32; 4],
    /// Real, effective, saved and file system group.
    pub gids: [u32; 4],
    /// Filters on it, the tracer's own among them.
    pub filters: u32,
}

/// A mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mapping {
    /// First byte.
    pub start: u64,
    /// First byte behind it.
    pub end: u64,
    /// Readable.
    pub read: bool,
    /// Writable.
    pub write: bool,
    /// Shared with other processes.
    pub shared: bool,
    /// It has a file, which may end before it does.
    pub file: bool,
}

/// Who answers.
pub trait Witness {
    /// Is told what happens before the checker takes it in.
    fn event(&mut self, _tid: i32, _event: &Event) {}

    /// Answers a question about a stopped task.
    fn ask(&mut self, tid: i32, question: Question) -> Answer;

    /// Reads memory: the number of bytes up to the first one that cannot be read.
    fn read(&mut self, tid: i32, address: u64, bytes: &mut [u8]) -> usize {
        let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let Answer::Bytes(found) = self.ask(tid, Question::Memory(address, len)) else { return 0 };
        let count = found.len().min(bytes.len());
        bytes[..count].copy_from_slice(&found[..count]);
        count
    }
}
