use super::{Class, Impact};

pub(in crate::diff) const CLASS: Class = Class {
    id: "constant-removed",
    impact: Impact::Breaking,
    title: "constant removed",
    explanation: "\
A macro, enumerator or device control request that a header of the old side defines is defined nowhere on the new
side.

A program that uses the name does not compile any more. If the kernel also stopped accepting the value, programs that
were compiled before fail at run time. A name whose header is gone as a whole is counted there. A name of the same
value that stands in its place is reported as `constant-renamed`.

What to do: keep the old name as an alias of the new one; where the feature is gone, keep the name and let the kernel
refuse or ignore it, as it did before the feature existed.",
};
