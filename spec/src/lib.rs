//! The Linux kernel ABI as data: the specification language, its model, and the specification itself.
//!
//! [`embedded()`] gives the specification, [`resolve()`] narrows it to one kernel: names get their values on the port,
//! and what the release lacks is gone. This lists every flag of openat2 that Linux 5.10 knows:
//!
//! ```
//! use abispec::arch::Arch;
//! use abispec::target::Target;
//! use abispec::version::Release;
//!
//! let target = Target::new(Arch::X86_64, Release::new(5, 10));
//! let resolved = abispec::resolve(abispec::embedded(), &target);
//!
//! // The flags stand in a field of the struct that openat2 takes, in the set `openat2_flags`.
//! let flags: Vec<(&str, i128)> = resolved.sets["openat2_flags"]
//!     .members
//!     .iter()
//!     .filter(|member| !member.mask)
//!     .map(|member| (member.name.as_str(), member.value))
//!     .collect();
//! for (name, value) in &flags {
//!     println!("{name:<12} {value:#x}");
//! }
//! assert!(flags.contains(&("O_CLOEXEC", 0x80000)));
//! assert!(!flags.iter().any(|(name, _)| *name == "O_EMPTYPATH"), "5.10 does not have it yet");
//!
//! // Every rule of a call, with its condition as text and its place in the specification.
//! let openat2 = resolved.call("openat2").expect("openat2 came with 5.6");
//! for rule in &openat2.variants[0].rules {
//!     let clause = resolved.clause(rule.clause);
//!     println!("{}: {} ({})", rule.errno.name(), clause.text, abispec::embedded().place(clause.at));
//! }
//! ```
//!
//! A specification of one's own is read with [`load::load_dir`], which reports every mistake of every file.

pub mod arch;
pub mod ctype;
mod embedded;
pub mod errno;
pub mod evidence;
pub mod export;
pub mod expr;
pub mod finding;
pub mod fmt;
pub mod journal;
pub mod known;
pub mod law;
pub mod load;
pub mod migrate;
pub mod model;
pub mod mutate;
pub mod place;
pub mod report;
mod resolve;
pub mod site;
pub mod suggest;
pub mod target;
mod trying;
pub mod types;
pub mod version;

pub use embedded::{embedded, embedded_call};
pub use resolve::{resolve, resolve_call};
