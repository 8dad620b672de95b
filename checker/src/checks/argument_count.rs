use super::Check;
use super::bench::Bench;
use abispec::finding::Severity;

pub(super) const CHECK: Check = Check {
    id: "argument-count",
    severity: Severity::Error,
    explanation: "\
Compares how many parameters each system call has with the running kernel's list of system calls (tracefs) and with its
type information.

A parameter too few means that the kernel reads a register which the specification leaves at random; one too many is never
looked at. Calls that differ between ports differ in this most often.

What to do: add or remove the parameter under `params:`. If the kernel's function has another name than the call, say so
with `entry:`.",
    run,
};

fn run(bench: &mut Bench<'_>) {
    for (call, fact) in bench.prototypes() {
        bench.compare_counts(call, fact, "correct `params:`, or name the kernel's function with `entry:`");
    }
}
