//! `abispec replay`.

mod law;

use crate::args::Format;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use abispec::arch::Arch;
use abispec_fuzzer::campaign;
use abispec_fuzzer::confirm;
use abispec_fuzzer::environment::Environment;
use abispec_fuzzer::exec::Entry;
use abispec_fuzzer::refusal;
use abispec_fuzzer::reproduce::{self, ReplayError};
use abispec_fuzzer::worker::{Room, Setting};
use serde_json::json;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Options of `abispec replay`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  abispec replay abispec-findings/pipe2-missing-error-7.yaml

Exit codes: 0 the divergence is gone, 1 it is still there, 2 the file could not be run.")]
pub(crate) struct Args {
    /// The file that a finding names
    file: PathBuf,
}

/// What is wrong with a replay file, and where.
pub(super) fn mistake(file: &Path, text: &str, error: &ReplayError) -> Failure {
    let line = text.lines().nth(error.line as usize - 1).unwrap_or_default().trim();
    Failure::new(format!("the replay file is not right: {}", error.message))
        .at(format!("{}:{}:{}", file.display(), error.line, error.column))
        .why(format!("the line is `{line}`"))
        .help("README.md shows a replay file")
}

/// Runs the command.
pub(super) fn run(args: &Args, context: &Context, out: &mut dyn Write) -> Result<Exit, Failure> {
    let shown = args.file.display().to_string();
    let text = std::fs::read_to_string(&args.file)
        .map_err(|error| Failure::new("the replay file could not be read").at(shown.clone()).why(error.to_string()))?;
    let spec = context.spec()?;
    let environment =
        Environment::of_this_machine().map_err(|why| Failure::new("the running kernel is not known").why(why))?;
    let entry = reproduce::entry(&text).map_err(|error| mistake(&args.file, &text, &error))?;
    if let Some(why) = (entry == Entry::Ia32).then(campaign::missing_ia32).flatten() {
        return Err(Failure::new("the program could not be run: there is no i386 entry").at(shown).why(why));
    }
    let resolved = Arc::new(abispec::resolve(&spec, &environment.target_through(entry)));
    let replay = reproduce::read(&text, &resolved).map_err(|error| mistake(&args.file, &text, &error))?;
    if replay.habitat.privileged {
        super::fuzz::places::permit_privileged()?;
    }
    let setting = Setting { habitat: replay.habitat, ..Setting::through(entry, resolved.clone(), &|_| true) };
    let failed = |error: abispec_fuzzer::worker::WorkerError| {
        Failure::new("the program could not be run").at(shown.clone()).why(error.to_string())
    };
    let mut room = Room::open(setting).map_err(failed)?;
    if let Some(case) = &replay.law {
        return law::run(&spec, &mut room, case, &shown, context, out);
    }
    if let Some((index, why)) = refusal::find(&resolved, &replay.program, entry) {
        let line = replay.program.lines(&resolved).swap_remove(index);
        return Err(Failure::new("the program is not run").at(shown).why(format!("of `{line}`: {why}")));
    }
    let (answers, suspicion) = confirm::watch(&mut room, &replay.program).map_err(failed)?;
    let lines = replay.program.lines(&resolved);
    let answer = |index: usize| {
        answers.get(index).copied().flatten().map_or_else(|| "not made".to_owned(), |answer| answer.text(Arch::NATIVE))
    };
    match context.format {
        Format::Human => {
            for (index, line) in lines.iter().enumerate() {
                writeln!(out, "{line}  -> {}", answer(index))?;
            }
            match &suspicion {
                Some(found) => {
                    let verdict = &found.verdict;
                    let place = verdict.clause.map(|clause| spec.place(resolved.clause(clause).at).to_string());
                    writeln!(out, "{}: r{} diverges", verdict.id, found.call)?;
                    writeln!(out, "  expected: {}\n  actual:   {}", verdict.expected, verdict.actual)?;
                    if let Some(place) = place {
                        writeln!(out, "  specification: {place}")?;
                    }
                }
                None => writeln!(out, "every answer is what the specification permits")?,
            }
            if let (Some(was), Some(found)) = (&replay.finding, &suspicion)
                && was != found.verdict.id
            {
                writeln!(out, "  (the file was written for {was})")?;
            }
        }
        Format::Json => {
            let calls: Vec<_> =
                lines.iter().enumerate().map(|(index, line)| json!({"call": line, "answer": answer(index)})).collect();
            let verdict = suspicion.as_ref().map(|found| {
                let verdict = &found.verdict;
                json!({"id": verdict.id, "call": found.call, "expected": verdict.expected, "actual": verdict.actual})
            });
            writeln!(out, "{}", json!({"calls": calls, "finding": verdict}))?;
        }
    }
    Ok(if suspicion.is_some() { Exit::Divergences } else { Exit::Conforms })
}
