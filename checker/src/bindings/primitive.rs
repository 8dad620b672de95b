//! Rust's own types on a target.

use super::target::RustTarget;
use abispec::arch::{Arch, DataModel};

/// An integer type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Int {
    /// Bits.
    pub(super) bits: u8,
    /// Whether it is signed.
    pub(super) signed: bool,
}

impl Int {
    /// The number as this type holds it, its high bits cut off.
    pub(super) fn wrap(self, number: i128) -> i128 {
        let bits = u32::from(self.bits.clamp(1, 127));
        let mask = (1_i128 << bits) - 1;
        let low = number & mask;
        if self.signed && low >> (bits - 1) == 1 { low - (mask + 1) } else { low }
    }

    /// Whether the type holds the number.
    pub(super) fn holds(self, number: i128) -> bool {
        self.wrap(number) == number
    }

    /// The largest number.
    pub(super) fn max(self) -> i128 {
        let bits = u32::from(self.bits.clamp(1, 126));
        (1_i128 << (bits - u32::from(self.signed))) - 1
    }

    /// The smallest number.
    pub(super) fn min(self) -> i128 {
        if self.signed { -self.max() - 1 } else { 0 }
    }
}

/// Size, alignment and kind of a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    /// Bytes.
    pub(super) size: u64,
    /// Alignment in bytes.
    pub(super) align: u64,
    /// The integer type that it is, if it is one.
    pub(super) int: Option<Int>,
}

impl Extent {
    /// A type without contents.
    pub(super) const NOTHING: Self = Self { size: 0, align: 1, int: None };

    /// A pointer or a pointer to a function.
    pub(super) fn pointer(target: &RustTarget) -> Self {
        let size = u64::from(target.arch.data_model().word());
        Self { size, align: align(target, size), int: None }
    }
}

/// The largest alignment of a scalar on the target.
fn align(target: &RustTarget, size: u64) -> u64 {
    match target.arch {
        Arch::I386 | Arch::Csky if size <= 8 => size.min(4),
        Arch::M68k => size.min(2),
        _ => size,
    }
}

/// A type that the language or `core::ffi` has by this name.
pub(super) fn primitive(target: &RustTarget, name: &str) -> Option<Extent> {
    let word = target.arch.data_model().word() as u8 * 8;
    let wide = target.arch.data_model() == DataModel::Lp64;
    let int = |bits: u8, signed: bool| {
        let size = u64::from(bits / 8);
        Some(Extent { size, align: align(target, size), int: Some(Int { bits, signed }) })
    };
    let float = |size: u64| Some(Extent { size, align: align(target, size), int: None });
    match name {
        "u8" | "c_uchar" => int(8, false),
        "i8" | "c_schar" => int(8, true),
        "c_char" => int(8, !has_unsigned_char(target.arch)),
        "u16" | "c_ushort" => int(16, false),
        "i16" | "c_short" => int(16, true),
        "u32" | "c_uint" => int(32, false),
        "i32" | "c_int" => int(32, true),
        "u64" | "c_ulonglong" => int(64, false),
        "i64" | "c_longlong" => int(64, true),
        "u128" => int(128, false).map(|extent| Extent { int: None, ..extent }),
        "i128" => int(128, true).map(|extent| Extent { int: None, ..extent }),
        "usize" => int(word, false),
        "isize" => int(word, true),
        "c_long" => int(if wide { 64 } else { 32 }, true),
        "c_ulong" => int(if wide { 64 } else { 32 }, false),
        "f32" | "c_float" => float(4),
        "f64" | "c_double" => float(8),
        "bool" => Some(Extent { size: 1, align: 1, int: Some(Int { bits: 8, signed: false }) }),
        "char" => Some(Extent { size: 4, align: align(target, 4), int: None }),
        // Opaque, but with a size, since pointers to it must be told from pointers to nothing.
        "c_void" => Some(Extent { size: 1, align: 1, int: None }),
        _ => None,
    }
}

fn has_unsigned_char(arch: Arch) -> bool {
    matches!(
        arch,
        Arch::Arm
            | Arch::Arm64
            | Arch::Csky
            | Arch::Hexagon
            | Arch::Powerpc
            | Arch::Powerpc64
            | Arch::Riscv32
            | Arch::Riscv64
            | Arch::S390x
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_wrap_as_casts_do() {
        let (byte, int) = (Int { bits: 8, signed: true }, Int { bits: 32, signed: false });
        assert_eq!((byte.wrap(0x80), byte.wrap(0x17f), byte.wrap(-129)), (-128, 127, 127));
        assert_eq!((int.wrap(-1), int.max(), int.min()), (0xffff_ffff, 0xffff_ffff, 0));
        assert_eq!((byte.max(), byte.min()), (127, -128));
        assert!(!byte.holds(128) && int.holds(128));
    }
}
