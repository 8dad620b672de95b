//! The commands by which a step of GitHub Actions puts findings beside the lines of a change.

use super::{Section, details, knows_nothing, spot};
use crate::finding::Severity;
use std::io::{self, Write};

/// Writes a command for each finding; what was skipped is a notice without a place.
pub(super) fn write(sections: &[Section<'_>], out: &mut dyn Write) -> io::Result<()> {
    for section in sections {
        for finding in section.findings {
            let level = match finding.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
            };
            let mut properties = Vec::new();
            if let Some(spot) = spot(finding) {
                properties.push(("file", spot.file));
                properties.extend(spot.line.map(|line| ("line", line.to_string())));
                properties.extend(spot.column.map(|column| ("col", column.to_string())));
            }
            properties.push(("title", format!("{}: {}", finding.id, finding.subject)));
            let text = std::iter::once(finding.message.clone()).chain(details(finding)).collect::<Vec<_>>();
            command(level, &properties, &text.join("\n"), out)?;
        }
        for (what, why) in &section.skipped {
            let title = format!("{} skipped {what}", section.name);
            command("notice", &[("title", title)], why, out)?;
        }
    }
    if knows_nothing(sections) {
        command("error", &[("title", "abispec".to_owned())], "nothing was compared", out)?;
    }
    Ok(())
}

fn command(level: &str, properties: &[(&str, String)], text: &str, out: &mut dyn Write) -> io::Result<()> {
    let properties: Vec<_> = properties.iter().map(|(name, value)| format!("{name}={}", property(value))).collect();
    writeln!(out, "::{level} {}::{}", properties.join(","), data(text))
}

/// Text behind the second pair of colons.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// Text of a property, which ends at a comma or a colon.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
