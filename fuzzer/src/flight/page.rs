//! Pages that are found again by how they begin.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Relaxed, Release};

/// Bytes of a page: whatever the kernel does with larger ones, these stay together.
pub(super) const SIZE: usize = 4096;
const WORDS: usize = SIZE / 8;
/// Words before what a page carries.
const HEAD: usize = 8;
/// Bytes that a page carries.
pub(super) const ROOM: usize = SIZE - 8 * HEAD;
/// How every page begins.
const MARK: [u64; 2] = [0x7468_676c_665f_4e49, 0xd6a7_33c1_5e09_b84f];

/// Where a batch stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It runs.
    Runs,
    /// It has run, and no other has begun.
    Over,
}

/// What stands before what a page carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// Who writes to it.
    pub(super) owner: u64,
    /// Which batch of this process it is.
    pub(super) generation: u64,
    /// Which of the batch's pages.
    pub(super) number: u64,
    /// Bytes of the batch.
    pub(super) length: u64,
    pub(super) state: State,
}

/// A page in the memory of the process that writes it. Its words are atomics, so that none is left out though nobody here reads it.
#[repr(C, align(4096))]
pub(super) struct Page {
    words: [AtomicU64; WORDS],
}

const _: () = assert!(size_of::<Page>() == SIZE);

impl Page {
    pub(super) fn new() -> Box<Self> {
        Box::new(Self { words: [const { AtomicU64::new(0) }; WORDS] })
    }

    /// Writes bytes, at most [`ROOM`] of them. Until that is done the page says nothing.
    pub(super) fn write(&self, head: Head, bytes: &[u8]) {
        self.words[6].store(0, Release);
        let fixed = [MARK[0], MARK[1], head.owner, head.generation, head.number, head.length];
        for (word, value) in self.words.iter().zip(fixed) {
            word.store(value, Relaxed);
        }
        for (word, chunk) in self.words[HEAD..].iter().zip(bytes.chunks(8)) {
            let mut value = [0; 8];
            value[..chunk.len()].copy_from_slice(chunk);
            word.store(u64::from_ne_bytes(value), Relaxed);
        }
        self.state(head.state);
    }

    pub(super) fn state(&self, state: State) {
        self.words[6].store(if state == State::Runs { 1 } else { 2 }, Release);
    }

    /// Its bytes as the host sees them.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> Vec<u8> {
        self.words.iter().flat_map(|word| word.load(Relaxed).to_ne_bytes()).collect()
    }
}

fn word(page: &[u8], index: usize) -> Option<u64> {
    Some(u64::from_ne_bytes(page.get(8 * index..8 * index + 8)?.try_into().ok()?))
}

/// Whether a page of memory is one of these.
pub(super) fn is_one(page: &[u8]) -> bool {
    page.len() == SIZE && word(page, 0) == Some(MARK[0]) && word(page, 1) == Some(MARK[1])
}

/// What a page says, where it is one of these and whole.
pub(super) fn parse(page: &[u8]) -> Option<(Head, &[u8])> {
    if !is_one(page) {
        return None;
    }
    let state = match word(page, 6)? {
        1 => State::Runs,
        2 => State::Over,
        _ => return None,
    };
    let (owner, generation) = (word(page, 2)?, word(page, 3)?);
    let head = Head { owner, generation, number: word(page, 4)?, length: word(page, 5)?, state };
    Some((head, page.get(8 * HEAD..)?))
}
