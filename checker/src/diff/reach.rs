//! What of a kernel's type information is ABI: a kernel has some ten thousand structs, and programs see few of them.

use crate::facts::Facts;
use abispec::model::Spec;
use std::collections::BTreeSet;

/// Keeps what programs see: the parameters of system calls, structs that those point to or contain, and what the
/// specification lists. What one side shows is kept on both, since a compiler may have merged the call's function into
/// another on one of them.
pub fn within_reach(old: &mut Facts, new: &mut Facts, spec: &Spec) {
    // The kernel has structs of its own that have the names of calls: `struct mount`, `struct alarm`.
    let structs: BTreeSet<&str> = spec.structs.values().filter_map(|found| found.btf.as_deref()).collect();
    let members = spec.sets.values().flat_map(|set| &set.members);
    let constants: BTreeSet<&str> = members.map(|member| member.name.value.as_str()).collect();
    let mut reached = reach(old, &structs);
    reached.extend(reach(new, &structs));
    for facts in [old, new] {
        facts.layouts.retain(|name, _| reached.contains(name));
        facts.constants.retain(|name, _| constants.contains(name.as_str()));
    }
}

/// The structs and unions that one side's calls lead to, and those of these names.
fn reach(facts: &Facts, structs: &BTreeSet<&str>) -> BTreeSet<String> {
    let mut reached: BTreeSet<String> = BTreeSet::new();
    let mut waiting: Vec<String> = structs.iter().map(|name| (*name).to_owned()).collect();
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
