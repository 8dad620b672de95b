use super::{Class, Impact};

pub(in crate::diff) const CLASS: Class = Class {
    id: "struct-removed",
    impact: Impact::Breaking,
    title: "struct removed",
    explanation: "\
A struct or union of the old side is defined nowhere on the new side. Where another one in the same header has the
same fields, the line says so: it was renamed.

A program that uses it does not compile any more. Programs that were compiled before go on running, unless the call
behind it is gone too.

What to do: keep the old name; for a renamed struct `#define old new` is enough.",
};
