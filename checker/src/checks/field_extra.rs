use super::Check;
use super::bench::{Bench, Comparison};
use crate::facts::WitnessKind;
use abispec::finding::Severity;

pub(super) const CHECK: Check = Check {
    id: "field-extra",
    severity: Severity::Error,
    explanation: "\
Looks up every field of a struct, where `since` says that this release has it, in the headers and in the running kernel's
type information.

A field that the other side does not have is misspelt, newer than its `since:` says, or was renamed. Conditions that name
it would look at bytes that mean something else.

What to do: correct the name or `since:`. If the kernel's own struct names its fields differently from the headers, give
the struct's `btf:` the tag of a type that agrees, or `none`.",
    run,
};

fn run(bench: &mut Bench<'_>) {
    // Bindings leave out what a program need not name.
    if bench.is(WitnessKind::Rust) {
        return;
    }
    for (described, _, fact) in bench.structs() {
        for field in &described.fields {
            let name = &field.name.value;
            let subject = format!("{}.{name}", described.name.value);
            match bench.has(field.span) {
                Some(true) => {}
                Some(false) => continue,
                None => {
                    bench.silent(subject, "the witness does not say of which release it is");
                    continue;
                }
            }
            let found = fact.value.field(name).is_some();
            bench.compare(Comparison {
                subject,
                at: field.name.at,
                source: &fact.source,
                expected: format!("a field {name}"),
                actual: format!("{} has {}", fact.value.c_name, if found { "it" } else { "no such field" }),
                equal: found,
                help: format!("check the name and `since:` of `{name}`"),
            });
        }
    }
}
