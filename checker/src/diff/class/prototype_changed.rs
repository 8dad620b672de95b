use super::{Class, Impact};

pub(in crate::diff) const CLASS: Class = Class {
    id: "prototype-changed",
    impact: Impact::Breaking,
    title: "parameters of a system call changed",
    explanation: "\
A system call takes another number of parameters, or one of another type. Names and marks such as `__user` are not
compared.

Registers are all that programs and kernel share. Another type may read more of a register than programs set, or
extend its sign differently; another order gives every argument another meaning.

What to do: restore it. A pointer that became `const`, or a type of the same width, may be harmless; say so in the
commit.",
};
