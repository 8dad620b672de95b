use super::{Class, Impact};

pub(in crate::diff) const CLASS: Class = Class {
    id: "header-removed",
    impact: Impact::Breaking,
    title: "header removed",
    explanation: "\
A header that the old side installs is not there any more. Its constants and structs are counted in the same line and
not listed again; those that live on in another header are listed as moved.

A program that includes the header does not compile any more. Programs that were compiled before go on running, unless
the driver or protocol behind the header went with it.

What to do: keep a header of the old name that includes the new one, or make sure that nobody uses what it described.",
};
