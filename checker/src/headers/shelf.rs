//! Where the texts of headers come from.

use super::clib::C_LIBRARY;
use super::install::Origin;
use super::machine::COMPILER_HEADERS;
use crate::files::Files;
use std::collections::BTreeMap;
use std::sync::Arc;

/// One place in a search path.
pub(crate) enum Shelf {
    /// Installed headers, and the folder of theirs, with a `/` at its end, or nothing.
    Installed {
        /// The files.
        files: Arc<dyn Files>,
        /// The folder that `linux/` stands in.
        folder: String,
    },
    /// Headers of a kernel's source tree.
    Tree {
        /// The tree.
        files: Arc<dyn Files>,
        /// The headers by name.
        headers: BTreeMap<String, Origin>,
    },
    /// Texts by name.
    Texts {
        /// How reports call the shelf, with a `/` at its end.
        name: String,
        /// The texts.
        texts: BTreeMap<String, String>,
    },
    /// What belongs to the compiler.
    Compiler,
    /// What the C library would add, where it is not there.
    Library,
}

impl Shelf {
    /// The text of a header.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        let constant =
            |list: &[(&str, &str)]| list.iter().find(|(n, _)| *n == name).map(|(_, text)| (*text).to_owned());
        match self {
            Self::Installed { files, folder } => files.text(&format!("{folder}{name}")),
            Self::Tree { files, headers } => match headers.get(name)? {
                Origin::File(path) => files.text(path),
                Origin::Made { text, .. } => Some(text.clone()),
            },
            Self::Texts { texts, .. } => texts.get(name).cloned(),
            Self::Compiler => constant(COMPILER_HEADERS),
            Self::Library => constant(C_LIBRARY),
        }
    }

    /// How reports call a header.
    pub(crate) fn path(&self, name: &str) -> String {
        match self {
            Self::Installed { files, folder } => files.show(&format!("{folder}{name}")),
            Self::Tree { files, headers } => match headers.get(name) {
                Some(Origin::File(path) | Origin::Made { path, .. }) => files.show(path),
                None => name.to_owned(),
            },
            Self::Texts { name: shelf, .. } => format!("{shelf}{name}"),
            Self::Compiler => format!("<compiler>/{name}"),
            Self::Library => format!("<C library>/{name}"),
        }
    }

    /// The names of the kernel's headers on it, in order.
    pub(crate) fn kernel_headers(&self) -> Vec<String> {
        match self {
            Self::Installed { files, folder } => {
                let folders = KERNEL_FOLDERS.iter().map(|name| format!("{folder}{name}"));
                let found = folders.flat_map(|folder| files.below(&folder, ".h"));
                found.filter_map(|path| path.strip_prefix(folder).map(str::to_owned)).collect()
            }
            Self::Tree { headers, .. } => headers.keys().cloned().collect(),
            Self::Texts { texts, .. } => texts.keys().filter(|name| self.is_kernel(name)).cloned().collect(),
            Self::Compiler | Self::Library => Vec::new(),
        }
    }

    /// Whether a header on it is the kernel's.
    pub(crate) fn is_kernel(&self, name: &str) -> bool {
        match self {
            Self::Installed { .. } | Self::Texts { .. } => {
                name.split_once('/').is_some_and(|(folder, _)| KERNEL_FOLDERS.contains(&folder))
            }
            Self::Tree { .. } => true,
            Self::Compiler | Self::Library => false,
        }
    }

    /// Whether its texts are a kernel's own, which are changed a little when they are installed.
    pub(crate) fn is_source(&self) -> bool {
        matches!(self, Self::Tree { .. })
    }
}

/// The folders that the kernel installs its headers to.
pub(crate) const KERNEL_FOLDERS: &[&str] = &[
    "asm",
    "asm-generic",
    "cxl",
    "drm",
    "fwctl",
    "linux",
    "misc",
    "mtd",
    "rdma",
    "regulator",
    "scsi",
    "sound",
    "video",
    "xen",
];
