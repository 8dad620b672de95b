use super::Check;
use super::bench::{Bench, Comparison};
use crate::facts::WitnessKind;
use abispec::arch::{Arch, DataModel};
use abispec::finding::Severity;

pub(super) const CHECK: Check = Check {
    id: "syscall-number",
    severity: Severity::Error,
    explanation: "\
Compares the number of every system call with `__NR_name` in the port's asm/unistd.h, and with the tables of a kernel's
source tree from which that header is made, for every port.

The number is the call: it is compiled into every program, and the kernel looks at nothing else. Each port has its own
numbers, except the newer ones, which share one table (`generic` in the specification).

What to do: correct `nr:` of the call for this port, or, if the port has the call and the specification does not say so,
add the number. A number that changed in the headers breaks every program.",
    run,
};

fn run(bench: &mut Bench<'_>) {
    let (spec, facts) = (bench.spec, bench.facts);
    if ![WitnessKind::Headers, WitnessKind::Tree, WitnessKind::Import].iter().any(|kind| bench.is(*kind)) {
        return;
    }
    for (name, call) in &spec.syscalls {
        if facts.numbers.is_empty() {
            bench.silent(name, "there is no asm/unistd.h and no table for this port");
            continue;
        }
        // A call that the port should have and does not is for `extra-syscall`.
        let Some(fact) = facts.numbers.get(name) else { continue };
        let expected = call.number(facts.arch);
        // A port that the specification leaves out may serve the name by another function, with other types. Tables name
        // the function; headers do not, and there the ports without such calls are x86_64 and the newer ones of 64 bits.
        if expected.is_none() {
            let plain = facts.arch == Arch::X86_64 || facts.arch.uses_generic_table() && facts.data_model() == DataModel::Lp64;
            let blind = bench.is(WitnessKind::Import) || bench.is(WitnessKind::Headers) && !plain;
            if blind {
                bench.silent(name, "the specification leaves the port out, and the witness does not say which function serves the call");
                continue;
            }
            if !bench.serves(call) {
                continue;
            }
        }
        bench.compare(Comparison {
            subject: name.clone(),
            at: expected.map_or(call.name.at, |number| number.at),
            source: &fact.source,
            expected: expected
                .map_or_else(|| format!("{} lacks the call", facts.arch), |number| format!("number {}", number.value)),
            actual: format!("number {}", fact.value),
            equal: expected.is_some_and(|number| number.value == fact.value),
            help: format!("set `{}: {}` under `nr:`", facts.arch, fact.value),
        });
    }
}
