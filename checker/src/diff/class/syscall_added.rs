use super::{Class, Impact};

pub(in crate::diff) const CLASS: Class = Class {
    id: "syscall-added",
    impact: Impact::Compatible,
    title: "system call added",
    explanation: "\
A system call that the old side does not have.

Old kernels answer ENOSYS, so that programs can find out.

What to do: write its specification; `abispec lint` and `abispec check` say what it lacks. Check that all ports got
it, under the same number where they share one.",
};
