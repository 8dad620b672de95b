use super::{Class, Impact};

pub(in crate::diff) const CLASS: Class = Class {
    id: "struct-realigned",
    impact: Impact::Breaking,
    title: "alignment of a struct changed",
    explanation: "\
A struct or union has another alignment.

Where it lies inside another struct, fields behind it move; an array of it has another stride. A program may pass an
address that the kernel now thinks impossible.

What to do: restore the alignment, with an explicit attribute if a new field raised it.",
};
