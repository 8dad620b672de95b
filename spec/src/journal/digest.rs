//! What later nights need to know of one.

use super::merge::Identity;
use super::section::is_rule;
use super::{Reported, Run};
use crate::finding::Severity;
use crate::version::Release;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The runs of one night in short.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Digest {
    /// The layout's version, [`Digest::VERSION`].
    pub version: u32,
    /// When the first of them began, in seconds since the start of 1970.
    pub started: u64,
    /// Each kernel.
    pub kernels: Vec<Fared>,
    /// What names each divergence from night to night.
    pub findings: BTreeSet<String>,
}

/// How a kernel fared.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fared {
    /// Its series, `6.1`, by which nights are compared: stable releases follow each other.
    pub series: String,
    /// The kernel, by its own name.
    pub kernel: String,
    /// Its port.
    pub arch: String,
    /// Calls that were judged.
    pub calls: u64,
    /// Error rules that were seen through the port's own entry.
    pub seen: u64,
    /// Error rules that could have been.
    pub possible: u64,
    /// Divergences.
    pub divergences: u64,
    /// Divergences that are known.
    pub known: u64,
    /// Whether each of its runs came to its end.
    pub whole: bool,
}

impl Digest {
    /// The version of the layout that this crate reads and writes.
    pub const VERSION: u32 = 1;

    /// Of joined runs.
    pub fn of(runs: &[Run]) -> Self {
        let mut kernels: Vec<Fared> = Vec::new();
        let mut findings = BTreeSet::new();
        for run in runs {
            let head = &run.head;
            let place = kernels.iter().position(|known| (&known.kernel, &known.arch) == (&head.kernel, &head.arch));
            let place = place.unwrap_or_else(|| {
                let (kernel, arch) = (head.kernel.clone(), head.arch.clone());
                kernels.push(Fared { series: series(&kernel), kernel, arch, whole: true, ..Fared::default() });
                kernels.len() - 1
            });
            let fared = &mut kernels[place];
            let calls = if run.pieces().next().is_none() { 0 } else { run.compared() };
            let (seen, possible) = run.seen("64", &is_rule);
            let errors = run.findings.iter().filter(|one| one.finding.severity == Severity::Error).count();
            fared.calls += calls;
            fared.seen += seen as u64;
            fared.possible += possible as u64;
            fared.divergences += errors as u64;
            fared.known += run.known.len() as u64;
            fared.whole &= run.end.is_some() && run.head.parts.iter().all(|part| part.broken.is_empty());
            findings.extend(run.findings.iter().map(|reported| name(run, reported)));
        }
        let started = runs.iter().map(|run| run.head.started).min().unwrap_or(0);
        Self { version: Self::VERSION, started, kernels, findings }
    }
}

/// The series that a kernel belongs to, or its whole name.
pub(super) fn series(kernel: &str) -> String {
    Release::from_uname(kernel).map_or_else(|_| kernel.to_owned(), |release| release.base().to_string())
}

/// What names a divergence from night to night, whatever stable release shows it and wherever its clause has moved.
pub fn name(run: &Run, reported: &Reported) -> String {
    let identity = Identity::of(&reported.finding);
    let words = [
        series(&run.head.kernel),
        run.head.arch.clone(),
        run.head.engine.clone(),
        identity.subject,
        identity.id,
        identity.entry.unwrap_or_default(),
        identity.clause.unwrap_or_default(),
        identity.told,
    ];
    words.join(" ")
}

/// The day, in UTC, of a moment in seconds since the start of 1970.
pub(super) fn date(seconds: u64) -> String {
    crate::known::Day::from_unix(seconds).to_string()
}
