//! `abispec outcomes`.

use crate::args::Format;
use crate::context::Context;
use crate::engine::EngineResult;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::interrupt;
use crate::journal::{self, Journal};
use crate::selection::choose;
use abispec::arch::Arch;
use abispec::journal::{Line, Outcome, Part};
use abispec::target::{Call, Resolved, Target};
use abispec::version::Release;
use abispec_fuzzer::campaign::random;
use abispec_fuzzer::confirm;
use abispec_fuzzer::exec::Entry;
use abispec_fuzzer::generate::Generator;
use abispec_fuzzer::oracle::Answer;
use abispec_fuzzer::program::Program;
use abispec_fuzzer::scope;
use abispec_fuzzer::worker::{Room, Setting, WorkerError};
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Options of `abispec outcomes`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  abispec outcomes --seed 7 --journal here.jsonl                       what this kernel answers
  abispec vm --kernel vmlinuz-6.1 --out old -- outcomes --seed 7 --journal o.jsonl   the same programs on another
  abispec compare here.jsonl old/o.jsonl                               where they differ

Nothing is judged: the answers are those of the kernel, whatever the specification says or leaves open. The programs come from
the specification for one release (--like), so that every kernel gets the same ones; each is made twice, and what answers
otherwise the second time is left out.")]
pub(crate) struct Args {
    /// Where programs come from; the same seed gives the same programs on every kernel
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// How many programs
    #[arg(long, value_name = "N", default_value_t = 1000)]
    programs: u64,
    /// Longest time
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = crate::args::duration)]
    time: Duration,
    /// The release whose calls, flags and structs programs are made of
    #[arg(long, value_name = "RELEASE", default_value = "5.10", value_parser = crate::args::release)]
    like: Release,
    /// System calls and `group:NAME`s, separated by commas
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    syscalls: Vec<String>,
    /// Write the answers, for `abispec compare`
    #[arg(long, value_name = "FILE")]
    journal: Option<PathBuf>,
}

/// Runs the command.
pub(super) fn run(args: &Args, context: &Context, out: &mut dyn Write) -> Result<Exit, Failure> {
    let stop = interrupt::flag();
    let spec = context.spec()?;
    let resolved = Arc::new(abispec::resolve(&spec, &Target::new(Arch::NATIVE, args.like)));
    let chosen = choose(&spec, &resolved, None, &args.syscalls)?;
    let able = |call: &Call| scope::permits(&resolved, call);
    let wanted = |call: &Call| chosen.contains(&call.name) && able(call);
    let failed = |error: WorkerError| Failure::new("programs could not be run").why(error.to_string());
    if !resolved.calls.iter().any(wanted) {
        return Err(failed(WorkerError::Denied));
    }
    let journal = Journal::create(args.journal.as_deref())?;
    journal.write(|| {
        let options = format!("programs={} like={} syscalls={}", args.programs, args.like, args.syscalls.join(","));
        let part = Part::whole(options, Some(args.seed));
        Line::Begin(journal::head("outcomes", &journal::here(), &spec, part))
    });
    let generator = Generator::new(resolved.clone(), &wanted, &able);
    let wishes = generator.even();
    let mut rng = random(args.seed, 0);
    let mut runner = Runner { resolved: resolved.clone(), room: None };
    let begin = Instant::now();
    let mut result = EngineResult { name: "outcomes".into(), ..EngineResult::default() };
    let mut unstable = 0_u64;
    let mut made = 0;
    for number in 0..args.programs {
        if stop.load(Ordering::Relaxed) || begin.elapsed() > args.time {
            break;
        }
        let program = generator.program(&mut rng, &wishes);
        let (first, second) = (runner.answers(&program).map_err(failed)?, runner.answers(&program).map_err(failed)?);
        made += 1;
        let (Some(first), Some(second)) = (first, second) else { continue };
        if first != second {
            unstable += 1;
            continue;
        }
        result.compared += first.len() as u64;
        let outcome = Outcome { program: number, calls: program.lines(&resolved), answers: first };
        if context.format == Format::Json {
            Line::Outcome(outcome.clone()).write(out)?;
        }
        journal.write(|| Line::Outcome(outcome));
    }
    result.took = begin.elapsed();
    result.summary.push(format!(
        "{} answers of {made} programs, seed {}, made of what {} has",
        result.compared, args.seed, args.like
    ));
    result.summary.push(format!("{unstable} program(s) answered otherwise the second time and were left out"));
    journal.write(|| Line::End(journal::end(&result, made)));
    if context.format == Format::Human {
        for line in &result.summary {
            writeln!(out, "{line}")?;
        }
    }
    journal.close()?;
    Ok(if result.compared == 0 { Exit::CouldNotRun } else { Exit::Conforms })
}

/// Where programs are run.
struct Runner {
    resolved: Arc<Resolved>,
    room: Option<Room>,
}

impl Runner {
    /// What each call of a program answers in a fresh sandbox; nothing where one did not come back.
    fn answers(&mut self, program: &Program) -> Result<Option<Vec<String>>, WorkerError> {
        let room = match &mut self.room {
            Some(room) => room,
            empty => empty.insert(Room::open(Setting::through(Entry::Native, self.resolved.clone(), &|_| true))?),
        };
        match confirm::watch(room, program) {
            Ok((answers, _)) if answers.len() == program.calls.len() => {
                Ok(answers.into_iter().map(|answer| answer.map(word)).collect())
            }
            Ok(_) => Ok(None),
            // Somebody killed the sandbox: a new one goes on.
            Err(WorkerError::Lost) => {
                self.room = None;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

/// An answer without what differs from time to time: a number that is returned is no outcome of its own.
fn word(answer: Answer) -> String {
    match answer {
        Answer::Value(_) => "success".to_owned(),
        Answer::Error(_) | Answer::Left => answer.text(Arch::NATIVE),
    }
}
