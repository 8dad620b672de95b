use super::{Class, Impact};

pub(in crate::diff) const CLASS: Class = Class {
    id: "enumerator-changed",
    impact: Impact::Breaking,
    title: "enumerator changed",
    explanation: "\
An enumerator has another value, and it is not the end of its list. Enumerators that follow each other and moved by
the same amount are one difference, which names the last of them.

It happens when a new enumerator is put in the middle, or the list is sorted, and it is easily overlooked: every value
behind that line changes, though no line of theirs does. Compiled programs go on using the old values.

What to do: put new enumerators at the end, before names such as `__X_MAX`, or give each one its value.",
};
