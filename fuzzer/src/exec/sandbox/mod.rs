//! The supervisor's side: starts a sandbox, replaces its executor, ends it.

mod batch;
mod config;

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::{SysconfVar, getegid, geteuid, sysconf};

use super::commander::command;
use super::error::{Part, SandboxError, SandboxReport, Skipped, Stage};
use super::layout::{Control, MAGIC, MARK, NO_OP, PAGE, Records, arena_offset};
use super::shared::Shared;
use super::{SANDBOX_ARGUMENT, disk, sys};
pub use batch::{BatchEnd, Ending, Lost};
pub use config::SandboxConfig;
use config::write_config;

/// How long the sandbox process may take for one step of setting up, or for dying.
const PATIENCE: Duration = Duration::from_secs(10);

/// Names of sandboxes.
static NAMES: AtomicU64 = AtomicU64::new(1);

/// The memory for arguments, by the addresses that the executor sees.
pub struct Arena {
    shared: Shared,
}

impl Arena {
    /// `len` bytes at `addr`, if they lie in the writable or in the read-only pages of one cell.
    pub fn slice(&self, addr: u64, len: usize) -> Option<&[u8]> {
        let offset = arena_offset(addr, len as u64)? as usize;
        self.shared.arena().get(offset..offset + len)
    }

    /// The same bytes, to be written: the supervisor may write to the pages that are read-only in the executor.
    pub fn slice_mut(&mut self, addr: u64, len: usize) -> Option<&mut [u8]> {
        let offset = arena_offset(addr, len as u64)? as usize;
        self.shared.arena_mut().get_mut(offset..offset + len)
    }

    fn records(&self) -> &Records {
        self.shared.records()
    }

    fn control(&self) -> &Control {
        &self.records().control
    }
}

/// A sandbox with at most one executor in it. Dropping it kills and reaps every process of it; its mounts go with them.
pub struct Sandbox {
    arena: Arena,
    name: u64,
    /// None once dropping has begun.
    socket: UnixStream,
    child: Child,
    config: SandboxConfig,
    report: SandboxReport,
    mappings: Vec<(u64, u64)>,
    /// Operations in the batch.
    len: u32,
    /// Number of the present executor.
    number: u32,
    alive: bool,
    /// The executor did not die of SIGKILL.
    unkillable: bool,
    /// Interrupts asked for in the sandbox's life.
    interrupts: u32,
    /// The operation that the last batch ended in.
    in_flight: Option<u32>,
}

impl Sandbox {
    /// Starts a sandbox and its first executor.
    pub fn start(config: &SandboxConfig) -> Result<Sandbox, SandboxError> {
        match sysconf(SysconfVar::PAGE_SIZE) {
            Ok(Some(size)) if size as u64 == PAGE => {}
            _ => return Err(SandboxError::new(Stage::PageSize, None)),
        }
        let memory = |errno: Errno| SandboxError::new(Stage::SharedMemory, Some(errno as i32));
        let (shared, memfd) = Shared::create().map_err(memory)?;
        let control = &shared.records().control;
        control.file_system.store(config.file_system as u32, Relaxed);
        control.privileged.store(config.privileged.into(), Relaxed);
        control.work_bytes.store(config.work_bytes, Relaxed);
        control.work_inodes.store(config.work_inodes, Relaxed);
        let name = NAMES.fetch_add(1, Relaxed);
        control.name.store(name, Relaxed);
        control.mark.iter().zip(MARK).for_each(|(word, mark)| word.store(mark, Relaxed));
        control.magic.store(MAGIC, Release);
        let image = disk::image(config.file_system).map_err(|why| SandboxError::with_detail(Stage::Disk, None, why))?;

        let start = |error: std::io::Error| SandboxError::new(Stage::Start, error.raw_os_error());
        let (socket, theirs) = UnixStream::pair().map_err(start)?;
        socket.set_read_timeout(Some(PATIENCE)).map_err(start)?;
        // The descriptors travel as standard ones: no other child of this process can inherit them.
        let child = Command::new("/proc/self/exe")
            .arg0("abispec")
            .arg(SANDBOX_ARGUMENT)
            .args(&config.emulator)
            .env_clear()
            .current_dir("/")
            .stdin(OwnedFd::from(theirs))
            .stdout(memfd)
            .stderr(image.map_or_else(Stdio::null, Stdio::from))
            .spawn()
            .map_err(start)?;
        let mut sandbox = Sandbox {
            arena: Arena { shared },
            name,
            socket,
            child,
            config: config.clone(),
            report: SandboxReport::default(),
            mappings: Vec::new(),
            len: 0,
            number: 0,
            alive: false,
            unkillable: false,
            interrupts: 0,
            in_flight: None,
        };
        sandbox.expect_progress()?;
        let pid = sandbox.child.id();
        if !config.privileged {
            let mapped = map_ids(pid, sandbox.arena.control())?;
            (sandbox.report.outside, sandbox.report.ids) = (mapped.outside, mapped.ids);
        }
        sandbox.send(command::MAPPED)?;
        sandbox.expect_progress()?;
        sandbox.respawn()?;
        sandbox.mappings = read_mappings(sandbox.arena.control());
        Ok(sandbox)
    }

