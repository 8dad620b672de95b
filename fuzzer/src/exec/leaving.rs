//! Which calls end, copy or replace the process that makes them: those of whose effects the specification says so.

use super::entry::Entry;
use abispec::arch::Arch;
use abispec::embedded;
use abispec::model::{Effect, Syscall};
use std::sync::OnceLock;

/// What a call does to the process that makes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// It ends or replaces it.
    Leaves,
    /// It makes another that goes on from where the caller is.
    Begins,
}

/// Whether an executor of this machine can make calls in which another process begins.
pub const CAN_BEGIN: bool = cfg!(target_arch = "x86_64");

impl Kind {
    fn of(call: &Syscall) -> Option<Self> {
        let effects = call.contract.effects.iter().chain(call.commands.iter().flat_map(|own| &own.contract.effects));
        let kinds = effects.filter_map(|own| match own.effect {
            Effect::Ends { .. } | Effect::Executes { .. } => Some(Self::Leaves),
            Effect::Begins { .. } => Some(Self::Begins),
            _ => None,
        });
        kinds.max().filter(|kind| *kind == Self::Leaves || CAN_BEGIN)
    }
}

fn kind(entry: Entry, nr: u32) -> Option<Kind> {
    static NATIVE: OnceLock<Vec<(u32, Kind)>> = OnceLock::new();
    static IA32: OnceLock<Vec<(u32, Kind)>> = OnceLock::new();
    let kinds = match entry {
        Entry::Native => NATIVE.get_or_init(|| kinds(Arch::NATIVE)),
        Entry::Ia32 if cfg!(target_arch = "x86_64") => IA32.get_or_init(|| kinds(Arch::I386)),
        Entry::Ia32 | Entry::Vdso => return None,
    };
    kinds.iter().find(|(own, _)| *own == nr).map(|(_, kind)| *kind)
}

fn kinds(arch: Arch) -> Vec<(u32, Kind)> {
    let calls = embedded().syscalls.values();
    calls.filter_map(|call| Some((call.number(arch)?.value, Kind::of(call)?))).collect()
}

/// Whether a call makes another process or thread that goes on from where the caller is.
pub fn is_beginning(entry: Entry, nr: u32) -> bool {
    kind(entry, nr) == Some(Kind::Begins)
}

/// Whether a call is made apart.
pub fn is_apart(entry: Entry, nr: u32) -> bool {
    kind(entry, nr).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leaves_or_copies_its_caller_is_made_apart() {
        for nr in [libc::SYS_exit, libc::SYS_exit_group, libc::SYS_execve, libc::SYS_execveat] {
            assert_eq!(kind(Entry::Native, nr as u32), Some(Kind::Leaves), "{nr}");
        }
        assert_eq!(is_beginning(Entry::Native, libc::SYS_clone as u32), CAN_BEGIN);
        assert!(!is_apart(Entry::Native, libc::SYS_wait4 as u32));
        // Number 1 is another call there, and the functions of the vDSO have numbers of their own.
        assert!(!is_apart(Entry::Native, 1) || cfg!(not(target_arch = "x86_64")));
        assert!(!is_apart(Entry::Vdso, 1));
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn those_of_i386_have_its_numbers() {
        // exit, execve, exit_group, execveat; fork, clone, vfork, clone3.
        let mut known = [1, 11, 252, 358].map(|nr| (nr, Kind::Leaves)).to_vec();
        known.extend([2, 120, 190, 435].map(|nr| (nr, Kind::Begins)));
        known.sort_unstable();
        let mut found = kinds(Arch::I386);
        found.sort_unstable();
        assert_eq!(found, known);
    }
}
