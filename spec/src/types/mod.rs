//! The types of arguments, fields and results.

mod parse;
mod print;
mod resolve;

pub use parse::{Term, TermArg, parse};
pub use print::print;
pub use resolve::resolve;

use crate::expr::Expr;
use serde::{Deserialize, Serialize};

/// A type of the specification language.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Type {
    /// An integer.
    Int {
        /// Its width and sign.
        int: IntType,
        /// Smallest and largest value, where stated.
        range: Option<Box<(Expr, Expr)>>,
    },
    /// Exactly this value.
    Const(i128),
    /// 0 or 1.
    Bool,
    /// Any OR of a set's members.
    Flags {
        /// The set.
        set: String,
        /// Width in a struct field.
        width: Option<IntType>,
    },
    /// One member of a set.
    Enum {
        /// The set.
        set: String,
        /// Width in a struct field.
        width: Option<IntType>,
    },
    /// A resource, by its full name: `fd`, `fd[pipe]`.
    Resource(String),
    /// A pointer.
    Ptr {
        /// Who writes the memory.
        direction: Direction,
        /// Whether NULL is permitted.
        nullable: bool,
        /// What it points to.
        to: Box<Self>,
        /// Whether it takes 64 bits on every port, as in structs that are laid out alike everywhere.
        wide: bool,
    },
    /// Elements one after the other.
    Array {
        /// The element.
        of: Box<Self>,
        /// How many.
        count: Count,
    },
    /// A pointer to bytes.
    Buffer {
        /// Who writes the memory.
        direction: Direction,
        /// Whether NULL is permitted.
        nullable: bool,
        /// How many.
        count: Count,
    },
    /// A struct whose size is passed in another parameter.
    Extensible {
        /// The struct.
        name: String,
        /// The parameter that holds the size.
        size: u8,
    },
    /// A pointer to NUL-terminated bytes.
    Text {
        /// Whether NULL is permitted.
        nullable: bool,
    },
    /// A pointer to the name of a file.
    Path {
        /// Whether NULL is permitted.
        nullable: bool,
    },
    /// A struct.
    Struct(String),
    /// A union.
    Union(String),
    /// Number of elements of another parameter.
    Len(u8),
    /// Size in bytes of what another parameter points to.
    Bytesize(u8),
    /// A file position.
    Offset,
    /// A byte count that no buffer belongs to.
    Size,
    /// File permission bits.
    Mode,
    /// A signal number.
    Signal,
    /// The address of pages.
    Vma,
    /// The address of mapped pages, as a result.
    Addr,
    /// Not looked at.
    Unused,
    /// Stated by each command.
    ByCommand,
    /// A result that is always 0.
    Zero,
    /// A call that does not return.
    Never,
}

/// Who writes the memory behind a pointer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Direction {
    /// The kernel reads.
    In,
    /// The kernel writes.
    Out,
    /// Both.
    InOut,
}

impl Direction {
    /// Whether the kernel reads it.
    pub const fn reads(self) -> bool {
        matches!(self, Self::In | Self::InOut)
    }

    /// Whether the kernel writes it.
    pub const fn writes(self) -> bool {
        matches!(self, Self::Out | Self::InOut)
    }
}

/// How many elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Count {
    /// A fixed number.
    Number(u64),
    /// The value of a parameter.
    Param(u8),
}

/// Width and sign of an integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum IntType {
    /// A fixed width in bits: 8, 16, 32 or 64.
    Fixed {
        /// Width in bits.
        bits: u8,
        /// Whether it is signed.
        signed: bool,
    },
    /// As wide as a register.
    Long {
        /// Whether it is signed.
        signed: bool,
    },
}

impl IntType {
    /// Finds an integer type by its name.
    pub fn from_name(name: &str) -> Option<Self> {
        let fixed = |bits, signed| Some(Self::Fixed { bits, signed });
        match name {
            "int8" => fixed(8, true),
            "int16" => fixed(16, true),
            "int32" => fixed(32, true),
            "int64" => fixed(64, true),
            "uint8" => fixed(8, false),
            "uint16" => fixed(16, false),
            "uint32" => fixed(32, false),
            "uint64" => fixed(64, false),
            "long" => Some(Self::Long { signed: true }),
            "ulong" => Some(Self::Long { signed: false }),
            _ => None,
        }
    }

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fixed { bits: 8, signed: true } => "int8",
            Self::Fixed { bits: 16, signed: true } => "int16",
            Self::Fixed { bits: 32, signed: true } => "int32",
            Self::Fixed { signed: true, .. } => "int64",
            Self::Fixed { bits: 8, signed: false } => "uint8",
            Self::Fixed { bits: 16, signed: false } => "uint16",
            Self::Fixed { bits: 32, signed: false } => "uint32",
            Self::Fixed { signed: false, .. } => "uint64",
            Self::Long { signed: true } => "long",
            Self::Long { signed: false } => "ulong",
        }
    }

    /// Bytes, given the bytes of a register.
    pub const fn bytes(self, word: u32) -> u32 {
        match self {
            Self::Fixed { bits, .. } => bits as u32 / 8,
            Self::Long { .. } => word,
        }
    }

    /// Whether it is signed.
    pub const fn signed(self) -> bool {
        match self {
            Self::Fixed { signed, .. } | Self::Long { signed } => signed,
        }
    }

    /// What a register holds of it, given the bytes of a register: the kernel looks at so many bits, and at the sign.
    pub fn value_of(self, register: u64, word: u32) -> i128 {
        let bits = self.bytes(word) * 8;
        let value = if bits >= 64 { register } else { register & ((1 << bits) - 1) };
        let negative = self.signed() && bits > 0 && value >> (bits - 1) & 1 != 0;
        i128::from(value) - if negative { 1_i128 << bits } else { 0 }
    }
}

impl Type {
    /// Whether it is the number of a descriptor, of whatever kind.
    pub fn is_descriptor(&self) -> bool {
        matches!(self, Self::Resource(name) if name.starts_with("fd"))
    }

    /// The pointer's direction and nullability, for every type that is passed as a pointer.
    pub fn pointer(&self) -> Option<(Direction, bool)> {
        match self {
            Self::Ptr { direction, nullable, .. } | Self::Buffer { direction, nullable, .. } => {
                Some((*direction, *nullable))
            }
            Self::Text { nullable } | Self::Path { nullable } => Some((Direction::In, *nullable)),
            _ => None,
        }
    }
}
