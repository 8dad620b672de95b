use super::Check;
use super::bench::{Bench, Comparison};
use crate::facts::{Position, Source, WitnessKind};
use abispec::finding::Severity;

pub(super) const CHECK: Check = Check {
    id: "syscall-served",
    severity: Severity::Error,
    explanation: "\
Looks up the function of every system call in a kernel's list of its symbols (/proc/kallsyms, System.map), where the
specification has a number for it on the port and `since` and `until` say that this release has it.

A kernel that was built without a call has a weak function in its place, which answers ENOSYS. So the list says of a kernel
as it is, not of a source tree, whether `since:` is too early, and whether `config:` names an option that brings the call about.
A call is silent where its option's value is not known; where the option is off and there is a function all the same, which may
answer ENOSYS by itself; and where there is none, and rules of the call's own say when it answers ENOSYS.

What to do: set `config:` to the option that decides, or correct `since:` and `until:`.",
    run,
};

fn run(bench: &mut Bench<'_>) {
    let (spec, facts) = (bench.spec, bench.facts);
    if !bench.is(WitnessKind::Symbols) {
        return;
    }
    let Some(any) = facts.served.values().next() else { return };
    let whole = Source { at: Position::Whole, ..any.source.clone() };
    for (name, call) in &spec.syscalls {
        if call.number(facts.arch).is_none() {
            continue;
        }
        match bench.has(call.span) {
            Some(true) => {}
            Some(false) => continue,
            None => {
                bench.silent(name, "the witness does not say of which release its kernel is");
                continue;
            }
        }
        let entry = call.entry.as_deref().unwrap_or(name);
        let found = facts.served.get(entry);
        let served = found.is_some_and(|fact| fact.value);
        let option = call.config.as_ref();
        let built = match (option, facts.config.value()) {
            (None, _) => true,
            (Some(option), Some(config)) => config.contains(&option.value),
            (Some(_), None) => {
                bench.silent(name, "the kernel's configuration is not known");
                continue;
            }
        };
        let rules = call.commands.iter().map(|command| &command.contract);
        let mut rules = std::iter::once(&call.contract).chain(rules).flat_map(|contract| &contract.errors);
        if built && !served && rules.any(|rule| rule.errno.value.name() == "ENOSYS") {
            bench.silent(name, "rules of the call's own say when it answers ENOSYS");
            continue;
        }
        if !built && served {
            bench.silent(name, "the option is off, and the kernel has a function of the call's own, which may answer ENOSYS");
            continue;
        }
        let option = option.map(|option| (option.value.as_str(), option.at));
        bench.compare(Comparison {
            subject: name.clone(),
            at: option.map_or(call.name.at, |(_, at)| at),
            source: found.map_or(&whole, |fact| &fact.source),
            expected: match (option, built) {
                (None, _) => "that every kernel serves the call".to_owned(),
                (Some((option, _)), true) => format!("that a kernel with {option} serves the call"),
                (Some((option, _)), false) => format!("that a kernel without {option} does not serve the call"),
            },
            actual: match found {
                Some(_) if served => "it is served".to_owned(),
                Some(_) => "it is not served".to_owned(),
                None => format!("there is no function {entry}"),
            },
            equal: built == served,
            help: "set `config:` to the option that decides, or correct `since:` and `until:`".to_owned(),
        });
    }
}
