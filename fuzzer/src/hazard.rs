//! What a program must not do for the harm it would do to the executor or to its own other arguments.
//!
//! The specification states what is true and generators try everything; this file alone says what is not tried.

use crate::exec::layout::{PLAYGROUND_BASE, PLAYGROUND_MARGIN_PAGES, PLAYGROUND_PAGES};
use crate::program::{Argument, Block, Invocation, Placement, Program};
use abispec::expr::{Function, Moment, Observer, OperandValue, evaluate};
use abispec::target::{ResolvedParam, Variant};
use abispec::types::{IntType, Type};

/// Why a program is not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hazard {
    /// It changes mappings that are the executor's own.
    Mappings,
    /// The kernel would go beyond a block into the next one: only a block at the edge may be shorter than it claims.
    Overrun,
    /// More than one block wants the inaccessible page behind it.
    Edges,
}

/// What is dangerous about a call.
pub fn find(call: &Invocation, variant: &Variant) -> Option<Hazard> {
    mappings(call, variant).or_else(|| overrun(call, variant))
}

/// Whether a program's memory can be laid out: at most one block ends at the inaccessible page.
pub fn fits(program: &Program) -> bool {
    let edges = program
        .calls
        .iter()
        .flat_map(|call| &call.args)
        .filter(|arg| matches!(arg, Argument::Block(Block { placement: Placement::Edge(_), .. })))
        .count();
    edges <= 1
}

/// Ranges of pages lie in the playground and its margins, or where no process has pages.
fn mappings(call: &Invocation, variant: &Variant) -> Option<Hazard> {
    let number = |index: usize| match call.args.get(index) {
        Some(Argument::Number(value)) => Some(*value),
        _ => None,
    };
    let measures = |param: &ResolvedParam| {
        matches!(param.ty, Type::Size | Type::Len(_) | Type::Bytesize(_) | Type::Int { int: IntType::Long { .. }, .. })
    };
    let margin = PLAYGROUND_MARGIN_PAGES * 4096;
    let (begin, end) = (PLAYGROUND_BASE - margin, PLAYGROUND_BASE + PLAYGROUND_PAGES * 4096 + margin);
    for (index, param) in variant.params.iter().enumerate() {
        if !matches!(param.ty, Type::Vma) {
            continue;
        }
        let Some(address) = number(index) else { continue };
        // The last page of addresses is an errno to everybody; a call that succeeds there cannot be told from a failure.
        if address > u64::MAX - 8192 {
            return Some(Hazard::Mappings);
        }
        let lengths = variant.params.iter().enumerate().filter(|(_, param)| measures(param));
        for length in lengths.filter_map(|(index, _)| number(index)).chain([4096]) {
            let last = address.saturating_add(length);
            let inside = address >= begin && last <= end;
            let above = address >= 1 << 47;
            let below = last <= 0x1_0000 && address.checked_add(length).is_some();
            if !inside && !above && !below {
                return Some(Hazard::Mappings);
            }
        }
    }
    None
}

/// Arguments that are plain numbers; everything else is unknown.
struct Numbers<'a> {
    call: &'a Invocation,
    variant: &'a Variant,
}

impl Observer for Numbers<'_> {
    fn argument(&self, index: u8) -> Option<i128> {
        let Argument::Number(value) = self.call.args.get(usize::from(index))? else { return None };
        let narrow = self.variant.params.get(usize::from(index))?.int.bytes(8) <= 4;
        Some(i128::from(if narrow { *value & 0xffff_ffff } else { *value }))
    }

    fn result(&self) -> Option<i128> {
        None
    }

    fn load(&self, _: i128, _: u8, _: bool, _: Moment) -> Option<i128> {
        None
    }

    fn call(&self, _: Function, _: &[OperandValue], _: Moment) -> Option<i128> {
        None
    }
}

fn overrun(call: &Invocation, variant: &Variant) -> Option<Hazard> {
    for (param, arg) in variant.params.iter().zip(&call.args) {
        let (Some(memory), Argument::Block(block)) = (&param.memory, arg) else { continue };
        if matches!(block.placement, Placement::Edge(_)) {
            continue;
        }
        let Some(bytes) = &memory.bytes else {
            // A text ends within its block.
            if !block.bytes.contains(&0) {
                return Some(Hazard::Overrun);
            }
            continue;
        };
        let claimed = evaluate(bytes, &Numbers { call, variant }, Moment::Before);
        if claimed.is_none_or(|claimed| claimed > block.present() as i128) {
            return Some(Hazard::Overrun);
        }
        if links_overrun(block) {
            return Some(Hazard::Overrun);
        }
    }
    None
}

/// Segments state their length in the word behind the pointer.
fn links_overrun(block: &Block) -> bool {
    block.links.iter().any(|(at, inner)| {
        let at = *at as usize + 8;
        let length =
            block.bytes.get(at..at + 8).and_then(|bytes| <[u8; 8]>::try_from(bytes).ok()).map(u64::from_le_bytes);
        length.is_none_or(|length| length > inner.present() as u64)
    })
}
