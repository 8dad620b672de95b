//! The supervisor's side: starts a sandbox, fills batches, watches them run.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::time::{Duration, Instant};

use libc::sock_filter;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::{SysconfVar, getegid, geteuid, sysconf};

use super::child::pack_filter;
use super::commander::command;
use super::error::{Part, SandboxError, SandboxReport, Skipped, Stage};
use super::layout::{Control, INTERRUPT_SIGNAL, MAGIC, MAX_OPS, MAX_SHIM, NO_OP, PAGE, Records, arena_offset, bits};
use super::op::{Arg, Guard, Op, OpIndex, OpResult, OpState, PushError, Source};
use super::shared::Shared;
use super::watchdog::{Verdict, Watchdog, sleeps};
use super::{SANDBOX_ARGUMENT, sys};

/// How long the sandbox process may take for one step of setting up, or for dying.
const PATIENCE: Duration = Duration::from_secs(10);
/// What executors are like. Except for `block_timeout`, a change takes effect with the next [`Sandbox::respawn`].
#[derive(Debug, Clone)]
pub struct SandboxConfig {
    /// How long an operation may sleep before the watchdog interrupts it.
    pub block_timeout: Duration,
    /// Soft limit of open descriptors.
    pub nofile_soft: u64,
    /// Hard limit of open descriptors.
    pub nofile_hard: u64,
    /// Limit of a file's size.
    pub file_size: u64,
    /// Limit of the address space.
    pub address_space: u64,
    /// Limit of locked memory.
    pub locked_memory: u64,
    /// Size of the work directory's tmpfs.
    pub work_bytes: u64,
    /// Inodes of the work directory's tmpfs.
    pub work_inodes: u64,
    /// The executor gives up all capabilities, those in its own user namespace too.
    pub drop_capabilities: bool,
    /// An extra filter, installed last: a planted kernel violation ([`ShimFilter`](super::ShimFilter)).
    pub shim: Option<Vec<sock_filter>>,
}

impl Default for SandboxConfig {
    fn default() -> SandboxConfig {
        SandboxConfig {
            block_timeout: Duration::from_millis(20),
            nofile_soft: 64,
            nofile_hard: 128,
            file_size: 16 << 20,
            address_space: 1 << 30,
            locked_memory: 64 << 10,
            work_bytes: 16 << 20,
            work_inodes: 2048,
            drop_capabilities: false,
            shim: None,
        }
    }
}

/// How an executor ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Killed by this signal.
    Signal(i32),
    /// Exited with this code.
    Exit(i32),
}

/// Why a batch could not run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    /// The last executor ended: [`Sandbox::respawn`] makes a new one.
    NoExecutor,
    /// The sandbox process was killed from outside: a new sandbox is needed.
    NoSandbox,
}

