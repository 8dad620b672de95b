//! `abispec mutate`.

use crate::args::Format;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::interrupt;
use crate::mutate::{Effort, Entry, Trials, Verdict, Work, key, read};
use crate::selection::choose;
use abispec::arch::Arch;
use abispec::finding::Finding;
use abispec::model::Spec;
use abispec::mutate::{Mutant, mutants};
use abispec_fuzzer::environment::Environment;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;
use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Write};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

/// Options of `abispec mutate`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  abispec mutate --syscalls pipe2,lseek     does any engine notice when a clause of these is changed?
  abispec mutate --syscalls dup3 --patience 1m
                                            the same, looking longer at the changes
  abispec mutate --syscalls dup3 --only EBADF --verbose

A mutant that no engine notices is a clause that nobody checks, unless no run could ever tell it from the
original; those are listed with a reason in ci/equivalent-mutants.yaml. It is no survivor where every call of which it
says something else is judged alike, since another clause decides or it promises more that is so too (`hidden`).
Exit codes: 0 every mutant is noticed, 1 some survive, 2 could not run.")]
pub(crate) struct Args {
    /// System calls and `group:NAME`s, separated by commas
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    syscalls: Vec<String>,
    /// How many calls the fuzzer makes for each mutant, at most; those of a batch of mutants hear the same calls
    #[arg(long, value_name = "N", default_value_t = 20_000)]
    calls: u64,
    /// How long the fuzzer looks at a batch of mutants, at most
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = crate::args::duration)]
    time: Duration,
    /// A batch is over when for so long no mutant was noticed
    #[arg(long, value_name = "TIME", default_value = "1m", value_parser = crate::args::duration)]
    patience: Duration,
    /// Where programs come from; the same seed gives the same programs
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// How many work side by side; by default one for each processor
    #[arg(long, value_name = "N")]
    workers: Option<NonZeroUsize>,
    /// Only mutants whose id contains this
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Where divergences that there are without any change are saved
    #[arg(long, value_name = "DIR", default_value = "abispec-findings")]
    out: PathBuf,
    /// Another list of equivalent mutants
    #[arg(long, value_name = "FILE")]
    equivalent: Option<PathBuf>,
    /// Also list the mutants that were noticed, and by what
    #[arg(long)]
    verbose: bool,
}

/// The project's own list.
const EQUIVALENT: (&str, &str) = ("ci/equivalent-mutants.yaml", include_str!("../../ci/equivalent-mutants.yaml"));

/// A mutant with what became of it.
struct Judged {
    mutant: Mutant,
    outcome: Outcome,
}

enum Outcome {
    Verdict(Verdict),
    Equivalent(String),
}

/// Runs the command.
pub(super) fn run(args: &Args, context: &Context, out: &mut dyn Write) -> Result<Exit, Failure> {
    let stop = interrupt::flag();
    let spec = context.spec()?;
    let listed = equivalent(args)?;
    let environment = Environment::of_this_machine()
        .map_err(|why| Failure::new("the running kernel is not known").why(why).help("is /proc mounted?"))?;
    let facts = super::check::facts(&spec);
    let workers = args.workers.or_else(|| thread::available_parallelism().ok()).map_or(1, NonZeroUsize::get);
    let (file_systems, _) = super::fuzz::places::available(&[], false, None)?;
    let trials = Trials::new(
        &spec,
        environment.target(),
        facts,
        file_systems,
        Effort { time: args.time, calls: args.calls, patience: args.patience, seed: args.seed },
        workers,
        stop,
    )
    .saving_below(args.out.clone());
    let chosen = choose(&spec, trials.resolved(), None, &args.syscalls)?;
    let wanted = |mutant: &Mutant| args.only.as_ref().is_none_or(|text| mutant.id.contains(text));
    let work: Vec<Work> = chosen
        .into_iter()
        .map(|call| {
            let list = mutants(&spec, &call, Arch::NATIVE).into_iter().filter(wanted).collect();
            (call, list)
        })
        .collect();
    let bar = progress_bar(work.iter().map(|(_, list)| list.len()).sum());
    let judged = trials.judge(work, &|settled| bar.inc(settled as u64))?;
    let noisy = judged.divergences;
    let outcome = |(mutant, verdict)| {
        let outcome = match (&verdict, listed.iter().find(|entry| entry.names(&mutant))) {
            (Verdict::Survived(_) | Verdict::Hidden(_), Some(entry)) => Outcome::Equivalent(entry.reason.clone()),
            _ => Outcome::Verdict(verdict),
        };
        Judged { mutant, outcome }
    };
    let judged: Vec<Judged> = judged.mutants.into_iter().map(outcome).collect();
    bar.finish_and_clear();
    let report = Report { spec: &spec, judged: &judged, interrupted: trials.interrupted(), noisy };
    let unused = unused(&listed, &judged);
    match context.format {
        Format::Human => report.write_human(args.verbose, &unused, context.colour, out)?,
        Format::Json => report.write_json(&unused, out)?,
    }
    Ok(report.exit())
}

