//! The `abispec` command line: parses, calls, prints, and says by its exit code how it went.

mod args;
mod commands;
mod context;
mod engine;
mod evidence;
mod exit;
mod failure;
mod interrupt;
mod journal;
mod known;
mod mutate;
mod output;
mod selection;

use anstream::{AutoStream, ColorChoice};
use args::Cli;
use clap::Parser;
use context::Context;
use exit::Exit;
use output::Patient;
use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

fn main() -> ExitCode {
    // A sandbox is this program executed again; it must be one before there is a second thread.
    abispec_fuzzer::exec::sandbox_main_if_asked();
    abispec_vm::become_another_if_asked();
    if abispec_vm::is_guest() {
        abispec_fuzzer::flight::keep();
    }
    let cli = Cli::parse();
    let choice = ColorChoice::from(cli.global.color);
    let takes_colour = |auto: ColorChoice| !matches!(auto, ColorChoice::Never);
    let resolved = |auto: ColorChoice| if choice == ColorChoice::Auto { auto } else { choice };
    let on_stdout = resolved(AutoStream::choice(&io::stdout()));
    let on_stderr = resolved(AutoStream::choice(&io::stderr()));
    let context = Context::new(&cli.global, takes_colour(on_stdout), takes_colour(on_stderr));

    let mut out = BufWriter::new(Patient::new(AutoStream::new(io::stdout().lock(), on_stdout)));
    let result = cli.command.run(&context, &mut out).and_then(|exit| {
        out.flush()?;
        Ok(exit)
    });
    let exit = result.unwrap_or_else(|failure| {
        // Nothing is left to tell anyone when standard error is gone too.
        let _ = out.flush();
        let _ = failure.write(context.format, context.colour_errors, &mut io::stderr().lock());
        Exit::CouldNotRun
    });
    exit.into()
}
