use super::Check;
use super::bench::{Bench, Comparison, page_of};
use crate::facts::{WitnessKind, Fact, Facts};
use abispec::finding::Severity;
use abispec::version::Release;

pub(super) const CHECK: Check = Check {
    id: "man-since",
    severity: Severity::Warning,
    explanation: "\
Compares the first release of each call, and of each flag that the call takes, with what its man page says: in the history
of the call, and in tags such as `O_TMPFILE (since Linux 3.11)`. Where the specification states no release the call or
flag is older than every supported kernel, so that any release up to 5.10 is right.

A flag that is believed to be older than it is makes a program fail on kernels where its author never tried it; one that
is believed to be newer makes the specification silent where it could check.

What to do: find the release in which the kernel's source has it first, and correct `since:`, or record the page's error
with a reason (see `abispec check --known`).",
    run,
};

/// The oldest kernel that the specification describes.
const OLDEST: Release = Release::new(5, 10);

fn run(bench: &mut Bench<'_>) {
    let facts = bench.facts;
    if bench.is(WitnessKind::Import) {
        for (name, call) in &bench.spec.syscalls {
            if let Some(fact) = facts.since.get(name) {
                compare(bench, name.clone(), call.span.since, call.name.at, fact);
            }
        }
        return;
    }
    if !bench.is(WitnessKind::Man) {
        return;
    }
    for (call, page) in bench.described() {
        let name = &call.name.value;
        match since_of_call(facts, name, page_of(call)) {
            Some(fact) => compare(bench, name.clone(), call.span.since, call.name.at, fact),
            None => bench.silent(name, "the page does not say when the call came"),
        }
        let sets = bench.sets_of(call);
        let prefix = format!("{page}.");
        let tagged = facts.since.range(prefix.clone()..).take_while(|(key, _)| key.starts_with(&prefix));
        for (key, fact) in tagged {
            let constant = &key[prefix.len()..];
            let members: Vec<_> =
                sets.iter().flat_map(|set| &set.members).filter(|member| member.name.value == constant).collect();
            // A page may give different meanings of one bit under one name; any of them may be meant.
            let fits = members.iter().find(|member| agrees(member.span.since, fact.value)).or(members.first());
            match fits {
                Some(member) => {
                    compare(bench, format!("{name}.{constant}"), member.span.since, member.name.at, fact);
                }
                None => bench.silent(format!("{name}.{constant}"), "no set of the call lists the constant"),
            }
        }
    }
}

/// What the page says of the call itself, or of the C library's function for it.
fn since_of_call<'a>(facts: &'a Facts, name: &str, page: Option<&str>) -> Option<&'a Fact<Release>> {
    let variant = |page: &&str| {
        [format!("{page}64"), format!("rt_{page}"), format!("new{page}")].iter().any(|variant| variant == name)
    };
    facts.since.get(name).or_else(|| facts.since.get(page.filter(variant)?))
}

fn agrees(since: Option<Release>, page: Release) -> bool {
    match since {
        Some(since) => since == page,
        None => page <= OLDEST,
    }
}

fn compare(
    bench: &mut Bench<'_>,
    subject: String,
    since: Option<Release>,
    at: abispec::place::Place,
    fact: &Fact<Release>,
) {
    let expected = since.map_or_else(|| "every supported kernel".to_owned(), |since| format!("since {since}"));
    bench.compare(Comparison {
        subject,
        at,
        source: &fact.source,
        expected,
        actual: format!("since {}", fact.value),
        equal: agrees(since, fact.value),
        help: "find the first release that has it; correct `since:`, or record the difference with a reason".to_owned(),
    });
}
