//! A target of Rust's compiler, and the conditions of `cfg` for it.

use abispec::arch::{Arch, DataModel};
use std::fmt;
use syn::punctuated::Punctuated;
use syn::{Attribute, Expr, Lit, Meta, Token};

/// A C library of Linux.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CLibrary {
    /// The GNU C library.
    Gnu,
    /// musl.
    Musl,
}

impl CLibrary {
    /// As `target_env` names it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gnu => "gnu",
            Self::Musl => "musl",
        }
    }
}

impl fmt::Display for CLibrary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A target: a port and a C library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RustTarget {
    /// The port.
    pub arch: Arch,
    /// The C library.
    pub library: CLibrary,
    machine: &'static str,
}

impl RustTarget {
    /// The target of a port.
    ///
    /// # Errors
    /// When Rust's compiler knows no such target.
    pub fn new(arch: Arch, library: CLibrary) -> Result<Self, String> {
        let machine = machine(arch).ok_or_else(|| format!("Rust has no target for {arch}"))?;
        let only_gnu = matches!(arch, Arch::Sparc | Arch::Sparc64 | Arch::M68k | Arch::Csky | Arch::X32);
        let exists = match library {
            CLibrary::Gnu => arch != Arch::Hexagon,
            CLibrary::Musl => !only_gnu,
        };
        if exists {
            Ok(Self { arch, library, machine })
        } else {
            Err(format!("Rust has no target for {arch} with {library}"))
        }
    }

    /// Whether every `cfg` among the attributes holds.
    pub(super) fn has(&self, attributes: &[Attribute]) -> bool {
        attributes
            .iter()
            .filter(|attribute| attribute.path().is_ident("cfg"))
            .all(|attribute| attribute.parse_args::<Meta>().is_ok_and(|meta| self.holds(&meta)))
    }

    /// Whether a condition holds. What is not known of is not set, as for the compiler.
    pub(super) fn holds(&self, condition: &Meta) -> bool {
        match condition {
            Meta::Path(path) => path.get_ident().is_some_and(|name| self.word(&name.to_string())),
            Meta::NameValue(pair) => {
                let Expr::Lit(literal) = &pair.value else { return false };
                let Lit::Str(text) = &literal.lit else { return false };
                pair.path.get_ident().is_some_and(|name| self.pair(&name.to_string(), &text.value()))
            }
            Meta::List(list) => {
                let Ok(inner) = list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated) else {
                    return false;
                };
                if list.path.is_ident("all") {
                    inner.iter().all(|meta| self.holds(meta))
                } else if list.path.is_ident("any") {
                    inner.iter().any(|meta| self.holds(meta))
                } else {
                    list.path.is_ident("not") && inner.first().is_some_and(|meta| !self.holds(meta))
                }
            }
        }
    }

    fn word(&self, name: &str) -> bool {
        let wide = self.arch.data_model() == DataModel::Lp64;
        match name {
            "unix" => true,
            // Set by libc's build for ports that began with a 64-bit time_t.
            "linux_time_bits64" => wide || matches!(self.arch, Arch::Riscv32 | Arch::Hexagon),
            "musl_v1_2" => {
                self.library == CLibrary::Musl && matches!(self.arch, Arch::Loongarch64 | Arch::Hexagon | Arch::Riscv32)
            }
            "musl32_time64" => self.library == CLibrary::Musl && matches!(self.arch, Arch::Hexagon | Arch::Riscv32),
            _ => false,
        }
    }

    fn pair(&self, name: &str, value: &str) -> bool {
        let wide = self.arch.data_model() == DataModel::Lp64;
        match name {
            "target_os" => value == "linux",
            "target_family" => value == "unix",
            "target_vendor" => value == "unknown",
            "target_env" => value == self.library.name(),
            "target_arch" => value == self.machine,
            "target_pointer_width" => value == if wide { "64" } else { "32" },
            "target_endian" => value == if self.arch.is_big_endian() { "big" } else { "little" },
            "target_abi" => match self.arch {
                Arch::Arm => value == "eabihf",
                Arch::X32 => value == "x32",
                _ => value.is_empty(),
            },
            // A feature adds; those that replace what is here by another crate's are left out.
            "feature" => !matches!(value, "std" | "rustc-dep-of-std" | "core" | "compiler_builtins"),
            _ => false,
        }
    }
}

/// How Rust calls a port's machine.
fn machine(arch: Arch) -> Option<&'static str> {
    Some(match arch {
        Arch::X86_64 | Arch::X32 => "x86_64",
        Arch::I386 => "x86",
        Arch::Arm => "arm",
        Arch::Arm64 => "aarch64",
        Arch::Riscv64 => "riscv64",
        Arch::Riscv32 => "riscv32",
        Arch::Loongarch64 => "loongarch64",
        Arch::S390x => "s390x",
        Arch::Powerpc64 => "powerpc64",
        Arch::Powerpc => "powerpc",
        Arch::MipsO32 => "mips",
        Arch::MipsN64 => "mips64",
        Arch::Sparc64 => "sparc64",
        Arch::Sparc => "sparc",
        Arch::M68k => "m68k",
        Arch::Csky => "csky",
        Arch::Hexagon => "hexagon",
        Arch::MipsN32
        | Arch::Parisc
        | Arch::Parisc64
        | Arch::Alpha
        | Arch::Sh
        | Arch::Xtensa
        | Arch::Microblaze
        | Arch::Arc
        | Arch::Nios2
        | Arch::Openrisc => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_those_of_the_compiler() {
        let target = RustTarget::new(Arch::MipsN64, CLibrary::Musl).unwrap();
        let holds = |text: &str| target.holds(&syn::parse_str::<Meta>(text).unwrap());
        for yes in [
            "unix",
            "target_os = \"linux\"",
            "all(target_arch = \"mips64\", target_endian = \"big\", not(target_env = \"gnu\"))",
            "any(windows, target_pointer_width = \"64\")",
            "all()",
            "feature = \"general\"",
            "not(any())",
        ] {
            assert!(holds(yes), "{yes}");
        }
        for no in
            ["windows", "test", "any()", "target_arch = \"mips\"", "feature = \"std\"", "what(unix)", "version(1)"]
        {
            assert!(!holds(no), "{no}");
        }
        assert!(RustTarget::new(Arch::Parisc, CLibrary::Gnu).is_err());
        assert!(RustTarget::new(Arch::Sparc64, CLibrary::Musl).is_err());
    }
}
