//! Findings as text for people and for programs.
//!
//! Two forms are streams: what is found can be written at once. The others are [`Document`]s, which begin with a count or
//! end with a bracket; they are made of all sections of a run together.

mod github;
mod human;
mod json;
mod junit;
mod kcidb;
mod ktap;
mod sarif;
mod text;

use crate::finding::{Finding, Severity};
use std::io::{self, Write};

pub use human::write as write_human;
pub use json::{JSON_LINES_SCHEMA, write as write_json};
pub(crate) use text::escaped;
pub use text::grouped;

/// What one engine did: a test suite, in the words of most formats.
#[derive(Clone, Debug, Default)]
pub struct Section<'a> {
    /// The engine, `check`.
    pub name: &'a str,
    /// How many comparisons were made.
    pub compared: u64,
    /// Whether it looks at the specification alone, so that it compares nothing.
    pub inward: bool,
    /// What was found.
    pub findings: &'a [Finding],
    /// What was left out, each with its reason.
    pub skipped: Vec<(&'a str, &'a str)>,
    /// Seconds it took.
    pub seconds: f64,
    /// The kernel, where the section is about one.
    pub origin: Option<&'a Origin>,
}

/// What a section is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The kernel, by its own name.
    pub kernel: String,
    /// Its port.
    pub arch: String,
    /// When the run began, in seconds since the start of 1970.
    pub started: u64,
}

impl Section<'_> {
    /// The findings that make a run fail.
    fn errors(&self) -> usize {
        self.findings.iter().filter(|finding| finding.severity == Severity::Error).count()
    }

    /// Whether it should have compared something and did not.
    fn idle(&self) -> bool {
        !self.inward && self.compared == 0 && self.findings.is_empty()
    }

    /// What it looked at.
    fn extent(&self) -> String {
        if self.inward {
            "looked at the specification alone".to_owned()
        } else {
            format!("{} comparisons", self.compared)
        }
    }
}

/// A form that holds a whole run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Document {
    /// JUnit XML: a suite for each engine, a failed case for each divergence.
    Junit,
    /// SARIF 2.1.0: a result for each finding, at its place.
    Sarif,
    /// KTAP version 1, the kernel's own test output: a subtest for each engine.
    Ktap,
    /// What KernelCI's database takes: a checkout and a build for each kernel, a test for each engine and each finding.
    Kcidb,
    /// The workflow commands by which GitHub Actions annotates a change.
    Github,
}

impl Document {
    /// Writes a run; `explain` gives the explanation of a finding's id.
    ///
    /// # Errors
    /// When `out` cannot be written to.
    pub fn write(
        self,
        sections: &[Section<'_>],
        explain: &dyn Fn(&str) -> Option<&'static str>,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        match self {
            Self::Junit => junit::write(sections, out),
            Self::Sarif => sarif::write(sections, explain, out),
            Self::Kcidb => kcidb::write(sections, out),
            Self::Ktap => ktap::write(sections, out),
            Self::Github => github::write(sections, out),
        }
    }
}

/// Whether a run compared nothing at all, and so knows nothing.
fn knows_nothing(sections: &[Section<'_>]) -> bool {
    sections.iter().any(|section| !section.inward)
        && sections.iter().all(|section| section.compared == 0 && section.errors() == 0)
}

/// A place in a text, as far as it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Spot {
    file: String,
    line: Option<u32>,
    column: Option<u32>,
}

/// Where a finding is shown: its place in the specification, or the file that the other side names. What a revision shows is shown
/// in its own repository, where the specification is none of the files.
fn spot(finding: &Finding) -> Option<Spot> {
    match (&finding.spec, other_spot(finding)) {
        (None, other) => other.map(|(spot, _)| spot),
        (Some(_), Some((spot, true))) => Some(spot),
        (Some(place), _) => Some(Spot { file: place.file.clone(), line: Some(place.line), column: Some(place.column) }),
    }
}

/// The file that the other side names, and whether it is that of a revision.
fn other_spot(finding: &Finding) -> Option<(Spot, bool)> {
    // `include/uapi/linux/fcntl.h:12:9`; the column or the line may be absent, and a revision may stand in front.
    let mut file = finding.other.as_deref()?;
    let mut numbers = Vec::new();
    while let Some((front, number)) = file.rsplit_once(':')
        && let Ok(number) = number.parse::<u32>()
        && numbers.len() < 2
    {
        numbers.push(number);
        file = front;
    }
    let line = numbers.pop().filter(|line| *line > 0)?;
    let (of_a_revision, file) = file.rsplit_once(':').map_or((false, file), |(_, path)| (true, path));
    let looks_like_a_path = !file.is_empty() && !file.contains(char::is_whitespace);
    let column = numbers.pop().filter(|column| *column > 0);
    looks_like_a_path.then(|| (Spot { file: file.to_owned(), line: Some(line), column }, of_a_revision))
}

/// All that a finding says beside its title, a fact a line.
fn details(finding: &Finding) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(place) = &finding.spec {
        lines.push(format!("specification: {place}"));
    }
    let facts = [("other side", &finding.other), ("expected", &finding.expected), ("actual", &finding.actual)];
    lines.extend(facts.iter().filter_map(|(name, value)| value.as_ref().map(|value| format!("{name}: {value}"))));
    if !finding.ports.is_empty() {
        lines.push(format!("ports: {}", finding.ports.join(", ")));
    }
    lines.extend(finding.trace.iter().cloned());
    lines.extend(finding.files.iter().map(|file| format!("wrote: {file}")));
    lines.extend(finding.help.iter().map(|help| format!("help: {help}")));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_without_a_place_is_shown_at_the_other_sides_file() {
        let at = |other: &str| spot(&Finding::error("x", "y", "z").other(other));
        let place = |line, column| Some(Spot { file: "include/uapi/linux/a.h".to_owned(), line: Some(line), column });
        assert_eq!(at("include/uapi/linux/a.h:43:9"), place(43, Some(9)));
        assert_eq!(at("v7.3:include/uapi/linux/a.h:43:9"), place(43, Some(9)));
        assert_eq!(at("include/uapi/linux/a.h:43"), place(43, None));
        let file = "spec/flags/a.yaml".to_owned();
        let own = crate::finding::SourcePlace { file, line: 2, column: 1, text: None };
        let both =
            |other: &str| spot(&Finding { spec: Some(own.clone()), ..Finding::error("x", "y", "z").other(other) });
        assert_eq!(both("HEAD:include/uapi/linux/a.h:43:9"), place(43, Some(9)), "a series is told where it lies");
        for elsewhere in ["/usr/include/linux/a.h:43:9", "vmlinux [type 9]"] {
            assert_eq!(both(elsewhere).map(|spot| spot.file).as_deref(), Some("spec/flags/a.yaml"), "{elsewhere}");
        }
        for nowhere in ["struct open_how", "a call: 3", "a.h", "a.h:0", ":7", ""] {
            assert_eq!(at(nowhere), None, "{nowhere}");
        }
    }
}
