use super::{Class, Impact};

pub(in crate::diff) const CLASS: Class = Class {
    id: "field-retyped",
    impact: Impact::Risky,
    title: "type of a field changed",
    explanation: "\
A field has another C type of the same width: the other sign, another byte order, an enum or a struct in place of an
integer. Spellings of one type (`__u32`, `unsigned int`) are not told apart.

The bytes are where they were. A program that is compiled anew may compare, shift, print or extend the value
differently.

What to do: check that values with the highest bit set still mean the same.",
};
