//! Calls that a program which shall run on every port does without.

use abispec::arch::Arch;
use abispec::model::Syscall;

/// Whether ports made since 2011 do without a call that a port has and others have too.
///
/// Those are the ports of the shared table, of the same data model: on 32 bits they have calls for 64-bit times that no port
/// of 64 bits needs. What only one machine has, as `arch_prctl`, is a part of that machine: nothing came after it.
pub(super) fn is_obsolete(call: &Syscall, arch: Arch) -> bool {
    let has = |port: &Arch| call.number(*port).is_some();
    let alike = |port: &Arch| port.data_model() == arch.data_model();
    let elsewhere = |port: &Arch| port.machine() != arch.machine() && has(port);
    let mut newer = Arch::ALL.iter().filter(|port| port.uses_generic_table() && alike(port));
    has(&arch) && !newer.any(has) && Arch::ALL.iter().any(elsewhere)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_successor_is_not_obsolete() {
        let obsolete = |name: &str, arch| is_obsolete(&abispec::embedded().syscalls[name], arch);
        for name in ["open", "dup2", "fork", "pipe", "access", "epoll_wait", "time", "utime", "select", "getdents"] {
            assert!(obsolete(name, Arch::X86_64), "{name}");
        }
        for name in ["openat", "dup3", "clone", "getrlimit", "wait4", "newfstatat"] {
            assert!(!obsolete(name, Arch::X86_64), "{name}");
        }
        for name in ["arch_prctl", "modify_ldt", "iopl", "ioperm", "set_thread_area", "uretprobe"] {
            assert!(!obsolete(name, Arch::X86_64), "{name} belongs to the machine");
        }
        for name in ["clock_gettime64", "futex_time64"] {
            assert!(!obsolete(name, Arch::I386), "{name} is what every port of 32 bits has");
        }
        assert!(obsolete("open", Arch::I386));
        for call in abispec::embedded().syscalls.values() {
            assert!(!is_obsolete(call, Arch::Arm64), "{}", call.name.value);
        }
    }
}
