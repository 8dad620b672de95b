use super::{Class, Impact};

pub(in crate::diff) const CLASS: Class = Class {
    id: "enumerator-added",
    impact: Impact::Compatible,
    title: "enumerator added",
    explanation: "\
An enumerator that the old side does not have, while those around it kept their values.

Old programs do not use it, but the kernel may hand it to them: in an event, a netlink message, a field of a struct
that is read. Programs must expect values that they do not know.

What to do: add it to the specification with its `since:`.",
};
