//! The memory that a call may write, and what was written elsewhere.

use super::{Context, Suspicion};
use crate::cell::CellMemory;
use crate::exec::layout::{CELL_RW, CELL_RW_SIZE};
use crate::lower::{Lowered, LoweredCall};
use crate::oracle::Verdict;
use crate::world::View;
use abispec::errno::Errno;
use abispec::expr::{Moment, Truth, evaluate, truth};
use abispec::model::Effect;
use abispec::target::{Resolved, Variant};
use abispec::types::{Direction, Type};

/// Adds the memory that a call may write.
pub(super) fn own(
    view: &View<'_>,
    variant: &Variant,
    low: &LoweredCall,
    error: Option<u32>,
    context: Context<'_>,
    owned: &mut Vec<(u64, u64)>,
) {
    let arch = context.resolved.target.arch;
    let fault = Errno::from_name("EFAULT").map(|errno| errno.number(arch));
    for (position, param) in variant.params.iter().enumerate() {
        let Some(memory) = &param.memory else { continue };
        let linked = points_to_written(&param.ty, context.resolved);
        if !memory.direction.writes() && !linked {
            continue;
        }
        let index = u8::try_from(position).unwrap_or(0);
        let written = written_bytes(view, variant, index, error, arch);
        let permitted = error.is_none() || error == fault || written.is_some();
        if !permitted {
            continue;
        }
        for block in low.blocks.iter().filter(|block| block.param == index) {
            if block.linked != linked && !(block.linked && linked) {
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

/// Whether a pointer leads to structs whose own pointers are written through.
fn points_to_written(ty: &Type, resolved: &Resolved) -> bool {
    let Type::Ptr { to, .. } = ty else { return false };
    let inner = match &**to {
        Type::Array { of, .. } => of,
        other => other,
    };
    let Type::Struct(name) = inner else { return false };
    resolved.structs.get(name).is_some_and(|found| {
        found.fields.iter().any(|field| {
            matches!(
                field.shape.ty,
                Type::Ptr { direction: Direction::Out | Direction::InOut, .. }
                    | Type::Buffer { direction: Direction::Out | Direction::InOut, .. }
            )
        })
    })
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
        if let Some(number) = error {
            if rule.effect.on.iter().any(|errno| errno.number(arch) == number) {
                return Some(None);
            }
            continue;
        }
        let holds = rule.effect.when.as_ref().map_or(Truth::True, |when| truth(&when.value, view, Moment::Before));
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

/// The first byte that changed and that no call owns.
pub(super) fn stray_write(lowered: &Lowered, after: &CellMemory<'_>, owned: &[(u64, u64)]) -> Option<Suspicion> {
    let whole = CELL_RW_SIZE as usize;
    let image = &lowered.image;
    for (was, start) in [(&image.low, 0), (&image.high, whole - image.high.len())] {
        let is = after.low.get(start..start + was.len())?;
        if was == is {
            continue;
        }
        for (offset, (old, new)) in was.iter().zip(is).enumerate().filter(|(_, (old, new))| old != new) {
            let address = lowered.cell + CELL_RW + (start + offset) as u64;
            if owned.iter().any(|(begin, end)| (*begin..*end).contains(&address)) {
                continue;
            }
            return Some(stray(lowered, address, *old, *new));
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
