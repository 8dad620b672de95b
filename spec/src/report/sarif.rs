//! SARIF 2.1.0, what code scanning services take.

use super::{Section, Spot, details, knows_nothing, spot};
use crate::finding::{Finding, Severity};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{self, Write};

/// Writes a log with one run for each engine, since each speaks of its own rules.
pub(super) fn write(
    sections: &[Section<'_>],
    explain: &dyn Fn(&str) -> Option<&'static str>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let nothing = knows_nothing(sections);
    let runs: Vec<_> = sections.iter().map(|section| run(section, nothing, explain)).collect();
    serde_json::to_writer_pretty(&mut *out, &json!({"version": "2.1.0", "runs": runs}))?;
    writeln!(out)
}

fn run(section: &Section<'_>, nothing: bool, explain: &dyn Fn(&str) -> Option<&'static str>) -> Value {
    let mut indices: BTreeMap<&str, usize> = section.findings.iter().map(|finding| (finding.id.as_str(), 0)).collect();
    let rules: Vec<_> = indices
        .iter_mut()
        .enumerate()
        .map(|(index, (id, place))| {
            *place = index;
            rule(id, explain(id))
        })
        .collect();
    let results: Vec<_> =
        section.findings.iter().map(|finding| result(finding, indices[finding.id.as_str()])).collect();
    let mut notes: Vec<_> = section
        .skipped
        .iter()
        .map(|(what, why)| json!({"level": "note", "message": {"text": format!("skipped {what}: {why}")}}))
        .collect();
    if section.idle() {
        let level = if nothing { "error" } else { "note" };
        notes.push(json!({"level": level, "message": {"text": "nothing was compared"}}));
    }
    json!({
        "tool": {"driver": {"name": "abispec", "semanticVersion": env!("CARGO_PKG_VERSION"), "rules": rules}},
        "automationDetails": {"id": format!("abispec/{}/", section.name)},
        "invocations": [{"executionSuccessful": !nothing, "toolExecutionNotifications": notes}],
        "properties": {"compared": section.compared},
        "columnKind": "unicodeCodePoints",
        "results": results,
    })
}

fn rule(id: &str, explanation: Option<&str>) -> Value {
    match explanation {
        Some(text) => json!({
            "id": id,
            "shortDescription": {"text": text.trim().lines().next().unwrap_or(id)},
            "fullDescription": {"text": text.trim()},
        }),
        None => json!({"id": id}),
    }
}

fn result(finding: &Finding, rule: usize) -> Value {
    let level = match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let text: Vec<_> =
        std::iter::once(format!("{}: {}", finding.subject, finding.message)).chain(details(finding)).collect();
    // Some services refuse a result without a place, so that one which has none points at the specification as a whole.
    let spot = spot(finding).unwrap_or_else(|| Spot { file: "spec".to_owned(), line: None, column: None });
    json!({
        "ruleId": finding.id,
        "ruleIndex": rule,
        "level": level,
        "message": {"text": text.join("\n")},
        "locations": [{
            "physicalLocation": physical(&spot),
            "logicalLocations": [{"fullyQualifiedName": finding.subject}],
        }],
        // What is the same in two runs although lines have moved.
        "partialFingerprints": {"abispec/v1": format!("{}/{}/{}", finding.id, finding.subject, fnv(&finding.message))},
    })
}

fn physical(spot: &Spot) -> Value {
    let artifact = json!({"uri": uri(&spot.file)});
    let Some(line) = spot.line else { return json!({"artifactLocation": artifact}) };
    let mut region = json!({"startLine": line.max(1)});
    if let Some(column) = spot.column {
        region["startColumn"] = json!(column.max(1));
    }
    json!({"artifactLocation": artifact, "region": region})
}

/// A path as a reference: what has a meaning of its own there is written as its bytes.
fn uri(path: &str) -> String {
    let mut uri = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/+@".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            uri.push_str(&format!("%{byte:02X}"));
        }
    }
    if path.starts_with('/') { format!("file://{uri}") } else { uri }
}

/// FNV-1a with 64 bits: short, and the same on every machine.
fn fnv(text: &str) -> String {
    let hash = text
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    format!("{hash:016x}")
}
