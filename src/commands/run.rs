//! `abispec run`: the main job.

use super::fuzz::Plain;
use super::lint;
use super::vm::Plan;
use crate::context::Context;
use crate::engine::{self, EngineResult};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::journal::Journal;
use crate::known;
use abispec_fuzzer::campaign::Shard;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Options of `abispec run`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  abispec run                    lint, check what this machine has, fuzz for ten seconds
  abispec run --time 10m         the same, fuzzing longer
  abispec run --format json      findings and summaries, one value a line
  abispec run --seed 7 --shard 2/3 --journal two.jsonl   the second of three machines
  abispec run --format junit     one document at the end; sarif, ktap and github too

What cannot be done here (no headers, no tracefs, no user namespaces) is skipped and named.
Exit codes: 0 conforms, 1 divergences, 2 could not run or compared nothing.")]
pub(crate) struct Args {
    /// How long to fuzz
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = crate::args::duration)]
    time: Duration,
    /// Make every call, with the rights of root: only on a machine that says it may be broken
    #[arg(long)]
    privileged: bool,
    /// Where programs come from; the same seed gives the same programs
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// This run is the K-th of N that share a seed; each makes other programs
    #[arg(long, value_name = "K/N", value_parser = crate::args::shard)]
    shard: Option<Shard>,
    /// Write what is done while it is done, for `abispec merge`
    #[arg(long, value_name = "FILE")]
    journal: Option<PathBuf>,
    /// Known divergences, *.yaml files in a folder, instead of the project's own lists
    #[arg(long, value_name = "DIR")]
    known: Option<PathBuf>,
}

impl Args {
    /// What of it can be divided among machines.
    pub(super) fn plan(&self) -> Plan {
        Plan {
            time: self.time,
            calls: None,
            seed: self.seed,
            shard: self.shard.unwrap_or_default(),
            journal: self.journal.clone(),
            out: super::fuzz::FINDINGS.into(),
            corpus: None,
        }
    }
}

/// Runs the engines one after the other and sums up.
pub(super) fn run(args: &Args, context: &Context, out: &mut dyn Write) -> Result<Exit, Failure> {
    let stop = crate::interrupt::flag();
    let spec = context.spec()?;
    let known = Arc::new(known::read(args.known.as_deref())?);
    let journal = Arc::new(Journal::create(args.journal.as_deref())?);
    let mut results = Vec::new();
    let told = |result: EngineResult| {
        journal.engine(&spec, &result, "");
        result
    };
    let plain = Plain {
        time: args.time,
        privileged: args.privileged,
        seed: args.seed,
        shard: args.shard.unwrap_or_default(),
        journal: &journal,
        known: &known,
    };
    let engines: [&dyn Fn() -> Result<EngineResult, Failure>; 3] =
        [&|| linted(context).map(told), &|| super::check::engine(&spec, &known).map(told), &|| {
            super::fuzz::engine(&spec, &plain, stop.clone())
        }];
    for engine in engines {
        let result = engine()?;
        engine::write_part(&result, context, out)?;
        // Whoever watches sees each engine's verdict while the next one works.
        out.flush()?;
        results.push(result);
    }
    engine::write_total(&results, context, out)?;
    journal.close()?;
    Ok(engine::exit(&results))
}

fn linted(context: &Context) -> Result<EngineResult, Failure> {
    let start = Instant::now();
    let lint::Linted { findings, totals } = lint::lint(context)?;
    Ok(EngineResult { took: start.elapsed(), ..lint::result(findings, totals) })
}
