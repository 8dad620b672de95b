//! `abispec migrate`.

use super::fmt::replace;
use crate::args::Format;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use abispec::finding::SourceFile;
use abispec::load::{self, FORMAT};
use abispec::migrate::{Migrated, Refusal, migrate};
use abispec::report;
use serde_json::json;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Options of `abispec migrate`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  abispec migrate ./spec               rewrite the folder in place
  abispec migrate --check ./spec       only say which files would change
  abispec migrate --from 1 ./spec      a folder that does not state its version

The version stands in the folder's format.yaml. Where something cannot be rewritten, it is named and nothing is changed.

Exit codes: 0 the folder is of this version, 1 with --check it is not, 2 it could not be rewritten.")]
pub(crate) struct Args {
    /// Say what would change, and change nothing
    #[arg(long)]
    check: bool,
    /// The version that a folder is in that does not state one
    #[arg(long, value_name = "VERSION", value_parser = clap::value_parser!(u32).range(1..))]
    from: Option<u32>,
    /// The folder; --spec names it too
    folder: Option<PathBuf>,
}

/// Runs the command.
pub(super) fn run(args: &Args, context: &Context, out: &mut dyn Write) -> Result<Exit, Failure> {
    let dir = match (&args.folder, context.spec_dir()) {
        (Some(dir), None) => dir.as_path(),
        (None, Some(dir)) => dir,
        (Some(_), Some(_)) => return Err(Failure::new("two folders are named").help("name one, or use --spec alone")),
        (None, None) => return Err(Failure::new("no folder to rewrite").help("`abispec migrate ./spec`")),
    };
    let shown = dir.display().to_string();
    let files: Vec<SourceFile> = load::read_dir(dir, &shown).map_err(|error| {
        Failure::new("the specification could not be read").at(shown.clone()).why(error.to_string())
    })?;
    let migrated = migrate(files, args.from).map_err(|refusal| refused(refusal, &shown))?;
    if !migrated.left.is_empty() {
        return Err(Failure::Broken { what: "the older specification", findings: migrated.left });
    }
    if !args.check {
        // What states the version comes last: until then a second run does the rest.
        let (last, first): (Vec<_>, Vec<_>) =
            changed(&migrated).partition(|file| file.path.ends_with(load::FORMAT_FILE));
        for file in first.into_iter().chain(last) {
            replace(Path::new(&file.path), &file.text)?;
        }
    }
    let count = migrated.changed.len();
    match context.format {
        Format::Human => {
            for file in changed(&migrated) {
                writeln!(out, "{} {}", if args.check { "would rewrite" } else { "rewrote" }, file.path)?;
            }
            let all = migrated.files.len();
            match (migrated.from == FORMAT, count) {
                (true, 0) => writeln!(out, "{shown} is in format {FORMAT}, which this program reads")?,
                (true, _) => writeln!(out, "{shown} is in format {FORMAT}, and states it")?,
                (false, _) => {
                    writeln!(out, "{shown}: from format {} to {FORMAT}, {count} of {all} files", migrated.from)?
                }
            }
            let mistakes = load::load(migrated.files.clone()).1;
            if let Some(first) = mistakes.first() {
                writeln!(
                    out,
                    "{} mistake(s) remain; `abispec lint --spec {shown}` lists them. The first:",
                    mistakes.len()
                )?;
                report::write_human(first, context.colour, out)?;
            }
        }
        Format::Json => {
            let line = json!({"from": migrated.from, "to": FORMAT, "files": migrated.files.len(),
                "changed": migrated.changed, "written": !args.check});
            writeln!(out, "{line}")?;
        }
    }
    Ok(if args.check && count > 0 { Exit::Divergences } else { Exit::Conforms })
}

fn changed(migrated: &Migrated) -> impl Iterator<Item = &SourceFile> {
    migrated.files.iter().filter(|file| migrated.changed.contains(&file.path))
}

fn refused(refusal: Refusal, shown: &str) -> Failure {
    let failure = Failure::new("the specification was not rewritten").at(shown);
    match refusal {
        Refusal::Newer { stated } => failure
            .why(format!("it is in format {stated}, this program knows those up to {FORMAT}"))
            .help("it was written for a newer abispec: take that one"),
        Refusal::Contradicts { stated } => {
            failure.why(format!("it states that it is in format {stated}")).help("leave --from out")
        }
        Refusal::Unstated { mistakes } => failure
            .why(format!("it does not state its version, and has {mistakes} mistake(s) as format {FORMAT}"))
            .help("name an older version, as in `--from 1`, or mend what `abispec lint --spec` finds"),
        Refusal::Broken(findings) => Failure::Broken { what: "the specification", findings },
    }
}
