//! Kernels that break laws: what each does, and the law that shows it.

use abispec_fuzzer::exec::layout::{CELL_RO, CELLS, cell};
use abispec_fuzzer::plant::Deviation::{
    AlsoOnSuccess, Answer, AnswerAfterSuccess, AnswerFor, Argument, Instead, Shift,
};
use abispec_fuzzer::plant::Part::{Number, Param};
use abispec_fuzzer::plant::{Deviation, Part, Plant, When};

/// A broken kernel.
pub(crate) struct Breaking {
    /// What it does.
    pub name: &'static str,
    /// The law that it breaks.
    pub law: &'static str,
    /// How it is done.
    pub plant: Plant,
}

fn plant(syscall: &str, deviation: Deviation) -> Plant {
    Plant { syscall: syscall.to_owned(), when: Vec::new(), entry: None, deviation }
}

/// Only where a parameter is this number of 32 bits.
fn only(syscall: &str, param: u8, value: i32, deviation: Deviation) -> Plant {
    let value = u64::from(value.cast_unsigned());
    Plant { when: vec![When { param, mask: 0xffff_ffff, value }], ..plant(syscall, deviation) }
}

fn also(nr: i64, parts: &[Part]) -> Deviation {
    AlsoOnSuccess(nr, parts.to_vec())
}

fn instead(nr: i64, parts: &[Part]) -> Deviation {
    Instead(nr, parts.to_vec())
}

/// Eight zeros are written behind a pointer argument.
fn zeros(param: u8, offset: i64) -> Deviation {
    also(libc::SYS_rt_sigpending, &[Param(param, offset), Number(8)])
}

const fn bits(value: i32) -> u64 {
    value as u64
}

/// These bits of an argument are not seen.
const fn without(param: u8, dropped: i32) -> Deviation {
    Argument { param, keep: !bits(dropped), set: 0 }
}

/// The address of an empty text in every executor.
const EMPTY: u64 = cell(CELLS - 1) + CELL_RO;
const F_GET_SEALS: i32 = 1034;
const F_SETPIPE_SZ: i32 = 1031;

