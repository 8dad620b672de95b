//! The sections of an executable that are looked at.

use abispec::arch::Arch;
use object::{Architecture, Object as _, ObjectSection as _};

/// What an executable says.
pub(super) struct Elf<'a> {
    /// The port, where Linux has one for the machine.
    pub(super) arch: Option<Arch>,
    /// The section of type information.
    pub(super) btf: Option<&'a [u8]>,
}

/// Reads an executable of either word size and byte order; `None` if it is none.
pub(super) fn read(bytes: &[u8]) -> Option<Elf<'_>> {
    if !bytes.starts_with(b"\x7fELF") {
        return None;
    }
    let file = object::File::parse(bytes).ok()?;
    let btf = file.section_by_name(".BTF").and_then(|section| section.data().ok()).filter(|data| !data.is_empty());
    Some(Elf { arch: arch(file.architecture(), file.is_64()), btf })
}

fn arch(machine: Architecture, wide: bool) -> Option<Arch> {
    Some(match machine {
        Architecture::X86_64 => Arch::X86_64,
        Architecture::X86_64_X32 => Arch::X32,
        Architecture::I386 => Arch::I386,
        Architecture::Arm => Arch::Arm,
        Architecture::Aarch64 => Arch::Arm64,
        Architecture::Riscv64 => Arch::Riscv64,
        Architecture::Riscv32 => Arch::Riscv32,
        Architecture::LoongArch64 => Arch::Loongarch64,
        Architecture::S390x => Arch::S390x,
        Architecture::PowerPc64 => Arch::Powerpc64,
        Architecture::PowerPc => Arch::Powerpc,
        Architecture::Mips64 => Arch::MipsN64,
        Architecture::Mips if wide => Arch::MipsN64,
        Architecture::Mips => Arch::MipsO32,
        Architecture::Sparc64 => Arch::Sparc64,
        Architecture::Sparc | Architecture::Sparc32Plus => Arch::Sparc,
        Architecture::Hppa if wide => Arch::Parisc64,
        Architecture::Hppa => Arch::Parisc,
        Architecture::Alpha => Arch::Alpha,
        Architecture::M68k => Arch::M68k,
        Architecture::SuperH => Arch::Sh,
        Architecture::Xtensa => Arch::Xtensa,
        Architecture::Csky => Arch::Csky,
        Architecture::Hexagon => Arch::Hexagon,
        _ => return None,
    })
}
