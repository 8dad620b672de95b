use super::{Class, Impact};

pub(in crate::diff) const CLASS: Class = Class {
    id: "ioctl-added",
    impact: Impact::Compatible,
    title: "device control request added",
    explanation: "\
A device control request that the old side does not define.

Old kernels answer it with ENOTTY, so that programs can find out.

What to do: check that the argument is the same size on 32 and 64 bits, that reserved fields must be zero, and that no
other request has its number.",
};
