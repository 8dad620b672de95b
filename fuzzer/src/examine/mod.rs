//! One program that ran, call by call: what the model expected, what the oracle says, what memory and descriptors show.

mod apart;
mod effects;
mod hearing;
mod looks;
mod memory;

use crate::cell::CellMemory;
use crate::coverage::Coverage;
use crate::exec::layout::{CELL_RO, CELL_RW, CELL_RW_SIZE};
use crate::exec::{Entry, OpState, Sandbox};
use crate::jury::Jury;
use crate::lower::{Lowered, LoweredCall};
use crate::oracle::{Answer, Verdict};
use crate::plan::{IgnoredBits, Plans, VariantPlan};
use crate::plant::Plant;
use crate::program::{Argument, Invocation, Output, Program};
use crate::world::process::Alteration;
use crate::world::{Numbers, World};
use abispec::target::{ClauseId, Resolved, Variant};
use abispec::types::Type;
use hearing::{Heard, Hearing, Reserved};
use looks::{Answers, table};
use memory::stray_write;
use std::cell::Cell;

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
    /// A call ran that the sandbox refuses, was disturbed, or made the caller a stranger: what follows cannot be judged.
    pub cut_short: bool,
}

/// Everything that examining needs beside the program.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The specification.
    pub resolved: &'a Resolved,
    /// The target's numbers.
    pub numbers: &'a Numbers,
    /// What was worked out of it.
    pub plans: &'a Plans,
    /// Planted violations.
    pub plants: &'a [Plant],
    /// Who else hears the calls.
    pub jury: Option<&'a Jury>,
}

/// What is noted down while a program is examined; its memory serves the next program.
#[derive(Debug, Default)]
pub struct Notes {
    /// Clauses that were seen to hold.
    seen: Vec<ClauseId>,
    /// Ranges of memory that calls may have written.
    owned: Vec<(u64, u64)>,
    /// What the calls returned.
    returns: Vec<i64>,
}

