//! `abispec mutate`.

use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use std::io::Write;

/// Options of `abispec mutate`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  abispec mutate --syscalls pipe2,lseek    does any engine notice when a clause of these is changed?

A mutant that no engine notices is a clause that nobody checks.
Exit codes: 0 every mutant is noticed, 1 some survive, 2 could not run.")]
pub(crate) struct Args {
    /// System calls, separated by commas
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    syscalls: Vec<String>,
}

/// Runs the command.
pub(super) fn run(args: &Args, _context: &Context, _out: &mut dyn Write) -> Result<Exit, Failure> {
    Err(Failure::new("the fuzzer is not connected").why(format!("asked for {} calls", args.syscalls.len())))
}
