//! System calls that a user names.

use crate::failure::Failure;
use abispec::arch::Arch;
use abispec::model::{Spec, Syscall};
use abispec::suggest::nearest;
use abispec::target::{Call, Resolved};
use abispec::version::Release;

/// Names of ports that a message lists before it counts the rest.
const LISTED: usize = 6;

/// The calls that a selection names, by name or by group; without one, every call of the port. Where programs enter the kernel as
/// another port too, the calls of that one can be named as well.
///
/// # Errors
/// When a word names nothing there, with the reason.
pub(crate) fn choose(
    spec: &Spec,
    resolved: &Resolved,
    other: Option<&Resolved>,
    selection: &[String],
) -> Result<Vec<String>, Failure> {
    if selection.is_empty() {
        return Ok(resolved.calls.iter().map(|call| call.name.clone()).collect());
    }
    let all = || resolved.calls.iter().chain(other.iter().flat_map(|other| &other.calls));
    let mut chosen = Vec::new();
    for word in selection {
        let before = chosen.len();
        let meant = |call: &&Call| match word.strip_prefix("group:") {
            Some(group) => call.groups.iter().any(|own| own == group),
            None => call.name == *word,
        };
        chosen.extend(all().filter(meant).map(|call| call.name.clone()));
        if chosen.len() == before {
            return Err(match spec.syscalls.get(word) {
                Some(call) => absent(call, resolved, other),
                None => unknown(word, all()),
            });
        }
    }
    chosen.sort();
    chosen.dedup();
    Ok(chosen)
}

/// A call that the specification has, of another port or another release.
fn absent(call: &Syscall, resolved: &Resolved, other: Option<&Resolved>) -> Failure {
    let (name, target) = (&call.name.value, &resolved.target);
    let here: Vec<Arch> = std::iter::once(target.arch).chain(other.map(|other| other.target.arch)).collect();
    let list = |ports: &[Arch]| ports.iter().map(|port| port.name()).collect::<Vec<_>>().join(" and ");
    let failure = Failure::new(format!("`{name}` is no system call of {}, kernel {}", list(&here), target.release));
    if here.iter().any(|port| call.number(*port).is_some()) {
        let release = |release: Release| release.to_string();
        return match (call.span.since.map(release), call.span.until.map(release)) {
            (Some(since), Some(until)) => failure.why(format!("kernels have it from {since} to {until}")),
            (Some(since), None) => failure.why(format!("it came with {since}")),
            (None, Some(until)) => failure.why(format!("{until} was the last release that had it")),
            (None, None) => failure.why("no kernel serves its number"),
        };
    }
    let ports: Vec<Arch> = Arch::ALL.iter().copied().filter(|port| call.number(*port).is_some()).collect();
    let shown: Vec<&str> = ports.iter().take(LISTED).map(|port| port.name()).collect();
    let more = ports.len() - shown.len();
    let rest = if more == 0 { String::new() } else { format!(" and {more} more") };
    let failure = failure.why(format!("only other ports have it: {}{rest}", shown.join(", ")));
    match ports.first() {
        Some(port) => failure.help(format!("`abispec show {name} --arch {port}` shows what it promises there")),
        None => failure,
    }
}

fn unknown<'a>(word: &str, all: impl Iterator<Item = &'a Call> + Clone) -> Failure {
    let groups: Vec<String> =
        all.clone().flat_map(|call| call.groups.iter().map(|group| format!("group:{group}"))).collect();
    let names = all.map(|call| call.name.as_str()).chain(groups.iter().map(String::as_str));
    let failure = Failure::new(format!("the specification has nothing called `{word}` for this kernel"));
    match nearest(word, names) {
        Some(near) => failure.help(format!("did you mean `{near}`?")),
        None => failure.help("`abispec list` names every call"),
    }
}
