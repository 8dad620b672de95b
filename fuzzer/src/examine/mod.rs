//! One program that ran, call by call: what the model expected, what the oracle says, what memory and descriptors show.

mod effects;
mod looks;
mod memory;

use crate::cell::CellMemory;
use crate::coverage::Coverage;
use crate::exec::layout::{CELL_RO, CELL_RW, CELL_RW_SIZE};
use crate::exec::{OpState, Sandbox};
use crate::lower::{Lowered, LoweredCall, STATX_BYTES};
use crate::oracle::{Answer, Verdict, judge_ensures, judge_error, judge_success, may_be_value};
use crate::plant::Plant;
use crate::program::{Argument, Invocation, Output, Program};
use crate::world::{Numbers, Scene, View, World, apply, apply_failure, apply_partly};
use abispec::errno::Errno;
use abispec::model::Unknown;
use abispec::target::{ClauseId, Resolved, Variant};
use abispec::types::Type;
use effects::effects;
use looks::{KernelLooks, table};
use memory::{own, stray_write};

/// A divergence that one run showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suspicion {
    /// Index of the call in its program.
    pub call: usize,
    /// What is wrong.
    pub verdict: Verdict,
}

/// What examining a program gave.
#[derive(Debug)]
pub struct Examined {
    /// The first divergence.
    pub suspicion: Option<Suspicion>,
    /// Calls that were judged.
    pub judged: usize,
    /// What each call answered.
    pub answers: Vec<Option<Answer>>,
    /// The model after the program, without what is put back after it.
    pub world: World,
    /// A call ran that the sandbox refuses, or was disturbed: what follows cannot be judged.
    pub cut_short: bool,
}

/// Everything that examining needs beside the program.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The specification.
    pub resolved: &'a Resolved,
    /// The target's numbers.
    pub numbers: &'a Numbers,
    /// Planted violations.
    pub plants: &'a [Plant],
}

