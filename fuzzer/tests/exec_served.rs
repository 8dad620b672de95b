//! The file system that a server answers for: it is a right one, names refuse what they say, and nothing outlives it.
#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test")]
#![expect(clippy::print_stderr, reason = "what is skipped is said")]

use std::fs;
use std::time::Duration;

use abispec_fuzzer::exec::{ANSWERS, Arg, BatchEnd, FileSystem, Op, OpIndex, Sandbox, SandboxConfig, layout};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

abispec_fuzzer::sandbox_before_main!();

fn sandbox() -> Option<Sandbox> {
    let config = SandboxConfig { file_system: FileSystem::Fuse, ..SandboxConfig::default() };
    Sandbox::start(&config).inspect_err(|error| eprintln!("skipped: no fuse: {error}")).ok()
}

/// A batch in which texts and buffers have memory of their own.
struct Batch<'a> {
    sandbox: &'a mut Sandbox,
    used: u64,
}

impl Batch<'_> {
    fn new(sandbox: &mut Sandbox) -> Batch<'_> {
        sandbox.clear();
        Batch { sandbox, used: layout::cell(0) + layout::CELL_RW }
    }

    fn memory(&mut self, bytes: &[u8]) -> Arg {
        let at = self.used;
        self.sandbox.arena_mut().slice_mut(at, bytes.len()).unwrap().copy_from_slice(bytes);
        self.used += bytes.len().next_multiple_of(8) as u64;
        at.into()
    }

    fn name(&mut self, name: &str) -> Arg {
        self.memory(format!("{name}\0").as_bytes())
    }

    fn refusing(&mut self, name: &str) -> Arg {
        self.name(&format!("{ANSWERS}/{name}"))
    }

    fn call(&mut self, nr: i64, args: &[Arg]) -> OpIndex {
        self.sandbox.push(Op::new(nr, args)).unwrap()
    }

    fn open(&mut self, name: Arg, flags: i32) -> OpIndex {
        let mode = Arg::imm(0o600);
        self.call(libc::SYS_openat, &[Arg::imm(i64::from(libc::AT_FDCWD) as u64), name, Arg::imm(flags as u64), mode])
    }

    fn run(self, expected: &[(OpIndex, i64, &str)]) {
        assert_eq!(self.sandbox.run(), BatchEnd::Completed);
        for (op, ret, what) in expected {
            assert_eq!(self.sandbox.result(*op).ret, *ret, "{what}");
        }
    }
}

#[test]
fn files_hold_what_is_written_to_them() {
    let Some(mut sandbox) = sandbox() else { return };
    for entry in ["first", "second"] {
        let mut batch = Batch::new(&mut sandbox);
        let (name, other, directory) = (batch.name("f"), batch.name("d/g"), batch.name("d"));
        let (data, back) = (batch.memory(b"0123456789"), batch.memory(&[0; 16]));
        let made = batch.call(libc::SYS_mkdir, &[directory, Arg::imm(0o700)]);
        let fd = batch.open(name, libc::O_CREAT | libc::O_EXCL | libc::O_RDWR);
        let far = Arg::imm(1 << 23);
        let written = batch.call(libc::SYS_pwrite64, &[fd.into(), data, Arg::imm(10), far]);
        let hole = batch.call(libc::SYS_pread64, &[fd.into(), back, Arg::imm(4), Arg::imm(4096)]);
        let moved = batch.call(libc::SYS_rename, &[name, other]);
        let full = batch.call(libc::SYS_rmdir, &[directory]);
        let read = batch.call(libc::SYS_pread64, &[fd.into(), back, Arg::imm(16), Arg::imm((1 << 23) + 4)]);
        let gone = batch.call(libc::SYS_unlink, &[other]);
        let still = batch.call(libc::SYS_pread64, &[fd.into(), back, Arg::imm(3), far]);
        let enoent = -i64::from(libc::ENOENT);
        let missing = batch.call(libc::SYS_unlink, &[name]);
        batch.run(&[
            (made, 0, "mkdir"),
            (written, 10, "a write far behind the end"),
            (hole, 4, "what lies before it"),
            (moved, 0, "rename"),
            (full, -i64::from(libc::ENOTEMPTY), "a directory with a name in it"),
            (read, 6, "up to the end"),
            (gone, 0, "unlink"),
            (still, 3, "a file without a name"),
            (missing, enoent, "the old name"),
        ]);
        let back = layout::cell(0) + layout::CELL_RW + 40;
        assert_eq!(sandbox.arena().slice(back, 3).unwrap(), b"012", "{entry}");
        // The next executor finds nothing of it.
        sandbox.respawn().unwrap();
    }
}

