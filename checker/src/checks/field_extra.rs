use super::Check;
use super::bench::{Bench, Comparison};
use crate::facts::{Field, Layout, WitnessKind};
use abispec::finding::Severity;
use abispec::target::ResolvedField;

pub(super) const CHECK: Check = Check {
    id: "field-extra",
    severity: Severity::Error,
    explanation: "\
Looks up every field of a struct, where `since` says that this release has it, in the headers and in the running kernel's
type information.

A field that the other side does not have is misspelt, newer than its `since:` says, or was renamed. Conditions that name
it would look at bytes that mean something else.

What to do: correct the name or `since:`. If the kernel's own struct names its fields differently from the headers, give
the struct's `btf:` the tag of a type that agrees, or `none`. Bit-fields together may have one name that is the
specification's own, for the word that they lie in.",
    run,
};

fn run(bench: &mut Bench<'_>) {
    // Bindings leave out what a program need not name.
    if bench.is(WitnessKind::Rust) {
        return;
    }
    for (described, resolved, fact) in bench.structs() {
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
            let place = resolved.fields.iter().find(|own| own.name == *name);
            let path = described.path(field);
            let found = fact.value.field(&path).is_some() || place.is_some_and(|own| is_word_of_bits(own, &fact.value));
            bench.compare(Comparison {
                subject,
                at: field.name.at,
                source: &fact.source,
                expected: format!("a field {path}"),
                actual: format!("{} has {}", fact.value.c_name, if found { "it" } else { "no such field" }),
                equal: found,
                help: format!("check the name and `since:` of `{path}`"),
            });
        }
    }
}

/// Whether the field's bytes are bit-fields on the other side, and nothing else.
fn is_word_of_bits(own: &ResolvedField, other: &Layout) -> bool {
    let (start, end) = (u64::from(own.offset) * 8, u64::from(own.offset.saturating_add(own.shape.size)) * 8);
    let touches = |field: &&Field| field.offset_bits < end && field.offset_bits + field.size_bits > start;
    let within = |field: &Field| {
        field.bitfield && field.offset_bits >= start && field.offset_bits + field.size_bits <= end
    };
    other.fields.iter().any(|field| touches(&field)) && other.fields.iter().filter(touches).all(within)
}

#[cfg(test)]
mod tests {
    use super::*;
    use abispec::target::Shape;
    use abispec::types::Type;

    #[test]
    fn a_word_stands_for_bit_fields_and_for_nothing_else() {
        let field = |offset_bits, size_bits, bitfield| Field {
            name: "f".to_owned(),
            offset_bits,
            size_bits,
            bitfield,
            c_type: "unsigned int".to_owned(),
        };
        let layout = |fields| Layout { c_name: "struct s".to_owned(), union: false, size: 12, align: None, fields };
        let word = |offset| ResolvedField {
            name: "bits".to_owned(),
            offset,
            shape: Shape { size: 4, ty: Type::Bool, signed: false },
            unknown: None,
        };
        let bits = layout(vec![field(0, 32, false), field(32, 1, true), field(33, 31, true)]);
        assert!(is_word_of_bits(&word(4), &bits));
        assert!(!is_word_of_bits(&word(0), &bits), "a field of its own");
        assert!(!is_word_of_bits(&word(8), &bits), "nothing is there");
        assert!(!is_word_of_bits(&word(2), &bits), "a part of another field");
        let mixed = layout(vec![field(32, 8, true), field(40, 8, false)]);
        assert!(!is_word_of_bits(&word(4), &mixed), "some of it is no bit-field");
        let longer = layout(vec![field(32, 40, true)]);
        assert!(!is_word_of_bits(&word(4), &longer), "the bit-field goes on");
    }
}
