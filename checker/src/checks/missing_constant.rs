use super::Check;
use super::bench::{Bench, Comparison};
use crate::facts::WitnessKind;
use abispec::finding::Severity;

pub(super) const CHECK: Check = Check {
    id: "missing-constant",
    severity: Severity::Error,
    explanation: "\
Looks in each set's header, and in what it includes, for constants that begin with one of the set's prefixes and that no
set of the specification lists; and for members that the header has although the specification says that they came later.

A new flag is how the ABI grows. The fuzzer treats a bit that no set lists as undefined and expects the kernel to reject
it, so a flag that is missing here makes the specification wrong for every kernel that has it.

What to do: add the constant to the set, with `since:` the first release that has it; as `mask: true` if it only combines
others; or, if the prefix also fits constants of another kind, give them a set of their own or narrow the prefix. If
`since:` is too late, correct it; a distribution may also have backported the flag.",
    run,
};

fn run(bench: &mut Bench<'_>) {
    let (spec, facts) = (bench.spec, bench.facts);
    if !bench.is(WitnessKind::Headers) {
        return;
    }
    for set in spec.sets.values() {
        let Some(header) = &set.header else {
            if !set.prefix.is_empty() {
                bench.silent(&set.name.value, "the set has a prefix but names no header to look in");
            }
            continue;
        };
        for prefix in &set.prefix {
            for (name, found) in facts.constants.range(prefix.clone()..).take_while(|(name, _)| name.starts_with(prefix.as_str())) {
                let Some(fact) = found.iter().find(|fact| facts.shows(&header.value, &fact.source)) else { continue };
                let known = spec.constant(name);
                let early = known.filter(|(_, member)| bench.is_too_early_for(member.span));
                let (at, expected) = match (known, early) {
                    (_, Some((_, member))) => (member.name.at, format!("it came with {}", member.span.since.map_or_else(String::new, |since| since.to_string()))),
                    (None, _) => (set.name.at, "no such constant".to_owned()),
                    (Some((_, member)), None) => (member.name.at, String::new()),
                };
                let help = if early.is_some() { format!("correct `since:` of `{name}`: {} has it", bench.kernel()) } else { format!("add `{name}: {:#x}` to a set, with `since:`", fact.value.value) };
                bench.compare(Comparison {
                    subject: format!("{}.{name}", set.name.value),
                    at,
                    source: &fact.source,
                    expected,
                    actual: format!("{name} is {}", fact.value),
                    equal: known.is_some() && early.is_none(),
                    help,
                });
            }
        }
    }
}
