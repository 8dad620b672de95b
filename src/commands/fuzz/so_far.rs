//! What a run has tried, told in its journal while it goes on: who is ended before his time has lost seconds.

use super::told::concerns;
use crate::journal::Journal;
use abispec::evidence::{ClauseKey, Evidence};
use abispec::journal::{Line, Part, Seen, SoFar};
use abispec::target::{Clause, ClauseId};
use abispec_fuzzer::campaign::{self, SideOutcome};
use abispec_fuzzer::coverage::{self, Executable};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How often. Each time only what is new is written.
const EVERY: Duration = Duration::from_secs(5);

/// What an entry's lines have said.
#[derive(Default)]
struct Said {
    clauses: Vec<bool>,
    calls: u64,
    programs: u64,
}

/// Tells a journal what there is to tell of a run, which is one shard of a part. `chosen` are the calls that it is about.
pub(super) fn telling(journal: &Arc<Journal>, part: &Part, chosen: &[String]) -> campaign::SoFar {
    let (journal, part, chosen) = (journal.clone(), part.clone(), chosen.to_vec());
    let said: Mutex<Vec<Said>> = Mutex::default();
    let tell = move |sides: &[SideOutcome]| {
        let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
        said.resize_with(sides.len(), Said::default);
        for (index, (side, said)) in sides.iter().zip(&mut *said).enumerate() {
            let tried: Vec<String> = side.system_calls.iter().cloned().collect();
            let calls = if index == 0 { &chosen } else { &tried };
            if let Some(line) = line(side, said, calls, &part) {
                journal.write(|| Line::SoFar(line));
            }
        }
    };
    campaign::SoFar { every: EVERY, tell: Arc::new(tell) }
}

/// What is new of an entry.
fn line(side: &SideOutcome, said: &mut Said, chosen: &[String], part: &Part) -> Option<SoFar> {
    let resolved = &side.resolved;
    let first = said.clauses.is_empty();
    said.clauses.resize(resolved.clauses.len(), false);
    let new = |clause: ClauseId| {
        let told = said.clauses.get(clause.0 as usize).copied().unwrap_or(true);
        if told { 0 } else { side.coverage.count(clause) }
    };
    let evidence = Evidence::new(resolved, new);
    if evidence.clauses.is_empty() && side.calls == said.calls && !first {
        return None;
    }
    let missed = |(index, clause): &(usize, &Clause)| {
        side.executable[*index] == Executable::Yes
            && side.coverage.count(coverage::id(*index)) == 0
            && concerns(resolved, clause, chosen)
    };
    let clauses = resolved.clauses.iter().enumerate();
    let unseen = clauses.filter(|_| first).filter(missed).map(|(_, clause)| ClauseKey::of(clause)).collect();
    for (index, told) in said.clauses.iter_mut().enumerate() {
        *told |= side.coverage.count(coverage::id(index)) > 0;
    }
    let (calls, programs) = (side.calls - said.calls, side.programs - said.programs);
    (said.calls, said.programs) = (side.calls, side.programs);
    Some(SoFar {
        options: part.options.clone(),
        seed: part.seed,
        shard: part.shards.first().copied().unwrap_or(1),
        of: part.of,
        calls,
        programs,
        seen: Seen { entry: side.entry.name().to_owned(), evidence, unseen },
    })
}
