use super::{Class, Impact};

pub(in crate::diff) const CLASS: Class = Class {
    id: "rule-removed",
    impact: Impact::Risky,
    title: "rule removed from the specification",
    explanation: "\
The old specification has a rule that the new one has not: an error, a condition after success, an effect, a
parameter's type, a kind of result. A rule whose text changed is one removed and one added.

Programs may rely on what it promised, an errno that tells them about an old kernel above all.

What to do: if the kernel changed, give the rule an `until:` instead of deleting it.",
};
