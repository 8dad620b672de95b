//! Which functions the model can ever answer. The list has no rest: a new function stops the build here.

use abispec::expr::Function;

/// Whether the model can answer the function in some world.
///
/// # Errors
/// The reason why it never can: clauses that depend on it are not executable.
pub const fn supported(function: Function) -> Result<(), &'static str> {
    match function {
        Function::Open
        | Function::Kind
        | Function::Readable
        | Function::Writable
        | Function::IsPath
        | Function::Nonblock
        | Function::Append
        | Function::Cloexec
        | Function::StatusFlags
        | Function::Seekable
        | Function::Offset
        | Function::Available
        | Function::Room
        | Function::PeerClosed
        | Function::Family
        | Function::SocketType
        | Function::Fresh
        | Function::Seals
        | Function::SameDescription
        | Function::FreeFds
        | Function::LowestFree => Ok(()),
        Function::Walk
        | Function::Exists
        | Function::Empty
        | Function::Absolute
        | Function::TrailingSlash
        | Function::Last
        | Function::LastIsSymlink
        | Function::ViaSymlink
        | Function::Leaves
        | Function::CrossesMount
        | Function::EmptyDirectory
        | Function::Inside
        | Function::SameFile
        | Function::SameMount
        | Function::May
        | Function::MayParent
        | Function::Sticky
        | Function::Size
        | Function::Links
        | Function::Permissions
        | Function::Fs
        | Function::ReadOnlyFs
        | Function::Owns
        | Function::Immutable
        | Function::Runnable
        | Function::TargetLength => Ok(()),
        Function::Mapped
        | Function::Unreadable
        | Function::Overlong
        | Function::Length
        | Function::U64
        | Function::IovMapped
        | Function::IovUserRange
        | Function::UserRange
        | Function::Zeroed
        | Function::SameBytes
        | Function::IovTotal
        | Function::IovLongest
        | Function::VmaMapped
        | Function::VmaFree
        | Function::VmaSingle
        | Function::VmaIs => Ok(()),
        Function::Capable
        | Function::NsCapable
        | Function::Rlimit
        | Function::RlimitMax
        | Function::Pid
        | Function::Tid
        | Function::Uid
        | Function::Euid
        | Function::Suid
        | Function::Gid
        | Function::Egid
        | Function::Sgid
        | Function::MappedUser
        | Function::MappedGroup
        | Function::Policy
        | Function::Umask
        | Function::Process
        | Function::Nice
        | Function::CwdLength
        | Function::CwdDeleted
        | Function::Sigmask
        | Function::Cpus => Ok(()),
        Function::Min | Function::Max | Function::AlignUp | Function::Aligned | Function::Bits | Function::Joined => {
            Ok(())
        }
    }
}

/// Functions with one answer in the sandbox, and why.
pub const CONSTANT: &[(Function, &str)] = &[
    (Function::Capable, "the sandbox has a user namespace: no capability is effective in the initial one"),
    (Function::Sticky, "the sandbox has one user, who owns every file"),
    (Function::Immutable, "no call in the sandbox makes a file immutable"),
];
