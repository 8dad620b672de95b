//! Journals: what runs did, a line of JSON for each event, written as it happens.
//!
//! A run that is killed leaves what it had found. Journals behind one another are a journal, and [`merge()`] joins those of
//! one kernel, such as the shards of one seed, so that nothing is lost or counted twice.

mod digest;
mod merge;
mod page;
mod section;
mod so_far;

pub use digest::{Digest, Fared, name};
pub use merge::{Conflict, merge};
pub use page::{Nights, page};
pub use section::Told;
pub use so_far::SoFar;

use crate::evidence::{ClauseKey, Evidence};
use crate::finding::Finding;
use crate::model::Spec;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Write};

/// The version of the layout that this crate reads and writes.
pub const VERSION: u32 = 1;

/// How a run begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// The layout's version, [`VERSION`].
    pub journal: u32,
    /// The engine, `fuzz`.
    pub engine: String,
    /// The kernel, by its own name where it has one: `6.1.0-50-cloud-amd64`.
    pub kernel: String,
    /// Its port.
    pub arch: String,
    /// Which specification it was held against ([`fingerprint`]).
    pub specification: String,
    /// When, in seconds since the start of 1970.
    pub started: u64,
    /// What was run; several where journals were joined.
    pub parts: Vec<Part>,
}

/// What was run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// What the run was asked for, where that decides what is tried: the calls, the file systems.
    pub options: String,
    /// Where its programs came from.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub seed: Option<u64>,
    /// Which shards of the seed these are, from 1.
    pub shards: Vec<u16>,
    /// How many shards there are.
    pub of: u16,
    /// The shards that ended before their time: what they found is here, what they counted is not, but for what they said
    /// meanwhile ([`SoFar`]).
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub broken: Vec<u16>,
}

impl Part {
    /// A run that is not one of several shards.
    pub fn whole(options: String, seed: Option<u64>) -> Self {
        Self { options, seed, shards: vec![1], of: 1, broken: Vec::new() }
    }

    /// The shards that no journal is of.
    pub fn missing(&self) -> impl Iterator<Item = u16> {
        (1..=self.of).filter(|shard| !self.shards.contains(shard))
    }

    /// What tells a shard of it from all others.
    fn unit(&self, shard: u16) -> merge::Unit {
        (self.options.clone(), self.seed, shard, self.of)
    }

    /// What a shard of it is called.
    fn name(&self, shard: u16) -> String {
        let seed = self.seed.map_or_else(String::new, |seed| format!(" of seed {seed}"));
        if self.of == 1 { format!("the run{seed}") } else { format!("shard {shard}/{}{seed}", self.of) }
    }
}

/// A finding with the texts of the files that were written for it, by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reported {
    /// The finding.
    pub finding: Finding,
    /// Replay file and C program.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub texts: BTreeMap<String, String>,
}

/// A finding that is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Waived {
    /// The finding.
    pub finding: Finding,
    /// Why it is accepted.
    pub reason: String,
    /// Where more is said.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub link: Option<String>,
}

/// The clauses that were tried through one entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seen {
    /// The way into the kernel.
    pub entry: String,
    /// What was exercised.
    pub evidence: Evidence,
    /// What could have been exercised there and was not.
    pub unseen: Vec<ClauseKey>,
}

/// What a kernel answered to a program, whatever the specification says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// Which program of the seed.
    pub program: u64,
    /// Its calls, a line each.
    pub calls: Vec<String>,
    /// `success` or an errno, call by call.
    pub answers: Vec<String>,
}

/// Something that was left out.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Skipped {
    /// What.
    pub what: String,
    /// Why.
    pub why: String,
}

/// How a run ends.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct End {
    /// Comparisons, or calls that were judged.
    pub compared: u64,
    /// Programs that were run.
    pub programs: u64,
    /// Whether the engine looks at the specification alone.
    #[serde(default)]
    pub inward: bool,
    /// How long it took; of several runs, together.
    pub seconds: f64,
    /// What was compared, a line each.
    pub summary: Vec<String>,
    /// What was left out.
    pub skipped: Vec<Skipped>,
}

