use super::{Class, Impact};

pub(in crate::diff) const CLASS: Class = Class {
    id: "mask-changed",
    impact: Impact::Risky,
    title: "mask changed with its flags",
    explanation: "\
A constant that joins flags has more bits than before and lacks none, or one that holds what is left over has fewer. It
is written as names joined by `|`, as all bits up to the end of a list, or its new bits are those of constants that were
added with it.

Programs that pass the whole union were compiled with the old one. A program that is compiled anew passes flags that old
kernels refuse.

What to do: nothing, if the mask is only used to check input.",
};
