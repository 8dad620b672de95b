use super::{Class, Impact};

pub(in crate::diff) const CLASS: Class = Class {
    id: "moved-away",
    impact: Impact::Risky,
    title: "moved out of its header",
    explanation: "\
A constant or struct stands in another header than before, with the same value, and a program that includes only the
old header does not see it any more.

Programs that were compiled before notice nothing. Source code that relied on the old header does not compile any
more.

What to do: include the new header from the old one.",
};
