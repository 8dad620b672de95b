use super::Between;
use super::pair::{Pair, agrees};
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
    // An enumeration of the kernel's own shares a name with a macro of the headers, but not several values.
    let shared: BTreeSet<&Source> = kernel
        .constants
        .iter()
        .flat_map(|(name, found)| found.iter().filter(|fact| agrees(headers, name, fact)).map(|fact| &fact.source))
        .collect();
    let silent = |pair: &Pair<'_>, _: &str, fact: &Fact<Constant>, equal: bool| {
        if equal {
            None
        } else if !shared.contains(&fact.source) {
            Some("the kernel has an enumeration of its own with this name")
        } else {
            (!pair.same_release()).then_some("headers and kernel are not known to be of one release")
        }
    };
    pair.compare_constants(silent, "look whether the kernel has an internal enumerator of this name; if not, report it");
}
