//! What a sandbox could not set up: errors that end it, and parts it does without.

use std::fmt;
use std::io;
use std::time::Duration;

/// A step without which there is no sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Stage {
    /// The page size is the one the arena is laid out for.
    PageSize = 1,
    /// Shared memory between supervisor and sandbox.
    SharedMemory,
    /// The program runs itself a second time.
    Start,
    /// The second process says that it became a sandbox.
    Handshake,
    /// A user namespace, in which everything else is permitted.
    UserNamespace,
    /// Its user and group.
    IdMap,
    /// The emulator that runs the rest.
    Emulator,
    /// A mount namespace.
    MountNamespace,
    /// A pid namespace.
    PidNamespace,
    /// A network namespace.
    NetNamespace,
    /// The file tree of the sandbox.
    FileTree,
    /// The root directory is changed to that tree.
    Root,
    /// The first process of the pid namespace.
    Init,
    /// The fresh tmpfs of an executor.
    WorkDirectory,
    /// The executor's process.
    Fork,
    /// The executor's memory at its fixed addresses.
    Memory,
    /// Standard descriptors, limits and signals of the executor.
    Process,
    /// The executor gives up its capabilities.
    Capabilities,
    /// The filter of a test.
    Shim,
    /// The last executor does not die.
    Unkillable,
    /// The sandbox process itself is gone.
    Gone,
    /// The disk that the work directory lies on.
    Disk,
    /// The server of the file system that the work directory lies on.
    Server,
}

impl Stage {
    const ALL: [Stage; 23] = [
        Stage::PageSize,
        Stage::SharedMemory,
        Stage::Start,
        Stage::Handshake,
        Stage::UserNamespace,
        Stage::IdMap,
        Stage::Emulator,
        Stage::MountNamespace,
        Stage::PidNamespace,
        Stage::NetNamespace,
        Stage::FileTree,
        Stage::Root,
        Stage::Init,
        Stage::WorkDirectory,
        Stage::Fork,
        Stage::Memory,
        Stage::Process,
        Stage::Capabilities,
        Stage::Shim,
        Stage::Unkillable,
        Stage::Gone,
        Stage::Disk,
        Stage::Server,
    ];

    pub(super) fn from_raw(raw: u32) -> Option<Stage> {
        Stage::ALL.into_iter().find(|stage| *stage as u32 == raw)
    }

