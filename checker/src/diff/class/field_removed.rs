use super::{Class, Impact};

pub(in crate::diff) const CLASS: Class = Class {
    id: "field-removed",
    impact: Impact::Breaking,
    title: "field removed",
    explanation: "\
A field is gone, and none of the same width took its place under another name.

A program that uses it does not compile any more; one that was compiled before reads or writes bytes that mean
something else now.

What to do: keep the field, under its name, and ignore what is written to it.",
};
