//! A kernel's source tree: its tables of system calls and what it defines them with.

pub mod table;
