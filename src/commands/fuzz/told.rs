//! What a run of the fuzzer says of itself: in its summary, in lists, in files.

use super::{Job, focus};
use crate::args::Format;
use crate::context::Context;
use crate::engine::{EngineResult, Skipped};
use crate::failure::Failure;
use crate::journal;
use abispec::evidence::{ClauseKey, Evidence};
use abispec::journal::{Head, Line, Part, Seen, Waived};
use abispec::model::Spec;
use abispec::report::{Origin, grouped};
use abispec::target::{Clause, ClauseId, ClauseKind, Resolved};
use abispec_fuzzer::campaign::{Outcome, SideOutcome};
use abispec_fuzzer::coverage::{self, Coverage, Executable};
use abispec_fuzzer::environment::Environment;
use abispec_fuzzer::exec::Entry;
use abispec_fuzzer::scope;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

/// How the run begins in its journal.
pub(super) fn head(spec: &Spec, environment: &Environment, job: &Job<'_>) -> Head {
    let list = |name: &str, words: Vec<String>| (!words.is_empty()).then(|| format!("{name}={}", words.join(",")));
    let options = [
        list("syscalls", job.syscalls.to_vec()),
        list("rules", job.rules.to_vec()),
        list("fs", job.file_systems.iter().map(|one| one.name().to_owned()).collect()),
        list("entry", job.entries.iter().map(|entry| entry.name().to_owned()).collect()),
        list("emulator", job.emulator.iter().map(|path| path.display().to_string()).collect()),
        list("calls", job.calls.iter().map(u64::to_string).collect()),
        job.privileged.then(|| "privileged".to_owned()),
        Some(format!("workers={}", job.workers)),
    ];
    let part = Part {
        options: options.into_iter().flatten().collect::<Vec<_>>().join(" "),
        seed: Some(job.seed),
        shards: vec![job.shard.number],
        of: job.shard.of,
        broken: Vec::new(),
    };
    let arch = abispec::arch::Arch::NATIVE.name().to_owned();
    let origin = Origin { kernel: environment.release_text.clone(), arch, started: journal::now() };
    journal::head("fuzz", &origin, spec, part)
}

/// What known divergences are about, each once.
pub(super) fn subjects(met: &[Waived]) -> String {
    let subjects: BTreeSet<&str> = met.iter().map(|one| one.finding.subject.as_str()).collect();
    subjects.into_iter().collect::<Vec<_>>().join(", ")
}

/// Writes what the run has tried and how it ended.
pub(super) fn ending(outcome: &Outcome, result: &EngineResult, chosen: &[String], job: &Job<'_>) {
    let seen = |entry: Entry, resolved: &Resolved, judged: &[Executable], seen: &Coverage, chosen: &[String]| {
        let missed = |(index, clause): &(usize, &Clause)| {
            judged[*index] == Executable::Yes
                && seen.count(coverage::id(*index)) == 0
                && concerns(resolved, clause, chosen)
        };
        job.journal.write(|| {
            let unseen = resolved.clauses.iter().enumerate().filter(missed);
            let unseen = unseen.map(|(_, clause)| ClauseKey::of(clause)).collect();
            let evidence = Evidence::new(resolved, |clause: ClauseId| seen.count(clause));
            Line::Coverage(Seen { entry: entry.name().to_owned(), evidence, unseen })
        });
    };
    // The first of the entries is the port's own, unless only another one was wanted.
    let first = job.entries.first().copied().unwrap_or_default();
    seen(first, &outcome.resolved, &outcome.executable, &outcome.coverage, chosen);
    for side in &outcome.others {
        let tried: Vec<String> = side.system_calls.iter().cloned().collect();
        seen(side.entry, &side.resolved, &side.executable, &side.coverage, &tried);
    }
    job.journal.write(|| Line::End(journal::end(result, outcome.programs)));
}

pub(super) fn summary(
    resolved: &Resolved,
    outcome: &Outcome,
    environment: &Environment,
    job: &Job<'_>,
    chosen: &[String],
) -> Vec<String> {
    let rate = outcome.calls as f64 / outcome.elapsed.as_secs_f64().max(0.001);
    // What this port lacks is of another entry's.
    let permitted = |name: &str| resolved.call(name).is_none_or(|call| scope::permits(resolved, call));
    let calls = chosen.iter().filter(|name| job.privileged || permitted(name)).count();
    let focused = |clause: &Clause| concerns(resolved, clause, chosen);
    let totals = |wanted: &dyn Fn(&Clause) -> bool| {
        let totals = coverage::totals(resolved, &outcome.executable, &outcome.coverage, |clause| {
            focused(clause) && wanted(clause)
        });
        let percent =
            if totals.executable == 0 { 100.0 } else { 100.0 * totals.seen as f64 / totals.executable as f64 };
        format!("{} of {} executable ({percent:.1} %), of {} in all", totals.seen, totals.executable, totals.clauses)
    };
    let mut lines = vec![
        format!(
            "{} calls ({:.0} calls/s) in {} programs of {calls} system calls, {} workers, kernel {}",
            grouped(outcome.calls),
            rate,
            grouped(outcome.programs),
            job.workers,
            environment.release_text,
        ),
        format!("error rules seen: {}", totals(&|clause| coverage::is_rule(clause.kind))),
        format!("all clauses seen: {}", totals(&|_| true)),
        format!("laws seen: {}", totals(&|clause| clause.kind == ClauseKind::Law)),
    ];
    lines.extend(outcome.others.iter().map(entry_line));
    lines.push(format!("seed {}; `--seed {}` makes the same programs", job.seed, job.seed));
    lines
}

