//! The calls around programs: the files they find, and what brings an executor back to its first state.

use crate::exec::layout::{
    CELL_RW, CELL_RW_SIZE, CELLS, PLAYGROUND_MARGIN_PAGES, PLAYGROUND_PAGES, WORK_DIRECTORY, cell,
};
use crate::exec::{Arg, BatchEnd, Entry, Guard, Op, OpIndex, PushError, Sandbox, SandboxConfig};
use crate::plan::{Plans, Reach};
use crate::program::Program;
use crate::world::fixture::{Build, content};
use abispec::model::{Changed, Effect};

/// Why files could not be made.
#[derive(Debug)]
pub struct BuildError(pub String);

impl std::fmt::Display for BuildError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the sandbox's files cannot be made: {}", self.0)
    }
}

impl std::error::Error for BuildError {}

/// Bytes of the longest file that is built.
const LONGEST_FILE: usize = 8192;

/// Makes the files that `steps` describe, in the sandbox's executor.
///
/// # Errors
/// When a step fails, or the executor is lost meanwhile.
pub fn build(sandbox: &mut Sandbox, steps: &[Build]) -> Result<(), BuildError> {
    if steps.is_empty() {
        return Ok(());
    }
    let mut building = Building { sandbox, cell: 1, used: 0, named: Vec::new() };
    building.sandbox.clear();
    let pattern: Vec<u8> = (0..LONGEST_FILE as u64).map(content).collect();
    if let Some(memory) = building.sandbox.arena_mut().slice_mut(cell(0) + CELL_RW, LONGEST_FILE) {
        memory.copy_from_slice(&pattern);
    }
    let full = |error: PushError| BuildError(error.to_string());
    building.sandbox.push(Op::new(libc::SYS_umask, &[Arg::imm(0)])).map_err(full)?;
    for step in steps {
        building.step(step).map_err(full)?;
    }
    building.sandbox.push(Op::new(libc::SYS_umask, &[Arg::imm(0o022)])).map_err(full)?;
    let named = building.named;
    // Disks may be slow, and nothing of this is under test.
    let patient = SandboxConfig::default().block_timeout;
    let timeout = std::mem::replace(&mut sandbox.config_mut().block_timeout, patient);
    let end = sandbox.run();
    sandbox.config_mut().block_timeout = timeout;
    match end {
        BatchEnd::Completed => {}
        other => return Err(BuildError(format!("the executor was lost: {other:?}"))),
    }
    for (op, name) in named {
        if let Some(errno) = sandbox.result(op).errno() {
            return Err(BuildError(format!("{name} failed with {}", std::io::Error::from_raw_os_error(errno))));
        }
    }
    Ok(())
}

fn at_cwd() -> Arg {
    Arg::imm(i64::from(libc::AT_FDCWD).cast_unsigned())
}

struct Building<'a> {
    sandbox: &'a mut Sandbox,
    cell: u64,
    used: u64,
    named: Vec<(OpIndex, &'static str)>,
}

impl Building<'_> {
    /// Puts a path into memory and gives its address.
    fn text(&mut self, text: &[u8]) -> u64 {
        let bytes = text.len() as u64 + 1;
        if self.used + bytes > CELL_RW_SIZE {
            self.cell += 1;
            self.used = 0;
        }
        let address = cell(self.cell.min(CELLS - 1)) + CELL_RW + self.used;
        if let Some(memory) = self.sandbox.arena_mut().slice_mut(address, text.len() + 1) {
            memory[..text.len()].copy_from_slice(text);
            memory[text.len()] = 0;
        }
        self.used += bytes;
        address
    }

    fn push(&mut self, name: &'static str, nr: i64, args: &[Arg]) -> Result<OpIndex, PushError> {
        let op = self.sandbox.push(Op::new(nr, args))?;
        self.named.push((op, name));
        Ok(op)
    }

    fn chmod(&mut self, path: u64, mode: u16) -> Result<(), PushError> {
        self.push("fchmodat", libc::SYS_fchmodat, &[at_cwd(), path.into(), Arg::imm(u64::from(mode))])?;
        Ok(())
    }

    fn node(&mut self, path: &[u8], kind: u32, mode: u16) -> Result<(), PushError> {
        let path = self.text(path);
        let mode = Arg::imm(u64::from(kind) | u64::from(mode));
        self.push("mknodat", libc::SYS_mknodat, &[at_cwd(), path.into(), mode, Arg::imm(0)])?;
        Ok(())
    }

    fn step(&mut self, step: &Build) -> Result<(), PushError> {
        match step {
            Build::Dir { path, mode } => {
                let path = self.text(path);
                self.push("mkdirat", libc::SYS_mkdirat, &[at_cwd(), path.into(), Arg::imm(u64::from(*mode))])?;
            }
            Build::File { path, mode, size } => {
                let path = self.text(path);
                let flags = (libc::O_WRONLY | libc::O_CREAT | libc::O_TRUNC) as u64;
                let args = [at_cwd(), path.into(), Arg::imm(flags), Arg::imm(u64::from(*mode))];
                let opened = self.push("openat", libc::SYS_openat, &args)?;
                let memory = Arg::imm(cell(0) + CELL_RW);
                if *size > 0 {
                    self.push("write", libc::SYS_write, &[opened.into(), memory, Arg::imm(*size)])?;
                }
                self.push("close", libc::SYS_close, &[opened.into()])?;
                self.chmod(path, *mode)?;
            }
            Build::Symlink { path, target } => {
                let (path, target) = (self.text(path), self.text(target));
                self.push("symlinkat", libc::SYS_symlinkat, &[target.into(), at_cwd(), path.into()])?;
            }
            Build::Fifo { path, mode } => self.node(path, libc::S_IFIFO, *mode)?,
            Build::Socket { path, mode } => self.node(path, libc::S_IFSOCK, *mode)?,
            Build::HardLink { path, to } => {
                let (path, to) = (self.text(path), self.text(to));
                self.push("linkat", libc::SYS_linkat, &[at_cwd(), to.into(), at_cwd(), path.into(), Arg::imm(0)])?;
            }
            Build::Chmod { path, mode } => {
                let path = self.text(path);
                self.chmod(path, *mode)?;
            }
            Build::Remove { path } => {
                let path = self.text(path);
                self.push("unlinkat", libc::SYS_unlinkat, &[at_cwd(), path.into(), Arg::imm(0)])?;
            }
            Build::RemoveDir { path } => {
                let path = self.text(path);
                let flags = libc::AT_REMOVEDIR as u64;
                self.push("unlinkat", libc::SYS_unlinkat, &[at_cwd(), path.into(), Arg::imm(flags)])?;
            }
        }
        Ok(())
    }
}

