//! `abispec coverage`.

mod evidence;
mod pairs;
mod table;

use crate::args::{Format, TargetArgs};
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use abispec::export::Reach;
use abispec::expr::Expr;
use abispec::model::{Extent, Spec, Syscall};
use abispec::target::{Clause, ClauseKind, Resolved};
use abispec_checker::files::Folder;
use abispec_checker::tree::Tree;
use abispec_fuzzer::coverage::{Executable, executable};
use abispec_fuzzer::habitat::Habitat;
use abispec_fuzzer::{exec, scope};
use evidence::Seen;
use pairs::{Counts, Pairs};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::PathBuf;

/// Options of `abispec coverage`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  abispec coverage                                     how much of each call is specified, and where it is tried
  abispec coverage --tree linux                        also the calls of the tree's table that no file describes
  abispec coverage --man /usr/share/man                also the errors that man pages name
  abispec coverage --seen a.json --seen b.json         also the rules that runs have met, by kernel
  abispec coverage --table --seen a.json > coverage.md as a table for a document

A rule is `when` (a duty), `may` with a condition, or `may: true`. Errors of pages are `single` (the page is about one call),
`marked` (the page names the call) or `shared` (the page is about several calls and does not say which). An error of a page
is decided if the call has a rule for it, if it is a known mistake of the page (ci/known), or, where the page is about
several calls, if another of them has the rule. What a run has seen, `abispec fuzz --coverage FILE` writes.")]
pub(crate) struct Args {
    /// Only calls whose name or group contains this text
    name: Option<String>,
    /// What a fuzzer's run has exercised; several files for several kernels
    #[arg(long, value_name = "FILE")]
    seen: Vec<PathBuf>,
    /// The errors that man pages name, as lines of `call errno page scope` with tabs between
    #[arg(long, value_name = "FILE")]
    pairs: Option<PathBuf>,
    /// The errors that man pages name, from a folder of pages
    #[arg(long, value_name = "DIR", conflicts_with = "pairs")]
    man: Option<PathBuf>,
    /// A kernel's source tree: which calls of its table have no file?
    #[arg(long, value_name = "DIR")]
    tree: Option<PathBuf>,
    /// Also list what is missing: errors of pages without a rule, and rules that no run has seen
    #[arg(long)]
    missing: bool,
    /// Write a table in Markdown
    #[arg(long)]
    table: bool,
    #[command(flatten)]
    target: TargetArgs,
}

/// Where a call is tried.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Tried {
    /// In the sandbox, on any machine.
    Host,
    /// Only in a machine of its own, for this reason.
    Machine(String),
    /// Nowhere, for this reason.
    Never(String),
}

impl Tried {
    fn of(call: &Syscall, resolved: &Resolved) -> Self {
        let never = call.scope.as_ref().filter(|scope| scope.value.extent == Extent::Never);
        if let Some(scope) = never {
            return Self::Never(scope.value.because.clone());
        }
        let arch = resolved.target.arch;
        match resolved.call(&call.name.value) {
            None => Self::Never("this kernel or port lacks it".to_owned()),
            Some(own) => match (scope::never(arch, own), scope::denied(arch, own)) {
                (Some(why), _) => Self::Never(why.to_owned()),
                (None, Some(why)) => Self::Machine(why.to_owned()),
                (None, None) => Self::Host,
            },
        }
    }

    fn word(&self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Machine(_) => "vm",
            Self::Never(_) => "no",
        }
    }

    fn reason(&self) -> Option<&str> {
        match self {
            Self::Host => None,
            Self::Machine(why) | Self::Never(why) => Some(why),
        }
    }
}

/// The numbers of one call, or of all.
#[derive(Clone, Debug, Default)]
struct Row {
    when: usize,
    conditional: usize,
    always: usize,
    /// Error rules of the target, implied ones too.
    here: usize,
    executable: usize,
    /// Executable rules that were seen on some kernel.
    seen: usize,
    /// Rules that were seen, by kernel.
    kernels: BTreeMap<String, usize>,
    flags: usize,
    fields: usize,
    pairs: Counts,
}

impl Row {
    fn rules(&self) -> usize {
        self.when + self.conditional + self.always
    }

    fn add(&mut self, other: &Self) {
        self.when += other.when;
        self.conditional += other.conditional;
        self.always += other.always;
        self.here += other.here;
        self.executable += other.executable;
        self.seen += other.seen;
        for (kernel, count) in &other.kernels {
            *self.kernels.entry(kernel.clone()).or_default() += count;
        }
        self.pairs.add(&other.pairs);
    }
}

/// Everything that is written.
struct Survey<'a> {
    rows: Vec<(&'a Syscall, Tried, Row)>,
    total: Row,
    /// Kernels with evidence, by release.
    kernels: Vec<String>,
    resolved: &'a Resolved,
    /// The calls of the tree's table, and those without a file.
    listed: Option<(usize, Vec<String>)>,
    /// Errors of pages that nothing decides: call, errno, page.
    undecided: Vec<(String, String, String)>,
    /// Executable rules that no run has seen.
    unseen: Vec<&'a Clause>,
    missing: bool,
    pages: bool,
}

