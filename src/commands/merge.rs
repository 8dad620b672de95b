//! `abispec merge`.

use crate::context::Context;
use crate::engine::{self, EngineResult, Skipped};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::journal;
use abispec::evidence::Evidence;
use abispec::journal::{Run, Told, merge};
use abispec::report::{Document, Section};
use clap::ValueEnum;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// Options of `abispec merge`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  abispec merge shard-*.jsonl                       one report of all shards of a seed
  abispec merge results/ --journal all.jsonl        every journal below a folder, joined into one
  abispec merge results/ --report junit=report.xml --report sarif=report.sarif
  abispec merge results/ --coverage seen.json       what they have seen together, for `abispec coverage --seen`

Journals are written by `--journal FILE` of fuzz, check and run, while these run. Runs of one kernel become one: what any
of them found is reported once, with the shortest program; calls and coverage are summed. A shard that is given twice
counts once; one that is missing, or was killed, is named.
Exit codes: 0 conforms, 1 divergences, 2 nothing was compared, or journals that cannot be joined.")]
pub(crate) struct Args {
    /// Journals, or folders with *.jsonl files
    #[arg(required = true, value_name = "JOURNAL")]
    journals: Vec<PathBuf>,
    /// Write what they are together as one journal
    #[arg(long, value_name = "FILE")]
    journal: Option<PathBuf>,
    /// Write how often each clause was seen, of one kernel
    #[arg(long, value_name = "FILE")]
    coverage: Option<PathBuf>,
    /// Write a report to a file too, several times if wanted
    #[arg(long, value_name = "FORMAT=FILE", value_parser = report)]
    report: Vec<(Document, PathBuf)>,
}

/// Reads `junit=report.xml`.
fn report(text: &str) -> Result<(Document, PathBuf), String> {
    let formats: Vec<(String, Document)> = crate::args::Written::value_variants()
        .iter()
        .filter_map(|written| Some((written.to_possible_value()?.get_name().to_owned(), written.document()?)))
        .collect();
    let known = || formats.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ");
    let (name, file) = text.split_once('=').ok_or("write it like junit=report.xml")?;
    let document = formats.iter().find(|(format, _)| format == name).map(|(_, document)| *document);
    match document {
        Some(document) if !file.is_empty() => Ok((document, PathBuf::from(file))),
        Some(_) => Err("the file's name is missing".to_owned()),
        None => Err(format!("there is no report `{name}`; there are {}", known())),
    }
}

/// Runs the command.
pub(super) fn run(args: &Args, context: &Context, out: &mut dyn Write) -> Result<Exit, Failure> {
    let read = journal::read(&args.journals)?;
    let count = read.len();
    if count == 0 {
        return Err(Failure::new("no journal holds a run").help("folders are searched for *.jsonl files"));
    }
    let runs = merge(read).map_err(|conflict| {
        Failure::new("the journals cannot be joined")
            .why(conflict.to_string())
            .help("give the shards' own journals, or those that are joined already, of one specification")
    })?;
    if let Some(path) = &args.journal {
        write_file(path, "the joined journal", &|out| runs.iter().try_for_each(|run| run.write(out)))?;
    }
    if let Some(path) = &args.coverage {
        let evidence = coverage(&runs)?;
        write_file(path, "the coverage", &|out| Ok(serde_json::to_writer(&mut *out, &evidence)?))?;
    }
    let told = told(&runs);
    for (document, path) in &args.report {
        let sections: Vec<Section<'_>> = told.iter().map(Told::section).collect();
        write_file(path, "the report", &|out| document.write(&sections, &super::explain::explanation, out))?;
    }
    let results: Vec<EngineResult> = told.iter().map(result).collect();
    for result in &results {
        engine::write_part(result, context, out)?;
    }
    engine::write_total(&results, context, out)?;
    Ok(engine::exit(&results))
}

/// Runs as sections of one report.
fn told(runs: &[Run]) -> Vec<Told> {
    let several = runs.iter().any(|run| run.head.kernel != runs[0].head.kernel);
    runs.iter().map(|run| Told::of(run, several)).collect()
}

fn result(told: &Told) -> EngineResult {
    let section = told.section();
    EngineResult {
        name: section.name.to_owned().into(),
        compared: section.compared,
        inward: section.inward,
        summary: told.summary.clone(),
        findings: section.findings.to_vec(),
        skipped: section
            .skipped
            .iter()
            .map(|(what, why)| Skipped { what: (*what).to_owned(), why: (*why).to_owned() })
            .collect(),
        took: std::time::Duration::from_secs_f64(section.seconds.clamp(0.0, 1e9)),
        origin: section.origin.cloned(),
    }
}

/// What runs of one kernel have seen through its own entry.
fn coverage(runs: &[Run]) -> Result<Evidence, Failure> {
    let mut native = runs.iter().flat_map(|run| &run.coverage).filter(|seen| seen.entry == "64");
    match (native.next(), native.next()) {
        (Some(seen), None) => Ok(seen.evidence.clone()),
        (None, _) => {
            Err(Failure::new("these journals hold no coverage").help("`abispec fuzz --journal FILE` writes it"))
        }
        (Some(_), Some(_)) => Err(Failure::new("these journals are of several kernels, and coverage is of one")
            .help("name the journals of one kernel")),
    }
}

/// Writes a file so that nobody finds half of it.
pub(super) fn write_file(
    path: &Path,
    what: &str,
    fill: &dyn Fn(&mut dyn Write) -> std::io::Result<()>,
) -> Result<(), Failure> {
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let written = File::create(&part).and_then(|file| {
        let mut out = BufWriter::new(file);
        fill(&mut out)?;
        out.flush()?;
        fs::rename(&part, path)
    });
    written.map_err(|error| {
        // What is half written helps nobody.
        let _ = fs::remove_file(&part);
        Failure::new(format!("{what} could not be written")).at(path.display().to_string()).why(error.to_string())
    })
}
