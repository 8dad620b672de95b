//! `abispec export`.

use super::show::narrow;
use crate::args::TargetArgs;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::selection::choose;
use abispec::export::{self, Document, Selection};
use abispec::model::Spec;
use abispec::report;
use clap::ValueEnum;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Options of `abispec export`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  abispec export json > spec.json                        everything, for every kernel
  abispec export json | jq '.syscalls.pipe2.errors'
  abispec export json --no-places                        the same bytes wherever the lines stand
  abispec export c-header --kernel 6.12 > abispec.h      tables for a fuzzer in C
  abispec export rust --arch i386 --syscalls openat2     what one call needs
  abispec export seccomp --syscalls group:files         a profile for a container engine
  abispec export syzlang --into descriptions             abispec.txt and abispec.txt.const
  abispec export man --syscalls pipe2 | man -l -

What is not for every kernel is for the running one, unless --kernel and --arch name another.")]
pub(crate) struct Args {
    /// The format
    what: What,
    #[command(flatten)]
    target: TargetArgs,
    /// System calls and `group:NAME`s, separated by commas; by default all
    #[arg(long, value_name = "SET", value_delimiter = ',')]
    syscalls: Vec<String>,
    /// Write the files into this folder, which is made if it is not there
    #[arg(long, value_name = "DIR")]
    into: Option<PathBuf>,
    /// Names of further calls that a filter permits, which the specification need not have (seccomp, libseccomp)
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    permit: Vec<String>,
    /// Leave out file, line and column of each clause (json)
    #[arg(long)]
    no_places: bool,
}

/// A format that other programs read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum What {
    /// The specification for every kernel, or what --kernel has of it; types and conditions as text
    Json,
    /// The JSON Schema of `json`
    JsonSchema,
    /// The JSON Schema of the lines that `--format json` writes of a run
    ReportSchema,
    /// The specification's own files, one for each call; needs --into
    Yaml,
    /// Tables of calls, arguments, flags, structs and errnos, for programs in C
    CHeader,
    /// Numbers, typed flags, structs with checked layouts, and the calls, for programs in Rust
    Rust,
    /// A profile that permits the chosen calls, for container engines (OCI)
    Seccomp,
    /// The same as a function in C, by means of libseccomp
    Libseccomp,
    /// Descriptions and constants for syzkaller; needs --into. Without --arch the constants of all its ports
    Syzlang,
    /// Comments with the kernel's API-specification tags, to stand above each definition
    KernelDoc,
    /// A manual page for each call
    Man,
    /// Tables of flags for strace; needs --into
    Strace,
    /// The graph of resources, for Graphviz
    Dot,
}

/// Writes the specification.
pub(super) fn run(args: &Args, context: &Context, out: &mut dyn Write) -> Result<Exit, Failure> {
    if args.no_places && args.what != What::Json {
        return Err(Failure::new("only `json` has places to leave out").help("leave --no-places out"));
    }
    if !args.permit.is_empty() && !matches!(args.what, What::Seccomp | What::Libseccomp) {
        return Err(Failure::new("only filters permit calls by name").help("leave --permit out, or export `seccomp`"));
    }
    if let Some(name) = args.permit.iter().find(|name| !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')) {
        return Err(Failure::new(format!("`{name}` is no name of a system call")).at("--permit"));
    }
    let spec = context.spec()?;
    let documents = match args.what {
        What::Json => vec![one("abispec.json", pretty(&whole_json(args, &spec)?)?)],
        What::JsonSchema => vec![one("abispec-1.schema.json", export::JSON_SCHEMA.to_owned())],
        What::ReportSchema => vec![one("report-1.schema.json", report::JSON_LINES_SCHEMA.to_owned())],
        What::Yaml => yaml(args, &spec)?,
        _ => for_a_kernel(args, &spec)?,
    };
    match &args.into {
        Some(dir) => write_all(dir, &documents)?,
        None if documents.len() == 1 || matches!(args.what, What::Man | What::KernelDoc) => {
            for document in &documents {
                out.write_all(document.text.as_bytes())?;
            }
        }
        None => {
            let names: Vec<&str> = documents.iter().take(3).map(|document| document.name.as_str()).collect();
            return Err(Failure::new(format!("this export has {} files", documents.len()))
                .why(format!("they are {} ...", names.join(", ")))
                .help("name a folder for them: --into DIR"));
        }
    }
    Ok(Exit::Conforms)
}

