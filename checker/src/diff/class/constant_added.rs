use super::{Class, Impact};

pub(in crate::diff) const CLASS: Class = Class {
    id: "constant-added",
    impact: Impact::Compatible,
    title: "constant added",
    explanation: "\
A macro that the old side does not define.

Old programs do not know it. A new flag is safe only where old kernels refuse undefined bits: a program must be able
to find out whether its flag was understood.

What to do: make sure that the call refuses the value on kernels that do not know it, and add the constant to the
specification with its `since:`.",
};
