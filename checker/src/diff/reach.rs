//! What of a kernel's type information is ABI: a kernel has some ten thousand structs, and programs see few of them.

use crate::facts::Facts;
use std::collections::BTreeSet;

/// Keeps what programs see: the parameters of system calls, structs that those point to or contain, and what `names` lists.
pub fn within_reach(mut facts: Facts, names: &BTreeSet<&str>) -> Facts {
    let mut reached: BTreeSet<String> = BTreeSet::new();
    let mut waiting: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    for prototype in facts.prototypes.values() {
        for c_type in prototype.value.params.iter().filter_map(|param| param.c_type.as_ref().ok()) {
            waiting.extend(record_of(c_type));
        }
    }
    while let Some(name) = waiting.pop() {
        if !reached.insert(name.clone()) {
            continue;
        }
        let fields = facts.layouts.get(&name).into_iter().flatten().flat_map(|fact| &fact.value.fields);
        // Behind a pointer in a kernel's struct lies the kernel's own memory.
        let inside = fields.filter(|field| !field.c_type.contains('*')).filter_map(|field| record_of(&field.c_type));
        waiting.extend(inside);
    }
    facts.layouts.retain(|name, _| reached.contains(name));
    facts.constants.retain(|name, _| names.contains(name.as_str()));
    facts
}

/// The struct or union that a type is made of.
fn record_of(c_type: &str) -> Option<String> {
    let mut words = c_type.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty());
    words.by_ref().find(|word| matches!(*word, "struct" | "union"))?;
    words.next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::{Fact, Field, Layout, Parameter, Position, Prototype, Source, WitnessKind};
    use abispec::arch::Arch;

    #[test]
    fn what_no_call_leads_to_is_left_out() {
        let source = Source { file: "kernel".into(), at: Position::Whole };
        let mut facts = Facts::new(WitnessKind::Btf, "kernel", Arch::X86_64);
        for (name, inside) in
            [("dock", "struct crane"), ("crane", "struct rope *"), ("rope", "int"), ("named", "int"), ("other", "int")]
        {
            let field = Field {
                name: "f".to_owned(),
                offset_bits: 0,
                size_bits: 32,
                bitfield: false,
                c_type: inside.to_owned(),
            };
            let layout =
                Layout { c_name: format!("struct {name}"), union: false, size: 4, align: None, fields: vec![field] };
            facts.layouts.insert(name.to_owned(), vec![Fact::new(layout, source.clone())]);
        }
        let params = vec![Parameter { name: "d".to_owned(), c_type: Ok("const struct dock *".to_owned()) }];
        facts.prototypes.insert("dock".to_owned(), Fact::new(Prototype { params }, source));
        let kept = within_reach(facts, &BTreeSet::from(["named"]));
        assert_eq!(kept.layouts.keys().collect::<Vec<_>>(), ["crane", "dock", "named"]);
    }
}
