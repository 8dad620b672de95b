use super::Check;
use super::bench::{Bench, page_of};
use crate::facts::WitnessKind;
use abispec::finding::Severity;

pub(super) const CHECK: Check = Check {
    id: "man-argument-count",
    severity: Severity::Warning,
    explanation: "\
Compares how many parameters a call has with what its man page declares.

Pages declare the C library's functions, and where there is none the call itself, `syscall(SYS_x, ...)`. A function that
takes a list of any length is not compared, nor one of which the page says that the system call differs from it. Names and
types are not compared at all: those of the library are its own.

Who makes the call without the library goes by the page. A parameter that it does not mention is a register with a random
value.

What to do: correct `params:`, or, if the page declares a function that differs from the call without saying so, record the
difference with a reason (see `abispec check --known`).",
    run,
};

fn run(bench: &mut Bench<'_>) {
    let facts = bench.facts;
    if !bench.is(WitnessKind::Man) {
        return;
    }
    for (call, page) in bench.described() {
        let name = &call.name.value;
        let other = page_of(call).and_then(|page| facts.prototypes.get(page));
        let Some(fact) = facts.prototypes.get(name).or(other) else {
            bench.silent(name, facts.why_silent(page).unwrap_or("the page does not declare it"));
            continue;
        };
        bench.compare_counts(call, fact, "correct `params:`, or record that the page declares the C library's function");
    }
}
