//! The calls that no executor may make, because they reach beyond the sandbox or out of it.
//!
//! The filter answers with [`DENIED_ERRNO`], which no kernel uses: a refusal can never be taken for the kernel's
//! own answer. What is in [`DENIED`] is not testable here, whatever a spec says of it.

use libc::{c_long, sock_filter};

/// What a denied call returns, negated.
pub const DENIED_ERRNO: i32 = 4090;

/// A call that the filter refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Denied {
    /// The kernel's name for it.
    pub name: &'static str,
    /// Its number on this machine.
    pub nr: u32,
    /// Why it is refused.
    pub because: &'static str,
}

macro_rules! denied {
    ($($because:literal: $($name:ident = $nr:expr),+ $(,)?;)+) => {
        &[$($(Denied { name: stringify!($name), nr: ($nr) as c_long as u32, because: $because },)+)+]
    };
}

/// Every denied call that all ports have, each with its reason.
const COMMON: &[Denied] = denied! {
    "stops or replaces the running kernel":
        reboot = libc::SYS_reboot, kexec_load = libc::SYS_kexec_load, kexec_file_load = libc::SYS_kexec_file_load;
    "changes the code of the running kernel":
        init_module = libc::SYS_init_module, finit_module = libc::SYS_finit_module,
        delete_module = libc::SYS_delete_module, bpf = libc::SYS_bpf;
    "sets the host's clock":
        settimeofday = libc::SYS_settimeofday, clock_settime = libc::SYS_clock_settime,
        clock_adjtime = libc::SYS_clock_adjtime, adjtimex = libc::SYS_adjtimex,
        // Those of 32-bit ports: no 64-bit port has anything by these numbers.
        clock_settime64 = 404, clock_adjtime64 = 405;
    "concerns the host's swap, quotas, accounting, log or console":
        swapon = libc::SYS_swapon, swapoff = libc::SYS_swapoff, quotactl = libc::SYS_quotactl,
        quotactl_fd = libc::SYS_quotactl_fd, acct = libc::SYS_acct, syslog = libc::SYS_syslog,
        vhangup = libc::SYS_vhangup;
    "flushes every file system of the host":
        sync = libc::SYS_sync;
    "renames the sandbox":
        sethostname = libc::SYS_sethostname, setdomainname = libc::SYS_setdomainname;
    "changes what is mounted":
        mount = libc::SYS_mount, umount2 = libc::SYS_umount2, pivot_root = libc::SYS_pivot_root,
        open_tree = libc::SYS_open_tree, open_tree_attr = 467, move_mount = libc::SYS_move_mount,
        fsopen = libc::SYS_fsopen, fsconfig = libc::SYS_fsconfig, fsmount = libc::SYS_fsmount,
        fspick = libc::SYS_fspick, mount_setattr = libc::SYS_mount_setattr;
    "changes what every path means":
        chroot = libc::SYS_chroot, fchroot = 472;
    "its contexts outlive the program that makes them":
        io_setup = libc::SYS_io_setup;
    "enters or makes namespaces":
        unshare = libc::SYS_unshare, setns = libc::SYS_setns;
    "reaches into other processes":
        ptrace = libc::SYS_ptrace, process_vm_readv = libc::SYS_process_vm_readv,
        process_vm_writev = libc::SYS_process_vm_writev,
        process_madvise = libc::SYS_process_madvise, pidfd_getfd = libc::SYS_pidfd_getfd;
    "watches the whole machine":
        perf_event_open = libc::SYS_perf_event_open;
    "the queues it opens look like regular files":
        mq_open = libc::SYS_mq_open;
    "keyrings outlive the sandbox":
        add_key = libc::SYS_add_key, request_key = libc::SYS_request_key, keyctl = libc::SYS_keyctl;
    "faults or runs calls behind the executor's back":
        userfaultfd = libc::SYS_userfaultfd, io_uring_setup = libc::SYS_io_uring_setup,
        io_uring_enter = libc::SYS_io_uring_enter, io_uring_register = libc::SYS_io_uring_register;
};

#[cfg(target_arch = "x86_64")]
const PORT: &[Denied] = denied! {
    "gives access to the machine's ports":
        iopl = libc::SYS_iopl, ioperm = libc::SYS_ioperm;
};

#[cfg(not(target_arch = "x86_64"))]
const PORT: &[Denied] = denied! {
    "what it begins has no way to go":
        clone = libc::SYS_clone, clone3 = libc::SYS_clone3;
};

/// Denied calls that only ports of 32 bits have: here their numbers are those of other calls, and the i386 entry makes those
/// only that are permitted by name.
const ELSEWHERE: [(&str, &str); 2] = [("umount", "changes what is mounted"), ("stime", "sets the host's clock")];

/// Every denied call of this machine, each with its reason.
pub const DENIED: [&[Denied]; 2] = [COMMON, PORT];

/// The entry for call number `nr`, if it is denied.
pub fn denied(nr: u32) -> Option<&'static Denied> {
    DENIED.into_iter().flatten().find(|denied| denied.nr == nr)
}

/// Why the call of this name is denied, by whatever number; `None` where it is not.
pub fn because(name: &str) -> Option<&'static str> {
    let elsewhere = || ELSEWHERE.iter().find(|(denied, _)| *denied == name).map(|(_, because)| *because);
    DENIED.into_iter().flatten().find(|denied| denied.name == name).map(|denied| denied.because).or_else(elsewhere)
}

/// Whether the call of this name may be made.
pub fn permits(name: &str) -> bool {
    because(name).is_none()
}

#[cfg(target_arch = "x86_64")]
const AUDIT_ARCH: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
const AUDIT_ARCH: u32 = 0xc000_00b7;

