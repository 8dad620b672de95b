//! The numbers of a call on all ports, as `nr:` writes them.

use crate::facts::Facts;
use crate::tree::Tree;
use abispec::arch::DataModel;
use std::collections::BTreeMap;

/// Numbers by port, `generic` or `generic64`, in the order in which they are written. A port that serves the name by a
/// function of another kind, with other types, is left out.
pub(super) fn numbers(ports: &[Facts], name: &str, entry: &str, tree: &Tree<'_>) -> Vec<(String, u32)> {
    let number = |facts: &Facts| -> Option<u32> {
        let here = facts.entries.get(name)?.value.entry.as_deref()?;
        let same = here == entry || here.strip_prefix("compat_sys_") == Some(entry) || tree.is_ports_own(here);
        same.then(|| facts.numbers.get(name).map(|fact| fact.value)).flatten()
    };
    let shared: Vec<&Facts> = ports.iter().filter(|facts| facts.arch.uses_generic_table()).collect();
    // What most of them have; one that differs is written by itself.
    let usual = |facts: &[&Facts]| -> Option<u32> {
        let mut counts: BTreeMap<u32, usize> = BTreeMap::new();
        facts.iter().filter_map(|facts| number(facts)).for_each(|number| *counts.entry(number).or_default() += 1);
        counts.into_iter().max_by_key(|(_, count)| *count).map(|(number, _)| number)
    };
    let wide: Vec<&Facts> = shared.iter().copied().filter(|facts| facts.data_model() == DataModel::Lp64).collect();
    let all = |facts: &[&Facts]| {
        let most = usual(facts)?;
        facts.iter().all(|facts| number(facts).is_some()).then_some(most)
    };
    let (key, common) = match (all(&shared), all(&wide)) {
        (Some(number), _) => ("generic", Some(number)),
        (None, number) => ("generic64", number),
    };
    let covered =
        |facts: &Facts| facts.arch.uses_generic_table() && (key == "generic" || facts.data_model() == DataModel::Lp64);
    let mut found = Vec::new();
    for facts in ports {
        let Some(number) = number(facts) else { continue };
        match common {
            Some(common) if covered(facts) && common == number => {
                if !found.iter().any(|(name, _)| name == key) {
                    found.push((key.to_owned(), common));
                }
            }
            _ => found.push((facts.arch.name().to_owned(), number)),
        }
    }
    found
}