/// A run, or several that were joined.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// How it began.
    pub head: Head,
    /// What it found.
    pub findings: Vec<Reported>,
    /// What it found and was known.
    pub known: Vec<Waived>,
    /// What it tried, by entry.
    pub coverage: Vec<Seen>,
    /// What the kernel answered.
    pub outcomes: Vec<Outcome>,
    /// What shards tried that were ended before their time, one for each and each entry.
    pub so_far: Vec<SoFar>,
    /// How it ended; nothing where it was ended.
    pub end: Option<End>,
}

/// A line of a journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Line {
    /// A run begins.
    Begin(Head),
    /// It found something.
    Finding(Box<Reported>),
    /// It met what is known.
    Known(Box<Waived>),
    /// What it tried.
    Coverage(Seen),
    /// What the kernel answered.
    Outcome(Outcome),
    /// What it tried since it last said so.
    SoFar(SoFar),
    /// It ended.
    End(End),
}

impl Line {
    /// Writes the line.
    ///
    /// # Errors
    /// When `out` cannot be written to.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        serde_json::to_writer(&mut *out, self)?;
        writeln!(out)
    }
}

/// Why a text is no journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong there.
    pub message: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)
    }
}

/// Reads the runs of a journal. A last line that breaks off is what a killed run leaves, and is passed over.
///
/// # Errors
/// When a line is none of a journal, or the journal is of another version.
pub fn read(text: &str) -> Result<Vec<Run>, Mistake> {
    let mut runs: Vec<Run> = Vec::new();
    let lines: Vec<&str> = text.lines().collect();
    for (index, line) in lines.iter().enumerate() {
        let mistake = |message: String| Mistake { line: index + 1, message };
        let parsed = match serde_json::from_str::<Line>(line) {
            Ok(parsed) => parsed,
            Err(_) if line.trim().is_empty() => continue,
            Err(_) if index + 1 == lines.len() && !text.ends_with('\n') && !runs.is_empty() => break,
            Err(error) => return Err(mistake(error.to_string())),
        };
        if let Line::Begin(head) = parsed {
            if head.journal != VERSION {
                let why = format!("the journal's version is {}, this program reads {VERSION}", head.journal);
                return Err(mistake(why));
            }
            runs.push(Run {
                head,
                findings: Vec::new(),
                known: Vec::new(),
                coverage: Vec::new(),
                outcomes: Vec::new(),
                so_far: Vec::new(),
                end: None,
            });
            continue;
        }
        let run = runs.last_mut().filter(|run| run.end.is_none());
        let run = run.ok_or_else(|| mistake("no run has begun before this line".to_owned()))?;
        match parsed {
            Line::Finding(reported) => run.findings.push(*reported),
            Line::Known(waived) => run.known.push(*waived),
            Line::Coverage(seen) => run.coverage.push(seen),
            Line::Outcome(outcome) => run.outcomes.push(outcome),
            Line::SoFar(one) => so_far::note(&mut run.so_far, one),
            Line::End(end) => run.end = Some(end),
            Line::Begin(_) => {}
        }
    }
    // What has not ended has counted nothing but what it said meanwhile.
    for run in runs.iter_mut().filter(|run| run.end.is_none()) {
        for part in &mut run.head.parts {
            part.broken.clone_from(&part.shards);
        }
    }
    runs.iter_mut().for_each(Run::drop_what_ended);
    Ok(runs)
}

impl Run {
    /// Writes the run as a journal.
    ///
    /// # Errors
    /// When `out` cannot be written to.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        Line::Begin(self.head.clone()).write(out)?;
        for reported in &self.findings {
            Line::Finding(Box::new(reported.clone())).write(out)?;
        }
        for waived in &self.known {
            Line::Known(Box::new(waived.clone())).write(out)?;
        }
        for seen in &self.coverage {
            Line::Coverage(seen.clone()).write(out)?;
        }
        for outcome in &self.outcomes {
            Line::Outcome(outcome.clone()).write(out)?;
        }
        for one in &self.so_far {
            Line::SoFar(one.clone()).write(out)?;
        }
        self.end.iter().try_for_each(|end| Line::End(end.clone()).write(out))
    }
}

/// What tells one specification from another: a hash of all its files.
pub fn fingerprint(spec: &Spec) -> String {
    let mut files: Vec<_> = spec.files.iter().collect();
    files.sort_by(|a, b| a.path.cmp(&b.path));
    let bytes = files.iter().flat_map(|file| file.path.bytes().chain([0]).chain(file.text.bytes()).chain([0]));
    // FNV-1a: what it guards against is a mistake, not an attack.
    let hash = bytes
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests;
