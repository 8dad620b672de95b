//! The memory that supervisor, commander and executor share.
#![expect(unsafe_code, reason = "mappings of the shared memfd, and references into them")]

use std::ffi::c_void;
use std::num::NonZeroUsize;
use std::os::fd::{AsFd, OwnedFd};
use std::ptr::NonNull;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::mman::{MapFlags, ProtFlags, mmap, mprotect, munmap};

use super::layout::{
    ARENA_SIZE, CELL_RO, CELL_RO_SIZE, CELL_RW, CELL_RW_SIZE, CELLS, CONTROL_BASE, RECORDS_SIZE, Records, TOTAL_SIZE,
    cell, low_cell,
};

/// The supervisor's view: all of the memfd, at any address.
pub(super) struct Shared {
    base: NonNull<c_void>,
}

// SAFETY: the mapping belongs to no thread; the records in it are atomics, the arena is borrowed with the value.
unsafe impl Send for Shared {}

impl Shared {
    /// Makes the memfd and maps it. Its size is sealed, so that no side can pull the memory away from the other.
    pub(super) fn create() -> Result<(Shared, OwnedFd), Errno> {
        let fd = memfd_create(c"abispec", MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING)?;
        nix::unistd::ftruncate(&fd, TOTAL_SIZE as i64)?;
        let seals = SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_SEAL;
        fcntl(&fd, FcntlArg::F_ADD_SEALS(seals))?;
        let len = NonZeroUsize::new(TOTAL_SIZE as usize).ok_or(Errno::EINVAL)?;
        // SAFETY: a new mapping at an address the kernel chooses touches no memory of ours.
        let base =
            unsafe { mmap(None, len, ProtFlags::PROT_READ | ProtFlags::PROT_WRITE, MapFlags::MAP_SHARED, &fd, 0) }?;
        Ok((Shared { base }, fd))
    }

    pub(super) fn records(&self) -> &Records {
        // SAFETY: the mapping is longer than the records, aligned to a page, lives as long as self, and any bytes
        // are valid atomics.
        unsafe { self.base.cast::<Records>().as_ref() }
    }

    pub(super) fn arena(&self) -> &[u8] {
        // SAFETY: the arena lies behind the records, inside the mapping. The executor writes to it only while it runs a
        // batch, which needs the sandbox borrowed mutably.
        unsafe {
            std::slice::from_raw_parts(self.base.cast::<u8>().as_ptr().add(RECORDS_SIZE as usize), ARENA_SIZE as usize)
        }
    }

    pub(super) fn arena_mut(&mut self) -> &mut [u8] {
        // SAFETY: as for `arena`; self is borrowed mutably, so there is no other slice of it.
        unsafe {
            std::slice::from_raw_parts_mut(
                self.base.cast::<u8>().as_ptr().add(RECORDS_SIZE as usize),
                ARENA_SIZE as usize,
            )
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours and every reference into it borrowed self. Failing leaves it mapped, which is
        // harmless.
        let _ = unsafe { munmap(self.base, TOTAL_SIZE as usize) };
    }
}

fn map_at(fd: impl AsFd, address: u64, len: u64, protection: ProtFlags, offset: u64) -> Result<(), Errno> {
    let wanted = NonZeroUsize::new(address as usize).ok_or(Errno::EINVAL)?;
    let len = NonZeroUsize::new(len as usize).ok_or(Errno::EINVAL)?;
    let flags = MapFlags::MAP_SHARED | MapFlags::MAP_FIXED_NOREPLACE;
    // SAFETY: NOREPLACE never takes memory that is in use.
    let got = unsafe { mmap(Some(wanted), len, protection, flags, fd, offset as i64) }?;
    if got.as_ptr() as u64 == address { Ok(()) } else { Err(Errno::EEXIST) }
}

/// Maps records and arena at the executor's fixed addresses; its guards stay inaccessible.
pub(super) fn map_fixed(fd: impl AsFd) -> Result<&'static Records, Errno> {
    let writable = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
    map_at(&fd, CONTROL_BASE, RECORDS_SIZE, writable, 0)?;
    map_arena(&fd, cell)?;
    Ok(fixed_records())
}

/// Maps the arena a second time, where pointers of 32 bits reach it.
pub(super) fn map_low(fd: impl AsFd) -> Result<(), Errno> {
    map_arena(&fd, low_cell)
}

fn map_arena(fd: impl AsFd, cell: fn(u64) -> u64) -> Result<(), Errno> {
    map_at(&fd, cell(0), ARENA_SIZE, ProtFlags::PROT_NONE, RECORDS_SIZE)?;
    let writable = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
    for index in 0..CELLS {
        for (offset, len, protection) in
            [(CELL_RW, CELL_RW_SIZE, writable), (CELL_RO, CELL_RO_SIZE, ProtFlags::PROT_READ)]
        {
            let start = NonNull::new((cell(index) + offset) as *mut c_void).ok_or(Errno::EINVAL)?;
            // SAFETY: these pages were mapped a moment ago and nothing refers to them yet.
            unsafe { mprotect(start, len as usize, protection) }?;
        }
    }
    Ok(())
}

/// The records at their fixed address. Only for the processes in which [`map_fixed`] succeeded.
pub(super) fn fixed_records() -> &'static Records {
    // SAFETY: `map_fixed` came first and nobody unmaps it: commander and interrupt handler are its only other
    // users. A tested call that unmaps it kills the executor, as many others do.
    unsafe { &*(CONTROL_BASE as *const Records) }
}
