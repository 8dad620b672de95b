use super::Check;
use super::bench::Bench;
use crate::facts::WitnessKind;
use abispec::finding::Severity;

pub(super) const CHECK: Check = Check {
    id: "missing-syscall",
    severity: Severity::Warning,
    explanation: "\
Looks up every system call of a kernel's source tree in the specification. Numbers that no function serves do not count.

A call that is not specified is neither checked nor fuzzed. The specification grows by and by, so all such calls together
are one warning, the newest first. Where an older tree is at hand (`--new-since DIR`), a call that the older one lacks is
new, and an error by itself: a patch that adds a call should bring its specification along.

What to do: `abispec extract NAME --tree DIR` writes a first version of the specification, with everything that the tree
tells: numbers, parameters, flags, structs, the option, and the errnos that the call's own code names.",
    run,
};

fn run(bench: &mut Bench<'_>) {
    let (spec, facts) = (bench.spec, bench.facts);
    if !bench.is(WitnessKind::Tree) {
        return;
    }
    for (name, fact) in &facts.entries {
        if fact.value.entry.is_none() {
            continue;
        }
        let known = spec.syscalls.contains_key(name);
        let new = facts.older.as_ref().map(|older| !older.contains(name));
        if !known && new == Some(false) {
            continue;
        }
        bench.look_up(name, &fact.source, known, new == Some(true));
    }
}
