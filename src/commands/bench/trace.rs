//! `abispec bench trace`: a command alone, under this tracer, and under strace, side by side.

use crate::args::Format;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::selection::choose;
use abispec_fuzzer::environment::Environment;
use serde_json::json;
use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Options of `abispec bench trace`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  abispec bench trace -- git status
  abispec bench trace --syscalls openat,read,close --runs 9 -- ./program

The three ways alternate, and the fastest run of each counts, so that the ratio holds on a noisy machine. strace runs as
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

/// One way of running the command.
struct Way {
    name: &'static str,
    words: Vec<OsString>,
    best: Option<Duration>,
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
    for _ in 0..args.runs {
        for way in &mut ways {
            let Some(took) = once(&way.words).map_err(|error| {
                Failure::new(format!("`{}` could not be run", args.command[0].to_string_lossy())).why(error.to_string())
            })?
            else {
                continue;
            };
            way.best = Some(way.best.map_or(took, |best| best.min(took)));
        }
    }
    let of =
        |name: &str| ways.iter().find(|way| way.name == name).and_then(|way| way.best).map(|best| best.as_secs_f64());
    let (bare, traced, strace) = (of("bare"), of("trace"), of("strace"));
    let ratio = traced.zip(strace).map(|(traced, strace)| strace / traced);
    if context.format == Format::Json {
        let line = json!({
            "syscalls": chosen.len(), "runs": args.runs, "bare_seconds": bare, "trace_seconds": traced,
            "strace_seconds": strace, "strace_over_trace": ratio,
        });
        writeln!(out, "{line}")?;
        return Ok(Exit::Conforms);
    }
    let seconds = |time: Option<f64>| time.map_or_else(|| "-".to_owned(), |time| format!("{time:.3} s"));
    writeln!(out, "kernel {}, {} system calls, fastest of {}", environment.release_text, chosen.len(), args.runs)?;
    writeln!(out, "bare          {:>10}", seconds(bare))?;
    writeln!(out, "abispec trace {:>10}", seconds(traced))?;
    writeln!(out, "strace        {:>10}", seconds(strace))?;
    if let Some(ratio) = ratio {
        writeln!(out, "abispec trace is {ratio:.2} times as fast as strace")?;
    }
    Ok(Exit::Conforms)
}

fn ways(args: &Args, context: &Context, own: PathBuf, chosen: &[String]) -> Vec<Way> {
    let words = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
    let set = chosen.join(",");
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
    let strace = words(&["strace", "-f", "--seccomp-bpf", "-o", "/dev/null", "-e", &format!("trace={set}"), "--"]);
    let way = |name, words| Way { name, words: with_command(words), best: None };
    vec![way("bare", Vec::new()), way("trace", own_words), way("strace", strace)]
}

/// How long one run takes; nothing if there is no such program as strace.
fn once(words: &[OsString]) -> std::io::Result<Option<Duration>> {
    let start = Instant::now();
    let status = Command::new(&words[0])
        .args(&words[1..])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    match status {
        Ok(_) => Ok(Some(start.elapsed())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && words[0] == "strace" => Ok(None),
        Err(error) => Err(error),
    }
}
