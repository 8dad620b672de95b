//! The memory of one program: what may be read and written where.

use crate::exec::layout::{
    ARENA_BASE, ARENA_SIZE, CELL_GUARD, CELL_RO, CELL_RW, CELL_RW_SIZE, CELL_SIZE, LOW_ARENA_BASE,
};
use crate::world::memory::Memory;

/// The memory of one cell.
#[derive(Clone, Copy, Debug)]
pub struct CellMemory<'a> {
    /// Where the cell begins.
    pub base: u64,
    /// Its writable pages from their beginning, as far as they are known.
    pub low: &'a [u8],
    /// Its writable pages up to their end, as far as they are known.
    pub high: &'a [u8],
    /// Its read-only page, as far as it is known.
    pub read_only: &'a [u8],
}

impl Memory for CellMemory<'_> {
    fn read(&self, address: u64, bytes: &mut [u8]) -> bool {
        let Some(offset) = address.checked_sub(self.base).filter(|offset| *offset < CELL_SIZE) else { return false };
        let high = CELL_GUARD - self.high.len() as u64;
        let (start, from) = match offset {
            CELL_RO.. => (CELL_RO, self.read_only),
            _ if offset >= high => (high, self.high),
            _ => (CELL_RW, self.low),
        };
        let found = offset.checked_sub(start).and_then(|at| {
            let at = usize::try_from(at).ok()?;
            from.get(at..at.checked_add(bytes.len())?)
        });
        match found {
            Some(found) => {
                bytes.copy_from_slice(found);
                true
            }
            None => false,
        }
    }

    fn access(&self, address: u64, len: u64) -> (Option<bool>, Option<bool>) {
        let Some(end) = address.checked_add(len) else { return (Some(false), Some(false)) };
        let within = |begin: u64, stop: u64| address >= self.base + begin && end <= self.base + stop;
        if within(CELL_RW, CELL_GUARD) {
            return (Some(true), Some(true));
        }
        if within(CELL_RO, CELL_RO + crate::exec::layout::CELL_RO_SIZE) {
            return (Some(true), Some(false));
        }
        let arena = if self.base >> 32 == 0 { LOW_ARENA_BASE } else { ARENA_BASE };
        arena_access(address, end, arena)
    }
}

/// Addresses outside the cell: what is surely not mapped, and what is surely nothing of the program's.
fn arena_access(address: u64, end: u64, arena: u64) -> (Option<bool>, Option<bool>) {
    let no = (Some(false), Some(false));
    if address == end {
        return (Some(true), Some(true));
    }
    // The first pages are never mapped, and beyond the user's half of the address space nothing is.
    if address < 0x1_0000 || end > (1 << 47) - 4096 {
        return no;
    }
    if !(arena..arena + ARENA_SIZE).contains(&address) {
        return (None, None);
    }
    let offset = (address - arena) % CELL_SIZE;
    let last = (end - 1 - arena) % CELL_SIZE;
    let guard = |offset: u64| !(CELL_RW..CELL_GUARD).contains(&offset) && !(CELL_RO..CELL_RO + 4096).contains(&offset);
    let length = end - address;
    // A range that begins or ends in a guard page, or is longer than what lies between two of them, meets one.
    if guard(offset) || guard(last) || length > CELL_RW_SIZE { no } else { (None, None) }
}
