//! Where things are: the fixed addresses of the executor and the records it shares with the supervisor.
//!
//! Every record is made of atomics, read and written relaxed, because its other side is another process
//! that a tested call may have made do anything: no value read here is trusted, only clamped.

use std::sync::atomic::{AtomicI32, AtomicI64, AtomicU8, AtomicU32, AtomicU64};

use super::apart::WireApart;

/// The page size the arena is laid out for.
pub const PAGE: u64 = 4096;

/// Address of the control records in the executor. All bases fit 39 bits, the smallest address space of
/// the supported ports, and their lower halves are no mapping of anybody: a truncated pointer faults.
pub const CONTROL_BASE: u64 = 0x08_2000_0000;
/// Address of the arena: [`CELLS`] cells of memory for arguments.
pub const ARENA_BASE: u64 = 0x10_3000_0000;
/// Address of the playground: pages that only operations map.
pub const PLAYGROUND_BASE: u64 = 0x18_4000_0000;

/// Where the arena lies too in sandboxes with the i386 entry, whose pointers have 32 bits: a register or a pointer that was
/// made for the arena is cut down to it.
pub const LOW_ARENA_BASE: u64 = ARENA_BASE & 0xffff_ffff;
/// The same for the playground.
pub const LOW_PLAYGROUND_BASE: u64 = PLAYGROUND_BASE & 0xffff_ffff;

/// Pages of the playground.
pub const PLAYGROUND_PAGES: u64 = 64;
/// Pages on either side of the playground where nothing is ever mapped by the executor itself.
pub const PLAYGROUND_MARGIN_PAGES: u64 = 1024;

/// Cells in the arena.
pub const CELLS: u64 = 64;
/// Pages of one cell: guard, three writable, guard, one read-only, two guards.
pub const CELL_PAGES: u64 = 8;
/// Bytes of one cell.
pub const CELL_SIZE: u64 = CELL_PAGES * PAGE;
/// Bytes of the arena.
pub const ARENA_SIZE: u64 = CELLS * CELL_SIZE;
/// Offset in a cell of its writable pages.
pub const CELL_RW: u64 = PAGE;
/// Bytes of a cell's writable pages.
pub const CELL_RW_SIZE: u64 = 3 * PAGE;
/// Offset in a cell of the inaccessible page that follows the writable ones.
pub const CELL_GUARD: u64 = CELL_RW + CELL_RW_SIZE;
/// Offset in a cell of its read-only page.
pub const CELL_RO: u64 = CELL_GUARD + PAGE;
/// Bytes of a cell's read-only page.
pub const CELL_RO_SIZE: u64 = PAGE;

/// Operations in one batch.
pub const MAX_OPS: usize = 16_384;

/// The signal with which the watchdog interrupts a blocking call: the last real-time signal, which nothing
/// else uses. A tested call that changes its disposition or blocks it makes its executor uninterruptible.
pub const INTERRUPT_SIGNAL: i32 = 64;

/// Directory of the fresh tmpfs in which each executor starts.
pub const WORK_DIRECTORY: &str = "/t";

/// Address of the first byte of cell `index`.
pub const fn cell(index: u64) -> u64 {
    ARENA_BASE + index * CELL_SIZE
}

/// Address of the first byte of cell `index` for pointers of 32 bits.
pub const fn low_cell(index: u64) -> u64 {
    LOW_ARENA_BASE + index * CELL_SIZE
}

/// Offset in the arena of `len` bytes at `addr`, if they all lie in the writable pages or all in the read-only page
/// of one cell, at either of the arena's addresses.
pub const fn arena_offset(addr: u64, len: u64) -> Option<u64> {
    let base = if addr >> 32 == 0 { LOW_ARENA_BASE } else { ARENA_BASE };
    if addr < base || addr >= base + ARENA_SIZE || len > CELL_RW_SIZE {
        return None;
    }
    let offset = addr - base;
    let first = offset % CELL_SIZE;
    let end = first + len;
    let writable = first >= CELL_RW && end <= CELL_RW + CELL_RW_SIZE;
    let readable = first >= CELL_RO && end <= CELL_RO + CELL_RO_SIZE;
    if writable || readable { Some(offset) } else { None }
}

/// What no operation is in flight looks like in [`Control::cursor`].
pub(super) const NO_OP: u32 = u32::MAX;
/// Instructions that a shim filter may have.
pub(super) const MAX_SHIM: usize = 1024;
/// Mappings of the executor that are reported.
pub(super) const MAX_MAPPINGS: usize = 128;
/// Calls that a sandbox may deny.
pub(super) const MAX_DENIED: usize = 1024;
/// Calls that the i386 entry may have.
pub(super) const MAX_IA32: usize = 512;
/// Functions of the vDSO that are called.
pub(super) const MAX_VDSO: usize = 8;
/// Slots for parts of the sandbox that could not be set up.
pub(super) const MAX_PARTS: usize = 32;
/// First word of the control record; the other side must have been built with the same layout.
pub(super) const MAGIC: u32 = 0xab15_0001;

