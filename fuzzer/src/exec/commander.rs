//! The sandbox process: builds the namespaces and the file tree, then starts, interrupts and kills executors.
//!
//! Its children live in a new pid namespace, it does not: no executor can signal it, change its limits or its
//! priority, so that every executor starts from the same state. The namespace's first process does nothing at all.

use std::ffi::OsStr;
use std::fs;
use std::io::{Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::Ordering::{Acquire, Relaxed};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl;
use nix::sys::signal::{SigSet, SigmaskHow, Signal, sigprocmask};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::stat::{Mode, SFlag, mknod};
use nix::unistd::{
    Gid, Pid, Uid, chdir, chroot, geteuid, pause, pipe, pivot_root, setgroups, setresgid, setresuid, setsid,
};

use super::child::{self, EMPTY_FILE, SILENT_MODE, SILENT_SOCKET, fail, publish_end, skip};
use super::error::{Part as Missing, Stage};
use super::image::{self, EXECUTABLE_MODE, EXECUTABLES};
use super::layout::{Control, INTERRUPT_SIGNAL, MAGIC, Records, WORK_DIRECTORY};
use super::place::{Early, errno_of};
use super::{EMULATED_ARGUMENT, place, shared, sys};

/// What the supervisor may ask for, one byte each.
pub(super) mod command {
    pub(in crate::exec) const MAPPED: u8 = b'm';
    pub(in crate::exec) const SPAWN: u8 = b's';
    pub(in crate::exec) const INTERRUPT: u8 = b'i';
    pub(in crate::exec) const KILL: u8 = b'k';
}

/// Why setting up stopped: a step of ours, or the supervisor is gone and nobody is there to be told.
enum Stop {
    Failed(Stage, Errno),
    Alone,
}

/// Turns an errno of `stage` into the reason to stop.
fn at(stage: Stage) -> impl Fn(Errno) -> Stop {
    move |errno| Stop::Failed(stage, errno)
}

/// How much of the sandbox's life a process lives.
pub(super) enum Part<'a> {
    /// All of it.
    Whole,
    /// The user namespace; the rest is for this emulator. Only a process with one thread can enter a user namespace,
    /// and emulators have several.
    Native(&'a OsStr),
    /// What comes after the user namespace.
    Emulated,
}

/// The life of the sandbox process. It was started with the socket as descriptor 0 and the memfd as descriptor 1.
pub(super) fn main(part: Part<'_>) -> ! {
    // What the supervisor's parent left open concerns nobody here.
    if sys::close_from(3).is_ok()
        && let Ok(socket) = child::inherited(0).try_clone_to_owned()
    {
        let mut socket = UnixStream::from(socket);
        if let Err(Stop::Failed(stage, errno)) = live(&mut socket, &part) {
            // The supervisor may be gone; then there is nobody to tell.
            let _ = socket.write_all(&[stage as u8, errno as i32 as u8]);
        }
    }
    child::leave()
}

fn live(socket: &mut UnixStream, part: &Part<'_>) -> Result<(), Stop> {
    let records = shared::map_fixed(child::inherited(1)).map_err(at(Stage::SharedMemory))?;
    let control = &records.control;
    if control.magic.load(Acquire) != MAGIC {
        return Err(Stop::Failed(Stage::SharedMemory, Errno::EPROTO));
    }
    let start = at(Stage::Start);
    prctl::set_name(c"abispec-sandbox").map_err(&start)?;
    // A Ctrl-C on the terminal is for the supervisor, which ends in good order.
    match setsid() {
        // The part before the emulator has done it.
        Err(Errno::EPERM) if matches!(part, Part::Emulated) => {}
        done => drop(done.map_err(&start)?),
    }
    // Its children inherit that, which spares every executor 64 calls.
    sys::reset_signals();
    let file_system = place::wanted(control);
    let mounting = at(if file_system.needs_disk() { Stage::Disk } else { Stage::Server });
    let (early, server) = match part {
        Part::Whole | Part::Native(_) => {
            let mut early = place::mount_early(file_system).map_err(&mounting)?;
            user_namespace(control, socket, &early)?;
            let server = place::serve(&mut early, control).map_err(&mounting)?;
            if let Part::Native(emulator) = part {
                return Err(emulate(emulator));
            }
            (early, server)
        }
        Part::Emulated => (place::mounted_early(file_system), None),
    };
    namespaces(control)?;
    let (init, host_proc) = file_tree(control, early.at)?;
    if let Err(errno) = sys::loopback_up() {
        skip(control, Missing::Loopback, errno);
    }

    let mask = SigSet::from(Signal::SIGCHLD);
    sigprocmask(SigmaskHow::SIG_SETMASK, Some(&mask), None).map_err(&start)?;
    let children = SignalFd::with_flags(&mask, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC).map_err(&start)?;
    socket.write_all(&[0, 0]).map_err(|_| Stop::Alone)?;
    let mut commander = Commander { records, init, server, executor: None, number: 0, host_proc };
    commander.obey(socket, &children);
    commander.end();
    Err(Stop::Alone)
}

/// Goes on under an emulator; comes back only if that cannot be started.
fn emulate(emulator: &OsStr) -> Stop {
    let program = match std::env::current_exe() {
        Ok(program) => program,
        Err(error) => return Stop::Failed(Stage::Emulator, errno_of(&error)),
    };
    let error = Command::new(emulator).arg(program).arg(EMULATED_ARGUMENT).exec();
    Stop::Failed(Stage::Emulator, errno_of(&error))
}

fn user_namespace(control: &Control, socket: &mut UnixStream, early: &Early) -> Result<(), Stop> {
    let privileged = control.privileged.load(Relaxed) != 0;
    if !privileged {
        place::give_away(early).map_err(at(Stage::Disk))?;
    }
    if geteuid().is_root()
        && let Err(errno) = setgroups(&[])
    {
        skip(control, Missing::Groups, errno);
    }
    if !privileged {
        unshare(CloneFlags::CLONE_NEWUSER).map_err(at(Stage::UserNamespace))?;
    }
    socket.write_all(&[0, 0]).map_err(|_| Stop::Alone)?;
    let mut answer = [0];
    socket.read_exact(&mut answer).map_err(|_| Stop::Alone)?;
    if answer[0] != command::MAPPED {
        return Err(Stop::Alone);
    }
    let (user, group) = (Uid::from_raw(0), Gid::from_raw(0));
    setresgid(group, group, group).map_err(at(Stage::IdMap))?;
    setresuid(user, user, user).map_err(at(Stage::IdMap))?;
    if !privileged {
        // Executors are in these groups too, where the namespace has them and permits it.
        let _ = setgroups(&GROUPS.map(Gid::from_raw));
    }
    // Changing users made /proc/self the host root's.
    prctl::set_dumpable(true).map_err(at(Stage::IdMap))?;
    if let Err(error) = fs::write("/proc/self/oom_score_adj", "1000") {
        skip(control, Missing::OomScore, errno_of(&error));
    }
    Ok(())
}

/// Groups of every executor beside its own.
const GROUPS: [u32; 2] = [1, 2];

fn namespaces(control: &Control) -> Result<(), Stop> {
    unshare(CloneFlags::CLONE_NEWNS).map_err(at(Stage::MountNamespace))?;
    unshare(CloneFlags::CLONE_NEWPID).map_err(at(Stage::PidNamespace))?;
    unshare(CloneFlags::CLONE_NEWNET).map_err(at(Stage::NetNamespace))?;
    let optional = [
        (CloneFlags::CLONE_NEWIPC, Missing::IpcNamespace),
        (CloneFlags::CLONE_NEWUTS, Missing::UtsNamespace),
        (CloneFlags::CLONE_NEWCGROUP, Missing::CgroupNamespace),
        (CloneFlags::from_bits_retain(libc::CLONE_NEWTIME), Missing::TimeNamespace),
    ];
    for (flag, part) in optional {
        if let Err(errno) = unshare(flag) {
            skip(control, part, errno);
        }
    }
    Ok(())
}

const NOTHING: Option<&str> = None;

/// Builds the sandbox's tree on a tmpfs, makes it the root, and starts the pid namespace's first process, which
/// alone can mount that namespace's /proc. Returns that process and the host's /proc.
fn file_tree(control: &Control, early: Option<&Path>) -> Result<(Pid, Option<OwnedFd>), Stop> {
    let tree = at(Stage::FileTree);
    mount(NOTHING, "/", NOTHING, MsFlags::MS_REC | MsFlags::MS_PRIVATE, NOTHING).map_err(&tree)?;
    let host_proc = open("/proc", OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty()).ok();

    // Any directory will do: what the tmpfs hides is not needed, and goes away with the old root.
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    let mut refused = Errno::ENOENT;
    let base = ["/tmp", "/run", "/mnt", "/var", "/usr", "/etc", "/dev"]
        .into_iter()
        .find(|base| {
            mount(Some("tmpfs"), *base, Some("tmpfs"), flags, Some("mode=0755,size=1m,nr_inodes=64"))
                .inspect_err(|errno| refused = *errno)
                .is_ok()
        })
        .ok_or_else(|| tree(refused))?;
    let base = Path::new(base);
    let io = |error: std::io::Error| tree(errno_of(&error));
    for directory in ["dev", "proc", "old", WORK_DIRECTORY.trim_start_matches('/')] {
        fs::create_dir(base.join(directory)).map_err(io)?;
    }
    if let Some(early) = early {
        // Only this one: what is there is mounted nowhere else in the sandbox.
        mount(Some(early), &base.join(WORK_DIRECTORY.trim_start_matches('/')), NOTHING, MsFlags::MS_BIND, NOTHING)
            .map_err(at(Stage::Disk))?;
    }
    fs::write(base.join(EMPTY_FILE.trim_start_matches('/')), "").map_err(io)?;
    let silent = base.join(SILENT_SOCKET.trim_start_matches('/'));
    mknod(&silent, SFlag::S_IFSOCK, Mode::empty(), 0).map_err(&tree)?;
    fs::set_permissions(&silent, fs::Permissions::from_mode(SILENT_MODE.into())).map_err(io)?;
    for (file, contents) in EXECUTABLES.iter().zip(image::contents()) {
        let path = base.join(file.path.trim_start_matches('/'));
        fs::write(&path, contents).map_err(io)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(EXECUTABLE_MODE.into())).map_err(io)?;
    }
    for (name, part) in [("null", Missing::DevNull), ("zero", Missing::DevZero), ("full", Missing::DevFull)] {
        if let Err(errno) = device(base, name) {
            skip(control, part, errno);
        }
    }

    let init = start_init(control, base)?;
    change_root(control, base).map_err(at(Stage::Root))?;
    if let Err(errno) =
        mount(NOTHING, "/", NOTHING, flags | MsFlags::MS_REMOUNT | MsFlags::MS_BIND | MsFlags::MS_RDONLY, NOTHING)
    {
        skip(control, Missing::ReadOnlyRoot, errno);
    }
    Ok((init, host_proc))
}