    fn what(self) -> &'static str {
        match self {
            Stage::PageSize => "this machine's pages are not 4096 bytes",
            Stage::SharedMemory => "cannot set up memory to share with the sandbox",
            Stage::Start => "cannot start the sandbox process",
            Stage::Handshake => "the sandbox process did not become a sandbox",
            Stage::UserNamespace => "cannot create a user namespace",
            Stage::IdMap => "cannot map a user into the user namespace",
            Stage::Emulator => "cannot start the emulator",
            Stage::MountNamespace => "cannot create a mount namespace",
            Stage::PidNamespace => "cannot create a pid namespace",
            Stage::NetNamespace => "cannot create a network namespace",
            Stage::FileTree => "cannot build the sandbox's file tree",
            Stage::Root => "cannot change the root directory to the sandbox's file tree",
            Stage::Init => "cannot start the first process of the pid namespace",
            Stage::WorkDirectory => "cannot mount a fresh work directory",
            Stage::Fork => "cannot fork an executor",
            Stage::Memory => "cannot map the executor's memory at its fixed addresses",
            Stage::Process => "cannot set up descriptors, limits and signals of the executor",
            Stage::Capabilities => "cannot drop the executor's capabilities",
            Stage::Shim => "cannot install the extra seccomp filter",
            Stage::Unkillable => "an executor does not die",
            Stage::Gone => "the sandbox process is gone",
            Stage::Disk => "cannot mount the work directory's disk",
            Stage::Server => "cannot mount a file system that a server answers for",
        }
    }

    fn help(self, errno: Option<i32>) -> &'static str {
        match (self, errno) {
            (Stage::PageSize, _) => "run on a kernel with 4 KiB pages",
            (Stage::SharedMemory, _) => "memfd_create with seals must be permitted, and a few MiB of memory free",
            (Stage::Start, _) => "/proc must be mounted and the program's own file executable for this user",
            (Stage::Handshake, _) => {
                "call exec::sandbox_main_if_asked() first in main, or say sandbox_before_main!() in a test program"
            }
            (Stage::UserNamespace, Some(libc::ENOSPC)) => {
                "raise the limit: sysctl user.max_user_namespaces (0 disables them), and do not nest deeper than 32"
            }
            (Stage::UserNamespace, Some(libc::EINVAL | libc::ENOSYS)) => {
                "this kernel has no user namespaces (CONFIG_USER_NS), or main starts a thread before it calls \
                 exec::sandbox_main_if_asked()"
            }
            (Stage::UserNamespace | Stage::IdMap, Some(libc::EPERM | libc::EACCES)) => {
                "permit them (sysctl kernel.unprivileged_userns_clone=1, \
                 kernel.apparmor_restrict_unprivileged_userns=0, or the container's seccomp profile), \
                 leave a chroot, or run as root"
            }
            (Stage::Emulator, _) => {
                "name a user-mode emulator of this machine's own port, such as /usr/bin/qemu-x86_64"
            }
            (Stage::UserNamespace | Stage::IdMap, _) => "check sysctl user.max_user_namespaces, or run as root",
            (Stage::MountNamespace | Stage::PidNamespace | Stage::NetNamespace, Some(libc::ENOSPC)) => {
                "raise the limit: sysctl user.max_mnt_namespaces, user.max_pid_namespaces, user.max_net_namespaces"
            }
            (Stage::MountNamespace | Stage::PidNamespace | Stage::NetNamespace, Some(libc::EPERM)) => {
                "a security module takes the namespace's capabilities away \
                 (kernel.apparmor_restrict_unprivileged_userns=0 lifts Ubuntu's), \
                 or a container's seccomp profile forbids it: permit it, or run as root"
            }
            (Stage::MountNamespace | Stage::PidNamespace | Stage::NetNamespace, _) => {
                "the kernel must be built with CONFIG_PID_NS and CONFIG_NET_NS"
            }
            (Stage::FileTree | Stage::Root | Stage::WorkDirectory, _) => {
                "mounting tmpfs in a user namespace must be permitted; a container or a security module may forbid it"
            }
            (Stage::Init | Stage::Fork, _) => {
                "check the limits of processes (ulimit -u, the cgroup's pids.max) and memory"
            }
            (Stage::Memory, _) => {
                "check ulimit -v: the executor needs its fixed addresses below 2^39 and 1 GiB of address space"
            }
            (Stage::Process, _) => "check that the configured limits are not above this process's own hard limits",
            (Stage::Capabilities, _) => "start the sandbox without dropping capabilities",
            (Stage::Shim, _) => "the kernel must have CONFIG_SECCOMP_FILTER, and the filter must be valid",
            (Stage::Unkillable, _) => {
                "a call sleeps uninterruptibly: look at /proc/PID/stack of the executor, and start a new sandbox"
            }
            (Stage::Disk, _) => {
                "only the host's root can, with a loop device (/dev/loop-control) and the file system in the kernel"
            }
            (Stage::Server, _) => {
                "the kernel must have CONFIG_FUSE_FS, and /dev/fuse be open to this user (chmod 666 /dev/fuse, or run as root)"
            }
            (Stage::Gone, _) => "it was killed from outside (out of memory?): start a new sandbox",
        }
    }
}

/// Why there is no sandbox: what failed, with what, and what to do.
#[derive(Debug, Clone)]
pub struct SandboxError {
    /// The step that failed.
    pub stage: Stage,
    /// The errno it failed with, if that is known.
    pub errno: Option<i32>,
    detail: Option<String>,
    late: bool,
}

impl SandboxError {
    pub(super) fn new(stage: Stage, errno: Option<i32>) -> SandboxError {
        SandboxError { stage, errno, detail: None, late: false }
    }

    pub(super) fn with_detail(stage: Stage, errno: Option<i32>, detail: impl Into<String>) -> SandboxError {
        SandboxError { stage, errno, detail: Some(detail.into()), late: false }
    }

    /// A step was not done in time.
    pub(super) fn late(stage: Stage, patience: Duration) -> SandboxError {
        let detail = format!("no answer in {} s", patience.as_secs());
        SandboxError { late: true, ..SandboxError::with_detail(stage, None, detail) }
    }

    /// Whether nothing is wrong but that it took too long: on a busy machine the next one may come in time.
    pub fn is_late(&self) -> bool {
        self.late
    }

    /// What the user can do about it.
    pub fn help(&self) -> &'static str {
        self.stage.help(self.errno)
    }
}

