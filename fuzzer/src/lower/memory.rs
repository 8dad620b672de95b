//! Where the blocks of a program lie.

use super::{LowerError, POISON, Placed};
use crate::exec::Sandbox;
use crate::exec::layout::{CELL_GUARD, CELL_RO, CELL_RO_SIZE, CELL_RW, CELL_RW_SIZE};
use crate::program::{Block, Placement};
use std::borrow::Cow;

/// Bytes of poison on either side of a block.
const RED_ZONE: usize = 64;

/// What a program's memory held before it ran, as far as it is used.
#[derive(Clone, Debug, Default)]
pub struct Image {
    /// The writable pages from their beginning, red zones included.
    pub low: Vec<u8>,
    /// The writable pages up to their end.
    pub high: Vec<u8>,
    /// The read-only page.
    pub read_only: Vec<u8>,
    /// Bytes of a pointer.
    word: usize,
}

impl Image {
    /// Becomes empty, for programs whose pointers have so many bytes.
    pub(super) fn restart(&mut self, word: usize) {
        self.word = word;
        self.low.clear();
        self.high.clear();
        self.read_only.clear();
    }

    /// Makes room for `bytes` between red zones of the cell at `base`; gives their address, and them to be filled.
    pub(super) fn reserve(&mut self, base: u64, bytes: usize) -> Result<(u64, &mut [u8]), LowerError> {
        let start = (self.low.len().max(RED_ZONE) + 7) & !7;
        let end = start + bytes + RED_ZONE;
        if end + self.high.len() > CELL_RW_SIZE as usize {
            return Err(LowerError::TooMuchMemory);
        }
        self.low.resize(end, POISON);
        let room = self.low.get_mut(start..start + bytes).unwrap_or_default();
        Ok((base + CELL_RW + start as u64, room))
    }

    /// Puts a block, and what it points to, into the cell at `base`; gives its address.
    pub(super) fn put(
        &mut self,
        base: u64,
        block: &Block,
        param: u8,
        linked: bool,
        placed: &mut Vec<Placed>,
    ) -> Result<u64, LowerError> {
        let present = block.present();
        // What a block points to needs its address first.
        let bytes = if block.links.is_empty() {
            Cow::Borrowed(block.bytes.as_slice())
        } else {
            let mut bytes = block.bytes.clone();
            for (offset, inner) in &block.links {
                let address = self.put(base, inner, param, true, placed)?;
                let at = *offset as usize;
                if let Some(slot) = bytes.get_mut(at..at + self.word) {
                    slot.copy_from_slice(&address.to_le_bytes()[..self.word]);
                }
            }
            Cow::Owned(bytes)
        };
        let bytes = &bytes[..present];
        let address = match block.placement {
            Placement::Middle => {
                let (address, room) = self.reserve(base, present)?;
                room.copy_from_slice(bytes);
                address
            }
            Placement::Edge(_) => {
                if self.low.len() + present + RED_ZONE > CELL_RW_SIZE as usize {
                    return Err(LowerError::TooMuchMemory);
                }
                self.high.resize(RED_ZONE, POISON);
                self.high.extend_from_slice(bytes);
                base + CELL_GUARD - present as u64
            }
            Placement::ReadOnly => {
                let start = (self.read_only.len() + 7) & !7;
                if start + present > CELL_RO_SIZE as usize {
                    return Err(LowerError::TooMuchMemory);
                }
                self.read_only.resize(start, POISON);
                self.read_only.extend_from_slice(bytes);
                base + CELL_RO + start as u64
            }
        };
        placed.push(Placed { param, address, present, linked });
        Ok(address)
    }

    /// Memory between the blocks of the two ends, in the cell at `base`: from here to there.
    pub(super) fn free(&self, base: u64) -> (u64, u64) {
        let low = (self.low.len() as u64 + 7) & !7;
        (base + CELL_RW + low, base + CELL_GUARD - self.high.len() as u64)
    }

    /// Writes everything to the cell at `base`.
    pub(crate) fn write(&self, base: u64, sandbox: &mut Sandbox) {
        let arena = sandbox.arena_mut();
        let parts = [
            (base + CELL_RW, &self.low),
            (base + CELL_GUARD - self.high.len() as u64, &self.high),
            (base + CELL_RO, &self.read_only),
        ];
        for (address, bytes) in parts {
            if let Some(memory) = arena.slice_mut(address, bytes.len()) {
                memory.copy_from_slice(bytes);
            }
        }
    }
}
