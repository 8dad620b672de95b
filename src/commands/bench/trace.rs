//! `abispec bench trace`: a command alone, under this tracer, and under strace, side by side.

use crate::args::Format;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::selection::choose;
use abispec_fuzzer::environment::Environment;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;
use serde_json::json;
use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Instant;

/// Options of `abispec bench trace`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  abispec bench trace -- git status
  abispec bench trace --syscalls openat,read,close --runs 9 -- ./program

Each round runs the three ways, trace and strace in turn as the first of them. Two ratios are given: of the times on the clock,
the median over the rounds with the least and the greatest, and of the processor time that all processes of a way took, the
least of each, which other programs on the machine hardly change. strace runs as
`strace -f --seccomp-bpf -e trace=SET -o /dev/null`, the tracer with `--syscalls SET -o /dev/null`. Without strace its column
is empty.")]
pub(crate) struct Args {
    /// The program and its arguments; what it writes is thrown away
    #[arg(trailing_var_arg = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
    /// System calls and `group:NAME`s, separated by commas; by default all that are specified
    #[arg(long, value_name = "SET", value_delimiter = ',')]
    syscalls: Vec<String>,
    /// How often each way is run
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
}

/// What a run took.
#[derive(Clone, Copy, Debug)]
struct Took {
    /// On the clock, in seconds.
    clock: f64,
    /// Of processors, in seconds: the program, its children and whoever traces them.
    processor: f64,
}

/// One way of running the command.
struct Way {
    name: &'static str,
    words: Vec<OsString>,
    /// By round.
    took: Vec<Took>,
}

impl Way {
    fn least(&self, of: impl Fn(&Took) -> f64) -> Option<f64> {
        self.took.iter().map(of).min_by(f64::total_cmp)
    }
}

/// How many times as fast one way is as another.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Ratio {
    /// In the middle one of the rounds.
    median: f64,
    /// In the worst and the best of them.
    range: (f64, f64),
}

impl Ratio {
    /// From the ratio of each round.
    fn of(mut rounds: Vec<f64>) -> Option<Self> {
        rounds.sort_by(f64::total_cmp);
        let (first, last) = (*rounds.first()?, *rounds.last()?);
        Some(Self { median: rounds[rounds.len() / 2], range: (first, last) })
    }
}

