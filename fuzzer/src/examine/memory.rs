//! The memory that a call may write, and what was written elsewhere.

use super::{Context, Suspicion};
use crate::cell::CellMemory;
use crate::exec::layout::{CELL_GUARD, CELL_RW};
use crate::lower::{Lowered, LoweredCall};
use crate::oracle::Verdict;
use crate::plan::WrittenParam;
use crate::world::View;
use abispec::expr::{Moment, Truth, evaluate, truth};
use abispec::model::Effect;
use abispec::target::Variant;

/// Adds the memory that a call may write through the parameters `written`.
pub(super) fn own(
    view: &View<'_>,
    written: &[WrittenParam],
    low: &LoweredCall,
    error: Option<u32>,
    context: Context<'_>,
    owned: &mut Vec<(u64, u64)>,
) {
    let arch = context.resolved.target.arch;
    let faulted = error.map(i128::from) == Some(context.numbers.efault());
    for WrittenParam { param, linked } in written.iter().copied() {
        let written = written_bytes(view, view.variant(), param, error, arch);
        let permitted = error.is_none() || faulted || written.is_some();
        if !permitted {
            continue;
        }
        for block in low.blocks.iter().filter(|block| block.param == param) {
            if block.linked != linked {
                continue;
            }
            let bytes = match written {
                Some(Some(bytes)) if !block.linked => bytes.min(block.present as u64),
                _ => block.present as u64,
            };
            owned.push((block.address, block.address + bytes));
        }
    }
}

/// What `writes` says of a parameter: `None` nothing, `Some(None)` up to the whole range, else this many bytes.
fn written_bytes(
    view: &View<'_>,
    variant: &Variant,
    param: u8,
    error: Option<u32>,
    arch: abispec::arch::Arch,
) -> Option<Option<u64>> {
    for rule in &variant.effects {
        let Effect::Writes { to: abispec::expr::Expr::Param(index), bytes } = &rule.effect.effect else { continue };
        if *index != param {
            continue;
        }
        let holds = rule.effect.when.as_ref().map_or(Truth::True, |when| truth(&when.value, view, Moment::Before));
        if let Some(number) = error {
            if rule.effect.on.iter().any(|errno| errno.number(arch) == number) && holds != Truth::False {
                return Some(None);
            }
            continue;
        }
        match holds {
            Truth::False => {}
            Truth::Unknown => return Some(None),
            Truth::True => {
                let known = bytes.as_ref().and_then(|bytes| evaluate(bytes, view, Moment::Before));
                return Some(known.and_then(|bytes| u64::try_from(bytes).ok()));
            }
        }
    }
    None
}

/// The first byte that changed and that no call owns. `owned` is put in order.
pub(super) fn stray_write(lowered: &Lowered, after: &CellMemory<'_>, owned: &mut [(u64, u64)]) -> Option<Suspicion> {
    owned.sort_unstable();
    let image = &lowered.image;
    let low = lowered.cell + CELL_RW;
    let high = lowered.cell + CELL_GUARD - image.high.len() as u64;
    for (was, address) in [(&image.low, low), (&image.high, high)] {
        let start = usize::try_from(address - low).ok()?;
        let is = after.low.get(start..start + was.len())?;
        let mut from = 0;
        // What lies between two ranges that are owned must be as it was.
        for (begin, end) in owned.iter().copied().chain([(u64::MAX, u64::MAX)]) {
            let offset = |address_of: u64| {
                usize::try_from(address_of.saturating_sub(address)).map_or(was.len(), |offset| offset.min(was.len()))
            };
            let (begin, end) = (offset(begin), offset(end));
            if from < begin
                && was[from..begin] != is[from..begin]
                && let Some(at) = (from..begin).find(|at| was[*at] != is[*at])
            {
                return Some(stray(lowered, address + at as u64, was[at], is[at]));
            }
            from = from.max(end);
        }
    }
    None
}

fn stray(lowered: &Lowered, address: u64, old: u8, new: u8) -> Suspicion {
    // The nearest block before the byte, or else after it, names the call.
    let blocks =
        lowered.calls.iter().enumerate().flat_map(|(call, low)| low.blocks.iter().map(move |block| (call, block)));
    let nearest = blocks.min_by_key(|(_, block)| {
        let end = block.address + block.present as u64;
        if address < block.address { block.address - address + 1 } else { (address + 1).saturating_sub(end) }
    });
    let (call, place) = nearest.map_or((0, String::new()), |(call, block)| {
        let at = i128::from(address) - i128::from(block.address);
        (call, format!(" at byte {at} of argument {} ({} bytes)", block.param + 1, block.present))
    });
    let expected = format!("memory{place} stays as it is");
    let actual = format!("it changed from {old:#04x} to {new:#04x}");
    Suspicion { call, verdict: Verdict { id: "stray-write", clause: None, expected, actual } }
}
