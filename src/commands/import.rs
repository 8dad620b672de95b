//! `abispec import`.

use super::check::compare;
use super::explain::ids;
use crate::args::release;
use crate::context::Context;
use crate::engine;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::known;
use abispec::arch::Arch;
use abispec::export::Document;
use abispec::finding::SourceFile;
use abispec::known::Known;
use abispec::model::Spec;
use abispec::version::Release;
use abispec_checker::facts::{Claim, Facts, Position, Source};
use abispec_checker::import::{self, Format};
use clap::ValueEnum;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Options of `abispec import`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  abispec import syzlang syzkaller/sys/linux --kernel 7.1    descriptions and constants, every port
  abispec import libseccomp src/syscalls.csv                 a table of numbers
  abispec import kernel-abi-tools syscalls-x86_64.tsv        first releases
  abispec import systrack table.json                         what systrack found in an image
  abispec import kernel-doc fs/open.c                        specifications in the kernel's comments
  abispec import kapi open.json read.json                    what the kapi tool prints of them
  abispec import libseccomp syscalls.csv --as-yaml new       first lines of what is not specified
  abispec import json spec.json --as-yaml spec               a specification from its JSON

What is imported is compared, not merged: it is a witness, and where it differs that is a warning.

Exit codes: 0 compared, 2 compared nothing.")]
pub(crate) struct Args {
    /// The form
    what: What,
    /// Files, or folders of descriptions
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The release that the descriptions are of, where they do not say it
    #[arg(long, value_name = "RELEASE", value_parser = release)]
    kernel: Option<Release>,
    /// Only what is said of this port; of descriptions that do not name one, the port
    #[arg(long, value_name = "PORT", value_parser = crate::args::arch)]
    arch: Option<Arch>,
    /// Known divergences, *.yaml files in a folder, which are not reported again
    #[arg(long, value_name = "DIR")]
    known: Option<PathBuf>,
    /// Write the first lines of specifications of what is not specified into this folder
    #[arg(long, value_name = "DIR")]
    as_yaml: Option<PathBuf>,
}

/// A form in which descriptions are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum What {
    /// syzkaller's descriptions with the constants beside them
    Syzlang,
    /// libseccomp's syscalls.csv
    Libseccomp,
    /// The JSON of systrack
    Systrack,
    /// The lists of kernel-abi-tools
    KernelAbiTools,
    /// C files with the tags of the kernel's API specifications in their comments
    KernelDoc,
    /// What the `kapi` tool prints of these specifications with `--format json`
    Kapi,
    /// The JSON of a whole specification, which `export json` writes; needs --as-yaml
    Json,
}

/// Reads, compares, reports.
pub(super) fn run(args: &Args, context: &Context, out: &mut dyn Write) -> Result<Exit, Failure> {
    let format = match args.what {
        What::Syzlang => Format::Syzlang,
        What::Libseccomp => Format::Libseccomp,
        What::Systrack => Format::Systrack,
        What::KernelAbiTools => Format::KernelAbiTools,
        What::KernelDoc => Format::KernelDoc,
        What::Kapi => Format::Kapi,
        What::Json => return specification(args, out),
    };
    let spec = context.spec()?;
    // The project's own lists are about other witnesses.
    let known = match &args.known {
        Some(folder) => known::read(Some(folder))?,
        None => Known::read(Vec::new(), &ids()).0,
    };
    let files = texts(&args.files, format)?;
    let mut witnesses = import::read(format, &files, args.arch.unwrap_or(Arch::NATIVE)).map_err(|mistake| {
        Failure::new("the descriptions could not be read")
            .at(mistake.place)
            .why(mistake.why)
            .help("`abispec import --help` names the forms")
    })?;
    witnesses.retain(|facts| args.arch.is_none_or(|arch| facts.arch == arch));
    for facts in &mut witnesses {
        if let (Some(release), Claim::Silent { .. }) = (args.kernel, &facts.release) {
            let source = Source { file: "--kernel".into(), at: Position::Whole };
            facts.release = Claim::Says { value: release, source };
        }
    }
    let (mut result, _) = compare(&spec, &known, false, |_| Ok(vec![witnesses.clone()]))?;
    result.name = "import".into();
    if let Some(dir) = &args.as_yaml {
        let written = skeletons(dir, &spec, &witnesses)?;
        result.summary.push(format!("{written} file(s) written below {}", dir.display()));
    }
    engine::write(&result, context, out)?;
    Ok(engine::exit(&[result]))
}

/// The files of a form, those inside folders by name.
fn texts(paths: &[PathBuf], format: Format) -> Result<Vec<SourceFile>, Failure> {
    let endings: &[&str] = match format {
        Format::Syzlang => &["txt", "const"],
        Format::KernelDoc => &["c", "h"],
        Format::Libseccomp => &["csv"],
        Format::Systrack | Format::Kapi => &["json"],
        Format::KernelAbiTools => &["tsv"],
    };
    let failed = |path: &Path, error: std::io::Error| {
        Failure::new("the descriptions could not be read").at(path.display().to_string()).why(error.to_string())
    };
    let mut files = Vec::new();
    for path in paths {
        let mut inside = Vec::new();
        if path.is_dir() {
            for entry in fs::read_dir(path).map_err(|error| failed(path, error))? {
                let entry = entry.map_err(|error| failed(path, error))?.path();
                let ending = entry.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
                if endings.contains(&ending) && entry.is_file() {
                    inside.push(entry);
                }
            }
            inside.sort();
        } else {
            inside.push(path.clone());
        }
        for path in inside {
            let bytes = fs::read(&path).map_err(|error| failed(&path, error))?;
            files.push(SourceFile {
                path: path.display().to_string(),
                text: String::from_utf8_lossy(&bytes).into_owned(),
            });
        }
    }
    if files.is_empty() {
        return Err(Failure::new("there is nothing to import")
            .why(format!("no file ends in .{}", endings.join(" or .")))
            .help("name the files themselves"));
    }
    Ok(files)
}

fn skeletons(dir: &Path, spec: &Spec, witnesses: &[Facts]) -> Result<usize, Failure> {
    let files = import::skeletons(spec, witnesses);
    let documents: Vec<Document> = files.into_iter().map(Document::from).collect();
    super::export::write_all(dir, &documents)?;
    Ok(documents.len())
}

/// A specification from its JSON.
fn specification(args: &Args, out: &mut dyn Write) -> Result<Exit, Failure> {
    let Some(dir) = &args.as_yaml else {
        return Err(Failure::new("a specification is imported into a folder")
            .help("name one: --as-yaml DIR; `abispec diff` compares two specifications"));
    };
    let [path] = args.files.as_slice() else {
        return Err(Failure::new("a specification's JSON is one file"));
    };
    let failed = |why: String| Failure::new("the JSON could not be read").at(path.display().to_string()).why(why);
    let bytes = fs::read(path).map_err(|error| failed(error.to_string()))?;
    let json = serde_json::from_slice(&bytes).map_err(|error| failed(error.to_string()))?;
    let files = abispec::export::yaml(&json).map_err(failed)?;
    let (spec, findings) = abispec::load::load(files.clone());
    if !findings.is_empty() {
        return Err(Failure::Broken { what: "the imported specification", findings });
    }
    let documents: Vec<Document> = files.into_iter().map(Document::from).collect();
    super::export::write_all(dir, &documents)?;
    writeln!(out, "{} system calls in {} files below {}", spec.syscalls.len(), documents.len(), dir.display())?;
    Ok(Exit::Conforms)
}
