use super::{Class, Impact};

pub(in crate::diff) const CLASS: Class = Class {
    id: "padding-reused",
    impact: Impact::Risky,
    title: "reserved bytes have a meaning now",
    explanation: "\
Bytes that were reserved, by a field's name or as padding between fields, are a field now, or the reserved field
shrank.

It is what reserved bytes are for, if the kernel has always insisted that they are zero. If it did not, programs that
never cleared them pass whatever was there, and it has a meaning now.

What to do: look up whether older releases refuse other values than zero. If not, let a flag say that the field is
valid.",
};
