use super::Check;
use super::bench::{Bench, Comparison};
use crate::facts::{Fact, Position, Source};
use abispec::errno::Errno;
use abispec::finding::Severity;
use abispec::model::Syscall;

pub(super) const CHECK: Check = Check {
    id: "errno-undocumented",
    severity: Severity::Warning,
    explanation: "\
Looks up, for each errno that a call has a rule for, whether the call's man page names it: in the list of errors, in the
page of one of its commands, or in a page whose errors it refers to; and whether the specification comment above the
call's definition in a kernel's source names it, where there is one. Rules that follow from the types count too.

A program handles the errors that its author has read about. An errno that the page does not name is met for the first
time in the field; or the kernel cannot give it, and the rule permits what should be reported.

What to do: read the kernel's source and try the call. If the kernel gives the errno, the page is incomplete: report that
to the page's maintainers and record the difference with its reason (see `abispec check --known`). If it cannot, remove
the rule.",
    run,
};

fn run(bench: &mut Bench<'_>) {
    let facts = bench.facts;
    let described = bench.described();
    if described.is_empty() {
        return;
    }
    let rules = bench.errnos();
    for (call, page) in described {
        let name = &call.name.value;
        let Some(named) = facts.errnos.get(page) else {
            bench.silent(name, "the page has no list of errors");
            continue;
        };
        // The page as a whole, where it does not name the errno.
        let any: Option<&Fact<_>> = named.values().next();
        let Some(whole) = any.map(|fact| Source { at: Position::Whole, ..fact.source.clone() }) else {
            bench.silent(name, "the page's list of errors is not understood");
            continue;
        };
        for (errno, at) in rules.get(name.as_str()).into_iter().flatten() {
            let optional = call.config.is_some() && errno.name() == "ENOSYS" && !is_stated(call, *errno);
            if optional && !named.contains_key(errno.name()) {
                bench.silent(format!("{name}.{errno}"), "pages do not repeat that a kernel may be built without the call");
                continue;
            }
            let fact = named.get(errno.name());
            let open = facts.open.contains_key(page).then_some("the page says that other errors may occur too");
            let reason = facts.why_silent(&format!("{page}.{}", errno.name())).or(open);
            if let (None, Some(reason)) = (fact, reason) {
                bench.silent(format!("{name}.{errno}"), reason);
                continue;
            }
            bench.compare(Comparison {
                subject: format!("{name}.{errno}"),
                at: *at,
                source: fact.map_or(&whole, |fact| &fact.source),
                expected: format!("{errno} is possible"),
                actual: format!("nothing of {errno}"),
                equal: fact.is_some(),
                help: "if the kernel gives it, the page is incomplete: record that with a reason; otherwise remove the rule"
                    .to_owned(),
            });
        }
    }
}

/// Whether a rule of the call itself says so, not the option that builds it.
fn is_stated(call: &Syscall, errno: Errno) -> bool {
    let commands = call.commands.iter().map(|command| &command.contract);
    std::iter::once(&call.contract).chain(commands).flat_map(|contract| &contract.errors).any(|rule| rule.errno.value == errno)
}
