//! Descriptions of system calls that others keep, as witnesses: syzkaller's, libseccomp's table, systrack's and
//! kernel-abi-tools' lists, and the kernel's API specifications, as comments and as its tool prints them.

mod kapi;
mod kernel_abi_tools;
mod kernel_doc;
mod libseccomp;
mod skeleton;
mod systrack;
mod syzlang;

pub use skeleton::skeletons;

use crate::facts::Facts;
use abispec::arch::Arch;
use abispec::finding::SourceFile;

/// A form in which descriptions are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// syzkaller's descriptions with the constants beside them.
    Syzlang,
    /// libseccomp's table of numbers, `syscalls.csv`.
    Libseccomp,
    /// The JSON of systrack.
    Systrack,
    /// The lists of first releases of kernel-abi-tools.
    KernelAbiTools,
    /// Comments with the tags of the kernel's API specifications.
    KernelDoc,
    /// The JSON that the `kapi` tool prints of them.
    Kapi,
}

/// Why a file was not understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The file, with the line where one is meant.
    pub place: String,
    /// Why.
    pub why: String,
}

impl Mistake {
    fn at(path: &str, line: usize, why: impl Into<String>) -> Self {
        Self { place: format!("{path}:{line}"), why: why.into() }
    }

    fn of(path: &str, why: impl Into<String>) -> Self {
        Self { place: path.to_owned(), why: why.into() }
    }
}

/// Reads descriptions: a witness for each port that they speak of.
///
/// `arch` is the port of descriptions that do not name one.
///
/// # Errors
/// When a file is not of this form.
pub fn read(format: Format, files: &[SourceFile], arch: Arch) -> Result<Vec<Facts>, Mistake> {
    match format {
        Format::Syzlang => syzlang::read(files),
        Format::Libseccomp => one(files).and_then(libseccomp::read),
        Format::Systrack => one(files).and_then(systrack::read),
        Format::KernelAbiTools => one(files).and_then(kernel_abi_tools::read),
        Format::KernelDoc => kernel_doc::read(files, arch),
        Format::Kapi => kapi::read(files, arch),
    }
}

fn one(files: &[SourceFile]) -> Result<&SourceFile, Mistake> {
    match files {
        [one] => Ok(one),
        [] => Err(Mistake::of("", "no file was named")),
        [_, second, ..] => Err(Mistake::of(&second.path, "this form has one file")),
    }
}

/// Whether C could name something so.
fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}
