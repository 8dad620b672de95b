use super::Between;
use super::pair::{Pair, Sides};
use crate::facts::WitnessKind;

pub(super) const BETWEEN: Between = Between {
    id: "call-number",
    explanation: "\
Compares the number of every system call between a kernel's source tree, its headers and bindings for Rust, for names that
both have.

The number is the call: a binding with a wrong one calls something else, and no compiler notices. Wrong numbers are most
often those of another port, or of a call that this port does not have.

What to do: report it to whoever maintains the side that differs from the kernel's table; the specification is not
concerned.",
    run,
};

fn run(pair: &mut Pair<'_>) {
    let fits = pair.are(WitnessKind::Tree, WitnessKind::Headers)
        || pair.are(WitnessKind::Tree, WitnessKind::Rust)
        || pair.are(WitnessKind::Headers, WitnessKind::Rust);
    if !fits {
        return;
    }
    let (first, second) = (pair.first, pair.second);
    for (name, own) in &first.numbers {
        let Some(other) = second.numbers.get(name) else { continue };
        pair.compare(Sides {
            subject: name.clone(),
            first: format!("number {}", own.value),
            first_at: &own.source,
            second: format!("number {}", other.value),
            second_at: &other.source,
            equal: own.value == other.value,
            help: "report the side that differs from the kernel's table of system calls",
        });
    }
}
