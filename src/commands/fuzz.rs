//! `abispec fuzz`.

pub(super) mod places;
mod rules;
mod so_far;
mod told;
mod waiving;

use super::vm::Plan;
use crate::context::Context;
use crate::engine::{self, EngineResult};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::interrupt;
use crate::journal::{self, Journal};
use crate::known;
use crate::selection::choose;
use abispec::finding::Finding;
use abispec::journal::Line;
use abispec::known::Known;
use abispec::model::Spec;
use abispec::report::grouped;
use abispec::target::{Call, Clause, ClauseId, ClauseKind, Resolved};
use abispec_fuzzer::campaign::{self, Entries, First, Options, Outcome, Progress, Reporter, Shard};
use abispec_fuzzer::environment::Environment;
use abispec_fuzzer::exec::{Entry, FileSystem};
use abispec_fuzzer::findings;
use abispec_fuzzer::habitat::Habitat;
use abispec_fuzzer::pending::{Pending, replay_files};
use abispec_fuzzer::reproduce;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::collections::BTreeSet;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use waiving::Waiving;

/// Options of `abispec fuzz`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  abispec fuzz --time 10m                    every call of the specification
  abispec fuzz --syscalls pipe2,lseek        these only
  abispec fuzz --syscalls group:descriptors  a group
  abispec fuzz --time 1m --unseen            also what was not reached
  abispec fuzz --rules dup.EBADF,lseek.yaml:31  aimed at these rules, by errno or by the place that --unseen prints
  abispec fuzz --fs ext4,overlayfs           on these file systems only
  abispec fuzz --unprivileged                root goes on as the user nobody
  abispec fuzz --seed 7 --shard 2/3 --journal 2.jsonl  the second of three machines; `abispec merge` joins their journals
  abispec fuzz --emulator /usr/bin/qemu-x86_64  hold a user-mode emulator against the specification
  abispec fuzz --corpus abispec-findings     what was found before comes first
  abispec fuzz --entry i386                  calls of i386 only, by int 0x80

By default programs take every way into the kernel that it has: the port's own, for one batch in eight the i386
entry, which is held against the specification of i386, and for some the functions of the vDSO.

A divergence is run again in a fresh sandbox, made as simple as it can be, and saved at once below --out
as a replay file and a C program. What a run that was killed had not settled waits in --out and comes first.
What is known to differ (`abispec known`) is tried first too, and reported only where it is no longer met.
Disks are memory, mounted where only the sandbox sees them. On fuse a server of the sandbox's own answers, and refuses what
its names say (answers/write.EBUSY); /dev/fuse must be open to this user. --privileged wants `abispec.disposable` on the kernel's
command line: `abispec vm` puts it there.
Exit codes: 0 conforms, 1 divergences, 2 could not run or compared nothing.")]
pub(crate) struct Args {
    /// How long
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = crate::args::duration)]
    time: Duration,
    /// Stop after this many calls
    #[arg(long, value_name = "N")]
    calls: Option<u64>,
    /// System calls and `group:NAME`s, separated by commas
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    syscalls: Vec<String>,
    /// Aim at these clauses: SYSCALL.ERRNO, a law, or a place
    #[arg(long, value_name = "RULES", value_delimiter = ',', conflicts_with = "syscalls")]
    rules: Vec<String>,
    /// File systems under the files, by default all that this machine has and may mount
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = places::file_system)]
    fs: Vec<FileSystem>,
    /// Make every call, with the rights of root: only on a machine that says it may be broken
    #[arg(long, conflicts_with_all = ["unprivileged", "emulator"])]
    privileged: bool,
    /// As root, go on as the user nobody
    #[arg(long)]
    unprivileged: bool,
    /// Where programs come from; the same seed gives the same programs
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Workers side by side, by default one for each processor
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    workers: Option<u16>,
    /// This run is the K-th of N that share a seed; each makes other programs
    #[arg(long, value_name = "K/N", value_parser = crate::args::shard)]
    shard: Option<Shard>,
    /// Test a user-mode emulator instead of the kernel: it runs the sandboxes
    #[arg(long, value_name = "PROGRAM")]
    emulator: Option<PathBuf>,
    /// Ways into the kernel, separated by commas
    #[arg(long, value_name = "ENTRY", value_delimiter = ',', default_value = "all", value_parser = ["64", "i386", "vdso", "all"])]
    entry: Vec<String>,
    /// Replay files that are run first
    #[arg(long, value_name = "DIR")]
    corpus: Option<PathBuf>,
    /// Where divergences are saved
    #[arg(long, value_name = "DIR", default_value = FINDINGS)]
    out: PathBuf,
    /// Also list the clauses that were not seen
    #[arg(long)]
    unseen: bool,
    /// Write how often each clause was seen, for `abispec list --coverage`
    #[arg(long, value_name = "FILE")]
    coverage: Option<PathBuf>,
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
            calls: self.calls,
            seed: self.seed,
            shard: self.shard.unwrap_or_default(),
            journal: self.journal.clone(),
            out: self.out.clone(),
            corpus: self.corpus.clone(),
        }
    }
}

