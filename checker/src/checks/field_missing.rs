use super::Check;
use super::bench::{Bench, Comparison, bytes};
use crate::facts::WitnessKind;
use abispec::finding::Severity;
use abispec::model::Struct;
use abispec::target::ResolvedField;

pub(super) const CHECK: Check = Check {
    id: "field-missing",
    severity: Severity::Error,
    explanation: "\
Looks for fields in the headers and in the running kernel's type information that the specification does not list. A field
whose bytes all lie within listed fields is another name for them, as in a union, and counts as listed. Where a struct has
views, each field is in one of them by its name.

Every byte of a struct has a meaning or must be zero; bytes that the specification does not describe are neither generated
nor checked. A new field of an extensible struct is how such a call grows.

What to do: add the field with its `offset:`, and `since:` the first release that has it.",
    run,
};

fn run(bench: &mut Bench<'_>) {
    // Bindings leave out what a program need not name.
    if bench.is(WitnessKind::Rust) {
        return;
    }
    for (described, resolved, fact) in bench.structs().into_iter().filter(|(described, ..)| described.view.is_none()) {
        let name = &described.name.value;
        let views: Vec<&Struct> = (bench.spec.structs.values())
            .filter(|other| other.view.as_ref().is_some_and(|view| view.value == *name))
            .collect();
        let seen: Vec<String> =
            views.iter().flat_map(|view| view.fields.iter().map(|field| view.path(field))).collect();
        // Room that is reserved in this release may be a field of a later one, but a struct does not grow early.
        let size = u64::from(resolved.versions.last().copied().unwrap_or(resolved.size)) * 8;
        let later = bench.newest.get(&described.name.value).map(|newest| newest.fields.clone()).unwrap_or_default();
        let bits = |field: &ResolvedField| {
            (u64::from(field.offset) * 8, u64::from(field.offset.saturating_add(field.shape.size)) * 8)
        };
        let own = resolved.fields.iter().map(bits);
        let listed: Vec<(u64, u64)> = own.chain(later.iter().map(bits).filter(|(_, end)| *end <= size)).collect();
        for field in &fact.value.fields {
            let named = described.fields.iter().any(|own| described.path(own) == field.name)
                || seen.iter().any(|path| is_or_lies_in(path, &field.name));
            let end = field.offset_bits + field.size_bits;
            let covered = views.is_empty() && !described.union && is_covered(field.offset_bits, end, &listed);
            let equal = named || covered;
            bench.compare(Comparison {
                subject: format!("{}.{}", described.name.value, field.name),
                at: described.name.at,
                source: &fact.source,
                expected: "no such field".to_owned(),
                actual: format!("{} {} at offset {}", field.c_type, field.name, bytes(field.offset_bits)),
                equal,
                help: format!("add the field `{}` with its `offset:` and `since:`", field.name),
            });
        }
    }
}

/// Whether a path is that of a member, or of one inside it.
fn is_or_lies_in(path: &str, member: &str) -> bool {
    path.strip_prefix(member).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// Whether the bits from `start` to `end` lie within the ranges, taken together.
fn is_covered(start: u64, end: u64, ranges: &[(u64, u64)]) -> bool {
    let mut at = start;
    while at < end {
        match ranges.iter().filter(|(from, to)| *from <= at && *to > at).map(|(_, to)| *to).max() {
            Some(to) => at = to,
            None => return false,
        }
    }
    // An array without a length at the very end holds nothing that could be covered.
    start < end
}

#[cfg(test)]
mod tests {
    use super::is_covered;

    #[test]
    fn several_fields_may_cover_one() {
        assert!(is_covered(0, 64, &[(32, 64), (0, 32)]));
        assert!(!is_covered(0, 64, &[(0, 32), (40, 64)]));
        assert!(!is_covered(64, 64, &[(0, 64)]));
    }
}
