//! The version of the language that a specification is written in.

use super::FOLDERS;
use super::reader::{Fields, Log};
use super::yaml::{self, Value};
use crate::finding::{Finding, SourceFile};
use crate::place::{At, FileId};
use std::path::Path;

/// The version of the language that this crate reads. It grows when what was right becomes a mistake or means something else;
/// what is only new comes without.
pub const FORMAT: u32 = 2;

/// The file beside the folders that states the version.
pub const FORMAT_FILE: &str = "format.yaml";

/// Whether this is the file that states the version.
pub(crate) fn is_format_file(source: &SourceFile) -> bool {
    let path = Path::new(&source.path);
    let folder = path.parent().and_then(Path::file_name).and_then(|name| name.to_str()).unwrap_or_default();
    path.file_name().is_some_and(|name| name == FORMAT_FILE) && !FOLDERS.contains(&folder)
}

/// The version that a file states.
pub(crate) fn stated(files: &[SourceFile], index: usize) -> Result<At<u32>, Vec<Finding>> {
    let log = Log { files, findings: Vec::new().into() };
    let id = FileId(u32::try_from(index).unwrap_or(u32::MAX));
    let found = match yaml::parse(id, &files[index]) {
        Ok(yaml) => Fields::open(&log, FORMAT_FILE, yaml).and_then(|mut fields| {
            let value = fields.need("format");
            fields.close();
            let value = value?;
            match value.value {
                Value::Int(number) if (1..=i128::from(u32::MAX)).contains(&number) => {
                    Some(At::new(u32::try_from(number).unwrap_or(u32::MAX), value.at))
                }
                other => {
                    let message = format!("`format` is a whole number from 1 on, this is {}", other.describe());
                    log.report("wrong-type", value.at, message, None);
                    None
                }
            }
        }),
        Err(finding) => return Err(vec![*finding]),
    };
    let findings = log.findings.into_inner();
    match found {
        Some(version) if findings.is_empty() => Ok(version),
        _ => Err(findings),
    }
}

/// Why files of this version cannot be read.
pub(super) fn refusal(files: &[SourceFile], version: &At<u32>) -> Option<Finding> {
    let (found, source) = (version.value, files.get(version.at.file.0 as usize)?);
    let root = Path::new(&source.path).parent().map(|root| root.display().to_string()).unwrap_or_default();
    let help = match found.cmp(&FORMAT) {
        std::cmp::Ordering::Equal => return None,
        std::cmp::Ordering::Less => format!("`abispec migrate {root}` rewrites it"),
        std::cmp::Ordering::Greater => "it was written for a newer abispec: take that one".to_owned(),
    };
    let message = format!("the specification is in format {found}, this program reads format {FORMAT}");
    Some(Finding::error("other-format", source.path.clone(), message).at(source.place(version.at)).help(help))
}