fn one(name: &str, text: String) -> Document {
    Document { name: name.to_owned(), text }
}

fn pretty(value: &serde_json::Value) -> Result<String, Failure> {
    let text = serde_json::to_string_pretty(value).map_err(std::io::Error::from)?;
    Ok(text + "\n")
}

/// Everything, or what the options leave of it.
fn whole_json(args: &Args, spec: &Spec) -> Result<serde_json::Value, Failure> {
    let narrowed = args.target.kernel.is_some() || args.target.arch.is_some() || !args.syscalls.is_empty();
    if !narrowed {
        return Ok(export::json(spec, !args.no_places));
    }
    let mut part = spec.clone();
    if let Some(kernel) = args.target.kernel {
        narrow::to_kernel(&mut part, kernel);
    }
    if let Some(arch) = args.target.arch {
        part.syscalls.retain(|_, call| call.number(arch).is_some());
    }
    if !args.syscalls.is_empty() {
        let chosen = choose(spec, &abispec::resolve(spec, &args.target.target()?), None, &args.syscalls)?;
        part.syscalls.retain(|name, _| chosen.contains(name));
    }
    let calls: Vec<String> = part.syscalls.keys().cloned().collect();
    part.laws.retain(|_, law| law.lines().iter().all(|line| calls.contains(&line.call)));
    Ok(export::json(&part, !args.no_places))
}

fn yaml(args: &Args, spec: &Spec) -> Result<Vec<Document>, Failure> {
    if args.target.kernel.is_some() || args.target.arch.is_some() || !args.syscalls.is_empty() {
        return Err(Failure::new("the specification's own files are for every kernel and call")
            .help("leave --kernel, --arch and --syscalls out"));
    }
    let files = export::yaml(&export::json(spec, true)).map_err(Failure::new)?;
    Ok(files.into_iter().map(Document::from).collect())
}

fn for_a_kernel(args: &Args, spec: &Spec) -> Result<Vec<Document>, Failure> {
    let resolved = abispec::resolve(spec, &args.target.target()?);
    let chosen = choose(spec, &resolved, None, &args.syscalls)?;
    let selection = Selection::new(spec, &resolved, &chosen);
    let elsewhere = |why: String| Failure::new("this port cannot be exported so").why(why).help("--arch names another");
    Ok(match args.what {
        What::Json | What::JsonSchema | What::ReportSchema | What::Yaml => Vec::new(),
        What::CHeader => vec![one("abispec.h", export::c_header(&selection))],
        What::Rust => vec![one("abispec.rs", export::rust(&selection))],
        What::Seccomp => {
            let profile = export::oci_seccomp(&selection, &args.permit).map_err(elsewhere)?;
            vec![one("seccomp.json", pretty(&profile)?)]
        }
        What::Libseccomp => vec![one("seccomp.c", export::libseccomp(&selection, &args.permit).map_err(elsewhere)?)],
        What::Syzlang => export::syzlang(&selection, args.target.arch.is_none()).map_err(elsewhere)?,
        What::KernelDoc => export::kernel_doc(&selection),
        What::Man => export::man(&selection),
        What::Strace => export::strace(&selection),
        What::Dot => vec![one("resources.dot", export::dot(&selection))],
    })
}

/// Writes files below a folder.
pub(super) fn write_all(dir: &Path, documents: &[Document]) -> Result<(), Failure> {
    for document in documents {
        let path = dir.join(&document.name);
        let written = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&path, &document.text));
        written.map_err(|error| {
            Failure::new("the export could not be written").at(path.display().to_string()).why(error.to_string())
        })?;
    }
    Ok(())
}
