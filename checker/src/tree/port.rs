//! Where a kernel's source tree keeps a port.

use abispec::arch::Arch;

/// The folder below `arch/` that holds a port: several system call ABIs share one.
pub const fn source_folder(arch: Arch) -> &'static str {
    match arch {
        Arch::X86_64 | Arch::X32 | Arch::I386 => "x86",
        Arch::Arm => "arm",
        Arch::Arm64 => "arm64",
        Arch::Riscv64 | Arch::Riscv32 => "riscv",
        Arch::Loongarch64 => "loongarch",
        Arch::S390x => "s390",
        Arch::Powerpc64 | Arch::Powerpc => "powerpc",
        Arch::MipsO32 | Arch::MipsN32 | Arch::MipsN64 => "mips",
        Arch::Sparc64 | Arch::Sparc => "sparc",
        Arch::Parisc | Arch::Parisc64 => "parisc",
        Arch::Alpha => "alpha",
        Arch::M68k => "m68k",
        Arch::Sh => "sh",
        Arch::Xtensa => "xtensa",
        Arch::Microblaze => "microblaze",
        Arch::Arc => "arc",
        Arch::Csky => "csky",
        Arch::Hexagon => "hexagon",
        Arch::Nios2 => "nios2",
        Arch::Openrisc => "openrisc",
    }
}
