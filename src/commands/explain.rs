//! `abispec explain`.

use crate::args::Format;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use abispec::suggest::nearest;
use std::io::Write;

/// Options of `abispec explain`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  abispec explain missing-error     the id in the brackets of a finding
  abispec explain                   every id")]
pub(crate) struct Args {
    /// The id of a finding
    id: Option<String>,
}

/// The explanations of one engine.
struct Engine {
    name: &'static str,
    entries: Vec<(&'static str, &'static str)>,
}

/// Every id that a finding can have, joined from the engines.
fn registry() -> Vec<Engine> {
    vec![
        Engine { name: "known", entries: abispec::known::EXPLANATIONS.to_vec() },
        Engine { name: "lint", entries: abispec::load::EXPLANATIONS.to_vec() },
        Engine { name: "migrate", entries: abispec::migrate::EXPLANATIONS.to_vec() },
        Engine {
            name: "check",
            entries: abispec_checker::checks::ALL
                .iter()
                .map(|check| (check.id, check.explanation))
                .chain(abispec_checker::between::ALL.iter().map(|between| (between.id, between.explanation)))
                .collect(),
        },
        Engine {
            name: "diff",
            entries: abispec_checker::diff::ALL.iter().map(|class| (class.id, class.explanation)).collect(),
        },
        Engine {
            name: "fuzz",
            entries: [
                abispec_fuzzer::oracle::EXPLANATIONS,
                abispec_fuzzer::kernel::EXPLANATIONS,
                &[abispec_fuzzer::laws::EXPLANATION],
            ]
            .concat(),
        },
        Engine { name: "vm", entries: super::vm::EXPLANATIONS.to_vec() },
        Engine { name: "trace", entries: abispec_fuzzer::trace::lint::EXPLANATIONS.to_vec() },
    ]
}

/// The explanation of one id.
pub(crate) fn explanation(id: &str) -> Option<&'static str> {
    registry().iter().flat_map(|engine| &engine.entries).find(|(known, _)| *known == id).map(|(_, text)| *text)
}

/// Every id that a finding can have.
pub(crate) fn ids() -> Vec<&'static str> {
    registry().iter().flat_map(|engine| engine.entries.iter().map(|(id, _)| *id)).collect()
}

/// Runs the command.
pub(super) fn run(args: &Args, context: &Context, out: &mut dyn Write) -> Result<Exit, Failure> {
    let engines = registry();
    let Some(id) = &args.id else { return all(&engines, context, out) };
    let found = engines.iter().find_map(|engine| {
        let (id, text) = engine.entries.iter().find(|(known, _)| known == id)?;
        Some((engine.name, *id, *text))
    });
    let Some((engine, id, text)) = found else {
        let ids = engines.iter().flat_map(|engine| engine.entries.iter().map(|(id, _)| *id));
        let failure = Failure::new(format!("no finding has the id `{id}`"));
        return Err(match nearest(id, ids) {
            Some(near) => failure.help(format!("did you mean `{near}`?")),
            None => failure.help("`abispec explain` lists every id"),
        });
    };
    match context.format {
        Format::Human => writeln!(out, "{id} ({engine})\n\n{}", wrapped(text.trim_end()))?,
        Format::Json => writeln!(out, "{}", serde_json::json!({"id": id, "engine": engine, "text": text}))?,
    }
    Ok(Exit::Conforms)
}

/// Lines that a terminal shows whole.
const WIDTH: usize = 100;

fn wrapped(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        let mut column = 0;
        for word in line.split(' ') {
            let length = word.chars().count();
            if column > 0 && column + 1 + length > WIDTH {
                out.push('\n');
                column = 0;
            } else if column > 0 {
                out.push(' ');
                column += 1;
            }
            out.push_str(word);
            column += length;
        }
        out.push('\n');
    }
    out.truncate(out.trim_end().len());
    out
}

fn all(engines: &[Engine], context: &Context, out: &mut dyn Write) -> Result<Exit, Failure> {
    for engine in engines {
        if context.format == Format::Human {
            writeln!(out, "{}:", engine.name)?;
        }
        for (id, text) in &engine.entries {
            match context.format {
                Format::Human => writeln!(out, "  {id:<22} {}", text.lines().next().unwrap_or_default())?,
                Format::Json => {
                    writeln!(out, "{}", serde_json::json!({"id": id, "engine": engine.name, "text": text}))?
                }
            }
        }
    }
    Ok(Exit::Conforms)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn long_lines_are_wrapped_between_words() {
        let text = wrapped(&format!("{}\n\nend", "word ".repeat(50)));
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH));
        assert!(text.ends_with("\n\nend") && text.matches("word").count() == 50);
    }

    #[test]
    fn every_id_is_explained_once_and_by_a_sentence() {
        let mut seen = BTreeSet::new();
        for engine in registry() {
            for (id, text) in engine.entries {
                assert!(seen.insert(id), "{id} is explained twice");
                assert!(text.lines().next().is_some_and(|line| line.len() > 10), "{id} lacks a first sentence");
            }
        }
    }
}
