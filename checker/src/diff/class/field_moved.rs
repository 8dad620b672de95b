use super::{Class, Impact};

pub(in crate::diff) const CLASS: Class = Class {
    id: "field-moved",
    impact: Impact::Breaking,
    title: "field moved",
    explanation: "\
A field begins at another offset. Fields that follow each other and moved by the same amount are one difference, which
names the last of them.

A program that was compiled before and the kernel agree on nothing but offsets: each reads what the other wrote
somewhere else, without any error.

What to do: put new fields at the end or into room that was reserved. Look at the size on every port: a `__u64` has
another alignment on i386.",
};
