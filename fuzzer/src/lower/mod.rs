//! Programs become operations and memory: where every block lies, and which questions are asked around the calls.

mod memory;
mod probes;

pub use memory::Image;

use crate::ask::{Asking, Question, Subject};
use crate::exec::{Arg, Entry, Guard, Op, OpIndex, PushError, Sandbox};
use crate::foreign;
use crate::hazard::{self, Hazard};
use crate::plan::{Plans, Reach};
use crate::plant::Plant;
use crate::program::{Argument, Block, Invocation, Output, Placement, Program};
use crate::setup;
use abispec::target::{Call, Resolved, ResolvedParam, Variant};
use abispec::types::Type;
use std::ops::Range;

/// Fills memory that nobody has written; neither zero nor a plausible descriptor or length.
pub const POISON: u8 = 0xa5;

/// How much is asked of the kernel beside the calls themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Nothing but the calls: for measuring.
    Bare,
    /// After each success of a call under test what its effects touched, and all descriptors at the end.
    Quick,
    /// All descriptors after every call: says which call changed what.
    Careful,
}

/// A program in a batch. Lowering another one into it uses its memory again.
#[derive(Debug, Default)]
pub struct Lowered {
    /// The cell that holds its memory.
    pub cell: u64,
    /// Its calls.
    pub calls: Vec<LoweredCall>,
    /// Descriptors at the end of the program, by number.
    pub end: Vec<Probe>,
    /// What the pages held before.
    pub image: Image,
    /// Its operations in the batch.
    pub ops: Range<u32>,
    /// Calls of earlier programs.
    spare: Vec<LoweredCall>,
}

/// A call in a batch.
#[derive(Debug, Default)]
pub struct LoweredCall {
    /// The operation.
    pub op: OpIndex,
    /// The way that it goes: not every call of a program for the vDSO is made by it.
    pub entry: Entry,
    /// Index of the variant that describes it.
    pub variant: usize,
    /// Blocks of its arguments: parameter, address, bytes present, and whether it hangs below another block.
    pub blocks: Vec<Placed>,
    /// Where each argument's block begins; 0 for arguments that are none.
    pub addresses: [u64; 6],
    /// Whether the kernel is asked about what it left: in a quick look, only calls under test are.
    pub asked: bool,
    /// Questions about the descriptors that its effects touch.
    pub probes: Vec<Probe>,
    /// What else was asked about what it left.
    pub questions: Vec<Question>,
    /// In careful mode, all descriptors after the call.
    pub after: Vec<Probe>,
}

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
    /// `fcntl(fd, F_GETFD)`, where that was asked.
    pub cloexec: Option<OpIndex>,
    /// `fcntl(fd, F_GETFL)`, where that was asked.
    pub status: Option<OpIndex>,
    /// `lseek(fd, 0, SEEK_CUR)`, where that was asked.
    pub offset: Option<OpIndex>,
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
    /// The specification does not state a call of it for the port of the entry.
    Foreign,
}

impl From<PushError> for LowerError {
    fn from(_: PushError) -> Self {
        Self::BatchFull
    }
}

/// Everything that lowering needs beside the program.
#[derive(Clone, Copy)]
pub struct Lowering<'a> {
    /// The specification.
    pub resolved: &'a Resolved,
    /// What was worked out of it.
    pub plans: &'a Plans,
    /// Planted violations.
    pub plants: &'a [Plant],
    /// How much is asked.
    pub mode: Mode,
    /// The way into the kernel.
    pub entry: Entry,
    /// Of the calls that the vDSO has, which function it is; by the index of the call, and empty for other entries.
    pub vdso: &'a [Option<u32>],
}

/// Appends a program to the sandbox's batch, its memory in the cell `index`, and notes in `lowered` where everything is.
///
/// # Errors
/// When its memory does not fit or the batch is full.
pub fn lower(
    lowering: Lowering<'_>,
    program: &Program,
    index: u64,
    sandbox: &mut Sandbox,
    lowered: &mut Lowered,
) -> Result<(), LowerError> {
    lowered.restart(index, lowering.entry);
    if !hazard::fits(program) {
        return Err(LowerError::Hazard(Hazard::Edges));
    }
    if hazard::beyond(lowering.resolved, program).is_some() {
        return Err(LowerError::Hazard(Hazard::Overrun));
    }
    // Memory first: nothing is pushed for a program that does not fit.
    lowering.place(program, lowered)?;
    let first = sandbox.len() as u32;
    lowering.push(program, sandbox, lowered)?;
    lowered.ops = first..sandbox.len() as u32;
    lowered.image.write(lowered.cell, sandbox);
    Ok(())
}

