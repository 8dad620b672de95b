//! What is known of a call before it is made.

use crate::program::Argument;
use abispec::expr::{Function, Moment, Observer, OperandValue};

/// The arguments of a call: its numbers, and what lies in its memory. Of the world nothing is known.
pub(crate) struct Unmade<'a>(pub(crate) &'a [Argument]);

/// Stands for the address of an argument's memory: more than any number of a register.
pub(crate) const BEHIND: i128 = 1 << 70;

impl Observer for Unmade<'_> {
    fn argument(&self, index: u8) -> Option<i128> {
        match self.0.get(usize::from(index))? {
            Argument::Number(value) => Some((*value).into()),
            Argument::Block(_) => Some(BEHIND * (i128::from(index) + 1)),
            Argument::Result { .. } => None,
        }
    }

    fn result(&self) -> Option<i128> {
        None
    }

    fn load(&self, address: i128, size: u8, _: bool, _: Moment) -> Option<i128> {
        let index = usize::try_from(address / BEHIND - 1).ok()?;
        let at = usize::try_from(address % BEHIND).ok()?;
        let Argument::Block(block) = self.0.get(index)? else { return None };
        block.word(at, size.into()).map(i128::from)
    }

    fn call(&self, _: Function, _: &[OperandValue], _: Moment) -> Option<i128> {
        None
    }
}
