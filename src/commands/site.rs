//! `abispec site`.

use crate::args::release;
use crate::context::Context;
use crate::evidence;
use crate::exit::Exit;
use crate::failure::Failure;
use abispec::site::{Source, Tried, site};
use abispec::version::Release;
use std::io::Write;
use std::path::PathBuf;

/// The newest release that the specification was held against.
const NEWEST: Release = Release::new(7, 3);

/// Options of `abispec site`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  abispec site public                            pages for every call, set and struct
  abispec site public --coverage seen.json       with what a fuzzer's run has exercised; several times if wanted

The pages need nothing from elsewhere; open public/index.html, or put the folder on any server.")]
pub(crate) struct Args {
    /// The folder, which is made if it is not there
    dir: PathBuf,
    /// What a run of the fuzzer has exercised, as `abispec fuzz --coverage` leaves it
    #[arg(long, value_name = "FILE")]
    coverage: Vec<PathBuf>,
    /// The release whose values are shown
    #[arg(long, value_name = "RELEASE", value_parser = release, default_value_t = NEWEST)]
    kernel: Release,
}

/// Writes the pages.
pub(super) fn run(args: &Args, context: &Context, out: &mut dyn Write) -> Result<Exit, Failure> {
    let spec = context.spec()?;
    let tried = args.coverage.iter().map(|path| Ok(Tried::from(&evidence::read(path)?)));
    let tried: Result<Vec<Tried>, Failure> = tried.collect();
    let documents = site(&Source { spec: &spec, newest: args.kernel, tried: tried? });
    super::export::write_all(&args.dir, &documents)?;
    let bytes: usize = documents.iter().map(|document| document.text.len()).sum();
    let largest = documents.iter().max_by_key(|document| document.text.len());
    let largest = largest.map(|document| format!("{} has {} KB", document.name, document.text.len().div_ceil(1024)));
    writeln!(
        out,
        "{} files, {} KB, below {}; the largest: {}",
        documents.len(),
        bytes.div_ceil(1024),
        args.dir.display(),
        largest.unwrap_or_default()
    )?;
    Ok(Exit::Conforms)
}
