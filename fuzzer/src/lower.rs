//! Programs become operations and memory: where every block lies, and which questions are asked around the calls.

use crate::exec::layout::{CELL_GUARD, CELL_RO, CELL_RO_SIZE, CELL_RW, CELL_RW_SIZE, cell};
use crate::exec::{Arg, Guard, Op, OpIndex, PushError, Sandbox};
use crate::hazard::{self, Hazard};
use crate::plant::Plant;
use crate::program::{Argument, Block, Output, Placement, Program};
use crate::setup::{self, Footprint};
use abispec::expr::Expr;
use abispec::model::Effect;
use abispec::target::{Resolved, Variant};

/// Fills memory that nobody has written; neither zero nor a plausible descriptor or length.
pub const POISON: u8 = 0xa5;

/// Bytes of poison on either side of a block.
const RED_ZONE: usize = 64;

/// How much is asked of the kernel beside the calls themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Nothing but the calls: for measuring.
    Bare,
    /// After each success what its effects touched, and all descriptors at the end.
    Quick,
    /// All descriptors after every call: says which call changed what.
    Careful,
}

/// A program in a batch.
#[derive(Debug)]
pub struct Lowered {
    /// The cell that holds its memory.
    pub cell: u64,
    /// Its calls.
    pub calls: Vec<LoweredCall>,
    /// Descriptors at the end of the program, by number.
    pub end: Vec<Probe>,
    /// What the writable pages held before.
    pub image: Image,
}

/// A call in a batch.
#[derive(Debug)]
pub struct LoweredCall {
    /// The operation.
    pub op: OpIndex,
    /// Blocks of its arguments: parameter, address, bytes present, and whether it hangs below another block.
    pub blocks: Vec<Placed>,
    /// Where each argument's block begins; 0 for arguments that are none.
    pub addresses: [u64; 6],
    /// Questions about the descriptors that its effects touch.
    pub probes: Vec<Probe>,
    /// Whether the names that its effects make or take away are there.
    pub names: Vec<NameProbe>,
    /// What the file behind the returned descriptor is.
    pub file: Option<FileProbe>,
    /// In careful mode, all descriptors after the call.
    pub after: Vec<Probe>,
}

/// A question about the name in a path parameter.
#[derive(Clone, Copy, Debug)]
pub struct NameProbe {
    /// The parameter.
    pub param: u8,
    /// `faccessat2(base, path, F_OK)`.
    pub op: OpIndex,
}

/// A question about the file behind the descriptor that a call returned.
#[derive(Clone, Copy, Debug)]
pub struct FileProbe {
    /// `statx(ret, "", AT_EMPTY_PATH, STATX_BASIC_STATS, address)`.
    pub op: OpIndex,
    /// Where the answer is.
    pub address: u64,
}

/// Bytes of the answer of `statx`.
pub const STATX_BYTES: usize = 256;

/// A block with its address.
#[derive(Clone, Copy, Debug)]
pub struct Placed {
    /// The parameter it belongs to.
    pub param: u8,
    /// Where it begins.
    pub address: u64,
    /// Bytes that exist.
    pub present: usize,
    /// Whether another block points to it.
    pub linked: bool,
}

/// Questions about one descriptor.
#[derive(Clone, Copy, Debug)]
pub struct Probe {
    /// The descriptor, as it was found.
    pub subject: Subject,
    /// `fcntl(fd, F_GETFD)`.
    pub cloexec: OpIndex,
    /// `fcntl(fd, F_GETFL)`.
    pub status: OpIndex,
    /// `lseek(fd, 0, SEEK_CUR)`.
    pub offset: OpIndex,
}

/// Which descriptor a probe is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// This number.
    Number(i32),
    /// What the call returned.
    Ret,
    /// An argument of the call.
    Param(u8),
    /// A 32-bit integer in memory.
    At(u64),
}

/// What a program's memory held before it ran, as far as it is used.
#[derive(Clone, Debug, Default)]
pub struct Image {
    /// The writable pages from their beginning, red zones included.
    pub low: Vec<u8>,
    /// The writable pages up to their end.
    pub high: Vec<u8>,
    /// The read-only page.
    pub read_only: Vec<u8>,
}

/// Why a program cannot be lowered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LowerError {
    /// Its memory does not fit into a cell.
    TooMuchMemory,
    /// The batch is full.
    BatchFull,
    /// It is not run for the harm it would do.
    Hazard(Hazard),
}

impl From<PushError> for LowerError {
    fn from(_: PushError) -> Self {
        Self::BatchFull
    }
}

struct Placing {
    base: u64,
    image: Image,
}

