//! What kernel and server write to each other, as linux/fuse.h lays it out: numbers in the machine's own order.

use nix::errno::Errno;

/// Bytes in front of every request, and of every reply.
const REQUEST_HEADER: usize = 40;
const REPLY_HEADER: usize = 16;

/// The release of the protocol that the server speaks; the kernel speaks it too, or an older one.
pub(super) const VERSION: (u32, u32) = (7, 31);
/// Bytes of one write at most.
pub(super) const MAX_WRITE: u32 = 128 << 10;
/// Bytes that the longest request takes: a write, or an attribute with its value.
pub(super) const LONGEST: usize = MAX_WRITE as usize + 8192;

/// What the server tells of an opened file: nothing of it is kept in the page cache, all of it stays there, and it wants not to be
/// asked when a descriptor is closed.
pub(super) const DIRECT_IO: u32 = 1;
pub(super) const KEEP_CACHE: u32 = 2;
pub(super) const NOFLUSH: u32 = 1 << 5;
/// What the server tells at the beginning: writes may be longer than a page, and who opens a file may make it empty by that.
pub(super) const BIG_WRITES: u32 = 1 << 5;
pub(super) const ATOMIC_O_TRUNC: u32 = 1 << 3;

/// A request's kind.
pub(super) mod op {
    pub(in crate::exec::fuse) const LOOKUP: u32 = 1;
    pub(in crate::exec::fuse) const FORGET: u32 = 2;
    pub(in crate::exec::fuse) const GETATTR: u32 = 3;
    pub(in crate::exec::fuse) const SETATTR: u32 = 4;
    pub(in crate::exec::fuse) const READLINK: u32 = 5;
    pub(in crate::exec::fuse) const SYMLINK: u32 = 6;
    pub(in crate::exec::fuse) const MKNOD: u32 = 8;
    pub(in crate::exec::fuse) const MKDIR: u32 = 9;
    pub(in crate::exec::fuse) const UNLINK: u32 = 10;
    pub(in crate::exec::fuse) const RMDIR: u32 = 11;
    pub(in crate::exec::fuse) const RENAME: u32 = 12;
    pub(in crate::exec::fuse) const LINK: u32 = 13;
    pub(in crate::exec::fuse) const OPEN: u32 = 14;
    pub(in crate::exec::fuse) const READ: u32 = 15;
    pub(in crate::exec::fuse) const WRITE: u32 = 16;
    pub(in crate::exec::fuse) const STATFS: u32 = 17;
    pub(in crate::exec::fuse) const RELEASE: u32 = 18;
    pub(in crate::exec::fuse) const FSYNC: u32 = 20;
    pub(in crate::exec::fuse) const FLUSH: u32 = 25;
    pub(in crate::exec::fuse) const INIT: u32 = 26;
    pub(in crate::exec::fuse) const OPENDIR: u32 = 27;
    pub(in crate::exec::fuse) const READDIR: u32 = 28;
    pub(in crate::exec::fuse) const RELEASEDIR: u32 = 29;
    pub(in crate::exec::fuse) const FSYNCDIR: u32 = 30;
    pub(in crate::exec::fuse) const CREATE: u32 = 35;
    pub(in crate::exec::fuse) const INTERRUPT: u32 = 36;
    pub(in crate::exec::fuse) const IOCTL: u32 = 39;
    pub(in crate::exec::fuse) const BATCH_FORGET: u32 = 42;
    pub(in crate::exec::fuse) const FALLOCATE: u32 = 43;
    pub(in crate::exec::fuse) const RENAME2: u32 = 45;
    pub(in crate::exec::fuse) const LSEEK: u32 = 46;
    pub(in crate::exec::fuse) const TMPFILE: u32 = 51;
}

