use super::{Class, Impact};

pub(in crate::diff) const CLASS: Class = Class {
    id: "sentinel-moved",
    impact: Impact::Risky,
    title: "end of a list moved",
    explanation: "\
A name that only tells where a list ends has another value: the last enumerator of its `enum` with a name such as
`__X_MAX`, what is computed from it, the highest number of its kind, the number of system calls. The definition has to
say so on both sides; the name alone is not enough.

It moves whenever the list grows. Programs that size arrays by it, or that refuse what is larger, are compiled with
the old end: they must cope with a kernel that knows more, and with one that knows less.

What to do: nothing, if the kernel accepts both ends. It is a break where the kernel compares the number with its own.",
};
