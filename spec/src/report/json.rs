//! One finding a line, as JSON.

use crate::finding::Finding;
use std::io::{self, Write};

/// Writes one finding as one line of JSON.
///
/// # Errors
/// When `out` cannot be written to.
pub fn write(finding: &Finding, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer(&mut *out, finding)?;
    writeln!(out)
}
