//! `abispec bench check`.

use crate::args::Format;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use abispec::arch::Arch;
use abispec_checker::facts::Facts;
use abispec_checker::files::{Files, Folder};
use abispec_checker::headers::{read_headers, read_tree_headers_of, take_tree_apart};
use nix::sys::resource::{UsageWho, getrusage};
use serde_json::json;
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Options of `abispec bench check`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  abispec bench check --tree ../linux
  abispec bench check --tree ../linux --headers /usr/include --arch arm64

Each line is the best of --rounds. Processor time is that of all threads, which a loaded machine changes little; memory
is the peak of the whole process while the line was measured.")]
pub(super) struct Args {
    /// A kernel's source tree
    #[arg(long, value_name = "DIR", required_unless_present = "headers")]
    tree: Option<PathBuf>,
    /// Installed headers: the folder that holds linux/
    #[arg(long, value_name = "DIR")]
    headers: Option<PathBuf>,
    /// The one port [default: the one this program was built for]
    #[arg(long, value_name = "PORT", value_parser = crate::args::arch)]
    arch: Option<Arch>,
    /// How often each line is measured
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=100))]
    rounds: u16,
}

/// What one line says.
struct Line {
    title: String,
    wall: Duration,
    processor: Duration,
    /// Bytes.
    memory: u64,
    /// What was read.
    amount: String,
}

/// Runs the command.
pub(super) fn run(args: &Args, context: &Context, out: &mut dyn Write) -> Result<Exit, Failure> {
    let arch = args.arch.unwrap_or(Arch::NATIVE);
    if context.format == Format::Human {
        writeln!(out, "{:<34}{:>10}{:>12}{:>10}", "", "wall", "processor", "memory")?;
    }
    let mut show = |line: &Line| -> Result<(), Failure> {
        match context.format {
            Format::Human => writeln!(
                out,
                "{:<34}{:>8.3} s{:>10.3} s{:>7} MB  {}",
                line.title,
                line.wall.as_secs_f64(),
                line.processor.as_secs_f64(),
                line.memory.div_ceil(1 << 20),
                line.amount
            )?,
            Format::Json => {
                let (wall, processor) = (line.wall.as_secs_f64(), line.processor.as_secs_f64());
                let value = json!({
                    "title": line.title, "wall_seconds": wall, "cpu_seconds": processor,
                    "memory_bytes": line.memory, "amount": line.amount,
                });
                writeln!(out, "{value}")?;
            }
        }
        Ok(out.flush()?)
    };
    if let Some(tree) = &args.tree {
        let files: Arc<dyn Files> = Arc::new(Folder(tree.clone()));
        let apart = |ports: &[Arch]| {
            let apart = take_tree_apart(&files, ports)?;
            Ok(format!("{} headers, {} tokens, {} macros", apart.headers, apart.tokens, apart.macros))
        };
        let read = |ports: &[Arch]| counted(read_tree_headers_of(&files, ports));
        let all = format!("all {} ports", Arch::ALL.len());
        show(&measure(format!("{arch}, taken apart"), args.rounds, || apart(&[arch]))?)?;
        show(&measure(format!("{arch}, read"), args.rounds, || read(&[arch]))?)?;
        show(&measure(format!("{all}, taken apart"), args.rounds, || apart(Arch::ALL))?)?;
        show(&measure(format!("{all}, read"), args.rounds, || read(Arch::ALL))?)?;
    }
    if let Some(headers) = &args.headers {
        let read = || counted(vec![read_headers(headers, arch)]);
        show(&measure(format!("{arch}, installed headers"), args.rounds, read)?)?;
    }
    Ok(Exit::Conforms)
}

/// How many facts were read; an error where no port could be read.
fn counted(read: Vec<Result<Facts, String>>) -> Result<String, String> {
    let ports = read.iter().flatten().count();
    let facts: usize = read.iter().flatten().map(Facts::count).sum();
    match read.into_iter().find_map(Result::err) {
        Some(reason) if ports == 0 => Err(reason),
        _ => Ok(format!("{facts} facts of {ports} port(s)")),
    }
}

/// The quickest of some rounds.
fn measure(title: String, rounds: u16, work: impl Fn() -> Result<String, String>) -> Result<Line, Failure> {
    let mut best: Option<Line> = None;
    for _ in 0..rounds {
        // Lets the kernel measure the peak anew; where that is refused, the peak is that of all lines so far.
        let _ = fs::write("/proc/self/clear_refs", "5");
        let (start, before) = (Instant::now(), processor_time());
        let amount = work().map_err(|why| Failure::new("nothing could be measured").why(why))?;
        let (wall, processor) = (start.elapsed(), processor_time().saturating_sub(before));
        let line = Line { title: title.clone(), wall, processor, memory: peak(), amount };
        best = Some(match best {
            Some(best) if best.wall <= wall => best,
            _ => line,
        });
    }
    best.ok_or_else(|| Failure::new("nothing could be measured"))
}

/// Processor time of all threads so far.
fn processor_time() -> Duration {
    let part = |time: nix::sys::time::TimeVal| {
        Duration::new(time.tv_sec().unsigned_abs(), u32::try_from(time.tv_usec()).unwrap_or(0) * 1000)
    };
    getrusage(UsageWho::RUSAGE_SELF).map_or(Duration::ZERO, |usage| part(usage.user_time()) + part(usage.system_time()))
}

/// The peak of this process's memory in bytes.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().next()).and_then(|number| number.parse::<u64>().ok());
    number.unwrap_or(0) << 10
}
