//! `abispec site`.

use crate::args::release;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use abispec::evidence::Evidence;
use abispec::site::{Source, Tried, site};
use abispec::version::Release;
use std::io::Write;
use std::path::{Path, PathBuf};

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
    let tried: Result<Vec<Tried>, Failure> = args.coverage.iter().map(|path| read(path)).collect();
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

fn read(path: &Path) -> Result<Tried, Failure> {
    let failed =
        |why: String| Failure::new("the coverage file could not be read").at(path.display().to_string()).why(why);
    let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
    let evidence: Evidence = serde_json::from_str(&text).map_err(|error| failed(error.to_string()))?;
    if evidence.version != Evidence::VERSION {
        let why = format!("its layout has the version {}, this program reads {}", evidence.version, Evidence::VERSION);
        return Err(failed(why));
    }
    Ok(Tried::from(&evidence))
}