impl Placing {
    fn put(&mut self, block: &Block, param: u8, linked: bool, placed: &mut Vec<Placed>) -> Result<u64, LowerError> {
        // What a block points to needs its address first.
        let mut bytes = block.bytes.clone();
        for (offset, inner) in &block.links {
            let address = self.put(inner, param, true, placed)?;
            let at = *offset as usize;
            if let Some(slot) = bytes.get_mut(at..at + 8) {
                slot.copy_from_slice(&address.to_le_bytes());
            }
        }
        let present = block.present();
        let address = match block.placement {
            Placement::Middle => {
                let start = (self.image.low.len().max(RED_ZONE) + 7) & !7;
                let end = start + present + RED_ZONE;
                if end + self.image.high.len() > CELL_RW_SIZE as usize {
                    return Err(LowerError::TooMuchMemory);
                }
                self.image.low.resize(start, POISON);
                self.image.low.extend_from_slice(&bytes[..present]);
                self.image.low.resize(end, POISON);
                self.base + CELL_RW + start as u64
            }
            Placement::Edge(_) => {
                if self.image.low.len() + present + RED_ZONE > CELL_RW_SIZE as usize {
                    return Err(LowerError::TooMuchMemory);
                }
                self.image.high.resize(RED_ZONE, POISON);
                self.image.high.extend_from_slice(&bytes[..present]);
                self.base + CELL_GUARD - present as u64
            }
            Placement::ReadOnly => {
                let start = (self.image.read_only.len() + 7) & !7;
                if start + present > CELL_RO_SIZE as usize {
                    return Err(LowerError::TooMuchMemory);
                }
                self.image.read_only.resize(start, POISON);
                self.image.read_only.extend_from_slice(&bytes[..present]);
                self.base + CELL_RO + start as u64
            }
        };
        placed.push(Placed { param, address, present, linked });
        Ok(address)
    }
}

/// Appends a program to the sandbox's batch.
///
/// # Errors
/// When its memory does not fit or the batch is full.
pub fn lower(
    program: &Program,
    resolved: &Resolved,
    footprints: &[Footprint],
    index: u64,
    sandbox: &mut Sandbox,
    mode: Mode,
    plants: &[Plant],
) -> Result<Lowered, LowerError> {
    if let Some(hazard) = hazard::find(program, resolved) {
        return Err(LowerError::Hazard(hazard));
    }
    let base = cell(index);
    let mut placing = Placing { base, image: Image::default() };
    let mut calls = Vec::with_capacity(program.calls.len());
    // Memory first: nothing is pushed for a program that does not fit.
    let mut memory = Vec::with_capacity(program.calls.len());
    for call in &program.calls {
        let mut addresses = [0; 6];
        let mut blocks = Vec::new();
        for (param, arg) in call.args.iter().enumerate() {
            if let Argument::Block(block) = arg {
                addresses[param] = placing.put(block, u8::try_from(param).unwrap_or(0), false, &mut blocks)?;
            }
        }
        let variant = resolved.calls[call.call].variant(selector(resolved.calls[call.call].select, call));
        // The answer, and behind it the empty name that is asked for.
        let asks = mode != Mode::Bare && asks_for_file(variant);
        let answer = Block::new([vec![POISON; STATX_BYTES], vec![0; 8]].concat());
        let file = if asks { placing.put(&answer, u8::MAX, false, &mut Vec::new()).ok() } else { None };
        memory.push((addresses, blocks, file));
    }
    let mut ops: Vec<OpIndex> = Vec::with_capacity(program.calls.len());
    for (position, (call, (addresses, blocks, file))) in program.calls.iter().zip(memory).enumerate() {
        let spec = &resolved.calls[call.call];
        let mut args = [Arg::imm(0); 6];
        for (slot, arg) in args.iter_mut().zip(&call.args) {
            *slot = match arg {
                Argument::Number(value) => Arg::imm(*value),
                Argument::Block(_) => Arg::imm(0),
                Argument::Result { of, output, high } => {
                    let value = match output {
                        Output::Ret => Arg::result(ops[*of]),
                        Output::Written { param, offset } => written(&calls, *of, *param, *offset),
                    };
                    high.map_or(value, |high| value.with_high(high))
                }
            };
        }
        for (slot, address) in args.iter_mut().zip(addresses) {
            if address != 0 {
                *slot = Arg::imm(address);
            }
        }
        let op = crate::plant::push(plants, spec, position, Op { nr: spec.nr, guard: Guard::Always, args }, sandbox)?;
        ops.push(op);
        let mut lowered =
            LoweredCall { op, blocks, addresses, probes: Vec::new(), names: Vec::new(), file: None, after: Vec::new() };
        if mode != Mode::Bare {
            let variant = spec.variant(selector(spec.select, call));
            for subject in subjects(variant, &addresses) {
                let arg = match subject {
                    Subject::Ret => Arg::result(op),
                    Subject::Param(index) => args[usize::from(index)],
                    Subject::At(address) => Arg::mem32(address),
                    Subject::Number(number) => Arg::imm(i64::from(number).cast_unsigned()),
                };
                lowered.probes.push(probe(sandbox, subject, arg, Some(op))?);
            }
            lowered.names = names(sandbox, variant, &args, op)?;
            lowered.file = file.map(|address| file_probe(sandbox, address, op)).transpose()?;
        }
        if mode == Mode::Careful {
            lowered.after = table(sandbox, 0..CAREFUL_NUMBERS)?;
        }
        calls.push(lowered);
    }
    let end = match mode {
        Mode::Bare | Mode::Careful => Vec::new(),
        Mode::Quick => end_table(sandbox, program, resolved)?,
    };
    let returned = setup::returned_mappings(program, resolved, &ops);
    setup::after(setup::footprint_of(program, footprints), &returned, sandbox)?;
    let image = placing.image;
    write_memory(sandbox, base, &image);
    Ok(Lowered { cell: base, calls, end, image })
}