/// How a batch ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchEnd {
    /// Every operation returned or was skipped.
    Completed,
    /// The executor died.
    Died {
        /// What of.
        ending: Ending,
        /// The operation that did not return; none if it died between two.
        op: Option<OpIndex>,
    },
    /// An operation could not be interrupted, so that the executor was killed.
    Stuck {
        /// The operation.
        op: Option<OpIndex>,
    },
    /// It did not run, or not observably.
    Lost(Lost),
}

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
        shared.records().control.magic.store(MAGIC, Release);

        let start = |error: std::io::Error| SandboxError::new(Stage::Start, error.raw_os_error());
        let (socket, theirs) = UnixStream::pair().map_err(start)?;
        socket.set_read_timeout(Some(PATIENCE)).map_err(start)?;
        // The descriptors travel as standard ones: no other child of this process can inherit them.
        let child = Command::new("/proc/self/exe")
            .arg0("abispec")
            .arg(SANDBOX_ARGUMENT)
            .env_clear()
            .current_dir("/")
            .stdin(OwnedFd::from(theirs))
            .stdout(memfd)
            .stderr(Stdio::null())
            .spawn()
            .map_err(start)?;
        let mut sandbox = Sandbox {
            arena: Arena { shared },
            socket,
            child,
            config: config.clone(),
            report: SandboxReport::default(),
            mappings: Vec::new(),
            len: 0,
            number: 0,
            alive: false,
            interrupts: 0,
            in_flight: None,
        };
        sandbox.expect_progress()?;
        let pid = sandbox.child.id();
        sandbox.report.outside = map_ids(pid, sandbox.arena.control())?;
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
                        format!("it ended before it was ready ({:?})", ending(control.wait_status.load(Relaxed))),
                    ),
                });
            }
            let timed_out =
                sys::futex_wait(&control.event, seen, Some(Duration::from_millis(100))) == Err(Errno::ETIMEDOUT);
            if timed_out && self.hung_up() {
                return Err(SandboxError::new(Stage::Gone, None));
            }
            if Instant::now() > deadline {
                return Err(SandboxError::new(Stage::Unkillable, None));
            }
        }
    }

    /// The configuration of the next executor.
    pub fn config_mut(&mut self) -> &mut SandboxConfig {
        &mut self.config
    }

    /// Empties the batch.
    pub fn clear(&mut self) {
        self.len = 0;
        self.in_flight = None;
    }

    /// Adds an operation to the batch.
    pub fn push(&mut self, op: Op) -> Result<OpIndex, PushError> {
        let index = self.len;
        let records = self.arena.records();
        let (Some(wire), Some(extra)) = (records.ops.get(index as usize), records.extras.get(index as usize)) else {
            return Err(PushError::Full);
        };
        let earlier = |op: OpIndex| if op.0 < index { Ok(u64::from(op.0)) } else { Err(PushError::NotEarlier(op)) };
        let (guard, guard_op) = match op.guard {
            Guard::Always => (bits::GUARD_ALWAYS, 0),
            Guard::IfOk(op) => (bits::GUARD_IF_OK, earlier(op)?),
            Guard::IfErr(op) => (bits::GUARD_IF_ERR, earlier(op)?),
        };
        let (mut dynamic, mut kinds) = (0u64, 0u64);
        for (place, arg) in op.args.into_iter().enumerate() {
            let Arg { source, add, high } = arg;
            let (kind, value) = match source {
                Source::Imm(value) => {
                    let value = value.wrapping_add(add as u64);
                    let value = high.map_or(value, |high| value & u64::from(u32::MAX) | u64::from(high) << 32);
                    wire.args[place].store(value, Relaxed);
                    continue;
                }
                Source::Result(op) => (bits::FROM_RESULT, earlier(op)?),
                Source::Mem32(addr) => (bits::FROM_MEM32, readable(addr, 4)?),
                Source::Mem64(addr) => (bits::FROM_MEM64, readable(addr, 8)?),
            };
            wire.args[place].store(value, Relaxed);
            extra.add[place].store(add as u64, Relaxed);
            extra.high[place].store(high.unwrap_or(0), Relaxed);
            dynamic |= 1 << place;
            kinds |= u64::from(kind | if high.is_some() { bits::HIGH } else { 0 }) << (8 * place);
        }
        if dynamic != 0 {
            extra.kinds.store(kinds, Relaxed);
        }
        wire.guard_op.store(guard_op, Relaxed);
        let head = u64::from(op.nr) | u64::from(guard) << bits::GUARD_SHIFT | dynamic << bits::DYNAMIC_SHIFT;
        wire.head.store(head, Relaxed);
        records.states[index as usize].store(bits::NOT_RUN, Relaxed);
        self.len += 1;
        Ok(OpIndex(index))
    }

    /// The number of operations in the batch.
    pub fn len(&self) -> usize {
        self.len as usize
    }

    /// True if the batch is empty.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Operations that the batch can still take.
    pub fn room(&self) -> usize {
        MAX_OPS - self.len()
    }

    /// True if there is an executor to run a batch.
    pub fn has_executor(&self) -> bool {
        self.alive
    }

    /// Runs the batch; it stays and may be run again.
    pub fn run(&mut self) -> BatchEnd {
        self.in_flight = None;
        let records = self.arena.records();
        for state in records.states.iter().take(self.len()) {
            state.store(bits::NOT_RUN, Relaxed);
        }
        if !self.alive {
            return BatchEnd::Lost(Lost::NoExecutor);
        }
        if self.is_empty() {
            return BatchEnd::Completed;
        }
        let control = &records.control;
        control.op_count.store(self.len, Relaxed);
        control.interrupt_target.store(NO_OP, Relaxed);
        let go = control.go.load(Relaxed).wrapping_add(1);
        control.go.store(go, Release);
        sys::futex_wake(&control.go);
        self.watch(go)
    }

    fn watch(&mut self, go: u32) -> BatchEnd {
        let tick = (self.config.block_timeout / 2).max(Duration::from_millis(1));
        let mut watchdog = Watchdog::default();
        loop {
            let control = self.arena.control();
            let seen = control.event.load(Acquire);
            if control.finished.load(Acquire) == go {
                self.settle();
                return BatchEnd::Completed;
            }
            if control.ended.load(Acquire) == self.number {
                return self.died(watchdog.interrupts > 0);
            }
            if sys::futex_wait(&control.event, seen, Some(tick)) != Err(Errno::ETIMEDOUT) {
                continue;
            }
            if self.hung_up() {
                self.alive = false;
                self.note_in_flight();
                return BatchEnd::Lost(Lost::NoSandbox);
            }
            let control = self.arena.control();
            let cursor = control.cursor.load(Relaxed);
            match watchdog.look(cursor, || sleeps(control.executor_pid.load(Relaxed))) {
                Verdict::Wait => {}
                Verdict::Interrupt => {
                    control.interrupt_target.store(cursor, Release);
                    // A sandbox that cannot be asked is gone, which the next look finds.
                    if self.send(command::INTERRUPT).is_ok() {
                        self.interrupts = self.interrupts.wrapping_add(1);
                    }
                }
                Verdict::Kill => return self.stuck(),
            }
        }
    }

    /// Waits until every interrupt asked for was sent, so that none can hit the next batch.
    fn settle(&self) {
        let control = self.arena.control();
        let deadline = Instant::now() + PATIENCE;
        loop {
            let seen = control.event.load(Acquire);
            if control.interrupts.load(Acquire) == self.interrupts || Instant::now() > deadline {
                return;
            }
            // Timing out or not, the count decides.
            let _ = sys::futex_wait(&control.event, seen, Some(Duration::from_millis(10)));
        }
    }

    fn note_in_flight(&mut self) {
        let records = self.arena.records();
        let cursor = records.control.cursor.load(Acquire);
        let returned = records.states.get(cursor as usize).is_none_or(|state| state.load(Relaxed) != bits::NOT_RUN);
        self.in_flight = (cursor < self.len && !returned).then_some(cursor);
    }

    fn died(&mut self, interrupted: bool) -> BatchEnd {
        self.alive = false;
        self.note_in_flight();
        let op = self.in_flight.map(OpIndex);
        match ending(self.arena.control().wait_status.load(Relaxed)) {
            // Without its handler our own signal kills.
            Ending::Signal(INTERRUPT_SIGNAL) if interrupted => BatchEnd::Stuck { op },
            ending => BatchEnd::Died { ending, op },
        }
    }

    fn stuck(&mut self) -> BatchEnd {
        self.alive = false;
        if self.send(command::KILL).is_ok() {
            let deadline = Instant::now() + Duration::from_secs(2);
            loop {
                let control = self.arena.control();
                let seen = control.event.load(Acquire);
                // One that sleeps through SIGKILL is the next respawn's trouble.
                if control.ended.load(Acquire) == self.number || Instant::now() > deadline {
                    break;
                }
                // Timing out or not, the two conditions above decide.
                let _ = sys::futex_wait(&control.event, seen, Some(Duration::from_millis(100)));
            }
        }
        self.note_in_flight();
        BatchEnd::Stuck { op: self.in_flight.map(OpIndex) }
    }

    /// What became of an operation of the batch.
    pub fn result(&self, op: OpIndex) -> OpResult {
        let records = self.arena.records();
        let (Some(ret), Some(state)) = (records.rets.get(op.get()), records.states.get(op.get())) else {
            return OpResult { ret: -1, state: OpState::NotRun };
        };
        let state = match state.load(Relaxed) {
            _ if op.0 >= self.len => OpState::NotRun,
            bits::DONE => OpState::Done,
            bits::SKIPPED => OpState::Skipped,
            bits::INTERRUPTED => OpState::Interrupted,
            bits::DISTURBED => OpState::Disturbed,
            _ if self.in_flight == Some(op.0) => OpState::InFlight,
            // Any other value was written by a tested call.
            _ => OpState::NotRun,
        };
        match state {
            OpState::Done | OpState::Interrupted | OpState::Disturbed => OpResult { ret: ret.load(Relaxed), state },
            OpState::NotRun | OpState::InFlight | OpState::Skipped => OpResult { ret: -1, state },
        }
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

    /// The executor's pid in the supervisor's pid namespace.
    pub fn executor_pid(&self) -> i32 {
        self.arena.control().executor_pid.load(Relaxed)
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
                Err(SandboxError::with_detail(Stage::Handshake, None, format!("no answer in {} s", PATIENCE.as_secs())))
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

fn readable(addr: u64, len: u64) -> Result<u64, PushError> {
    arena_offset(addr, len).map(|_| addr).ok_or(PushError::OutsideArena(addr))
}

fn ending(status: i32) -> Ending {
    if libc::WIFSIGNALED(status) {
        Ending::Signal(libc::WTERMSIG(status))
    } else {
        Ending::Exit(libc::WEXITSTATUS(status))
    }
}

/// Maps user and group 0 of the sandbox: to `nobody` if this process may, so that not even a privileged supervisor's
/// sandbox owns anything of the host; to this process's own otherwise.
fn map_ids(pid: u32, control: &Control) -> Result<(u32, u32), SandboxError> {
    const NOBODY: u32 = 65534;
    let write = |file: &str, text: &str| fs::write(format!("/proc/{pid}/{file}"), text);
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
    Ok((user, group))
}

fn write_config(control: &Control, config: &SandboxConfig) -> Result<(), SandboxError> {
    let shim = config.shim.as_deref().unwrap_or_default();
    if shim.len() > MAX_SHIM {
        let detail = format!("it has {} instructions, at most {MAX_SHIM} fit", shim.len());
        return Err(SandboxError::with_detail(Stage::Shim, None, detail));
    }
    for (slot, instruction) in control.shim.iter().zip(shim) {
        slot.store(pack_filter(instruction), Relaxed);
    }
    control.shim_len.store(shim.len() as u32, Relaxed);
    control.drop_capabilities.store(config.drop_capabilities.into(), Relaxed);
    control.nofile_soft.store(config.nofile_soft, Relaxed);
    control.nofile_hard.store(config.nofile_hard, Relaxed);
    control.file_size.store(config.file_size, Relaxed);
    control.address_space.store(config.address_space, Relaxed);
    control.locked_memory.store(config.locked_memory, Relaxed);
    control.work_bytes.store(config.work_bytes, Relaxed);
    control.work_inodes.store(config.work_inodes, Relaxed);
    Ok(())
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
