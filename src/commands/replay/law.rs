//! `abispec replay` of a broken law.

use crate::args::Format;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use abispec::arch::Arch;
use abispec::model::Spec;
use abispec_fuzzer::laws::{Case, EXPLANATION, Judged, watch};
use abispec_fuzzer::oracle::Answer;
use abispec_fuzzer::program::Program;
use abispec_fuzzer::worker::Room;
use serde_json::{Value, json};
use std::io::Write;

/// Tries the case of a law again and tells what came of it.
pub(super) fn run(
    spec: &Spec,
    room: &mut Room,
    case: &Case,
    shown: &str,
    context: &Context,
    out: &mut dyn Write,
) -> Result<Exit, Failure> {
    let failed = |why: String| Failure::new("the program could not be run").at(shown.to_owned()).why(why);
    let resolved = room.setting().resolved.clone();
    let law = case.law(&resolved);
    let watched = watch(room, case).map_err(|error| failed(error.to_string()))?;
    let watched = watched.ok_or_else(|| failed(format!("it is no case of the law {}", law.name)))?;
    let place = spec.place(resolved.clause(law.clause).at).to_string();
    let lines = |program: &Program, answers: &[Option<Answer>]| -> Vec<(String, String)> {
        let answer = |index: usize| answers.get(index).copied().flatten();
        let text = |index: usize| answer(index).map_or_else(|| "not made".to_owned(), |a| a.text(Arch::NATIVE));
        program.lines(&resolved).into_iter().enumerate().map(|(index, line)| (line, text(index))).collect()
    };
    let calls = lines(&watched.program, &watched.answers);
    let other = watched.other.as_ref().map(|(program, answers)| lines(program, answers));
    match context.format {
        Format::Human => {
            for (line, answer) in &calls {
                writeln!(out, "{line}  -> {answer}")?;
            }
            if let Some(other) = &other {
                writeln!(out, "with the other call:")?;
                for (line, answer) in other {
                    writeln!(out, "{line}  -> {answer}")?;
                }
            }
            match &watched.judged {
                Judged::Broken(broken) => {
                    writeln!(out, "{}: {} does not hold", EXPLANATION.0, law.name)?;
                    writeln!(out, "  expected: {}\n  actual:   {}", broken.expected, broken.actual)?;
                    writeln!(out, "  specification: {place}")?;
                }
                Judged::Held => writeln!(out, "the law {} holds", law.name)?,
                Judged::Silent => writeln!(out, "the law {} says nothing of these answers", law.name)?,
            }
        }
        Format::Json => {
            let list = |lines: &[(String, String)]| -> Vec<Value> {
                lines.iter().map(|(line, answer)| json!({"call": line, "answer": answer})).collect()
            };
            let finding = match &watched.judged {
                Judged::Broken(broken) => json!({
                    "id": EXPLANATION.0, "law": law.name, "expected": broken.expected, "actual": broken.actual,
                }),
                Judged::Held | Judged::Silent => Value::Null,
            };
            let judged = match watched.judged {
                Judged::Broken(_) => "broken",
                Judged::Held => "held",
                Judged::Silent => "silent",
            };
            let other = other.as_deref().map(list);
            let line = json!({"calls": list(&calls), "other": other, "law": judged, "finding": finding});
            writeln!(out, "{line}")?;
        }
    }
    Ok(if matches!(watched.judged, Judged::Broken(_)) { Exit::Divergences } else { Exit::Conforms })
}