/// Examines one program of a batch that has run.
pub fn examine(
    context: Context<'_>,
    program: &Program,
    lowered: &Lowered,
    sandbox: &Sandbox,
    start: &World,
    coverage: &mut Coverage,
) -> Examined {
    let image = &lowered.image;
    let before_memory =
        CellMemory { base: lowered.cell, low: &image.low, high: &image.high, read_only: &image.read_only };
    let arena = sandbox.arena();
    let whole = CELL_RW_SIZE as usize;
    let writable = arena.slice(lowered.cell + CELL_RW, whole).unwrap_or_default();
    let read_only = arena.slice(lowered.cell + CELL_RO, image.read_only.len()).unwrap_or_default();
    let after_memory = CellMemory { base: lowered.cell, low: writable, high: &[], read_only };
    let mut examined =
        Examined { suspicion: None, judged: 0, answers: Vec::new(), world: start.clone(), cut_short: false };
    let mut seen = Vec::new();
    let mut owned: Vec<(u64, u64)> = Vec::new();
    let mut returns: Vec<i64> = Vec::new();
    for (index, (call, low)) in program.calls.iter().zip(&lowered.calls).enumerate() {
        let result = sandbox.result(low.op);
        match result.state {
            OpState::Done | OpState::Interrupted => {}
            OpState::NotRun | OpState::InFlight | OpState::Skipped | OpState::Disturbed => {
                examined.cut_short = true;
                break;
            }
        }
        if result.denied() {
            examined.cut_short = true;
            break;
        }
        if let Some(file) = &low.file {
            owned.push((file.address, file.address + STATX_BYTES as u64));
        }
        let spec = &context.resolved.calls[call.call];
        let variant = &spec.variants[low.variant];
        let registers = registers(call, low, &returns, lowered, sandbox);
        let ret = Plant::seen(context.plants, spec, &registers, result.ret);
        returns.push(result.ret);
        let answer = Answer::of(ret);
        examined.answers.push(Some(answer));
        examined.judged += 1;
        let mut next = examined.world.clone();
        let verdict = {
            let before = Scene { world: &examined.world, memory: &before_memory };
            let view = View::new(context.numbers, variant, registers, before);
            match answer {
                Answer::Error(number) => {
                    let mut verdict = judge_error(variant, &view, number, context.resolved.target.arch, &mut seen);
                    if result.state == OpState::Interrupted && number == libc::EINTR.cast_unsigned() {
                        // Only a sleeper is interrupted: where EINTR is wrong, so was the sleep.
                        verdict = verdict.map(|verdict| Verdict {
                            id: "unexpected-block",
                            expected: "the call does not sleep".to_owned(),
                            actual: "it slept until a signal came".to_owned(),
                            ..verdict
                        });
                    }
                    let view = view.returned(ret, Scene { world: &examined.world, memory: &after_memory });
                    apply_failure(&view, &mut next);
                    if let Some(errno) = Errno::from_number(number, context.resolved.target.arch) {
                        apply_partly(&view, &variant.effects, errno, &mut next);
                    }
                    own(&view, variant, low, Some(number), context, &mut owned);
                    verdict.filter(|_| !may_be_value(variant, ret))
                }
                Answer::Value(value) => {
                    let first = judge_success(variant, &view, value, &mut seen);
                    let here = Scene { world: &examined.world, memory: &after_memory };
                    let view = View::new(context.numbers, variant, registers, before).returned(value, here);
                    apply(&view, &variant.effects, &mut next);
                    own(&view, variant, low, None, context, &mut owned);
                    coverage.successes[call.call][low.variant] += 1;
                    first
                        .or_else(|| {
                            effects(
                                context,
                                variant,
                                registers,
                                value,
                                before,
                                &next,
                                &after_memory,
                                low,
                                sandbox,
                                &mut seen,
                            )
                        })
                        .or_else(|| {
                            let looks = KernelLooks { low, sandbox, registers };
                            let after = Scene { world: &next, memory: &after_memory };
                            let view = View::new(context.numbers, variant, registers, before)
                                .returned(value, after)
                                .looking(&looks);
                            judge_ensures(variant, &view, value, &mut seen)
                        })
                }
            }
        };
        let verdict = verdict.or_else(|| {
            ignored(context.resolved, variant, &registers, &mut seen);
            table(context, &next, &low.after, sandbox, matches!(answer, Answer::Error(_)))
        });
        examined.world = next;
        if let Some(verdict) = verdict {
            examined.suspicion = Some(Suspicion { call: index, verdict });
            break;
        }
    }
    if examined.suspicion.is_none() && !examined.cut_short {
        let last = program.calls.len().saturating_sub(1);
        let end = table(context, &examined.world, &lowered.end, sandbox, false);
        examined.suspicion = end.map(|verdict| Suspicion { call: last, verdict });
    }
    // A call that was killed on its way out may have written what it owns; nobody knows what that is.
    if examined.suspicion.is_none() && !examined.cut_short {
        examined.suspicion = stray_write(lowered, &after_memory, &owned);
    }
    for clause in seen {
        coverage.mark(clause);
    }
    examined
}

/// The registers as the kernel got them.
fn registers(call: &Invocation, low: &LoweredCall, returns: &[i64], lowered: &Lowered, sandbox: &Sandbox) -> [u64; 6] {
    let mut registers = low.addresses;
    for (slot, arg) in registers.iter_mut().zip(&call.args) {
        match arg {
            Argument::Number(value) => *slot = *value,
            Argument::Block(_) => {}
            Argument::Result { of, output, high } => {
                let value = match output {
                    Output::Ret => returns.get(*of).copied().unwrap_or(-1),
                    Output::Written { param, offset } => {
                        let address = lowered.calls.get(*of).map_or(0, |call| call.addresses[usize::from(*param)]);
                        sandbox
                            .arena()
                            .slice(address + u64::from(*offset), 4)
                            .and_then(|bytes| <[u8; 4]>::try_from(bytes).ok())
                            .map_or(-1, |bytes| i64::from(i32::from_le_bytes(bytes)))
                    }
                };
                let value = value.cast_unsigned();
                *slot = high.map_or(value, |high| value & 0xffff_ffff | u64::from(high) << 32);
            }
        }
    }
    registers
}

/// Counts the clauses about ignored bits: the outcome was right although such a bit was set.
fn ignored(resolved: &Resolved, variant: &Variant, registers: &[u64; 6], seen: &mut Vec<ClauseId>) {
    for (param, register) in variant.params.iter().zip(registers) {
        if let (Some(Unknown::Ignored), Some(clause)) = (param.unknown, param.ignored_clause)
            && let Type::Flags { set, .. } | Type::Enum { set, .. } = &param.ty
            && let Some(set) = resolved.sets.get(set)
            && i128::from(*register & 0xffff_ffff) & !set.known != 0
        {
            seen.push(clause);
        }
    }
}
