//! Laws in `abispec list`.

use super::Judged;
use abispec::law::Law;
use abispec::target::{ClauseId, ClauseKind};
use abispec_fuzzer::coverage::Executable;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::{self, Write};

/// One law.
pub(super) struct Line<'a> {
    pub(super) law: &'a Law,
    /// Why it cannot be tried here, if so.
    pub(super) idle: Option<String>,
    /// Whether a run has seen it hold.
    exercised: Option<bool>,
}

impl Judged<'_> {
    /// What is known of a law.
    pub(super) fn law<'a>(&self, law: &'a Law) -> Line<'a> {
        let own = |clause: &abispec::target::Clause| clause.kind == ClauseKind::Law && clause.syscall == law.name.value;
        let Some(index) = self.resolved.clauses.iter().position(own) else {
            return Line {
                law,
                idle: Some("for another kernel or port".to_owned()),
                exercised: self.seen.as_ref().map(|_| false),
            };
        };
        let idle = match &self.executable[index] {
            Executable::Yes => None,
            Executable::No(why) => Some(why.clone()),
        };
        let id = ClauseId(u32::try_from(index).unwrap_or(u32::MAX));
        Line { law, idle, exercised: self.seen.as_ref().map(|seen| seen.contains_key(&id)) }
    }
}

impl Line<'_> {
    /// The law as a row of the table: its one clause.
    pub(super) fn row(&self) -> super::Row {
        let mut row = super::Row { clauses: 1, executable: usize::from(self.idle.is_none()), ..super::Row::default() };
        row.exercised = self.exercised.map(usize::from);
        row.idle.extend(self.idle.iter().map(|why| (why.clone(), 1)));
        row
    }

    fn calls(&self) -> BTreeSet<&str> {
        self.law.lines().into_iter().map(|line| line.call.as_str()).collect()
    }

    /// The law for other programs.
    pub(super) fn json(&self) -> Value {
        let mut line = self.row().json();
        line["law"] = json!(self.law.name.value);
        line["calls"] = json!(self.calls());
        line["summary"] = json!(self.law.summary);
        line
    }
}

/// Writes a table of laws.
pub(super) fn human(lines: &[Line<'_>], out: &mut dyn Write) -> io::Result<()> {
    let bold = anstyle::Style::new().bold();
    let width = lines.iter().map(|line| line.law.name.value.len()).max().unwrap_or(0).max("law".len());
    writeln!(out, "\n{bold}{:<width$}  executable  exercised  calls{bold:#}", "law")?;
    for line in lines {
        let yes = |truth: bool| if truth { "yes" } else { "no" };
        let exercised = line.exercised.map_or("-", yes);
        let calls: Vec<&str> = line.calls().into_iter().collect();
        let name = &line.law.name.value;
        writeln!(out, "{name:<width$}  {:>10}  {exercised:>9}  {}", yes(line.idle.is_none()), calls.join(", "))?;
    }
    Ok(())
}
