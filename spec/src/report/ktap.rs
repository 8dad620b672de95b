//! KTAP version 1, what the kernel's own tests write.

use super::{Section, details, knows_nothing};
use crate::finding::Severity;
use std::io::{self, Write};

/// Writes a run: a subtest for each engine, in it a line for the engine, each finding, and what was skipped.
pub(super) fn write(sections: &[Section<'_>], out: &mut dyn Write) -> io::Result<()> {
    let nothing = knows_nothing(sections);
    writeln!(out, "KTAP version 1\n1..{}", sections.len())?;
    for (index, section) in sections.iter().enumerate() {
        let name = words(section.name);
        let idle = section.idle();
        let cases = 1 + section.findings.len() + section.skipped.len();
        writeln!(out, "  KTAP version 1\n  # Subtest: {name}\n  1..{cases}")?;
        match (nothing, idle) {
            (true, _) => writeln!(out, "  # nothing was compared\n  not ok 1 compared")?,
            (false, true) => writeln!(out, "  ok 1 compared # SKIP nothing was compared")?,
            (false, false) => writeln!(out, "  # {}\n  ok 1 compared", section.extent())?,
        }
        let mut number = 1;
        for finding in section.findings {
            number += 1;
            for line in std::iter::once(format!("{}[{}]: {}", finding.severity, finding.id, finding.message))
                .chain(details(finding))
            {
                writeln!(out, "  # {}", words(&line))?;
            }
            let verdict = match finding.severity {
                Severity::Error => "not ok",
                Severity::Warning => "ok",
            };
            writeln!(out, "  {verdict} {number} {}", words(&format!("{}: {}", finding.id, finding.subject)))?;
        }
        for (what, why) in &section.skipped {
            number += 1;
            writeln!(out, "  ok {number} {} # SKIP {}", words(what), words(why))?;
        }
        let verdict = if section.errors() > 0 || nothing { "not ok" } else { "ok" };
        let skip = if idle && !nothing { " # SKIP nothing was compared" } else { "" };
        writeln!(out, "{verdict} {} {name}{skip}", index + 1)?;
    }
    Ok(())
}

/// One line in which nothing begins a directive.
fn words(text: &str) -> String {
    let plain: String = text.chars().map(|c| if c == '#' || c.is_control() { ' ' } else { c }).collect();
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}
