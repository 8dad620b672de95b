//! What calls do to descriptor tables and tasks, where the specification does not say it: the tracer follows these calls too,
//! or it would not know what later calls are given.

use crate::exec::tracer::Harmless;

/// What a call does that the specification lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Its result, if it succeeds, may be a new descriptor.
    Opens,
    /// It may change flags of its first argument, or open a descriptor, by its command.
    Controls,
    /// Descriptors may arrive in the message that its second argument points to.
    Receives,
    /// The same for several messages.
    ReceivesMany,
    /// It makes a task.
    Spawns,
    /// It gives the caller a descriptor table of its own.
    Unshares,
    /// The kernel may open and close descriptors later, unseen.
    Escapes,
    /// It changes limits.
    Limits,
}

/// Calls that every port has.
const COMMON: &[(libc::c_long, Role)] = &[
    (libc::SYS_accept, Role::Opens),
    (libc::SYS_accept4, Role::Opens),
    (libc::SYS_signalfd4, Role::Opens),
    (libc::SYS_inotify_init1, Role::Opens),
    (libc::SYS_fanotify_init, Role::Opens),
    (libc::SYS_perf_event_open, Role::Opens),
    (libc::SYS_open_by_handle_at, Role::Opens),
    (libc::SYS_memfd_secret, Role::Opens),
    (libc::SYS_userfaultfd, Role::Opens),
    (libc::SYS_pidfd_open, Role::Opens),
    (libc::SYS_pidfd_getfd, Role::Opens),
    (libc::SYS_bpf, Role::Opens),
    (libc::SYS_fsopen, Role::Opens),
    (libc::SYS_fspick, Role::Opens),
    (libc::SYS_fsmount, Role::Opens),
    (libc::SYS_open_tree, Role::Opens),
    (467, Role::Opens),
    (libc::SYS_landlock_create_ruleset, Role::Opens),
    (libc::SYS_mq_open, Role::Opens),
    (libc::SYS_seccomp, Role::Opens),
    (libc::SYS_socket, Role::Opens),
    (libc::SYS_eventfd2, Role::Opens),
    (libc::SYS_epoll_create1, Role::Opens),
    (libc::SYS_timerfd_create, Role::Opens),
    (libc::SYS_memfd_create, Role::Opens),
    (libc::SYS_openat, Role::Opens),
    (libc::SYS_openat2, Role::Opens),
    (libc::SYS_dup, Role::Opens),
    (libc::SYS_ioctl, Role::Controls),
    (libc::SYS_recvmsg, Role::Receives),
    (libc::SYS_recvmmsg, Role::ReceivesMany),
    (libc::SYS_clone, Role::Spawns),
    (libc::SYS_clone3, Role::Spawns),
    (libc::SYS_unshare, Role::Unshares),
    (libc::SYS_io_uring_setup, Role::Escapes),
    (libc::SYS_setrlimit, Role::Limits),
    (libc::SYS_prlimit64, Role::Limits),
];

/// Calls that ports made later do not have.
#[cfg(target_arch = "x86_64")]
const PORT: &[(libc::c_long, Role)] = &[
    (libc::SYS_open, Role::Opens),
    (libc::SYS_creat, Role::Opens),
    (libc::SYS_epoll_create, Role::Opens),
    (libc::SYS_eventfd, Role::Opens),
    (libc::SYS_signalfd, Role::Opens),
    (libc::SYS_inotify_init, Role::Opens),
    (libc::SYS_fork, Role::Spawns),
    (libc::SYS_vfork, Role::Spawns),
];

#[cfg(not(target_arch = "x86_64"))]
const PORT: &[(libc::c_long, Role)] = &[];

/// The role of a call.
pub fn role(nr: u32) -> Option<Role> {
    COMMON.iter().chain(PORT).find(|(known, _)| u32::try_from(*known) == Ok(nr)).map(|(_, role)| *role)
}

/// The numbers of all calls that have a role.
pub fn numbers() -> impl Iterator<Item = u32> {
    COMMON.iter().chain(PORT).filter_map(|(nr, _)| u32::try_from(*nr).ok())
}

/// Frequent commands of ioctl that change no descriptor: not worth a stop.
pub const UNCHANGING: Harmless<'static> = Harmless {
    nr: libc::SYS_ioctl as u32,
    arg: 1,
    values: &[
        libc::TCGETS as u32,
        libc::TCSETS as u32,
        libc::TCSETSW as u32,
        libc::TIOCGWINSZ as u32,
        libc::TIOCGPGRP as u32,
        libc::TIOCSPGRP as u32,
        libc::FIONREAD as u32,
    ],
};

/// Commands of ioctl that change a descriptor itself or its open file.
pub mod command {
    /// Close-on-exec on and off.
    pub const CLOEXEC: [u32; 2] = [libc::FIOCLEX as u32, libc::FIONCLEX as u32];
    /// O_NONBLOCK and FASYNC.
    pub const STATUS: [u32; 2] = [libc::FIONBIO as u32, libc::FIOASYNC as u32];
}

/// `CLONE_*` flags of a call that makes a task; the ones of clone3 lie in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloneFlags {
    /// These.
    Known(u64),
    /// At this address.
    At(u64),
}

/// Where the flags of a call that makes a task are.
pub fn clone_flags(nr: u32, args: &[u64; 6]) -> CloneFlags {
    let is = |other: libc::c_long| u32::try_from(other) == Ok(nr);
    #[cfg(target_arch = "x86_64")]
    if is(libc::SYS_vfork) {
        return CloneFlags::Known((libc::CLONE_VM | libc::CLONE_VFORK) as u64);
    } else if is(libc::SYS_fork) {
        return CloneFlags::Known(0);
    }
    if is(libc::SYS_clone3) { CloneFlags::At(args[0]) } else { CloneFlags::Known(args[0]) }
}
