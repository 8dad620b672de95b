use super::{Class, Impact};

pub(in crate::diff) const CLASS: Class = Class {
    id: "mask-widened",
    impact: Impact::Risky,
    title: "union of flags grew",
    explanation: "\
A constant that joins flags has more bits than before and lacks none: it is written as names joined by `|`, as all
bits up to the end of a list, or its new bits are those of constants that were added with it.

Programs that pass the whole union were compiled with the old one. A program that is compiled anew passes flags that
old kernels refuse.

What to do: nothing, if the union is only used to check input.",
};
