//! What every guest has: the kernel, the program, and files.

use super::Args;
use crate::context::Context;
use crate::failure::Failure;
use crate::known;
use abispec_vm::kernel::{Kernel, NoKernel};
use abispec_vm::machine::Tree;
use abispec_vm::{Needs, needs_of, own_needs};
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::Path;

/// Where a specification of the host's lies in the guest.
const SPECIFICATION: &str = "abispec/spec";
/// The command's working directory in the guest.
pub(super) const WORK: &str = "work";
/// Where lists of known divergences lie in the guest.
const KNOWN: &str = "abispec/known";

/// A file of a guest: its path from the root, and what it holds.
pub(super) type Inside = (String, Vec<u8>);

/// What lies in every guest.
pub(super) struct Packed {
    program: Needs,
    config: Option<Vec<u8>>,
    modules: Vec<(String, Vec<u8>)>,
    others: Vec<(String, Needs)>,
    files: Vec<Inside>,
    /// Words for the command that say where these files are.
    words: Vec<OsString>,
}

impl Packed {
    /// Reads all of it.
    pub(super) fn new(args: &Args, config: Option<Vec<u8>>, context: &Context) -> Result<Self, Failure> {
        let program =
            own_needs().map_err(|error| Failure::new("this program cannot be packed").why(error.to_string()))?;
        let config = args.config.as_deref().map(|path| read(path, "the configuration")).transpose()?.or(config);
        let modules = args.module.iter().map(|path| Ok((name(path), read(path, "a module")?)));
        let modules = modules.collect::<Result<Vec<_>, Failure>>()?;
        let others = args.program.iter().map(|path| found(path)).collect::<Result<Vec<_>, _>>()?;
        let (mut files, mut words) = (Vec::new(), Vec::new());
        if let Some(folder) = context.spec_dir() {
            collect(folder, SPECIFICATION, &yaml, &mut files).map_err(|error| {
                Failure::new("the specification cannot be packed")
                    .at(folder.display().to_string())
                    .why(error.to_string())
            })?;
            words.extend(["--spec".into(), format!("/{SPECIFICATION}").into()]);
        }
        if let Some(folder) = &args.known {
            // Mistakes in it are told before anything is booted.
            known::read(Some(folder))?;
            collect(folder, KNOWN, &yaml, &mut files).map_err(|error| {
                Failure::new("the known divergences cannot be packed")
                    .at(folder.display().to_string())
                    .why(error.to_string())
            })?;
            words.extend(["--known".into(), format!("/{KNOWN}").into()]);
        }
        for path in &args.file {
            let inside = format!("{WORK}/{}", name(path));
            let packed = if path.is_dir() {
                collect(path, &inside, &|_| true, &mut files)
            } else {
                fs::read(path).map(|content| files.push((inside, content)))
            };
            packed.map_err(|error| {
                Failure::new("a file for the guest could not be read")
                    .at(path.display().to_string())
                    .why(error.to_string())
            })?;
        }
        Ok(Self { program, config, modules, others, files, words })
    }

    /// Its files.
    pub(super) fn files(&self) -> impl Iterator<Item = &Inside> {
        self.files.iter()
    }

    /// The first file tree of a guest that runs a command: with all files but those that are left out, and with more.
    pub(super) fn archive(&self, command: &[OsString], left_out: &dyn Fn(&Inside) -> bool, more: &[Inside]) -> Vec<u8> {
        // A folder that a command names is there, though nothing be left in it.
        let aside: Vec<_> = self
            .files
            .iter()
            .filter(|file| left_out(file))
            .map(|(path, text)| (format!("{path}.left-out"), text.clone()))
            .collect();
        let files = self.files.iter().filter(|file| !left_out(file)).chain(&aside).chain(more);
        let command = [command, &self.words].concat();
        let tree = Tree {
            program: &self.program,
            command: &command,
            config: self.config.as_deref(),
            modules: &self.modules,
            others: &self.others,
            files: &files.collect::<Vec<_>>(),
        };
        tree.archive()
    }
}

/// The kernel that the options name.
pub(super) fn kernel(args: &Args) -> Result<Kernel, NoKernel> {
    match (&args.kernel, &args.tree) {
        (Some(image), _) => Kernel::of_image(image),
        (None, Some(tree)) => Kernel::of_tree(tree),
        (None, None) => Kernel::of_packages(&args.package),
    }
}

fn name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn read(path: &Path, what: &str) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(|error| {
        Failure::new(format!("{what} could not be read")).at(path.display().to_string()).why(error.to_string())
    })
}

/// A program by its path, or by its name where the system keeps programs.
fn found(path: &Path) -> Result<(String, Needs), Failure> {
    let places = ["", "/usr/bin", "/usr/sbin", "/bin", "/sbin"].map(|place| Path::new(place).join(path));
    let place = places.iter().find(|place| place.is_file()).unwrap_or(&places[0]);
    let needs = needs_of(place)
        .map_err(|error| Failure::new(format!("`{}` could not be packed", path.display())).why(error.to_string()))?;
    Ok((name(path), needs))
}

/// Whether a file or folder is part of a specification: what its own crate holds beside it is none.
fn yaml(path: &Path) -> bool {
    if path.is_dir() {
        return !["src", "target", "tests"].contains(&&*name(path));
    }
    path.extension().is_some_and(|extension| extension == "yaml")
}

fn collect(from: &Path, to: &str, wanted: &dyn Fn(&Path) -> bool, files: &mut Vec<Inside>) -> io::Result<()> {
    let mut entries = fs::read_dir(from)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        let inside = format!("{to}/{}", entry.file_name().to_string_lossy());
        if !wanted(&path) {
            continue;
        }
        if path.is_dir() {
            collect(&path, &inside, wanted, files)?;
        } else {
            files.push((inside, fs::read(&path)?));
        }
    }
    Ok(())
}
