//! The closed list of functions that conditions may call.

use super::ast::WordGroup;
use serde::{Deserialize, Serialize};

/// What a function takes at one position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operand {
    /// A descriptor number.
    Fd,
    /// A descriptor number or a path parameter.
    File,
    /// A path parameter.
    Path,
    /// A pointer or an address.
    Pointer,
    /// A number.
    Int,
    /// A word of a group.
    Word(WordGroup),
}

/// What a function gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gives {
    /// A truth value.
    Bool,
    /// A number.
    Int,
    /// A word of a group.
    Word(WordGroup),
}

/// What part of the world a function looks at; engines say per subject what they follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// Open descriptors.
    Descriptors,
    /// Names and inodes.
    Files,
    /// The caller's memory as bytes.
    Memory,
    /// The caller's mappings.
    Mappings,
    /// Credentials, limits and the like.
    Process,
    /// Nothing but its operands.
    Numbers,
}

macro_rules! functions {
    ($($variant:ident $name:literal $subject:ident ($($operand:expr),*) $gives:expr, $doc:literal;)*) => {
        /// A function of the condition language.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Function { $(#[doc = $doc] $variant,)* }

        impl Function {
            /// Every function, in the order of the reference.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// How it is written.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What it takes.
            pub const fn operands(self) -> &'static [Operand] {
                match self { $(Self::$variant => { const LIST: &[Operand] = &[$($operand),*]; LIST })* }
            }

            /// What it gives.
            pub const fn gives(self) -> Gives {
                match self { $(Self::$variant => $gives,)* }
            }

            /// What it looks at.
            pub const fn subject(self) -> Subject {
                match self { $(Self::$variant => Subject::$subject,)* }
            }

            /// Its meaning, one line.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $doc,)* }
            }
        }
    };
}

use Gives::{Bool, Int};
use Operand::{Fd, File, Path, Pointer};

const N: Operand = Operand::Int;
const ACCESS: Operand = Operand::Word(WordGroup::Access);
const MAPPING: Operand = Operand::Word(WordGroup::Mapping);

