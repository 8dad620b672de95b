//! `abispec trace`.

mod recorded;
mod report;

use crate::context::Context;
use crate::engine;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::interrupt;
use crate::selection::choose;
use abispec::model::Spec;
use abispec::target::Resolved;
use abispec_fuzzer::environment::Environment;
use abispec_fuzzer::exec::tracer::{Beginning, Launch, LaunchError, trace_filter};
use abispec_fuzzer::trace::book::Book;
use abispec_fuzzer::trace::checker::{Checker, Settings};
use abispec_fuzzer::trace::follow::{Ends, Follower};
use abispec_fuzzer::trace::record::Recorder;
use abispec_fuzzer::trace::system::System;
use abispec_fuzzer::trace::witness::Witness;
use anstream::AutoStream;
use nix::errno::Errno;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Options of `abispec trace`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  abispec trace -- make check                every specified call of a test suite
  abispec trace -o report -- ./server        the report in a file
  abispec trace --syscalls group:files -- git status
  abispec trace --attach 4711 --max-time 1m  a process that is running
  abispec trace --lint-program -- ./program  also what the program does wrong
  abispec trace --profile seccomp -o profile.json -- ./server
  abispec trace --record run.trace -- ./program
  abispec trace --recorded run.trace --spec spec

The report goes to standard error, or to the file of -o: standard output belongs to the program. Calls that are not
checked run at full speed, except the few that open descriptors or make tasks. With --max-time a command is ended
(SIGTERM, then SIGKILL) and an attached process goes on.
Exit codes: 0 conforms, 1 divergences, 2 could not run or compared nothing; how the program ended is in the report.")]
pub(crate) struct Args {
    /// The program and its arguments
    #[arg(
        trailing_var_arg = true,
        value_name = "COMMAND",
        required_unless_present_any = ["attach", "recorded"],
        conflicts_with = "attach"
    )]
    command: Vec<OsString>,
    /// Follow a process that is running, with its threads and children, from now on
    #[arg(long, value_name = "PID", value_parser = clap::value_parser!(i32).range(1..))]
    attach: Option<i32>,
    /// Write the report to this file
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// System calls and `group:NAME`s, separated by commas
    #[arg(long, value_name = "SET", value_delimiter = ',')]
    syscalls: Vec<String>,
    /// No longer than this
    #[arg(long, value_name = "TIME", value_parser = crate::args::duration)]
    max_time: Option<Duration>,
    /// Also report what the program does wrong: undefined flags, struct sizes that no kernel knows, bad pointers, obsolete
    /// calls, ignored high bits
    #[arg(long)]
    lint_program: bool,
    /// Stop at calls that the specification lacks too, and count them; and at those that a filter of the program itself answers
    #[arg(long)]
    every_call: bool,
    /// Write to the file of -o, instead of the report, which calls with which flags the run needed
    #[arg(long, value_name = "KIND", requires = "output")]
    profile: Option<ProfileKind>,
    /// Keep what is needed to check the run again without the program
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// Check a recording instead of a program
    #[arg(long, value_name = "FILE", conflicts_with_all = ["command", "attach", "record", "max_time", "every_call"])]
    recorded: Option<PathBuf>,
}

/// What a profile is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum ProfileKind {
    /// A seccomp profile as container runtimes read it
    Seccomp,
}

/// What stands before a trace.
struct Prepared<'a> {
    spec: &'a Spec,
    resolved: &'a Resolved,
    release: String,
}

