use super::Check;
use super::bench::{Bench, Comparison, bytes};
use abispec::finding::Severity;

pub(super) const CHECK: Check = Check {
    id: "field-size",
    severity: Severity::Error,
    explanation: "\
Compares how many bytes each field's type takes with the headers, laid out for the port's data model, and with the running
kernel's type information.

A field that grew into the padding after it leaves every offset and the size of the struct as they were, yet programs that
were compiled before leave its new half uninitialised. Fields whose type leaves the size open, such as an array that
another field counts, are not compared.

What to do: correct the field's `type:`, or restore its type in the header.",
    run,
};

fn run(bench: &mut Bench<'_>) {
    for pair in bench.fields() {
        if pair.size == 0 || pair.seen.size_bits == 0 {
            bench.silent(pair.subject(), "the size of the field is open");
            continue;
        }
        bench.compare(Comparison {
            subject: pair.subject(),
            at: pair.field.ty.at,
            source: pair.source,
            expected: format!("{} bytes", pair.size),
            actual: format!("{} has {} bytes", pair.seen.c_type, bytes(pair.seen.size_bits)),
            equal: u64::from(pair.size) * 8 == pair.seen.size_bits,
            help: "correct the field's `type:`, or restore its type in the header".to_owned(),
        });
    }
}
