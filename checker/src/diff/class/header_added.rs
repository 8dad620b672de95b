use super::{Class, Impact};

pub(in crate::diff) const CLASS: Class = Class {
    id: "header-added",
    impact: Impact::Compatible,
    title: "header added",
    explanation: "\
A header that the old side does not install. What stands in it is counted in the same line and not listed again.

Nothing that exists can depend on it. Whatever it says is a promise from its first release on.

What to do: read it once more as a promise: explicit padding, fixed-width types, room for flags, sizes that are the
same on 32 and 64 bits. Everything else can be corrected later.",
};