/// How [`Control::mark`] looks.
pub(super) const MARK: [u64; 2] = [0x726f_6f6d_5f63_4e49, 0x9b1d_e3f4_27c8_50a6];

/// What supervisor, commander and executor tell each other.
#[repr(C, align(64))]
pub(super) struct Control {
    // The executor's line: written for every operation.
    pub(super) cursor: AtomicU32,
    /// Set by the interrupt handler while an operation is in flight.
    pub(super) signalled: AtomicU32,
    /// The operation the watchdog last wanted to interrupt.
    pub(super) interrupt_target: AtomicU32,
    pub(super) op_count: AtomicU32,
    /// Number of the batch to run; the executor waits on it.
    pub(super) go: AtomicU32,
    /// Number of the last batch that ran to its end.
    pub(super) finished: AtomicU32,
    /// Bumped with every piece of news; the supervisor waits on it.
    pub(super) event: AtomicU32,
    /// Set while the executor waits for a stand-in.
    pub(super) apart: AtomicU32,
    _line: [AtomicU32; 8],

    /// By which a host finds the record in the memory of a machine that has ended.
    pub(super) mark: [AtomicU64; 2],
    /// The sandbox among those of its supervisor.
    pub(super) name: AtomicU64,
    pub(super) magic: AtomicU32,
    /// Number of the executor asked for.
    pub(super) wanted: AtomicU32,
    /// Number of the executor that is ready.
    pub(super) ready: AtomicU32,
    /// Number of the executor that ended last, and how it ended.
    pub(super) ended: AtomicU32,
    pub(super) wait_status: AtomicI32,
    /// The executor as the supervisor sees it, stored before the executor runs.
    pub(super) executor_pid: AtomicI32,
    /// The executor's number in its own pid namespace, if it was chosen, else 0.
    pub(super) chosen_pid: AtomicI32,
    /// Interrupts that the commander has sent.
    pub(super) interrupts: AtomicU32,
    /// What failed, for a sandbox or executor that could not be made ready.
    pub(super) failed_stage: AtomicU32,
    pub(super) failed_errno: AtomicI32,
    /// Errno of every part that could not be set up and can be done without.
    pub(super) skipped: [AtomicI32; MAX_PARTS],

    // What the sandbox itself is like, from its start on.
    /// Index of its file system among all.
    pub(super) file_system: AtomicU32,
    /// It has no user namespace, and nothing is denied.
    pub(super) privileged: AtomicU32,

    // The configuration of the next executor.
    pub(super) drop_capabilities: AtomicU32,
    pub(super) children_every: AtomicU32,
    pub(super) nofile_soft: AtomicU64,
    pub(super) nofile_hard: AtomicU64,
    pub(super) file_size: AtomicU64,
    pub(super) address_space: AtomicU64,
    pub(super) locked_memory: AtomicU64,
    pub(super) work_bytes: AtomicU64,
    pub(super) work_inodes: AtomicU64,
    pub(super) shim_len: AtomicU32,
    /// Numbers that are refused.
    pub(super) denied_len: AtomicU32,
    pub(super) denied: [AtomicU32; MAX_DENIED],
    /// Numbers that the i386 entry permits; where there are none, it is closed.
    pub(super) ia32_len: AtomicU32,
    pub(super) ia32: [AtomicU32; MAX_IA32],
    /// Addresses of the vDSO's functions in the executor; 0 for those that it lacks.
    pub(super) vdso: [AtomicU64; MAX_VDSO],
    pub(super) mapping_count: AtomicU32,
    /// One filter instruction each: code, jt, jf and k, packed.
    pub(super) shim: [AtomicU64; MAX_SHIM],
    pub(super) mappings: [[AtomicU64; 2]; MAX_MAPPINGS],
}

/// One operation: one cache line, enough for a call whose arguments are plain numbers.
#[repr(C, align(64))]
pub(super) struct WireOp {
    /// Call number in the lower half; then the guard's kind (8 bits), the mask of dynamic arguments (8 bits), [`bits::LOOK`]
    /// and the entry.
    pub(super) head: AtomicU64,
    pub(super) guard_op: AtomicU64,
    pub(super) args: [AtomicU64; 6],
}

