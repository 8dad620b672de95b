//! The report of a trace.

use super::Prepared;
use crate::engine::{EngineResult, Skipped};
use abispec::report::grouped;
use abispec_fuzzer::coverage;
use abispec_fuzzer::trace::checker::Checker;
use abispec_fuzzer::trace::findings;
use abispec_fuzzer::trace::follow::ProgramEnd;
use abispec_fuzzer::trace::tally::Tally;
use abispec_fuzzer::trace::witness::Witness;

/// Lines of a list that are shown.
const SHOWN: usize = 40;

/// What a trace brings back.
pub(super) fn result<W: Witness>(
    checker: &Checker<'_, W>,
    prepared: &Prepared<'_>,
    end: Option<ProgramEnd>,
    every_call: bool,
) -> EngineResult {
    let (tally, book) = (&checker.tally, checker.book());
    let mut result = EngineResult { name: "trace".into(), compared: tally.judged, ..EngineResult::default() };
    result.findings = checker.found().map(|found| findings::finding(prepared.spec, book, found)).collect();
    result.findings.sort_by(|a, b| (&a.subject, &a.id, &a.spec).cmp(&(&b.subject, &b.id, &b.spec)));
    result.summary = summary(checker, prepared, end, every_call);
    result.skipped = skipped(tally, every_call);
    result
}

fn summary<W: Witness>(
    checker: &Checker<'_, W>,
    prepared: &Prepared<'_>,
    end: Option<ProgramEnd>,
    every_call: bool,
) -> Vec<String> {
    let (tally, resolved) = (&checker.tally, prepared.resolved);
    let names = checker.names();
    let end = match end {
        Some(ProgramEnd::Code(code)) => format!("the program ended with exit code {code}"),
        Some(ProgramEnd::Signal(signal)) => format!("the program was ended by signal {signal}"),
        Some(ProgramEnd::Running) => "the program goes on".to_owned(),
        None => "a recording was checked; no program ran".to_owned(),
    };
    let specified = |nr: &u32| resolved.calls.iter().any(|call| call.nr == *nr);
    let used = tally.calls.keys().filter(|nr| specified(nr)).count();
    let mut lines = vec![
        format!(
            "{} calls checked, of {used} system calls, in {} process(es) and {} more thread(s), kernel {}",
            grouped(tally.judged),
            tally.processes,
            tally.threads,
            prepared.release,
        ),
        end,
    ];
    let mut calls: Vec<(String, u64)> =
        tally.calls.iter().filter(|(nr, _)| specified(nr)).map(|(nr, call)| (names.name(*nr), call.count)).collect();
    calls.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.cmp(b)));
    lines.push(format!(
        "calls: {}",
        listed(calls.into_iter().map(|(name, count)| format!("{name} {}", grouped(count))))
    ));
    for (set, members) in tally.names(resolved) {
        if !members.is_empty() {
            lines.push(format!("{set}: {}", listed(members.into_iter())));
        }
    }
    let errors = tally.errors(resolved, &names);
    if !errors.is_empty() {
        let errors = errors.into_iter().map(|(name, errno, count)| format!("{name} {errno} {}", grouped(count)));
        lines.push(format!("errors: {}", listed(errors)));
    }
    let executable = coverage::executable(resolved, &[]);
    let totals = coverage::totals(resolved, &executable, &tally.coverage, |clause| coverage::is_rule(clause.kind));
    let all = coverage::totals(resolved, &executable, &tally.coverage, |_| true);
    lines.push(format!(
        "error rules seen: {} of {}; all clauses: {} of {}",
        totals.seen, totals.clauses, all.seen, all.clauses
    ));
    let lacking = tally.unspecified(resolved, &names);
    if every_call || !lacking.is_empty() {
        let total: u64 = lacking.iter().map(|(_, count)| count).sum();
        let list = listed(lacking.into_iter().map(|(name, count)| format!("{name} {}", grouped(count))));
        let which = if every_call { "" } else { " (of those that stop anyway)" };
        lines.push(format!("calls that the specification lacks{which}: {}: {list}", grouped(total)));
    }
    lines
}

fn listed(items: impl Iterator<Item = String>) -> String {
    let all: Vec<String> = items.collect();
    let more = all.len().saturating_sub(SHOWN);
    let shown: Vec<String> = all.into_iter().take(SHOWN).collect();
    if more > 0 { format!("{}, and {more} more", shown.join(", ")) } else { shown.join(", ") }
}

fn skipped(tally: &Tally, every_call: bool) -> Vec<Skipped> {
    let mut skipped = Vec::new();
    let mut skip = |what: String, why: &str| skipped.push(Skipped { what, why: why.to_owned() });
    if !every_call {
        skip("calls that the specification lacks".to_owned(), "they run at full speed; --every-call counts them");
    }
    if tally.foreign > 0 {
        skip(format!("{} call(s) of another ABI", tally.foreign), "their numbers mean other calls");
    }
    if tally.interrupted > 0 {
        skip(
            format!("{} call(s) that a signal cut short", tally.interrupted),
            "the kernel makes them again, and they are checked then, or answers EINTR after what can be seen of them",
        );
    }
    if tally.surprises > 0 {
        skip(
            format!("{} look(s) at a descriptor table that was another than thought", tally.surprises),
            "it was changed unseen",
        );
    }
    for ((call, id), count) in &tally.unsettled {
        let why = "what it rested on did not hold before and after the call";
        skip(format!("{count} suspicion(s) of {id} in {call}"), why);
    }
    skipped
}