/// What came of an entry beside the first.
fn entry_line(side: &SideOutcome) -> String {
    let tried: Vec<String> = side.system_calls.iter().cloned().collect();
    let totals = coverage::totals(&side.resolved, &side.executable, &side.coverage, |clause| {
        tried.contains(&clause.syscall) && coverage::is_rule(clause.kind)
    });
    format!(
        "of these through the {} entry: {} calls of {} system calls, error rules seen {} of {} executable",
        side.entry.name(),
        grouped(side.calls),
        tried.len(),
        totals.seen,
        totals.executable,
    )
}

/// Whether a clause is one of the chosen calls, or a law that makes one of them.
pub(super) fn concerns(resolved: &Resolved, clause: &Clause, chosen: &[String]) -> bool {
    match clause.kind {
        ClauseKind::Law => resolved
            .laws
            .iter()
            .filter(|law| law.name == clause.syscall)
            .any(|law| law.lines().iter().any(|line| chosen.contains(&resolved.calls[line.call].name))),
        _ => chosen.contains(&clause.syscall),
    }
}

pub(super) fn skipped(outcome: &Outcome, environment: &Environment) -> Vec<Skipped> {
    let mut skipped = Vec::new();
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    for verdict in &outcome.executable {
        if let Executable::No(why) = verdict {
            *reasons.entry(why).or_default() += 1;
        }
    }
    for (why, count) in reasons {
        skipped.push(Skipped { what: format!("{count} clause(s)"), why: why.to_owned() });
    }
    if environment.config.is_none() {
        let why = "the kernel's configuration cannot be read; what depends on it is unknown".to_owned();
        skipped.push(Skipped { what: "configuration".to_owned(), why });
    }
    for (key, like) in &outcome.dismissed {
        let why = format!(
            "{} was suspected {} time(s) ({}; {}) and did not show itself again in a fresh sandbox",
            key.id, like.times, like.suspicion.verdict.expected, like.suspicion.verdict.actual
        );
        skipped.push(Skipped { what: key.syscall.clone(), why });
    }
    for absent in &outcome.absent {
        skipped.push(Skipped { what: absent.what.clone(), why: absent.why.clone() });
    }
    for error in &outcome.errors {
        skipped.push(Skipped { what: "a worker's time".to_owned(), why: error.clone() });
    }
    skipped
}

pub(super) fn unseen(
    spec: &Spec,
    resolved: &Resolved,
    outcome: &Outcome,
    job: &Job<'_>,
    context: &Context,
    out: &mut dyn Write,
) -> io::Result<()> {
    let ia32 = outcome.others.iter().find(|side| side.entry == Entry::Ia32).map(|side| &*side.resolved);
    let (chosen, rules) = focus(spec, resolved, ia32, job).unwrap_or_default();
    let rules = rules.unwrap_or_default();
    for (index, clause) in resolved.clauses.iter().enumerate() {
        let count = outcome.coverage.count(coverage::id(index));
        let aside = !rules.is_empty() && !rules.contains(&coverage::id(index));
        if aside || count > 0 || outcome.executable[index] != Executable::Yes || !concerns(resolved, clause, &chosen) {
            continue;
        }
        let place = spec.place(clause.at);
        let what = clause.errno.map_or("", |errno| errno.name());
        if context.format == Format::Json {
            let line = serde_json::json!({"unseen": clause.text, "syscall": clause.syscall, "errno": what, "place": place.to_string()});
            writeln!(out, "{line}")?;
        } else {
            writeln!(out, "unseen {} {what} `{}`  {place}", clause.syscall, clause.text)?;
        }
    }
    Ok(())
}

/// How often each clause was seen, for `abispec list --coverage`.
pub(super) fn coverage_json(resolved: &Resolved, outcome: &Outcome) -> Result<String, Failure> {
    let evidence = Evidence::new(resolved, |clause| outcome.coverage.count(clause));
    let text = serde_json::to_string(&evidence)
        .map_err(|error| Failure::new("the coverage could not be written").why(error.to_string()))?;
    Ok(text + "\n")
}
