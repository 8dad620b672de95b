//! `abispec merge`.

use crate::args::Format;
use crate::context::Context;
use crate::engine::{self, EngineResult, Skipped};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::journal;
use abispec::evidence::Evidence;
use abispec::journal::{Digest, Nights, Run, Told, merge, page};
use abispec::report::{Document, Section, grouped};
use clap::ValueEnum;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// Options of `abispec merge`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  abispec merge shard-*.jsonl                       one report of all shards of a seed
  abispec merge results/ --journal all.jsonl        every journal below a folder, joined into one
  abispec merge results/ --report junit=report.xml --report sarif=report.sarif
  abispec merge results/ --report html=night.html --digest today.json --earlier yesterday.json   with what is new
  abispec merge results/ --coverage seen.json       what they have seen together, for `abispec coverage --seen`

Journals are written by `--journal FILE` of fuzz, check and run, while these run. Runs of one kernel become one: what any
of them found is reported once, with the shortest program; calls and coverage are summed. A shard that is given twice
counts once; one that is missing, or was killed, is named, and counts as far as its journal goes. A divergence is new where the last of the earlier digests lacks it,
whatever stable release shows it.
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
    report: Vec<(Form, PathBuf)>,
    /// Write what a later run needs to know of this one, for its `--earlier`
    #[arg(long, value_name = "FILE")]
    digest: Option<PathBuf>,
    /// Digests of earlier runs: what the last of them lacks is new, and the page shows trends over all
    #[arg(long, value_name = "FILE")]
    earlier: Vec<PathBuf>,
    /// Which divergences make the exit code 1
    #[arg(long, value_enum, value_name = "WHICH", default_value = "all")]
    fail_on: FailOn,
}

/// Which divergences make a run fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum FailOn {
    /// All
    All,
    /// Those that the last earlier run had not
    New,
}

/// What a report is written as.
#[derive(Clone, Copy, Debug)]
enum Form {
    Document(Document),
    /// One page that needs nothing else.
    Page,
}

/// Reads `junit=report.xml`.
fn report(text: &str) -> Result<(Form, PathBuf), String> {
    let documents = crate::args::Written::value_variants().iter().filter_map(|written| {
        let name = written.to_possible_value()?.get_name().to_owned();
        Some((name, Form::Document(written.document()?)))
    });
    let formats: Vec<(String, Form)> = documents.chain([("html".to_owned(), Form::Page)]).collect();
    let known = || formats.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ");
    let (name, file) = text.split_once('=').ok_or("write it like junit=report.xml")?;
    let form = formats.iter().find(|(format, _)| format == name).map(|(_, form)| *form);
    match form {
        Some(form) if !file.is_empty() => Ok((form, PathBuf::from(file))),
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
    let digest = Digest::of(&runs);
    if let Some(path) = &args.digest {
        write_file(path, "the digest", &|out| Ok(serde_json::to_writer(&mut *out, &digest)?))?;
    }
    let earlier = args.earlier.iter().map(|path| earlier(path)).collect::<Result<Vec<_>, _>>()?;
    let last = earlier.iter().max_by_key(|digest| digest.started);
    let new = digest.findings.iter().filter(|name| last.is_some_and(|last| !last.findings.contains(*name))).cloned();
    let new: BTreeSet<String> = new.collect();
    let told = told(&runs);
    for (form, path) in &args.report {
        let sections: Vec<Section<'_>> = told.iter().map(Told::section).collect();
        let explain = &super::explain::explanation;
        let nights = Nights { runs: &runs, digest: &digest, earlier: &earlier, new: &new };
        write_file(path, "the report", &|out| match form {
            Form::Document(document) => document.write(&sections, explain, out),
            Form::Page => out.write_all(page(&nights, explain).as_bytes()),
        })?;
    }
    let results = results(&runs);
    for result in &results {
        engine::write_part(result, context, out)?;
    }
    if context.format == Format::Human && context.document.is_none() {
        table(&digest, last.map(|_| &new), out)?;
    }
    engine::write_total(&results, context, out)?;
    let exit = engine::exit(&results);
    // What could not be compared at all is no success, new or not.
    let excused = args.fail_on == FailOn::New && exit == Exit::Divergences && new.is_empty() && last.is_some();
    Ok(if excused { Exit::Conforms } else { exit })
}

/// Reads a digest.
fn earlier(path: &Path) -> Result<Digest, Failure> {
    let failed = |why: String| Failure::new("the digest could not be read").at(path.display().to_string()).why(why);
    let text = fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
    let digest: Digest = serde_json::from_str(&text)
        .map_err(|error| failed(error.to_string()).help("`abispec merge --digest FILE` writes digests"))?;
    if digest.version == Digest::VERSION {
        Ok(digest)
    } else {
        Err(failed(format!("its layout has the version {}, this program reads {}", digest.version, Digest::VERSION)))
    }
}

/// How each kernel fared, a line each.
fn table(digest: &Digest, new: Option<&BTreeSet<String>>, out: &mut dyn Write) -> io::Result<()> {
    let width = digest.kernels.iter().map(|fared| fared.kernel.len()).max().unwrap_or(0).max(6);
    let line = |words: [&str; 6]| {
        let [kernel, calls, rules, divergences, new, known] = words;
        format!("{kernel:<width$}  {calls:>12}  {rules:>20}  {divergences:>11}  {new:>4}  {known:>5}")
    };
    writeln!(out, "{}", line(["kernel", "calls", "error rules seen", "divergences", "new", "known"]))?;
    for fared in &digest.kernels {
        let own = format!("{} {} ", fared.series, fared.arch);
        let new = new.map(|new| new.iter().filter(|name| name.starts_with(&own)).count());
        let percent = (100 * fared.seen).checked_div(fared.possible).unwrap_or(0);
        let rules = format!("{} of {} ({percent} %)", fared.seen, fared.possible);
        let words = [
            &fared.kernel,
            &grouped(fared.calls),
            &rules,
            &fared.divergences.to_string(),
            &new.map_or_else(|| "-".to_owned(), |new| new.to_string()),
            &fared.known.to_string(),
        ];
        let broken = if fared.whole { "" } else { "  (broke off)" };
        writeln!(out, "{}{broken}", line(words.map(String::as_str)))?;
    }
    writeln!(out)
}

/// Runs as sections of one report.
fn told(runs: &[Run]) -> Vec<Told> {
    let several = runs.iter().any(|run| run.head.kernel != runs[0].head.kernel);
    runs.iter().map(|run| Told::of(run, several)).collect()
}

/// Runs as the results of engines.
pub(super) fn results(runs: &[Run]) -> Vec<EngineResult> {
    told(runs).iter().map(result).collect()
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
    let mut native = runs.iter().flat_map(Run::tried).filter(|seen| seen.entry == "64");
    match (native.next(), native.next()) {
        (Some(seen), None) => Ok(seen.evidence),
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
