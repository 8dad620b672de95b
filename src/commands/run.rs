//! `abispec run`: the main job.

use super::lint;
use crate::context::Context;
use crate::engine::{self, EngineResult};
use crate::exit::Exit;
use crate::failure::Failure;
use std::io::Write;
use std::time::{Duration, Instant};

/// Options of `abispec run`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  abispec run                    lint, check what this machine has, fuzz for ten seconds
  abispec run --time 10m         the same, fuzzing longer
  abispec run --format json      findings and summaries, one value a line
  abispec run --format junit     one document at the end; sarif, ktap and github too

What cannot be done here (no headers, no tracefs, no user namespaces) is skipped and named.
Exit codes: 0 conforms, 1 divergences, 2 could not run or compared nothing.")]
pub(crate) struct Args {
    /// How long to fuzz
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = crate::args::duration)]
    time: Duration,
}

/// Runs the engines one after the other and sums up.
pub(super) fn run(args: &Args, context: &Context, out: &mut dyn Write) -> Result<Exit, Failure> {
    let stop = crate::interrupt::flag();
    let spec = context.spec()?;
    let mut results = Vec::new();
    let engines: [&dyn Fn() -> Result<EngineResult, Failure>; 3] =
        [&|| linted(context), &|| super::check::engine(&spec), &|| super::fuzz::engine(&spec, args.time, stop.clone())];
    for engine in engines {
        let result = engine()?;
        engine::write_part(&result, context, out)?;
        // Whoever watches sees each engine's verdict while the next one works.
        out.flush()?;
        results.push(result);
    }
    engine::write_total(&results, context, out)?;
    Ok(engine::exit(&results))
}

fn linted(context: &Context) -> Result<EngineResult, Failure> {
    let start = Instant::now();
    let lint::Linted { findings, totals } = lint::lint(context)?;
    Ok(EngineResult { took: start.elapsed(), ..lint::result(findings, totals) })
}