/// Examines one program of a batch that has run.
pub fn examine(
    context: Context<'_>,
    program: &Program,
    lowered: &Lowered,
    sandbox: &Sandbox,
    start: &World,
    notes: &mut Notes,
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
    let answers = Vec::with_capacity(program.calls.len());
    let mut examined = Examined { suspicion: None, judged: 0, answers, world: start.clone(), cut_short: false };
    let Notes { seen, owned, returns } = notes;
    seen.clear();
    owned.clear();
    returns.clear();
    let mut reserved = Vec::new();
    for (index, (call, low)) in program.calls.iter().zip(&lowered.calls).enumerate() {
        let result = sandbox.result(low.op);
        match result.state {
            OpState::Done | OpState::Interrupted | OpState::Left => {}
            OpState::Late => {
                examined.suspicion = Some(Suspicion { call: index, verdict: apart::late() });
                examined.cut_short = true;
                break;
            }
            OpState::NotRun | OpState::InFlight | OpState::Skipped | OpState::Disturbed => {
                examined.cut_short = true;
                break;
            }
        }
        if result.denied() {
            examined.cut_short = true;
            break;
        }
        let spec = &context.resolved.calls[call.call];
        let variant = &spec.variants[low.variant];
        let plan = &context.plans.call(call.call).variants[low.variant];
        let registers = registers(call, low, plan, returns, lowered, sandbox);
        let ret = Plant::seen(context.plants, low.entry, spec, &registers, result.ret);
        let ret = answered(low.entry, variant, ret);
        returns.push(result.ret);
        let answer = if result.state == OpState::Left { Answer::Left } else { Answer::of(ret) };
        examined.answers.push(Some(answer));
        examined.judged += 1;
        let hearing = Hearing {
            context,
            plan,
            answers: Answers { low, sandbox, registers, ret, agreed: Cell::new(0) },
            answer,
            interrupted: result.state == OpState::Interrupted,
            world: &examined.world,
            before: &before_memory,
            after: &after_memory,
            end: if index + 1 == program.calls.len() { &lowered.end } else { &[] },
        };
        if hearing.is_cut_off(variant) {
            // What began may have told its caller so when it ended.
            examined.cut_short = true;
            break;
        }
        let before = seen.len();
        let Heard { verdict, next } = hearing.judge(variant, seen);
        let first = owned.len();
        hearing.own(variant, &plan.written, owned);
        if !matches!(answer, Answer::Error(_)) {
            coverage.successes[call.call][low.variant] += 1;
        }
        let verdict = verdict.or_else(|| {
            ignored(plan, &registers, seen);
            hearing.table(next.as_ref())
        });
        if verdict.is_none()
            && let Some(jury) = context.jury
        {
            let place = (call.call, low.variant);
            jury.keep(&seen[before..], &program.calls[..=index]);
            hearing.before_the_jury(jury, place, next.as_ref(), &(first..owned.len()), &mut reserved);
        }
        if let Some(mut next) = next {
            if verdict.is_none() && matches!(answer, Answer::Value(_)) {
                hearing.answers.teach(&mut next);
            }
            examined.world = next;
        }
        if let Some(verdict) = verdict {
            examined.suspicion = Some(Suspicion { call: index, verdict });
            break;
        }
        if examined.world.process.alteration == Alteration::Strange {
            examined.cut_short = true;
            break;
        }
    }
    if examined.suspicion.is_none() && !examined.cut_short {
        let last = program.calls.len().saturating_sub(1);
        let end = table(&examined.world, &lowered.end, sandbox, false);
        examined.suspicion = end.map(|verdict| Suspicion { call: last, verdict });
    }
    // A call that was killed on its way out may have written what it owns; nobody knows what that is.
    if examined.suspicion.is_none() && !examined.cut_short {
        let versions: Vec<_> = reserved
            .iter()
            .filter(|reserved| !reserved.is_same(owned))
            .map(|reserved| (reserved, reserved.all(owned)))
            .collect();
        examined.suspicion = stray_write(lowered, &after_memory, owned);
        if let Some(jury) = context.jury.filter(|_| examined.suspicion.is_none()) {
            for (Reserved { seat, succeeded, .. }, mut owned) in versions {
                match stray_write(lowered, &after_memory, &mut owned) {
                    Some(found) => jury.vote(seat, &found.verdict),
                    // A call that failed wrote nothing yet where it might have.
                    None if *succeeded => jury.agrees(seat),
                    None => {}
                }
            }
        }
    }
    for clause in seen.drain(..) {
        coverage.mark(clause);
    }
    examined
}

/// The registers as the kernel got them.
pub(crate) fn registers(
    call: &Invocation,
    low: &LoweredCall,
    plan: &VariantPlan,
    returns: &[i64],
    lowered: &Lowered,
    sandbox: &Sandbox,
) -> [u64; 6] {
    let mut registers = low.addresses;
    for (place, (slot, arg)) in registers.iter_mut().zip(&call.args).enumerate() {
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
                // A second register holds nothing but what is put into it.
                let high = if plan.wide & 1 << place != 0 { Some(high.unwrap_or(0)) } else { *high };
                *slot = high.map_or(value, |high| value & 0xffff_ffff | u64::from(high) << 32);
            }
        }
    }
    registers
}

/// What a call returned, by the type that it returns: the i386 entry gives 32 bits without a sign.
pub(crate) fn answered(entry: Entry, variant: &Variant, ret: i64) -> i64 {
    match (entry, &variant.returns) {
        (Entry::Ia32, Type::Int { int, .. }) if int.signed() => i64::from(ret as i32),
        _ => ret,
    }
}

/// Whether a call that gave this answer can have changed what the model follows.
fn changes(context: Context<'_>, plan: &VariantPlan, variant: &Variant, answer: Answer) -> bool {
    match answer {
        Answer::Value(_) => !variant.effects.is_empty(),
        // Another process made it.
        Answer::Left => false,
        Answer::Error(number) => plan.may_half_happen || i128::from(number) == context.numbers.efault(),
    }
}

/// Counts the clauses about ignored bits: the outcome was right although such a bit was set.
fn ignored(plan: &VariantPlan, registers: &[u64; 6], seen: &mut Vec<ClauseId>) {
    let set = |bits: &&IgnoredBits| i128::from(registers[usize::from(bits.param)] & 0xffff_ffff) & !bits.known != 0;
    seen.extend(plan.ignored.iter().filter(set).map(|bits| bits.clause));
}
