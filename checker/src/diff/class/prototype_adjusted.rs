use super::{Class, Impact};

pub(in crate::diff) const CLASS: Class = Class {
    id: "prototype-adjusted",
    impact: Impact::Risky,
    title: "parameters of a system call adjusted",
    explanation: "\
A system call takes more parameters than before, behind those that it had, or a pointer leads to another type. Every
register that programs set before is read as before.

Programs that were compiled before leave anything at all in the registers of new parameters, unless a flag or a command
tells the kernel to look at them. A pointer to another type may let the kernel read or write more bytes.

What to do: check that the kernel looks at a new parameter only where an older one asks for it.",
};
