//! One comparison out of those of several ports.

use super::class::Class;
use super::difference::{Comparison, Difference};
use std::collections::BTreeMap;

/// What makes differences of two ports the same one: everything but the places.
type Key = (&'static str, String, String, Option<String>, Option<String>, Option<String>);

fn key(class: &Class, one: &Difference) -> Key {
    let text = |stated: &Option<super::difference::Stated>| stated.as_ref().map(|stated| stated.text.clone());
    (class.id, one.header.clone(), one.subject.clone(), text(&one.old), text(&one.new), one.note.clone())
}

/// Joins the comparisons of several ports. A difference that several ports have appears once, with their list and the
/// places of the first.
pub fn merge(comparisons: Vec<Comparison>) -> Comparison {
    let mut all = Comparison::default();
    let mut seen: BTreeMap<Key, usize> = BTreeMap::new();
    for comparison in comparisons {
        for (kind, count) in comparison.compared {
            *all.compared.entry(kind).or_default() += count;
        }
        all.silent.extend(comparison.silent);
        for difference in comparison.differences {
            match seen.get(&key(difference.class, &difference)).and_then(|index| all.differences.get_mut(*index)) {
                Some(known) => {
                    for port in difference.ports {
                        if !known.ports.contains(&port) {
                            known.ports.push(port);
                        }
                    }
                }
                None => {
                    seen.insert(key(difference.class, &difference), all.differences.len());
                    all.differences.push(difference);
                }
            }
        }
    }
    for difference in &mut all.differences {
        difference.ports.sort();
    }
    all.sorted()
}
