//! What a run had tried before it ended: all that is left of the counting of one that was ended before its time.

use super::merge::{Coverage, Unit};
use super::{Run, Seen};
use serde::{Deserialize, Serialize};

/// What a run tried through one entry since it last said so; the first one says what could have been tried as well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SoFar {
    /// What the run was asked for, as its [`Part`](super::Part) says.
    pub options: String,
    /// Where its programs came from.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub seed: Option<u64>,
    /// Which shard of the seed it is, from 1.
    pub shard: u16,
    /// How many shards there are.
    pub of: u16,
    /// Calls that were judged.
    pub calls: u64,
    /// Programs that were run.
    pub programs: u64,
    /// Clauses that were seen for the first time. How often is what it was then: at least so often.
    pub seen: Seen,
}

impl SoFar {
    pub(super) fn unit(&self) -> Unit {
        (self.options.clone(), self.seed, self.shard, self.of)
    }

    /// How much it says.
    pub(super) fn weight(&self) -> (u64, usize, u64) {
        (self.calls, self.seen.evidence.clauses.len(), self.programs)
    }
}

/// Adds what was tried since the line before.
pub(super) fn note(list: &mut Vec<SoFar>, one: SoFar) {
    let like = |known: &&mut SoFar| known.seen.entry == one.seen.entry && known.unit() == one.unit();
    let Some(known) = list.iter_mut().find(like) else { return list.push(one) };
    known.calls += one.calls;
    known.programs += one.programs;
    let mut sum = Coverage::default();
    sum.add(&known.seen);
    sum.add(&one.seen);
    known.seen = sum.seen(one.seen.entry);
}

impl Run {
    /// Drops what its own end, or that of another run of the same shard, says better.
    pub(super) fn drop_what_ended(&mut self) {
        let parts = &self.head.parts;
        self.so_far.retain(|one| {
            let unit = one.unit();
            parts.iter().any(|part| part.broken.contains(&one.shard) && part.unit(one.shard) == unit)
        });
    }

    /// What was tried, by entry: by runs that ended, and by others as far as they got.
    pub fn tried(&self) -> Vec<Seen> {
        let mut entries: Vec<&str> = self.pieces().map(|seen| seen.entry.as_str()).collect();
        entries.sort_unstable();
        entries.dedup();
        let joined = entries.into_iter().map(|entry| {
            let mut sum = Coverage::default();
            self.pieces().filter(|seen| seen.entry == entry).for_each(|seen| sum.add(seen));
            sum.seen(entry.to_owned())
        });
        joined.collect()
    }

    /// What was tried, as it was written.
    pub fn pieces(&self) -> impl Iterator<Item = &Seen> {
        self.coverage.iter().chain(self.so_far.iter().map(|one| &one.seen))
    }

    /// Comparisons, or calls that were judged.
    pub fn compared(&self) -> u64 {
        self.end.as_ref().map_or(0, |end| end.compared) + self.so_far.iter().map(|one| one.calls).sum::<u64>()
    }

    /// Programs that were run.
    pub fn programs(&self) -> u64 {
        self.end.as_ref().map_or(0, |end| end.programs) + self.so_far.iter().map(|one| one.programs).sum::<u64>()
    }
}
