//! The file in which a run says what it does while it does it.

use crate::engine::EngineResult;
use crate::failure::Failure;
use abispec::finding::Finding;
use abispec::journal::{self, End, Head, Line, Part, Reported, Run, Skipped};
use abispec::model::Spec;
use abispec::report::Origin;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// A journal that is being written; one that nobody asked for takes everything and keeps nothing.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    file: Option<File>,
    /// Why a line was not written; those after it are not either.
    lost: Option<std::io::Error>,
}

impl Journal {
    /// Begins a journal in place of what the file held.
    ///
    /// # Errors
    /// When the file cannot be made.
    pub(crate) fn create(path: Option<&Path>) -> Result<Self, Failure> {
        let Some(path) = path else { return Ok(Self::default()) };
        let file = File::create(path).map_err(|error| lost(path, &error))?;
        let state = Mutex::new(State { file: Some(file), lost: None });
        Ok(Self { path: path.to_owned(), state })
    }

    /// Whether somebody asked for it.
    pub(crate) fn is_wanted(&self) -> bool {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).file.is_some()
    }

    /// Writes a line at once, which is made only if somebody asked for the journal. What cannot be written is told by
    /// [`Journal::close`]: the run itself goes on.
    pub(crate) fn write(&self, line: impl FnOnce() -> Line) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let State { file: Some(file), lost: slot @ None } = &mut *state else { return };
        let mut bytes = Vec::new();
        // One call, so that whoever reads meanwhile or after a kill finds whole lines.
        let written = line().write(&mut bytes).and_then(|()| file.write_all(&bytes));
        *slot = written.err();
    }

    /// Writes a finding with the files that were written for it.
    pub(crate) fn finding(&self, finding: &Finding) {
        self.write(|| Line::Finding(Box::new(reported(finding))));
    }

    /// Writes a whole run of an engine that says everything at its end.
    pub(crate) fn engine(&self, spec: &Spec, result: &EngineResult, options: &str) {
        self.run(&run(spec, result, options));
    }

    /// Writes a whole run.
    pub(crate) fn run(&self, run: &Run) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let State { file: Some(file), lost: slot @ None } = &mut *state else { return };
        let mut bytes = Vec::new();
        *slot = run.write(&mut bytes).and_then(|()| file.write_all(&bytes)).err();
    }

    /// Says whether everything was written.
    ///
    /// # Errors
    /// When a line was not.
    pub(crate) fn close(&self) -> Result<(), Failure> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.lost.as_ref().map_or(Ok(()), |error| Err(lost(&self.path, error)))
    }
}

fn lost(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new("the journal could not be written")
        .at(path.display().to_string())
        .why(error.to_string())
        .help("what the run found is reported all the same")
}

/// A finding with the texts of the files that were written for it.
fn reported(finding: &Finding) -> Reported {
    let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let read = |path: &String| fs::read_to_string(path).ok().map(|text| (name(Path::new(path)), text));
    let texts: BTreeMap<String, String> = finding.files.iter().filter_map(read).collect();
    Reported { finding: finding.clone(), texts }
}

/// A whole run of an engine that says everything at its end.
pub(crate) fn run(spec: &Spec, result: &EngineResult, options: &str) -> Run {
    let origin = result.origin.clone().unwrap_or_else(here);
    Run {
        head: head(&result.name, &origin, spec, Part::whole(options.to_owned(), None)),
        findings: result.findings.iter().map(reported).collect(),
        known: Vec::new(),
        coverage: Vec::new(),
        outcomes: Vec::new(),
        so_far: Vec::new(),
        end: Some(end(result, 0)),
    }
}

/// How a run begins.
pub(crate) fn head(engine: &str, origin: &Origin, spec: &Spec, part: Part) -> Head {
    Head {
        journal: journal::VERSION,
        engine: engine.to_owned(),
        kernel: origin.kernel.clone(),
        arch: origin.arch.clone(),
        specification: journal::fingerprint(spec),
        started: origin.started,
        parts: vec![part],
    }
}

/// How a run ends.
pub(crate) fn end(result: &EngineResult, programs: u64) -> End {
    let skipped = result.skipped.iter().map(|one| Skipped { what: one.what.clone(), why: one.why.clone() });
    End {
        compared: result.compared,
        programs,
        inward: result.inward,
        seconds: result.took.as_secs_f64(),
        summary: result.summary.clone(),
        skipped: skipped.collect(),
    }
}

/// The running kernel, now.
pub(crate) fn here() -> Origin {
    let name = nix::sys::utsname::uname().map(|names| names.release().to_string_lossy().into_owned());
    let arch = abispec::arch::Arch::NATIVE.name().to_owned();
    Origin { kernel: name.unwrap_or_else(|_| "unknown".to_owned()), arch, started: now() }
}

/// Seconds since the start of 1970, by the clock of this machine.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Reads the runs of journals: files, and all `*.jsonl` below folders.
///
/// # Errors
/// When one cannot be read, or is no journal.
pub(crate) fn read(paths: &[PathBuf]) -> Result<Vec<Run>, Failure> {
    let mut files = Vec::new();
    for path in paths {
        collect(path, true, &mut files)?;
    }
    let mut runs = Vec::new();
    for file in files {
        let place = file.display().to_string();
        let text = fs::read_to_string(&file).map_err(|error| unread(&file, &error))?;
        let read = journal::read(&text).map_err(|mistake| {
            Failure::new("the journal is not right")
                .at(format!("{place}:{}", mistake.line))
                .why(mistake.message)
                .help("`abispec fuzz --journal FILE` writes journals, check and run do too")
        })?;
        runs.extend(read);
    }
    Ok(runs)
}

fn collect(path: &Path, named: bool, files: &mut Vec<PathBuf>) -> Result<(), Failure> {
    if path.is_dir() {
        let entries = fs::read_dir(path).map_err(|error| unread(path, &error))?;
        let mut paths: Vec<PathBuf> = entries
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<Result<_, _>>()
            .map_err(|e| unread(path, &e))?;
        paths.sort();
        return paths.iter().try_for_each(|path| collect(path, false, files));
    }
    if named || path.extension().is_some_and(|extension| extension == "jsonl") {
        files.push(path.to_owned());
    }
    Ok(())
}

fn unread(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new("the journal could not be read").at(path.display().to_string()).why(error.to_string())
}
