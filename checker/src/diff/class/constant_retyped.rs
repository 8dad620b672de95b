use super::{Class, Impact};

pub(in crate::diff) const CLASS: Class = Class {
    id: "constant-retyped",
    impact: Impact::Risky,
    title: "type of a constant changed",
    explanation: "\
A constant has the same value or the same bits as before, but another C type: wider, narrower, or of the other sign.

System calls see no difference. Source code may: an `unsigned` operand makes a comparison unsigned, a wider one is
printed by another format, `~FLAG` of a wider type has more bits, and negative values compare differently.

What to do: look for uses with `~`, comparisons and format strings. It is usually an improvement of `1 << 31`.",
};
