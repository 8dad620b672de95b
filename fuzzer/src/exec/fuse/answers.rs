//! Files whose names say what a server answers for them: `answers/write.EBUSY` is a file that cannot be written to, with EBUSY.

use abispec::expr::Word;
use abispec::model::Operation;
use nix::errno::Errno;

/// The directory of these names, in the work directory.
pub const ANSWERS: &str = "answers";

/// The permissions of their directory.
pub const ANSWERS_MODE: u16 = 0o755;

/// What a name refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refused {
    /// To open the file.
    Open,
    /// To read it.
    Read,
    /// To write to it.
    Write,
    /// To change its permissions, owner, times or size.
    Set,
    /// To change its size.
    Size,
    /// To say, when a descriptor is closed, that all went well.
    Close,
    /// To say where its data are, and its holes.
    Seek,
    /// To make the directory safe: where a file refused that, what is written to it could be there in spite of the errno.
    Sync,
    /// To allocate space for it, or take it away.
    Space,
    /// To take its name away.
    Unlink,
    /// To take the directory's name away.
    Rmdir,
    /// To give the directory another name.
    Rename,
    /// To list the directory.
    List,
    /// To make a file without a name in the directory.
    Tmpfile,
    /// To say how much room the file system has.
    Statfs,
    /// Requests of its own: their numbers choose the errno.
    Control,
    /// The same, of a directory.
    ControlDirectory,
    /// To be made, as a file that is opened.
    Create,
    /// To be made, as a node.
    Mknod,
    /// To be made, as a directory.
    Mkdir,
    /// To be made, as a symbolic link.
    Symlink,
    /// To be made, as another name.
    Link,
}

/// What stands at a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stands {
    /// An empty regular file.
    File,
    /// An empty directory.
    Directory,
    /// Nothing: what refuses to be made is not there.
    Nothing,
}

impl Stands {
    /// The kind of file, as specifications name it.
    pub fn kind(self) -> Option<Word> {
        match self {
            Self::File => Some(Word::Regular),
            Self::Directory => Some(Word::Directory),
            Self::Nothing => None,
        }
    }
}

impl Refused {
    /// What calls ask that it refuses.
    pub fn operation(self) -> Operation {
        match self {
            Self::Open => Operation::Open,
            Self::Read => Operation::Read,
            Self::Write => Operation::Write,
            Self::Set => Operation::Set,
            Self::Size => Operation::Size,
            Self::Close => Operation::Close,
            Self::Seek => Operation::Seek,
            Self::Sync => Operation::Sync,
            Self::Space => Operation::Space,
            Self::Unlink => Operation::Unlink,
            Self::Rmdir => Operation::Rmdir,
            Self::Rename => Operation::Rename,
            Self::List => Operation::List,
            Self::Tmpfile => Operation::Tmpfile,
            Self::Statfs => Operation::Statfs,
            Self::Control | Self::ControlDirectory => Operation::Control,
            Self::Create => Operation::Create,
            Self::Mknod => Operation::Mknod,
            Self::Mkdir => Operation::Mkdir,
            Self::Symlink => Operation::Symlink,
            Self::Link => Operation::Link,
        }
    }

    /// Whether the number of a request chooses the errno.
    pub fn is_control(self) -> bool {
        matches!(self, Self::Control | Self::ControlDirectory)
    }

    /// The word in front of the errno.
    fn word(self) -> &'static str {
        self.operation().name()
    }

    /// The permissions of what stands at its names. What can be executed up to where it is opened is not read.
    pub fn mode(self) -> u16 {
        if self == Self::Open || self.stands() == Stands::Directory { 0o755 } else { 0o644 }
    }

    /// What stands at its names.
    pub fn stands(self) -> Stands {
        match self {
            Self::Open
            | Self::Read
            | Self::Write
            | Self::Set
            | Self::Size
            | Self::Close
            | Self::Seek
            | Self::Space
            | Self::Unlink
            | Self::Statfs
            | Self::Control => Stands::File,
            Self::Sync | Self::Rmdir | Self::Rename | Self::List | Self::Tmpfile | Self::ControlDirectory => {
                Stands::Directory
            }
            Self::Create | Self::Mknod | Self::Mkdir | Self::Symlink | Self::Link => Stands::Nothing,
        }
    }
}

/// A name and what it refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The name in [`ANSWERS`].
    pub name: String,
    /// What it refuses.
    pub refused: Refused,
    /// What with; of [`Refused::is_control`] what the request's number chooses.
    errno: Errno,
}

impl Answer {
    /// The name of the errno.
    pub fn errno_name(&self) -> &str {
        self.name.split_once('.').map_or("", |(_, errno)| errno)
    }
}

/// Names and numbers of errnos.
macro_rules! errnos {
    ($($name:ident)*) => { &[$((stringify!($name), Errno::$name)),*] };
}

