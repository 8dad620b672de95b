use super::{Class, Impact};

pub(in crate::diff) const CLASS: Class = Class {
    id: "struct-extended",
    impact: Impact::Compatible,
    title: "struct extended at the end",
    explanation: "\
A struct grew at the end, all older fields lie where they lay, and its size travels with it: the line says how.

The kernel takes the size that the program knows, and treats what is missing as zero. What a program passes that the
kernel does not know must be zero, or the call fails with E2BIG.

What to do: add the size under `versions:` in the specification.",
};
