//! The ports of Linux and their data models.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! ports {
    ($($variant:ident $name:literal $model:ident $big:literal $generic:literal,)*) => {
        /// A port of Linux, that is, one system call ABI: `x86_64`, `mips_o32`, ...
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Arch { $(#[doc = $name] $variant,)* }

        impl Arch {
            /// Every port, in order of declaration.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The name used in specs and on the command line.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }

            /// How the port lays out C types.
            pub const fn data_model(self) -> DataModel {
                match self { $(Self::$variant => DataModel::$model),* }
            }

            /// Whether the port stores the most significant byte first.
            pub const fn is_big_endian(self) -> bool {
                match self { $(Self::$variant => $big),* }
            }

            /// Whether the port numbers its system calls by the shared table (`generic` in specs).
            pub const fn uses_generic_table(self) -> bool {
                match self { $(Self::$variant => $generic),* }
            }
        }
    };
}

ports! {
    X86_64 "x86_64" Lp64 false false,
    X32 "x32" Ilp32 false false,
    I386 "i386" Ilp32 false false,
    Arm "arm" Ilp32 false false,
    Arm64 "arm64" Lp64 false true,
    Riscv64 "riscv64" Lp64 false true,
    Riscv32 "riscv32" Ilp32 false true,
    Loongarch64 "loongarch64" Lp64 false true,
    S390x "s390x" Lp64 true false,
    Powerpc64 "powerpc64" Lp64 true false,
    Powerpc "powerpc" Ilp32 true false,
    MipsO32 "mips_o32" Ilp32 true false,
    MipsN32 "mips_n32" Ilp32 true false,
    MipsN64 "mips_n64" Lp64 true false,
    Sparc64 "sparc64" Lp64 true false,
    Sparc "sparc" Ilp32 true false,
    Parisc "parisc" Ilp32 true false,
    Parisc64 "parisc64" Lp64 true false,
    Alpha "alpha" Lp64 false false,
    M68k "m68k" Ilp32 true false,
    Sh "sh" Ilp32 false false,
    Xtensa "xtensa" Ilp32 false false,
    Microblaze "microblaze" Ilp32 false false,
    Arc "arc" Ilp32 false true,
    Csky "csky" Ilp32 false true,
    Hexagon "hexagon" Ilp32 false true,
    Nios2 "nios2" Ilp32 false true,
    Openrisc "openrisc" Ilp32 true true,
}

impl Arch {
    /// The port this program was built for.
    pub const NATIVE: Self = if cfg!(target_arch = "aarch64") {
        Self::Arm64
    } else if cfg!(target_arch = "riscv64") {
        Self::Riscv64
    } else if cfg!(target_arch = "x86") {
        Self::I386
    } else {
        Self::X86_64
    };

    /// The machine that it is a port to, called as the kernel calls it: the folder of `arch/` that holds it. Several ports share one.
    pub const fn machine(self) -> &'static str {
        match self {
            Self::X86_64 | Self::X32 | Self::I386 => "x86",
            Self::Arm => "arm",
            Self::Arm64 => "arm64",
            Self::Riscv64 | Self::Riscv32 => "riscv",
            Self::Loongarch64 => "loongarch",
            Self::S390x => "s390",
            Self::Powerpc64 | Self::Powerpc => "powerpc",
            Self::MipsO32 | Self::MipsN32 | Self::MipsN64 => "mips",
            Self::Sparc64 | Self::Sparc => "sparc",
            Self::Parisc | Self::Parisc64 => "parisc",
            Self::Alpha => "alpha",
            Self::M68k => "m68k",
            Self::Sh => "sh",
            Self::Xtensa => "xtensa",
            Self::Microblaze => "microblaze",
            Self::Arc => "arc",
            Self::Csky => "csky",
            Self::Hexagon => "hexagon",
            Self::Nios2 => "nios2",
            Self::Openrisc => "openrisc",
        }
    }

    /// Finds a port by its name; `aarch64` and `amd64` are accepted for what users type.
    pub fn from_name(name: &str) -> Option<Self> {
        let name = match name {
            "aarch64" => "arm64",
            "amd64" | "x86-64" => "x86_64",
            "i686" | "x86" => "i386",
            "ppc64" | "ppc64le" => "powerpc64",
            "mips" => "mips_o32",
            "mips64" => "mips_n64",
            other => other,
        };
        Self::ALL.iter().copied().find(|arch| arch.name() == name)
    }
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Widths of `long` and of pointers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum DataModel {
    /// `long` and pointers have 64 bits.
    Lp64,
    /// `int`, `long` and pointers have 32 bits.
    Ilp32,
}

impl DataModel {
    /// Bytes of a `long` and of a pointer.
    pub const fn word(self) -> u32 {
        match self {
            Self::Lp64 => 8,
            Self::Ilp32 => 4,
        }
    }
}
