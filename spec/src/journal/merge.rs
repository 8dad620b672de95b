//! Journals of one kernel as one.

use super::{End, Part, Reported, Run, Seen, Skipped, SoFar, Waived};
use crate::evidence::{ClauseKey, Evidence, Exercised};
use crate::finding::Finding;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Why journals cannot be joined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Conflict {
    /// They were held against different specifications.
    Specifications(String, String),
    /// Something is in two of them, each time together with other runs, so that it cannot be counted once.
    Twice(String),
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Specifications(one, other) => {
                write!(
                    f,
                    "they are of two specifications, {one} and {other}: what agrees with one says nothing of the other"
                )
            }
            Self::Twice(what) => {
                write!(
                    f,
                    "{what} is in two journals, each time joined with other runs, so that it would be counted twice"
                )
            }
        }
    }
}

/// A shard of a run: options, seed, shard, of how many.
pub(super) type Unit = (String, Option<u64>, u16, u16);

/// The shards that a run has, of which those count that ended.
fn units(run: &Run, counts: impl Fn(&Part, u16) -> bool) -> BTreeSet<Unit> {
    let parts = run.head.parts.iter();
    parts.flat_map(|part| part.shards.iter().filter(|s| counts(part, **s)).map(|shard| part.unit(*shard))).collect()
}

/// Joins the runs of each engine on each kernel, in the order of these names. What was found is what any of them found;
/// what was counted is summed, and counted once where the same shard is given several times.
///
/// # Errors
/// When they are of different specifications, or overlap in part.
pub fn merge(runs: Vec<Run>) -> Result<Vec<Run>, Conflict> {
    let mut groups: BTreeMap<(String, String, String), Vec<Run>> = BTreeMap::new();
    let mut specification: Option<String> = None;
    for run in runs {
        let expected = specification.get_or_insert_with(|| run.head.specification.clone());
        if *expected != run.head.specification {
            return Err(Conflict::Specifications(expected.clone(), run.head.specification));
        }
        let head = &run.head;
        groups.entry((head.kernel.clone(), head.arch.clone(), head.engine.clone())).or_default().push(run);
    }
    groups.into_values().map(join).collect()
}

fn join(mut runs: Vec<Run>) -> Result<Run, Conflict> {
    // Whole ones first, and of these the larger: what a later one repeats is not counted again.
    runs.sort_by_cached_key(|run| {
        let counted = run.end.as_ref().map_or(0, |end| end.compared);
        let units = units(run, |_, _| true);
        (run.end.is_none(), std::cmp::Reverse(units.len()), std::cmp::Reverse(counted), units, run.head.started)
    });
    let mut counted: BTreeSet<Unit> = BTreeSet::new();
    let mut ended: BTreeSet<Unit> = BTreeSet::new();
    let mut parts: Vec<Part> = Vec::new();
    let (mut findings, mut known) = (Findings::default(), BTreeMap::new());
    let mut coverage: BTreeMap<String, Coverage> = BTreeMap::new();
    let mut outcomes = Vec::new();
    let mut so_far: BTreeMap<(Unit, String), SoFar> = BTreeMap::new();
    let mut end: Option<End> = None;
    for run in &runs {
        run.findings.iter().for_each(|reported| findings.add(reported));
        for waived in &run.known {
            known.entry(Identity::of(&waived.finding)).or_insert_with(|| waived.clone());
        }
        for one in &run.so_far {
            // Two journals of a shard tell of the same programs: the one that got further counts.
            let known = so_far.entry((one.unit(), one.seen.entry.clone())).or_insert_with(|| one.clone());
            if one.weight() > known.weight() {
                known.clone_from(one);
            }
        }
        let units = units(run, |part, shard| !part.broken.contains(&shard));
        let new = units.iter().filter(|unit| !counted.contains(*unit)).count();
        if run.end.is_some() && new > 0 && new < units.len() {
            let twice = units.iter().find(|unit| counted.contains(*unit));
            let name = |(options, seed, shard, of): &Unit| {
                Part { options: options.clone(), seed: *seed, shards: Vec::new(), of: *of, broken: Vec::new() }
                    .name(*shard)
            };
            return Err(Conflict::Twice(twice.map(name).unwrap_or_default()));
        }
        for part in &run.head.parts {
            note(&mut parts, part);
            let own = part.shards.iter().filter(|shard| !part.broken.contains(shard));
            ended.extend(own.map(|shard| part.unit(*shard)));
        }
        let Some(own) = run.end.as_ref().filter(|_| new > 0) else { continue };
        counted.extend(units);
        for seen in &run.coverage {
            coverage.entry(seen.entry.clone()).or_default().add(seen);
        }
        outcomes.extend(run.outcomes.iter().cloned());
        add(end.get_or_insert_default(), own);
    }
    for part in &mut parts {
        let own = part.clone();
        part.broken.retain(|shard| !ended.contains(&own.unit(*shard)));
    }
    parts.sort();
    let mut head = runs[0].head.clone();
    head.started = runs.iter().map(|run| run.head.started).min().unwrap_or(head.started);
    head.parts = parts;
    let single = runs.len() == 1;
    if let Some(end) = end.as_mut().filter(|_| !single) {
        end.summary.sort();
        end.skipped.sort();
        end.skipped.dedup();
    }
    Ok(Run {
        head,
        findings: findings.list(),
        known: known.into_values().collect::<Vec<Waived>>(),
        coverage: coverage.into_iter().map(|(entry, own)| own.seen(entry)).collect(),
        outcomes,
        so_far: so_far.into_iter().filter(|((unit, _), _)| !ended.contains(unit)).map(|(_, one)| one).collect(),
        end,
    })
}

