use super::Check;
use super::bench::{Bench, Comparison, missing_header};
use crate::facts::{Claim, Position, Source, WitnessKind};
use abispec::finding::Severity;
use std::sync::Arc;

pub(super) const CHECK: Check = Check {
    id: "extra-constant",
    severity: Severity::Error,
    explanation: "\
Looks up every member of a set in the installed headers, where the set's header is installed and the member's `since` and
`until` say that this release has it.

A member that no header defines is a flag that nobody can use: the name is misspelt, `since:` is too early, or the kernel
dropped it. Members that never were in the headers, because only the C library or the kernel itself names them, carry
`internal: true` and are not looked up.

What to do: correct the name or the releases, or mark the member `internal: true` if it belongs to no header.",
    run,
};

fn run(bench: &mut Bench<'_>) {
    let (spec, facts) = (bench.spec, bench.facts);
    if !bench.is(WitnessKind::Headers) {
        return;
    }
    for set in spec.sets.values() {
        for member in set.members.iter().filter(|member| !member.internal) {
            if bench.is_foreign(member) {
                continue;
            }
            let name = &member.name.value;
            let subject = format!("{}.{name}", set.name.value);
            let Some(header) = &set.header else {
                bench.silent(subject, "the set names no header");
                continue;
            };
            if !facts.has_header(&header.value) {
                bench.silent(subject, missing_header(facts, &header.value));
                continue;
            }
            match bench.has(member.span) {
                Some(true) => {}
                Some(false) => continue,
                None => {
                    bench.silent(subject, "the headers do not say of which release they are");
                    continue;
                }
            }
            if let Some(reason) = facts.why_silent(name) {
                bench.silent(subject, reason);
                continue;
            }
            let claim = facts.constant(name, Some(&header.value));
            let found = facts.constants.contains_key(name);
            let source = match claim {
                Claim::Says { source, .. } => source,
                Claim::Silent { .. } => {
                    let own = facts.headers.get(&header.value).and_then(|files| files.iter().find(|file| file.ends_with(&format!("/{}", header.value))));
                    Source { file: own.cloned().unwrap_or_else(|| Arc::from(header.value.as_str())), at: Position::Whole }
                }
            };
            let kernel = bench.kernel();
            bench.compare(Comparison {
                subject,
                at: member.name.at,
                source: &source,
                expected: format!("{name} is a constant of {kernel}"),
                actual: if found { format!("{name} is defined") } else { format!("no header defines {name}") },
                equal: found,
                help: format!("check the name and `since:` of `{name}`, or mark it `internal: true`"),
            });
        }
    }
}
