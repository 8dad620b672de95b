//! The one place that enters the kernel with numbers nobody has checked.
#![expect(unsafe_code, reason = "the raw system call instruction")]

use std::arch::asm;

/// Makes system call `nr` with all six registers as given and returns what the kernel returned.
///
/// Nothing but registers is used: no errno, no thread-local storage, no memory of the caller.
///
/// # Safety
/// The call may do anything to this process. The caller must either know that this very call is harmless
/// or be the executor, which holds nothing that matters outside shared memory.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(super) unsafe fn invoke(nr: u64, args: [u64; 6]) -> i64 {
    let ret: i64;
    // SAFETY: the instruction clobbers rcx and r11 only; what the call itself does is the caller's contract.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") nr => ret,
            in("rdi") args[0],
            in("rsi") args[1],
            in("rdx") args[2],
            in("r10") args[3],
            in("r8") args[4],
            in("r9") args[5],
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack),
        );
    }
    ret
}

/// Makes system call `nr` with all six registers as given and returns what the kernel returned.
///
/// Nothing but registers is used: no errno, no thread-local storage, no memory of the caller.
///
/// # Safety
/// The call may do anything to this process. The caller must either know that this very call is harmless
/// or be the executor, which holds nothing that matters outside shared memory.
#[cfg(target_arch = "aarch64")]
#[inline(always)]
pub(super) unsafe fn invoke(nr: u64, args: [u64; 6]) -> i64 {
    let ret: i64;
    // SAFETY: the kernel preserves every register but x0; what the call itself does is the caller's contract.
    unsafe {
        asm!(
            "svc 0",
            in("x8") nr,
            inlateout("x0") args[0] => ret,
            in("x1") args[1],
            in("x2") args[2],
            in("x3") args[3],
            in("x4") args[4],
            in("x5") args[5],
            options(nostack),
        );
    }
    ret
}

/// Makes system call `nr` of i386, whose arguments are the lower halves of six registers; gives 32 bits, a small negative number for an
/// errno.
///
/// # Safety
/// As for [`invoke`]; and where the kernel has no such entry, the instruction faults.
#[cfg(target_arch = "x86_64")]
#[inline(never)]
pub(super) unsafe fn invoke_ia32(nr: u64, args: [u64; 6]) -> i64 {
    let ret: u64;
    // SAFETY: rbx and rbp, which the compiler keeps for itself, are put back; some kernels clear r8 to r11. What the call
    // itself does is the caller's contract.
    unsafe {
        asm!(
            "xchg r14, rbx",
            "xchg r15, rbp",
            "int 0x80",
            "xchg r15, rbp",
            "xchg r14, rbx",
            inlateout("rax") nr => ret,
            inlateout("r14") args[0] => _,
            in("rcx") args[1],
            in("rdx") args[2],
            in("rsi") args[3],
            in("rdi") args[4],
            inlateout("r15") args[5] => _,
            lateout("r8") _,
            lateout("r9") _,
            lateout("r10") _,
            lateout("r11") _,
            options(nostack),
        );
    }
    // Of what is no errno, only the call's own type says whether it has a sign.
    let ret = ret as u32;
    if ret > -4096_i32 as u32 { i64::from(ret as i32) } else { i64::from(ret) }
}

/// Ports without an i386 entry answer as a kernel without the call does.
///
/// # Safety
/// None is needed.
#[cfg(not(target_arch = "x86_64"))]
pub(super) unsafe fn invoke_ia32(_: u64, _: [u64; 6]) -> i64 {
    -i64::from(libc::ENOSYS)
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
compile_error!("the executor enters the kernel on x86_64 and aarch64 only");
