//! `abispec known`.

use super::merge::write_file;
use crate::args::Format;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::known;
use abispec::finding::{Finding, SourceFile};
use abispec::journal::Line;
use abispec::known::{Known, Releases};
use abispec::version::Release;
use abispec_fuzzer::reproduce;
use clap::Subcommand;
use serde_json::json;
use std::fmt::Write as _;
use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

/// Options of `abispec known`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Put a divergence on a list of those that are known
    Add(Add),
    /// List what is known, with the reasons
    List(List),
}

/// Options of `abispec known add`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  abispec known add abispec-findings/prctl-undocumented-errno.yaml --reason 'leaks an errno of its own' --kernels 7.0..
  abispec known add abispec-findings/*.yaml --reason 'one cause'    several at once
  abispec known add night.json --subject dup,lseek --reason '...'   what a journal holds about these
  abispec check --format json > found.json; abispec known add found.json --reason '...' --expires 2027-01-31

A finding of the fuzzer is a replay file; it is kept with the entry and tried in each run, so that a run tells when it is
gone. Journals hold these files too. Other findings are lines of JSON, as --format json writes them; all of the file are added.")]
struct Add {
    /// Replay files that the fuzzer saved, journals, or findings as lines of JSON
    #[arg(required = true)]
    finding: Vec<PathBuf>,
    /// Only findings about these, by the names that reports give
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    subject: Vec<String>,
    /// Why the divergence is accepted
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// The kernels that it holds for; of a replay file, by default the one that showed it and its stable releases
    #[arg(long, value_name = "RANGE", value_parser = range)]
    kernels: Option<String>,
    /// Where more is said
    #[arg(long, value_name = "URL")]
    link: Option<String>,
    /// The last day on which it holds, such as 2027-01-31
    #[arg(long, value_name = "DAY", value_parser = day)]
    expires: Option<String>,
    /// The list that it is added to
    #[arg(long, value_name = "FILE", default_value = "ci/known/fuzz.yaml")]
    list: PathBuf,
}

/// Options of `abispec known list`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  abispec known list                  the project's own lists
  abispec known list --known ./known  other ones")]
struct List {
    /// A folder of lists instead of the project's own
    #[arg(long, value_name = "DIR")]
    known: Option<PathBuf>,
}

fn range(text: &str) -> Result<String, String> {
    text.parse::<Releases>().map(|_| text.to_owned())
}

fn day(text: &str) -> Result<String, String> {
    text.parse::<known::Day>().map(|_| text.to_owned())
}

/// Runs the command.
pub(super) fn run(args: &Args, context: &Context, out: &mut dyn Write) -> Result<Exit, Failure> {
    match &args.what {
        What::Add(add) => append(add, context, out),
        What::List(list) => show(list, context, out),
    }
}

/// What an entry says that is read off a finding.
struct Entry {
    id: String,
    subject: String,
    clause: Option<String>,
    actual: Option<String>,
    kernel: Option<String>,
    ports: Vec<String>,
    replay: Option<String>,
}

fn append(args: &Add, context: &Context, out: &mut dyn Write) -> Result<Exit, Failure> {
    let mut entries = Vec::new();
    for file in &args.finding {
        let text = fs::read_to_string(file).map_err(|error| {
            Failure::new("the finding could not be read").at(file.display().to_string()).why(error.to_string())
        })?;
        let found =
            if text.trim_start().starts_with('{') { from_json(file, &text)? } else { vec![from_replay(file, &text)?] };
        for entry in found {
            let wanted = args.subject.is_empty() || args.subject.contains(&entry.subject);
            // Several programs, or several nights, may show the same.
            if wanted && !entries.iter().any(|known| alike(known, &entry)) {
                entries.push(entry);
            }
        }
    }
    if entries.is_empty() {
        return Err(Failure::new("no finding is about what `--subject` names")
            .help("reports give the names: `error[ID]: NAME: ...`"));
    }
    let list = args.list.display().to_string();
    let mut after = match fs::read_to_string(&args.list) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
        Err(error) => return Err(Failure::new("the list could not be read").at(list).why(error.to_string())),
    };
    if !after.is_empty() && !after.ends_with('\n') {
        after.push('\n');
    }
    for entry in &entries {
        after.push_str(&written(entry, args));
    }
    // An entry that says what another one says is a mistake of the list, and so is a reason that is none.
    let file = SourceFile { path: list.clone(), text: after.clone() };
    let (_, mistakes) = Known::read(vec![file], &super::explain::ids());
    if !mistakes.is_empty() {
        return Err(Failure::Broken { what: "the list with this entry", findings: mistakes });
    }
    if let Some(folder) = args.list.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder).map_err(|error| {
            Failure::new("the list could not be written").at(folder.display().to_string()).why(error.to_string())
        })?;
    }
    write_file(&args.list, "the list", &|out| out.write_all(after.as_bytes()))?;
    for Entry { id, subject, .. } in &entries {
        match context.format {
            Format::Human => writeln!(out, "{list}: {subject} ({id}) is known from now on")?,
            Format::Json => writeln!(out, "{}", json!({"list": list, "id": id, "subject": subject}))?,
        }
    }
    Ok(Exit::Conforms)
}

fn from_replay(file: &Path, text: &str) -> Result<Entry, Failure> {
    let shows = reproduce::shows(text).map_err(|error| super::replay::mistake(file, text, &error))?;
    let (Some(id), Some(subject)) = (shows.finding, shows.subject) else {
        return Err(Failure::new("the replay file does not say which finding it shows")
            .at(file.display().to_string())
            .help("it needs `finding` and `syscall`, as files have that `abispec fuzz` saves"));
    };
    // Values and positions differ from program to program; an errno is what went wrong.
    let actual = shows.actual.filter(|_| id.ends_with("-errno"));
    let replay: String = text.lines().filter(|line| !line.starts_with('#')).flat_map(|line| [line, "\n"]).collect();
    let (clause, kernel) = (shows.clause, shows.kernel);
    Ok(Entry { id, subject, clause, actual, kernel, ports: Vec::new(), replay: Some(replay) })
}

/// Whether two entries would say the same of the same kernels.
fn alike(one: &Entry, other: &Entry) -> bool {
    let base =
        |entry: &Entry| entry.kernel.as_deref().and_then(|kernel| Release::from_uname(kernel).ok()).map(Release::base);
    let told = |entry: &Entry| {
        (entry.id.clone(), entry.subject.clone(), entry.clause.clone(), entry.actual.clone(), entry.ports.clone())
    };
    told(one) == told(other) && base(one) == base(other)
}

/// Findings of a journal, or of lines that `--format json` wrote.
fn from_json(file: &Path, text: &str) -> Result<Vec<Entry>, Failure> {
    let bare = |finding: Finding| {
        let Finding { id, subject, clause, ports, .. } = finding;
        Entry { id, subject, clause, actual: None, kernel: None, ports, replay: None }
    };
    let mut entries = Vec::new();
    for line in text.lines() {
        if let Ok(Line::Finding(reported)) = serde_json::from_str(line) {
            let replay = reported.texts.iter().find(|(name, _)| name.ends_with(".yaml"));
            entries.push(match replay {
                Some((name, text)) => from_replay(Path::new(name), text)?,
                None => bare(reported.finding),
            });
        } else if let Ok(finding) = serde_json::from_str(line) {
            // The other lines say what was compared.
            entries.push(bare(finding));
        }
    }
    if entries.is_empty() {
        return Err(Failure::new("there is no finding in the file")
            .at(file.display().to_string())
            .help("`--format json` and journals hold findings as lines; `abispec fuzz` saves replay files"));
    }
    Ok(entries)
}

/// An entry as text.
fn written(entry: &Entry, args: &Add) -> String {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let mut text = format!("- id: {}\n  subjects: [{}]\n", entry.id, quoted(&entry.subject));
    let own = entry.kernel.as_deref().and_then(|kernel| Release::from_uname(kernel).ok());
    let own = own.map(|release| release.base().to_string());
    let lines = [
        ("clause", &entry.clause),
        ("actual", &entry.actual),
        ("kernels", &args.kernels.clone().or(own)),
        ("link", &args.link),
        ("expires", &args.expires),
    ];
    for (key, value) in lines {
        if let Some(value) = value {
            let _ = writeln!(text, "  {key}: {}", quoted(value));
        }
    }
    if !entry.ports.is_empty() {
        let _ = writeln!(text, "  ports: [{}]", entry.ports.join(", "));
    }
    let _ = writeln!(text, "  reason: {}", quoted(args.reason.trim()));
    if let Some(replay) = &entry.replay {
        text.push_str("  replay: |\n");
        for line in replay.lines() {
            let _ = writeln!(text, "    {line}");
        }
    }
    text
}

fn show(args: &List, context: &Context, out: &mut dyn Write) -> Result<Exit, Failure> {
    let list = known::read(args.known.as_deref())?;
    for entry in list.entries() {
        for (subject, at) in &entry.subjects {
            let place = list.place(*at).to_string();
            let reason = entry.reason.split_whitespace().collect::<Vec<_>>().join(" ");
            let expires = entry.expires.map(|day| day.to_string());
            if context.format == Format::Json {
                let line = json!({
                    "id": entry.id, "subject": subject, "clause": entry.clause, "actual": entry.actual, "reason": reason,
                    "link": entry.link, "expires": expires, "place": place,
                });
                writeln!(out, "{line}")?;
            } else {
                let until = expires.map_or_else(String::new, |day| format!(" (until {day})"));
                writeln!(out, "{}: {subject}{until}  {place}\n    {reason}", entry.id)?;
            }
        }
    }
    Ok(Exit::Conforms)
}
