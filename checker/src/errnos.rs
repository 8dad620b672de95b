//! The errnos that each call may give: what a page of it, or a comment above it, is compared with.

use abispec::arch::Arch;
use abispec::errno::Errno;
use abispec::model::{Spec, Syscall};
use abispec::place::Place;
use abispec::target::{Resolved, Target};
use abispec::version::Release;
use std::collections::{BTreeMap, BTreeSet};

/// The oldest kernel that is described.
const OLDEST: Release = Release::new(5, 10);

/// Errnos, by call, with the place of the first rule that says so.
pub type Errnos<'a> = BTreeMap<&'a str, BTreeMap<Errno, Place>>;

/// Every errno that each call may give on any release. What follows from types counts too: on the target, or, for a call that the
/// target lacks, on a port that has it, in the target's release and in the oldest.
pub fn errnos<'a>(spec: &'a Spec, resolved: &Resolved) -> Errnos<'a> {
    let mut found: Errnos<'_> = BTreeMap::new();
    for (name, call) in &spec.syscalls {
        let rules = found.entry(name).or_default();
        let commands = call.commands.iter().map(|command| &command.contract);
        for rule in std::iter::once(&call.contract).chain(commands).flat_map(|contract| &contract.errors) {
            rules.entry(rule.errno.value).or_insert(rule.errno.at);
        }
    }
    imply(resolved, &mut found);
    let others = spec.with_calls(|name| resolved.call(name).is_none());
    let port = |call: &Syscall| Arch::ALL.iter().copied().find(|port| call.number(*port).is_some());
    for port in others.syscalls.values().filter_map(port).collect::<BTreeSet<Arch>>() {
        for release in [resolved.target.release, OLDEST] {
            imply(&abispec::resolve(&others, &Target::new(port, release)), &mut found);
        }
    }
    found
}

/// Adds what follows from the types of one kernel.
fn imply(resolved: &Resolved, found: &mut Errnos<'_>) {
    for clause in &resolved.clauses {
        if let (Some(errno), Some(rules)) = (clause.errno, found.get_mut(clause.syscall.as_str())) {
            rules.entry(errno).or_insert(clause.at);
        }
    }
}
