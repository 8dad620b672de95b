use super::Between;
use super::pair::{Pair, Sides};
use crate::facts::{Constant, Fact, Source, WitnessKind};
use std::collections::BTreeSet;

pub(super) const BETWEEN: Between = Between {
    id: "kernel-enumerator",
    explanation: "\
Compares the enumerators of the headers with those of the same name in a kernel's type information. Macros are not part of
type information. A name that an enumeration of the kernel's own happens to share is silent, and so is what differs while
both sides are not known to be of one release.

Headers and kernel come from one source, so a difference means that they were taken from different releases or patched
apart: a program built with these headers says to this kernel what it does not mean.

What to do: look whether the kernel has an internal enumerator of this name. If not, report it to whoever ships both.",
    run,
};

fn run(pair: &mut Pair<'_>) {
    if !pair.are(WitnessKind::Headers, WitnessKind::Btf) {
        return;
    }
    let (headers, kernel) = (pair.first, pair.second);
    let agree = |name: &String, fact: &Fact<Constant>| {
        headers.constants.get(name).is_some_and(|known| known.iter().any(|own| own.value.is_same_number(fact.value)))
    };
    // An enumeration of the kernel's own shares a name with a macro of the headers, but not several values.
    let shared: BTreeSet<&Source> = kernel
        .constants
        .iter()
        .flat_map(|(name, found)| found.iter().filter(|fact| agree(name, fact)).map(|fact| &fact.source))
        .collect();
    for (name, found) in &kernel.constants {
        let Some(known) = headers.constants.get(name) else { continue };
        for fact in found {
            let equal = agree(name, fact);
            if !equal && !shared.contains(&fact.source) {
                pair.silent(name, "the kernel has an enumeration of its own with this name");
                continue;
            }
            if !equal && !pair.same_release() {
                pair.silent(name, "headers and kernel are not known to be of one release");
                continue;
            }
            let Some(own) = known.first() else { continue };
            pair.compare(Sides {
                subject: name.clone(),
                first: own.value.to_string(),
                first_at: &own.source,
                second: fact.value.to_string(),
                second_at: &fact.source,
                equal,
                help: "look whether the kernel has an internal enumerator of this name; if not, report it",
            });
        }
    }
}
