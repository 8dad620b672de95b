use super::{Class, Impact};

pub(in crate::diff) const CLASS: Class = Class {
    id: "constant-moved",
    impact: Impact::Compatible,
    title: "moved to another header",
    explanation: "\
A constant or struct stands in another header than before, with the same value, and programs that include the old
header still see it, or the old header is gone and reported by itself.

Neither compiled programs nor source code notice.

What to do: nothing.",
};