/// Where divergences are saved if nothing else is said.
pub(super) const FINDINGS: &str = "abispec-findings";

/// What a run of the fuzzer is asked to do.
struct Job<'a> {
    time: Duration,
    calls: Option<u64>,
    syscalls: &'a [String],
    rules: &'a [String],
    file_systems: &'a [FileSystem],
    privileged: bool,
    seed: u64,
    workers: usize,
    shard: Shard,
    emulator: Option<&'a Path>,
    entries: &'a [Entry],
    corpus: Option<&'a Path>,
    out: &'a Path,
    journal: &'a Arc<Journal>,
    known: &'a Arc<Known>,
}

/// What `abispec run` may say of its fuzzing.
pub(super) struct Plain<'a> {
    /// How long.
    pub(super) time: Duration,
    /// With the rights of root and nothing denied.
    pub(super) privileged: bool,
    /// Where programs come from.
    pub(super) seed: Option<u64>,
    /// Which part of the seed's programs.
    pub(super) shard: Shard,
    /// Where to say what is done.
    pub(super) journal: &'a Arc<Journal>,
    /// What is known to differ.
    pub(super) known: &'a Arc<Known>,
}

/// Holds a specification against what real calls answer.
pub(super) fn engine(spec: &Spec, plain: &Plain<'_>, stop: Arc<AtomicBool>) -> Result<EngineResult, Failure> {
    if plain.privileged {
        places::permit_privileged()?;
    }
    let out = PathBuf::from(FINDINGS);
    let job = Job {
        time: plain.time,
        calls: None,
        syscalls: &[],
        rules: &[],
        file_systems: &[],
        privileged: plain.privileged,
        seed: plain.seed.unwrap_or_else(fresh_seed),
        workers: processors(),
        shard: plain.shard,
        emulator: None,
        entries: &Entry::ALL,
        corpus: None,
        out: &out,
        journal: plain.journal,
        known: plain.known,
    };
    Ok(hold(spec, &job, stop)?.0)
}

/// Runs the command.
pub(super) fn run(args: &Args, context: &Context, out: &mut dyn Write) -> Result<Exit, Failure> {
    context.lists("--unseen", args.unseen)?;
    let stop = interrupt::flag();
    let spec = context.spec()?;
    if args.privileged {
        places::permit_privileged()?;
    }
    if args.unprivileged {
        places::drop_privileges(&args.out)?;
    }
    let entries = entries(&args.entry);
    let known = Arc::new(known::read(args.known.as_deref())?);
    let journal = Arc::new(Journal::create(args.journal.as_deref())?);
    let job = Job {
        time: args.time,
        calls: args.calls,
        syscalls: &args.syscalls,
        rules: &args.rules,
        file_systems: &args.fs,
        privileged: args.privileged,
        seed: args.seed.unwrap_or_else(fresh_seed),
        workers: args.workers.map_or_else(processors, usize::from),
        shard: args.shard.unwrap_or_default(),
        emulator: args.emulator.as_deref(),
        entries: &entries,
        corpus: args.corpus.as_deref(),
        out: &args.out,
        journal: &journal,
        known: &known,
    };
    let (result, ran) = hold(&spec, &job, stop)?;
    if let (Some((resolved, outcome)), Some(file)) = (&ran, &args.coverage) {
        let text = told::coverage_json(resolved, outcome)?;
        std::fs::write(file, text).map_err(|error| {
            Failure::new("the coverage could not be written").at(file.display().to_string()).why(error.to_string())
        })?;
    }
    if let (Some((resolved, outcome)), true) = (&ran, args.unseen) {
        told::unseen(&spec, resolved, outcome, &job, context, out)?;
    }
    engine::write(&result, context, out)?;
    journal.close()?;
    Ok(engine::exit(&[result]))
}

fn processors() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// A seed that differs from run to run; it is printed, so that a run can be repeated.
pub(super) fn fresh_seed() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    now.as_nanos() as u64 & 0xffff_ffff
}

/// The entries that words name.
fn entries(words: &[String]) -> Vec<Entry> {
    let all = words.iter().any(|word| word == "all");
    Entry::ALL.into_iter().filter(|entry| all || words.iter().any(|word| word == entry.name())).collect()
}

type Ran = (Arc<Resolved>, Outcome);
/// Names of calls, and clauses where a run is aimed at some only.
type Focus = (Vec<String>, Option<BTreeSet<ClauseId>>);