functions! {
    Open "open" Descriptors (Fd) Bool, "the descriptor is open";
    Kind "kind" Descriptors (File) Gives::Word(WordGroup::Kind), "what it refers to";
    Readable "readable" Descriptors (Fd) Bool, "opened for reading";
    Writable "writable" Descriptors (Fd) Bool, "opened for writing";
    IsPath "is_path" Descriptors (Fd) Bool, "opened with O_PATH";
    Nonblock "nonblock" Descriptors (Fd) Bool, "O_NONBLOCK is set on the open file";
    Append "append" Descriptors (Fd) Bool, "O_APPEND is set on the open file";
    Cloexec "cloexec" Descriptors (Fd) Bool, "close-on-exec is set";
    StatusFlags "status_flags" Descriptors (Fd) Int, "what F_GETFL returns";
    Seekable "seekable" Descriptors (Fd) Bool, "has a position that lseek can set";
    Offset "offset" Descriptors (Fd) Int, "file position";
    Available "available" Descriptors (Fd) Int, "bytes a read could return now";
    Room "room" Descriptors (Fd) Int, "bytes a write could put now";
    PeerClosed "peer_closed" Descriptors (Fd) Bool, "the other end is closed";
    Family "family" Descriptors (Fd) Int, "address family of a socket";
    SocketType "socket_type" Descriptors (Fd) Int, "type of a socket";
    Fresh "fresh" Descriptors (Fd) Bool, "a socket that is neither bound nor connected nor listening";
    Seals "seals" Descriptors (Fd) Int, "F_SEAL_* bits";
    SameDescription "same_description" Descriptors (Fd, Fd) Bool, "both refer to one open file description";
    FreeFds "free_fds" Descriptors (N) Int, "how many numbers from n below the limit are not open";
    LowestFree "lowest_free" Descriptors (Fd, N) Bool, "before the call, it was the lowest number from n that was not open";
    Walk "walk" Files (Path) Int, "errno met on the way to the last component, 0 if none";
    Exists "exists" Files (Path) Bool, "the walk succeeds and the last component exists";
    Empty "empty" Files (Pointer) Bool, "the empty string";
    Absolute "absolute" Files (Path) Bool, "begins with a slash";
    TrailingSlash "trailing_slash" Files (Path) Bool, "ends with a slash after a component";
    Last "last" Files (Path) Gives::Word(WordGroup::Last), "form of the last component as written";
    LastIsSymlink "last_is_symlink" Files (Path) Bool, "the last component, not followed, is a symbolic link";
    ViaSymlink "via_symlink" Files (Path) Bool, "a symbolic link was met anywhere";
    Leaves "leaves" Files (Path) Bool, "the walk steps above its start or begins at the root";
    CrossesMount "crosses_mount" Files (Path) Bool, "a mount point is crossed";
    EmptyDirectory "empty_directory" Files (File) Bool, "a directory without entries";
    Inside "inside" Files (File, File) Bool, "the first is, or lies below, the second";
    SameFile "same_file" Files (File, File) Bool, "both are the same inode";
    SameMount "same_mount" Files (File, File) Bool, "both lie on one mount";
    May "may" Files (File, ACCESS) Bool, "permission bits or a capability grant the access";
    MayParent "may_parent" Files (Path, ACCESS) Bool, "the same for the directory that holds the last component";
    Sticky "sticky" Files (Path) Bool, "the sticky bit of the parent forbids the caller to remove the name";
    Size "size" Files (File) Int, "st_size";
    Links "links" Files (File) Int, "st_nlink";
    Permissions "permissions" Files (File) Int, "mode bits 07777";
    Fs "fs" Files (File) Gives::Word(WordGroup::FileSystem), "file system type";
    Owns "owns" Files (File) Bool, "the caller owns it, or may act as its owner";
    ReadOnlyFs "read_only_fs" Files (File) Bool, "mounted read-only";
    Immutable "immutable" Files (File) Bool, "immutable or append-only attribute";
    Runnable "runnable" Files (File) Bool, "its contents are of a format that the kernel executes";
    TargetLength "target_length" Files (Path) Int, "length of the symbolic link's target";
    Mapped "mapped" Memory (Pointer, N, ACCESS) Bool, "the bytes are the caller's and can be so accessed";
    UserRange "user_range" Memory (Pointer, N) Bool, "the range lies below TASK_SIZE";
    Unreadable "unreadable" Memory (Pointer) Bool, "memory ends before the text does";
    Overlong "overlong" Memory (Pointer) Bool, "PATH_MAX bytes without a NUL";
    Length "length" Memory (Pointer) Int, "bytes of a text before its NUL";
    U64 "u64" Memory (Pointer) Int, "the 64-bit number at an address";
    SameBytes "same_bytes" Memory (Pointer, Pointer, N) Bool, "n bytes at both addresses are equal";
    Zeroed "zeroed" Memory (Pointer, N, N) Bool, "the bytes from..to are zero";
    IovTotal "iov_total" Memory (Pointer, N) Int, "sum of iov_len";
    IovLongest "iov_longest" Memory (Pointer, N) Int, "maximum of iov_len";
    IovMapped "iov_mapped" Memory (Pointer, N, ACCESS) Bool, "every segment is the caller's and can be so accessed";
    IovUserRange "iov_user_range" Memory (Pointer, N) Bool, "every segment lies below TASK_SIZE";
    VmaMapped "vma_mapped" Mappings (Pointer, N) Bool, "every page of the range belongs to a mapping";
    VmaFree "vma_free" Mappings (Pointer, N) Bool, "no page of the range belongs to a mapping";
    VmaSingle "vma_single" Mappings (Pointer, N) Bool, "the range lies within one mapping";
    VmaIs "vma_is" Mappings (Pointer, N, MAPPING) Bool, "every mapping in the range has the property";
    Capable "capable" Process (N) Bool, "capability effective in the initial user namespace";
    NsCapable "ns_capable" Process (N) Bool, "capability effective in the caller's user namespace";
    Rlimit "rlimit" Process (N) Int, "soft limit";
    RlimitMax "rlimit_max" Process (N) Int, "hard limit";
    Pid "pid" Process () Int, "process id of the caller";
    Tid "tid" Process () Int, "thread id of the caller";
    Uid "uid" Process () Int, "real user id";
    Euid "euid" Process () Int, "effective user id";
    Gid "gid" Process () Int, "real group id";
    Suid "suid" Process () Int, "saved user id";
    Egid "egid" Process () Int, "effective group id";
    Sgid "sgid" Process () Int, "saved group id";
    MappedUser "mapped_user" Process (N) Bool, "the caller's user namespace has this user id";
    MappedGroup "mapped_group" Process (N) Bool, "the caller's user namespace has this group id";
    Policy "policy" Process () Int, "scheduling policy of the caller";
    Umask "umask" Process () Int, "file mode creation mask";
    Process "process" Process (N) Bool, "a process or thread of this number exists";
    Nice "nice" Process () Int, "nice value of the caller";
    CwdLength "cwd_length" Process () Int, "bytes of the working directory's path, with NUL";
    CwdDeleted "cwd_deleted" Process () Bool, "the working directory was removed";
    Sigmask "sigmask" Process () Int, "blocked signals, bit n-1 for signal n";
    Cpus "cpus" Process () Int, "bytes of the kernel's own CPU mask";
    Min "min" Numbers (N, N) Int, "the smaller";
    Max "max" Numbers (N, N) Int, "the larger";
    AlignUp "align_up" Numbers (N, N) Int, "the next multiple";
    Aligned "aligned" Numbers (Pointer, N) Bool, "is a multiple";
    Bits "bits" Numbers (N) Int, "number of set bits";
    Joined "joined" Numbers (N, N) Int, "64 bits out of two words; a word of 64 bits has them all";
}

impl Function {
    /// Finds a function by its name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|function| function.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_function_is_in_the_reference() {
        let reference = include_str!("../../LANGUAGE.md");
        for function in Function::ALL {
            assert!(reference.contains(&format!("`{}(", function.name())), "LANGUAGE.md lacks {}", function.name());
        }
    }
}