/// Why no program with this call is made, whatever else there is in it; `variant` is the call's.
pub(crate) fn refuse(resolved: &Resolved, call: &Invocation, variant: &Variant, entry: Entry) -> Option<LowerError> {
    if entry == Entry::Ia32 && foreign::find(call, &resolved.calls[call.call], resolved) {
        return Some(LowerError::Foreign);
    }
    hazard::find(resolved, call, variant, entry).map(LowerError::Hazard)
}

impl Lowered {
    /// Becomes an empty program.
    fn restart(&mut self, index: u64, entry: Entry) {
        self.cell = entry.cell(index);
        self.spare.append(&mut self.calls);
        self.end.clear();
        self.image.restart(entry.word() as usize);
    }

    /// A call without anything in it.
    fn blank(&mut self) -> LoweredCall {
        let mut call = self.spare.pop().unwrap_or_default();
        call.addresses = [0; 6];
        call.blocks.clear();
        call.probes.clear();
        call.questions.clear();
        call.after.clear();
        call
    }
}

impl Lowering<'_> {
    fn place(self, program: &Program, lowered: &mut Lowered) -> Result<(), LowerError> {
        for call in &program.calls {
            let spec = &self.resolved.calls[call.call];
            let mut low = lowered.blank();
            low.variant = variant_index(spec, call);
            if let Some(error) = refuse(self.resolved, call, &spec.variants[low.variant], self.entry) {
                return Err(error);
            }
            for (param, (arg, address)) in (0..).zip(call.args.iter().zip(&mut low.addresses)) {
                if let Argument::Block(block) = arg {
                    *address = lowered.image.put(lowered.cell, block, param, false, &mut low.blocks)?;
                }
            }
            lowered.calls.push(low);
        }
        Ok(())
    }

    fn push(self, program: &Program, sandbox: &mut Sandbox, lowered: &mut Lowered) -> Result<(), LowerError> {
        let mut reach = Reach::default();
        let mut free = lowered.image.free(lowered.cell);
        for (position, call) in program.calls.iter().enumerate() {
            let spec = &self.resolved.calls[call.call];
            let (before, rest) = lowered.calls.split_at_mut(position);
            let Some(low) = rest.first_mut() else { break };
            let plan = &self.plans.call(call.call).variants[low.variant];
            let mut args = [Arg::imm(0); 6];
            for ((slot, arg), address) in args.iter_mut().zip(&call.args).zip(low.addresses) {
                *slot = match arg {
                    Argument::Number(value) => Arg::imm(*value),
                    Argument::Block(_) => Arg::imm(address),
                    Argument::Result { of, output, high } => {
                        let value = match output {
                            Output::Ret => before.get(*of).map_or(Arg::imm(u64::MAX), |call| Arg::result(call.op)),
                            Output::Written { param, offset } => written(before, *of, *param, *offset),
                        };
                        high.map_or(value, |high| value.with_high(high))
                    }
                };
            }
            let (nr, entry) = match self.function(position, call) {
                Some(function) => (function, Entry::Vdso),
                None if self.entry == Entry::Ia32 => (spec.nr, Entry::Ia32),
                None => (spec.nr, Entry::Native),
            };
            let op = Op { nr, entry, wide: plan.wide, guard: Guard::Always, args: spec.registers(args) };
            low.entry = entry;
            low.op = crate::plant::push(self.plants, entry, spec, position, op, sandbox)?;
            // A selector that only the program knows may select anything.
            let unknown = spec.select.is_some() && selector(spec.select, call).is_none();
            reach = reach.and(plan.reach).and(Reach { chooses: unknown, ..Reach::default() });
            low.asked = match self.mode {
                Mode::Bare => false,
                Mode::Quick => self.plans.is_under_test(call.call),
                Mode::Careful => true,
            };
            if !low.asked {
                continue;
            }
            if self.entry == Entry::Ia32 {
                // Who asks goes the port's own way, and there all of a register counts.
                args.iter_mut().for_each(|arg| arg.cut(Entry::Ia32));
            }
            let empty = setup::empty_text();
            let mut asking = Asking {
                sandbox,
                op: low.op,
                args: &args,
                addresses: &low.addresses,
                empty,
                free: &mut free,
                partly: plan.asks.partly,
            };
            for look in &plan.asks.descriptors {
                if let Some(fd) = asking.subject(look.0) {
                    low.probes.push(probes::probe(asking.sandbox, *look, fd, Some(low.op))?);
                }
            }
            for ask in &plan.asks.questions {
                low.questions.extend(asking.put(*ask)?);
            }
            if self.mode == Mode::Careful {
                probes::table(sandbox, 0..CAREFUL_NUMBERS, &mut low.after)?;
            }
        }
        if self.mode == Mode::Quick {
            probes::end_table(sandbox, reach, &mut lowered.end)?;
        }
        let footprint = setup::footprint_of(program, self.plans);
        if footprint.mappings {
            for (call, low) in program.calls.iter().zip(&lowered.calls) {
                for length in &self.plans.call(call.call).variants[low.variant].maps {
                    if let Some(Argument::Number(length)) = call.args.get(usize::from(*length)) {
                        setup::unmap(low.op, self.entry.register(*length), sandbox)?;
                    }
                }
            }
        }
        setup::after(footprint, reach, self.entry, sandbox)?;
        Ok(())
    }
}

