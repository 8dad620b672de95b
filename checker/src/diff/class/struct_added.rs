use super::{Class, Impact};

pub(in crate::diff) const CLASS: Class = Class {
    id: "struct-added",
    impact: Impact::Compatible,
    title: "struct added",
    explanation: "\
A struct or union that the old side does not define.

Nothing that exists can depend on it. From its first release on its size, its alignment and every offset are a
promise.

What to do: look at it on a port with 32 and one with 64 bits: same size, no implicit padding, reserved fields that
must be zero.",
};