/// Runs the command.
pub(super) fn run(args: &Args, context: &Context, _: &mut dyn Write) -> Result<Exit, Failure> {
    let spec = context.spec()?;
    if let Some(path) = &args.recorded {
        return recorded::run(args, path, &spec, context);
    }
    let environment = Environment::of_this_machine()
        .map_err(|why| Failure::new("the running kernel is not known").why(why).help("is /proc mounted?"))?;
    let resolved = abispec::resolve(&spec, &environment.target());
    let chosen: BTreeSet<String> = choose(&spec, &resolved, None, &args.syscalls)?.into_iter().collect();
    let book = Book::new(&spec, &resolved, &chosen);
    let context = &context.for_report(report_file(args).is_some());
    let mut out = open_report(report_file(args), context)?;
    let every_call = args.every_call || args.profile.is_some() || args.attach.is_some();
    let witness = match &args.record {
        None => Recorder::idle(System),
        Some(path) => Recorder::new(System, path, &recorded::header(args, &environment))
            .map_err(|error| recorded::not_written(path, &error))?,
    };
    let mut checker = Checker::new(&book, witness, settings(args));
    let start = Instant::now();
    let deadline = args.max_time.map(|time| start + time);
    let (end, denied, filters) = match args.attach {
        Some(pid) => {
            let stop = interrupt::flag();
            let mut follower = Follower::of_process(&mut checker, pid).map_err(|errno| not_attached(pid, errno))?;
            let end = follower.run(Ends { stop: &stop, deadline });
            (end, follower.denied, 0)
        }
        None => {
            let (stop, blocked) = interrupt::for_another_program();
            let stops = book.stops();
            let calls = if every_call { None } else { Some(stops.as_slice()) };
            let filter = trace_filter(calls, book.unchanging());
            let launch = Launch { command: &args.command, filter: &filter, blocked };
            let mut started = launch.start().map_err(|error| not_started(&error))?;
            let mut follower = Follower::of_command(&mut checker, started.pid, every_call);
            let end = follower.run(Ends { stop: &stop, deadline });
            let (denied, filters) = (follower.denied, follower.filters);
            began(args, started.beginning())?;
            (end, denied, filters)
        }
    };
    if let Some(path) = &args.record {
        checker.witness.finish().map_err(|error| recorded::not_written(path, &error))?;
    }
    if let (Some(ProfileKind::Seccomp), Some(path)) = (args.profile, &args.output) {
        write_profile(&checker, path)?;
    }
    let prepared = Prepared { spec: &spec, resolved: &resolved, release: environment.release_text };
    let mut result = report::result(&checker, &prepared, Some(end), every_call);
    result.took = start.elapsed();
    for name in denied {
        result.skipped.push(engine::Skipped {
            what: format!("privileges of {name}"),
            why: "its file gives some, but the kernel gives none to a program that is traced without them; trace it as root"
                .to_owned(),
        });
    }
    if filters > 0 && !every_call {
        result.skipped.push(engine::Skipped {
            what: format!("calls that {filters} filter(s) of the program's own may answer"),
            why: "the kernel does not make them, and they do not stop; --every-call shows them".to_owned(),
        });
    }
    engine::write(&result, context, &mut out)?;
    out.flush()?;
    Ok(engine::exit(&[result]))
}

fn settings(args: &Args) -> Settings {
    let own_filters = u32::from(!args.command.is_empty());
    Settings { lint: args.lint_program, profile: args.profile.is_some(), own_filters, ..Settings::default() }
}

/// Where the report goes: the file of -o, unless that is for a profile.
fn report_file(args: &Args) -> Option<&Path> {
    args.output.as_deref().filter(|_| args.profile.is_none())
}

fn began(args: &Args, beginning: Beginning) -> Result<(), Failure> {
    if let Some(errno) = beginning.exec {
        let name = args.command.first().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        return Err(Failure::new(format!("`{name}` could not be executed")).why(errno.desc()));
    }
    match beginning.filter {
        Some(errno) => Err(Failure::new("the program could not be given a filter that makes it stop at system calls")
            .why(errno.desc())
            .help("does this kernel have seccomp, and is the limit of filters reached?")),
        None => Ok(()),
    }
}

fn write_profile<W: Witness>(checker: &Checker<'_, W>, path: &Path) -> Result<(), Failure> {
    let profile = checker.profile.oci(checker.book(), &checker.names());
    let failed = |why: String| Failure::new("the profile could not be written").at(path.display().to_string()).why(why);
    let text = serde_json::to_string_pretty(&profile).map_err(|error| failed(error.to_string()))?;
    std::fs::write(path, text + "\n").map_err(|error| failed(error.to_string()))
}

fn open_report(path: Option<&Path>, context: &Context) -> Result<Box<dyn Write>, Failure> {
    let choice = if context.colour { anstream::ColorChoice::AlwaysAnsi } else { anstream::ColorChoice::Never };
    match path {
        None => Ok(Box::new(BufWriter::new(AutoStream::new(io::stderr(), choice)))),
        Some(path) => {
            let file = File::create(path).map_err(|error| {
                Failure::new("the report could not be opened").at(path.display().to_string()).why(error.to_string())
            })?;
            Ok(Box::new(BufWriter::new(AutoStream::new(file, choice))))
        }
    }
}

fn not_attached(pid: i32, errno: Errno) -> Failure {
    let failure = Failure::new(format!("process {pid} could not be attached to")).why(errno.desc());
    match errno {
        Errno::ESRCH => failure.help("no process has this number; threads are followed with their process"),
        _ => failure
            .help("it belongs to somebody else, is traced already, or /proc/sys/kernel/yama/ptrace_scope forbids it"),
    }
}

fn not_started(error: &LaunchError) -> Failure {
    let failure = Failure::new("the program could not be started").why(error.to_string());
    match error {
        LaunchError::NotFound(_) => failure,
        LaunchError::Refused { .. } => {
            failure.help("tracing needs ptrace and seccomp; is this a container that forbids them?")
        }
    }
}
