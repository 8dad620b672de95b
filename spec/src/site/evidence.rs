//! What runs of the fuzzer have seen of a call.

use super::html::escape;
use crate::evidence::Evidence;
use crate::target::ClauseKind;
use std::collections::BTreeMap;
use std::fmt::Write;

/// What was exercised on one kernel, by call.
#[derive(Clone, Debug)]
pub struct Tried {
    kernel: String,
    arch: String,
    /// How many clauses of each kind, and how often together.
    calls: BTreeMap<String, (BTreeMap<ClauseKind, u32>, u64)>,
}

impl From<&Evidence> for Tried {
    fn from(evidence: &Evidence) -> Self {
        let mut calls: BTreeMap<String, (BTreeMap<ClauseKind, u32>, u64)> = BTreeMap::new();
        for seen in &evidence.clauses {
            let (kinds, times) = calls.entry(seen.clause.syscall.clone()).or_default();
            *kinds.entry(seen.clause.kind).or_default() += 1;
            *times += seen.times;
        }
        Self { kernel: evidence.kernel.clone(), arch: evidence.arch.clone(), calls }
    }
}

/// What each run has seen of a call; nothing where there was no run.
pub(super) fn section(tried: &[Tried], call: &str) -> String {
    if tried.is_empty() {
        return String::new();
    }
    let mut out = "<h2>Seen on real kernels</h2>\n<table>\n<tr><th>kernel<th>error rules<th>conditions after \
                   success<th>effects<th>checked\n"
        .to_owned();
    for run in tried {
        let empty = (BTreeMap::new(), 0);
        let (kinds, times) = run.calls.get(call).unwrap_or(&empty);
        let count = |wanted: &[ClauseKind]| wanted.iter().filter_map(|kind| kinds.get(kind)).sum::<u32>();
        let rules = count(&[ClauseKind::When, ClauseKind::May]);
        let (ensures, effects) = (count(&[ClauseKind::Ensures]), count(&[ClauseKind::Effect]));
        let _ = writeln!(
            out,
            "<tr><td>{} on {}<td>{rules}<td>{ensures}<td>{effects}<td>{times} times",
            escape(&run.kernel),
            escape(&run.arch)
        );
    }
    out.push_str("</table>\n");
    out
}
