//! Runs a command of the program that links this crate inside a virtual machine with another kernel.
//!
//! The guest is the program itself: it is packed, with the libraries it is linked to, into an initramfs, and is the first
//! process there. It talks to the host over the second serial port, in frames ([`wire`]); the first is the kernel's console.
//! Nothing is written to the host's disk, and the guest ends with the process that started it.
//!
//! A program that uses this crate calls [`become_another_if_asked`] first in its `main`.

pub mod accel;
mod closure;
pub mod console;
mod folder;
mod guard;
mod guest;
pub mod initramfs;
pub mod kernel;
pub mod machine;
pub mod memory;
mod report;
mod tar;
pub mod wire;

pub use closure::{Needs, needs_of, own_needs};
pub use report::{Received, Receiving};

/// The word on the kernel's command line that says: this machine was started to be broken, and is thrown away afterwards.
///
/// Only who boots a machine can say it; no process that runs there can.
pub const DISPOSABLE: &str = "abispec.disposable";

/// Where the guest's files lie in it.
pub(crate) const HOME: &str = "abispec";

/// Becomes the guest's first process, or the process that waits for an emulator's end, where this process is one of these.
/// Returns otherwise.
pub fn become_another_if_asked() {
    guard::main_if_asked();
    guest::main_if_asked();
}

/// Whether this process runs in such a machine.
pub fn is_guest() -> bool {
    std::path::Path::new("/").join(guest::command_file()).exists()
}

/// Whether whoever booted this machine said that it may be broken ([`DISPOSABLE`]).
pub fn is_disposable() -> bool {
    std::fs::read_to_string("/proc/cmdline").is_ok_and(|line| says_disposable(&line))
}

fn says_disposable(line: &str) -> bool {
    line.split_whitespace().any(|word| word == DISPOSABLE || word.strip_prefix(DISPOSABLE) == Some("=1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_word_counts() {
        for line in ["abispec.disposable", "quiet abispec.disposable=1 panic=-1\n"] {
            assert!(says_disposable(line), "{line}");
        }
        for line in ["", "abispec.disposable=0", "abispec.disposables", "xabispec.disposable", "abispec.disposable=10"]
        {
            assert!(!says_disposable(line), "{line}");
        }
    }
}
