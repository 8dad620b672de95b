//! What conditions of a law see: its variables and the program's memory.

use crate::cell::CellMemory;
use crate::world::Numbers;
use crate::world::memory::Memory;
use abispec::expr::{Function, Moment, Observer, OperandValue};
use abispec::types::IntType;

/// Bytes that one answer may look at.
const LOOK_MAX: u64 = 1 << 14;

/// The variables of a law, as far as they have values, and memory.
pub(super) struct Scene<'a> {
    /// By variable.
    pub(super) values: Vec<Option<i128>>,
    pub(super) memory: Option<CellMemory<'a>>,
    pub(super) numbers: &'a Numbers,
}

impl Scene<'_> {
    fn bytes(&self, address: i128, count: i128) -> Option<Vec<u8>> {
        let address = u64::try_from(address).ok()?;
        let count = u64::try_from(count.max(0)).ok().filter(|count| *count <= LOOK_MAX)?;
        let mut bytes = vec![0; usize::try_from(count).ok()?];
        // Nothing is the same everywhere.
        (bytes.is_empty() || self.memory.as_ref()?.read(address, &mut bytes)).then_some(bytes)
    }
}

impl Observer for Scene<'_> {
    fn argument(&self, index: u8) -> Option<i128> {
        self.values.get(usize::from(index)).copied().flatten()
    }

    fn result(&self) -> Option<i128> {
        None
    }

    fn load(&self, address: i128, size: u8, signed: bool, _: Moment) -> Option<i128> {
        let bytes = self.bytes(address, size.into())?;
        let mut whole = [0; 8];
        whole.get_mut(..bytes.len())?.copy_from_slice(&bytes);
        let int = IntType::Fixed { bits: size.checked_mul(8)?, signed };
        Some(int.value_of(u64::from_le_bytes(whole), 8))
    }

    fn call(&self, function: Function, operands: &[OperandValue], moment: Moment) -> Option<i128> {
        let value = |index: usize| operands.get(index).and_then(|operand| operand.value());
        match function {
            Function::U64 => self.load(value(0)?, 8, false, moment),
            Function::Zeroed => {
                let (from, to) = (value(1)?, value(2)?);
                let bytes = self.bytes(value(0)?.checked_add(from)?, to.checked_sub(from)?)?;
                Some(i128::from(bytes.iter().all(|byte| *byte == 0)))
            }
            Function::SameBytes => {
                Some(i128::from(self.bytes(value(0)?, value(2)?)? == self.bytes(value(1)?, value(2)?)?))
            }
            Function::Length => {
                let start = value(0)?;
                (0..4096).find_map(|at| match self.load(start + at, 1, false, moment) {
                    None => Some(None),
                    Some(0) => Some(Some(at)),
                    Some(_) => None,
                })?
            }
            Function::UserRange => {
                let end = value(0)?.checked_add(value(1)?)?;
                Some(i128::from(value(0)? >= 0 && end <= i128::from(self.numbers.task_size)))
            }
            // The loader lets no other function into a law.
            _ => None,
        }
    }
}
