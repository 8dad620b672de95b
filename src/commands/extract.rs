//! `abispec extract`.

use crate::args::Format;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use abispec_checker::extract::{Extract, Extractor};
use abispec_checker::files::{Files, Folder};
use serde_json::json;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Options of `abispec extract`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  abispec extract file_getattr --tree .                the first version of a specification, to standard output
  abispec extract file_getattr --tree . --into ./spec  into the folder of a specification, new files only
  abispec lint --spec ./spec                           then: what is still wrong with it

Numbers, parameters, C types, the option and layouts are what the tree states. Types, sets, errnos and the result are
proposals; each says what to confirm.

Exit codes: 0 written, 2 could not run.")]
pub(crate) struct Args {
    /// The system call, as the tables name it
    name: String,
    /// The top folder of a kernel's source
    #[arg(long, value_name = "DIR", default_value = ".")]
    tree: PathBuf,
    /// Write into this folder of a specification; nothing that is there is changed
    #[arg(long, value_name = "DIR")]
    into: Option<PathBuf>,
}

/// Runs the command.
pub(super) fn run(args: &Args, context: &Context, out: &mut dyn Write) -> Result<Exit, Failure> {
    let spec = context.spec()?;
    let files: Arc<dyn Files> = Arc::new(Folder(args.tree.clone()));
    let help = "--tree takes the top folder of a kernel's source, the one with Makefile, arch/ and include/";
    let extractor =
        Extractor::read(&files).map_err(|why| Failure::new("the tree could not be read").why(why).help(help))?;
    let extract = extractor
        .extract(&args.name, &spec)
        .map_err(|why| Failure::new(format!("{} could not be extracted", args.name)).why(why))?;
    match (&args.into, context.format) {
        (Some(folder), _) => into(folder, &extract, context, out)?,
        (None, Format::Human) => {
            for (path, text) in &extract.files {
                write!(out, "# file: {path}\n{text}")?;
            }
            notes(&extract, "# ", out)?;
        }
        (None, Format::Json) => {
            for (path, text) in &extract.files {
                writeln!(out, "{}", json!({"file": path, "text": text}))?;
            }
            writeln!(out, "{}", json!({"confirm": extract.notes}))?;
        }
    }
    Ok(Exit::Conforms)
}

fn notes(extract: &Extract, lead: &str, out: &mut dyn Write) -> std::io::Result<()> {
    writeln!(out, "{lead}to fill in or confirm:")?;
    extract.notes.iter().try_for_each(|note| writeln!(out, "{lead}  {note}"))
}

fn into(folder: &Path, extract: &Extract, context: &Context, out: &mut dyn Write) -> Result<(), Failure> {
    let failed = |path: &Path, why: String| {
        Failure::new("the specification could not be written").at(path.display().to_string()).why(why)
    };
    let paths: Vec<PathBuf> = extract.files.iter().map(|(path, _)| folder.join(path)).collect();
    if let Some(there) = paths.iter().find(|path| path.exists()) {
        return Err(failed(there, "the file is there already".to_owned())
            .help("compare it with what `abispec extract` prints without --into"));
    }
    for (path, (_, text)) in paths.iter().zip(&extract.files) {
        let parent = path.parent().unwrap_or(folder);
        fs::create_dir_all(parent)
            .and_then(|()| fs::write(path, text))
            .map_err(|error| failed(path, error.to_string()))?;
        match context.format {
            Format::Human => writeln!(out, "wrote {}", path.display())?,
            Format::Json => writeln!(out, "{}", json!({"wrote": path.display().to_string()}))?,
        }
    }
    match context.format {
        Format::Human => notes(extract, "", out)?,
        Format::Json => writeln!(out, "{}", json!({"confirm": extract.notes}))?,
    }
    Ok(())
}