/// The specification by the entry that programs take.
struct Ports {
    native: Arc<Resolved>,
    ia32: Option<Arc<Resolved>>,
}

impl Ports {
    fn new(spec: &Spec, environment: &Environment, entries: &[Entry]) -> Self {
        let resolve = |entry| Arc::new(abispec::resolve(spec, &environment.target_through(entry)));
        let wanted = entries.contains(&Entry::Ia32);
        Self { native: resolve(Entry::Native), ia32: wanted.then(|| resolve(Entry::Ia32)) }
    }

    fn of(&self, entry: Entry) -> Option<&Arc<Resolved>> {
        match entry {
            Entry::Native | Entry::Vdso => Some(&self.native),
            Entry::Ia32 => self.ia32.as_ref(),
        }
    }
}

fn hold(spec: &Spec, job: &Job<'_>, stop: Arc<AtomicBool>) -> Result<(EngineResult, Option<Ran>), Failure> {
    let start = Instant::now();
    let environment = Environment::of_this_machine()
        .map_err(|why| Failure::new("the running kernel is not known").why(why).help("is /proc mounted?"))?;
    let ports = Arc::new(Ports::new(spec, &environment, job.entries));
    let (chosen, rules) = focus(spec, &ports.native, ports.ia32.as_deref(), job)?;
    let (file_systems, absent) = places::available(job.file_systems, job.privileged, job.emulator)?;
    let habitats = Habitat::of_every_kind(&file_systems, job.privileged);
    let names: Vec<&str> = file_systems.iter().map(|file_system| file_system.name()).collect();
    let progress = Arc::new(Progress::default());
    let saved: Arc<Mutex<Vec<Finding>>> = Arc::default();
    let pending = Arc::new(Pending::below(job.out));
    let waiving = Arc::new(Waiving::new(job.known, &environment));
    let expected = waiving.programs(&ports, &chosen, &habitats, job)?;
    let (mut expected, mut first): (Vec<usize>, Vec<First>) = expected.into_iter().unzip();
    let left = programs_to_run_first(&ports, job.corpus, &pending)?;
    let elsewhere = places::elsewhere(&habitats, left.iter().map(|first| first.habitat));
    let earlier = left.len();
    first.extend(left);
    let head = told::head(spec, &environment, job);
    let options = Options {
        time: Some(job.time),
        calls: job.calls,
        seed: job.seed,
        workers: job.workers,
        shard: job.shard,
        emulator: job.emulator.map(Path::to_owned),
        entries: Entries {
            native: job.entries.contains(&Entry::Native),
            ia32: ports.ia32.clone(),
            vdso: job.entries.contains(&Entry::Vdso),
        },
        file_systems,
        privileged: job.privileged,
        rules,
        first,
        pending: Some(pending),
        stop,
        so_far: head
            .parts
            .first()
            .filter(|_| job.journal.is_wanted())
            .map(|part| so_far::telling(job.journal, part, &chosen)),
        report: Some(saver(spec, &ports, job, &environment.release_text, &waiving, &saved)),
        ..Options::default()
    };
    let wanted = |call: &Call| chosen.contains(&call.name);
    job.journal.write(|| Line::Begin(head));
    let done = AtomicBool::new(false);
    let outcome = thread::scope(|scope| {
        scope.spawn(|| show_progress(&progress, job.time, &done));
        let outcome = campaign::run(&ports.native, &wanted, options, &progress);
        done.store(true, Ordering::Relaxed);
        outcome
    });
    let outcome = match outcome {
        Ok(outcome) => outcome,
        Err(error) => {
            let mut result = EngineResult::skipped("fuzz", "every call", error.to_string());
            result.took = start.elapsed();
            job.journal.write(|| Line::End(journal::end(&result, 0)));
            return Ok((result, None));
        }
    };
    let mut result = EngineResult { name: "fuzz".into(), compared: outcome.calls, ..EngineResult::default() };
    result.origin = Some(journal::here());
    result.findings = std::mem::take(&mut *saved.lock().unwrap_or_else(PoisonError::into_inner));
    expected.truncate(outcome.first);
    for finding in waiving.about_the_list(&expected) {
        job.journal.finding(&finding);
        result.findings.push(finding);
    }
    result.findings.sort_by(|a, b| (&a.subject, &a.id, &a.spec).cmp(&(&b.subject, &b.id, &b.spec)));
    let resolved = outcome.resolved.clone();
    result.summary = told::summary(&resolved, &outcome, &environment, job, &chosen);
    result.summary.push(format!("file systems: {}", names.join(", ")));
    if earlier > 0 {
        result.summary.push(format!("{earlier} program(s) of earlier runs came first"));
    }
    if !waiving.met().is_empty() {
        let met = waiving.met();
        result.summary.push(format!("{} divergence(s) are known ({})", met.len(), told::subjects(&met)));
    }
    result.skipped = told::skipped(&outcome, &environment);
    result.skipped.extend(absent.into_iter().chain(elsewhere));
    result.took = start.elapsed();
    told::ending(&outcome, &result, &chosen, job);
    Ok((result, Some((resolved, outcome))))
}