    /// Replaces the executor, dead or alive, by a fresh process in a fresh work directory. The batch and the arena
    /// stay as they are.
    pub fn respawn(&mut self) -> Result<(), SandboxError> {
        self.alive = false;
        self.number = self.number.wrapping_add(1);
        let control = self.arena.control();
        write_config(control, &self.config)?;
        control.cursor.store(NO_OP, Relaxed);
        control.finished.store(control.go.load(Relaxed), Relaxed);
        control.failed_stage.store(0, Relaxed);
        control.wanted.store(self.number, Release);
        self.send(command::SPAWN)?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            let control = self.arena.control();
            let seen = control.event.load(Acquire);
            if control.ready.load(Acquire) == self.number {
                self.alive = true;
                self.report.skipped = read_skipped(control);
                return Ok(());
            }
            if control.ended.load(Acquire) == self.number {
                let stage = Stage::from_raw(control.failed_stage.load(Acquire));
                return Err(match stage {
                    Some(stage) => SandboxError::new(stage, Some(control.failed_errno.load(Relaxed))),
                    None => SandboxError::with_detail(
                        Stage::Process,
                        None,
                        format!("it ended before it was ready ({:?})", Ending::of(control.wait_status.load(Relaxed))),
                    ),
                });
            }
            let timed_out =
                sys::futex_wait(&control.event, seen, Some(Duration::from_millis(100))) == Err(Errno::ETIMEDOUT);
            if timed_out && self.hung_up() {
                return Err(SandboxError::new(Stage::Gone, None));
            }
            if Instant::now() > deadline {
                return Err(SandboxError::late(Stage::Unkillable, PATIENCE));
            }
        }
    }

    /// Its name among the sandboxes of this process, which its control record has too.
    pub fn name(&self) -> u64 {
        self.name
    }

    /// The configuration of the next executor.
    pub fn config_mut(&mut self) -> &mut SandboxConfig {
        &mut self.config
    }

    /// True if there is an executor to run a batch.
    pub fn has_executor(&self) -> bool {
        self.alive
    }

    /// The memory for arguments.
    pub fn arena(&self) -> &Arena {
        &self.arena
    }

    /// The memory for arguments, to be written.
    pub fn arena_mut(&mut self) -> &mut Arena {
        &mut self.arena
    }

    /// What could not be set up.
    pub fn report(&self) -> &SandboxReport {
        &self.report
    }

    /// Address ranges that belong to the executor itself, sorted: its code, stack, heap, the shared memory. A call
    /// that changes or writes to them tests nothing, it only breaks the executor. Empty if they are not known
    /// ([`Part::OwnMappings`]).
    pub fn own_mappings(&self) -> &[(u64, u64)] {
        &self.mappings
    }

    /// The functions of [`VDSO_CALLS`](super::VDSO_CALLS) that the executor's vDSO has, by index.
    pub fn vdso(&self) -> Vec<u32> {
        let present = |(_, address): &(u32, &std::sync::atomic::AtomicU64)| address.load(Relaxed) != 0;
        (0..).zip(&self.arena.control().vdso).filter(present).map(|(index, _)| index).collect()
    }

    /// The pid of the sandbox process, which is the parent of all others in it.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The executor's pid in the supervisor's pid namespace.
    pub fn executor_pid(&self) -> i32 {
        self.arena.control().executor_pid.load(Relaxed)
    }

    /// The executor's pid in its own pid namespace: the one that the kernel was asked to give it, or else what proc(5) says. `None`
    /// where neither is known.
    pub fn inner_pid(&self) -> Option<i32> {
        let chosen = self.arena.control().chosen_pid.load(Relaxed);
        if chosen != 0 {
            return Some(chosen);
        }
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.executor_pid())).ok()?;
        status.lines().find_map(|line| line.strip_prefix("NSpid:"))?.split_whitespace().last()?.parse().ok()
    }

    fn send(&self, byte: u8) -> Result<(), SandboxError> {
        (&self.socket).write_all(&[byte]).map_err(|error| SandboxError::new(Stage::Gone, error.raw_os_error()))
    }

    /// Waits for the sandbox process to say that it has come one step further.
    fn expect_progress(&mut self) -> Result<(), SandboxError> {
        let mut message = [0; 2];
        match (&self.socket).read_exact(&mut message) {
            Ok(()) => match (Stage::from_raw(message[0].into()), message[1]) {
                (None, _) => Ok(()),
                (Some(stage), errno) => Err(SandboxError::new(stage, Some(errno.into()))),
            },
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                Err(SandboxError::late(Stage::Handshake, PATIENCE))
            }
            Err(_) => {
                let detail = self
                    .child
                    .wait()
                    .map_or_else(|error| error.to_string(), |status| format!("it ended early, {status}"));
                Err(SandboxError::with_detail(Stage::Handshake, None, detail))
            }
        }
    }

    fn hung_up(&self) -> bool {
        let mut ready = [PollFd::new(self.socket.as_fd(), PollFlags::empty())];
        matches!(poll(&mut ready, PollTimeout::ZERO), Ok(count) if count > 0)
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        if self.unkillable {
            // It would wait for its executor; without it that one is nobody's.
            let _ = self.child.kill();
            let _ = self.child.wait();
            return;
        }
        // The sandbox process ends when it finds its socket closed, and closes its own end as the last thing it does.
        let _ = self.socket.shutdown(std::net::Shutdown::Write);
        let mut rest = [0; 64];
        loop {
            match (&self.socket).read(&mut rest) {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => {
                    // Something in it does not die: its death signal is left to do what it can.
                    let _ = self.child.kill();
                    break;
                }
            }
        }
        let _ = self.child.wait();
    }
}

