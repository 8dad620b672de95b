//! The lists of known divergences: the project's own, or those that a user names.

use crate::commands::explain::ids;
use crate::failure::Failure;
use abispec::finding::SourceFile;
pub(crate) use abispec::known::Day;
use abispec::known::Known;
use std::fs;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// The project's own lists.
const OWN: &[(&str, &str)] = &[
    ("ci/known/fuzz.yaml", include_str!("../ci/known/fuzz.yaml")),
    ("ci/known/man.yaml", include_str!("../ci/known/man.yaml")),
    ("ci/known/tree.yaml", include_str!("../ci/known/tree.yaml")),
];

/// Reads the lists in a folder, or the project's own.
pub(crate) fn read(folder: Option<&Path>) -> Result<Known, Failure> {
    let file = |(path, text): &(&str, &str)| SourceFile { path: (*path).to_owned(), text: (*text).to_owned() };
    let files = match folder {
        Some(folder) => files(folder)?,
        None => OWN.iter().map(file).collect(),
    };
    let (known, findings) = Known::read(files, &ids());
    if findings.is_empty() {
        Ok(known)
    } else {
        Err(Failure::Broken { what: "the list of known divergences", findings })
    }
}

fn files(folder: &Path) -> Result<Vec<SourceFile>, Failure> {
    let failed = |place: &Path, error: std::io::Error| {
        Failure::new("the known divergences could not be read")
            .at(place.display().to_string())
            .why(error.to_string())
            .help("--known takes a folder that holds *.yaml files")
    };
    let entries = fs::read_dir(folder).map_err(|error| failed(folder, error))?;
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| failed(folder, error))?.path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            paths.push(path);
        }
    }
    paths.sort();
    let read = |path: &std::path::PathBuf| {
        let text = fs::read_to_string(path).map_err(|error| failed(path, error))?;
        Ok(SourceFile { path: path.display().to_string(), text })
    };
    paths.iter().map(read).collect()
}

/// Today, by the clock of this machine.
pub(crate) fn today() -> Day {
    Day::from_unix(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use abispec::version::Release;
    use std::collections::BTreeSet;

    #[test]
    fn the_programs_of_the_projects_own_lists_can_be_run() {
        use abispec::arch::Arch;
        use abispec::target::Target;
        use abispec_fuzzer::reproduce;
        let known = read(None).unwrap_or_else(|_| panic!("well-formed"));
        let resolved = [(5, 10), (7, 3)]
            .map(|(a, b)| abispec::resolve(abispec::embedded(), &Target::new(Arch::X86_64, Release::new(a, b))));
        let programs: Vec<_> =
            known.entries().iter().filter_map(|entry| Some((entry, entry.replay.as_ref()?))).collect();
        assert!(!programs.is_empty());
        for (entry, (text, at)) in programs {
            let read = resolved.iter().any(|resolved| reproduce::read(text, resolved).is_ok());
            assert!(read, "{}", known.place(*at));
            let shows = reproduce::shows(text).expect("it is read");
            assert_eq!(shows.finding.as_deref(), Some(entry.id.as_str()));
            assert_eq!(shows.subject.as_deref(), Some(entry.subjects[0].0.as_str()));
        }
    }

    #[test]
    fn the_projects_own_lists_are_well_formed_and_embedded() {
        assert!(read(None).is_ok());
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("ci/known");
        let on_disk = files(&folder).unwrap_or_else(|_| panic!("the lists are readable"));
        let names = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
        let embedded: BTreeSet<String> = OWN.iter().map(|(path, _)| names(path)).collect();
        assert_eq!(on_disk.iter().map(|file| names(&file.path)).collect::<BTreeSet<_>>(), embedded);
    }
}
