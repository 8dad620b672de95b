use super::{Class, Impact};

pub(in crate::diff) const CLASS: Class = Class {
    id: "ioctl-changed",
    impact: Impact::Breaking,
    title: "device control request changed",
    explanation: "\
A device control request has another number. Direction, type letter, number and the size of the argument are all part
of it, so that a struct that grew changes the number without a line of the request being touched.

Compiled programs go on issuing the old number, which the new kernel does not know: they get ENOTTY.

What to do: keep the old number, and give the larger struct a request of its own; or grow the struct only where its
size travels in a field, with a request that is made by `_IO`.",
};
