//! What executors are like, and how that is told to the commander.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use libc::sock_filter;

use crate::exec::child::pack_filter;
use crate::exec::error::{SandboxError, Stage};
use crate::exec::layout::{Control, MAX_DENIED, MAX_IA32, MAX_SHIM};
use crate::exec::place::FileSystem;
use crate::exec::watchdog::state;
use crate::scope;

/// What executors are like. Except for `block_timeout`, a change takes effect with the next [`respawn`](super::Sandbox::respawn).
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
    /// One executor in so many has children of its own, the first among them; 0 is none. They take half as long to make as an executor.
    pub children_every: u32,
    /// The executor gives up all capabilities, those in its own user namespace too.
    pub drop_capabilities: bool,
    /// What the work directory lies on. It stays what it was at the start.
    pub file_system: FileSystem,
    /// The sandbox has no user namespace of its own, and no call is denied: only for machines that are thrown away. It stays what
    /// it was at the start.
    pub privileged: bool,
    /// A user-mode emulator that runs the sandbox, whose system calls are then the ones under test.
    pub emulator: Option<PathBuf>,
    /// Numbers that are denied beside those that every sandbox denies.
    pub denied: Vec<u32>,
    /// Numbers of i386 that its entry permits; where there are none, that entry is closed.
    pub ia32: Vec<u32>,
    /// How long a process in uninterruptible sleep may take to die. On a loaded machine it can be seconds: many calls wait for a
    /// thread of the kernel on every processor.
    pub unkillable: Duration,
    /// What tells the state of a process; tests put another in its place.
    pub state: fn(i32) -> Option<char>,
    /// An extra filter, installed last: a planted kernel violation ([`ShimFilter`](crate::exec::ShimFilter)).
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
            children_every: 1,
            drop_capabilities: false,
            file_system: FileSystem::Tmpfs,
            privileged: false,
            emulator: None,
            denied: Vec::new(),
            ia32: Vec::new(),
            unkillable: Duration::from_secs(30),
            state,
            shim: None,
        }
    }
}

pub(super) fn write_config(control: &Control, config: &SandboxConfig) -> Result<(), SandboxError> {
    let shim = config.shim.as_deref().unwrap_or_default();
    if shim.len() > MAX_SHIM {
        let detail = format!("it has {} instructions, at most {MAX_SHIM} fit", shim.len());
        return Err(SandboxError::with_detail(Stage::Shim, None, detail));
    }
    for (slot, instruction) in control.shim.iter().zip(shim) {
        slot.store(pack_filter(instruction), Relaxed);
    }
    control.shim_len.store(shim.len() as u32, Relaxed);
    let denied: BTreeSet<u32> = scope::denied_everywhere().iter().chain(&config.denied).copied().collect();
    if denied.len() > MAX_DENIED {
        let detail = format!("{} calls are to be denied, at most {MAX_DENIED} fit", denied.len());
        return Err(SandboxError::with_detail(Stage::Process, None, detail));
    }
    for (slot, nr) in control.denied.iter().zip(&denied) {
        slot.store(*nr, Relaxed);
    }
    control.denied_len.store(denied.len() as u32, Relaxed);
    if config.ia32.len() > MAX_IA32 {
        let detail = format!("the i386 entry is to have {} calls, at most {MAX_IA32} fit", config.ia32.len());
        return Err(SandboxError::with_detail(Stage::Process, None, detail));
    }
    for (slot, nr) in control.ia32.iter().zip(&config.ia32) {
        slot.store(*nr, Relaxed);
    }
    control.ia32_len.store(config.ia32.len() as u32, Relaxed);
    control.children_every.store(config.children_every, Relaxed);
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