impl fmt::Display for SandboxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.stage.what())?;
        if let Some(detail) = &self.detail {
            write!(f, ": {detail}")?;
        }
        if let Some(errno) = self.errno {
            write!(f, ": {}", io::Error::from_raw_os_error(errno))?;
        }
        write!(f, "; {}", self.help())
    }
}

impl std::error::Error for SandboxError {}

/// A part the sandbox can do without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub enum Part {
    /// Its own System V and POSIX message queues, semaphores and shared memory.
    IpcNamespace = 0,
    /// Its own host name.
    UtsNamespace,
    /// Its own view of control groups.
    CgroupNamespace,
    /// Its own offsets of the monotonic clocks.
    TimeNamespace,
    /// The user `nobody` of the host as its user; without it a privileged supervisor's own user is the sandbox's.
    ForeignUser,
    /// No supplementary groups of the host.
    Groups,
    /// The loopback interface is up.
    Loopback,
    /// /dev/null
    DevNull,
    /// /dev/zero
    DevZero,
    /// /dev/full
    DevFull,
    /// /proc
    Proc,
    /// The host's file tree is unmounted, not only hidden behind the new root.
    PivotRoot,
    /// The root directory is read-only.
    ReadOnlyRoot,
    /// The kernel is told to kill the sandbox first if memory runs out.
    OomScore,
    /// The executor's own mappings are known.
    OwnMappings,
    /// The calls of the deny-list are refused.
    DenyList,
}

impl Part {
    pub(super) const ALL: [Part; 16] = [
        Part::IpcNamespace,
        Part::UtsNamespace,
        Part::CgroupNamespace,
        Part::TimeNamespace,
        Part::ForeignUser,
        Part::Groups,
        Part::Loopback,
        Part::DevNull,
        Part::DevZero,
        Part::DevFull,
        Part::Proc,
        Part::PivotRoot,
        Part::ReadOnlyRoot,
        Part::OomScore,
        Part::OwnMappings,
        Part::DenyList,
    ];

    /// The part in words.
    pub fn name(self) -> &'static str {
        match self {
            Part::IpcNamespace => "ipc namespace",
            Part::UtsNamespace => "uts namespace",
            Part::CgroupNamespace => "cgroup namespace",
            Part::TimeNamespace => "time namespace",
            Part::ForeignUser => "unprivileged user behind the sandbox's root",
            Part::Groups => "dropped supplementary groups",
            Part::Loopback => "loopback interface",
            Part::DevNull => "/dev/null",
            Part::DevZero => "/dev/zero",
            Part::DevFull => "/dev/full",
            Part::Proc => "/proc",
            Part::PivotRoot => "pivoted root",
            Part::ReadOnlyRoot => "read-only root",
            Part::OomScore => "out-of-memory score",
            Part::OwnMappings => "list of the executor's mappings",
            Part::DenyList => "deny-list of calls",
        }
    }
}

const _: () = assert!(Part::ALL.len() <= super::layout::MAX_PARTS);

/// A part that could not be set up, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Skipped {
    /// The part.
    pub part: Part,
    /// The errno with which it was refused.
    pub errno: i32,
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no {}: {}", self.part.name(), io::Error::from_raw_os_error(self.errno))
    }
}

/// What the sandbox does without, so that nobody blames the kernel for it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SandboxReport {
    /// Every part that could not be set up.
    pub skipped: Vec<Skipped>,
    /// The host's user and group that the sandbox's user 0 and group 0 are.
    pub outside: (u32, u32),
    /// How many users and groups the sandbox has, from 0 on; 0 where it has no user namespace of its own.
    pub ids: u32,
}

impl SandboxReport {
    /// True if `part` was set up.
    pub fn has(&self, part: Part) -> bool {
        self.skipped.iter().all(|skipped| skipped.part != part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn disabled_user_namespaces_say_what_to_do() {
        let error = SandboxError::new(Stage::UserNamespace, Some(libc::ENOSPC));
        let text = error.to_string();
        assert!(text.starts_with("cannot create a user namespace: No space left on device"), "{text}");
        assert!(text.contains("sysctl user.max_user_namespaces"), "{text}");
    }

    #[test]
    fn stages_and_parts_keep_their_numbers() {
        for (index, part) in Part::ALL.into_iter().enumerate() {
            assert_eq!(part as usize, index);
        }
        for (index, stage) in Stage::ALL.into_iter().enumerate() {
            assert_eq!(stage as u32, index as u32 + 1);
            assert_eq!(Stage::from_raw(stage as u32), Some(stage));
        }
        assert_eq!(Stage::from_raw(0), None);
    }
}