/// Users and groups of a sandbox, where this process may map more than one of each.
const IDS: u32 = 1 << 16;
/// What those from 1 on are outside: numbers that nobody on a host has.
const OTHERS_OUTSIDE: u32 = 0x7000_0000;

/// Maps user and group 0 of the sandbox: to `nobody` if this process may, so that not even a privileged supervisor's
/// sandbox owns anything of the host; to this process's own otherwise. A privileged one maps [`IDS`] more.
fn map_ids(pid: u32, control: &Control) -> Result<Mapped, SandboxError> {
    const NOBODY: u32 = 65534;
    let write = |file: &str, text: &str| fs::write(format!("/proc/{pid}/{file}"), text);
    let whole = format!("0 {NOBODY} 1\n1 {OTHERS_OUTSIDE} {}\n", IDS - 1);
    if write("uid_map", &whole).is_ok() {
        write("gid_map", &whole).map_err(|error| SandboxError::new(Stage::IdMap, error.raw_os_error()))?;
        return Ok(Mapped { outside: (NOBODY, NOBODY), ids: IDS });
    }
    // Without it an ordinary user may not map a group. A kernel too old to have the file does not ask for it.
    let _ = write("setgroups", "deny");
    let map = |file: &str, own: u32| {
        let foreign = match write(file, &format!("0 {NOBODY} 1\n")) {
            Ok(()) => return Ok(NOBODY),
            Err(error) => error,
        };
        write(file, &format!("0 {own} 1\n")).map_err(|error| SandboxError::new(Stage::IdMap, error.raw_os_error()))?;
        if own == 0 {
            control.skipped[Part::ForeignUser as usize].store(foreign.raw_os_error().unwrap_or(libc::EIO), Relaxed);
        }
        Ok(own)
    };
    let user = map("uid_map", geteuid().as_raw())?;
    let group = map("gid_map", getegid().as_raw())?;
    Ok(Mapped { outside: (user, group), ids: 1 })
}

/// Users and groups that a sandbox has.
struct Mapped {
    /// What its user and group 0 are outside.
    outside: (u32, u32),
    /// How many there are, from 0 on.
    ids: u32,
}

fn read_skipped(control: &Control) -> Vec<Skipped> {
    let errno = |part: Part| control.skipped[part as usize].load(Relaxed);
    Part::ALL
        .into_iter()
        .map(|part| Skipped { part, errno: errno(part) })
        .filter(|skipped| skipped.errno != 0)
        .collect()
}

fn read_mappings(control: &Control) -> Vec<(u64, u64)> {
    let count = control.mapping_count.load(Acquire) as usize;
    let mut mappings: Vec<(u64, u64)> =
        control.mappings.iter().take(count).map(|[start, end]| (start.load(Relaxed), end.load(Relaxed))).collect();
    mappings.sort_unstable();
    mappings
}
