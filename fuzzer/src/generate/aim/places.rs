//! Where a pointer leads: into memory that a condition wants there, or not.

use super::{Aiming, Number, number};
use crate::exec::EXECUTOR_PID;
use crate::exec::layout::PLAYGROUND_BASE;
use crate::generate::mine::Spot;
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
            _ => return false,
        };
        if want {
            return true;
        }
        let address = if beyond { self.dice.of(BEYOND) } else { UNMAPPED };
        match list.first() {
            Some(Expr::Param(index)) => {
                let to_write = matches!(list.last(), Some(Expr::Word(Word::Write)));
                let grows = self.variant.params.get(usize::from(*index)).is_some_and(|param| grows(&param.ty));
                match self.args.get_mut(usize::from(*index)) {
                    // Memory that can be read is none to be written.
                    Some(Argument::Block(block)) if to_write && !beyond && self.dice.chance(40) => {
                        block.placement = Placement::ReadOnly;
                    }
                    // A part of it is there.
                    Some(Argument::Block(block)) if !beyond && block.links.is_empty() && self.dice.chance(40) => {
                        if grows {
                            // What no release knows is refused where it is not 0, also before the end of memory is met.
                            block.bytes.resize(block.bytes.len() + self.dice.below(40), 1);
                        }
                        let there = self.dice.below(block.bytes.len() + 1);
                        block.placement = Placement::Edge(u32::try_from(there).unwrap_or(u32::MAX));
                    }
                    Some(arg @ (Argument::Block(_) | Argument::Number(_))) => *arg = Argument::Number(address),
                    Some(Argument::Result { .. }) | None => {}
                }
            }
            Some(inner @ Expr::Load { .. }) => {
                let Some(Number { spot: Spot::Behind(param, offset), bytes, .. }) = number(inner) else { return true };
                if let Some(Argument::Block(block)) = self.args.get_mut(usize::from(param))
                    && let Some(slot) = block.bytes.get_mut(offset as usize..offset as usize + bytes.min(8))
                {
                    slot.copy_from_slice(&address.to_le_bytes()[..bytes.min(8)]);
                    block.links.retain(|(at, _)| *at != offset);
                }
            }
            _ => {}
        }
        true
    }

    fn is_pointer(&self, list: &[Expr]) -> bool {
        let Some(Expr::Param(index)) = list.first() else { return false };
        self.variant.params.get(usize::from(*index)).is_some_and(|param| param.ty.pointer().is_some())
    }

    /// Lets a pointer lead to where nothing is aligned; what lies there may still be read.
    fn misalign(&mut self, list: &[Expr]) {
        let Some(Expr::Param(index)) = list.first() else { return };
        match self.args.get_mut(usize::from(*index)) {
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

/// What a function of the caller is in every sandbox.
pub(super) fn of_the_caller(function: Function) -> Option<i128> {
    matches!(function, Function::Pid | Function::Tid).then_some(EXECUTOR_PID.into())
}