/// Runs the command.
pub(super) fn run(args: &Args, context: &Context, out: &mut dyn Write) -> Result<Exit, Failure> {
    let spec = context.spec()?;
    let environment =
        Environment::of_this_machine().map_err(|why| Failure::new("the running kernel is not known").why(why))?;
    let resolved = abispec::resolve(&spec, &environment.target());
    let chosen = choose(&spec, &resolved, None, &args.syscalls)?;
    let own = std::env::current_exe()
        .map_err(|error| Failure::new("this program does not find itself").why(error.to_string()))?;
    let mut ways = ways(args, context, own, &chosen);
    let mut end = None;
    for round in 0..args.runs {
        // What comes first may find colder caches.
        let order = if round % 2 == 0 { [0, 1, 2] } else { [0, 2, 1] };
        for index in order {
            let ran = once(&ways[index].words).map_err(|error| {
                Failure::new(format!("`{}` could not be run", args.command[0].to_string_lossy())).why(error.to_string())
            })?;
            let Some((took, status)) = ran else { continue };
            // A tracer that refuses to run at all is the fastest.
            let alone = *end.get_or_insert(status);
            let as_it_should = match index {
                0 => true,
                1 => status.code().is_some_and(|code| code < 2),
                _ => status == alone,
            };
            if !as_it_should {
                return Err(Failure::new(format!("{} did not run the command to its end", ways[index].name))
                    .why(format!("it ended with {status}, the command alone with {alone}")));
            }
            ways[index].took.push(took);
        }
    }
    let [bare, traced, strace] = &ways;
    let rounds = traced.took.iter().zip(&strace.took).map(|(traced, strace)| strace.clock / traced.clock);
    let ratio = Ratio::of(rounds.collect());
    let processor = |way: &Way| way.least(|took| took.processor);
    let of_processor = processor(traced).zip(processor(strace)).map(|(traced, strace)| strace / traced);
    if context.format == Format::Json {
        let one = |way: &Way| json!({"seconds": way.least(|took| took.clock), "processor_seconds": processor(way)});
        let line = json!({
            "syscalls": chosen.len(), "runs": args.runs, "bare": one(bare), "trace": one(traced), "strace": one(strace),
            "strace_over_trace": ratio.map(|ratio| ratio.median),
            "strace_over_trace_range": ratio.map(|ratio| [ratio.range.0, ratio.range.1]),
            "strace_over_trace_processor": of_processor,
        });
        writeln!(out, "{line}")?;
        return Ok(Exit::Conforms);
    }
    writeln!(out, "kernel {}, {} system calls, least of {} runs", environment.release_text, chosen.len(), args.runs)?;
    writeln!(out, "                 on the clock   processor time")?;
    let seconds = |time: Option<f64>| time.map_or_else(|| "-".to_owned(), |time| format!("{time:.3} s"));
    for way in &ways {
        let (clock, processor) = (seconds(way.least(|took| took.clock)), seconds(processor(way)));
        writeln!(out, "{:<13}  {clock:>14}  {processor:>15}", way.name)?;
    }
    if let (Some(ratio), Some(of_processor)) = (ratio, of_processor) {
        let (worst, best) = ratio.range;
        writeln!(
            out,
            "abispec trace is {:.2} times as fast as strace ({worst:.2} to {best:.2}), {of_processor:.2} by processor time",
            ratio.median
        )?;
    }
    Ok(Exit::Conforms)
}

fn ways(args: &Args, context: &Context, own: PathBuf, chosen: &[String]) -> [Way; 3] {
    let words = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
    let set = chosen.join(",");
    // An older strace refuses names that it does not know, unless they are marked so.
    let marked: Vec<String> = chosen.iter().map(|name| format!("?{name}")).collect();
    let with_command = |mut words: Vec<OsString>| {
        words.extend(args.command.iter().cloned());
        words
    };
    let mut own_words = vec![own.into_os_string()];
    own_words.extend(words(&["trace", "-o", "/dev/null", "--syscalls", &set]));
    if let Some(dir) = context.spec_dir() {
        own_words.extend(words(&["--spec"]));
        own_words.push(dir.into());
    }
    own_words.push("--".into());
    let strace = words(&[
        "strace",
        "-f",
        "--seccomp-bpf",
        "-o",
        "/dev/null",
        "-e",
        &format!("trace={}", marked.join(",")),
        "--",
    ]);
    let way = |name, words| Way { name, words: with_command(words), took: Vec::new() };
    [way("bare", Vec::new()), way("abispec trace", own_words), way("strace", strace)]
}

/// What one run takes, and how it ends; nothing if there is no such program as strace.
fn once(words: &[OsString]) -> std::io::Result<Option<(Took, ExitStatus)>> {
    let processor = || -> std::io::Result<f64> {
        let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
        let seconds = |time: TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
        Ok(seconds(usage.user_time()) + seconds(usage.system_time()))
    };
    let (start, before) = (Instant::now(), processor()?);
    let status = Command::new(&words[0])
        .args(&words[1..])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    match status {
        Ok(status) => {
            Ok(Some((Took { clock: start.elapsed().as_secs_f64(), processor: processor()? - before }, status)))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && words[0] == "strace" => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_that_of_the_middle_round() {
        assert_eq!(Ratio::of(vec![1.2, 9.0, 1.1]), Some(Ratio { median: 1.2, range: (1.1, 9.0) }));
        assert_eq!(Ratio::of(Vec::new()), None);
    }
}