/// What the kernel calls the i386 entry.
const AUDIT_ARCH_I386: u32 = 0x4000_0003;

/// The deny-list as the kernel takes it. Calls of another ABI (32-bit, x32) are denied as a whole, since their numbers
/// mean other calls, but for those of i386 in `ia32`.
pub(super) fn filter(ia32: &[u32]) -> Vec<sock_filter> {
    let mut program = vec![bpf::load(bpf::ARCH)];
    if !ia32.is_empty() {
        // Each number that is permitted takes two instructions.
        program.push(bpf::skip_unless_same(AUDIT_ARCH_I386, 2));
        program.extend([bpf::load(bpf::NR), bpf::jump(2)]);
        program.extend([bpf::load(bpf::ARCH), bpf::jump(2 * ia32.len() as u32 + 1)]);
        for nr in ia32 {
            program.extend([bpf::skip_unless_same(*nr, 1), bpf::ALLOW]);
        }
        program.push(bpf::answer(DENIED_ERRNO as u32));
    }
    program.extend([bpf::skip_if_equal(AUDIT_ARCH, 1), bpf::answer(DENIED_ERRNO as u32)]);
    program.push(bpf::load(bpf::NR));
    if cfg!(target_arch = "x86_64") {
        program.extend([bpf::skip_unless_at_least(0x4000_0000, 1), bpf::answer(DENIED_ERRNO as u32)]);
    }
    let all: Vec<u32> = DENIED.into_iter().flatten().map(|denied| denied.nr).collect();
    for (index, nr) in all.iter().enumerate() {
        // Past the comparisons that are left and past the "allow" behind them.
        program.push(bpf::skip_if_equal(*nr, (all.len() - index) as u8));
    }
    program.extend([bpf::ALLOW, bpf::answer(DENIED_ERRNO as u32)]);
    program
}

/// The few instructions of the classic packet filter language that seccomp needs.
pub(super) mod bpf {
    use libc::{
        BPF_ABS, BPF_ALU, BPF_AND, BPF_JA, BPF_JEQ, BPF_JGE, BPF_JMP, BPF_K, BPF_LD, BPF_RET, BPF_W, sock_filter,
    };

    /// Offsets in `struct seccomp_data`.
    pub(in crate::exec) const NR: u32 = 0;
    pub(in crate::exec) const ARCH: u32 = 4;

    /// Stands for "the end of this rule" until [`aim_at_end`] knows where that is.
    const END: u8 = u8::MAX;

    const fn instruction(code: u32, jt: u8, jf: u8, k: u32) -> sock_filter {
        sock_filter { code: code as u16, jt, jf, k }
    }

    pub(in crate::exec) const ALLOW: sock_filter = instruction(BPF_RET | BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW);

    /// Lets the tracer look first.
    pub(in crate::exec) const STOP: sock_filter = instruction(BPF_RET | BPF_K, 0, 0, libc::SECCOMP_RET_TRACE);

    /// The lower half of a register on a little-endian machine.
    pub(in crate::exec) fn arg_low(arg: u8) -> u32 {
        16 + 8 * u32::from(arg)
    }

    /// The upper half of a register on a little-endian machine.
    pub(in crate::exec) fn arg_high(arg: u8) -> u32 {
        arg_low(arg) + 4
    }

    pub(in crate::exec) fn load(offset: u32) -> sock_filter {
        instruction(BPF_LD | BPF_W | BPF_ABS, 0, 0, offset)
    }

    pub(in crate::exec) fn and(mask: u32) -> sock_filter {
        instruction(BPF_ALU | BPF_AND | BPF_K, 0, 0, mask)
    }

    pub(in crate::exec) fn skip_if_equal(value: u32, over: u8) -> sock_filter {
        instruction(BPF_JMP | BPF_JEQ | BPF_K, over, 0, value)
    }

    pub(in crate::exec) fn skip_unless_same(value: u32, over: u8) -> sock_filter {
        instruction(BPF_JMP | BPF_JEQ | BPF_K, 0, over, value)
    }

    pub(in crate::exec) fn jump(over: u32) -> sock_filter {
        instruction(BPF_JMP | BPF_JA | BPF_K, 0, 0, over)
    }

    pub(in crate::exec) fn skip_unless_at_least(value: u32, over: u8) -> sock_filter {
        instruction(BPF_JMP | BPF_JGE | BPF_K, 0, over, value)
    }

    pub(in crate::exec) fn skip_unless_equal(value: u32) -> sock_filter {
        instruction(BPF_JMP | BPF_JEQ | BPF_K, 0, END, value)
    }

    /// Answers with an errno, or with zero, without making the call.
    pub(in crate::exec) fn answer(errno: u32) -> sock_filter {
        instruction(BPF_RET | BPF_K, 0, 0, libc::SECCOMP_RET_ERRNO | errno)
    }

    /// Gives the open jumps of `rule` their distance to its end.
    pub(in crate::exec) fn aim_at_end(rule: &mut [sock_filter]) {
        let len = rule.len();
        for (index, instruction) in rule.iter_mut().enumerate() {
            if instruction.jf == END {
                instruction.jf = (len - index - 1) as u8;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_call_is_listed_twice_and_the_jumps_fit() {
        let mut all: Vec<u32> = DENIED.into_iter().flatten().map(|denied| denied.nr).collect();
        assert!(all.len() < usize::from(u8::MAX));
        all.sort_unstable();
        let count = all.len();
        all.dedup();
        assert_eq!(all.len(), count);
    }

    #[test]
    fn calls_are_found_by_number() {
        assert_eq!(denied(libc::SYS_reboot as u32).map(|denied| denied.name), Some("reboot"));
        assert_eq!(denied(libc::SYS_read as u32), None);
        assert!(because("reboot").is_some() && because("read").is_none());
    }
}
