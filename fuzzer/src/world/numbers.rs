//! Constants of the target that the model itself needs.

use abispec::errno::Errno;
use abispec::target::Resolved;

/// What a walk can end in before it reaches the last component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A parent is missing, or was removed; or the path is empty.
    Enoent,
    /// A parent is no directory; or the last component is none and a slash follows it.
    Enotdir,
    /// Too many symbolic links.
    Eloop,
    /// A directory may not be searched.
    Eacces,
    /// A component is too long.
    Enametoolong,
    /// The starting directory is not open.
    Ebadf,
}

impl Fault {
    const ALL: [Self; 6] = [Self::Enoent, Self::Enotdir, Self::Eloop, Self::Eacces, Self::Enametoolong, Self::Ebadf];

    /// The errno's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Enoent => "ENOENT",
            Self::Enotdir => "ENOTDIR",
            Self::Eloop => "ELOOP",
            Self::Eacces => "EACCES",
            Self::Enametoolong => "ENAMETOOLONG",
            Self::Ebadf => "EBADF",
        }
    }
}

/// The target's numbers. Made once per run.
#[derive(Clone, Debug)]
pub struct Numbers {
    /// Bytes of a page.
    pub page_size: u64,
    /// The first address that user space cannot have.
    pub task_size: u64,
    /// Bytes of a register.
    pub word: u32,
    pub(super) o_nonblock: i128,
    pub(super) o_append: i128,
    pub(super) o_path: i128,
    pub(super) o_direct: i128,
    pub(super) setfl: i128,
    pub(super) map_shared: i128,
    pub(super) map_private: i128,
    pub(super) map_anonymous: i128,
    pub(super) map_growsdown: i128,
    pub(super) map_hugetlb: i128,
    pub(super) map_locked: i128,
    pub(super) prot_read: i128,
    pub(super) prot_write: i128,
    pub(super) prot_exec: i128,
    pub(super) rlimit_nofile: usize,
    pub(super) f_seal_seal: i128,
    pub(super) efault: i128,
    faults: [i128; 6],
}

impl Numbers {
    /// Looks them up; a constant that no set of the spec has gets the value that most ports share.
    pub fn of(resolved: &Resolved) -> Self {
        let target = &resolved.target;
        let constant = |name: &str, shared: i128| resolved.constants.get(name).copied().unwrap_or(shared);
        let faults = Fault::ALL
            .map(|fault| Errno::from_name(fault.name()).map_or(0, |errno| i128::from(errno.number(target.arch))));
        let (o_nonblock, o_append) = (constant("O_NONBLOCK", 0o4000), constant("O_APPEND", 0o2000));
        let (o_direct, o_noatime) = (constant("O_DIRECT", 0o40000), constant("O_NOATIME", 0o1_000_000));
        let fasync = constant("FASYNC", constant("O_ASYNC", 0o20000));
        Self {
            page_size: u64::from(target.page_size),
            task_size: target.task_size(),
            word: target.arch.data_model().word(),
            o_nonblock,
            o_append,
            o_path: constant("O_PATH", 0o10_000_000),
            o_direct,
            setfl: o_nonblock | o_append | o_direct | o_noatime | fasync,
            map_shared: constant("MAP_SHARED", 1),
            map_private: constant("MAP_PRIVATE", 2),
            map_anonymous: constant("MAP_ANONYMOUS", 0x20),
            map_growsdown: constant("MAP_GROWSDOWN", 0x100),
            map_hugetlb: constant("MAP_HUGETLB", 0x40000),
            map_locked: constant("MAP_LOCKED", 0x2000),
            prot_read: constant("PROT_READ", 1),
            prot_write: constant("PROT_WRITE", 2),
            prot_exec: constant("PROT_EXEC", 4),
            rlimit_nofile: usize::try_from(constant("RLIMIT_NOFILE", 7)).unwrap_or(7),
            f_seal_seal: constant("F_SEAL_SEAL", 1),
            efault: Errno::from_name("EFAULT").map_or(14, |errno| i128::from(errno.number(target.arch))),
            faults,
        }
    }

    /// The number of EFAULT.
    pub fn efault(&self) -> i128 {
        self.efault
    }

    /// The errno of a fault on the target.
    pub fn fault(&self, fault: Fault) -> i128 {
        self.faults[fault as usize]
    }
}

#[cfg(test)]
pub(super) mod testing {
    use super::*;
    use abispec::arch::Arch;
    use abispec::target::Target;
    use abispec::version::Release;
    use std::collections::BTreeMap;

    /// A specification without calls.
    fn resolved() -> Resolved {
        Resolved {
            target: Target::new(Arch::X86_64, Release::new(6, 18)),
            calls: Vec::new(),
            clauses: Vec::new(),
            constants: BTreeMap::new(),
            sets: BTreeMap::new(),
            structs: BTreeMap::new(),
            laws: Vec::new(),
        }
    }

    pub(in crate::world) fn numbers() -> Numbers {
        Numbers::of(&resolved())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_have_the_errnos_of_the_port() {
        let numbers = testing::numbers();
        assert_eq!(numbers.fault(Fault::Eloop), 40);
        assert_eq!(numbers.fault(Fault::Enametoolong), 36);
        assert!(Fault::ALL.iter().all(|fault| numbers.fault(*fault) > 0));
    }
}
