//! Compares the specification with everything that states the ABI at rest: installed UAPI headers, the kernel's type
//! information, and its own list of system calls.
//!
//! A *witness* is read into [`facts::Facts`]; a check holds them against the specification. Nothing here calls a
//! system call that it describes.

pub mod between;
pub mod bindings;
pub mod btf;
pub mod checks;
mod ctype;
pub mod diff;
pub mod discover;
pub mod errnos;
pub mod extract;
pub mod facts;
pub mod files;
pub mod headers;
pub mod image;
pub mod import;
pub mod man;
mod merge;
pub mod symbols;
pub mod tracefs;
pub mod tree;

pub use between::between;
pub use checks::{Report, check};
pub use discover::{Bindings, Places, Witness, witnesses_of_this_machine};