fn earlier(replay: reproduce::Replay, left: Option<PathBuf>) -> First {
    let reproduce::Replay { program, law, habitat, entry, .. } = replay;
    First { program, law, habitat, entry, left, known: false }
}

/// The programs of a corpus, and what earlier runs suspected and did not settle.
fn programs_to_run_first(ports: &Ports, corpus: Option<&Path>, pending: &Pending) -> Result<Vec<First>, Failure> {
    let read = |text: &str| match ports.of(reproduce::entry(text)?) {
        Some(resolved) => reproduce::read(text, resolved).map(Some),
        // An entry that this run does not take.
        None => Ok(None),
    };
    let mut first = Vec::new();
    for (path, text) in pending.left() {
        // What this specification no longer names has nothing to be held against.
        if let Ok(Some(replay)) = read(&text) {
            first.push(earlier(replay, Some(path)));
        }
    }
    let Some(corpus) = corpus else { return Ok(first) };
    if !corpus.is_dir() {
        return Err(Failure::new("the corpus could not be read")
            .at(corpus.display().to_string())
            .help("--corpus takes a folder of replay files"));
    }
    for (path, text) in replay_files(corpus) {
        let replay = read(&text).map_err(|error| super::replay::mistake(&path, &text, &error))?;
        first.extend(replay.map(|replay| earlier(replay, None)));
    }
    Ok(first)
}

/// The calls that a job is about, and the clauses if it is aimed at some only.
fn focus(spec: &Spec, resolved: &Resolved, ia32: Option<&Resolved>, job: &Job<'_>) -> Result<Focus, Failure> {
    if job.rules.is_empty() {
        return Ok((choose(spec, resolved, ia32, job.syscalls)?, None));
    }
    let rules = rules::named(spec, resolved, job.rules)?;
    let laws = |clause: &Clause| resolved.laws.iter().find(|law| law.name == clause.syscall);
    let mut calls: Vec<String> = Vec::new();
    for clause in rules.iter().map(|rule| resolved.clause(*rule)) {
        match laws(clause).filter(|_| clause.kind == ClauseKind::Law) {
            Some(law) => calls.extend(law.lines().iter().map(|line| resolved.calls[line.call].name.clone())),
            None => calls.push(clause.syscall.clone()),
        }
    }
    calls.sort();
    calls.dedup();
    Ok((calls, Some(rules)))
}

/// Turns each divergence into a finding as soon as it is confirmed, and saves it.
fn saver(
    spec: &Spec,
    ports: &Arc<Ports>,
    job: &Job<'_>,
    kernel: &str,
    waiving: &Arc<Waiving>,
    saved: &Arc<Mutex<Vec<Finding>>>,
) -> Reporter {
    let (spec, ports, out, journal) = (spec.clone(), ports.clone(), job.out.to_owned(), job.journal.clone());
    let (kernel, waiving, saved) = (kernel.to_owned(), waiving.clone(), saved.clone());
    Arc::new(move |found| {
        let resolved = ports.of(found.key.entry).unwrap_or(&ports.native);
        let mut finding = findings::finding(&spec, resolved, found);
        if let Some(waived) = waiving.known(&finding) {
            return journal.write(|| Line::Known(Box::new(waived)));
        }
        if let Err(error) = findings::save(&out, resolved, found, &kernel, &mut finding) {
            // The finding itself is reported all the same, with its program.
            finding.trace.push(format!("(not saved below {}: {error})", out.display()));
        }
        journal.finding(&finding);
        saved.lock().unwrap_or_else(PoisonError::into_inner).push(finding);
    })
}

fn show_progress(progress: &Progress, time: Duration, done: &AtomicBool) {
    let terminal = io::stderr().is_terminal();
    let bar = ProgressBar::with_draw_target(
        Some(time.as_millis() as u64),
        if terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() },
    );
    if let Ok(style) = ProgressStyle::with_template("fuzz   [{bar:30}] {elapsed} {msg}") {
        bar.set_style(style.progress_chars("=> "));
    }
    let start = Instant::now();
    while !done.load(Ordering::Relaxed) {
        thread::sleep(Duration::from_millis(50));
        bar.set_position((start.elapsed().as_millis() as u64).min(time.as_millis() as u64));
        let (calls, findings) = (progress.calls.load(Ordering::Relaxed), progress.findings.load(Ordering::Relaxed));
        bar.set_message(format!("{} calls, {findings} divergences", grouped(calls)));
    }
    bar.finish_and_clear();
}
