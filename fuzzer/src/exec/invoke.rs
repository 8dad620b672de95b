//! The one place that enters the kernel with numbers nobody has checked.
#![expect(unsafe_code, reason = "the raw system call instruction")]

use std::arch::asm;
#[cfg(target_arch = "x86_64")]
use std::mem::offset_of;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Acquire;

use super::apart::WireApart;
#[cfg(target_arch = "x86_64")]
use super::apart::{CHILD_STATUS, CHILD_UMASK};

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
    extended(ret)
}

/// What a process or thread that begins in a call is given. It is reached by a register, and read and written by processes that
/// may share it.
#[repr(C)]
pub(super) struct Beginning {
    slot: *const WireApart,
    /// Written by what began.
    mark: AtomicU32,
    /// The call begins something: zero is its answer there.
    begins: u32,
    /// The descriptor to mark; -1 where the one that is set apart for it is closed, so that the call itself may open it.
    descriptor: i32,
    /// Flags that this descriptor does not have.
    descriptor_flags: u32,
}

impl Beginning {
    /// `descriptor_flags` are those of descriptor 0, or negative where it is closed.
    pub(super) fn new(slot: &WireApart, begins: bool, descriptor_flags: i64) -> Beginning {
        Beginning {
            slot,
            mark: AtomicU32::new(0),
            begins: begins.into(),
            descriptor: if descriptor_flags < 0 { -1 } else { 0 },
            descriptor_flags: u32::from(descriptor_flags == 0),
        }
    }

    /// What began wrote to this memory.
    pub(super) fn marked(&self) -> bool {
        self.mark.load(Acquire) != 0
    }
}

/// What begins says who it is, leaves a mark on all that it may share, and ends. It uses registers only: its stack and its
/// thread pointer are whatever the call was told.
#[cfg(target_arch = "x86_64")]
macro_rules! begun {
    ($($instruction:literal),+; $($operands:tt)*) => {
        asm!(
            $($instruction,)+
            "jnz 2f",
            "cmp dword ptr [r12 + {begins}], 0",
            "je 2f",
            "mov dword ptr [r12 + {mark}], 1",
            "mov r13, [r12 + {slot}]",
            "mov eax, {gettid}",
            "syscall",
            "mov [r13 + {thread}], eax",
            "mov eax, {getpid}",
            "syscall",
            "mov [r13 + {process}], eax",
            "mov eax, {getppid}",
            "syscall",
            "mov [r13 + {parent}], eax",
            "mov edi, {mask}",
            "mov eax, {umask}",
            "syscall",
            "mov edi, [r12 + {descriptor}]",
            "mov esi, {setfd}",
            "mov edx, [r12 + {descriptor_flags}]",
            "mov eax, {fcntl}",
            "syscall",
            "mov dword ptr [r13 + {begun}], 1",
            "3:",
            "mov edi, {status}",
            "mov eax, {exit}",
            "syscall",
            "jmp 3b",
            "2:",
            begins = const offset_of!(Beginning, begins),
            mark = const offset_of!(Beginning, mark),
            slot = const offset_of!(Beginning, slot),
            descriptor = const offset_of!(Beginning, descriptor),
            descriptor_flags = const offset_of!(Beginning, descriptor_flags),
            begun = const offset_of!(WireApart, begun),
            thread = const offset_of!(WireApart, thread),
            process = const offset_of!(WireApart, process),
            parent = const offset_of!(WireApart, parent),
            gettid = const libc::SYS_gettid,
            getpid = const libc::SYS_getpid,
            getppid = const libc::SYS_getppid,
            umask = const libc::SYS_umask,
            mask = const CHILD_UMASK,
            fcntl = const libc::SYS_fcntl,
            setfd = const libc::F_SETFD,
            exit = const libc::SYS_exit,
            status = const CHILD_STATUS,
            $($operands)*
            options(nostack),
        )
    };
}

/// Makes a call that may end, copy or replace this process, and returns what the kernel returned to the caller. What begins in
/// the call does not return.
///
/// # Safety
/// As for [`invoke`] and [`invoke_ia32`].
#[cfg(target_arch = "x86_64")]
#[inline(never)]
pub(super) unsafe fn invoke_apart(nr: u64, args: [u64; 6], ia32: bool, beginning: &Beginning) -> i64 {
    let ret: u64;
    if !ia32 {
        // SAFETY: as for `invoke`; what begins reads and writes what `beginning` leads to, and leaves no trace in the registers
        // of the caller.
        unsafe {
            begun!("syscall", "test rax, rax";
                inlateout("rax") nr => ret,
                in("rdi") args[0],
                in("rsi") args[1],
                in("rdx") args[2],
                in("r10") args[3],
                in("r8") args[4],
                in("r9") args[5],
                in("r12") beginning,
                out("r13") _,
                lateout("rcx") _,
                lateout("r11") _,
            );
        }
        return ret as i64;
    }
    // SAFETY: as for `invoke_ia32` and above.
    unsafe {
        begun!("xchg r14, rbx", "xchg r15, rbp", "int 0x80", "xchg r15, rbp", "xchg r14, rbx", "test eax, eax";
            inlateout("rax") nr => ret,
            inlateout("r14") args[0] => _,
            in("rcx") args[1],
            in("rdx") args[2],
            in("rsi") args[3],
            in("rdi") args[4],
            inlateout("r15") args[5] => _,
            in("r12") beginning,
            out("r13") _,
            lateout("r8") _,
            lateout("r9") _,
            lateout("r10") _,
            lateout("r11") _,
        );
    }
    extended(ret)
}

/// Where nothing can begin, the call is made as any other.
///
/// # Safety
/// As for [`invoke`].
#[cfg(not(target_arch = "x86_64"))]
pub(super) unsafe fn invoke_apart(nr: u64, args: [u64; 6], _: bool, _: &Beginning) -> i64 {
    // SAFETY: the caller's.
    unsafe { invoke(nr, args) }
}

/// The answer of a call of i386: of what is no errno, only the call's own type says whether it has a sign.
#[cfg(target_arch = "x86_64")]
fn extended(ret: u64) -> i64 {
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
