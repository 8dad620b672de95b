use super::{Class, Impact};

pub(in crate::diff) const CLASS: Class = Class {
    id: "syscall-removed",
    impact: Impact::Breaking,
    title: "system call removed",
    explanation: "\
A system call has no number any more.

Programs that were compiled before get ENOSYS. If the number belongs to another call now, the line says so, and they
call that one.

What to do: keep the number, with an entry that answers ENOSYS, and never give it to another call.",
};
