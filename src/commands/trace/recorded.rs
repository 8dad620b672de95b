//! Recordings of traces: making them, and checking them again.

use super::{Args, Prepared, open_report, report, report_file, settings, write_profile};
use crate::context::Context;
use crate::engine;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::selection::choose;
use abispec::arch::Arch;
use abispec::model::Spec;
use abispec::target::Target;
use abispec::version::Release;
use abispec_fuzzer::environment::Environment;
use abispec_fuzzer::trace::book::Book;
use abispec_fuzzer::trace::checker::Checker;
use abispec_fuzzer::trace::record::{Header, Recorded, Tape};
use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::Path;
use std::time::Instant;

/// What a recording says of its origin.
pub(super) fn header(args: &Args, environment: &Environment) -> Header {
    Header {
        arch: Arch::NATIVE.name().to_owned(),
        release: environment.release_text.clone(),
        config: environment.config.clone(),
        command: args.command.iter().map(|word| word.to_string_lossy().into_owned()).collect(),
    }
}

pub(super) fn not_written(path: &Path, error: &io::Error) -> Failure {
    Failure::new("the recording could not be written").at(path.display().to_string()).why(error.to_string())
}

/// Checks a recording.
pub(super) fn run(args: &Args, path: &Path, spec: &Spec, context: &Context) -> Result<Exit, Failure> {
    let broken = |why: String| {
        Failure::new("the recording could not be read")
            .at(path.display().to_string())
            .why(why)
            .help("`abispec trace --record FILE` makes recordings")
    };
    let start = Instant::now();
    let mut tape = Tape::open(path).map_err(|error| broken(error.to_string()))?;
    let header = tape.header.clone();
    let unknown_port = || broken(format!("it is of a port that is not known, {}", header.arch));
    let arch = Arch::from_name(&header.arch).ok_or_else(unknown_port)?;
    let release = Release::from_uname(&header.release).map_err(|error| broken(error.to_string()))?;
    let target = Target { config: header.config.clone(), ..Target::new(arch, release) };
    let resolved = abispec::resolve(spec, &target);
    let chosen: BTreeSet<String> = choose(spec, &resolved, None, &args.syscalls)?.into_iter().collect();
    let book = Book::new(spec, &resolved, &chosen);
    let context = &context.for_report(report_file(args).is_some());
    let mut out = open_report(report_file(args), context)?;
    let mut checker = Checker::new(&book, Recorded::default(), settings(args));
    while let Some(step) = tape.step().map_err(|error| broken(error.to_string()))? {
        checker.witness = step.answers;
        checker.on(step.tid, step.event);
    }
    if let (Some(_), Some(path)) = (args.profile, &args.output) {
        write_profile(&checker, path)?;
    }
    let prepared = Prepared { spec, resolved: &resolved, release: header.release };
    let mut result = report::result(&checker, &prepared, None, false);
    result.took = start.elapsed();
    engine::write(&result, context, &mut out)?;
    out.flush()?;
    Ok(engine::exit(&[result]))
}
