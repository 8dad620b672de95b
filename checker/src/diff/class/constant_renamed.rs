use super::{Class, Impact};

pub(in crate::diff) const CLASS: Class = Class {
    id: "constant-renamed",
    impact: Impact::Risky,
    title: "constant renamed",
    explanation: "\
A name is gone, and a new name with the same value, beginning with the same word, stands beside the same neighbour.

Programs that were compiled before notice nothing. Source code that uses the old name does not compile any more.

What to do: define the old name as an alias of the new one.",
};
