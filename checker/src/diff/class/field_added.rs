use super::{Class, Impact};

pub(in crate::diff) const CLASS: Class = Class {
    id: "field-added",
    impact: Impact::Compatible,
    title: "field added",
    explanation: "\
A field that lies inside the old size: in padding at the end, as another view of bytes that have a name already, or as
an open end.

Nothing moved. Padding at the end was never written by programs, so the kernel may find anything there if the struct
is passed to it; for structs that it hands out there is no such danger.

What to do: where the kernel reads it, let a flag say that the field is valid.",
};
