//! Two witnesses and the tally of the running comparison.

use super::Between;
use crate::checks::{Compared, Report, Silent};
use crate::facts::{Constant, Fact, Facts, Field, Layout, Position, Source, WitnessKind};
use abispec::finding::{Finding, Severity, SourcePlace};
use std::collections::BTreeMap;

/// Two witnesses.
pub(super) struct Pair<'a> {
    /// The one to go by.
    pub(super) first: &'a Facts,
    /// The one that is held against it.
    pub(super) second: &'a Facts,
    id: &'static str,
    findings: Vec<Finding>,
    compared: usize,
    silent: BTreeMap<String, Vec<String>>,
}

/// One comparison.
pub(super) struct Sides<'a> {
    /// What is compared.
    pub(super) subject: String,
    /// What the first says.
    pub(super) first: String,
    /// Where.
    pub(super) first_at: &'a Source,
    /// What the second says.
    pub(super) second: String,
    /// Where.
    pub(super) second_at: &'a Source,
    /// Whether they agree.
    pub(super) equal: bool,
    /// What to do if they do not.
    pub(super) help: &'static str,
}

impl<'a> Pair<'a> {
    /// Two witnesses of one port.
    pub(super) fn new(first: &'a Facts, second: &'a Facts) -> Self {
        Self { first, second, id: "", findings: Vec::new(), compared: 0, silent: BTreeMap::new() }
    }

    /// Begins a comparison.
    pub(super) fn start(&mut self, comparison: &'static Between) {
        self.id = comparison.id;
    }

    /// Ends a comparison and adds what it found to the report.
    pub(super) fn finish(&mut self, report: &mut Report) {
        let witness = format!("{} and {}", self.first.witness, self.second.witness);
        let silent = std::mem::take(&mut self.silent);
        let findings = std::mem::take(&mut self.findings);
        let entry = Compared {
            check: self.id,
            witness: witness.clone(),
            count: std::mem::take(&mut self.compared),
            findings: findings.len(),
            silent: silent.values().map(Vec::len).sum(),
        };
        if entry.count + entry.silent > 0 {
            report.compared.push(entry);
        }
        report.findings.extend(findings);
        let check = self.id;
        report.silent.extend(silent.into_iter().map(|(reason, subjects)| Silent {
            check,
            witness: witness.clone(),
            reason,
            subjects,
        }));
    }

    /// Whether the witnesses are of these kinds.
    pub(super) fn are(&self, first: WitnessKind, second: WitnessKind) -> bool {
        (self.first.kind, self.second.kind) == (first, second)
    }

    /// Whether both are known to be of one release, so that what grows has grown equally.
    pub(super) fn same_release(&self) -> bool {
        let release = |facts: &Facts| facts.release.value().map(|release| release.base());
        release(self.first).is_some() && release(self.first) == release(self.second)
    }

    /// Notes that something could not be compared.
    pub(super) fn silent(&mut self, subject: impl Into<String>, reason: impl Into<String>) {
        self.silent.entry(reason.into()).or_default().push(subject.into());
    }

    /// Counts a comparison, and reports it if it failed.
    pub(super) fn compare(&mut self, sides: Sides<'_>) {
        self.compared += 1;
        if sides.equal {
            return;
        }
        let names = (self.first.kind.name(), self.second.kind.name());
        let message = format!("{} says {}, {} says {}", names.0, sides.first, names.1, sides.second);
        let mut finding = Finding::error(self.id, sides.subject, message)
            .other(sides.second_at.to_string())
            .values(sides.first, sides.second)
            .help(sides.help);
        finding.spec = Some(place(sides.first_at));
        finding.severity = Severity::Warning;
        self.findings.push(finding);
    }

