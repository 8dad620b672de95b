use super::Check;
use super::bench::{Bench, Comparison};
use abispec::finding::Severity;

pub(super) const CHECK: Check = Check {
    id: "argument-name",
    severity: Severity::Warning,
    explanation: "\
Compares the name of each parameter with the running kernel's list of system calls (tracefs) and with its type information.

Names are no part of the binary interface, and the kernel may rename a parameter at will. But specification, traces and
source are read side by side, and a name that differs often means that two parameters were swapped or that the call was
described from its C library wrapper instead of the kernel. Hence a warning. Calls whose number of parameters differs are
left to argument-count.

What to do: use the kernel's name under `params:` and in the call's conditions.",
    run,
};

fn run(bench: &mut Bench<'_>) {
    for (call, fact) in bench.prototypes() {
        if call.params.len() != fact.value.params.len() {
            continue;
        }
        let params = call.params_on(bench.arch());
        for (param, seen) in params.into_iter().zip(&fact.value.params).filter(|(_, seen)| !seen.name.is_empty()) {
            bench.compare(Comparison {
                subject: format!("{}({})", call.name.value, param.name.value),
                at: param.name.at,
                source: &fact.source,
                expected: param.name.value.clone(),
                actual: seen.name.clone(),
                equal: param.name.value == seen.name,
                help: format!("call the parameter `{}`", seen.name),
            });
        }
    }
}
