//! One finding a line, as JSON.

use crate::finding::Finding;
use std::io::{self, Write};

/// The JSON Schema of the lines that programs write of a run, findings among them.
pub const JSON_LINES_SCHEMA: &str = include_str!("../../schema/report-1.schema.json");

/// Writes one finding as one line of JSON.
///
/// # Errors
/// When `out` cannot be written to.
pub fn write(finding: &Finding, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer(&mut *out, finding)?;
    writeln!(out)
}
