//! What an engine brings back, and the summary of several.

use crate::args::Format;
use crate::commands;
use crate::context::Context;
use crate::exit::Exit;
use abispec::finding::{Finding, Severity};
use abispec::report::{self, Document, Origin, Section};
use serde_json::json;
use std::borrow::Cow;
use std::io::{self, Write};
use std::time::Duration;

/// What an engine brings back.
#[derive(Debug, Default)]
pub(crate) struct EngineResult {
    /// The engine, `lint`, `check` or `fuzz`.
    pub(crate) name: Cow<'static, str>,
    /// How many comparisons were made; none means that nothing is known.
    pub(crate) compared: u64,
    /// Whether it looks at the specification alone, so that agreement says nothing about a kernel.
    pub(crate) inward: bool,
    /// What was compared, a line each: `2,134 constants with 41 headers`.
    pub(crate) summary: Vec<String>,
    /// Divergences and warnings.
    pub(crate) findings: Vec<Finding>,
    /// What was left out.
    pub(crate) skipped: Vec<Skipped>,
    /// How long it took.
    pub(crate) took: Duration,
    /// The kernel, where it was about one.
    pub(crate) origin: Option<Origin>,
}

/// Something that was left out, and why.
#[derive(Debug)]
pub(crate) struct Skipped {
    /// What.
    pub(crate) what: String,
    /// Why.
    pub(crate) why: String,
}

impl EngineResult {
    /// An engine that could do nothing.
    pub(crate) fn skipped(name: &'static str, what: impl Into<String>, why: impl Into<String>) -> Self {
        Self { name: name.into(), skipped: vec![Skipped { what: what.into(), why: why.into() }], ..Self::default() }
    }

    fn section(&self) -> Section<'_> {
        Section {
            name: &self.name,
            compared: self.compared,
            inward: self.inward,
            findings: &self.findings,
            skipped: self.skipped.iter().map(|one| (one.what.as_str(), one.why.as_str())).collect(),
            seconds: self.took.as_secs_f64(),
            origin: self.origin.as_ref(),
        }
    }

    fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.severity == severity).count()
    }
}

/// How a run of several engines ends.
pub(crate) fn exit(results: &[EngineResult]) -> Exit {
    if results.iter().any(|result| result.count(Severity::Error) > 0) {
        Exit::Divergences
    } else if results.iter().all(|result| result.compared == 0) {
        Exit::CouldNotRun
    } else {
        Exit::Conforms
    }
}

/// Writes the only engine of a run.
pub(crate) fn write(result: &EngineResult, context: &Context, out: &mut dyn Write) -> io::Result<()> {
    match context.document {
        Some(document) => write_document(document, std::slice::from_ref(result), out),
        None => write_stream(result, context, out),
    }
}

/// Writes a whole run as one document.
fn write_document(document: Document, results: &[EngineResult], out: &mut dyn Write) -> io::Result<()> {
    let sections: Vec<_> = results.iter().map(EngineResult::section).collect();
    document.write(&sections, &commands::explain::explanation, out)
}

/// Writes the findings of one engine and what it compared, as far as that can be written before the run has ended.
pub(crate) fn write_part(result: &EngineResult, context: &Context, out: &mut dyn Write) -> io::Result<()> {
    match context.document {
        Some(_) => Ok(()),
        None => write_stream(result, context, out),
    }
}

fn write_stream(result: &EngineResult, context: &Context, out: &mut dyn Write) -> io::Result<()> {
    if context.format == Format::Json {
        result.findings.iter().try_for_each(|finding| report::write_json(finding, out))?;
        let skipped: Vec<_> = result.skipped.iter().map(|one| json!({"what": one.what, "why": one.why})).collect();
        let line = json!({
            "engine": result.name, "compared": result.compared, "summary": result.summary, "skipped": skipped,
            "divergences": result.count(Severity::Error), "warnings": result.count(Severity::Warning),
            "seconds": result.took.as_secs_f64(),
        });
        return writeln!(out, "{line}");
    }
    let bold = anstyle::Style::new().bold();
    for finding in &result.findings {
        report::write_human(finding, context.colour, out)?;
    }
    let (errors, warnings) = (result.count(Severity::Error), result.count(Severity::Warning));
    let verdict = match (result.compared, errors) {
        (_, 0) if result.inward => "no mistake".to_owned(),
        (0, 0) => "compared nothing".to_owned(),
        (_, 0) => "conforms".to_owned(),
        (_, count) => format!("{count} divergence(s)"),
    };
    let warned = if warnings > 0 { format!(", {warnings} warning(s)") } else { String::new() };
    writeln!(out, "{bold}{:<6}{bold:#} {verdict}{warned}  ({:.1} s)", result.name, result.took.as_secs_f64())?;
    for line in &result.summary {
        writeln!(out, "       {line}")?;
    }
    for Skipped { what, why } in &result.skipped {
        writeln!(out, "       skipped {what}: {why}")?;
    }
    Ok(())
}

/// Writes the last line of a run, or all of it where it is one document.
pub(crate) fn write_total(results: &[EngineResult], context: &Context, out: &mut dyn Write) -> io::Result<()> {
    if let Some(document) = context.document {
        return write_document(document, results, out);
    }
    let exit = exit(results);
    let errors: usize = results.iter().map(|result| result.count(Severity::Error)).sum();
    if context.format == Format::Json {
        let verdict = match exit {
            Exit::Conforms => "conforms",
            Exit::Divergences => "divergences",
            Exit::CouldNotRun => "nothing-compared",
        };
        return writeln!(out, "{}", json!({"verdict": verdict, "divergences": errors}));
    }
    let bold = anstyle::Style::new().bold();
    match exit {
        Exit::Conforms => writeln!(out, "{bold}conforms{bold:#}: the specification and this machine agree"),
        Exit::Divergences => writeln!(
            out,
            "{bold}diverges{bold:#}: {errors} finding(s) above; `abispec explain ID` says what each means"
        ),
        Exit::CouldNotRun => writeln!(out, "{bold}nothing was compared{bold:#}: see what was skipped"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(compared: u64, findings: Vec<Finding>) -> EngineResult {
        EngineResult { name: "check".into(), compared, findings, ..EngineResult::default() }
    }

    #[test]
    fn a_run_that_compared_nothing_does_not_conform() {
        let error = || Finding::error("x", "y", "z");
        let warning = || Finding { severity: Severity::Warning, ..error() };
        assert_eq!(exit(&[result(0, vec![])]), Exit::CouldNotRun);
        assert_eq!(exit(&[result(0, vec![]), result(3, vec![])]), Exit::Conforms);
        assert_eq!(exit(&[result(3, vec![warning()])]), Exit::Conforms);
        assert_eq!(exit(&[result(0, vec![]), result(3, vec![error()])]), Exit::Divergences);
    }
}