fn equivalent(args: &Args) -> Result<Vec<Entry>, Failure> {
    let Some(file) = &args.equivalent else { return read(EQUIVALENT.1, EQUIVALENT.0) };
    let name = file.display().to_string();
    let text = std::fs::read_to_string(file).map_err(|error| {
        Failure::new("the list of equivalent mutants could not be read").at(name.clone()).why(error.to_string())
    })?;
    read(&text, &name)
}

impl Entry {
    /// Whether the entry is about this mutant, and about what it changes today.
    fn names(&self, mutant: &Mutant) -> bool {
        self.means(mutant)
            && match self.mutant.ends_with('*') {
                true => mutant.change.starts_with(&self.change),
                false => self.change == mutant.change,
            }
    }

    /// Whether the entry means this mutant, whatever it changes today. A final `*` means all mutants of a clause.
    fn means(&self, mutant: &Mutant) -> bool {
        let clause = self.mutant.strip_suffix('*');
        self.syscall == mutant.syscall
            && clause.map_or(self.mutant == mutant.id, |clause| mutant.id.starts_with(clause))
    }
}

/// Entries about mutants that were tried and are not equivalent, and about mutants that do not exist.
fn unused<'a>(listed: &'a [Entry], judged: &[Judged]) -> Vec<&'a Entry> {
    let stale = |entry: &&Entry| {
        let named: Vec<&Judged> = judged.iter().filter(|one| entry.means(&one.mutant)).collect();
        !named.is_empty() && !named.iter().any(|one| matches!(one.outcome, Outcome::Equivalent(_)))
    };
    listed.iter().filter(stale).collect()
}

fn progress_bar(length: usize) -> ProgressBar {
    let terminal = io::stderr().is_terminal();
    let target = if terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(Some(length as u64), target);
    if let Ok(style) = ProgressStyle::with_template("mutate [{bar:30}] {pos}/{len} {elapsed} {msg}") {
        bar.set_style(style.progress_chars("=> "));
    }
    bar
}

#[derive(Default)]
struct Sums {
    killed: usize,
    survived: usize,
    hidden: usize,
    equivalent: usize,
    not_executable: usize,
}

impl Sums {
    fn add(&mut self, outcome: &Outcome) {
        *match outcome {
            Outcome::Equivalent(_) => &mut self.equivalent,
            Outcome::Verdict(Verdict::Killed { .. }) => &mut self.killed,
            Outcome::Verdict(Verdict::Survived(_) | Verdict::Interrupted) => &mut self.survived,
            Outcome::Verdict(Verdict::Hidden(_)) => &mut self.hidden,
            Outcome::Verdict(Verdict::NotExecutable(_)) => &mut self.not_executable,
        } += 1;
    }

    /// Of the mutants that could be noticed, those that were, in percent.
    fn score(&self) -> f64 {
        let all = self.killed + self.survived;
        if all == 0 { 100.0 } else { 100.0 * self.killed as f64 / all as f64 }
    }

    fn text(&self) -> String {
        format!(
            "{} killed, {} survived, {} hidden, {} equivalent, {} not executable here; score {:.1} %",
            self.killed,
            self.survived,
            self.hidden,
            self.equivalent,
            self.not_executable,
            self.score()
        )
    }

    fn json(&self) -> serde_json::Value {
        json!({
            "killed": self.killed, "survived": self.survived, "hidden": self.hidden, "equivalent": self.equivalent,
            "not_executable": self.not_executable, "score": self.score(),
        })
    }
}

struct Report<'a> {
    spec: &'a Spec,
    judged: &'a [Judged],
    interrupted: bool,
    /// Divergences without any change.
    noisy: Vec<Finding>,
}