#[test]
fn names_refuse_what_they_say_and_nothing_else() {
    let Some(mut sandbox) = sandbox() else { return };
    let mut batch = Batch::new(&mut sandbox);
    let byte = batch.memory(b"x");
    let busy = batch.refusing("write.EBUSY");
    let fd = batch.open(busy, libc::O_RDWR);
    let written = batch.call(libc::SYS_write, &[fd.into(), byte, Arg::imm(1)]);
    let read = batch.call(libc::SYS_read, &[fd.into(), byte, Arg::imm(1)]);
    let (full, plain) = (batch.refusing("mkdir.EMLINK"), batch.refusing("plain"));
    let refused = batch.call(libc::SYS_mkdir, &[full, Arg::imm(0o700)]);
    let made = batch.call(libc::SYS_mkdir, &[plain, Arg::imm(0o700)]);
    let same = batch.call(libc::SYS_symlink, &[plain, full]);
    let control = batch.refusing("control.ENOTTY");
    let requests = batch.open(control, libc::O_RDONLY);
    // The first of the errnos that requests are answered with, and what is none.
    let first = batch.call(libc::SYS_ioctl, &[requests.into(), Arg::imm(0), Arg::imm(0)]);
    let directory = batch.refusing("control.EOPNOTSUPP");
    let directory = batch.open(directory, libc::O_RDONLY | libc::O_DIRECTORY);
    let of_directory = batch.call(libc::SYS_ioctl, &[directory.into(), Arg::imm(1), Arg::imm(0)]);
    let count = abispec_fuzzer::exec::requests().count() as u64;
    let none = batch.call(libc::SYS_ioctl, &[requests.into(), Arg::imm(count), Arg::imm(0)]);
    batch.run(&[
        (written, -i64::from(libc::EBUSY), "write"),
        (read, 0, "read"),
        (refused, -i64::from(libc::EMLINK), "mkdir of a name that refuses it"),
        (made, 0, "mkdir of another"),
        (same, 0, "another call for that name"),
        (first, -i64::from(libc::EPERM), "the first request"),
        (of_directory, -i64::from(libc::EOPNOTSUPP), "the second request, of a directory"),
        (none, i64::try_from(count).unwrap(), "the last request"),
    ]);
}

/// Where nobody answers any more, calls fail and the sandbox ends: nothing waits, nothing is left.
#[test]
fn without_its_server_a_sandbox_ends() {
    let Some(mut sandbox) = sandbox() else { return };
    let commander = sandbox.pid();
    let children = fs::read_to_string(format!("/proc/{commander}/task/{commander}/children")).unwrap();
    let named = |pid: &&str| fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim() == "files");
    let server: i32 = children.split_whitespace().find(named).expect("a server").parse().unwrap();
    kill(Pid::from_raw(server), Signal::SIGKILL).unwrap();
    let mut batch = Batch::new(&mut sandbox);
    let name = batch.name("f");
    batch.open(name, libc::O_CREAT | libc::O_RDWR);
    let end = sandbox.run();
    assert!(matches!(end, BatchEnd::Completed | BatchEnd::Died { .. } | BatchEnd::Lost(_)), "{end:?}");
    assert!(sandbox.respawn().is_err());
    drop(sandbox);
    let gone = (0..100).any(|_| {
        std::thread::sleep(Duration::from_millis(20));
        !children.split_whitespace().any(|pid| fs::exists(format!("/proc/{pid}")).unwrap())
    });
    assert!(gone, "of {children} some are left");
}
