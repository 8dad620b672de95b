use super::{Class, Impact};

pub(in crate::diff) const CLASS: Class = Class {
    id: "rule-added",
    impact: Impact::Risky,
    title: "rule added to the specification",
    explanation: "\
The new specification has a rule that the old one has not: an error, a condition after success, an effect, a
parameter's type, a kind of result.

A call may fail, or promise, in a way that it did not before. Where both sides are releases of one specification, it
is the kernel that changed; where they are two specifications, it may be the description.

What to do: make sure that programs can tell the two kernels apart, or that the rule was true before and only not
written down.",
};