/// What a program may leave changed, judged by the effects of its calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Footprint {
    /// Names or contents of files.
    pub files: bool,
    /// Mappings.
    pub mappings: bool,
    /// The working directory.
    pub cwd: bool,
    /// The file mode creation mask.
    pub umask: bool,
    /// Blocked signals.
    pub sigmask: bool,
    /// Limits, priority and other attributes of the caller, which cannot be taken back.
    pub process: bool,
    /// Sizes of files that are open.
    pub sizes: bool,
    /// It opens files by name.
    pub opens: bool,
}

impl Footprint {
    /// Whether a program with this footprint runs in a batch of its own: it may change what others find.
    pub fn solitary(self) -> bool {
        self.files || self.process || self.sizes && self.opens
    }
}

/// What a call may leave changed.
pub fn footprint(call: &abispec::target::Call) -> Footprint {
    let mut found = Footprint::default();
    for effect in call.variants.iter().flat_map(|variant| &variant.effects) {
        match &effect.effect.effect {
            Effect::Creates { .. } | Effect::Links { .. } | Effect::Removes { .. } | Effect::Renames { .. } => {
                found.files = true;
            }
            // Who may read or write it, all programs that come after would notice.
            Effect::SetsPermissions { .. } => found.files = true,
            Effect::Maps { .. } | Effect::Unmaps { .. } | Effect::Protects { .. } => found.mappings = true,
            Effect::SetsCwd { .. } => found.cwd = true,
            Effect::SetsUmask { .. } => found.umask = true,
            Effect::SetsSigmask { .. } => found.sigmask = true,
            Effect::SetsLimit { .. } | Effect::SetsNice { .. } | Effect::SetsPolicy { .. } => found.process = true,
            Effect::SetsSize { .. } => found.sizes = true,
            Effect::Opens { file: Some(_), .. } => found.opens = true,
            Effect::Opens { .. } | Effect::Closes { .. } | Effect::Duplicates { .. } | Effect::SetsCloexec { .. } => {}
            Effect::SetsStatus { .. } | Effect::SetsOffset { .. } | Effect::Queues { .. } => {}
            Effect::Drains { .. } | Effect::SetsSeals { .. } | Effect::Writes { .. } => {}
            Effect::Ends { .. } | Effect::Executes { .. } | Effect::Begins { .. } => {}
            Effect::Changes { what: Changed::Owner } => found.files = true,
            // Where it has a condition, the plan looks at the arguments.
            Effect::Changes { what: Changed::Names } => found.files |= effect.effect.when.is_none(),
            Effect::Changes { what } => found.process |= alters_the_caller(*what),
        }
    }
    found
}

/// Whether a change is one of the caller itself, which only a new executor takes back.
fn alters_the_caller(what: Changed) -> bool {
    match what {
        Changed::Credentials
        | Changed::Handlers
        | Changed::Behaviour
        | Changed::Mappings
        | Changed::Scheduling
        | Changed::Caller
        | Changed::Alarms
        | Changed::Mounts
        | Changed::Pending => true,
        Changed::Timer
        | Changed::Epoll
        | Changed::Times
        | Changed::Priority
        | Changed::Contents
        | Changed::Locks
        | Changed::Owner
        | Changed::Leases
        | Changed::Advice
        | Changed::Guards
        | Changed::Residence
        | Changed::Attributes
        | Changed::Watches
        | Changed::Requests
        | Changed::System
        | Changed::Connections
        | Changed::Names
        | Changed::Signals => false,
    }
}

