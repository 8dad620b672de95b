//! The specification in the forms that other programs read.

mod c_header;
mod dot;
mod effect;
mod json;
mod kernel_doc;
mod man;
mod rust;
mod seccomp;
mod selection;
mod strace;
mod syzlang;
mod yaml;

pub use c_header::c_header;
pub use dot::dot;
pub(crate) use dot::made_and_taken;
pub use effect::effect_text;
pub use json::{JSON_VERSION, json};
pub use kernel_doc::kernel_doc;
pub use man::man;
pub use rust::rust;
pub use seccomp::{libseccomp, oci_seccomp};
pub use selection::{Reach, Selection};
pub use strace::strace;
pub use syzlang::syzlang;
pub use yaml::yaml;

use crate::finding::SourceFile;

/// The JSON Schema (draft 2020-12) of what [`json()`] gives.
pub const JSON_SCHEMA: &str = include_str!("../../schema/abispec-1.schema.json");

/// A file that an export consists of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Its name, without a folder.
    pub name: String,
    /// What stands in it.
    pub text: String,
}

impl From<SourceFile> for Document {
    fn from(file: SourceFile) -> Self {
        Self { name: file.path, text: file.text }
    }
}
