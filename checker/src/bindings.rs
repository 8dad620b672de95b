//! Bindings for Rust as a witness: the sources of a crate, read as its compiler reads them for one target.
//!
//! Modules are followed as `mod`, `use` and `cfg` say, constants are evaluated, and structs are laid out. What the reader
//! does not understand is silent with its place.

mod collect;
mod evaluate;
mod find;
mod krate;
mod layout;
mod macros;
mod names;
mod own;
mod primitive;
mod target;
mod text;

pub use find::find_bindings;
pub use target::{CLibrary, RustTarget};

use crate::facts::Facts;
use crate::files::Files;
use std::thread;

/// The reader of syntax trees descends as deep as its input; inputs are bounded so that this much is enough.
const STACK: usize = 512 << 20;

/// Reads a crate. `name` says which it is, `libc` or `linux-raw-sys` for example, as its folder does: `libc` has things of
/// its own, which are no statements about the kernel.
///
/// # Errors
/// When there is no `src/lib.rs`, or it cannot be read.
pub fn read_bindings(files: &dyn Files, name: &str, target: &RustTarget) -> Result<Facts, String> {
    let read = || -> Result<Facts, String> {
        let krate = krate::Crate::load(files, target)?;
        Ok(collect::collect(krate, name))
    };
    // The stack of the caller may be a test's or a thread's, which are small.
    let done = thread::scope(|scope| {
        let thread = thread::Builder::new().stack_size(STACK).spawn_scoped(scope, read);
        thread.map(|thread| thread.join())
    });
    match done {
        Ok(Ok(facts)) => facts,
        Ok(Err(_)) => Err(format!("{}: the reader of Rust sources gave up", files.show(""))),
        Err(error) => Err(format!("{}: {error}", files.show(""))),
    }
}