fn device(base: &Path, name: &str) -> Result<(), Errno> {
    let target = base.join("dev").join(name);
    fs::write(&target, "").map_err(|error| errno_of(&error))?;
    let bound = mount(Some(&Path::new("/dev").join(name)), &target, NOTHING, MsFlags::MS_BIND, NOTHING);
    if bound.is_err() {
        // An ordinary file of that name would be taken for the device.
        fs::remove_file(&target).map_err(|error| errno_of(&error))?;
    }
    bound
}

fn start_init(control: &Control, base: &Path) -> Result<Pid, Stop> {
    let stage = at(Stage::Init);
    let (read, write) = pipe().map_err(&stage)?;
    let proc = base.join("proc");
    let init = child::spawn(|| {
        let idle = || -> Result<(), Errno> {
            // With its own copy of the end that is read, writing would succeed though the commander is gone.
            nix::unistd::close(read.as_raw_fd())?;
            prctl::set_pdeathsig(Signal::SIGKILL)?;
            prctl::set_name(c"init")?;
            // Read-only, because where the sandbox's user is the host's root, the host's own settings in it are his.
            let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC | MsFlags::MS_RDONLY;
            if let Err(errno) = mount(Some("proc"), &proc, Some("proc"), flags, NOTHING) {
                skip(control, Missing::Proc, errno);
            }
            setsid()?;
            sys::ignore_signal(libc::SIGCHLD)?;
            // Where the namespace has another user, this is a process of another user's. Becoming him takes the death signal away.
            let (user, group) = (Uid::from_raw(1), Gid::from_raw(1));
            if setresgid(group, group, group).is_ok() && setresuid(user, user, user).is_ok() {
                prctl::set_pdeathsig(Signal::SIGKILL)?;
                sys::make_ipc_objects();
            }
            prctl::set_dumpable(false)?;
            // The commander waits for this byte; writing it fails if he is gone.
            nix::unistd::write(&write, &[0])?;
            sys::close_from(0)?;
            loop {
                pause();
            }
        };
        // Its end closes the pipe, which tells the commander enough.
        let _ = idle();
    })
    .map_err(&stage)?;
    drop(write);
    match nix::unistd::read(&read, &mut [0]).map_err(&stage)? {
        0 => Err(stage(Errno::ECHILD)),
        _ => Ok(init),
    }
}

