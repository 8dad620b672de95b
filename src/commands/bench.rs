//! `abispec bench`.

use crate::args::Format;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use abispec::target::Call;
use abispec_fuzzer::bench::measure;
use abispec_fuzzer::environment::Environment;
use serde_json::json;
use std::io::Write;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// Options of `abispec bench`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  abispec bench fuzz    oracle-checked calls per second, the same calls bare, and the ratio")]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

/// What to measure.
#[derive(Debug, clap::Subcommand)]
enum What {
    /// Calls per second, with the oracle and without
    #[command(after_help = "Examples:
  abispec bench fuzz --time 5s
  abispec bench fuzz --syscalls lseek,dup3

Checked and bare stretches alternate in one process, so that the ratio holds on a noisy machine.")]
    Fuzz {
        /// How long each part takes
        #[arg(long, value_name = "TIME", default_value = "5s", value_parser = crate::args::duration)]
        time: Duration,
        /// System calls, separated by commas; by default calls that cost little themselves
        #[arg(long, value_name = "NAMES", value_delimiter = ',')]
        syscalls: Vec<String>,
        /// Workers side by side, by default one for each processor
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
        workers: Option<u16>,
    },
}

/// Calls that cost little themselves, so that what is measured is the engine.
const CHEAP: &[&str] = &["getpid", "getuid", "umask", "lseek", "dup", "uname", "clock_gettime", "sched_getaffinity"];

/// Runs the command.
pub(super) fn run(args: &Args, context: &Context, out: &mut dyn Write) -> Result<Exit, Failure> {
    let What::Fuzz { time, syscalls, workers } = &args.what;
    let spec = context.spec()?;
    let environment =
        Environment::of_this_machine().map_err(|why| Failure::new("the running kernel is not known").why(why))?;
    let resolved = Arc::new(abispec::resolve(&spec, &environment.target()));
    let workers = workers.map_or_else(|| thread::available_parallelism().map_or(1, usize::from), usize::from);
    let names: Vec<&str> =
        if syscalls.is_empty() { CHEAP.to_vec() } else { syscalls.iter().map(String::as_str).collect() };
    if let Some(unknown) = names.iter().find(|name| resolved.call(name).is_none()) {
        return Err(Failure::new(format!("the specification has no system call `{unknown}` for this kernel")));
    }
    let wanted = |call: &Call| names.contains(&call.name.as_str());
    let measured = measure(&resolved, &wanted, workers, *time)
        .map_err(|error| Failure::new("nothing could be measured").why(error.to_string()))?;
    match context.format {
        Format::Human => {
            writeln!(out, "{} on {workers} worker(s), kernel {}", names.join(", "), environment.release_text)?;
            writeln!(out, "checked by the oracle  {:>10.0} calls/s", measured.checked)?;
            writeln!(out, "the same calls bare    {:>10.0} calls/s", measured.bare)?;
            writeln!(out, "ratio                  {:>10.2}", measured.ratio())?;
        }
        Format::Json => {
            let (checked, bare, ratio) = (measured.checked, measured.bare, measured.ratio());
            let line = json!({"syscalls": names, "workers": workers, "checked": checked, "bare": bare, "ratio": ratio});
            writeln!(out, "{line}")?;
        }
    }
    Ok(Exit::Conforms)
}
