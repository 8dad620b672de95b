use super::Check;
use super::bench::{Bench, Comparison};
use crate::ctype::canonical;
use crate::facts::WitnessKind;
use abispec::finding::Severity;

pub(super) const CHECK: Check = Check {
    id: "field-type",
    severity: Severity::Error,
    explanation: "\
Compares the C type of each field that states one (`c:`) with the headers and with the running kernel's type information.

A field may change from signed to unsigned, or from a number to a pointer, without moving or growing; programs then read
its values differently. Spellings of one type are equal: `unsigned` and `unsigned int`, `__u32` and `u32`; marks such as
`__user` do not count. Fields without `c:` are compared by offset and size only.

What to do: correct the field's `c:`, or restore its type in the header.",
    run,
};

fn run(bench: &mut Bench<'_>) {
    // Bindings name types in Rust.
    if bench.is(WitnessKind::Rust) {
        return;
    }
    for pair in bench.fields() {
        let Some(c) = &pair.field.c else { continue };
        if pair.seen.c_type.is_empty() {
            bench.silent(pair.subject(), "the field's type is not stated");
            continue;
        }
        bench.compare(Comparison {
            subject: pair.subject(),
            at: c.at,
            source: pair.source,
            expected: c.value.clone(),
            actual: pair.seen.c_type.clone(),
            equal: canonical(&c.value) == canonical(&pair.seen.c_type),
            help: "correct the field's `c:`, or restore its type in the header".to_owned(),
        });
    }
}
