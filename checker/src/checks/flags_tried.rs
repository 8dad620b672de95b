use super::Check;
use super::bench::{Bench, Comparison};
use crate::facts::WitnessKind;
use abispec::finding::Severity;
use abispec::types::Type;
use std::collections::BTreeSet;

pub(super) const CHECK: Check = Check {
    id: "flags-tried",
    severity: Severity::Warning,
    explanation: "\
Compares the members of the set that a parameter takes with the flags or commands that imported descriptions of the call
try: those that the kernel has and no description names, and those that a description names and the set does not have.

A fuzzer that never sets a flag never reaches the code behind it, and a flag that the specification does not know is taken
for an undefined bit, which the kernel is then expected to refuse.

What to do: add the constant to the set with the first release that has it; or, if the descriptions are behind, tell those
who keep them. Masks and aliases over other members are left out, and so are members whose bits others have.",
    run,
};

/// Names that a message shows.
const SHOWN: usize = 8;

fn run(bench: &mut Bench<'_>) {
    let (spec, facts) = (bench.spec, bench.facts);
    if !bench.is(WitnessKind::Import) || facts.tried.is_empty() {
        return;
    }
    for (name, call) in &spec.syscalls {
        for (index, param) in call.params.iter().enumerate() {
            let (Type::Flags { set, .. } | Type::Enum { set, .. }) = &param.ty.value else { continue };
            let subject = format!("{name}({})", param.name.value);
            let Some(set) = spec.sets.get(set) else { continue };
            let Some(tried) = facts.tried.get(&format!("{name}.{index}")) else {
                bench.silent(subject, "no description of the call names a constant there");
                continue;
            };
            let included = set.includes.iter().filter_map(|other| spec.sets.get(&other.value)).flat_map(|set| &set.members);
            let members: Vec<_> = set.members.iter().chain(included).collect();
            let all: BTreeSet<&str> = members.iter().map(|member| member.name.value.as_str()).collect();
            let value = |name: &str| members.iter().find(|member| member.name.value == name).and_then(|member| bench.value_of(member));
            let tried_values: BTreeSet<i128> = tried
                .value
                .iter()
                .filter_map(|name| Some(facts.constants.get(name)?.first()?.value.value))
                .collect();
            let untried: Vec<&str> = members
                .iter()
                .filter(|member| !member.mask && !member.internal && bench.has(member.span) != Some(false))
                .map(|member| member.name.value.as_str())
                .filter(|name| !tried.value.contains(*name) && value(name).is_some_and(|value| value != 0 && !tried_values.contains(&value)))
                .collect();
            let own_values: BTreeSet<i128> = all.iter().filter_map(|name| value(name)).collect();
            let unlisted: Vec<&str> = tried
                .value
                .iter()
                .map(String::as_str)
                .filter(|name| !all.contains(name))
                // Of a name without a value it cannot be told that another stands for it.
                .filter(|name| {
                    let value = facts.constants.get(*name).and_then(|facts| facts.first()).map(|fact| fact.value.value);
                    value.is_none_or(|value| value != 0 && !own_values.contains(&value))
                })
                .collect();
            bench.compare(Comparison {
                subject: subject.clone(),
                at: param.ty.at,
                source: &tried.source,
                expected: format!("{} too", shown(&untried)),
                actual: format!("{} constants without {}", tried.value.len(), shown(&untried)),
                equal: untried.is_empty(),
                help: "the descriptions are behind, if the kernel has these".to_owned(),
            });
            bench.compare(Comparison {
                subject,
                at: param.ty.at,
                source: &tried.source,
                expected: format!("no {}", shown(&unlisted)),
                actual: shown(&unlisted),
                equal: unlisted.is_empty(),
                help: format!("add what the call takes to `{}`, with `since:`", set.name.value),
            });
        }
    }
}

fn shown(names: &[&str]) -> String {
    let more = names.len().saturating_sub(SHOWN);
    let list = names[..names.len() - more].join(", ");
    if more == 0 { list } else { format!("{list} and {more} more") }
}
