use super::Check;
use super::bench::{Bench, Comparison};
use crate::facts::WitnessKind;
use abispec::finding::Severity;

pub(super) const CHECK: Check = Check {
    id: "syscall-number",
    severity: Severity::Error,
    explanation: "\
Compares the number of every system call on the headers' port with `__NR_name` in asm/unistd.h.

The number is the call: it is compiled into every program, and the kernel looks at nothing else. Each port has its own
numbers, except the newer ones, which share one table (`generic` in the specification).

What to do: correct `nr:` of the call for this port, or, if the port has the call and the specification does not say so,
add the number. A number that changed in the headers breaks every program; a call that the headers do not have yet needs
a later `since:`.",
    run,
};

fn run(bench: &mut Bench<'_>) {
    let (spec, facts) = (bench.spec, bench.facts);
    if !bench.is(WitnessKind::Headers) {
        return;
    }
    for (name, call) in &spec.syscalls {
        if facts.numbers.is_empty() {
            bench.silent(name, "there is no asm/unistd.h for this port");
            continue;
        }
        let expected = call.number(facts.arch);
        let Some(fact) = facts.numbers.get(name) else {
            match (expected, bench.has(call.span)) {
                (None, _) | (_, Some(false)) => {}
                (Some(_), None) => bench.silent(name, "the headers do not say of which release they are"),
                (Some(number), Some(true)) => {
                    let source = facts.numbers.values().next().map(|any| any.source.clone());
                    let Some(source) = source else { continue };
                    bench.compare(Comparison {
                        subject: name.clone(),
                        at: number.at,
                        source: &crate::facts::Source { at: crate::facts::Position::Whole, ..source },
                        expected: format!("number {} on {}", number.value, facts.arch),
                        actual: format!("no __NR_{name}"),
                        equal: false,
                        help: "check the call's name and `since:`, or remove the number if the port lacks the call".to_owned(),
                    });
                }
            }
            continue;
        };
        bench.compare(Comparison {
            subject: name.clone(),
            at: expected.map_or(call.name.at, |number| number.at),
            source: &fact.source,
            expected: expected.map_or_else(|| format!("{} lacks the call", facts.arch), |number| format!("number {}", number.value)),
            actual: format!("number {}", fact.value),
            equal: expected.is_some_and(|number| number.value == fact.value),
            help: format!("set `{}: {}` under `nr:`", facts.arch, fact.value),
        });
    }
}
