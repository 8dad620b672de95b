use super::{Class, Impact};

pub(in crate::diff) const CLASS: Class = Class {
    id: "constant-changed",
    impact: Impact::Breaking,
    title: "constant changed",
    explanation: "\
A macro has another value, and nothing in how it is written says that it follows from the length of a list.

The old value is compiled into programs. They go on passing it, and the kernel reads something else in it, without any
error. This is the class that layout checkers do not see: flags are macros.

What to do: give the new meaning a new name and a new value. If the macro is a limit that grows with every release,
define it by the list that it counts, and it is reported as `sentinel-moved`.",
};