/// How many descriptor numbers a careful look covers.
const CAREFUL_NUMBERS: i32 = 64;

/// The selecting argument of a call, where it is a plain number.
pub fn selector(select: Option<u8>, call: &crate::program::Invocation) -> Option<i128> {
    match call.args.get(usize::from(select?))? {
        Argument::Number(value) => Some(i128::from(*value & 0xffff_ffff)),
        Argument::Result { .. } | Argument::Block(_) => None,
    }
}

fn written(calls: &[LoweredCall], of: usize, param: u8, offset: u32) -> Arg {
    let address = calls.get(of).map_or(0, |call| call.addresses[usize::from(param)]);
    let inside = calls
        .get(of)
        .is_some_and(|call| call.blocks.iter().any(|b| b.address == address && b.present >= offset as usize + 4));
    if address == 0 || !inside { Arg::imm(u64::MAX) } else { Arg::mem32(address + u64::from(offset)) }
}

/// The descriptors that a variant's effects touch.
fn subjects(variant: &Variant, addresses: &[u64; 6]) -> Vec<Subject> {
    let mut found = Vec::new();
    for rule in &variant.effects {
        let fd = match &rule.effect.effect {
            Effect::Opens { fd, .. } | Effect::SetsStatus { fd, .. } | Effect::SetsOffset { fd, .. } => Some(fd),
            Effect::SetsCloexec { fd, .. } | Effect::Closes { fd, .. } => fd.as_ref(),
            Effect::Duplicates { to, .. } => Some(to),
            _ => None,
        };
        let subject = match fd {
            Some(Expr::Ret) => Some(Subject::Ret),
            Some(Expr::Param(index)) => Some(Subject::Param(*index)),
            Some(Expr::Load { address, .. }) => at(address, addresses).map(Subject::At),
            _ => None,
        };
        if let Some(subject) = subject
            && !found.contains(&subject)
        {
            found.push(subject);
        }
    }
    found
}

/// Asks, after a success, for the names that a variant's effects make or take away.
fn names(sandbox: &mut Sandbox, variant: &Variant, args: &[Arg; 6], op: OpIndex) -> Result<Vec<NameProbe>, PushError> {
    let mut found: Vec<NameProbe> = Vec::new();
    for rule in &variant.effects {
        let (first, second) = match &rule.effect.effect {
            Effect::Creates { path, .. } | Effect::Removes { path } => (*path, None),
            Effect::Links { to, .. } => (*to, None),
            Effect::Renames { from, to, .. } => (*from, Some(*to)),
            _ => continue,
        };
        for param in [Some(first), second].into_iter().flatten() {
            let keys = variant.params.get(usize::from(param)).and_then(|param| param.path.as_ref());
            let flags = match keys.map(|keys| &keys.follow) {
                Some(Expr::Bool(false)) => libc::AT_EACCESS | libc::AT_SYMLINK_NOFOLLOW,
                Some(Expr::Bool(true)) => libc::AT_EACCESS,
                // Where it depends on other arguments, the question would depend on them too.
                _ => continue,
            };
            if found.iter().any(|probe| probe.param == param) {
                continue;
            }
            let cwd = Arg::imm(i64::from(libc::AT_FDCWD).cast_unsigned());
            let base = keys.and_then(|keys| keys.base).map_or(cwd, |base| args[usize::from(base)]);
            let asked = [base, args[usize::from(param)], Arg::imm(libc::F_OK as u64), Arg::imm(flags as u64)];
            let op = sandbox.push(Op::new(libc::SYS_faccessat2, &asked).guarded(Guard::IfOk(op)))?;
            found.push(NameProbe { param, op });
        }
    }
    Ok(found)
}

