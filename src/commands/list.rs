//! `abispec list`.

mod laws;

use crate::args::{Format, TargetArgs};
use crate::context::Context;
use crate::evidence;
use crate::exit::Exit;
use crate::failure::Failure;
use abispec::expr::Expr;
use abispec::model::{Spec, Syscall};
use abispec::target::{ClauseId, ClauseKind, Resolved};
use abispec_fuzzer::coverage::{Executable, executable};
use serde_json::json;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

/// Options of `abispec list`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  abispec list                              every system call, for the running kernel
  abispec list --kernel 5.10 --arch arm64   as an older kernel on another port has it
  abispec list pipe                         calls, groups and laws whose name contains `pipe`
  abispec list --coverage seen.json         with what a fuzzer's run has exercised

A clause is an error rule, an ensures, an effect, the type of the result, an unknown-bit policy, or a law. It is executable
where its condition can be true or false here; the last lines say why the others are not.")]
pub(crate) struct Args {
    /// Only calls whose name or group, and laws whose name, contains this text
    name: Option<String>,
    /// What a fuzzer's run has exercised
    #[arg(long, value_name = "FILE")]
    coverage: Option<PathBuf>,
    #[command(flatten)]
    target: TargetArgs,
}

/// The numbers of one call, or of all.
#[derive(Clone, Debug, Default)]
struct Row {
    clauses: usize,
    executable: usize,
    exercised: Option<usize>,
    rules: usize,
    always: usize,
    idle: BTreeMap<String, usize>,
}

impl Row {
    fn add(&mut self, other: &Self) {
        self.clauses += other.clauses;
        self.executable += other.executable;
        self.exercised = match (self.exercised, other.exercised) {
            (Some(a), Some(b)) => Some(a + b),
            (a, b) => a.or(b),
        };
        self.rules += other.rules;
        self.always += other.always;
        for (reason, count) in &other.idle {
            *self.idle.entry(reason.clone()).or_default() += count;
        }
    }

    /// Percent of the error rules that have a condition.
    fn conditional(&self) -> usize {
        ((self.rules - self.always) * 100).checked_div(self.rules).unwrap_or(100)
    }

    fn json(&self) -> serde_json::Value {
        json!({
            "clauses": self.clauses, "executable": self.executable, "exercised": self.exercised, "rules": self.rules,
            "may_true": self.always, "not_executable": self.idle,
        })
    }
}

/// Runs the command.
pub(super) fn run(args: &Args, context: &Context, out: &mut dyn Write) -> Result<Exit, Failure> {
    let spec = context.spec()?;
    let target = args.target.target()?;
    let resolved = abispec::resolve(&spec, &target);
    let coverage = args.coverage.as_deref().map(evidence::read).transpose()?;
    let judged = Judged {
        executable: executable(&resolved, &[]),
        seen: coverage.as_ref().map(|coverage| coverage.counts(&resolved)),
        resolved: &resolved,
    };
    let wanted = |call: &Syscall| args.name.as_ref().is_none_or(|text| call.is_about(text));
    let mut total = Row::default();
    let mut rows = Vec::new();
    for call in spec.syscalls.values().filter(|call| wanted(call)) {
        let row = judged.row(call);
        total.add(&row);
        rows.push((call, row));
    }
    let named = |name: &str| args.name.as_ref().is_none_or(|text| name.contains(text.as_str()));
    let laws: Vec<_> = spec.laws.values().filter(|law| named(&law.name.value)).map(|law| judged.law(law)).collect();
    laws.iter().for_each(|law| total.add(&law.row()));
    if rows.is_empty() && laws.is_empty() {
        let name = args.name.as_deref().unwrap_or_default();
        return Err(
            Failure::new(format!("no system call, group or law contains `{name}`")).help("`abispec list` shows all")
        );
    }
    match context.format {
        Format::Human => human(&rows, &laws, &total, &spec, &resolved, out)?,
        Format::Json => {
            for (call, row) in &rows {
                let mut line = row.json();
                line["syscall"] = json!(call.name.value);
                line["nr"] = json!(call.number(target.arch).map(|nr| nr.value));
                line["groups"] = json!(call.groups);
                line["summary"] = json!(call.summary);
                writeln!(out, "{line}")?;
            }
            for law in &laws {
                writeln!(out, "{}", law.json())?;
            }
            let mut line = total.json();
            line["total"] = json!(rows.len());
            line["laws"] = json!(laws.len());
            line["kernel"] = json!(target.release.to_string());
            line["arch"] = json!(target.arch.name());
            writeln!(out, "{line}")?;
        }
    }
    Ok(Exit::Conforms)
}