/// Runs the command.
pub(super) fn run(args: &Args, context: &Context, out: &mut dyn Write) -> Result<Exit, Failure> {
    let spec = context.spec()?;
    let target = args.target.target()?;
    let resolved = abispec::resolve(&spec, &target);
    let seen = Seen::read(&args.seen, &spec)?;
    let pairs = Pairs::read(args.pairs.as_deref(), args.man.as_deref(), target.arch)?;
    let listed = args.tree.as_deref().map(|tree| listed(tree, &spec, target.arch)).transpose()?;
    let wanted = |call: &Syscall| args.name.as_ref().is_none_or(|text| call.is_about(text));
    let habitats = Habitat::of_every_kind(&exec::FileSystem::ALL, true);
    let judged = executable(&resolved, &habitats);
    let errnos = if pairs.asked() { abispec_checker::errnos::errnos(&spec, &resolved) } else { BTreeMap::new() };
    let decided = pairs.decide(&spec, &errnos)?;
    let mut survey = Survey {
        rows: Vec::new(),
        total: Row::default(),
        kernels: seen.kernels(),
        resolved: &resolved,
        listed,
        undecided: Vec::new(),
        unseen: Vec::new(),
        missing: args.missing,
        pages: pairs.asked(),
    };
    for call in spec.syscalls.values().filter(|call| wanted(call)) {
        let mut row = written(call, &spec);
        for (index, clause) in resolved.clauses.iter().enumerate().filter(|(_, clause)| is_rule_of(clause, call)) {
            let (possible, met) = (judged[index] == Executable::Yes, seen.anywhere(clause));
            row.here += 1;
            row.executable += usize::from(possible);
            row.seen += usize::from(possible && met);
            if possible && !met {
                survey.unseen.push(clause);
            }
        }
        row.kernels = seen.by_kernel(&call.name.value);
        row.pairs = decided.counts.get(&call.name.value).cloned().unwrap_or_default();
        survey.total.add(&row);
        survey.rows.push((call, Tried::of(call, &resolved), row));
    }
    if survey.rows.is_empty() {
        let name = args.name.as_deref().unwrap_or_default();
        return Err(Failure::new(format!("no system call or group contains `{name}`")).help("`abispec list` shows all"));
    }
    if args.name.is_none() {
        // Calls of pages that no file describes count too.
        survey.total.pairs = decided.total();
    }
    let named = |call: &str| args.name.is_none() || survey.rows.iter().any(|(own, ..)| own.name.value == call);
    survey.undecided = decided.undecided.into_iter().filter(|(call, ..)| named(call)).collect();
    // What all of them take together is no sum: calls share sets and structs.
    let calls: Vec<&Syscall> = survey.rows.iter().map(|(call, ..)| *call).collect();
    (survey.total.flags, survey.total.fields) = members(&calls, &spec);
    match (args.table, context.format) {
        (true, _) => table::markdown(&survey, out)?,
        (false, Format::Human) => table::human(&survey, out)?,
        (false, Format::Json) => table::json(&survey, out)?,
    }
    Ok(Exit::Conforms)
}

fn is_rule_of(clause: &Clause, call: &Syscall) -> bool {
    clause.syscall == call.name.value && matches!(clause.kind, ClauseKind::When | ClauseKind::May)
}

/// What the file of a call says, for whatever kernel.
fn written(call: &Syscall, spec: &Spec) -> Row {
    let mut row = Row::default();
    let commands = call.commands.iter().map(|command| &command.contract);
    for rule in std::iter::once(&call.contract).chain(commands).flat_map(|contract| &contract.errors) {
        match (rule.duty, &rule.condition.value) {
            (true, _) => row.when += 1,
            (false, Expr::Bool(true)) => row.always += 1,
            (false, _) => row.conditional += 1,
        }
    }
    (row.flags, row.fields) = members(&[call], spec);
    row
}

/// How many members of sets and fields of structs these calls take, those behind pointers too.
fn members(calls: &[&Syscall], spec: &Spec) -> (usize, usize) {
    let mut reach = Reach::default();
    calls.iter().for_each(|call| reach.call(spec, call));
    let flags = reach.sets.iter().filter_map(|name| spec.sets.get(*name)).map(|set| set.members.len()).sum();
    let fields = reach.structs.iter().filter_map(|name| spec.structs.get(*name)).map(|own| own.fields.len()).sum();
    (flags, fields)
}

/// How many calls the table of a tree has, and the names of those without a file.
fn listed(tree: &std::path::Path, spec: &Spec, arch: abispec::arch::Arch) -> Result<(usize, Vec<String>), Failure> {
    let files = Folder(tree.to_path_buf());
    let read = Tree::read(&files).map_err(|why| {
        Failure::new("the tree could not be read")
            .why(why)
            .help("--tree takes the top folder of a kernel's source, the one with Makefile, arch/ and include/")
    })?;
    let facts = read.facts(arch);
    let names: BTreeSet<&String> = facts.entries.keys().chain(facts.numbers.keys()).collect();
    let lacking = names.iter().filter(|name| !spec.syscalls.contains_key(**name)).map(|name| (*name).clone());
    Ok((names.len(), lacking.collect()))
}
