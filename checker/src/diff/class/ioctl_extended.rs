use super::{Class, Impact};

pub(in crate::diff) const CLASS: Class = Class {
    id: "ioctl-extended",
    impact: Impact::Compatible,
    title: "argument of a request grew",
    explanation: "\
A device control request of graphics drivers has a larger argument, and nothing but the size in its number changed.

The DRM core takes the size out of the number that the program passed, copies the smaller of both sizes and fills the
rest with zeros. Old programs and new kernels, and the reverse, understand each other as long as zero in the new
fields means what happened before.

What to do: check that zero means the old behaviour.",
};