impl Lowering<'_> {
    /// The function of the vDSO that makes a call, for every second call of a program that it has: what the two ways answer
    /// can be compared. Where a pointer leads nowhere, the function would fault.
    fn function(self, position: usize, call: &Invocation) -> Option<u32> {
        let function = self.vdso.get(call.call).copied().flatten()?;
        by_function(self.resolved, position, call).then_some(function)
    }
}

/// Whether the vDSO's function makes a call at this position of its program, where there is one.
pub(crate) fn by_function(resolved: &Resolved, position: usize, call: &Invocation) -> bool {
    if foreign::known_of_functions(call, &resolved.calls[call.call]) {
        return false;
    }
    let led = |block: &Block| match block.placement {
        Placement::Middle => true,
        Placement::Edge(mapped) => mapped as usize >= block.bytes.len(),
        Placement::ReadOnly => false,
    };
    let pointer = |param: &ResolvedParam| matches!(param.ty, Type::Ptr { .. });
    let mut args = resolved.calls[call.call].variants[0].params.iter().zip(&call.args);
    let safe = args.all(|(param, arg)| match arg {
        Argument::Block(block) => led(block),
        Argument::Number(_) | Argument::Result { .. } => !pointer(param),
    });
    position.is_multiple_of(2) && safe
}

/// How many descriptor numbers a careful look covers.
const CAREFUL_NUMBERS: i32 = 64;

/// The selecting argument of a call, where it is a plain number.
pub fn selector(select: Option<u8>, call: &Invocation) -> Option<i128> {
    match call.args.get(usize::from(select?))? {
        Argument::Number(value) => Some(i128::from(*value & 0xffff_ffff)),
        Argument::Result { .. } | Argument::Block(_) => None,
    }
}

/// The variant that describes a call, by its selecting argument.
pub fn variant_index(spec: &Call, call: &Invocation) -> usize {
    let last = spec.variants.len() - 1;
    if last == 0 {
        return 0;
    }
    let selected = selector(spec.select, call).map(|value| {
        let position = usize::from(spec.select.unwrap_or(0));
        let signed = spec.variants[0].params.get(position).is_some_and(|param| param.int.signed());
        if signed && value > i128::from(i32::MAX) { value - (1 << 32) } else { value }
    });
    spec.variants[..last]
        .iter()
        .position(|variant| variant.selector.is_some() && variant.selector == selected)
        .unwrap_or(last)
}

fn written(calls: &[LoweredCall], of: usize, param: u8, offset: u32) -> Arg {
    let address = calls.get(of).map_or(0, |call| call.addresses[usize::from(param)]);
    let inside = calls
        .get(of)
        .is_some_and(|call| call.blocks.iter().any(|b| b.address == address && b.present >= offset as usize + 4));
    if address == 0 || !inside { Arg::imm(u64::MAX) } else { Arg::mem32(address + u64::from(offset)) }
}