fn change_root(control: &Control, base: &Path) -> Result<(), Errno> {
    chdir(base)?;
    match pivot_root(".", "old") {
        Ok(()) => {
            chdir("/")?;
            umount2("/old", MntFlags::MNT_DETACH)?;
            fs::remove_dir("/old").map_err(|error| errno_of(&error))
        }
        // The root of an initramfs cannot be exchanged, only covered.
        Err(errno) => {
            skip(control, Missing::PivotRoot, errno);
            mount(Some("."), "/", NOTHING, MsFlags::MS_MOVE, NOTHING)?;
            chroot(".")?;
            chdir("/")
        }
    }
}

struct Commander {
    records: &'static Records,
    init: Pid,
    /// Who answers for the file system, where somebody has to.
    server: Option<Pid>,
    executor: Option<i32>,
    /// The number under which the supervisor knows the executor.
    number: u32,
    host_proc: Option<OwnedFd>,
}

impl Commander {
    /// Obeys until the supervisor closes its end or the pid namespace is gone.
    fn obey(&mut self, socket: &mut UnixStream, children: &SignalFd) {
        loop {
            let mut ready =
                [PollFd::new(socket.as_fd(), PollFlags::POLLIN), PollFd::new(children.as_fd(), PollFlags::POLLIN)];
            match poll(&mut ready, PollTimeout::NONE) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(_) => return,
            }
            let asked = ready[0].any().unwrap_or(true);
            if ready[1].any().unwrap_or(true) {
                while let Ok(Some(_)) = children.read_signal() {}
                while let Ok(Some((pid, status))) = sys::wait_any(false) {
                    if !self.reaped(pid, status) {
                        return;
                    }
                }
            }
            if asked {
                let mut byte = [0];
                if !matches!(socket.read(&mut byte), Ok(1)) {
                    return;
                }
                match byte[0] {
                    command::SPAWN => {
                        if !self.spawn() {
                            return;
                        }
                    }
                    command::INTERRUPT => self.interrupt(),
                    command::KILL => self.kill(),
                    _ => return,
                }
            }
        }
    }

    /// Takes note of a dead child; false if without it there is no sandbox any more.
    fn reaped(&mut self, pid: i32, status: i32) -> bool {
        if self.executor == Some(pid) {
            self.executor = None;
            publish_end(&self.records.control, self.number, status);
        }
        pid != self.init.as_raw() && self.server.is_none_or(|server| pid != server.as_raw())
    }

    fn kill(&self) {
        if let Some(pid) = self.executor {
            // It may have died by itself meanwhile.
            let _ = sys::kill(pid, libc::SIGKILL);
        }
    }

    fn interrupt(&self) {
        if let Some(pid) = self.executor {
            // It may have died by itself meanwhile.
            let _ = sys::kill(pid, INTERRUPT_SIGNAL);
        }
        let control = &self.records.control;
        control.interrupts.fetch_add(1, Relaxed);
        control.event.fetch_add(1, std::sync::atomic::Ordering::Release);
        sys::futex_wake(&control.event);
    }

    /// Replaces the executor; false if the sandbox is broken.
    fn spawn(&mut self) -> bool {
        self.kill();
        while self.executor.is_some() {
            match sys::wait_any(true) {
                Ok(Some((pid, status))) if self.reaped(pid, status) => {}
                _ => return false,
            }
        }
        let (records, host_proc) = (self.records, self.host_proc.as_ref());
        let control = &records.control;
        self.number = control.wanted.load(Acquire);
        let number = self.number;
        let started = place::fresh(control).map_err(|errno| (Stage::WorkDirectory, errno)).and_then(|()| {
            let body = || child::executor(records, number, host_proc);
            child::spawn_executor(control, body).map_err(|errno| (Stage::Fork, errno))
        });
        match started {
            Ok(pid) => self.executor = Some(pid),
            Err((stage, errno)) => {
                fail(control, stage, errno);
                publish_end(control, number, 0);
            }
        }
        true
    }

    /// Kills everything and reaps it, in whatever order it dies: init waits for processes that only this one can reap.
    fn end(&self) {
        self.kill();
        // It may be dead already, which is why this is the end.
        let _ = sys::kill(self.init.as_raw(), libc::SIGKILL);
        if let Some(server) = self.server {
            let _ = sys::kill(server.as_raw(), libc::SIGKILL);
        }
        while sys::wait_any(true).is_ok() {}
    }
}
