//! The vDSO: functions of the kernel that a process calls without entering it.
#![expect(unsafe_code, reason = "the kernel's own code in this process, and the memory that it lies in")]

use std::sync::atomic::Ordering::Relaxed;

use super::layout::Control;
use super::vdso_image::{loaded_size, symbols};

/// Calls that the vDSO may have a function for. An operation names one by its index.
pub const CALLS: [&str; 5] = ["clock_gettime", "gettimeofday", "time", "getcpu", "clock_getres"];

const _: () = assert!(CALLS.len() <= super::layout::MAX_VDSO);

/// `time` returns a `long`, the others an `int`.
const TIME: usize = 2;

/// Prefixes of the functions' names, which differ by port.
const PREFIXES: [&str; 2] = ["__vdso_", "__kernel_"];

/// How much of the image is looked at before its own headers say how much there is.
const HEADERS: usize = 4096;

/// Tells the supervisor where the functions are in this process and those forked from it.
pub(super) fn publish(control: &Control) {
    // SAFETY: asks for a number.
    let base = unsafe { libc::getauxval(libc::AT_SYSINFO_EHDR) };
    if base == 0 {
        return;
    }
    // SAFETY: the kernel put an ELF image there, one page at least, and nobody writes to it.
    let headers = unsafe { std::slice::from_raw_parts(base as *const u8, HEADERS) };
    let Some(size) = loaded_size(headers) else { return };
    // SAFETY: its headers say that it is so long.
    let image = unsafe { std::slice::from_raw_parts(base as *const u8, size) };
    for (name, offset) in symbols(image) {
        let call = PREFIXES.iter().find_map(|prefix| name.strip_prefix(prefix.as_bytes()));
        let index = CALLS.iter().position(|known| call == Some(known.as_bytes()));
        if let Some(slot) = index.and_then(|index| control.vdso.get(index)) {
            slot.store(base + offset, Relaxed);
        }
    }
}

/// Calls the function at `address`, which is that of call `index`; there is none at 0.
///
/// # Safety
/// The address must be that of the function, and its pointer arguments must lead to memory: it faults where the kernel
/// would answer EFAULT.
pub(super) unsafe fn call(address: u64, index: usize, args: [u64; 6]) -> i64 {
    if address == 0 {
        return -i64::from(libc::ENOSYS);
    }
    type Function = extern "C" fn(u64, u64, u64) -> i64;
    // SAFETY: the caller says that a function of the C convention is there; none takes more than three arguments.
    let function = unsafe { std::mem::transmute::<*const (), Function>(address as *const ()) };
    let ret = function(args[0], args[1], args[2]);
    if index == TIME { ret } else { i64::from(ret as i32) }
}
