use super::{Class, Impact};

pub(in crate::diff) const CLASS: Class = Class {
    id: "struct-resized",
    impact: Impact::Breaking,
    title: "size of a struct changed",
    explanation: "\
A struct or union has another size, and nothing says that its size travels with it: no system call takes it beside the
struct, no field carries it, the specification lists no sizes, no known convention copies the smaller of both.

The kernel copies as many bytes as the struct has now. A program that was compiled before provides fewer, and what
lies behind them is read or overwritten. Arrays have another stride, structs that contain it move.

What to do: do not change it; use reserved fields, or a new struct. If the size does travel with it, list the sizes
under `versions:` in the specification.",
};
