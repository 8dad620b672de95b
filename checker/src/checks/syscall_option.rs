use super::Check;
use super::bench::{Bench, Comparison};
use crate::facts::WitnessKind;
use crate::tree::option_of;
use abispec::finding::Severity;

pub(super) const CHECK: Check = Check {
    id: "syscall-option",
    severity: Severity::Error,
    explanation: "\
Compares a call's `config:` with a kernel's source tree: the option without which the call answers ENOSYS, as the
conditionals around its definition, the makefiles and Kconfig have it for each port.

Where the option is off, every use of the call fails, and the specification must say so, or every such kernel diverges.
An option that the tree does not ask for excuses a failure that should be reported.

Only what is certain is compared: a call that several options decide, or one that is built in a way the makefiles do not
show plainly, is silent.

What to do: set `config:` to the option that the tree names, or remove it.",
    run,
};

fn run(bench: &mut Bench<'_>) {
    let (spec, facts) = (bench.spec, bench.facts);
    if !bench.is(WitnessKind::Tree) {
        return;
    }
    for (name, call) in &spec.syscalls {
        if bench.has(call.span) == Some(false) || !bench.serves(call) {
            continue;
        }
        let entry = call.entry.as_deref().unwrap_or(name);
        let Some(prototype) = facts.prototypes.get(entry) else {
            bench.silent(name, facts.why_silent(entry).unwrap_or("the tree does not define the call"));
            continue;
        };
        if let Some(reason) = facts.why_silent(&option_of(entry)) {
            bench.silent(name, reason);
            continue;
        }
        let found = facts.options.get(entry);
        let wanted = call.config.as_ref();
        // What every kernel of the port has anyway may be named or not.
        let settled = found.is_none() && wanted.is_some_and(|config| facts.settled.get(entry) == Some(&config.value));
        let spell = |option: Option<&str>| option.map_or_else(|| "no option".to_owned(), str::to_owned);
        let actual = spell(found.map(|fact| fact.value.as_str()));
        bench.compare(Comparison {
            subject: name.clone(),
            at: wanted.map_or(call.name.at, |config| config.at),
            source: found.map_or(&prototype.source, |fact| &fact.source),
            expected: spell(wanted.map(|config| config.value.as_str())),
            equal: settled || wanted.map(|config| config.value.as_str()) == found.map(|fact| fact.value.as_str()),
            help: match found {
                Some(fact) => format!("write `config: {}`", fact.value),
                None => "remove `config:`".to_owned(),
            },
            actual,
        });
    }
}