/// How the dynamic arguments of an operation are computed; only looked at if it has any.
#[repr(C)]
pub(super) struct WireExtra {
    /// Eight bits per argument: the source's kind, and whether the upper half is replaced.
    pub(super) kinds: AtomicU64,
    pub(super) add: [AtomicU64; 6],
    pub(super) high: [AtomicU32; 6],
}

/// Everything in the memfd before the arena.
#[repr(C)]
pub(super) struct Records {
    pub(super) control: Control,
    pub(super) ops: [WireOp; MAX_OPS],
    pub(super) extras: [WireExtra; MAX_OPS],
    pub(super) rets: [AtomicI64; MAX_OPS],
    pub(super) states: [AtomicU8; MAX_OPS],
    /// Only touched for operations that are made apart.
    pub(super) aparts: [WireApart; MAX_OPS],
}

/// Bytes of the records in the memfd, whole pages.
pub(super) const RECORDS_SIZE: u64 = (size_of::<Records>() as u64).next_multiple_of(PAGE);
/// Bytes of the memfd: the records, then the arena.
pub(super) const TOTAL_SIZE: u64 = RECORDS_SIZE + ARENA_SIZE;

const _: () = assert!(size_of::<WireOp>() == 64);
const _: () = assert!(CONTROL_BASE + RECORDS_SIZE < ARENA_BASE);
const _: () = assert!(ARENA_BASE + ARENA_SIZE < PLAYGROUND_BASE - PLAYGROUND_MARGIN_PAGES * PAGE);

/// Bits of [`WireOp::head`] and [`WireExtra::kinds`].
pub(super) mod bits {
    pub(in crate::exec) const GUARD_SHIFT: u32 = 32;
    pub(in crate::exec) const GUARD_ALWAYS: u8 = 0;
    pub(in crate::exec) const GUARD_IF_OK: u8 = 1;
    pub(in crate::exec) const GUARD_IF_ERR: u8 = 2;
    pub(in crate::exec) const GUARD_IF_OK_OR_FAULT: u8 = 3;
    pub(in crate::exec) const DYNAMIC_SHIFT: u32 = 40;
    /// The operation and the two behind it are one look at a descriptor.
    pub(in crate::exec) const LOOK: u64 = 1 << 48;
    /// The operation goes through the i386 entry.
    pub(in crate::exec) const IA32: u64 = 1 << 49;
    /// The operation calls a function of the vDSO; the number is its index.
    pub(in crate::exec) const VDSO: u64 = 1 << 50;
    /// The operation is made by a stand-in.
    pub(in crate::exec) const APART: u64 = 1 << 51;
    /// What the stand-in makes lets another process begin.
    pub(in crate::exec) const BEGINS: u64 = 1 << 53;
    /// This operation and those behind it, as many in all as its `guard_op` says, are left out.
    pub(in crate::exec) const PASS: u64 = 1 << 52;
    pub(in crate::exec) const FROM_RESULT: u8 = 1;
    pub(in crate::exec) const FROM_MEM32: u8 = 2;
    pub(in crate::exec) const FROM_MEM64: u8 = 3;
    pub(in crate::exec) const HIGH: u8 = 0x80;
    pub(in crate::exec) const NOT_RUN: u8 = 0;
    pub(in crate::exec) const DONE: u8 = 1;
    pub(in crate::exec) const SKIPPED: u8 = 2;
    pub(in crate::exec) const INTERRUPTED: u8 = 3;
    pub(in crate::exec) const DISTURBED: u8 = 4;
    pub(in crate::exec) const LEFT: u8 = 5;
    pub(in crate::exec) const LATE: u8 = 6;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arena_ranges_stay_in_one_area_of_one_cell() {
        let base = cell(3);
        assert_eq!(arena_offset(base, 1), None);
        assert_eq!(arena_offset(base + CELL_RW, CELL_RW_SIZE), Some(3 * CELL_SIZE + CELL_RW));
        assert_eq!(arena_offset(base + CELL_RW, CELL_RW_SIZE + 1), None);
        assert_eq!(arena_offset(base + CELL_GUARD - 1, 2), None);
        assert_eq!(arena_offset(base + CELL_RO, CELL_RO_SIZE), Some(3 * CELL_SIZE + CELL_RO));
        assert_eq!(arena_offset(base + CELL_RO, CELL_RO_SIZE + 1), None);
        assert_eq!(arena_offset(ARENA_BASE + ARENA_SIZE, 0), None);
        assert_eq!(arena_offset(low_cell(3) + CELL_RW, 8), arena_offset(base + CELL_RW, 8));
        assert_eq!(arena_offset(LOW_ARENA_BASE + ARENA_SIZE, 0), None);
        assert_eq!(arena_offset(u64::MAX, 8), None);
        assert_eq!(arena_offset(0, 8), None);
    }
}
