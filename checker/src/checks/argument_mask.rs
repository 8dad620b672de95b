use super::Check;
use super::bench::{Bench, Comparison};
use crate::facts::WitnessKind;
use abispec::ctype::int_of;
use abispec::finding::Severity;
use abispec::types::{IntType, Type};

pub(super) const CHECK: Check = Check {
    id: "argument-mask",
    severity: Severity::Warning,
    explanation: "\
Compares the bits of a set that a parameter takes with the mask of permitted bits that an imported description states for
it, where one does: the kernel's own API specifications do.

A framework that checks arguments against such a mask refuses what lies outside, whatever the kernel's code does; and a bit
that only the mask has is one that the specification takes for undefined.

What to do: see in the kernel's source which bits are permitted. Add a bit with the first release that has it, or report the
mask to those who keep it. Bits that are ignored rather than refused belong to neither.",
    run,
};

fn run(bench: &mut Bench<'_>) {
    let (spec, facts) = (bench.spec, bench.facts);
    if !bench.is(WitnessKind::Import) || facts.masks.is_empty() {
        return;
    }
    for (name, call) in &spec.syscalls {
        for (index, param) in call.params.iter().enumerate() {
            let Some(mask) = facts.masks.get(&format!("{name}.{index}")) else { continue };
            let subject = format!("{name}({})", param.name.value);
            let Type::Flags { set: of, .. } = &param.ty.value else {
                bench.silent(subject, "the specification has no set of flags there");
                continue;
            };
            let Some(set) = bench.resolved.sets.get(of) else { continue };
            let (known, written) = (set.known, spec.sets.get(of));
            let dated = written.is_some_and(|set| set.members.iter().any(|member| bench.has(member.span).is_none()));
            // As many bits as the call looks at.
            let width = match int_of(&param.c.value) {
                Some(IntType::Fixed { bits, .. }) => u32::from(bits),
                Some(IntType::Long { .. }) => facts.data_model().word() * 8,
                None => 64,
            };
            let cut = (1_i128 << width.clamp(1, 64)) - 1;
            let (expected, actual) = (known & cut, i128::from(mask.value) & cut);
            if dated && expected != actual {
                bench.silent(subject, "the set differs between releases, and the description does not say of which it is");
                continue;
            }
            bench.compare(Comparison {
                subject,
                at: param.ty.at,
                source: &mask.source,
                expected: format!("{expected:#x}"),
                actual: match (expected & !actual, actual & !expected) {
                    (0, more) => format!("{actual:#x}, with {more:#x} too"),
                    (less, 0) => format!("{actual:#x}, without {less:#x}"),
                    (less, more) => format!("{actual:#x}, without {less:#x} and with {more:#x} too"),
                },
                equal: expected == actual,
                help: format!("compare `{of}` with what the kernel refuses"),
            });
        }
    }
}
