use super::Check;
use super::bench::{Bench, Comparison};
use crate::ctype::canonical;
use abispec::finding::Severity;
use abispec::model::Param;
use abispec::types::Type;

pub(super) const CHECK: Check = Check {
    id: "argument-type",
    severity: Severity::Error,
    explanation: "\
Compares the C type of each parameter with the running kernel's list of system calls (tracefs) and with its type information.

The C type decides what the kernel sees of a register: how many bits, and whether a negative number stays one. An `int`
that becomes `unsigned int` turns -1 into four billion. Spellings of one type are equal, and marks such as `__user` do
not count, since the kernel's lists do not keep them. What an unused pointer would point to does not count either. Typedefs are compared by name: `umode_t` is not `unsigned short`,
because the name says what the value is. Calls whose number of parameters differs are left to argument-count.

What to do: write the kernel's type under `c:`. If it differs between releases in spelling only, use the newest.",
    run,
};

fn run(bench: &mut Bench<'_>) {
    for (call, fact) in bench.prototypes() {
        if call.params.len() != fact.value.params.len() {
            continue;
        }
        for (param, seen) in call.params_on(bench.arch()).into_iter().zip(&fact.value.params) {
            let subject = format!("{}({})", call.name.value, param.name.value);
            match &seen.c_type {
                Ok(actual) => bench.compare(Comparison {
                    subject,
                    at: param.c.at,
                    source: &fact.source,
                    expected: param.c.value.clone(),
                    actual: actual.clone(),
                    equal: canonical(&param.c.value) == canonical(actual) || both_ignored(param, actual),
                    help: format!("write `c: {actual}`"),
                }),
                Err(_) => bench.silent(subject, "only the wrapper that takes every argument as a register is described"),
            }
        }
    }
}

/// Whether nobody looks at a parameter that is a pointer on both sides: what it would point to was named otherwise in some
/// releases, and is nothing.
fn both_ignored(param: &Param, actual: &str) -> bool {
    let pointer = |text: &str| text.trim_end().ends_with('*');
    matches!(param.ty.value, Type::Unused) && pointer(&param.c.value) && pointer(actual)
}
