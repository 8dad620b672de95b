//! `abispec completions`.

use crate::args::Cli;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use clap::CommandFactory;
use clap_complete::Shell;
use std::io::Write;

/// Options of `abispec completions`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  abispec completions bash > /etc/bash_completion.d/abispec
  abispec completions zsh > ~/.zfunc/_abispec")]
pub(crate) struct Args {
    /// The shell
    shell: Shell,
}

/// Writes the script.
pub(super) fn run(args: &Args, _context: &Context, out: &mut dyn Write) -> Result<Exit, Failure> {
    // The generator panics when it cannot write, so it writes to memory.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "abispec", &mut script);
    out.write_all(&script)?;
    Ok(Exit::Conforms)
}