impl Report<'_> {
    /// By call, and in total: there what calls share counts once.
    fn sums(&self) -> (BTreeMap<&str, Sums>, Sums) {
        let (mut calls, mut total) = (BTreeMap::<&str, Sums>::new(), Sums::default());
        let mut shared = BTreeMap::new();
        for one in self.judged {
            calls.entry(&one.mutant.syscall).or_default().add(&one.outcome);
            let judged = !matches!(one.outcome, Outcome::Verdict(Verdict::NotExecutable(_)));
            let first = shared.entry(key(&one.mutant)).or_insert(&one.outcome);
            if judged {
                *first = &one.outcome;
            }
        }
        shared.into_values().for_each(|outcome| total.add(outcome));
        (calls, total)
    }

    fn exit(&self) -> Exit {
        let total = self.sums().1;
        match (total.killed, total.survived) {
            (0, 0) => Exit::CouldNotRun,
            (_, 0) => Exit::Conforms,
            _ => Exit::Divergences,
        }
    }

    fn write_human(&self, verbose: bool, unused: &[&Entry], colour: bool, out: &mut dyn Write) -> io::Result<()> {
        let paint =
            |code: &str, text: &str| if colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() };
        let mut reasons: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for Judged { mutant, outcome } in self.judged {
            let place = self.spec.place(mutant.at);
            let name = format!("{} {}", mutant.syscall, mutant.id);
            match outcome {
                Outcome::Verdict(Verdict::Interrupted) => {}
                Outcome::Verdict(Verdict::Survived(missed)) => {
                    writeln!(out, "{} {name}: {}", paint("1;31", "survived"), mutant.change)?;
                    writeln!(out, "  --> {place}\n  because {missed}")?;
                }
                Outcome::Verdict(Verdict::Hidden(times)) => {
                    if verbose {
                        writeln!(out, "hidden {name}: {}", mutant.change)?;
                        writeln!(out, "  because all {times} calls of which it says something else are judged alike")?;
                    }
                }
                Outcome::Equivalent(reason) => {
                    writeln!(out, "equivalent {name}: {}", mutant.change)?;
                    writeln!(out, "  because {reason}")?;
                }
                Outcome::Verdict(Verdict::NotExecutable(why)) => reasons.entry(why).or_default().push(name),
                Outcome::Verdict(Verdict::Killed { by, how }) => {
                    if verbose {
                        writeln!(out, "killed {name}: {}", mutant.change)?;
                        writeln!(out, "  {by}: {how}")?;
                    }
                }
            }
        }
        for (why, names) in &reasons {
            writeln!(out, "not executable here, {why}: {} mutant(s)", names.len())?;
            if verbose {
                writeln!(out, "  {}", names.join(", "))?;
            }
        }
        for entry in unused {
            let Entry { syscall, mutant, line, .. } = entry;
            writeln!(out, "warning: {}:{line}: {syscall} {mutant} is no surviving mutant of this text", EQUIVALENT.0)?;
        }
        for Finding { subject, message, files, trace, .. } in &self.noisy {
            writeln!(out, "warning: {subject} diverges without any change; no mutant was blamed for it: {message}")?;
            for line in trace {
                writeln!(out, "  {line}")?;
            }
            writeln!(out, "  saved as {}", files.join(", "))?;
        }
        let (calls, total) = self.sums();
        for (call, sums) in &calls {
            writeln!(out, "{call:<16} {}", sums.text())?;
        }
        let cut = if self.interrupted { " (ended early)" } else { "" };
        writeln!(out, "{:<16} {}{cut}", paint("1", "total"), total.text())
    }

    fn write_json(&self, unused: &[&Entry], out: &mut dyn Write) -> io::Result<()> {
        for Judged { mutant, outcome } in self.judged {
            let (verdict, detail) = match outcome {
                Outcome::Verdict(Verdict::Killed { by, how }) => ("killed", Some(format!("{by}: {how}"))),
                Outcome::Verdict(Verdict::Survived(missed)) => ("survived", Some(missed.to_string())),
                Outcome::Verdict(Verdict::Interrupted) => ("interrupted", None),
                Outcome::Verdict(Verdict::Hidden(times)) => ("hidden", Some(times.to_string())),
                Outcome::Verdict(Verdict::NotExecutable(why)) => ("not-executable", Some(why.clone())),
                Outcome::Equivalent(reason) => ("equivalent", Some(reason.clone())),
            };
            let place = self.spec.place(mutant.at).to_string();
            let line = json!({
                "syscall": mutant.syscall, "mutant": mutant.id, "change": mutant.change, "place": place,
                "verdict": verdict, "detail": detail,
            });
            writeln!(out, "{line}")?;
        }
        let (calls, total) = self.sums();
        let calls: BTreeMap<_, _> = calls.iter().map(|(call, sums)| (*call, sums.json())).collect();
        let unused: Vec<_> =
            unused.iter().map(|entry| json!({"syscall": entry.syscall, "mutant": entry.mutant})).collect();
        let noisy: Vec<_> = self
            .noisy
            .iter()
            .map(|found| json!({"syscall": found.subject, "message": found.message, "files": found.files}))
            .collect();
        let line = json!({
            "total": total.json(), "calls": calls, "unused_entries": unused, "divergences_without_change": noisy,
            "interrupted": self.interrupted,
        });
        writeln!(out, "{line}")
    }
}
