use super::{Class, Impact};

pub(in crate::diff) const CLASS: Class = Class {
    id: "field-renamed",
    impact: Impact::Risky,
    title: "field renamed",
    explanation: "\
A field is gone, and one of the same width lies in its place under another name, or its bytes are part of a field that
is new.

Programs that were compiled before notice nothing, if the bytes still mean the same. Source code does not compile any
more.

What to do: keep the old name in an anonymous union beside the new one.",
};
