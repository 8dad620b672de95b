//! `abispec fmt`.

use crate::args::Format;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use abispec::finding::{Finding, SourceFile};
use abispec::{fmt, load, report};
use serde_json::json;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Options of `abispec fmt`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  abispec fmt --spec ./spec                     every file of a folder
  abispec fmt --check --spec ./spec             only say which files would change
  abispec fmt spec/syscalls/pipe2.yaml          one file

Top-level keys are put in order, conditions get one spacing and one way of quoting, blanks at line ends go. Comments and
line breaks stay. A file that is not YAML is left as it is.

Exit codes: 0 all is formatted, 1 with --check some files are not, 2 a file could not be read, parsed or written.")]
pub(crate) struct Args {
    /// Say which files would change, and change none
    #[arg(long)]
    check: bool,
    /// Files, or folders that hold a specification
    files: Vec<PathBuf>,
}

/// Runs the command.
pub(super) fn run(args: &Args, context: &Context, out: &mut dyn Write) -> Result<Exit, Failure> {
    let mut sources = Vec::new();
    for path in &args.files {
        sources.extend(read(path)?);
    }
    if let Some(dir) = context.spec_dir() {
        sources.extend(folder(dir)?);
    } else if args.files.is_empty() {
        let failure = Failure::new("no file to format");
        return Err(failure.help("name files, or a folder: `abispec fmt --spec ./spec`"));
    }
    let mut changed = Vec::new();
    let mut broken: Vec<Finding> = Vec::new();
    for source in &sources {
        match fmt::format(source) {
            Ok(text) if text == source.text => {}
            Ok(text) => {
                if !args.check {
                    replace(Path::new(&source.path), &text)?;
                }
                changed.push(source.path.as_str());
            }
            Err(finding) => broken.push(*finding),
        }
    }
    match context.format {
        Format::Human => {
            for path in &changed {
                writeln!(out, "{} {path}", if args.check { "would format" } else { "formatted" })?;
            }
            for finding in &broken {
                report::write_human(finding, context.colour, out)?;
            }
            let (all, some) = (sources.len(), changed.len());
            writeln!(out, "{all} files, {some} {}", if args.check { "not formatted" } else { "changed" })?;
        }
        Format::Json => {
            for finding in &broken {
                report::write_json(finding, out)?;
            }
            writeln!(out, "{}", json!({"files": sources.len(), "changed": changed, "written": !args.check}))?;
        }
    }
    Ok(match (broken.is_empty(), args.check && !changed.is_empty()) {
        (false, _) => Exit::CouldNotRun,
        (true, true) => Exit::Divergences,
        (true, false) => Exit::Conforms,
    })
}

fn read(path: &Path) -> Result<Vec<SourceFile>, Failure> {
    if path.is_dir() {
        return folder(path);
    }
    let shown = path.display().to_string();
    match fs::read_to_string(path) {
        Ok(text) => Ok(vec![SourceFile { path: shown, text }]),
        Err(error) => Err(Failure::new("the file could not be read").at(shown).why(error.to_string())),
    }
}

fn folder(dir: &Path) -> Result<Vec<SourceFile>, Failure> {
    let shown = dir.display().to_string();
    load::read_dir(dir, &shown)
        .map_err(|error| Failure::new("the specification could not be read").at(shown.clone()).why(error.to_string()))
}

/// Replaces a file at once, so that an interruption leaves the old or the new one.
pub(super) fn replace(path: &Path, text: &str) -> Result<(), Failure> {
    let beside = path.with_extension("yaml.new");
    fs::write(&beside, text).and_then(|()| fs::rename(&beside, path)).map_err(|error| {
        let _ = fs::remove_file(&beside);
        Failure::new("the file could not be written").at(path.display().to_string()).why(error.to_string())
    })
}
