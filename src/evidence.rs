//! The files in which runs of the fuzzer say what they met.

use crate::failure::Failure;
use abispec::evidence::Evidence;
use std::fs;
use std::path::Path;

/// Reads what `abispec fuzz --coverage` has written.
///
/// # Errors
/// When the file cannot be read, or has another layout.
pub(crate) fn read(path: &Path) -> Result<Evidence, Failure> {
    let failed =
        |why: String| Failure::new("the coverage file could not be read").at(path.display().to_string()).why(why);
    let text = fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
    let evidence: Evidence = serde_json::from_str(&text)
        .map_err(|error| failed(error.to_string()).help("`abispec fuzz --coverage FILE` writes such files"))?;
    if evidence.version != Evidence::VERSION {
        let why = format!("its layout has the version {}, this program reads {}", evidence.version, Evidence::VERSION);
        return Err(failed(why).help("write it again with this version of abispec"));
    }
    Ok(evidence)
}
