//! What a run of a program showed: answers, memory, descriptors.

use crate::ask::Subject;
use crate::cell::CellMemory;
use crate::coverage::Coverage;
use crate::examine::{Examined, answered, registers};
use crate::exec::layout::{CELL_RO, CELL_RW, CELL_RW_SIZE};
use crate::exec::{OpIndex, OpState, Sandbox};
use crate::lower::{Image, Lowered, Mode};
use crate::oracle::Answer;
use crate::plant::Plant;
use crate::program::{Argument, Block, Program};
use crate::worker::{Room, Setting, WorkerError};

/// What the kernel said of one descriptor at the end: close-on-exec, status flags, position; errors as they came.
pub(super) type Descriptor = (i32, [Option<i64>; 3]);

/// A block and what it held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The parameter it belongs to.
    pub param: u8,
    /// Where it lay.
    pub address: u64,
    /// Its bytes; pointers to other blocks are zero, since those lie elsewhere in another program.
    pub bytes: Vec<u8>,
}

/// What a run of a program showed.
#[derive(Clone, Debug)]
pub struct Seen {
    /// What each call returned, as it was seen.
    pub returns: Vec<i64>,
    /// The registers of each call.
    pub registers: Vec<[u64; 6]>,
    /// The blocks of each call when the program had ended.
    pub blocks: Vec<Vec<Held>>,
    /// Descriptors at the end.
    pub end: Vec<Descriptor>,
    cell: u64,
    before: Image,
    writable: Vec<u8>,
    read_only: Vec<u8>,
}

impl Seen {
    /// Memory when the program had ended.
    pub(super) fn after(&self) -> CellMemory<'_> {
        CellMemory { base: self.cell, low: &self.writable, high: &[], read_only: &self.read_only }
    }

    /// Memory when the program began.
    pub(super) fn before(&self) -> CellMemory<'_> {
        let Image { low, high, read_only, .. } = &self.before;
        CellMemory { base: self.cell, low, high, read_only }
    }

    /// What each call answered.
    pub fn answers(&self) -> Vec<Option<Answer>> {
        self.returns.iter().map(|ret| Some(Answer::of(*ret))).collect()
    }
}

/// A program that ran.
#[derive(Debug, Default)]
pub struct Run {
    /// What it showed; `None` where a call of it was not made, was refused by the sandbox, or was disturbed by a signal.
    pub seen: Option<Seen>,
    /// What examining it gave; `None` where an earlier program of the batch spoilt its state.
    pub examined: Option<Examined>,
}

/// Runs programs as one batch and gives what each showed.
///
/// # Errors
/// When the sandbox is lost for good.
pub fn run(
    room: &mut Room,
    programs: &[Program],
    mode: Mode,
    coverage: &mut Coverage,
) -> Result<Vec<Run>, WorkerError> {
    let setting = room.setting().clone();
    let mut shown: Vec<Option<Seen>> = vec![None; programs.len()];
    let ran = room.run_watched(programs, mode, coverage, &mut |index, lowered, sandbox| {
        if let (Some(slot), Some(program)) = (shown.get_mut(index), programs.get(index)) {
            *slot = look(&setting, program, lowered, sandbox);
        }
    })?;
    Ok(ran.into_iter().zip(shown).map(|(ran, seen)| Run { seen, examined: ran.examined }).collect())
}

fn look(setting: &Setting, program: &Program, lowered: &Lowered, sandbox: &Sandbox) -> Option<Seen> {
    let mut raw = Vec::with_capacity(program.calls.len());
    let mut seen = Seen {
        returns: Vec::new(),
        registers: Vec::new(),
        blocks: Vec::new(),
        end: end(lowered, sandbox),
        cell: lowered.cell,
        before: lowered.image.clone(),
        writable: sandbox.arena().slice(lowered.cell + CELL_RW, CELL_RW_SIZE as usize)?.to_vec(),
        read_only: sandbox.arena().slice(lowered.cell + CELL_RO, lowered.image.read_only.len())?.to_vec(),
    };
    for (call, low) in program.calls.iter().zip(&lowered.calls) {
        let result = sandbox.result(low.op);
        // A sleeper that was woken says so by EINTR; whatever else it says came about by the signal.
        let interrupted = -i64::from(libc::EINTR);
        let whole = result.state == OpState::Done || result.state == OpState::Interrupted && result.ret == interrupted;
        if !whole || result.denied() {
            return None;
        }
        let plan = &setting.plans.call(call.call).variants[low.variant];
        let registers = registers(call, low, plan, &raw, lowered, sandbox);
        raw.push(result.ret);
        let spec = &setting.resolved.calls[call.call];
        let ret = Plant::seen(&setting.plants, low.entry, spec, &registers, result.ret);
        seen.returns.push(answered(low.entry, &spec.variants[low.variant], ret));
        seen.registers.push(registers);
        let mut order = Vec::new();
        call.args.iter().for_each(|arg| {
            if let Argument::Block(block) = arg {
                placed(block, &mut order);
            }
        });
        let held = low.blocks.iter().zip(order).map(|(placed, block)| {
            let mut bytes = sandbox.arena().slice(placed.address, placed.present)?.to_vec();
            for (at, _) in &block.links {
                let at = *at as usize;
                bytes.iter_mut().skip(at).take(8).for_each(|byte| *byte = 0);
            }
            Some(Held { param: placed.param, address: placed.address, bytes })
        });
        seen.blocks.push(held.collect::<Option<_>>()?);
    }
    Some(seen)
}

/// The blocks of an argument in the order in which they are placed: what a block points to comes before it.
fn placed<'a>(block: &'a Block, order: &mut Vec<&'a Block>) {
    block.links.iter().for_each(|(_, inner)| placed(inner, order));
    order.push(block);
}

fn end(lowered: &Lowered, sandbox: &Sandbox) -> Vec<Descriptor> {
    let answer = |op: Option<OpIndex>| {
        let result = sandbox.result(op?);
        (result.state == OpState::Done).then_some(result.ret)
    };
    let one = |probe: &crate::lower::Probe| match probe.subject {
        Subject::Number(number) => Some((number, [answer(probe.cloexec), answer(probe.status), answer(probe.offset)])),
        Subject::Ret | Subject::Param(_) | Subject::Stored { .. } => None,
    };
    lowered.end.iter().filter_map(one).collect()
}
