//! `abispec lint`.

use crate::args::Format;
use crate::context::Context;
use crate::engine::{self, EngineResult};
use crate::exit::Exit;
use crate::failure::Failure;
use abispec::finding::{Finding, Severity};
use abispec::model::Spec;
use abispec::report;
use std::io::Write;
use std::time::Instant;

/// Options of `abispec lint`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  abispec lint                     the embedded specification
  abispec lint --spec ./spec       a folder; every mistake of every file in one run
  abispec lint --spec ./spec pipe  only files whose path contains `pipe`
  abispec lint --format json       one finding a line, then the totals

Exit codes: 0 no mistake, 2 the specification is broken.")]
pub(crate) struct Args {
    /// Report only files whose path contains this text
    file: Option<String>,
}

/// What a lint found.
pub(super) struct Linted {
    /// The mistakes.
    pub(super) findings: Vec<Finding>,
    /// What was looked at, `64 system calls, 1204 error rules ...`.
    pub(super) totals: String,
}

/// Looks for mistakes.
pub(super) fn lint(context: &Context) -> Result<Linted, Failure> {
    let (spec, findings) = context.load()?;
    Ok(Linted { findings, totals: totals(&spec) })
}

/// Runs the command.
pub(super) fn run(args: &Args, context: &Context, out: &mut dyn Write) -> Result<Exit, Failure> {
    let start = Instant::now();
    let Linted { mut findings, totals } = lint(context)?;
    if let Some(text) = &args.file {
        findings.retain(|finding| finding.subject.contains(text.as_str()));
    }
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error).count();
    if context.document.is_some() {
        let result = EngineResult { took: start.elapsed(), ..result(findings, totals) };
        engine::write(&result, context, out)?;
        return Ok(if errors == 0 { Exit::Conforms } else { Exit::CouldNotRun });
    }
    match context.format {
        Format::Human => {
            for finding in &findings {
                report::write_human(finding, context.colour, out)?;
            }
            writeln!(out, "{totals}: {errors} mistake(s)")?;
        }
        Format::Json => {
            for finding in &findings {
                report::write_json(finding, out)?;
            }
            writeln!(out, "{}", serde_json::json!({"engine": "lint", "compared": totals, "findings": findings.len()}))?;
        }
    }
    Ok(if errors == 0 { Exit::Conforms } else { Exit::CouldNotRun })
}

/// What a lint brings back as one engine among others.
pub(super) fn result(findings: Vec<Finding>, totals: String) -> EngineResult {
    EngineResult { name: "lint".into(), inward: true, summary: vec![totals], findings, ..EngineResult::default() }
}

fn totals(spec: &Spec) -> String {
    let contracts = || {
        spec.syscalls
            .values()
            .flat_map(|call| std::iter::once(&call.contract).chain(call.commands.iter().map(|c| &c.contract)))
    };
    let rules: usize = contracts().map(|contract| contract.errors.len()).sum();
    let ensures: usize = contracts().map(|contract| contract.ensures.len()).sum();
    let effects: usize = contracts().map(|contract| contract.effects.len()).sum();
    let members: usize = spec.sets.values().map(|set| set.members.len()).sum();
    format!(
        "{} system calls with {rules} error rules, {ensures} ensures, {effects} effects; {members} constants in {} sets, {} structs, {} resources, {} laws",
        spec.syscalls.len(),
        spec.sets.len(),
        spec.structs.len(),
        spec.resources.len(),
        spec.laws.len()
    )
}
