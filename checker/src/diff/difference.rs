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
    /// The value as text; empty where this side has only what the missing thing would be part of.
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
        let what = match (Self::value(&self.old), Self::value(&self.new)) {
            (Some(old), Some(new)) if old == new => old.to_owned(),
            (Some(old), Some(new)) => format!("{old} -> {new}"),
            (Some(old), None) => format!("was {old}"),
            (None, Some(new)) => new.to_owned(),
            (None, None) => String::new(),
        };
        match &self.note {
            Some(note) => format!("{what}; {note}"),
            None => what,
        }
    }

    fn value(stated: &Option<Stated>) -> Option<&str> {
        stated.as_ref().map(|stated| stated.text.as_str()).filter(|text| !text.is_empty())
    }

    /// The same as the tools' common type.
    pub fn finding(&self) -> Finding {
        let breaking = self.class.impact == Impact::Breaking;
        let mut finding = Finding {
            severity: if breaking { Severity::Error } else { Severity::Warning },
            expected: Self::value(&self.old).map(str::to_owned),
            actual: Self::value(&self.new).map(str::to_owned),
            ports: self.ports.iter().map(|port| port.name().to_owned()).collect(),
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
        self.found.differences.push(Difference {
            class,
            header: header.to_owned(),
            subject,
            old,
            new,
            note,
            ports: Vec::new(),
        });
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