/// Whether a variant says something about the file that it opens.
fn asks_for_file(variant: &Variant) -> bool {
    let opens = |rule: &abispec::target::ResolvedEffect| matches!(&rule.effect.effect, Effect::Opens { fd: Expr::Ret, file, .. } if file.is_some());
    let changes = |rule: &abispec::target::ResolvedEffect| {
        matches!(rule.effect.effect, Effect::Creates { .. } | Effect::SetsSize { .. })
    };
    variant.effects.iter().any(opens) && variant.effects.iter().any(changes)
}

fn file_probe(sandbox: &mut Sandbox, address: u64, op: OpIndex) -> Result<FileProbe, PushError> {
    let name = address + STATX_BYTES as u64;
    let asked = [
        Arg::result(op),
        Arg::imm(name),
        Arg::imm(libc::AT_EMPTY_PATH as u64),
        Arg::imm(u64::from(libc::STATX_BASIC_STATS)),
        Arg::imm(address),
    ];
    let op = sandbox.push(Op::new(libc::SYS_statx, &asked).guarded(Guard::IfOk(op)))?;
    Ok(FileProbe { op, address })
}

/// The address of an element of a block, where it is plain to see.
pub(crate) fn at(address: &Expr, addresses: &[u64; 6]) -> Option<u64> {
    match address {
        Expr::Param(index) => Some(addresses[usize::from(*index)]).filter(|address| *address != 0),
        Expr::Binary(abispec::expr::BinaryOp::Add, base, offset) => match (&**base, &**offset) {
            (base, Expr::Int(offset)) => at(base, addresses)?.checked_add(u64::try_from(*offset).ok()?),
            _ => None,
        },
        _ => None,
    }
    .filter(|address| crate::exec::layout::arena_offset(*address, 4).is_some())
}

fn probe(sandbox: &mut Sandbox, subject: Subject, fd: Arg, after: Option<OpIndex>) -> Result<Probe, PushError> {
    let guard = after.map_or(Guard::Always, Guard::IfOk);
    let cloexec = sandbox.push(Op::new(libc::SYS_fcntl, &[fd, Arg::imm(libc::F_GETFD as u64)]).guarded(guard))?;
    let open = Guard::IfOk(cloexec);
    let status = sandbox.push(Op::new(libc::SYS_fcntl, &[fd, Arg::imm(libc::F_GETFL as u64)]).guarded(open))?;
    let current = [fd, Arg::imm(0), Arg::imm(libc::SEEK_CUR as u64)];
    let offset = sandbox.push(Op::new(libc::SYS_lseek, &current).guarded(open))?;
    Ok(Probe { subject, cloexec, status, offset })
}

/// The descriptors that a program can have opened, and one more that it can not: a leak takes the lowest free number. The
/// first three are looked at only after calls that could reach them.
fn end_table(sandbox: &mut Sandbox, program: &Program, resolved: &Resolved) -> Result<Vec<Probe>, PushError> {
    let mut opens = 0;
    let mut first = 3;
    for call in &program.calls {
        let spec = &resolved.calls[call.call];
        for rule in &spec.variant(selector(spec.select, call)).effects {
            match rule.effect.effect {
                Effect::Opens { .. } => opens += 1,
                Effect::Duplicates { .. } => (opens, first) = (opens + 1, 0),
                Effect::Closes { .. } | Effect::SetsCloexec { .. } | Effect::SetsStatus { .. } => first = 0,
                _ => {}
            }
        }
    }
    table(sandbox, first..(4 + opens).min(CAREFUL_NUMBERS))
}

fn table(sandbox: &mut Sandbox, numbers: std::ops::Range<i32>) -> Result<Vec<Probe>, PushError> {
    numbers
        .map(|number| {
            let fd = Arg::imm(u64::from(number.cast_unsigned()));
            probe(sandbox, Subject::Number(number), fd, None)
        })
        .collect()
}

fn write_memory(sandbox: &mut Sandbox, base: u64, image: &Image) {
    let arena = sandbox.arena_mut();
    let parts = [
        (base + CELL_RW, &image.low),
        (base + CELL_GUARD - image.high.len() as u64, &image.high),
        (base + CELL_RO, &image.read_only),
    ];
    for (address, bytes) in parts {
        if let Some(memory) = arena.slice_mut(address, bytes.len()) {
            memory.copy_from_slice(bytes);
        }
    }
}
