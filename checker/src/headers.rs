//! UAPI headers as a witness.
//!
//! Every installed header is preprocessed and its declarations are read, for any port and without a compiler. What one
//! header does not let us understand is silent with its place; the others still speak.

mod ast;
mod collect;
mod declare;
mod evaluate;
mod expand;
mod export;
mod expr;
mod file;
mod grammar;
mod install;
mod kbuild;
mod layout;
mod lex;
mod library;
mod lookup;
mod machine;
mod macros;
mod preprocess;
mod print;
mod scope;
mod symbol;
mod table;
#[cfg(test)]
mod tests;
mod types;
mod unit;
mod value;

use crate::facts::{Claim, Facts};
use crate::files::Files;
use abispec::arch::Arch;
use abispec::version::Release;
use library::{Anywhere, Folder, KERNEL_FOLDERS, Library, Shelf, Texts, Tree};
use machine::{COMPILER_HEADERS, Machine};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// Reads the headers installed under `root`, `/usr/include` for example, as a compiler for `arch` sees them.
///
/// # Errors
/// When there are no kernel headers.
pub fn read_headers(root: &Path, arch: Arch) -> Result<Facts, String> {
    read_search_path(&[&root.join(Machine::multiarch(arch)), root], arch)
}

/// Reads the headers of several folders; the last one names the witness.
///
/// # Errors
/// When there are no kernel headers.
pub fn read_search_path(folders: &[&Path], arch: Arch) -> Result<Facts, String> {
    let witness = folders.last().map(|folder| folder.display().to_string()).unwrap_or_default();
    let folders: Vec<&Path> = folders.iter().copied().filter(|path| path.is_dir()).collect();
    if !folders.iter().any(|folder| KERNEL_FOLDERS.iter().any(|name| folder.join(name).is_dir())) {
        return Err(format!("{witness} holds no kernel headers (no folder linux/ or asm/)"));
    }
    let shelves = folders.into_iter().map(|path| Box::new(Folder(path.to_path_buf())) as Box<dyn Shelf>).collect();
    Ok(read_shelves(&witness, shelves, arch))
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
    if !is_kernel_tree(&**files) {
        return Err(format!("{} holds no kernel source (no folder {}/linux)", files.show(""), install::SHARED));
    }
    let shared = files.below(install::SHARED, ".h");
    let installed = install::installed(&**files, &shared, arch)?;
    let silent = installed.silent.clone();
    let mut facts = read_shelves(&files.show(""), vec![Box::new(Tree { files: Arc::clone(files), installed })], arch);
    facts.silent.extend(silent);
    Ok(facts)
}

/// Reads installed headers, wherever they are kept.
///
/// # Errors
/// When there are no kernel headers.
pub fn read_installed_headers(files: &Arc<dyn Files>, arch: Arch) -> Result<Facts, String> {
    let folders = [format!("{}/", Machine::multiarch(arch)), String::new()];
    let holds = |folder: &String| KERNEL_FOLDERS.iter().any(|name| !files.list(&format!("{folder}{name}")).is_empty());
    if !folders.iter().any(holds) {
        return Err(format!("{} holds no kernel headers (no folder linux/ or asm/)", files.show("")));
    }
    let shelf = |folder| Box::new(Anywhere { files: Arc::clone(files), folder }) as Box<dyn Shelf>;
    Ok(read_shelves(&files.show(""), folders.into_iter().map(shelf).collect(), arch))
}

/// Reads headers from memory: texts by the names they are included by.
pub fn read_header_texts(witness: &str, texts: BTreeMap<String, String>, arch: Arch) -> Facts {
    read_shelves(witness, vec![Box::new(Texts { name: format!("{witness}/"), texts })], arch)
}

fn read_shelves(witness: &str, mut shelves: Vec<Box<dyn Shelf>>, arch: Arch) -> Facts {
    let machine = Machine::new(arch);
    let compiler = COMPILER_HEADERS.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    shelves.push(Box::new(Texts { name: "<compiler>/".to_owned(), texts: compiler }));
    let mut library = Library::new(shelves);
    let mut facts = collect::collect(witness, &machine, &mut library);
    if let Claim::Says { value, source } = facts.constant("LINUX_VERSION_CODE", None) {
        let part = |shift: u32, mask: i128| u16::try_from(value.value.value >> shift & mask).unwrap_or(0);
        let release = Release { major: part(16, 0xffff), minor: part(8, 0xff), patch: part(0, 0xff) };
        facts.release = Claim::Says { value: release, source };
    }
    facts
}
