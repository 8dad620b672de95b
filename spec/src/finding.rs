//! What the tools report, the same type for every engine.

use crate::place::Place;
use serde::{Deserialize, Serialize};
use std::fmt;

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Worth knowing; the run still conforms.
    Warning,
    /// The two sides disagree, or the input is broken.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// A place in a text file, by path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SourcePlace {
    /// Path as the user gave it, or relative to the embedded specification.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1.
    pub column: u32,
    /// The line itself, where the text is at hand.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub text: Option<String>,
}

impl fmt::Display for SourcePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// One divergence, or one mistake in the input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Stable id of the rule that found it, `missing-error`.
    pub id: String,
    /// How much it matters.
    pub severity: Severity,
    /// What it is about, `pipe2` or `pipe2_flags.O_CLOEXEC`.
    pub subject: String,
    /// Both sides in one sentence, lower case, no full stop.
    pub message: String,
    /// Where the specification says so.
    pub spec: Option<SourcePlace>,
    /// The contradicted clause as text, where it is one clause.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub clause: Option<String>,
    /// The way into the kernel that the call took, where it was made.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub entry: Option<String>,
    /// The other side: a header's place, a BTF type, a call.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub other: Option<String>,
    /// What the specification permits.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub expected: Option<String>,
    /// What was found.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub actual: Option<String>,
    /// The ports that show it, by name, where it is about some ports.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub ports: Vec<String>,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub help: Option<String>,
    /// Paths of files written for this finding: replay file, C program.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub files: Vec<String>,
    /// Lines that show how it came about, such as the calls of a program.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub trace: Vec<String>,
}

impl Finding {
    /// An error with nothing but its message.
    pub fn error(id: &str, subject: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            id: id.to_owned(),
            severity: Severity::Error,
            subject: subject.into(),
            message: message.into(),
            spec: None,
            clause: None,
            entry: None,
            other: None,
            expected: None,
            actual: None,
            ports: Vec::new(),
            help: None,
            files: Vec::new(),
            trace: Vec::new(),
        }
    }

    /// The same with a place in the specification.
    #[must_use]
    pub fn at(mut self, place: SourcePlace) -> Self {
        self.spec = Some(place);
        self
    }

    /// The same with advice.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The same with both values.
    #[must_use]
    pub fn values(mut self, expected: impl Into<String>, actual: impl Into<String>) -> Self {
        self.expected = Some(expected.into());
        self.actual = Some(actual.into());
        self
    }

    /// The same with the other side's place.
    #[must_use]
    pub fn other(mut self, other: impl Into<String>) -> Self {
        self.other = Some(other.into());
        self
    }
}

/// A file of a specification, or one that is imported, with its text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceFile {
    /// Path as it is shown.
    pub path: String,
    /// What it holds.
    pub text: String,
}

impl SourceFile {
    /// Turns a place in this file into one that shows its line.
    pub fn place(&self, at: Place) -> SourcePlace {
        let text = self.text.lines().nth((at.line as usize).saturating_sub(1)).map(str::to_owned);
        SourcePlace { file: self.path.clone(), line: at.line, column: at.column, text }
    }
}
