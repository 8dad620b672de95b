//! Where a run's sandboxes are: their file systems, and the rights that they have.

use crate::engine::Skipped;
use crate::failure::Failure;
use abispec::suggest::nearest;
use abispec_fuzzer::exec::{FileSystem, Sandbox, SandboxConfig};
use abispec_fuzzer::habitat::Habitat;
use abispec_vm::{DISPOSABLE, is_disposable};
use nix::sys::prctl;
use nix::unistd::{Gid, Uid, chown, geteuid, setgroups, setresgid, setresuid};
use std::fs;
use std::path::Path;

/// Reads the name of a file system.
pub(super) fn file_system(text: &str) -> Result<FileSystem, String> {
    FileSystem::from_name(text).ok_or_else(|| {
        let names = FileSystem::ALL.map(FileSystem::name);
        match nearest(text, names) {
            Some(near) => format!("the sandbox cannot lie on it; did you mean `{near}`?"),
            None => format!("the sandbox cannot lie on it; there are {}", names.join(", ")),
        }
    })
}

/// The file systems of a run, out of those that are wanted (by default all), and why the others are not among them.
pub(in crate::commands) fn available(
    wanted: &[FileSystem],
    privileged: bool,
    emulator: Option<&Path>,
) -> Result<(Vec<FileSystem>, Vec<Skipped>), Failure> {
    let mut all = if wanted.is_empty() { FileSystem::ALL.to_vec() } else { wanted.to_vec() };
    all.sort();
    all.dedup();
    let (mut found, mut skipped) = (Vec::new(), Vec::new());
    for file_system in all {
        let config = SandboxConfig {
            file_system,
            privileged,
            emulator: emulator.map(Path::to_owned),
            ..SandboxConfig::default()
        };
        // Every machine has the first; why there is no sandbox at all is told by the run itself.
        match Sandbox::start(&config) {
            Err(error) if file_system != FileSystem::default() => {
                skipped.push(Skipped { what: file_system.name().to_owned(), why: error.to_string() });
            }
            _ => found.push(file_system),
        }
    }
    if found.is_empty() {
        let why: Vec<String> = skipped.iter().map(|one| format!("{}: {}", one.what, one.why)).collect();
        return Err(Failure::new("this machine has none of the file systems").why(why.join("; ")));
    }
    Ok((found, skipped))
}

/// Refuses to run without bounds on a machine that somebody wants to keep.
pub(in crate::commands) fn permit_privileged() -> Result<(), Failure> {
    if !is_disposable() {
        return Err(Failure::new("this machine does not say that it may be broken")
            .why(format!("calls that reach beyond the sandbox are made there, and `{DISPOSABLE}` is not on the kernel's command line"))
            .help("use `abispec vm --kernel IMAGE -- fuzz --privileged`, or boot a machine for this purpose with that word"));
    }
    if !geteuid().is_root() {
        return Err(Failure::new("only root has privileges to test").help("run it as root"));
    }
    Ok(())
}

/// Goes on as the user `nobody` where this is root. What is to be written below `out` is made that user's.
pub(super) fn drop_privileges(out: &Path) -> Result<(), Failure> {
    if !geteuid().is_root() {
        return Ok(());
    }
    const NOBODY: u32 = 65534;
    let (user, group) = (Uid::from_raw(NOBODY), Gid::from_raw(NOBODY));
    let failed = |why: String| Failure::new("the run cannot go on as an ordinary user").why(why);
    fs::create_dir_all(out).map_err(|error| failed(format!("{}: {error}", out.display())))?;
    let folders = [out.to_owned(), out.join("suspected")];
    for folder in folders.iter().filter(|folder| folder.is_dir()) {
        chown(folder, Some(user), Some(group)).map_err(|errno| failed(format!("{}: {errno}", folder.display())))?;
    }
    setgroups(&[])
        .and_then(|()| setresgid(group, group, group))
        .and_then(|()| setresuid(user, user, user))
        // Otherwise the files of this process in /proc are root's, and no sandbox can be made.
        .and_then(|()| prctl::set_dumpable(true))
        .map_err(|errno| failed(errno.to_string()))
}

/// What a run says of programs of earlier runs that need another sandbox than it has.
pub(super) fn elsewhere(habitats: &[Habitat], programs: impl Iterator<Item = Habitat>) -> Option<Skipped> {
    let count = programs.filter(|habitat| !habitats.contains(habitat)).count();
    (count > 0).then(|| Skipped {
        what: format!("{count} program(s) of earlier runs"),
        why: "they need a file system or rights that this run does not have".to_owned(),
    })
}
