//! Memory of a foreign process, as far as it was read: before a call from what was kept, after it from the stopped task.

use super::witness::{Mapping, Question, Witness};
use crate::trace::witness::Answer;
use crate::world::memory::Memory;
use serde::{Deserialize, Serialize};
use std::cell::RefCell;

/// Bytes that were read when a call was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Piece {
    /// Where they begin.
    pub address: u64,
    /// What could be read.
    pub bytes: Vec<u8>,
    /// How many were wanted.
    pub wanted: u64,
    /// The kernel may write here during the call.
    pub written: bool,
}

/// What may be done in the mappings that a call is about, and what could be read of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Access {
    /// Ranges that were looked at, each with the mappings that meet it and how much of it could be read.
    pub ranges: Vec<Range>,
}

/// A range that was looked at.
#[derive(Clone, Debug)]
pub(super) struct Range {
    start: u64,
    end: u64,
    mappings: Vec<Mapping>,
    readable: u64,
}

/// How far a range is looked at.
const LOOK_MAX: u64 = 1 << 20;
/// A stack may grow by so much when the kernel touches it.
const GROWTH_MAX: u64 = 1 << 30;

impl Range {
    /// Looks at a range of a stopped task.
    pub(super) fn look<W: Witness>(witness: &mut W, tid: i32, start: u64, len: u64) -> Option<Self> {
        let len = len.min(LOOK_MAX);
        let end = start.checked_add(len)?;
        let Answer::Mappings(mappings) = witness.ask(tid, Question::Mappings(start, end.saturating_add(GROWTH_MAX)))
        else {
            return None;
        };
        let mut bytes = vec![0; usize::try_from(len).ok()?];
        let readable = witness.read(tid, start, &mut bytes) as u64;
        Some(Self { start, end, mappings, readable })
    }

    /// Whether a part of it can be read and written. What a file backs may end before its mapping does, and what could not
    /// be read in spite of its mapping is nobody's to judge.
    fn access(&self, from: u64, to: u64) -> (Option<bool>, Option<bool>) {
        let (mut read, mut write, mut at) = (Some(true), Some(true), from);
        let held = to <= self.start + self.readable;
        for mapping in self.mappings.iter().filter(|mapping| mapping.end > from && mapping.start < to) {
            if mapping.start > at {
                break;
            }
            let sure = held && !mapping.file && !mapping.shared;
            let can = |allowed: bool, so_far: Option<bool>| match (allowed, so_far) {
                (false, _) | (_, Some(false)) => Some(false),
                (true, Some(true)) if sure => Some(true),
                (true, _) => None,
            };
            (read, write) = (can(mapping.read || mapping.write, read), can(mapping.write, write));
            at = mapping.end;
        }
        if at < to {
            // A stack grows into what lies below it.
            let grows = self
                .mappings
                .iter()
                .find(|mapping| mapping.start >= at)
                .is_some_and(|above| above.write && !above.file && above.start < to.saturating_add(GROWTH_MAX));
            return if grows { (None, None) } else { (Some(false), Some(false)) };
        }
        (read, write)
    }
}

impl Access {
    fn of(&self, address: u64, len: u64) -> (Option<bool>, Option<bool>) {
        let Some(end) = address.checked_add(len) else { return (Some(false), Some(false)) };
        let found = self.ranges.iter().find(|range| range.start <= address && end <= range.end);
        found.map_or((None, None), |range| range.access(address, end))
    }

    /// Whether every byte of a range is the task's own: nobody else can have changed it.
    pub(super) fn is_private(&self, address: u64) -> bool {
        self.ranges.iter().any(|range| {
            range.mappings.iter().any(|found| (found.start..found.end).contains(&address) && !found.shared)
        })
    }
}

/// Memory before a call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Before<'a> {
    /// What was read.
    pub pieces: &'a [Piece],
    /// What is known of mappings.
    pub access: &'a Access,
}

impl Memory for Before<'_> {
    fn read(&self, address: u64, bytes: &mut [u8]) -> bool {
        self.pieces.iter().any(|piece| {
            let from = address.checked_sub(piece.address).and_then(|from| usize::try_from(from).ok());
            let found = from.and_then(|from| piece.bytes.get(from..from.checked_add(bytes.len())?));
            found.map(|found| bytes.copy_from_slice(found)).is_some()
        })
    }

    fn access(&self, address: u64, len: u64) -> (Option<bool>, Option<bool>) {
        self.access.of(address, len)
    }
}

/// Memory after a call, read where conditions ask for it.
#[derive(Debug)]
pub(super) struct After<'a, 'w, W> {
    /// Who reads it.
    pub witness: &'a RefCell<&'w mut W>,
    /// Whose it is.
    pub tid: i32,
    /// Where arguments point to.
    pub bases: [u64; 6],
    /// Whether what lies there can be what the call left there: nobody else runs in this memory.
    pub own: bool,
    /// What was read.
    pub cache: RefCell<Vec<Piece>>,
    /// What is known of mappings.
    pub access: &'a Access,
}

impl<W: Witness> Memory for After<'_, '_, W> {
    fn read(&self, address: u64, bytes: &mut [u8]) -> bool {
        /// A struct and what is next to it.
        const NEAR: u64 = 256;
        if !self.own {
            return false;
        }
        let cached = |pieces: &[Piece], bytes: &mut [u8]| Before { pieces, access: self.access }.read(address, bytes);
        if cached(&self.cache.borrow(), bytes) {
            return true;
        }
        let near = |base: &&u64| **base <= address && address - **base < NEAR;
        let start = self.bases.iter().filter(near).max().copied().unwrap_or(address);
        let wanted = (address - start + bytes.len() as u64).max(NEAR);
        let mut found = vec![0; usize::try_from(wanted).unwrap_or(0)];
        let read = self.witness.borrow_mut().read(self.tid, start, &mut found);
        found.truncate(read);
        self.cache.borrow_mut().push(Piece { address: start, bytes: found, wanted, written: true });
        cached(&self.cache.borrow(), bytes)
    }

    fn access(&self, address: u64, len: u64) -> (Option<bool>, Option<bool>) {
        self.access.of(address, len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapping(start: u64, end: u64, write: bool, file: bool) -> Mapping {
        Mapping { start, end, read: true, write, shared: false, file }
    }

    #[test]
    fn what_can_be_accessed_follows_from_mappings_and_from_what_could_be_read() {
        let mappings = vec![
            mapping(0x1000, 0x3000, true, false),
            mapping(0x3000, 0x4000, false, false),
            mapping(0x8000, 0x9000, true, true),
        ];
        let range = |start, end, readable| Range { start, end, mappings: mappings.clone(), readable };
        let (yes, no) = (Some(true), Some(false));
        assert_eq!(range(0x1000, 0x2000, 0x1000).access(0x1000, 0x2000), (yes, yes));
        // A guard, or a key: nobody knows.
        assert_eq!(range(0x1000, 0x3000, 0x1000).access(0x1000, 0x3000), (None, None));
        assert_eq!(range(0x2000, 0x4000, 0x2000).access(0x2000, 0x4000), (yes, no));
        assert_eq!(range(0x3000, 0x5000, 0x1000).access(0x3000, 0x5000), (no, no));
        assert_eq!(range(0x8000, 0x9000, 0x1000).access(0x8000, 0x9000), (None, None));
        // A mapping that may be a stack lies above.
        let below = Range { start: 0, end: 8, mappings: vec![mapping(0x1000, 0x2000, true, false)], readable: 0 };
        assert_eq!(below.access(0, 8), (None, None));
    }
}
