//! Who executors are and where they work: what a sandbox is like beside the program.

use crate::exec::FileSystem;
use abispec::expr::Word;
use std::fmt;

/// What a sandbox is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Habitat {
    /// Whether executors keep the capabilities of their user namespace.
    pub capabilities: bool,
    /// What the work directory lies on.
    pub file_system: FileSystem,
    /// Whether executors are in the initial user namespace, where capabilities are the real ones, and nothing is denied.
    pub privileged: bool,
}

impl Default for Habitat {
    fn default() -> Self {
        Self { capabilities: true, file_system: FileSystem::Tmpfs, privileged: false }
    }
}

impl Habitat {
    /// Every kind of sandbox on these file systems: with capabilities, and without.
    pub fn of_every_kind(file_systems: &[FileSystem], privileged: bool) -> Vec<Self> {
        let both = |file_system: &FileSystem| {
            [true, false].map(|capabilities| Self { capabilities, file_system: *file_system, privileged })
        };
        file_systems.iter().flat_map(both).collect()
    }

    /// Whether a server answers for the files.
    pub fn is_served(self) -> bool {
        self.file_system == FileSystem::Fuse
    }

    /// The file system as specifications name it.
    pub fn word(self) -> Word {
        match self.file_system {
            FileSystem::Tmpfs => Word::Tmpfs,
            FileSystem::Overlayfs => Word::Overlayfs,
            FileSystem::Ext4 => Word::Ext4,
            FileSystem::Xfs => Word::Xfs,
            FileSystem::Btrfs => Word::Btrfs,
            FileSystem::Fuse => Word::Fuse,
        }
    }
}

impl fmt::Display for Habitat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "on {}", self.file_system.name())?;
        if !self.capabilities {
            f.write_str(", all capabilities dropped")?;
        }
        if self.privileged { f.write_str(", in the initial user namespace") } else { Ok(()) }
    }
}

/// Which of `rooms` a turn is for. The first two are those of the file system that programs are quickest on: every other turn is
/// theirs.
pub(crate) fn of_turn(turn: usize, rooms: usize) -> usize {
    let (round, half) = (turn / 2, turn % 2);
    match rooms.saturating_sub(2) {
        0 => turn % rooms.max(1),
        others if half == 1 => 2 + round % others,
        _ => round % 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_room_has_its_turns_and_the_first_two_half_of_them() {
        for rooms in [1, 2, 4, 10] {
            let mut counts = vec![0; rooms];
            (0..800).for_each(|turn| counts[of_turn(turn, rooms)] += 1);
            assert!(counts.iter().all(|count| *count > 0), "{counts:?}");
            assert!(rooms < 3 || counts[0] + counts[1] == 400, "{counts:?}");
        }
    }
}