/// What SETATTR changes.
pub(super) mod set {
    pub(in crate::exec::fuse) const MODE: u32 = 1;
    pub(in crate::exec::fuse) const UID: u32 = 1 << 1;
    pub(in crate::exec::fuse) const GID: u32 = 1 << 2;
    pub(in crate::exec::fuse) const SIZE: u32 = 1 << 3;
    pub(in crate::exec::fuse) const ATIME: u32 = 1 << 4;
    pub(in crate::exec::fuse) const MTIME: u32 = 1 << 5;
    pub(in crate::exec::fuse) const ATIME_NOW: u32 = 1 << 7;
    pub(in crate::exec::fuse) const MTIME_NOW: u32 = 1 << 8;
    pub(in crate::exec::fuse) const CTIME: u32 = 1 << 10;
}

/// One request.
#[derive(Clone, Copy)]
pub(super) struct Request<'a> {
    pub(super) op: u32,
    /// What the reply has to name.
    pub(super) unique: u64,
    /// The file that it is about.
    pub(super) node: u64,
    pub(super) uid: u32,
    pub(super) gid: u32,
    /// What is particular to its kind.
    pub(super) body: &'a [u8],
}

/// A request is shorter than its kind says: no kernel sends that.
pub(super) const SHORT: Errno = Errno::EPROTO;

impl<'a> Request<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let body = bytes.get(REQUEST_HEADER..)?;
        let head = Self { op: 0, unique: 0, node: 0, uid: 0, gid: 0, body: bytes };
        let word = |at| head.u32(at).ok();
        let long = |at| head.u64(at).ok();
        Some(Self { op: word(4)?, unique: long(8)?, node: long(16)?, uid: word(24)?, gid: word(28)?, body })
    }

    pub(super) fn u32(&self, at: usize) -> Result<u32, Errno> {
        let bytes = self.body.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
        bytes.map(u32::from_ne_bytes).ok_or(SHORT)
    }

    pub(super) fn u64(&self, at: usize) -> Result<u64, Errno> {
        let bytes = self.body.get(at..at + 8).and_then(|bytes| bytes.try_into().ok());
        bytes.map(u64::from_ne_bytes).ok_or(SHORT)
    }

    /// The text that begins there, without its NUL.
    pub(super) fn text(&self, at: usize) -> Result<&'a [u8], Errno> {
        let rest = self.body.get(at..).ok_or(SHORT)?;
        rest.split(|byte| *byte == 0).next().ok_or(SHORT)
    }

    /// The two texts that begin there, one behind the other.
    pub(super) fn texts(&self, at: usize) -> Result<(&'a [u8], &'a [u8]), Errno> {
        let first = self.text(at)?;
        Ok((first, self.text(at + first.len() + 1)?))
    }
}

/// The bytes of a reply.
#[derive(Default)]
pub(super) struct Reply(pub(super) Vec<u8>);

impl Reply {
    pub(super) fn u32(mut self, value: u32) -> Self {
        self.0.extend_from_slice(&value.to_ne_bytes());
        self
    }

    pub(super) fn u64(mut self, value: u64) -> Self {
        self.0.extend_from_slice(&value.to_ne_bytes());
        self
    }

    /// Numbers of 16 bits, two to a word.
    pub(super) fn halves(mut self, low: u16, high: u16) -> Self {
        self.0.extend_from_slice(&low.to_ne_bytes());
        self.0.extend_from_slice(&high.to_ne_bytes());
        self
    }

    pub(super) fn zeros(mut self, count: usize) -> Self {
        self.0.resize(self.0.len() + count, 0);
        self
    }
}

/// A whole message to the kernel.
pub(super) fn message(unique: u64, answer: Result<Reply, Errno>) -> Vec<u8> {
    let (errno, body) = match answer {
        Ok(reply) => (0, reply.0),
        Err(errno) => (-(errno as i32), Vec::new()),
    };
    let mut bytes = Vec::with_capacity(REPLY_HEADER + body.len());
    bytes.extend_from_slice(&((REPLY_HEADER + body.len()) as u32).to_ne_bytes());
    bytes.extend_from_slice(&errno.to_ne_bytes());
    bytes.extend_from_slice(&unique.to_ne_bytes());
    bytes.extend_from_slice(&body);
    bytes
}
