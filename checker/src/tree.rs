//! A kernel's source tree: its tables of system calls and what it defines them with.

mod define;
mod guard;
mod kbuild;
mod kconfig;
mod lex;
pub mod port;
pub mod ports;
pub mod table;
mod text;
