//! Specifications of older versions of the language, rewritten for this one. Comments and line breaks stay.

mod first;

use crate::finding::{Finding, SourceFile};
use crate::load::{self, FORMAT, FORMAT_FILE};
use std::collections::BTreeSet;
use std::path::Path;

/// The ids that findings of this module have, with their explanation.
pub const EXPLANATIONS: &[(&str, &str)] = &[(
    "unmigratable",
    "Something of an older version of the language has no counterpart that could be written without knowing what was meant.\n\n`abispec migrate` changes nothing until each is mended by hand.",
)];

/// From one version to the next.
struct Step {
    /// The version that it begins with.
    from: u32,
    /// Rewrites one file. What it cannot rewrite is a finding, and stays as it is.
    rewrite: fn(&SourceFile) -> Result<Rewritten, Box<Finding>>,
}

/// A file's new text, and what of it could not be rewritten.
type Rewritten = (String, Vec<Finding>);

/// Every step, in order.
const STEPS: &[Step] = &[Step { from: 1, rewrite: first::rewrite }];

/// What became of a specification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Migrated {
    /// The version that it was in.
    pub from: u32,
    /// All files in the version that this crate reads, the one that states it among them.
    pub files: Vec<SourceFile>,
    /// The paths of those that are new or differ from what they were.
    pub changed: BTreeSet<String>,
    /// What could not be rewritten. Then the files are not of this version, and should not be kept.
    pub left: Vec<Finding>,
}

/// Why a specification was not rewritten.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It states a version that this crate does not know.
    Newer {
        /// That version.
        stated: u32,
    },
    /// It states one version, and the caller another.
    Contradicts {
        /// The version that it states.
        stated: u32,
    },
    /// It states no version, and is not of the version that this crate reads.
    Unstated {
        /// How many mistakes there are in it as a specification of this version.
        mistakes: usize,
    },
    /// Files that are no YAML, or do not state the version as they should.
    Broken(Vec<Finding>),
}

/// Rewrites a specification; `from` is its version where it does not state one.
///
/// # Errors
/// When its version is not known, or a file is no YAML.
pub fn migrate(mut files: Vec<SourceFile>, from: Option<u32>) -> Result<Migrated, Refusal> {
    let index = files.iter().position(load::is_format_file);
    let stated = match index {
        Some(index) => Some(load::stated(&files, index).map_err(Refusal::Broken)?),
        None => None,
    };
    let version = match (stated.as_ref().map(|version| version.value), from) {
        (Some(stated), Some(from)) if stated != from => return Err(Refusal::Contradicts { stated }),
        (Some(version), _) | (None, Some(version)) => version,
        (None, None) => match load::load(files.clone()).1.len() {
            0 => FORMAT,
            mistakes => return Err(Refusal::Unstated { mistakes }),
        },
    };
    if version > FORMAT {
        return Err(Refusal::Newer { stated: version });
    }
    let before: Vec<String> = files.iter().map(|file| file.text.clone()).collect();
    let (mut broken, mut left) = (Vec::new(), Vec::new());
    for step in STEPS.iter().filter(|step| step.from >= version) {
        for file in files.iter_mut().filter(|file| !load::is_format_file(file)) {
            match (step.rewrite)(file) {
                Ok((text, findings)) => {
                    file.text = text;
                    left.extend(findings);
                }
                Err(finding) => broken.push(*finding),
            }
        }
    }
    if !broken.is_empty() {
        return Err(Refusal::Broken(broken));
    }
    let mut changed: BTreeSet<String> = files
        .iter()
        .zip(&before)
        .filter(|(file, before)| file.text != **before)
        .map(|(file, _)| file.path.clone())
        .collect();
    let text = format!("format: {FORMAT}\n");
    match index {
        Some(index) if version != FORMAT => {
            files[index].text = text;
            changed.insert(files[index].path.clone());
        }
        Some(_) => {}
        None => {
            let root = files.first().and_then(|file| Path::new(&file.path).parent()?.parent()).unwrap_or(Path::new(""));
            let path = root.join(FORMAT_FILE).display().to_string();
            changed.insert(path.clone());
            files.push(SourceFile { path, text });
        }
    }
    Ok(Migrated { from: version, files, changed, left })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_step_from_each_version_to_the_next() {
        let from: Vec<u32> = STEPS.iter().map(|step| step.from).collect();
        assert_eq!(from, (1..FORMAT).collect::<Vec<_>>());
    }
}
