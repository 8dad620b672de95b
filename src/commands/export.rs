//! `abispec export`.

use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use clap::ValueEnum;
use std::io::Write;

/// Options of `abispec export`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  abispec export json > spec.json
  abispec export json | jq '.syscalls.pipe2.errors'
  abispec export json --no-places      the same bytes wherever the lines stand")]
pub(crate) struct Args {
    /// The format
    what: What,
    /// Leave out file, line and column of each clause
    #[arg(long)]
    no_places: bool,
}

/// A format that other programs read.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum What {
    /// The whole specification; types and conditions as text
    Json,
}

/// Writes the specification.
pub(super) fn run(args: &Args, context: &Context, out: &mut dyn Write) -> Result<Exit, Failure> {
    let spec = context.spec()?;
    match args.what {
        What::Json => {
            let json = abispec::export::json(&spec, !args.no_places);
            serde_json::to_writer_pretty(&mut *out, &json).map_err(std::io::Error::from)?;
            writeln!(out)?;
        }
    }
    Ok(Exit::Conforms)
}
