//! One difference, and everything that a comparison brings.

use super::class::{Class, Impact};
use super::side::Side;
use crate::facts::{Silence, Source};
use abispec::arch::Arch;
use abispec::finding::{Finding, Severity};
use std::collections::BTreeMap;
use std::fmt;

/// What one side states.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stated {
    /// The value as text.
    pub text: String,
    /// Where.
    pub source: Source,
}

/// One difference.
#[derive(Clone)]
pub struct Difference {
    /// Its class.
    pub class: &'static Class,
    /// The header it belongs to by the name it is included by, or the file where there is no header.
    pub header: String,
    /// What it is about: a constant, `struct.field`, a system call.
    pub subject: String,
    /// The old side; none for what was added.
    pub old: Option<Stated>,
    /// The new side; none for what was removed.
    pub new: Option<Stated>,
    /// What makes it this class, or how far it reaches.
    pub note: Option<String>,
    /// The ports that have it.
    pub ports: Vec<Arch>,
}

impl Difference {
    /// The place that a report begins with: that of the new side, where there is one.
    pub fn place(&self) -> Option<&Source> {
        self.new.as_ref().or(self.old.as_ref()).map(|stated| &stated.source)
    }

    /// Both values in one sentence.
    pub fn message(&self) -> String {
        let what = match (&self.old, &self.new) {
            (Some(old), Some(new)) if old.text == new.text => old.text.clone(),
            (Some(old), Some(new)) => format!("{} -> {}", old.text, new.text),
            (Some(old), None) => format!("was {}", old.text),
            (None, Some(new)) => new.text.clone(),
            (None, None) => String::new(),
        };
        match &self.note {
            Some(note) => format!("{what}; {note}"),
            None => what,
        }
    }

    /// The same as the tools' common type.
    pub fn finding(&self) -> Finding {
        let breaking = self.class.impact == Impact::Breaking;
        let mut finding = Finding {
            severity: if breaking { Severity::Error } else { Severity::Warning },
            expected: self.old.as_ref().map(|old| old.text.clone()),
            actual: self.new.as_ref().map(|new| new.text.clone()),
            ..Finding::error(self.class.id, self.subject.clone(), format!("{}: {}", self.class.title, self.message()))
        };
        finding.other = self.place().map(ToString::to_string);
        finding
    }
}

impl fmt::Debug for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}: {}", self.header, self.class.id, self.subject, self.message())
    }
}

/// What a comparison brings.
#[derive(Clone, Debug, Default)]
pub struct Comparison {
    /// Every difference, by header and place.
    pub differences: Vec<Difference>,
    /// How many things of each kind both sides state: `constants`, `structs`, `system calls`, `headers`, `rules`.
    pub compared: BTreeMap<&'static str, usize>,
    /// What a side could not be read for, so that it is in no difference.
    pub silent: Vec<Silence>,
}

impl Comparison {
    /// Everything that both sides state.
    pub fn count(&self) -> usize {
        self.compared.values().sum()
    }

    /// Sorts and joins what several parts found.
    pub(super) fn sorted(mut self) -> Self {
        self.differences.sort_by(|a, b| {
            let key = |one: &Difference| one.place().cloned();
            (&a.header, key(a), a.class.id, &a.subject).cmp(&(&b.header, key(b), b.class.id, &b.subject))
        });
        self.silent.sort();
        self.silent.dedup();
        self
    }
}

/// Where the parts of a comparison put what they find.
#[derive(Default)]
pub(super) struct Log {
    found: Comparison,
}

impl Log {
    /// Counts what both sides state.
    pub(super) fn compared(&mut self, kind: &'static str, count: usize) {
        *self.found.compared.entry(kind).or_default() += count;
    }

    /// Something that could not be compared.
    pub(super) fn silent(&mut self, subject: &str, reason: String) {
        self.found.silent.push(Silence { subject: subject.to_owned(), reason });
    }

    /// A difference.
    pub(super) fn add(
        &mut self,
        class: &'static Class,
        header: &str,
        subject: impl Into<String>,
        sides: (Option<Stated>, Option<Stated>),
        note: Option<String>,
    ) {
        let (old, new) = sides;
        let subject = subject.into();
        self.found.differences.push(Difference { class, header: header.to_owned(), subject, old, new, note, ports: Vec::new() });
    }

    /// Everything that was found, sorted.
    pub(super) fn finish(self, old: &Side<'_>, new: &Side<'_>) -> Comparison {
        let mut found = self.found;
        debug_assert_eq!(old.facts.arch, new.facts.arch);
        for difference in &mut found.differences {
            difference.ports = vec![new.facts.arch];
        }
        found.sorted()
    }
}
