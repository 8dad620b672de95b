//! Finding out what a side is, and reading it: a kernel's source tree, installed headers, a specification, a kernel.

use super::spec::facts_of;
use crate::facts::Facts;
use crate::files::below::Below;
use crate::files::git::Repository;
use crate::files::{Files, Folder};
use crate::headers::{is_kernel_tree, read_installed_headers, read_tree_headers_of};
use crate::image::read_image;
use crate::tree::Tree;
use abispec::arch::Arch;
use abispec::finding::{Finding, SourceFile};
use abispec::load::{FOLDERS, load};
use abispec::model::Spec;
use abispec::target::Target;
use abispec::version::Release;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Something that can be compared.
pub enum Input {
    /// A kernel's source tree.
    Tree(Arc<dyn Files>),
    /// Headers as `make headers_install` leaves them.
    Installed(Arc<dyn Files>),
    /// A specification.
    Specification {
        /// How reports call it.
        name: String,
        /// It.
        spec: Box<Spec>,
    },
    /// A file with a kernel or its type information.
    Kernel(PathBuf),
}

/// Why a side cannot be compared.
#[derive(Debug)]
pub enum Problem {
    /// It is not there, or is nothing that can be compared.
    Unknown {
        /// What was looked at.
        place: String,
        /// Why.
        why: String,
    },
    /// A specification with mistakes.
    Broken(Vec<Finding>),
}

impl Problem {
    fn new(place: impl Into<String>, why: impl Into<String>) -> Self {
        Self::Unknown { place: place.into(), why: why.into() }
    }
}

impl Input {
    /// Looks at a path: a folder or a file.
    ///
    /// # Errors
    /// When it is not there, or holds nothing that can be compared.
    pub fn of_path(path: &Path) -> Result<Self, Problem> {
        let shown = path.display().to_string();
        match path.metadata() {
            Err(error) => Err(Problem::new(shown, error.to_string())),
            Ok(found) if found.is_dir() => Self::of_files(Arc::new(Folder(path.to_path_buf()))),
            Ok(_) => Ok(Self::Kernel(path.to_path_buf())),
        }
    }

    /// Looks at a revision of a repository; nothing is checked out.
    ///
    /// # Errors
    /// When there is no repository, no such revision, or nothing in it that can be compared.
    pub fn of_revision(repository: &Path, revision: &str) -> Result<Self, Problem> {
        let files = Repository::open(repository, revision).map_err(|why| Problem::new(revision, why))?;
        Self::of_files(Arc::new(files))
    }

    /// Looks at a tree of files.
    ///
    /// # Errors
    /// When it holds nothing that can be compared.
    pub fn of_files(files: Arc<dyn Files>) -> Result<Self, Problem> {
        if is_kernel_tree(&*files) {
            return Ok(Self::Tree(files));
        }
        let has = |folder: &str, name: &str| files.list(folder).iter().any(|found| found == name);
        for folder in ["", "include", "usr/include"] {
            if has(folder, "linux/") {
                return Ok(Self::Installed(Below::of(&files, folder)));
            }
        }
        for folder in ["", "spec"] {
            if has(folder, "syscalls/") && has(folder, "flags/") {
                return specification(&*files, folder);
            }
        }
        let why =
            "it is no kernel tree (include/uapi/linux), holds no headers (linux/) and no specification (syscalls/)";
        Err(Problem::new(files.show(""), why))
    }

    /// What kind of thing it is, in words.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Tree(_) => "a kernel tree",
            Self::Installed(_) => "installed headers",
            Self::Specification { .. } => "a specification",
            Self::Kernel(_) => "a kernel",
        }
    }

    /// Whether two sides state the same kind of thing.
    pub fn is_like(&self, other: &Self) -> bool {
        let class = |side: &Self| match side {
            Self::Tree(_) | Self::Installed(_) => 0,
            Self::Specification { .. } => 1,
            Self::Kernel(_) => 2,
        };
        class(self) == class(other)
    }

    /// Its files, for looking at definitions.
    pub fn files(&self) -> Option<&dyn Files> {
        match self {
            Self::Tree(files) | Self::Installed(files) => Some(&**files),
            Self::Specification { .. } | Self::Kernel(_) => None,
        }
    }

    /// Reads what it states for some ports, in their order; `release` is what specifications are read for. With `sources` the sources of a kernel tree are read too, for the parameters of calls.
    pub fn facts(&self, ports: &[Arch], release: Release, sources: bool) -> Vec<Result<Facts, String>> {
        let each = |read: &dyn Fn(Arch) -> Result<Facts, String>| ports.iter().map(|port| read(*port)).collect();
        match self {
            Self::Tree(files) => {
                let mut found = read_tree_headers_of(files, ports);
                if sources {
                    add_sources(&**files, &mut found);
                }
                found
            }
            Self::Installed(files) => each(&|port| read_installed_headers(files, port)),
            Self::Specification { name, spec } => each(&|port| Ok(facts_of(spec, name, &Target::new(port, release)))),
            Self::Kernel(path) => each(&|port| read_image(path, Some(port), &|_| true)),
        }
    }

    /// The ports that it can be read for.
    pub fn ports(&self) -> Vec<Arch> {
        match self {
            Self::Tree(files) => {
                let folders = files.list("arch");
                let has = |arch: &Arch| {
                    let folder = format!("{}/", arch.machine());
                    folders.contains(&folder)
                };
                Arch::ALL.iter().copied().filter(has).collect()
            }
            Self::Specification { .. } => Arch::ALL.to_vec(),
            Self::Installed(_) | Self::Kernel(_) => Vec::new(),
        }
    }
}

/// Adds what the sources define calls with; where they cannot be read the headers speak alone, and that is noted.
fn add_sources(files: &dyn Files, found: &mut [Result<Facts, String>]) {
    let tree = Tree::read(files);
    for facts in found.iter_mut().flatten() {
        match &tree {
            Ok(tree) => {
                let source = tree.facts(facts.arch);
                facts.prototypes = source.prototypes;
                facts.silent.extend(source.silent);
            }
            Err(reason) => facts.silence("the parameters of system calls", reason.clone()),
        }
    }
}

fn specification(files: &dyn Files, folder: &str) -> Result<Input, Problem> {
    let lead = if folder.is_empty() { String::new() } else { format!("{folder}/") };
    let mut sources = Vec::new();
    for part in FOLDERS {
        for path in files.below(&format!("{lead}{part}"), ".yaml") {
            if let Some(text) = files.text(&path) {
                sources.push(SourceFile { path: files.show(&path), text });
            }
        }
    }
    let (spec, findings) = load(sources);
    if !findings.is_empty() {
        return Err(Problem::Broken(findings));
    }
    Ok(Input::Specification { name: files.show(folder), spec: Box::new(spec) })
}
