use super::Check;
use super::bench::{Bench, Comparison};
use crate::facts::{Position, Source, WitnessKind};
use abispec::finding::Severity;

pub(super) const CHECK: Check = Check {
    id: "extra-syscall",
    severity: Severity::Error,
    explanation: "\
Looks up every system call that the specification has a number for on a port, in the port's asm/unistd.h and in the tables
of a kernel's source tree, where `since` and `until` say that this release has it.

A call that has no number there cannot be made: the name is misspelt, `since:` is too early, the kernel dropped the call,
or the port never had it. Ports of 32 bits have other names for many calls: what is mmap elsewhere is mmap2 there.

What to do: check the call's name and its releases, or remove the number of the port that lacks the call.",
    run,
};

fn run(bench: &mut Bench<'_>) {
    let (spec, facts) = (bench.spec, bench.facts);
    if ![WitnessKind::Headers, WitnessKind::Tree, WitnessKind::Import].iter().any(|kind| bench.is(*kind)) {
        return;
    }
    // Without any number there is no list to miss a call in; `syscall-number` says so.
    let Some(any) = facts.numbers.values().next() else { return };
    for (name, call) in &spec.syscalls {
        let Some(number) = call.number(facts.arch) else { continue };
        let found = facts.numbers.get(name);
        match (found, bench.has(call.span)) {
            (None, Some(false)) => continue,
            (None, None) => {
                bench.silent(name, "the headers do not say of which release they are");
                continue;
            }
            (None, Some(true)) | (Some(_), _) => {}
        }
        if let (None, Some(reason)) = (found, facts.why_silent(name)) {
            bench.silent(name, reason);
            continue;
        }
        let whole = Source { at: Position::Whole, ..any.source.clone() };
        bench.compare(Comparison {
            subject: name.clone(),
            at: number.at,
            source: found.map_or(&whole, |found| &found.source),
            expected: format!("number {} on {}", number.value, facts.arch),
            actual: found.map_or_else(|| format!("no {name}"), |found| format!("number {}", found.value)),
            equal: found.is_some(),
            help: "check the call's name and `since:`, or remove the number if the port lacks the call".to_owned(),
        });
    }
}