/// What is refused, and with which errnos.
const TABLE: &[(Refused, &[(&str, Errno)])] = &[
    (Refused::Open, errnos! { EPERM EACCES }),
    (Refused::Read, errnos! { EPERM EACCES ESRCH ENODEV EAGAIN EOPNOTSUPP }),
    (Refused::Write, errnos! { EPERM EACCES ESRCH ENODEV EBUSY EAGAIN EOPNOTSUPP EFBIG EINVAL }),
    (Refused::Set, errnos! { EPERM EOPNOTSUPP EOVERFLOW }),
    (Refused::Size, errnos! { EFBIG }),
    (Refused::Close, errnos! { EINTR }),
    (Refused::Seek, errnos! { EPERM EACCES ESRCH }),
    (Refused::Sync, errnos! { EROFS EINTR }),
    (Refused::Space, errnos! { EPERM EOPNOTSUPP ENODEV EFBIG EINTR }),
    (Refused::Unlink, errnos! { EPERM EOVERFLOW }),
    (Refused::Rmdir, errnos! { EPERM EOVERFLOW }),
    (Refused::Rename, errnos! { EPERM EOVERFLOW EMLINK }),
    (Refused::List, errnos! { EACCES }),
    (Refused::Tmpfile, errnos! { EPERM EOVERFLOW }),
    (Refused::Statfs, errnos! { ENOSYS EINTR }),
    (Refused::Control, errnos! { ENOTTY }),
    (Refused::ControlDirectory, errnos! { EOPNOTSUPP }),
    (Refused::Create, errnos! { EPERM EINVAL EOVERFLOW }),
    (Refused::Mknod, errnos! { EPERM EINVAL EOVERFLOW }),
    (Refused::Mkdir, errnos! { EPERM EINVAL EMLINK EOVERFLOW }),
    (Refused::Symlink, errnos! { EPERM EINVAL ENAMETOOLONG EOVERFLOW }),
    (Refused::Link, errnos! { EINVAL EMLINK EOVERFLOW }),
];

/// What requests of their own are answered with at the name for them: the request's number, modulo one more than there are,
/// chooses one, and the last a success.
const REQUESTS: &[(&str, Errno)] = errnos! {
    EPERM EOPNOTSUPP EFAULT EINVAL ENODEV ENXIO EIO EBUSY EAGAIN EINTR ENOENT EEXIST EACCES EROFS ENOSPC EDQUOT EFBIG
    E2BIG ERANGE EOVERFLOW EXDEV EISDIR ENOTDIR ENOTEMPTY ENAMETOOLONG ELOOP EMLINK ETXTBSY ESPIPE ESTALE EUCLEAN
    ENODATA ENOKEY EKEYREJECTED ENOPKG EBADMSG EMSGSIZE ESRCH ECHILD EREMOTE EREMOTEIO EBADR ETIME ETIMEDOUT
    EINPROGRESS EALREADY ECANCELED ENOLCK EUSERS EMFILE ENFILE ENOMEM EADDRINUSE EADDRNOTAVAIL EAFNOSUPPORT EPROTO
    EPROTONOSUPPORT EPROTOTYPE ESOCKTNOSUPPORT ENOPROTOOPT EDESTADDRREQ EISCONN ENOTCONN ENOTSOCK ECONNABORTED
    ECONNREFUSED ECONNRESET EHOSTUNREACH ENETDOWN ENETUNREACH ENOBUFS ESHUTDOWN EPIPE EDOM EBADFD ENOLINK EUNATCH
    ENOTBLK ENOMEDIUM EMEDIUMTYPE
};

/// The names of what [`Refused::is_control`] answers, in the order in which numbers of requests choose.
pub fn requests() -> impl Iterator<Item = &'static str> {
    REQUESTS.iter().map(|(name, _)| *name)
}

/// What a request of this number is answered with: an errno, or a number that is none.
pub(super) fn requested(number: u32) -> Result<u32, Errno> {
    match REQUESTS.get(number as usize % (REQUESTS.len() + 1)) {
        Some((_, errno)) => Err(*errno),
        None => Ok(number & 0xff),
    }
}

/// Every name, in the order of the table.
pub fn answers() -> impl Iterator<Item = Answer> {
    TABLE.iter().flat_map(|(refused, errnos)| {
        let named = |(name, errno): &(&str, Errno)| Answer {
            name: format!("{}.{name}", refused.word()),
            refused: *refused,
            errno: *errno,
        };
        errnos.iter().map(named)
    })
}

/// What a name refuses, and with which errno.
pub(super) fn read(name: &[u8]) -> Option<(Refused, Errno)> {
    answers().find(|answer| answer.name.as_bytes() == name).map(|answer| (answer.refused, answer.errno))
}
