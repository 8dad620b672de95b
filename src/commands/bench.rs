//! `abispec bench`.

mod check;
mod trace;

use crate::args::Format;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use abispec::target::{Call, Resolved};
use abispec_fuzzer::bench::{CHEAP, Measured, measure};
use abispec_fuzzer::environment::Environment;
use abispec_fuzzer::scope;
use serde_json::json;
use std::io::Write;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// Options of `abispec bench`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  abispec bench fuzz    oracle-checked calls per second, the same calls bare, the ratio, memory, a fresh sandbox
  abispec bench check   how long reading a kernel's headers takes, for one port and for all
  abispec bench trace -- git status   a program under the tracer, beside strace")]
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

Checked and bare stretches alternate in one process, so that the ratio holds on a noisy machine. Without --syscalls the
cheap calls, whose names are printed, are measured first and then all. Programs that leave files or limits changed run
alone and are left out. Memory is the sum of the peaks of this process and of all sandbox processes.")]
    Fuzz {
        /// How long each part takes
        #[arg(long, value_name = "TIME", default_value = "5s", value_parser = crate::args::duration)]
        time: Duration,
        /// System calls, separated by commas; by default calls that cost little themselves, and then all
        #[arg(long, value_name = "NAMES", value_delimiter = ',')]
        syscalls: Vec<String>,
        /// Workers side by side, by default one for each processor
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
        workers: Option<u16>,
    },
    /// How long reading headers takes, for one port and for all
    Check(check::Args),
    /// A program under the tracer, beside strace
    Trace(trace::Args),
}

/// Calls that are measured together.
struct Group<'a> {
    /// What the lines call them.
    title: String,
    /// Their names; empty for all.
    names: Vec<&'a str>,
}

/// Runs the command.
pub(super) fn run(args: &Args, context: &Context, out: &mut dyn Write) -> Result<Exit, Failure> {
    let (time, syscalls, workers) = match &args.what {
        What::Fuzz { time, syscalls, workers } => (time, syscalls, workers),
        What::Check(args) => return check::run(args, context, out),
        What::Trace(args) => return trace::run(args, context, out),
    };
    let spec = context.spec()?;
    let environment =
        Environment::of_this_machine().map_err(|why| Failure::new("the running kernel is not known").why(why))?;
    let resolved = Arc::new(abispec::resolve(&spec, &environment.target()));
    let workers = workers.map_or_else(|| thread::available_parallelism().map_or(1, usize::from), usize::from);
    if let Some(unknown) = syscalls.iter().find(|name| resolved.call(name).is_none()) {
        return Err(Failure::new(format!("the specification has no system call `{unknown}` for this kernel")));
    }
    let groups = groups(syscalls, &resolved);
    if context.format == Format::Human {
        writeln!(out, "kernel {}, {workers} worker(s), {} each way", environment.release_text, seconds(*time))?;
        let titles = ["checked/s", "bare/s", "ratio", "checked", "bare", "memory", "fresh sandbox"];
        writeln!(out, "{}", row("", &titles.map(str::to_owned)))?;
    }
    for group in &groups {
        let wanted = |call: &Call| group.names.is_empty() || group.names.contains(&call.name.as_str());
        let measured = measure(&resolved, &wanted, workers, *time)
            .map_err(|error| Failure::new("nothing could be measured").why(error.to_string()))?;
        match context.format {
            Format::Human => human(out, group, &measured)?,
            Format::Json => json_line(out, group, workers, &measured)?,
        }
        out.flush()?;
    }
    if context.format == Format::Human {
        for group in groups.iter().filter(|group| !group.names.is_empty()) {
            writeln!(out, "{}: {}", group.title, group.names.join(", "))?;
        }
        writeln!(
            out,
            "bare: the same programs, only executed; us: processor time of a call; memory: of all processes"
        )?;
    }
    Ok(Exit::Conforms)
}

/// The calls that were asked for; else the cheap ones, and all.
fn groups<'a>(syscalls: &'a [String], resolved: &Resolved) -> Vec<Group<'a>> {
    if !syscalls.is_empty() {
        let names = syscalls.iter().map(String::as_str).collect();
        return vec![Group { title: "chosen calls".to_owned(), names }];
    }
    let cheap = CHEAP.iter().copied().filter(|name| resolved.call(name).is_some()).collect();
    let permitted = resolved.calls.iter().filter(|call| scope::permits(resolved, call)).count();
    let all = Group { title: format!("all {permitted} calls"), names: Vec::new() };
    vec![Group { title: "cheap calls".to_owned(), names: cheap }, all]
}

fn human(out: &mut dyn Write, group: &Group<'_>, measured: &Measured) -> std::io::Result<()> {
    let cost = |cost: Duration| format!("{:.2} us", cost.as_secs_f64() * 1e6);
    let cells = [
        format!("{:.0}", measured.checked),
        format!("{:.0}", measured.bare),
        format!("{:.2}", measured.ratio()),
        cost(measured.checked_cost),
        cost(measured.bare_cost),
        format!("{} MB", measured.memory.div_ceil(1 << 20)),
        format!("{:.2} ms", measured.renewal().as_secs_f64() * 1e3),
    ];
    writeln!(out, "{}", row(&group.title, &cells))
}

fn row(title: &str, cells: &[String; 7]) -> String {
    let widths = [10, 10, 6, 9, 9, 8, 14];
    let cells: String = cells.iter().zip(widths).map(|(cell, width)| format!(" {cell:>width$}")).collect();
    format!("{title:<14}{cells}")
}

fn json_line(out: &mut dyn Write, group: &Group<'_>, workers: usize, measured: &Measured) -> std::io::Result<()> {
    let line = json!({
        "title": group.title,
        "syscalls": group.names,
        "workers": workers,
        "checked": measured.checked,
        "bare": measured.bare,
        "ratio": measured.ratio(),
        "checked_cpu_seconds": measured.checked_cost.as_secs_f64(),
        "bare_cpu_seconds": measured.bare_cost.as_secs_f64(),
        "memory_bytes": measured.memory,
        "fresh_sandbox_seconds": measured.renewal().as_secs_f64(),
    });
    writeln!(out, "{line}")
}

fn seconds(time: Duration) -> String {
    format!("{} s", time.as_secs_f64())
}