    /// Compares the constants that both name; `silent` says why a name is not compared, given whether the values are equal.
    pub(super) fn compare_constants(
        &mut self,
        silent: impl Fn(&Self, &str, &Fact<Constant>, bool) -> Option<&'static str>,
        help: &'static str,
    ) {
        let (first, second) = (self.first, self.second);
        for (name, found) in &second.constants {
            let Some([own, ..]) = first.constants.get(name).map(Vec::as_slice) else { continue };
            for fact in found {
                let equal = agrees(first, name, fact);
                if let Some(reason) = silent(self, name, fact, equal) {
                    self.silent(name, reason);
                    continue;
                }
                self.compare(Sides {
                    subject: name.clone(),
                    first: own.value.to_string(),
                    first_at: &own.source,
                    second: fact.value.to_string(),
                    second_at: &fact.source,
                    equal,
                    help,
                });
            }
        }
    }

    /// Compares two layouts of one tag: the fields that both name, and the size. `None` if they agree or cannot differ.
    pub(super) fn difference(&self, first: &Layout, second: &Layout) -> Difference {
        let mut growth = false;
        for own in first.fields.iter().filter(|field| !is_room(field)) {
            let Some(other) = second.field(&own.name) else { continue };
            if is_open_end(first, own, other) {
                return Difference::None;
            }
            if (own.offset_bits, own.size_bits) == (other.offset_bits, other.size_bits) {
                continue;
            }
            // A struct inside of it has grown where a union leaves room.
            let grown = own.offset_bits == other.offset_bits && is_record(own) && is_record(other);
            if !grown || self.same_release() {
                return Difference::Field(own.clone(), other.clone());
            }
            growth = true;
        }
        if first.size == second.size || growth {
            return if growth { Difference::Growth } else { Difference::None };
        }
        // The shorter one may be of an earlier release, when fields at the end were missing.
        let (short, long) = if first.size < second.size { (first, second) } else { (second, first) };
        let end = short.size * 8;
        let more = long.fields.iter().any(|field| field.offset_bits + field.size_bits > end && !is_room(field));
        if more && !self.same_release() { Difference::Growth } else { Difference::Size }
    }
}

/// Whether a witness has a constant of this name and number.
pub(super) fn agrees(facts: &Facts, name: &str, fact: &Fact<Constant>) -> bool {
    facts.constants.get(name).is_some_and(|known| known.iter().any(|own| own.value.is_same_number(fact.value)))
}

/// How two layouts of one tag differ.
pub(super) enum Difference {
    /// Not at all.
    None,
    /// In a field.
    Field(Field, Field),
    /// In the size alone.
    Size,
    /// One has fields at its end that the other does not have yet.
    Growth,
}

/// Whether a field only keeps room. Its length changes when the room is used.
fn is_room(field: &Field) -> bool {
    let name = field.name.to_lowercase();
    let numbered = name.strip_prefix("res").is_some_and(|rest| rest.chars().all(|c| c.is_ascii_digit()));
    numbered
        || name.starts_with('_')
        || ["pad", "reserved", "unused", "spare", "rsv", "resv", "zero", "fill"].iter().any(|part| name.contains(part))
}

fn is_record(field: &Field) -> bool {
    field.c_type.starts_with("struct") || field.c_type.starts_with("union")
}

/// Whether a field is an array at the end, which has no length in one description and one element in the other.
fn is_open_end(first: &Layout, own: &Field, other: &Field) -> bool {
    own.offset_bits == other.offset_bits
        && (own.size_bits == 0 || other.size_bits == 0)
        && first.fields.last().is_some_and(|last| last.name == own.name)
}

/// A place of a witness as findings carry it.
fn place(source: &Source) -> SourcePlace {
    let (line, column) = match source.at {
        Position::Line { line, column } => (line, column),
        Position::Type(_) | Position::Whole => (1, 1),
    };
    let file = match source.at {
        Position::Type(_) => source.to_string(),
        Position::Line { .. } | Position::Whole => source.file.to_string(),
    };
    SourcePlace { file, line, column, text: None }
}
