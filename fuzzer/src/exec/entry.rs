//! The ways into the kernel.

use super::layout::{ARENA_BASE, LOW_ARENA_BASE, LOW_PLAYGROUND_BASE, PLAYGROUND_BASE, cell, low_cell};

/// A way into the kernel.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Entry {
    /// The port's own instruction.
    #[default]
    Native,
    /// `int 0x80`: the kernel takes 32 bits of each register and its table of i386.
    Ia32,
    /// A function of the vDSO; the operation's number is its index in [`VDSO_CALLS`](super::VDSO_CALLS).
    Vdso,
}

impl Entry {
    /// Every way.
    pub const ALL: [Self; 3] = [Self::Native, Self::Ia32, Self::Vdso];

    /// The name in replay files and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Native => "64",
            Self::Ia32 => "i386",
            Self::Vdso => "vdso",
        }
    }

    /// Finds a way by its name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|entry| entry.name() == name)
    }

    /// Bytes of a pointer, and of a `long`.
    pub const fn word(self) -> u32 {
        match self {
            Self::Native | Self::Vdso => 8,
            Self::Ia32 => 4,
        }
    }

    /// What the kernel sees of a register.
    pub const fn register(self, value: u64) -> u64 {
        match self {
            Self::Native | Self::Vdso => value,
            Self::Ia32 => value & 0xffff_ffff,
        }
    }

    /// Address of the first byte of cell `index`, as programs that go this way know it.
    pub const fn cell(self, index: u64) -> u64 {
        match self {
            Self::Native | Self::Vdso => cell(index),
            Self::Ia32 => low_cell(index),
        }
    }

    /// Address of the arena, likewise.
    pub const fn arena(self) -> u64 {
        match self {
            Self::Native | Self::Vdso => ARENA_BASE,
            Self::Ia32 => LOW_ARENA_BASE,
        }
    }

    /// Address of the playground, likewise.
    pub const fn playground(self) -> u64 {
        match self {
            Self::Native | Self::Vdso => PLAYGROUND_BASE,
            Self::Ia32 => LOW_PLAYGROUND_BASE,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_cut_to_32_bits_lies_where_it_lay() {
        let entry = Entry::Ia32;
        assert_eq!(entry.register(Entry::Native.cell(7) + 5), entry.cell(7) + 5);
        assert_eq!(entry.register(Entry::Native.playground()), entry.playground());
        assert!(Entry::ALL.into_iter().all(|entry| Entry::from_name(entry.name()) == Some(entry)));
    }
}
