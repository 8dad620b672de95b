use super::{Class, Impact};

pub(in crate::diff) const CLASS: Class = Class {
    id: "syscall-renumbered",
    impact: Impact::Breaking,
    title: "system call renumbered",
    explanation: "\
A system call has another number on this port.

The number is compiled into every program and every C library. They go on calling the old one, which does something
else or answers ENOSYS.

What to do: restore the number. A call that has not been released yet may move; compare with the last release instead.",
};
