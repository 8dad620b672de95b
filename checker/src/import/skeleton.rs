//! First lines of specifications of what is imported and not specified.

use super::is_name;
use crate::facts::Facts;
use abispec::arch::Arch;
use abispec::finding::SourceFile;
use abispec::model::Spec;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// A file for each call that the witnesses describe and the specification does not: its numbers, its parameters, the errnos
/// that it is said to give. What only a person can say is marked `TODO`.
pub fn skeletons(spec: &Spec, witnesses: &[Facts]) -> Vec<SourceFile> {
    let mut calls: BTreeMap<&str, BTreeMap<&str, u32>> = BTreeMap::new();
    // A name becomes the name of a file.
    let unknown = |name: &&String| is_name(name) && !spec.syscalls.contains_key(*name);
    for facts in witnesses {
        for (name, fact) in facts.numbers.iter().filter(|(name, _)| unknown(name)) {
            calls.entry(name).or_default().insert(facts.arch.name(), fact.value);
        }
        // Where there are numbers, parameters are listed by the function in the kernel, whose name may be another.
        if facts.numbers.is_empty() {
            for name in facts.prototypes.keys().chain(facts.errnos.keys()).filter(unknown) {
                calls.entry(name).or_default();
            }
        }
    }
    calls.into_iter().map(|(name, numbers)| skeleton(name, numbers, witnesses)).collect()
}

fn skeleton(name: &str, mut numbers: BTreeMap<&str, u32>, witnesses: &[Facts]) -> SourceFile {
    shared(&mut numbers);
    let list: Vec<String> = numbers.iter().map(|(port, number)| format!("{port}: {number}")).collect();
    let list = if list.is_empty() { "generic: TODO".to_owned() } else { list.join(", ") };
    let mut text = format!("syscall: {name}\nsummary: TODO\nnr: {{{list}}}\n");
    let stated = witnesses.iter().find_map(|facts| facts.prototypes.get(name));
    for (index, param) in stated.iter().flat_map(|fact| &fact.value.params).enumerate() {
        if index == 0 {
            text.push_str("params:\n");
        }
        let name = if is_name(&param.name) { param.name.clone() } else { format!("arg{index}") };
        let c = param.c_type.as_deref().unwrap_or("TODO");
        let _ = writeln!(text, "  - {{name: {name}, c: {c:?}, type: TODO}}");
    }
    text.push_str("returns: TODO\n");
    let errnos: BTreeSet<&str> = witnesses
        .iter()
        .filter_map(|facts| facts.errnos.get(name))
        .flat_map(|errnos| errnos.keys().map(String::as_str))
        .collect();
    for (index, errno) in errnos.iter().enumerate() {
        if index == 0 {
            text.push_str("errors:\n");
        }
        let _ = writeln!(text, "  {errno}: [{{when: TODO}}]");
    }
    SourceFile { path: format!("syscalls/{name}.yaml"), text }
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
