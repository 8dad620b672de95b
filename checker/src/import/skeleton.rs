//! First lines of specifications of what is imported and not specified.

use crate::facts::Facts;
use abispec::arch::Arch;
use abispec::finding::SourceFile;
use abispec::model::Spec;
use std::collections::BTreeMap;
use std::fmt::Write;

/// A file for each call that the witnesses have a number for and the specification does not describe: its numbers, and its
/// parameters where they are stated with types. What only a person can say is marked `TODO`.
pub fn skeletons(spec: &Spec, witnesses: &[Facts]) -> Vec<SourceFile> {
    let mut calls: BTreeMap<&str, BTreeMap<&str, u32>> = BTreeMap::new();
    for facts in witnesses {
        for (name, fact) in facts.numbers.iter().filter(|(name, _)| !spec.syscalls.contains_key(*name)) {
            calls.entry(name).or_default().insert(facts.arch.name(), fact.value);
        }
    }
    let one = |(name, mut numbers): (&str, BTreeMap<&str, u32>)| {
        shared(&mut numbers);
        let list: Vec<String> = numbers.iter().map(|(port, number)| format!("{port}: {number}")).collect();
        let mut text = format!("syscall: {name}\nsummary: TODO\nnr: {{{}}}\n", list.join(", "));
        let stated = witnesses.iter().find_map(|facts| facts.prototypes.get(name));
        for (index, param) in stated.iter().flat_map(|fact| &fact.value.params).enumerate() {
            if index == 0 {
                text.push_str("params:\n");
            }
            let (name, c) = match &param.c_type {
                Ok(c) => (param.name.clone(), c.clone()),
                Err(_) => {
                    (if param.name.is_empty() { format!("arg{index}") } else { param.name.clone() }, "TODO".to_owned())
                }
            };
            let _ = writeln!(text, "  - {{name: {name}, c: \"{c}\", type: TODO}}");
        }
        text.push_str("returns: TODO\n");
        SourceFile { path: format!("syscalls/{name}.yaml"), text }
    };
    calls.into_iter().map(one).collect()
}

/// Ports that share the table of the newer ones are named together, where all that are stated agree.
fn shared(numbers: &mut BTreeMap<&str, u32>) {
    let generic: Vec<(&str, u32)> = numbers
        .iter()
        .filter(|(port, _)| Arch::from_name(port).is_some_and(Arch::uses_generic_table))
        .map(|(port, number)| (*port, *number))
        .collect();
    let [(_, first), ..] = generic[..] else { return };
    if generic.iter().all(|(_, number)| *number == first) {
        numbers.retain(|port, _| !generic.iter().any(|(other, _)| other == port));
        numbers.insert("generic", first);
    }
}
