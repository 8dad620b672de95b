use super::Check;
use super::bench::{Bench, Comparison, missing_header};
use crate::facts::{Claim, WitnessKind};
use abispec::finding::Severity;

pub(super) const CHECK: Check = Check {
    id: "constant-value",
    severity: Severity::Error,
    explanation: "\
Compares the value of every member of a flag set or enumeration with the constant of the same name in the installed
headers, and with enumeration constants in the running kernel's type information.

Programs are compiled with these numbers: one that changes breaks every binary that exists. Values are compared as bit
patterns of the constant's C type, so `1 << 31` and `0x80000000` are the same. Constants that exist as macros only are
not part of type information; that is counted as silent.

What to do: if the specification is wrong, set the member's `value`, or its value under `arch:` when only this port
differs. If the header is wrong, it is a break of the ABI: report it to the subsystem that changed it.",
    run,
};

fn run(bench: &mut Bench<'_>) {
    let (spec, facts) = (bench.spec, bench.facts);
    if [WitnessKind::Tracefs, WitnessKind::Symbols, WitnessKind::Tree].iter().any(|kind| bench.is(*kind)) {
        return;
    }
    for set in spec.sets.values() {
        let header = set.header.as_ref().map(|header| header.value.as_str());
        for member in set.members.iter().filter(|member| !member.internal) {
            let name = &member.name.value;
            let subject = format!("{}.{name}", set.name.value);
            let Some(expected) = bench.value_of(member) else {
                bench.silent(subject, "the witness does not say of which release it is");
                continue;
            };
            match facts.constant(name, header) {
                Claim::Says { value: fact, source } => {
                    let own = member.arch.get(&facts.arch);
                    bench.compare(Comparison {
                        subject,
                        at: own.unwrap_or(&member.value).at,
                        source: &source,
                        expected: format!("{expected} ({expected:#x})"),
                        actual: fact.value.to_string(),
                        equal: fact.value.same_bits(expected),
                        help: format!("set the value of `{name}` for {}, or report the header: a published constant never changes", facts.arch),
                    });
                }
                Claim::Silent { .. } if bench.is(WitnessKind::Btf) => bench.silent(subject, "type information holds enumerations, not macros"),
                Claim::Silent { reason: unknown } => {
                    // A constant that the kernel or the port does not have has nothing to be compared with.
                    if bench.has(member.span) == Some(false) || bench.is_foreign(member) {
                        continue;
                    }
                    let absent = header.filter(|header| !facts.has_header(header));
                    let reason = absent.map(|header| missing_header(facts, header)).or_else(|| facts.why_silent(name).map(str::to_owned));
                    bench.silent(subject, reason.unwrap_or(unknown));
                }
            }
        }
    }
}
