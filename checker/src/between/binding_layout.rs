use super::Between;
use super::pair::{Difference, Pair, Sides};
use crate::facts::{Layout, WitnessKind};

pub(super) const BETWEEN: Between = Between {
    id: "binding-layout",
    explanation: "\
Compares every struct and union of a Rust crate with the one of the same tag in the kernel's headers, laid out for one port:
offset and size of the fields that both name, and the size of the whole. Fields that only keep room are left out. A struct
that has fields at its end which the other side does not have yet is silent, unless both are known to be of one release.
Structs that the C library defines for itself are silent with the reason.

The kernel reads and writes memory by its own layout: with a wrong one it overwrites what lies behind, or fills the wrong
field.

What to do: look at both places. Report the crate if the headers are right; the specification is not concerned.",
    run,
};

fn run(pair: &mut Pair<'_>) {
    if !pair.are(WitnessKind::Headers, WitnessKind::Rust) {
        return;
    }
    compare(pair, &[], "report the crate, unless the headers are of a release that changed the struct");
}

/// Compares the layouts that both have. Tags under which the second has something of `its own` are silent.
pub(super) fn compare(pair: &mut Pair<'_>, its_own: &[(&str, &str)], help: &'static str) {
    let (first, second) = (pair.first, pair.second);
    for (tag, found) in &second.layouts {
        let Some(known) = first.layouts.get(tag) else { continue };
        if let Some((_, reason)) = its_own.iter().find(|(own, _)| own == tag) {
            pair.silent(tag, *reason);
            continue;
        }
        for fact in found {
            if known.iter().all(|own| own.value.union != fact.value.union) {
                pair.silent(tag, "a struct on one side is a union on the other: they only share the name");
                continue;
            }
            let differences: Vec<Difference> = known.iter().map(|own| pair.difference(&own.value, &fact.value)).collect();
            if differences.iter().all(|found| matches!(found, Difference::Growth)) {
                pair.silent(tag, "it has grown, and both sides are not known to be of one release");
                continue;
            }
            let equal = differences.iter().any(|found| matches!(found, Difference::None | Difference::Growth));
            let (Some(own), Some(difference)) = (known.first(), differences.first()) else { continue };
            let (left, right) = match difference {
                Difference::Field(own, other) => (field(own), field(other)),
                Difference::None | Difference::Size | Difference::Growth => (size(&own.value), size(&fact.value)),
            };
            pair.compare(Sides {
                subject: tag.clone(),
                first: left,
                first_at: &own.source,
                second: right,
                second_at: &fact.source,
                equal,
                help,
            });
        }
    }
}

fn size(layout: &Layout) -> String {
    format!("{} has {} bytes", layout.c_name, layout.size)
}

fn field(field: &crate::facts::Field) -> String {
    let bytes = |bits: u64| if bits.is_multiple_of(8) { (bits / 8).to_string() } else { format!("{}/8", bits) };
    format!("`{}` is {} bytes at {}", field.name, bytes(field.size_bits), bytes(field.offset_bits))
}
