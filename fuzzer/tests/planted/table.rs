//! The planted violations: one line says what a broken kernel does, one what must be found.

use abispec_fuzzer::plant::Deviation::{
    AlsoOnFailure, AlsoOnSuccess, Answer, AnswerAfterSuccess, AnswerFor, Argument, Instead, Shift,
};
use abispec_fuzzer::plant::Part::{Number, Param, Past, Ret, Stored, Sum};
use abispec_fuzzer::plant::{Deviation, Part, Plant, When};

/// A violation and what must be said of it.
pub(crate) struct Planted {
    /// What the broken kernel does.
    pub name: &'static str,
    /// The calls that are tried.
    pub calls: &'static [&'static str],
    /// How it is done.
    pub plants: Vec<Plant>,
    /// What must be found: any of these.
    pub finds: Vec<Found>,
}

/// A finding: its id, the call it is about, and a piece of the clause that it names or of the line where that is
/// written. Without a piece it names no clause.
#[derive(Debug)]
pub(crate) struct Found(pub &'static str, pub &'static str, pub Option<&'static str>);

const fn clause(id: &'static str, call: &'static str, piece: &'static str) -> Found {
    Found(id, call, Some(piece))
}

const fn call(id: &'static str, call: &'static str) -> Found {
    Found(id, call, None)
}

fn plant(syscall: &str, deviation: Deviation) -> Plant {
    Plant { syscall: syscall.to_owned(), when: Vec::new(), entry: None, deviation }
}

fn only(syscall: &str, param: u8, mask: u64, value: u64, deviation: Deviation) -> Plant {
    Plant { when: vec![When { param, mask, value }], ..plant(syscall, deviation) }
}

/// After a success also `nr`.
fn also(nr: i64, parts: &[Part]) -> Deviation {
    AlsoOnSuccess(nr, parts.to_vec())
}

/// After a failure also `nr`.
fn failing(nr: i64, parts: &[Part]) -> Deviation {
    AlsoOnFailure(nr, parts.to_vec())
}

/// `nr` is made instead.
fn instead(nr: i64, parts: &[Part]) -> Deviation {
    Instead(nr, parts.to_vec())
}

/// Zeros are written: no signal is pending.
const ZEROS: i64 = libc::SYS_rt_sigpending;
/// A descriptor appears.
const LEAK: i64 = libc::SYS_eventfd2;

const fn bits(value: i32) -> u64 {
    value as u64
}

/// The answer that is this errno.
const fn error(errno: i32) -> i64 {
    -(errno as i64)
}

/// The answer `truth` is seen as `seen`.
const fn swap(truth: i32, seen: i64) -> Deviation {
    AnswerFor { truth: error(truth), seen }
}

/// These bits of a parameter are not seen.
const fn drop_bits(param: u8, dropped: i32) -> Deviation {
    Argument { param, keep: !bits(dropped), set: 0 }
}

/// Every planted violation.
// A table is read by its lines.
#[rustfmt::skip]
pub(crate) fn table() -> Vec<Planted> {
    let mut table = Vec::new();
    let mut add = |name, calls, plants: Vec<Plant>, finds| table.push(Planted { name, calls, plants, finds });

    // Errnos that are not the contract's.
    add("a call without errors fails", &["getpid"], vec![plant("getpid", Answer(error(libc::EPERM)))],
        vec![call("undocumented-errno", "getpid")]);
    add("an errno that no rule names", &["close"], vec![plant("close", swap(libc::EBADF, error(libc::ENOTTY)))],
        vec![call("undocumented-errno", "close")]);
    add("an errno without a name", &["eventfd2"], vec![plant("eventfd2", Answer(-4000))],
        vec![call("undocumented-errno", "eventfd2")]);
    add("an errno whose condition is false", &["lseek"], vec![plant("lseek", Answer(error(libc::EBADF)))],
        vec![clause("unjustified-errno", "lseek", "!open(fd) || is_path(fd)")]);
    add("a flag is refused", &["eventfd2"],
        vec![only("eventfd2", 1, bits(libc::EFD_SEMAPHORE), bits(libc::EFD_SEMAPHORE), Answer(error(libc::EINVAL)))],
        vec![clause("unjustified-errno", "eventfd2", "eventfd2_flags")]);
    add("another errno for one kind of descriptor", &["lseek"],
        vec![plant("lseek", swap(libc::ESPIPE, error(libc::ENXIO)))],
        vec![clause("unjustified-errno", "lseek", "whence in [SEEK_DATA, SEEK_HOLE]")]);
    add("another errno for equal numbers", &["dup3"], vec![plant("dup3", swap(libc::EINVAL, error(libc::EMFILE)))],
        vec![call("undocumented-errno", "dup3")]);
    add("the table of descriptors is said to be full", &["dup"], vec![plant("dup", Answer(error(libc::EMFILE)))],
        vec![clause("unjustified-errno", "dup", "free_fds(0)")]);
    add("a name is said to exist", &["mkdirat"], vec![plant("mkdirat", Answer(error(libc::EEXIST)))],
        vec![clause("unjustified-errno", "mkdirat", "EEXIST")]);
    add("an undefined bit that is ignored is refused", &["openat"],
        vec![only("openat", 2, 1 << 31, 1 << 31, AnswerAfterSuccess(error(libc::EINVAL)))],
        vec![clause("unjustified-errno", "openat", "__O_TMPFILE")]);

    add("the upper half of an argument is looked at", &["eventfd2"],
        vec![only("eventfd2", 1, 1 << 40, 1 << 40, Answer(error(libc::EINVAL)))],
        vec![clause("unjustified-errno", "eventfd2", "eventfd2_flags")]);

    // Successes that should be errors.
    add("a closed descriptor is duplicated", &["dup"], vec![plant("dup", swap(libc::EBADF, 9))],
        vec![clause("missing-error", "dup", "!open(fildes)")]);
    add("a closed descriptor is closed", &["close"], vec![plant("close", swap(libc::EBADF, 0))],
        vec![clause("missing-error", "close", "EBADF")]);
    add("a bad position is accepted", &["lseek"], vec![only("lseek", 2, u64::from(u32::MAX), 0, swap(libc::EINVAL, 0))],
        vec![clause("missing-error", "lseek", "whence == SEEK_SET"), clause("broken-ensures", "lseek", "ret == offset")]);
    add("memory that cannot be written is accepted", &["fstat"], vec![plant("fstat", swap(libc::EFAULT, 0))],
        vec![clause("missing-error", "fstat", "statbuf")]);
    add("a file that does not exist is found", &["newfstatat"], vec![plant("newfstatat", swap(libc::ENOENT, 0))],
        vec![clause("missing-error", "newfstatat", "filename")]);
    add("a directory is made twice", &["mkdirat"], vec![plant("mkdirat", swap(libc::EEXIST, 0))],
        vec![clause("missing-error", "mkdirat", "exists(pathname)")]);
    add("a directory gets a second name", &["linkat"], vec![plant("linkat", swap(libc::EPERM, 0))],
        vec![clause("missing-error", "linkat", "kind(oldname) == directory")]);
    add("a directory is unlinked", &["unlinkat"], vec![plant("unlinkat", swap(libc::EISDIR, 0))],
        vec![clause("missing-error", "unlinkat", "EISDIR")]);
    add("a full directory is removed", &["unlinkat"], vec![plant("unlinkat", swap(libc::ENOTEMPTY, 0))],
        vec![clause("missing-error", "unlinkat", "empty_directory")]);
    add("a negative size is accepted", &["ftruncate"], vec![only("ftruncate", 1, 1 << 63, 1 << 63, swap(libc::EINVAL, 0))],
        vec![clause("missing-error", "ftruncate", "length < 0")]);
    add("an empty pipe looks closed", &["read"], vec![plant("read", swap(libc::EAGAIN, 0))],
        // An event counter is empty in the same way, and promises eight bytes.
        vec![clause("missing-error", "read", "available(fd) == 0"), clause("broken-ensures", "read", "kind(fd) == eventfd")]);
    add("a short buffer holds a long path", &["getcwd"], vec![plant("getcwd", swap(libc::ERANGE, 2))],
        vec![clause("missing-error", "getcwd", "size < cwd_length()")]);
    add("a file is entered", &["chdir"], vec![plant("chdir", swap(libc::ENOTDIR, 0))],
        vec![clause("missing-error", "chdir", "filename")]);
    add("rights are not looked at", &["faccessat2"], vec![plant("faccessat2", swap(libc::EACCES, 0))],
        vec![clause("missing-error", "faccessat2", "may(filename"), clause("missing-error", "faccessat2", "walk(filename)")]);
    add("a table of descriptors without end", &["prlimit64", "dup"], vec![plant("dup", swap(libc::EMFILE, 60))],
        vec![clause("missing-error", "dup", "free_fds(0)")]);
    add("an unknown flag is accepted", &["pipe2"],
        vec![plant("pipe2", Argument { param: 1, keep: bits(libc::O_NONBLOCK | libc::O_CLOEXEC | libc::O_DIRECT | libc::O_EXCL), set: 0 })],
        vec![clause("missing-error", "pipe2", "pipe2_flags")]);
    add("an unknown flag of dup3 is accepted", &["dup3"],
        vec![plant("dup3", Argument { param: 2, keep: bits(libc::O_CLOEXEC), set: 0 })],
        vec![clause("missing-error", "dup3", "dup3_flags")]);
    add("an unknown origin is accepted", &["lseek"], vec![only("lseek", 2, u64::from(u32::MAX), 0x7fff_ffff, Argument { param: 2, keep: 0, set: 0 })],
        vec![clause("missing-error", "lseek", "seek_whence")]);
    add("an unknown clock is accepted", &["timerfd_create"],
        vec![plant("timerfd_create", Argument { param: 0, keep: 1, set: 0 })],
        vec![clause("missing-error", "timerfd_create", "clockid")]);

    // Results.
    add("one byte more than asked for", &["write"], vec![plant("write", Shift(1))],
        vec![clause("bad-return", "write", "long[0:min(count, MAX_RW_COUNT)]"), clause("broken-ensures", "write", "ret =="),
          clause("broken-effect", "write", "sets_offset")]);
    add("bytes that are not counted", &["getrandom"], vec![plant("getrandom", AnswerAfterSuccess(0))],
        vec![clause("broken-ensures", "getrandom", "ret == len")]);
    add("the end of a file too early", &["pread64"], vec![plant("pread64", AnswerAfterSuccess(0))],
        vec![clause("broken-ensures", "pread64", "ret == min(min(count"), call("stray-write", "pread64")]);
    add("one byte more than a link has", &["readlinkat"], vec![plant("readlinkat", Shift(1))],
        vec![clause("bad-return", "readlinkat", "long[1:bufsiz]"), clause("broken-ensures", "readlinkat", "ret == min(bufsiz")]);
    add("a negative descriptor", &["dup"], vec![plant("dup", AnswerAfterSuccess(-5000))],
        vec![clause("bad-return", "dup", "fd")]);
    add("another number than asked for", &["dup2"], vec![plant("dup2", Shift(1))],
        vec![clause("broken-ensures", "dup2", "ret == newfd")]);
    add("zero is one", &["close"], vec![plant("close", AnswerAfterSuccess(1))], vec![clause("bad-return", "close", "zero")]);
    add("another mask than the old one", &["umask"], vec![plant("umask", Shift(-1))],
        vec![clause("broken-ensures", "umask", "old(umask())")]);
    add("another process", &["getpid"], vec![plant("getpid", Shift(1))], vec![clause("broken-ensures", "getpid", "pid()")]);
    add("an address within a page", &["mmap"], vec![plant("mmap", Shift(8))], vec![clause("bad-return", "mmap", "addr")]);
    add("the path without its end", &["getcwd"], vec![plant("getcwd", Shift(-1))],
        vec![clause("broken-ensures", "getcwd", "cwd_length()")]);
    add("more processors", &["sched_getaffinity"], vec![plant("sched_getaffinity", Shift(8))],
        vec![clause("bad-return", "sched_getaffinity", "int32[1:len]"), clause("broken-ensures", "sched_getaffinity", "cpus()")]);

    // Flags that descriptors should or should not have.
    add("close-on-exec is forgotten", &["dup3"], vec![plant("dup3", drop_bits(2, libc::O_CLOEXEC))],
        vec![clause("broken-effect", "dup3", "duplicates")]);
    add("close-on-exec of a file is forgotten", &["memfd_create"], vec![plant("memfd_create", drop_bits(1, 1))],
        vec![clause("broken-effect", "memfd_create", "cloexec: \"flags & MFD_CLOEXEC != 0\"")]);
    add("close-on-exec by command is forgotten", &["fcntl"],
        vec![only("fcntl", 1, u64::from(u32::MAX), bits(libc::F_DUPFD_CLOEXEC), Argument { param: 1, keep: 0, set: 0 })],
        vec![clause("broken-effect", "fcntl", "duplicates")]);
    add("close-on-exec that nobody asked for", &["epoll_create1"],
        vec![only("epoll_create1", 0, u64::from(u32::MAX), 0, Argument { param: 0, keep: 0, set: bits(libc::O_CLOEXEC) })],
        vec![clause("broken-effect", "epoll_create1", "opens")]);
    add("a descriptor flag is not set", &["fcntl"],
        vec![only("fcntl", 1, u64::from(u32::MAX), bits(libc::F_SETFD), Argument { param: 2, keep: 0, set: 0 })],
        vec![clause("broken-effect", "fcntl", "sets_cloexec")]);
    add("a status flag is not set", &["fcntl"],
        vec![only("fcntl", 1, u64::from(u32::MAX), bits(libc::F_SETFL), drop_bits(2, libc::O_NONBLOCK | libc::O_APPEND))],
        vec![clause("broken-effect", "fcntl", "sets_status")]);
    add("nonblocking is forgotten", &["eventfd2"], vec![plant("eventfd2", drop_bits(1, libc::EFD_NONBLOCK))],
        vec![clause("broken-effect", "eventfd2", "flags: \"flags & EFD_NONBLOCK\"")]);
    add("appending is forgotten", &["openat"], vec![plant("openat", drop_bits(2, libc::O_APPEND))],
        vec![clause("broken-effect", "openat", "opens")]);
    add("a file can be read too", &["creat"],
        vec![plant("creat", instead(libc::SYS_open,
            &[Param(0, 0), Number(bits(libc::O_CREAT | libc::O_TRUNC | libc::O_RDWR)), Param(1, 0)]))],
        vec![clause("broken-effect", "creat", "opens")]);

    // Memory.
    add("a byte beyond the buffer", &["getrandom"],
        vec![plant("getrandom", also(ZEROS, &[Sum(0, 1, 0), Number(1)]))], vec![call("stray-write", "getrandom")]);
    add("a byte beyond what was counted", &["pread64"],
        vec![plant("pread64", also(ZEROS, &[Past(1), Number(1)]))], vec![call("stray-write", "pread64")]);
    add("a byte before the buffer", &["uname"], vec![plant("uname", also(ZEROS, &[Param(0, -1), Number(1)]))],
        vec![call("stray-write", "uname")]);
    add("memory is written on failure", &["fstat"], vec![plant("fstat", failing(ZEROS, &[Param(1, 0), Number(8)]))],
        vec![call("stray-write", "fstat")]);
    add("what is written from is changed", &["pwrite64"],
        vec![plant("pwrite64", also(ZEROS, &[Param(1, 0), Number(1)]))], vec![call("stray-write", "pwrite64")]);
    add("a path is changed", &["chdir"], vec![plant("chdir", failing(ZEROS, &[Param(0, 0), Number(1)]))],
        vec![call("stray-write", "chdir")]);
    add("a struct holds another size", &["fstat"], vec![plant("fstat", also(ZEROS, &[Param(1, 48), Number(8)]))],
        vec![clause("broken-ensures", "fstat", "st_size")]);
    add("a struct holds no links", &["newfstatat"], vec![plant("newfstatat", also(ZEROS, &[Param(2, 16), Number(8)]))],
        vec![clause("broken-ensures", "newfstatat", "st_nlink")]);
    add("a second has too many parts", &["clock_gettime"],
        vec![plant("clock_gettime", also(libc::SYS_getrandom, &[Param(1, 8), Number(8), Number(0)]))],
        vec![clause("broken-ensures", "clock_gettime", "tv_nsec")]);
    add("signals were blocked before", &["rt_sigprocmask"],
        vec![plant("rt_sigprocmask", also(libc::SYS_getrandom, &[Param(2, 0), Number(8), Number(0)]))],
        vec![clause("broken-ensures", "rt_sigprocmask", "*oset")]);
    add("there was no limit", &["prlimit64"], vec![plant("prlimit64", also(ZEROS, &[Param(3, 8), Number(8)]))],
        vec![clause("broken-ensures", "prlimit64", "rlim_max")]);

    // Descriptors.
    add("a descriptor is left after a failure", &["dup"], vec![plant("dup", failing(LEAK, &[]))],
        vec![call("failure-changed-state", "dup")]);
    add("a descriptor is left after a success", &["uname"], vec![plant("uname", also(LEAK, &[]))],
        vec![call("stray-descriptor", "uname")]);
    add("a descriptor is closed by a failure", &["lseek"], vec![plant("lseek", failing(libc::SYS_close, &[Param(0, 0)]))],
        vec![call("failure-changed-state", "lseek")]);
    add("the old descriptor changes", &["dup"],
        vec![plant("dup", also(libc::SYS_fcntl, &[Param(0, 0), Number(bits(libc::F_SETFD)), Number(1)]))],
        vec![call("stray-descriptor", "dup")]);
    add("a descriptor stays open", &["close"],
        vec![plant("close", instead(libc::SYS_fcntl, &[Param(0, 0), Number(bits(libc::F_SETFD)), Number(0)]))],
        vec![clause("broken-effect", "close", "closes")]);
    add("descriptors are closed instead of marked", &["close_range"],
        vec![only("close_range", 2, u64::from(u32::MAX), 4, Argument { param: 2, keep: 0, set: 0 })],
        vec![call("stray-descriptor", "close_range")]);
    add("not the lowest number", &["dup"],
        vec![plant("dup", instead(libc::SYS_fcntl, &[Param(0, 0), Number(bits(libc::F_DUPFD)), Number(20)]))],
        vec![clause("broken-ensures", "dup", "lowest_free(ret, 0)")]);
    add("a number below the one asked for", &["fcntl"],
        vec![only("fcntl", 1, u64::from(u32::MAX), bits(libc::F_DUPFD), Argument { param: 2, keep: 0, set: 0 })],
        vec![clause("broken-ensures", "fcntl", "ret >= arg"), clause("missing-error", "fcntl", "arg")]);
    add("the ends of a pipe are swapped", &["pipe2"],
        vec![plant("pipe2", also(libc::SYS_dup2, &[Stored(0, 0), Number(60)])),
             plant("pipe2", also(libc::SYS_dup2, &[Stored(0, 4), Stored(0, 0)])),
             plant("pipe2", also(libc::SYS_dup2, &[Number(60), Stored(0, 4)])),
             plant("pipe2", also(libc::SYS_close, &[Number(60)]))],
        vec![clause("broken-effect", "pipe2", "opens")]);
    add("half of a pair is missing", &["socketpair"], vec![plant("socketpair", also(libc::SYS_close, &[Stored(3, 4)]))],
        vec![clause("broken-effect", "socketpair", "usockvec[1]")]);
    add("a new descriptor is closed again", &["timerfd_create"],
        vec![plant("timerfd_create", also(libc::SYS_close, &[Ret(0)]))],
        vec![clause("broken-effect", "timerfd_create", "opens")]);

    // Positions, sizes and names.
    add("reading does not move on", &["read"],
        vec![plant("read", also(libc::SYS_lseek, &[Param(0, 0), Number(0), Number(0)]))],
        vec![clause("broken-effect", "read", "sets_offset")]);
    add("reading at a position moves on", &["pread64"],
        vec![plant("pread64", also(libc::SYS_lseek, &[Param(0, 0), Number(1), Number(1)]))],
        vec![call("stray-descriptor", "pread64")]);
    add("a refused position is taken", &["lseek"],
        vec![plant("lseek", failing(libc::SYS_lseek, &[Param(0, 0), Number(7), Number(0)]))],
        vec![call("failure-changed-state", "lseek")]);
    add("a write of bad memory leaves a longer file", &["write"],
        vec![plant("write", failing(libc::SYS_ftruncate, &[Param(0, 0), Number(8192)]))],
        vec![call("failure-changed-state", "write")]);
    add("another position than the answer", &["lseek"],
        vec![plant("lseek", also(libc::SYS_lseek, &[Param(0, 0), Number(1), Number(1)]))],
        vec![clause("broken-effect", "lseek", "sets_offset")]);
    add("a file is always emptied", &["ftruncate"],
        vec![plant("ftruncate", also(libc::SYS_ftruncate, &[Param(0, 0), Number(0)]))],
        vec![clause("broken-effect", "ftruncate", "sets_size")]);
    add("a file is not emptied", &["creat"],
        vec![plant("creat", instead(libc::SYS_open, &[Param(0, 0), Number(bits(libc::O_CREAT | libc::O_WRONLY)), Param(1, 0)]))],
        vec![clause("broken-effect", "creat", "sets_size")]);
    add("the old name stays", &["renameat2"],
        vec![plant("renameat2", also(libc::SYS_linkat, &[Param(2, 0), Param(3, 0), Param(0, 0), Param(1, 0), Number(0)]))],
        vec![clause("broken-effect", "renameat2", "renames")]);
    add("a directory is not removed", &["unlinkat"],
        vec![only("unlinkat", 2, u64::from(u32::MAX), bits(libc::AT_REMOVEDIR),
            also(libc::SYS_mkdirat, &[Param(0, 0), Param(1, 0), Number(0o755)]))],
        vec![clause("broken-effect", "unlinkat", "removes")]);
    add("a name is taken away again", &["symlinkat"],
        vec![plant("symlinkat", also(libc::SYS_unlinkat, &[Param(1, 0), Param(2, 0), Number(0)]))],
        vec![clause("broken-effect", "symlinkat", "creates")]);
    add("a directory is never made", &["mkdirat"],
        vec![plant("mkdirat", also(libc::SYS_unlinkat, &[Param(0, 0), Param(1, 0), Number(bits(libc::AT_REMOVEDIR))]))],
        vec![clause("broken-effect", "mkdirat", "creates")]);
    add("a link is no link", &["linkat"],
        vec![plant("linkat", also(libc::SYS_unlinkat, &[Param(2, 0), Param(3, 0), Number(0)]))],
        vec![clause("broken-effect", "linkat", "links")]);
    add("a created file is gone", &["creat"],
        vec![plant("creat", also(libc::SYS_unlink, &[Param(0, 0)]))],
        vec![clause("broken-effect", "creat", "creates")]);
    add("the mask loses bits", &["umask"], vec![plant("umask", Argument { param: 0, keep: 0o700, set: 0 })],
        vec![clause("broken-ensures", "umask", "old(umask())")]);
    add("memory stays mapped", &["munmap"],
        vec![plant("munmap", also(libc::SYS_mmap,
            &[Param(0, 0), Param(1, 0), Number(1), Number(0x32), Number(u64::MAX), Number(0)]))],
        vec![clause("broken-effect", "munmap", "unmaps")]);

    // More of what flags ask for.
    add("a file is made though it exists", &["openat"], vec![plant("openat", drop_bits(2, libc::O_EXCL))],
        vec![clause("missing-error", "openat", "exists(filename)"),
             clause("unjustified-errno", "openat", "trailing_slash(filename)")]);
    add("a link is followed though not asked", &["newfstatat"],
        vec![plant("newfstatat", drop_bits(3, libc::AT_SYMLINK_NOFOLLOW))],
        vec![clause("broken-ensures", "newfstatat", "kind(filename)"), clause("broken-ensures", "newfstatat", "st_"),
             clause("unjustified-errno", "newfstatat", "filename")]);
    add("a link is opened though refused", &["openat"],
        vec![only("openat", 2, bits(libc::O_DIRECTORY | libc::O_PATH), 0, drop_bits(2, libc::O_NOFOLLOW))],
        vec![clause("missing-error", "openat", "last_is_symlink(filename)"), clause("unjustified-errno", "openat", "filename")]);
    add("a range of descriptors ends early", &["close_range"],
        vec![plant("close_range", Argument { param: 1, keep: 3, set: 0 })],
        vec![call("stray-descriptor", "close_range"), clause("unjustified-errno", "close_range", "fd > max_fd")]);
    add("blocked signals stay", &["rt_sigprocmask"],
        vec![plant("rt_sigprocmask", Argument { param: 1, keep: 0, set: 0 })],
        vec![clause("broken-effect", "rt_sigprocmask", "sets_sigmask"), clause("missing-error", "rt_sigprocmask", "nset")]);
    add("a limit is not set", &["prlimit64"], vec![plant("prlimit64", Argument { param: 2, keep: 0, set: 0 })],
        vec![clause("broken-effect", "prlimit64", "sets_limit"), clause("missing-error", "prlimit64", "new_rlim")]);
    add("the directory stays", &["chdir"], vec![plant("chdir", instead(libc::SYS_access, &[Param(0, 0), Number(0)]))],
        vec![clause("broken-effect", "chdir", "sets_cwd"), clause("missing-error", "chdir", "kind(filename)")]);
    add("a position of a write is not taken", &["pwrite64"],
        vec![plant("pwrite64", Argument { param: 3, keep: 1 << 63, set: 0 })],
        vec![clause("broken-effect", "pwrite64", "sets_size"), clause("missing-error", "pwrite64", "pos")]);
    add("another open file", &["dup"],
        vec![plant("dup", also(libc::SYS_close, &[Ret(0)])), plant("dup", also(libc::SYS_eventfd2, &[]))],
        vec![clause("broken-effect", "dup", "duplicates")]);
    add("a byte beyond a segment", &["readv"], vec![plant("readv", also(ZEROS, &[Param(1, 16), Number(1)]))],
        vec![call("stray-write", "readv")]);
    add("a priority is not set", &["setpriority"],
        vec![plant("setpriority", Argument { param: 2, keep: 0, set: 0 })],
        vec![clause("broken-effect", "setpriority", "sets_nice")]);
    add("a policy is not set", &["sched_setscheduler"],
        vec![only("sched_setscheduler", 1, 0xffff_ffff, 3, Argument { param: 1, keep: 0, set: 0 })],
        vec![clause("broken-effect", "sched_setscheduler", "sets_policy")]);
    add("sockets of another type", &["socketpair"],
        vec![Plant {
            when: vec![When { param: 0, mask: 0xffff_ffff, value: 1 }, When { param: 1, mask: 0xf, value: 1 }],
            ..plant("socketpair", Argument { param: 1, keep: !0xf, set: 5 })
        }],
        vec![clause("broken-effect", "socketpair", "opens")]);
    add("bytes are taken out twice", &["read"],
        vec![plant("read", also(libc::SYS_read, &[Param(0, 0), Param(1, 0), Number(1)]))],
        vec![clause("broken-effect", "read", "sets_offset"), clause("broken-ensures", "read", "available"), call("stray-write", "read")]);

    // The process.
    add("the caller ends", &["uname"], vec![plant("uname", instead(libc::SYS_exit_group, &[]))],
        vec![call("executor-died", "uname")]);
    add("the caller is killed", &["umask"],
        vec![plant("umask", instead(libc::SYS_kill, &[Number(0), Number(bits(libc::SIGKILL))]))],
        vec![call("executor-died", "umask")]);
    add("the call never comes back", &["getuid"],
        vec![plant("getuid", instead(libc::SYS_kill, &[Number(0), Number(bits(libc::SIGSTOP))]))],
        vec![call("call-hangs", "getuid")]);
    add("the call sleeps", &["lseek"], vec![plant("lseek", instead(libc::SYS_pause, &[]))],
        vec![call("unexpected-block", "lseek")]);

    // Calls that end, copy or replace their caller.
    add("a process ends with another status", &["exit_group"], vec![plant("exit_group", drop_bits(0, 0x40))],
        vec![clause("broken-effect", "exit_group", "ends")]);
    add("a process that ends goes on", &["exit"], vec![plant("exit", Answer(0))],
        vec![clause("bad-return", "exit", "never")]);
    add("a process that is copied shares its memory", &["fork"], vec![plant("fork", instead(libc::SYS_vfork, &[]))],
        vec![clause("broken-effect", "fork", "begins")]);
    add("a process is told of another child", &["fork"], vec![plant("fork", Shift(1))],
        vec![clause("broken-effect", "fork", "begins")]);
    add("a process has its parent's descriptors to itself", &["clone"], vec![plant("clone", drop_bits(0, libc::CLONE_FILES))],
        vec![clause("broken-effect", "clone", "begins")]);
    add("a process has its umask to itself", &["clone3"],
        vec![plant("clone3", instead(libc::SYS_clone, &[Number(17)]))],
        vec![clause("broken-effect", "clone3", "begins"), clause("missing-error", "clone3", "EINVAL"),
             clause("missing-error", "clone3", "uargs")]);
    add("a process is its caller's sibling", &["clone"],
        vec![plant("clone", Argument { param: 0, keep: !0, set: bits(libc::CLONE_PARENT) })],
        vec![clause("broken-effect", "clone", "begins")]);
    add("a process is not told its number", &["clone"],
        vec![only("clone", 0, bits(libc::CLONE_PARENT_SETTID | libc::CLONE_PIDFD), bits(libc::CLONE_PARENT_SETTID),
            drop_bits(0, libc::CLONE_PARENT_SETTID))],
        vec![clause("broken-ensures", "clone", "*parent_tidptr == ret")]);
    add("a process gets no descriptor of its child", &["clone"], vec![plant("clone", drop_bits(0, libc::CLONE_PIDFD))],
        vec![clause("missing-error", "clone", "CLONE_PIDFD"), clause("broken-effect", "clone", "opens")]);
    add("a process has threads with handlers of their own", &["clone"], vec![plant("clone", swap(libc::EINVAL, 60))],
        vec![clause("missing-error", "clone", "EINVAL"), clause("missing-error", "clone", "CLONE_")]);
    add("a process is described by a struct that is too short", &["clone3"],
        vec![only("clone3", 1, !63, 0, swap(libc::EINVAL, 60))],
        vec![clause("missing-error", "clone3", "uargs")]);
    add("a process begins although bytes are not known", &["clone3"], vec![plant("clone3", swap(libc::E2BIG, 60))],
        vec![clause("missing-error", "clone3", "uargs")]);
    add("a process ends instead of executing a program", &["execve"],
        vec![plant("execve", instead(libc::SYS_exit_group, &[Number(0)]))],
        vec![clause("broken-effect", "execve", "executes"), clause("missing-error", "execve", "filename")]);
    add("a process executes what it may not", &["execve"], vec![plant("execve", swap(libc::EACCES, 0))],
        vec![clause("missing-error", "execve", "exec"), clause("missing-error", "execve", "kind(filename)")]);
    add("a process executes what is no program", &["execveat"], vec![plant("execveat", swap(libc::ENOEXEC, 0))],
        vec![clause("missing-error", "execveat", "runnable")]);
    add("a process executes what it only asks about", &["execveat"],
        vec![plant("execveat", drop_bits(4, 0x10000))],
        vec![call("executor-died", "execveat"), clause("unjustified-errno", "execveat", "ENOEXEC"),
             clause("unjustified-errno", "execveat", "the interpreter is none")]);

    // What new descriptors and files are, and what pages permit.
    add("a file is replaced though not asked", &["renameat2"],
        vec![plant("renameat2", drop_bits(4, 1))], vec![clause("missing-error", "renameat2", "RENAME_NOREPLACE")]);
    add("a new file is not empty", &["memfd_create"],
        vec![plant("memfd_create", also(libc::SYS_ftruncate, &[Ret(0), Number(100)]))],
        vec![clause("broken-ensures", "memfd_create", "size(ret)")]);
    add("another kind of descriptor", &["timerfd_create"],
        vec![plant("timerfd_create", also(libc::SYS_close, &[Ret(0)])),
             plant("timerfd_create", also(libc::SYS_eventfd2, &[Number(0), Param(1, 0)]))],
        vec![clause("broken-effect", "timerfd_create", "opens")]);
    add("a new pipe holds a byte", &["pipe2"],
        vec![plant("pipe2", also(libc::SYS_write, &[Stored(0, 4), Param(0, 0), Number(1)]))],
        vec![clause("broken-ensures", "pipe2", "available")]);
    add("pages are not protected", &["mprotect"],
        vec![plant("mprotect", Argument { param: 2, keep: !7, set: 3 })],
        vec![clause("broken-effect", "mprotect", "protects")]);
    add("a seal is not set", &["fcntl"],
        vec![only("fcntl", 1, u64::from(u32::MAX), bits(libc::F_ADD_SEALS), drop_bits(2, 0x1f))],
        vec![clause("broken-effect", "fcntl", "sets_seals")]);
    add("a directory without rights", &["mkdirat"],
        vec![plant("mkdirat", Argument { param: 2, keep: 0, set: 0 })],
        vec![clause("broken-effect", "mkdirat", "creates")]);
    add("permissions other than those asked for", &["chmod"],
        vec![plant("chmod", Argument { param: 1, keep: 0, set: 0o1000 })],
        vec![clause("broken-effect", "chmod", "sets_permissions")]);
    add("a directory without the caller's mask", &["umask", "mkdirat"],
        vec![plant("mkdirat", Argument { param: 2, keep: !0, set: 0o1000 })],
        vec![clause("broken-effect", "mkdirat", "creates")]);
    table
}
