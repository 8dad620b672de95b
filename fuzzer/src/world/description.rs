//! Open file descriptions: what descriptors refer to.

use super::channel::Pages;
use super::tree::InodeId;
use abispec::expr::Word;

/// An open file description, by its place in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DescriptionId(pub(super) u32);

/// A pipe or FIFO, by its place in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PipeId(pub(super) u32);

/// The kinds that a mode can say.
pub const KINDS_OF_MODES: [Word; 7] =
    [Word::Regular, Word::Directory, Word::Symlink, Word::CharDevice, Word::BlockDevice, Word::Pipe, Word::Socket];

/// The kind of file that a mode tells; what has no name of its own, as an eventfd, has no kind in its mode either.
pub fn kind_of_mode(mode: u32) -> Option<Word> {
    match mode & libc::S_IFMT {
        libc::S_IFREG => Some(Word::Regular),
        libc::S_IFDIR => Some(Word::Directory),
        libc::S_IFLNK => Some(Word::Symlink),
        libc::S_IFCHR => Some(Word::CharDevice),
        libc::S_IFBLK => Some(Word::BlockDevice),
        libc::S_IFIFO => Some(Word::Pipe),
        libc::S_IFSOCK => Some(Word::Socket),
        _ => None,
    }
}

/// What a description was opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    /// Reading.
    pub read: bool,
    /// Writing.
    pub write: bool,
}

impl Access {
    /// Neither.
    pub const NONE: Self = Self { read: false, write: false };

    /// From the access bits of open: reading, writing, both, neither.
    pub fn from_mode(mode: i128) -> Option<Self> {
        match mode {
            0 => Some(Self { read: true, write: false }),
            1 => Some(Self { read: false, write: true }),
            2 => Some(Self { read: true, write: true }),
            3 => Some(Self::NONE),
            _ => None,
        }
    }

    /// As the access bits of open; 0 for neither, as F_GETFL shows an O_PATH descriptor.
    pub fn mode(self) -> i128 {
        match (self.read, self.write) {
            (true, false) | (false, false) => 0,
            (false, true) => 1,
            (true, true) => 2,
        }
    }
}

/// The other end of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// Not followed.
    Unknown,
    /// It was closed.
    Closed,
    /// It is this description.
    Open(DescriptionId),
}

/// What flows through a description.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// Nothing that the model follows.
    None,
    /// A pipe or FIFO.
    Pipe(PipeId),
    /// A socket.
    Socket {
        /// The other end.
        peer: Peer,
        /// Bytes that a read could return.
        available: Option<u64>,
    },
    /// An event counter and its value.
    Counter(Option<u64>),
}

/// A pipe or FIFO.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pipe {
    /// The file, for a FIFO.
    pub inode: Option<InodeId>,
    /// What waits in it.
    pub pages: Pages,
}

/// An open file description.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Description {
    /// What it refers to.
    pub kind: Option<Word>,
    /// What it was opened for.
    pub access: Option<Access>,
    /// Whether it was opened with O_PATH.
    pub is_path: Option<bool>,
    /// What F_GETFL returns.
    pub status: Option<i128>,
    /// O_NONBLOCK.
    pub nonblock: Option<bool>,
    /// O_APPEND.
    pub append: Option<bool>,
    /// The file position.
    pub offset: Option<u64>,
    /// The file, for what has one in the tree or was made without a name.
    pub inode: Option<InodeId>,
    /// What flows through it.
    pub channel: Channel,
    /// What sort of socket it is.
    pub socket: Socket,
}

/// What sort of socket a description is; everything is unknown for what is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Socket {
    /// Address family.
    pub family: Option<i32>,
    /// Type, without flags.
    pub kind: Option<i32>,
    /// Neither bound nor connected nor listening.
    pub fresh: Option<bool>,
}

impl Description {
    /// A description of which only the kind is known.
    pub fn of(kind: Option<Word>) -> Self {
        Self {
            kind,
            access: None,
            is_path: None,
            status: None,
            nonblock: None,
            append: None,
            offset: None,
            inode: None,
            channel: Channel::None,
            socket: Socket::default(),
        }
    }

    /// Whether lseek can set its position.
    pub fn seekable(&self) -> Option<bool> {
        if self.is_path? {
            return Some(false);
        }
        match self.kind? {
            Word::Regular | Word::Directory | Word::BlockDevice => Some(true),
            Word::Pipe | Word::Socket => Some(false),
            // lseek succeeds on most of these, and sets nothing.
            _ => None,
        }
    }
}
