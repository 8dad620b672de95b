//! Where a pointer leads: into memory that a condition wants there, or not.

use super::Aiming;
use super::numbers::{MOST, behind};
use crate::exec::layout::PLAYGROUND_BASE;
use crate::generate::values::UNMAPPED;
use crate::program::{Argument, Placement};
use abispec::expr::{Expr, Function, Word};
use abispec::types::Type;

/// Addresses of the kernel, which no caller has.
const BEYOND: [u64; 3] = [0xffff_8000_0000_1000, 0x8000_0000_0000_0000, 0xffff_ff00_0000_0000];

impl Aiming<'_, '_, '_> {
    /// Lets a pointer lead where a condition says that nothing is; says whether the condition is one about that.
    pub(super) fn about_a_place(&mut self, function: Function, list: &[Expr], want: bool) -> bool {
        let beyond = match function {
            Function::UserRange => true,
            Function::Mapped => false,
            Function::Aligned if self.is_pointer(list) => {
                if !want {
                    self.misalign(list);
                }
                return true;
            }
            Function::Aligned => {
                self.align(list, want);
                return true;
            }
            Function::Zeroed => {
                self.zero(list, want);
                return true;
            }
            _ => return false,
        };
        if want {
            return true;
        }
        let address = if beyond { self.dice.of(BEYOND) } else { UNMAPPED };
        match list.first() {
            Some(Expr::Param(index)) => self.nowhere(*index, list, beyond, address),
            Some(Expr::Load { address: at, size, .. }) => {
                let Some((param, offset)) = behind(at) else { return true };
                let bytes = usize::from(*size).min(8);
                if let Some(Argument::Block(block)) = self.draft.args.get_mut(usize::from(param))
                    && let Some(slot) = block.bytes.get_mut(offset as usize..offset as usize + bytes)
                {
                    slot.copy_from_slice(&address.to_le_bytes()[..bytes]);
                    block.links.retain(|(at, _)| *at != offset);
                }
            }
            _ => {}
        }
        true
    }

    fn nowhere(&mut self, index: u8, list: &[Expr], beyond: bool, address: u64) {
        let to_write = matches!(list.last(), Some(Expr::Word(Word::Write)));
        let grows = self.variant.params.get(usize::from(index)).is_some_and(|param| grows(&param.ty));
        let bytes = list.get(1).and_then(|bytes| self.value(bytes)).and_then(|bytes| usize::try_from(bytes).ok());
        // What the condition reads of it has to be there all the same.
        let read = self.reads.iter().filter(|(of, _)| *of == index).map(|(_, end)| *end).max();
        let part = if read.is_some() { 85 } else { 40 };
        match self.draft.args.get_mut(usize::from(index)) {
            // Memory that can be read is none to be written.
            Some(Argument::Block(block)) if to_write && !beyond && self.dice.chance(40) => {
                block.placement = Placement::ReadOnly;
            }
            // A part of it is there.
            Some(Argument::Block(block)) if !beyond && block.links.is_empty() && self.dice.chance(part) => {
                if let Some(bytes) = bytes.filter(|bytes| (block.bytes.len() + 1..=MOST).contains(bytes)) {
                    block.bytes.resize(bytes, 0);
                } else if grows {
                    // What no release knows is refused where it is not 0, also before the end of memory is met.
                    block.bytes.resize(block.bytes.len() + self.dice.below(40), 1);
                }
                let whole = bytes.map_or(block.bytes.len() + 1, |bytes| bytes.clamp(1, block.bytes.len() + 1));
                let there = match read.filter(|read| *read < whole) {
                    Some(read) if self.dice.chance(50) => read,
                    Some(read) => read + self.dice.below(whole - read),
                    None if self.dice.chance(40) => whole - 1,
                    None => self.dice.below(whole),
                };
                block.placement = Placement::Edge(u32::try_from(there).unwrap_or(u32::MAX));
            }
            Some(arg @ (Argument::Block(_) | Argument::Number(_))) => *arg = Argument::Number(address),
            Some(Argument::Result { .. }) | None => {}
        }
    }

    /// Lets a number be a multiple of another one, or not.
    fn align(&mut self, list: &[Expr], want: bool) {
        let [inner, by] = list else { return };
        let (Some(now), Some(by)) = (self.value(inner), self.value(by)) else { return };
        if by < 2 {
            return;
        }
        let down = now - now.rem_euclid(by);
        let beside = if self.dice.chance(50) { 1 } else { 1 + self.dice.below(by as usize - 1) as i128 };
        self.make(inner, if want { down } else { down + beside });
    }

    /// Lets the bytes from here to there be 0, or one of them not.
    fn zero(&mut self, list: &[Expr], want: bool) {
        let [Expr::Param(index), from, to] = list else { return };
        let (Some(from), Some(to)) = (self.value(from), self.value(to)) else { return };
        let (Ok(from), Ok(to)) = (usize::try_from(from), usize::try_from(to)) else { return };
        let Some(Argument::Block(block)) = self.draft.args.get_mut(usize::from(*index)) else { return };
        if from >= to || to > MOST {
            return;
        }
        if block.bytes.len() < to {
            block.bytes.resize(to, 0);
        }
        block.bytes[from..to].fill(0);
        if !want {
            let first = self.dice.chance(30);
            let at = if first { from } else { from + self.dice.below(to - from) };
            block.bytes[at] = 1;
        }
    }

    fn is_pointer(&self, list: &[Expr]) -> bool {
        let Some(Expr::Param(index)) = list.first() else { return false };
        self.variant.params.get(usize::from(*index)).is_some_and(|param| param.ty.pointer().is_some())
    }

    /// Lets a pointer lead to where nothing is aligned; what lies there may still be read.
    fn misalign(&mut self, list: &[Expr]) {
        let Some(Expr::Param(index)) = list.first() else { return };
        match self.draft.args.get_mut(usize::from(*index)) {
            // A block that ends at the inaccessible page begins where its length lets it.
            Some(Argument::Block(block)) if block.links.is_empty() && self.dice.chance(60) => {
                block.bytes.push(0);
                block.placement = Placement::Edge(u32::try_from(block.bytes.len()).unwrap_or(u32::MAX));
            }
            Some(arg @ (Argument::Block(_) | Argument::Number(_))) => *arg = Argument::Number(UNMAPPED + 1),
            Some(Argument::Result { .. }) | None => {}
        }
    }
}

/// Whether a pointer leads to a struct that later releases make longer.
fn grows(ty: &Type) -> bool {
    matches!(ty, Type::Ptr { to, .. } if matches!(**to, Type::Extensible { .. }))
}

/// What two pointers are where they are to be equal: each block has an address of its own.
pub(super) fn shared(argument: &Argument) -> Argument {
    match argument {
        Argument::Block(_) => Argument::Number(PLAYGROUND_BASE),
        Argument::Number(_) | Argument::Result { .. } => argument.clone(),
    }
}