/// Every broken kernel.
// A table is read by its lines.
#[rustfmt::skip]
pub(crate) fn table() -> Vec<Breaking> {
    let mut table = Vec::new();
    let mut add = |law, name, plant| table.push(Breaking { name, law, plant });

    // Calls that are the same.
    add("open_is_openat", "open closes on exec", plant("open", Argument { param: 1, keep: u64::MAX, set: bits(libc::O_CLOEXEC) }));
    add("openat_is_openat2", "openat2 refuses one flag", plant("openat2", AnswerFor { truth: 3, seen: -i64::from(libc::EPERM) }));
    add("access_is_faccessat2", "access refuses nothing", plant("access", AnswerFor { truth: -i64::from(libc::EACCES), seen: 0 }));
    add("stat_is_newfstatat", "stat tells no size", plant("stat", zeros(1, 48)));
    add("fstat_is_newfstatat", "fstat tells no mode", plant("fstat", zeros(1, 24)));
    add("pipe_is_pipe2", "pipe does not block", plant("pipe", instead(libc::SYS_pipe2, &[Param(0, 0), Number(bits(libc::O_NONBLOCK))])));
    add("dup2_is_dup3", "dup2 closes on exec",
        plant("dup2", also(libc::SYS_fcntl, &[Param(1, 0), Number(bits(libc::F_SETFD)), Number(1)])));
    add("close_range_alone", "close_range with a table of its own closes nothing", only("close_range", 2, 2, Answer(0)));
    add("read_is_readv", "readv gives one byte less", plant("readv", Shift(-1)));
    add("write_is_writev", "writev counts one byte less", plant("writev", Shift(-1)));
    add("pread64_is_preadv2", "preadv2 finds nothing", plant("preadv2", AnswerAfterSuccess(0)));
    add("pwrite64_is_pwritev2", "pwritev2 does not write", plant("pwritev2", Answer(0)));
    add("readv_is_preadv2", "preadv2 does not know the position -1", only("preadv2", 3, -1, Answer(-i64::from(libc::EINVAL))));

    // Positions.
    add("pread64_leaves_the_position", "pread64 moves the position",
        plant("pread64", also(libc::SYS_lseek, &[Param(0, 0), Number(1), Number(bits(libc::SEEK_CUR))])));
    add("pwrite64_leaves_the_position", "pwrite64 moves the position",
        plant("pwrite64", also(libc::SYS_lseek, &[Param(0, 0), Number(7), Number(bits(libc::SEEK_SET))])));
    add("dup_shares_the_position", "dup opens another file", plant("dup", instead(libc::SYS_memfd_create, &[Number(EMPTY), Number(0)])));
    add("append_writes_at_the_end", "O_APPEND is not set", only("fcntl", 1, libc::F_SETFL, without(2, libc::O_APPEND)));
    add("the_end_is_the_size", "the end is one byte further", only("lseek", 2, libc::SEEK_END, Shift(1)));

    // Contents.
    add("holes_are_zeros", "a hole holds something", plant("pread64", also(libc::SYS_getrandom, &[Param(1, 0), Number(1), Number(0)])));
    add("ftruncate_sets_the_size", "sizes are even", plant("ftruncate", without(1, 1)));
    add("fallocate_keeps_the_size", "FALLOC_FL_KEEP_SIZE is not seen", plant("fallocate", without(1, libc::FALLOC_FL_KEEP_SIZE)));
    add("copy_file_range_copies", "nothing is copied",
        plant("copy_file_range", instead(libc::SYS_lseek, &[Param(2, 0), Param(4, 0), Number(bits(libc::SEEK_SET))])));

    // Descriptors.
    add("f_dupfd_counts_from_its_argument", "F_DUPFD counts from 0", only("fcntl", 1, libc::F_DUPFD, Argument { param: 2, keep: 0, set: 0 }));
    add("close_on_exec_round_trip", "F_SETFD does nothing", only("fcntl", 1, libc::F_SETFD, Answer(0)));
    add("status_flags_round_trip", "O_NONBLOCK is not set", only("fcntl", 1, libc::F_SETFL, without(2, libc::O_NONBLOCK)));
    add("closed_is_closed", "close does nothing", plant("close", Answer(0)));
    add("seals_stay", "no seals are told", only("fcntl", 1, F_GET_SEALS, AnswerAfterSuccess(0)));

    // Channels and readiness.
    add("pipe_is_first_in_first_out", "the first bytes are lost", plant("read", zeros(1, 0)));
    add("pipe_size_round_trip", "another size than there is", only("fcntl", 1, F_SETPIPE_SZ, Shift(1)));
    add("eventfd_adds_up", "a counter begins too high", plant("eventfd2", Argument { param: 0, keep: u64::MAX, set: 1 << 20 }));
    add("poll_sees_a_write", "ppoll sees nothing", plant("ppoll", AnswerAfterSuccess(0)));
    add("epoll_sees_a_write", "EPOLL_CTL_ADD does nothing", only("epoll_ctl", 1, libc::EPOLL_CTL_ADD, Answer(0)));

    // Names.
    add("links_are_counted", "links are not counted", plant("newfstatat", zeros(2, 16)));
    add("renamed_is_elsewhere", "the old name stays",
        plant("renameat2", instead(libc::SYS_linkat, &[Param(0, 0), Param(1, 0), Param(2, 0), Param(3, 0), Number(0)])));
    add("directories_come_and_go", "directories stay", only("unlinkat", 2, libc::AT_REMOVEDIR, Answer(0)));
    add("symlinks_hold_their_target", "the last byte is cut off", plant("readlinkat", Shift(-1)));
    add("statx_agrees_with_stat", "statx tells no inode", plant("statx", zeros(4, 32)));
    add("the_working_directory", "chdir does nothing", plant("chdir", Answer(0)));

    // Mappings and the process.
    add("unmapped_is_not_mapped", "munmap does nothing", plant("munmap", Answer(0)));
    add("protected_pages_are_refused", "mprotect does nothing", plant("mprotect", Answer(0)));
    add("umask_round_trip", "another mask than the old one", plant("umask", Shift(1)));
    add("limits_round_trip", "limits are not set", plant("prlimit64", Argument { param: 2, keep: 0, set: 0 }));
    add("signal_mask_round_trip", "the mask is not set", only("rt_sigprocmask", 0, libc::SIG_SETMASK, Argument { param: 1, keep: 0, set: 0 }));
    add("sleep_takes_its_time", "nobody sleeps", plant("clock_nanosleep", Answer(0)));
    add("timers_remember", "the old setting is not told", plant("timerfd_settime", zeros(3, 16)));
    table
}
