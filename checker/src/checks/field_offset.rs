use super::Check;
use super::bench::{Bench, Comparison, bytes};
use abispec::finding::Severity;

pub(super) const CHECK: Check = Check {
    id: "field-offset",
    severity: Severity::Error,
    explanation: "\
Compares where each field lies with the headers, laid out for the port's data model, and with the running kernel's type
information.

The kernel and a program that was compiled with other headers agree on nothing but offsets. A field that moved is read
from the wrong place without any error. Fields of anonymous structs and unions count from the start of the outer struct.

What to do: correct `offset:` for this data model, or restore the order of fields in the header; new fields go to the end
or into room that was reserved for them.",
    run,
};

fn run(bench: &mut Bench<'_>) {
    for pair in bench.fields() {
        bench.compare(Comparison {
            subject: pair.subject(),
            at: pair.field.offset.at,
            source: pair.source,
            expected: format!("offset {}", pair.offset),
            actual: format!("offset {}", bytes(pair.seen.offset_bits)),
            equal: u64::from(pair.offset) * 8 == pair.seen.offset_bits,
            help: "correct `offset:`, or restore the order of fields in the header".to_owned(),
        });
    }
}
