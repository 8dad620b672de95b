//! What a call's effects reached: where to look whether they really happened.

use crate::world::tree::InodeId;

/// Descriptors, names and other state that effects named.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Touched {
    /// Descriptor numbers below 1024, one bit each.
    numbers: [u64; 16],
    /// Effects reached numbers beyond, or numbers that nobody knows.
    pub other_numbers: bool,
    /// Path parameters whose names were made, moved or taken away, or whose files were changed: bit n for parameter n.
    pub paths: u8,
    /// A file whose size or seals changed through a descriptor.
    pub inode: Option<InodeId>,
    /// The working directory.
    pub cwd: bool,
    /// The umask.
    pub umask: bool,
    /// A limit.
    pub limits: bool,
    /// The signal mask.
    pub sigmask: bool,
    /// The nice value.
    pub nice: bool,
    /// Mappings.
    pub mappings: bool,
}

impl Touched {
    pub(super) fn number(&mut self, fd: i128) {
        match usize::try_from(fd).ok().and_then(|fd| Some((self.numbers.get_mut(fd / 64)?, fd % 64))) {
            Some((bits, bit)) => *bits |= 1 << bit,
            None => self.other_numbers |= fd >= 0,
        }
    }

    pub(super) fn range(&mut self, first: i128, last: i128) {
        (first.max(0)..=last.min(1023)).for_each(|fd| self.number(fd));
        self.other_numbers |= last > 1023;
    }

    pub(super) fn path(&mut self, index: u8) {
        self.paths |= 1_u8.checked_shl(u32::from(index)).unwrap_or(0);
    }

    /// Whether effects reached a descriptor number.
    pub fn has_number(&self, fd: u32) -> bool {
        match self.numbers.get(fd as usize / 64) {
            Some(bits) => bits >> (fd % 64) & 1 != 0,
            None => self.other_numbers,
        }
    }

    /// The descriptor numbers that effects reached.
    pub fn numbers(&self) -> impl Iterator<Item = u32> + '_ {
        (0..1024).filter(|fd| self.numbers[*fd as usize / 64] >> (fd % 64) & 1 != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_kept() {
        let mut touched = Touched::default();
        touched.number(3);
        touched.range(62, 65);
        touched.number(-1);
        assert_eq!(touched.numbers().collect::<Vec<_>>(), [3, 62, 63, 64, 65]);
        assert!(!touched.other_numbers && !touched.has_number(4000));
        touched.range(1000, 5000);
        assert!(touched.has_number(1023) && touched.has_number(4000) && !touched.has_number(999));
    }
}
