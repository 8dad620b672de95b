//! The form people read: message, place, the line itself, both values, what to do.

use crate::finding::{Finding, Severity};
use std::io::{self, Write};

/// Writes one finding; `colour` adds ANSI sequences.
///
/// # Errors
/// When `out` cannot be written to.
pub fn write(finding: &Finding, colour: bool, out: &mut dyn Write) -> io::Result<()> {
    let paint =
        |code: &'static str, text: &str| if colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() };
    let code = match finding.severity {
        Severity::Error => "1;31",
        Severity::Warning => "1;33",
    };
    let title = paint(code, &format!("{}[{}]", finding.severity, finding.id));
    // A load error's subject is its file, which the place repeats.
    let in_place = finding.spec.as_ref().is_some_and(|place| place.file == finding.subject);
    let subject = if in_place { String::new() } else { format!("{}: ", finding.subject) };
    writeln!(out, "{title}: {subject}{}", finding.message)?;
    if let Some(place) = &finding.spec {
        writeln!(out, "  {} {place}", paint("1;34", "-->"))?;
        if let Some(text) = &place.text {
            let number = place.line.to_string();
            let (text, column) = window(text, (place.column as usize).saturating_sub(1));
            let lead: String = text.chars().take(column).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
            writeln!(out, "  {} {text}", paint("1;34", &format!("{number} |")))?;
            writeln!(
                out,
                "  {} {lead}{}",
                paint("1;34", &format!("{:width$} |", "", width = number.len())),
                paint(code, "^")
            )?;
        }
    }
    if let Some(other) = &finding.other {
        writeln!(out, "  other side: {other}")?;
    }
    if let Some(expected) = &finding.expected {
        writeln!(out, "  expected: {expected}")?;
    }
    if let Some(actual) = &finding.actual {
        writeln!(out, "  actual:   {actual}")?;
    }
    for line in &finding.trace {
        writeln!(out, "    {line}")?;
    }
    for file in &finding.files {
        writeln!(out, "  wrote: {file}")?;
    }
    if let Some(help) = &finding.help {
        writeln!(out, "  {}: {help}", paint("1;32", "help"))?;
    }
    Ok(())
}

/// Characters of a line that are shown.
const SHOWN: usize = 240;

/// The part of a line around a column, and the column within that part.
fn window(text: &str, column: usize) -> (String, usize) {
    let length = text.chars().count();
    if length <= SHOWN {
        return (text.to_owned(), column);
    }
    let start = column.saturating_sub(SHOWN / 2).min(length - SHOWN);
    let part = text.chars().skip(start).take(SHOWN).collect();
    (part, column.saturating_sub(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_is_shown_around_its_column() {
        assert_eq!(window("short", 3), ("short".to_owned(), 3));
        let line = "x".repeat(5000) + "!" + &"y".repeat(5000);
        let (part, column) = window(&line, 5000);
        assert_eq!((part.chars().count(), part.chars().nth(column)), (SHOWN, Some('!')));
        assert_eq!(window(&line, 10).1, 10);
    }
}