/// Notes the shards of a part beside those of the same seed.
fn note(parts: &mut Vec<Part>, part: &Part) {
    let like = |known: &&mut Part| (&known.options, known.seed, known.of) == (&part.options, part.seed, part.of);
    let Some(known) = parts.iter_mut().find(like) else { return parts.push(part.clone()) };
    for (into, from) in [(&mut known.shards, &part.shards), (&mut known.broken, &part.broken)] {
        into.extend(from);
        into.sort_unstable();
        into.dedup();
    }
}

fn add(sum: &mut End, own: &End) {
    sum.compared += own.compared;
    sum.programs += own.programs;
    sum.inward = own.inward;
    sum.seconds += own.seconds;
    for line in &own.summary {
        if !sum.summary.contains(line) {
            sum.summary.push(line.clone());
        }
    }
    sum.skipped.extend(own.skipped.iter().filter(|one| lasting(one)).cloned());
}

/// Whether it says something of the machine, not of one run's luck.
fn lasting(skipped: &Skipped) -> bool {
    !skipped.why.contains("was suspected")
}

/// What makes two findings of one engine on one kernel the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Identity {
    pub(super) subject: String,
    pub(super) id: String,
    place: Option<(String, u32, u32)>,
    pub(super) clause: Option<String>,
    pub(super) entry: Option<String>,
    /// What differs from program to program is no part of what went wrong.
    pub(super) told: String,
}

impl Identity {
    pub(super) fn of(finding: &Finding) -> Self {
        let told = match (&finding.entry, finding.id.ends_with("-errno")) {
            (Some(_), true) => finding.actual.clone().unwrap_or_default(),
            (Some(_), false) => String::new(),
            (None, _) => format!("{} {}", finding.message, finding.other.as_deref().unwrap_or_default()),
        };
        Self {
            subject: finding.subject.clone(),
            id: finding.id.clone(),
            place: finding.spec.as_ref().map(|place| (place.file.clone(), place.line, place.column)),
            clause: finding.clause.clone(),
            entry: finding.entry.clone(),
            told,
        }
    }
}

/// Findings, each once, by the shortest program that shows it.
#[derive(Default)]
struct Findings(BTreeMap<Identity, Reported>);

impl Findings {
    fn add(&mut self, reported: &Reported) {
        let plainness = |one: &Reported| (one.finding.trace.len(), one.finding.trace.concat().len());
        let better = |new: &Reported, old: &Reported| {
            (plainness(new), &new.finding.trace, &new.finding.message, &new.finding.files)
                < (plainness(old), &old.finding.trace, &old.finding.message, &old.finding.files)
        };
        match self.0.entry(Identity::of(&reported.finding)) {
            std::collections::btree_map::Entry::Vacant(free) => {
                free.insert(reported.clone());
            }
            std::collections::btree_map::Entry::Occupied(mut taken) => {
                if better(reported, taken.get()) {
                    taken.insert(reported.clone());
                }
            }
        }
    }

    fn list(self) -> Vec<Reported> {
        self.0.into_values().collect()
    }
}

/// What several runs tried through one entry.
#[derive(Default)]
pub(super) struct Coverage {
    kernel: String,
    arch: String,
    times: BTreeMap<ClauseKey, u64>,
    unseen: BTreeSet<ClauseKey>,
}

impl Coverage {
    pub(super) fn add(&mut self, seen: &Seen) {
        self.kernel.clone_from(&seen.evidence.kernel);
        self.arch.clone_from(&seen.evidence.arch);
        for one in &seen.evidence.clauses {
            *self.times.entry(one.clause.clone()).or_default() += one.times;
        }
        self.unseen.extend(seen.unseen.iter().cloned());
    }

    pub(super) fn seen(self, entry: String) -> Seen {
        let unseen = self.unseen.into_iter().filter(|clause| !self.times.contains_key(clause)).collect();
        let clauses = self.times.into_iter().map(|(clause, times)| Exercised { clause, times }).collect();
        let evidence = Evidence { version: Evidence::VERSION, kernel: self.kernel, arch: self.arch, clauses };
        Seen { entry, evidence, unseen }
    }
}