/// What a whole program may leave changed.
pub fn footprint_of(program: &Program, plans: &Plans) -> Footprint {
    program.calls.iter().fold(Footprint::default(), |sum, call| {
        let own = plans.footprint(call);
        Footprint {
            files: sum.files || own.files,
            mappings: sum.mappings || own.mappings,
            cwd: sum.cwd || own.cwd,
            umask: sum.umask || own.umask,
            sigmask: sum.sigmask || own.sigmask,
            process: sum.process || own.process,
            sizes: sum.sizes || own.sizes,
            opens: sum.opens || own.opens,
        }
    })
}

/// Where the name of the working directory lies while programs run: the last bytes of the last cell's read-only page.
fn work_directory_address() -> u64 {
    cell(CELLS - 1) + crate::exec::layout::CELL_RO + crate::exec::layout::CELL_RO_SIZE - 8
}

/// Where a text lies that is empty, and stays so.
pub fn empty_text() -> u64 {
    work_directory_address() - 16
}

/// Appends the call that takes back a mapping which a call of the program may have made outside the playground.
///
/// # Errors
/// When the batch is full.
pub fn unmap(made: OpIndex, length: u64, sandbox: &mut Sandbox) -> Result<(), PushError> {
    let args = [Arg::result(made), Arg::imm(length)];
    sandbox.push(Op::new(libc::SYS_munmap, &args).guarded(Guard::IfOk(made)))?;
    Ok(())
}

/// Appends the calls that bring an executor back to its first state after a program.
///
/// # Errors
/// When the batch is full.
pub fn after(footprint: Footprint, reach: Reach, entry: Entry, sandbox: &mut Sandbox) -> Result<(), PushError> {
    // The kernel looks at each number of the range. New descriptors take the lowest free one: what lies above those that the
    // program may have opened is closed, and a leak shows in the table at its end.
    let last = if reach.chooses { u64::from(u32::MAX) } else { (3 + reach.opens).cast_unsigned().into() };
    if reach.opens > 0 || reach.chooses {
        sandbox.push(Op::new(libc::SYS_close_range, &[Arg::imm(3), Arg::imm(last), Arg::imm(0)]))?;
    }
    if footprint.cwd {
        let address = work_directory_address();
        if let Some(memory) = sandbox.arena_mut().slice_mut(address, WORK_DIRECTORY.len() + 1) {
            memory[..WORK_DIRECTORY.len()].copy_from_slice(WORK_DIRECTORY.as_bytes());
            memory[WORK_DIRECTORY.len()] = 0;
        }
        sandbox.push(Op::new(libc::SYS_chdir, &[address.into()]))?;
    }
    if footprint.umask {
        sandbox.push(Op::new(libc::SYS_umask, &[Arg::imm(0o022)]))?;
    }
    if footprint.sigmask {
        // An empty set, read from a page that holds zeros.
        let zeros = empty_text();
        if let Some(memory) = sandbox.arena_mut().slice_mut(zeros, 8) {
            memory.fill(0);
        }
        let set = libc::SIG_SETMASK as u64;
        sandbox.push(Op::new(libc::SYS_rt_sigprocmask, &[Arg::imm(set), zeros.into(), Arg::imm(0), Arg::imm(8)]))?;
    }
    if footprint.mappings {
        let margin = PLAYGROUND_MARGIN_PAGES * 4096;
        let begin = entry.playground() - margin;
        let length = PLAYGROUND_PAGES * 4096 + 2 * margin;
        sandbox.push(Op::new(libc::SYS_munmap, &[Arg::imm(begin), Arg::imm(length)]))?;
    }
    Ok(())
}

/// Bytes of the kernel's own CPU mask, as the kernel tells it.
pub fn cpu_bytes(sandbox: &mut Sandbox) -> Option<u64> {
    let mask = [Arg::imm(0), Arg::imm(1024), Arg::imm(cell(0) + CELL_RW)];
    u64::try_from(asked(sandbox, Op::new(libc::SYS_sched_getaffinity, &mask))?).ok()
}

/// The executor's scheduling policy.
pub fn policy(sandbox: &mut Sandbox) -> Option<i32> {
    let policy = asked(sandbox, Op::new(libc::SYS_sched_getscheduler, &[Arg::imm(0)]))?;
    i32::try_from(policy).ok().filter(|policy| *policy >= 0)
}

/// What one call of an executor that runs nothing else returns.
fn asked(sandbox: &mut Sandbox, op: Op) -> Option<i64> {
    sandbox.clear();
    let op = sandbox.push(op).ok()?;
    match sandbox.run() {
        BatchEnd::Completed => Some(sandbox.result(op).ret),
        _ => None,
    }
}
