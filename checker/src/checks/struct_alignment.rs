use super::Check;
use crate::headers::largest_field_alignment;
use super::bench::{Bench, Comparison};
use abispec::finding::Severity;

pub(super) const CHECK: Check = Check {
    id: "struct-alignment",
    severity: Severity::Error,
    explanation: "\
Compares the alignment of every struct and union with the headers, laid out for the port's data model.

Alignment decides where a struct lies inside another one and in an array. It changes silently when a member's type or a
`packed` or `aligned` attribute does, and differs between ports: an 8-byte integer is aligned to 4 on i386. The kernel's
type information does not carry alignments, so that witness is silent.

What to do: correct `align:` for this data model, or restore the attribute in the header.",
    run,
};

/// Alignment of the widest integer where nothing limits it.
const WIDEST: u64 = 8;

fn run(bench: &mut Bench<'_>) {
    // Some ports of 32 bits align nothing by more than 4 or 2 bytes, unless an attribute demands it.
    let most = largest_field_alignment(bench.facts.arch);
    for (described, resolved, fact) in bench.structs().into_iter().filter(|(described, ..)| described.view.is_none()) {
        let Some(align) = fact.value.align else {
            bench.silent(&described.name.value, "type information does not carry alignments");
            continue;
        };
        let stated = u64::from(resolved.align);
        bench.compare(Comparison {
            subject: described.name.value.clone(),
            at: described.align.at,
            source: &fact.source,
            expected: format!("alignment {}", resolved.align),
            actual: format!("{} has alignment {align}", fact.value.c_name),
            equal: align == stated || stated <= WIDEST && align == stated.min(most),
            help: "correct `align:` for this data model, or restore the attribute in the header".to_owned(),
        });
    }
}
