use super::{Class, Impact};

pub(in crate::diff) const CLASS: Class = Class {
    id: "version-raised",
    impact: Impact::Risky,
    title: "version of an interface raised",
    explanation: "\
A constant whose name says that it is a version or a minor version is higher than before. A major version that changed is
reported as `constant-changed`: that is what major versions are for.

An interface with a version tells programs in this way that it knows more. A program that was compiled before tells the
kernel the old version and gets what it got; one that insists on an equal number fails.

What to do: nothing, if kernel and programs accept the lower of both versions.",
};
