use super::{Class, Impact};

pub(in crate::diff) const CLASS: Class = Class {
    id: "field-resized",
    impact: Impact::Breaking,
    title: "width of a field changed",
    explanation: "\
A field has another width: another integer type, another array length, another struct.

Programs that were compiled before write fewer or more bytes than the kernel reads. On machines that store the most
significant byte first, even a value that fits is read wrongly.

What to do: keep the field and add a wider one.",
};
