//! The subcommands, one file each.

mod bench;
mod check;
mod compare;
mod completions;
mod coverage;
mod diff;
pub(crate) mod explain;
mod export;
mod extract;
mod fmt;
mod fuzz;
mod import;
mod known;
mod lint;
mod list;
mod merge;
mod migrate;
mod mutate;
mod outcomes;
mod replay;
mod run;
mod show;
mod site;
mod trace;
mod vm;

use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use clap::Subcommand;
use std::io::Write;

macro_rules! commands {
    ($($(#[doc = $doc:literal])* $variant:ident $module:ident,)*) => {
        /// What to do.
        #[derive(Debug, Subcommand)]
        pub(crate) enum Command {
            $($(#[doc = $doc])* $variant($module::Args),)*
        }

        impl Command {
            /// Does it.
            pub(crate) fn run(self, context: &Context, out: &mut dyn Write) -> Result<Exit, Failure> {
                if context.document.is_some() && !self.reports() {
                    return Err(Failure::new("this command writes no report of findings")
                        .help("--format human or json; junit, sarif, ktap and github are for run, lint, check, diff, fuzz, merge, trace and import"));
                }
                match self { $(Self::$variant(args) => $module::run(&args, context, out),)* }
            }
        }
    };
}

impl Command {
    /// What of it can be divided among machines, where that can be done at all.
    fn plan(&self) -> Option<vm::Plan> {
        match self {
            Self::Run(args) => Some(args.plan()),
            Self::Fuzz(args) => Some(args.plan()),
            _ => None,
        }
    }

    /// Whether it brings back findings as one report, so that every format can hold them.
    fn reports(&self) -> bool {
        matches!(
            self,
            Self::Run(_)
                | Self::Lint(_)
                | Self::Check(_)
                | Self::Diff(_)
                | Self::Fuzz(_)
                | Self::Merge(_)
                | Self::Trace(_)
                | Self::Import(_)
        )
    }
}

commands! {
    /// Lint the specification, check it against this machine, and fuzz the running kernel
    Run run,
    /// Report every mistake of a specification
    Lint lint,
    /// List system calls with the number of their clauses
    List list,
    /// Count what is specified, tried and seen, call by call
    Coverage coverage,
    /// Show what a system call, flag set, struct or resource is
    Show show,
    /// Explain the id of a finding
    Explain explain,
    /// Hold the specification against headers and the running kernel
    Check check,
    /// Compare two kernels: what do programs notice?
    Diff diff,
    /// Write the first version of a system call's specification from a kernel's source tree
    Extract extract,
    /// Hold the specification against what real system calls answer
    Fuzz fuzz,
    /// Join the journals of several runs into one report
    Merge merge,
    /// Write what a kernel answers to programs, whatever the specification says
    Outcomes outcomes,
    /// Compare two runs: which rule was seen where, which outcome differs
    Compare compare,
    /// Run a program and hold its system calls against the specification
    Trace trace,
    /// Run a saved divergence again
    Replay replay,
    /// Change one clause at a time and see whether an engine notices
    Mutate mutate,
    /// Keep the lists of divergences that are known
    Known known,
    /// Do one of these in a virtual machine with another kernel
    Vm vm,
    /// Measure speed
    Bench bench,
    /// Write the specification in another format
    Export export,
    /// Compare descriptions that others keep with the specification
    Import import,
    /// Make web pages of the specification
    Site site,
    /// Format specifications
    Fmt fmt,
    /// Rewrite a specification of an older version of the language
    Migrate migrate,
    /// Print a completion script for a shell
    Completions completions,
}
