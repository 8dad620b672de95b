//! UAPI headers as a witness.
//!
//! Every installed header is preprocessed and its declarations are read, for any port and without a compiler. What one
//! header does not let us understand is silent with its place; the others still speak.

mod ast;
mod clib;
mod collect;
mod declare;
mod evaluate;
mod expand;
mod export;
mod expr;
mod file;
mod gather;
mod grammar;
#[cfg(test)]
mod hostile;
mod install;
mod ioctl;
mod kbuild;
mod layout;
mod lex;
mod lookup;
mod machine;
mod macros;
mod pool;
mod ports;
mod preprocess;
mod print;
mod provider;
mod record;
mod scope;
mod shelf;
mod stock;
mod symbol;
mod table;
#[cfg(test)]
mod tests;
mod types;
mod unit;
mod value;
mod view;

use crate::facts::Facts;
use crate::files::{Files, Folder};
use abispec::arch::Arch;
use machine::Machine;
pub use ports::{Apart, take_tree_apart};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// Reads the headers installed under `root`, `/usr/include` for example, as a compiler for `arch` sees them.
///
/// # Errors
/// When there are no kernel headers.
pub fn read_headers(root: &Path, arch: Arch) -> Result<Facts, String> {
    let files: Arc<dyn Files> = Arc::new(Folder(root.to_path_buf()));
    read_installed_headers(&files, arch)
}

/// Reads the headers of several folders; the last one names the witness.
///
/// # Errors
/// When there are no kernel headers.
pub fn read_search_path(folders: &[&Path], arch: Arch) -> Result<Facts, String> {
    let witness = folders.last().map(|folder| folder.display().to_string()).unwrap_or_default();
    let place = |folder: &&Path| (Arc::new(Folder(folder.to_path_buf())) as Arc<dyn Files>, String::new());
    ports::installed(&witness, folders.iter().map(place).collect(), arch)
}

/// Reads installed headers, wherever they are kept: `linux/` stands at the root of the files.
///
/// # Errors
/// When there are no kernel headers.
pub fn read_installed_headers(files: &Arc<dyn Files>, arch: Arch) -> Result<Facts, String> {
    let folders = [format!("{}/", Machine::multiarch(arch)), String::new()];
    let places = folders.into_iter().map(|folder| (Arc::clone(files), folder)).collect();
    ports::installed(&files.show(""), places, arch)
}

/// The largest alignment in bytes that a port's compiler gives a field by its type alone.
pub(crate) fn largest_field_alignment(arch: Arch) -> u64 {
    let machine = Machine::new(arch);
    machine.field_limit.min(machine.wide_align.max(machine.word))
}

/// Whether the files are a kernel's source tree, as opposed to installed headers.
pub fn is_kernel_tree(files: &dyn Files) -> bool {
    install::is_tree(files)
}

/// Reads what `make headers_install` would install for `arch` from a kernel's source tree, without running it. Facts stand
/// where the tree states them: system call numbers in their table.
///
/// # Errors
/// When it is no kernel tree, or has no such port.
pub fn read_tree_headers(files: &Arc<dyn Files>, arch: Arch) -> Result<Facts, String> {
    let read = ports::tree(files, &[arch]).pop();
    read.unwrap_or_else(|| Err(format!("{} has no port {arch}", files.show(""))))
}

/// Reads the headers of a kernel's source tree for several ports, in the order given. What they share is read once.
pub fn read_tree_headers_of(files: &Arc<dyn Files>, ports: &[Arch]) -> Vec<Result<Facts, String>> {
    ports::tree(files, ports)
}

/// Reads headers from memory: texts by the names they are included by.
pub fn read_header_texts(witness: &str, texts: BTreeMap<String, String>, arch: Arch) -> Facts {
    ports::texts(witness, texts, arch)
}