/// Every clause with what is known of it.
struct Judged<'a> {
    resolved: &'a Resolved,
    executable: Vec<Executable>,
    seen: Option<BTreeMap<ClauseId, u64>>,
}

impl Judged<'_> {
    fn row(&self, call: &Syscall) -> Row {
        let mut row = Row { exercised: self.seen.as_ref().map(|_| 0), ..Row::default() };
        let contracts = || std::iter::once(&call.contract).chain(call.commands.iter().map(|command| &command.contract));
        for rule in contracts().flat_map(|contract| &contract.errors) {
            row.rules += 1;
            row.always += usize::from(!rule.duty && rule.condition.value == Expr::Bool(true));
        }
        for (index, clause) in self.resolved.clauses.iter().enumerate() {
            if clause.syscall != call.name.value {
                continue;
            }
            row.clauses += 1;
            match &self.executable[index] {
                Executable::Yes => {
                    row.executable += 1;
                    let id = ClauseId(u32::try_from(index).unwrap_or(u32::MAX));
                    let seen = self.seen.as_ref().is_some_and(|seen| seen.contains_key(&id));
                    row.exercised = row.exercised.map(|count| count + usize::from(seen));
                }
                Executable::No(why) => *row.idle.entry(why.clone()).or_default() += 1,
            }
        }
        let written: usize = contracts().map(|c| c.errors.len() + c.ensures.len() + c.effects.len()).sum();
        let kinds = [ClauseKind::When, ClauseKind::May, ClauseKind::Ensures, ClauseKind::Effect];
        let here = self
            .resolved
            .clauses
            .iter()
            .filter(|clause| clause.syscall == call.name.value && !clause.implied && kinds.contains(&clause.kind));
        let elsewhere = written.saturating_sub(here.count());
        if elsewhere > 0 {
            row.clauses += elsewhere;
            *row.idle.entry("for another kernel or port".to_owned()).or_default() += elsewhere;
        }
        row
    }
}

fn human(
    rows: &[(&Syscall, Row)],
    laws: &[laws::Line<'_>],
    total: &Row,
    spec: &Spec,
    resolved: &Resolved,
    out: &mut dyn Write,
) -> std::io::Result<()> {
    let bold = anstyle::Style::new().bold();
    let dim = anstyle::Style::new().dimmed();
    let width = spec.syscalls.keys().map(String::len).max().unwrap_or(0).max("system call".len());
    let exercised = |row: &Row| row.exercised.map_or_else(|| "-".to_owned(), |count| count.to_string());
    writeln!(
        out,
        "{bold}{:<width$}   nr  clauses  executable  exercised  error rules  may: true{bold:#}",
        "system call"
    )?;
    for (call, row) in rows {
        let nr = match resolved.call(&call.name.value) {
            Some(found) => found.nr.to_string(),
            None => "-".to_owned(),
        };
        writeln!(
            out,
            "{:<width$} {nr:>4}  {:>7}  {:>10}  {:>9}  {:>11}  {:>9}",
            call.name.value,
            row.clauses,
            row.executable,
            exercised(row),
            row.rules,
            row.always
        )?;
    }
    if !laws.is_empty() {
        laws::human(laws, out)?;
        writeln!(out)?;
    }
    let title = if laws.is_empty() {
        format!("{} calls", rows.len())
    } else {
        format!("{} calls, {} laws", rows.len(), laws.len())
    };
    writeln!(
        out,
        "{bold}{:<width$}       {:>7}  {:>10}  {:>9}  {:>11}  {:>9}{bold:#}",
        title,
        total.clauses,
        total.executable,
        exercised(total),
        total.rules,
        total.always
    )?;
    let target = &resolved.target;
    writeln!(
        out,
        "{dim}Linux {} on {}; {} % of the error rules have a condition",
        target.release,
        target.arch,
        total.conditional()
    )?;
    let idle: usize = total.idle.values().sum();
    writeln!(out, "{idle} clauses are not executable:")?;
    let mut reasons: Vec<_> = total.idle.iter().collect();
    reasons.sort_by_key(|(reason, count)| (std::cmp::Reverse(**count), reason.as_str()));
    for (reason, count) in reasons {
        writeln!(out, "  {count:>4}  {reason}")?;
    }
    write!(out, "{dim:#}")
}
