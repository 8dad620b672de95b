//! What of a kernel's type information is ABI: a kernel has some ten thousand structs, and programs see few of them.

use crate::facts::Facts;
use std::collections::BTreeSet;

/// Keeps what programs see: the parameters of system calls, structs that those point to or contain, and what `names` lists.
/// What one side shows is kept on both, since a compiler may have merged the call's function into another on one of them.
pub fn within_reach(old: &mut Facts, new: &mut Facts, names: &BTreeSet<&str>) {
    let mut reached = reach(old, names);
    reached.extend(reach(new, names));
    for facts in [old, new] {
        facts.layouts.retain(|name, _| reached.contains(name));
        facts.constants.retain(|name, _| names.contains(name.as_str()));
    }
}

/// The structs and unions that one side's calls lead to.
fn reach(facts: &Facts, names: &BTreeSet<&str>) -> BTreeSet<String> {
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
    reached
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
        let mut other = facts.clone();
        facts.prototypes.insert("dock".to_owned(), Fact::new(Prototype { params }, source));
        within_reach(&mut facts, &mut other, &BTreeSet::from(["named"]));
        for side in [facts, other] {
            assert_eq!(side.layouts.keys().collect::<Vec<_>>(), ["crane", "dock", "named"]);
        }
    }
}
