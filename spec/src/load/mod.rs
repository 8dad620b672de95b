//! YAML files become a [`Spec`]. Every mistake of every file is reported in one run.

mod asks;
mod effects;
mod explain;
mod format;
mod law_line;
mod law_memory;
mod laws;
mod needs;
mod reader;
mod resources;
mod restriction;
mod sets;
mod structs;
mod syscall;
mod whole;
pub(crate) mod yaml;

pub use explain::EXPLANATIONS;
pub use format::{FORMAT, FORMAT_FILE};
pub(crate) use format::{is_format_file, stated};

use crate::finding::{Finding, SourceFile};
use crate::model::Spec;
use crate::place::FileId;
use reader::Log;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fs, io};
use yaml::Yaml;

/// The folders of a specification.
pub const FOLDERS: [&str; 5] = ["flags", "resources", "types", "syscalls", "laws"];

/// Loads a specification from a folder.
///
/// # Errors
/// When the folder or a file of it cannot be read, or holds no specification at all. Mistakes in the files are not
/// errors: they are returned as findings beside what could be loaded.
pub fn load_dir(dir: &Path) -> io::Result<(Spec, Vec<Finding>)> {
    Ok(load(read_dir(dir, &dir.display().to_string())?))
}

/// Reads the files of a specification; `shown` is what reports call the folder.
///
/// # Errors
/// As [`load_dir`].
pub fn read_dir(dir: &Path, shown: &str) -> io::Result<Vec<SourceFile>> {
    let mut sources = Vec::new();
    let text = |path: &Path| {
        let bytes =
            fs::read(path).map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))?;
        Ok::<_, io::Error>(String::from_utf8_lossy(&bytes).into_owned())
    };
    for folder in FOLDERS {
        let inside = dir.join(folder);
        if !inside.is_dir() {
            continue;
        }
        let mut paths: Vec<PathBuf> =
            fs::read_dir(&inside)?.map(|entry| entry.map(|e| e.path())).collect::<Result<_, _>>()?;
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
        paths.sort();
        for path in paths {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let shown = format!("{}/{folder}/{name}", shown.trim_end_matches('/'));
            sources.push(SourceFile { path: shown, text: text(&path)? });
        }
    }
    if sources.is_empty() {
        let message = format!("{} holds no specification: no YAML file in {}", dir.display(), FOLDERS.join(", "));
        return Err(io::Error::new(io::ErrorKind::NotFound, message));
    }
    let format = dir.join(FORMAT_FILE);
    if format.is_file() {
        let shown = format!("{}/{FORMAT_FILE}", shown.trim_end_matches('/'));
        sources.push(SourceFile { path: shown, text: text(&format)? });
    }
    Ok(sources)
}

/// Loads a specification from texts. The folder that a path names says what the text holds. Texts that state another version of
/// the language are one mistake, and nothing of them is loaded; those that state none are taken to be of this one.
pub fn load(files: Vec<SourceFile>) -> (Spec, Vec<Finding>) {
    if let Some(index) = files.iter().position(is_format_file) {
        let findings = match stated(&files, index) {
            Ok(version) => format::refusal(&files, &version).into_iter().collect(),
            Err(findings) => findings,
        };
        if !findings.is_empty() {
            return (Spec { files, ..Spec::default() }, findings);
        }
    }
    let log = Log { files: &files, findings: RefCell::new(Vec::new()) };
    let mut by_folder: BTreeMap<&str, Vec<(FileId, Yaml)>> = BTreeMap::new();
    for (index, source) in files.iter().enumerate() {
        let id = FileId(u32::try_from(index).unwrap_or(u32::MAX));
        let folder = Path::new(&source.path).parent().and_then(Path::file_name).and_then(|name| name.to_str());
        let Some(folder) = FOLDERS.iter().copied().find(|known| Some(*known) == folder) else { continue };
        match yaml::parse(id, source) {
            Ok(yaml) => by_folder.entry(folder).or_default().push((id, yaml)),
            Err(finding) => log.findings.borrow_mut().push(*finding),
        }
    }
    let mut take = |folder: &str| by_folder.remove(folder).unwrap_or_default();
    let mut spec = Spec::default();
    sets::load(&log, take("flags"), &mut spec);
    resources::load(&log, take("resources"), &mut spec);
    structs::load(&log, take("types"), &mut spec);
    syscall::load(&log, take("syscalls"), &mut spec);
    laws::load(&log, take("laws"), &mut spec);
    whole::check(&log, &spec);
    let mut findings = log.findings.into_inner();
    findings.sort_by(|a, b| (&a.spec, &a.message).cmp(&(&b.spec, &b.message)));
    spec.files = files;
    (spec, findings)
}
