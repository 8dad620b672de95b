//! Runs of journals as the sections of a report.

use super::{Run, Seen};
use crate::evidence::ClauseKey;
use crate::finding::Finding;
use crate::report::{Origin, Section};
use crate::target::ClauseKind;

/// A run with the texts that its section borrows.
#[derive(Clone, Debug)]
pub struct Told {
    name: String,
    origin: Origin,
    findings: Vec<Finding>,
    skipped: Vec<(String, String)>,
    compared: u64,
    inward: bool,
    seconds: f64,
    /// What was compared, a line each.
    pub summary: Vec<String>,
}

impl Told {
    /// Of a run. `several` says that the report has runs of other kernels too.
    pub fn of(run: &Run, several: bool) -> Self {
        let head = &run.head;
        let end = run.end.clone().unwrap_or_default();
        let mut skipped: Vec<(String, String)> = Vec::new();
        for part in &head.parts {
            let broken = part.broken.iter().map(|shard| {
                let told = run.so_far.iter().any(|one| one.unit() == part.unit(*shard));
                let rest =
                    if told { "what it tried up to seconds before that is too" } else { "what it counted is not" };
                let why = "its journal breaks off, it was ended before its time: what it found is here";
                (part.name(*shard), format!("{why}, {rest}"))
            });
            let missing = part.missing().map(|shard| (part.name(shard), "there is no journal of it".to_owned()));
            skipped.extend(broken.chain(missing));
        }
        skipped.extend(end.skipped.into_iter().map(|one| (one.what, one.why)));
        Self {
            name: if several { format!("{} on {}", head.engine, head.kernel) } else { head.engine.clone() },
            origin: Origin { kernel: head.kernel.clone(), arch: head.arch.clone(), started: head.started },
            findings: run.findings.iter().map(|reported| reported.finding.clone()).collect(),
            skipped,
            compared: run.compared(),
            inward: end.inward,
            seconds: end.seconds,
            summary: summary(run),
        }
    }

    /// As the section of a report.
    pub fn section(&self) -> Section<'_> {
        Section {
            name: &self.name,
            compared: self.compared,
            inward: self.inward,
            findings: &self.findings,
            skipped: self.skipped.iter().map(|(what, why)| (what.as_str(), why.as_str())).collect(),
            seconds: self.seconds,
            origin: Some(&self.origin),
        }
    }
}

impl Run {
    /// How many error rules, or clauses of any kind, were seen through an entry, and how many could have been.
    pub fn seen(&self, entry: &str, wanted: &dyn Fn(&ClauseKey) -> bool) -> (usize, usize) {
        let tried = self.tried();
        let of_entry = || tried.iter().filter(|seen| seen.entry == entry);
        let met = |seen: &Seen| seen.evidence.clauses.iter().filter(|one| wanted(&one.clause)).count();
        let seen = of_entry().map(met).sum();
        (seen, seen + of_entry().map(|seen| seen.unseen.iter().filter(|key| wanted(key)).count()).sum::<usize>())
    }
}

/// Whether a clause is an error rule.
pub(super) fn is_rule(key: &ClauseKey) -> bool {
    matches!(key.kind, ClauseKind::When | ClauseKind::May)
}

fn summary(run: &Run) -> Vec<String> {
    let tried = run.tried();
    if tried.is_empty() {
        return run.end.as_ref().map_or_else(Vec::new, |end| end.summary.clone());
    }
    let counted = (run.compared(), run.programs());
    let mut lines = vec![format!("{} calls in {} programs, kernel {}", counted.0, counted.1, run.head.kernel)];
    for seen in &tried {
        let of = |(seen, possible): (usize, usize)| format!("{seen} of {possible} executable");
        lines.push(format!(
            "through the {} entry: error rules seen {}, clauses of every kind {}",
            seen.entry,
            of(run.seen(&seen.entry, &is_rule)),
            of(run.seen(&seen.entry, &|_| true)),
        ));
    }
    for part in &run.head.parts {
        if let Some(seed) = part.seed {
            let shards =
                if part.of == 1 { String::new() } else { format!(", {} of {} shards", part.shards.len(), part.of) };
            lines.push(format!("seed {seed}{shards}"));
        }
    }
    if !run.known.is_empty() {
        lines.push(format!("{} of these divergences are known", run.known.len()));
    }
    lines
}
