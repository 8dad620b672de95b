use super::Check;
use super::bench::{Bench, Comparison, page_of};
use crate::facts::Attribution;
use abispec::errno::Errno;
use abispec::finding::Severity;

pub(super) const CHECK: Check = Check {
    id: "errno-unspecified",
    severity: Severity::Warning,
    explanation: "\
Looks up, for each errno that a man page names for a call, or the specification comment above its definition in a
kernel's source, whether the specification has a rule for it.

A page may be about several calls. What it says of one of them by name is compared with that call; what it says of all of
them is compared only where the specification has them all, and reported if none of them has a rule. Errors of kernels
before 5.10 and of the C library are left out.

An errno that the specification does not name is a divergence whenever the kernel gives it, so a rule that is missing
here is a false alarm to come. Pages also name errors that no kernel gives any more, or never gave.

What to do: read the kernel's source. If some supported kernel can give the errno, add a rule, and `fs(x) == ...` or
`may: true` if it is rare. If none can, record the difference with its reason (see `abispec check --known`).",
    run,
};

fn run(bench: &mut Bench<'_>) {
    let facts = bench.facts;
    let described = bench.described();
    if described.is_empty() {
        return;
    }
    let specified = bench.errnos();
    for (call, page) in &described {
        let name = &call.name.value;
        let (Some(rules), Some(named)) = (specified.get(name.as_str()), facts.errnos.get(*page)) else { continue };
        for (text, fact) in named {
            let Some(errno) = Errno::from_name(text) else { continue };
            let subject = format!("{name}.{errno}");
            let mut equal = rules.contains_key(&errno);
            match fact.value {
                Attribution::Single | Attribution::Marked => {}
                _ if equal => {}
                Attribution::Referred => {
                    bench.silent(subject, "the page only refers to another one, not all of whose errors apply");
                    continue;
                }
                Attribution::Shared => {
                    let family = facts.families.get(*page).map(Vec::as_slice).unwrap_or_default();
                    let of_page = |name: &String| {
                        let call = described.iter().map(|(call, _)| *call).find(|call| page_of(call) == Some(name));
                        specified.get(name.as_str()).or_else(|| specified.get(call?.name.value.as_str()))
                    };
                    let others: Vec<_> = family.iter().map(of_page).collect();
                    if others.iter().any(Option::is_none) {
                        bench.silent(subject, "the page is about several calls, some of which are not specified");
                        continue;
                    }
                    equal = others.into_iter().flatten().any(|rules| rules.contains_key(&errno));
                }
            }
            bench.compare(Comparison {
                subject,
                at: rules.get(&errno).copied().unwrap_or(call.name.at),
                source: &fact.source,
                expected: format!("no {errno}"),
                actual: format!("{errno} is possible"),
                equal,
                help: "add a rule if a supported kernel can give it; otherwise record the difference with a reason".to_owned(),
            });
        }
    }
}
