//! Writes what is about to run.

use super::page::{Head, Page, ROOM, State};
use super::wire::{Batch, Flat};
use crate::lower::Lowered;
use crate::program::Program;
use crate::worker::Setting;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

/// Pages of one batch at most. The programs that fit are written.
const MOST: usize = 256;

static WANTED: AtomicBool = AtomicBool::new(false);
static OWNERS: AtomicU64 = AtomicU64::new(1);
static GENERATIONS: AtomicU64 = AtomicU64::new(1);

/// From now on batches are kept, for a host that looks into this machine's memory when it has ended.
pub fn keep() {
    WANTED.store(true, Relaxed);
}

/// What one room writes its batches to.
pub(crate) struct Recorder {
    owner: u64,
    pages: Vec<Box<Page>>,
    bytes: Vec<u8>,
}

impl Recorder {
    /// One, where batches are to be kept.
    pub(crate) fn if_wanted() -> Option<Self> {
        WANTED.load(Relaxed).then(Self::new)
    }

    pub(super) fn new() -> Self {
        Self { owner: OWNERS.fetch_add(1, Relaxed), pages: Vec::new(), bytes: Vec::new() }
    }

    /// Writes the programs that are about to run in a sandbox.
    pub(crate) fn begin<'a>(
        &mut self,
        sandbox: u64,
        setting: &'a Setting,
        programs: impl Iterator<Item = (&'a Program, &'a Lowered)>,
    ) {
        let (resolved, habitat) = (&setting.resolved, setting.habitat);
        let flat = |(program, lowered): (&'a Program, &Lowered)| {
            let mut flat = Flat::default();
            for (call, low) in program.calls.iter().zip(&lowered.calls) {
                flat.push(&resolved.calls[call.call].name, low.op.get(), &call.args);
            }
            flat
        };
        let mut batch = Batch {
            sandbox,
            entry: setting.entry.name(),
            capabilities: habitat.capabilities,
            file_system: habitat.file_system.name(),
            privileged: habitat.privileged,
            programs: programs.map(flat).collect(),
        };
        loop {
            let mut bytes = std::mem::take(&mut self.bytes);
            bytes.clear();
            // Writing to memory does not fail.
            self.bytes = postcard::to_extend(&batch, bytes).unwrap_or_default();
            if self.bytes.len() <= MOST * ROOM || batch.programs.is_empty() {
                break;
            }
            batch.programs.truncate(batch.programs.len() / 2);
        }
        let generation = GENERATIONS.fetch_add(1, Relaxed);
        let count = self.bytes.len().div_ceil(ROOM);
        while self.pages.len() < count {
            self.pages.push(Page::new());
        }
        for (number, (page, bytes)) in (0..).zip(self.pages.iter().zip(self.bytes.chunks(ROOM))) {
            let length = self.bytes.len() as u64;
            page.write(Head { owner: self.owner, generation, number, length, state: State::Runs }, bytes);
        }
    }

    /// Notes that they have run.
    pub(crate) fn over(&self) {
        self.pages.iter().for_each(|page| page.state(State::Over));
    }

    #[cfg(test)]
    pub(super) fn pages(&self) -> Vec<Vec<u8>> {
        self.pages.iter().map(|page| page.bytes()).collect()
    }
}
