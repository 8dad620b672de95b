//! What a crate states about the C library rather than about the kernel. A program that uses it speaks to the library,
//! which translates; or the library's headers give the name another meaning, and the crate follows them.

use super::target::{CLibrary, RustTarget};
use abispec::arch::{Arch, DataModel};

/// For which targets a name is the C library's own.
#[derive(Clone, Copy)]
enum Where {
    Everywhere,
    Gnu,
    Musl,
    /// With either library, where `long` has 64 bits.
    Wide,
    /// With musl, where `long` has 32 bits.
    MuslNarrow,
    /// With the GNU C library, on these ports.
    GnuOn(&'static [Arch]),
    /// With either library, on these ports.
    On(&'static [Arch]),
}

impl Where {
    fn holds(self, target: &RustTarget) -> bool {
        let (gnu, wide) = (target.library == CLibrary::Gnu, target.arch.data_model() == DataModel::Lp64);
        match self {
            Self::Everywhere => true,
            Self::Gnu => gnu,
            Self::Musl => !gnu,
            Self::Wide => wide,
            Self::MuslNarrow => !gnu && !wide,
            Self::GnuOn(ports) => gnu && ports.contains(&target.arch),
            Self::On(ports) => ports.contains(&target.arch),
        }
    }
}

const POWERPC: &[Arch] = &[Arch::Powerpc, Arch::Powerpc64];
const MIPS: &[Arch] = &[Arch::MipsO32, Arch::MipsN32, Arch::MipsN64];
const SPARC: &[Arch] = &[Arch::Sparc, Arch::Sparc64];

/// Names of the crate `libc` that are no statement about the kernel.
const LIBC: &[(&[&str], Where, &str)] = &[
    (&["O_LARGEFILE"], Where::Wide, "the C library defines it as 0, since all files may be large"),
    (&["O_ACCMODE"], Where::Musl, "musl counts the flags of `O_SEARCH` and `O_EXEC` among the access modes"),
    (&["O_NDELAY"], Where::On(SPARC), "the C library makes it include `O_NONBLOCK`"),
    (&["NCCS", "termios"], Where::Everywhere, "the C library has a struct of its own and translates it"),
    (
        &["TCGETS", "TCSETS", "TCSETSW", "TCSETSF"],
        Where::GnuOn(POWERPC),
        "the number holds the size of the C library's `termios`; its `ioctl` translates it",
    ),
    (&["TCSANOW", "TCSADRAIN", "TCSAFLUSH"], Where::On(MIPS), "they are arguments of the C library's `tcsetattr`"),
    (&["MINSIGSTKSZ", "SIGSTKSZ"], Where::Everywhere, "the C library recommends sizes of its own"),
    (&["sigaction", "sigset_t"], Where::Everywhere, "the C library has a type of its own and translates it"),
    (
        &["stat", "stat64", "statfs", "statfs64"],
        Where::Everywhere,
        "the C library has a struct of its own where the kernel's differs from port to port, and translates it",
    ),
    (
        &["ipc_perm", "msqid_ds", "semid_ds", "shmid_ds"],
        Where::Everywhere,
        "the C library has the kernel's newer struct under the name of the older one",
    ),
    (
        &["F_GETLK", "F_SETLK", "F_SETLKW"],
        Where::MuslNarrow,
        "musl has only large files and uses the commands for them",
    ),
    (&["flock"], Where::MuslNarrow, "musl has only large files and uses the struct for them"),
    (&["RLIM_INFINITY", "rlimit"], Where::MuslNarrow, "musl has only wide limits and translates them"),
    (&["rusage", "sysinfo"], Where::Musl, "musl keeps room behind the kernel's struct"),
    (&["MAX_ADDR_LEN", "EI_PAD"], Where::Everywhere, "the C library's own headers give the name another meaning"),
    (&["RTCF_NAT"], Where::Everywhere, "the C library's own headers give it another value"),
    (&["NSIG", "_NSIG"], Where::Gnu, "the C library counts a signal 0"),
];

/// Names of the crate `linux-raw-sys`.
const LINUX_RAW_SYS: &[(&[&str], Where, &str)] =
    &[(&["sigaction", "_NSIG"], Where::On(SPARC), "the headers have two of them, and the crate takes the newer one")];

/// Why the name is no statement about the kernel's interface; `None` if it is one.
pub(super) fn owned(krate: &str, name: &str, target: &RustTarget) -> Option<&'static str> {
    let table = match krate {
        "libc" => LIBC,
        "linux-raw-sys" => LINUX_RAW_SYS,
        _ => return None,
    };
    let found = table.iter().find(|(names, place, _)| names.contains(&name) && place.holds(target));
    found.map(|(_, _, reason)| *reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_be_owned_on_some_targets_only() {
        let target = |arch, library| RustTarget::new(arch, library).unwrap();
        let owns = |name, arch, library| owned("libc", name, &target(arch, library)).is_some();
        assert!(owns("O_LARGEFILE", Arch::X86_64, CLibrary::Gnu) && !owns("O_LARGEFILE", Arch::Arm, CLibrary::Gnu));
        assert!(owns("F_GETLK", Arch::Arm, CLibrary::Musl) && !owns("F_GETLK", Arch::Arm, CLibrary::Gnu));
        assert!(owns("TCGETS", Arch::Powerpc64, CLibrary::Gnu) && !owns("TCGETS", Arch::X86_64, CLibrary::Gnu));
        assert!(!owns("SO_ERROR", Arch::MipsN64, CLibrary::Gnu));
        assert!(owned("linux-raw-sys", "NCCS", &target(Arch::X86_64, CLibrary::Gnu)).is_none());
    }
}
