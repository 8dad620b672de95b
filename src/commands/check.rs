//! `abispec check`.

mod series;

use crate::args::Format;
use crate::context::Context;
use crate::engine::{self, EngineResult, Skipped};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::journal::{self, Journal};
use crate::known;
use abispec::arch::Arch;
use abispec::finding::Finding;
use abispec::known::{Circumstances, Entry, Known, Waivers};
use abispec::model::Spec;
use abispec::report::Origin;
use abispec_checker::checks::Report;
use abispec_checker::facts::Facts;
use abispec_checker::files::git::Repository;
use abispec_checker::files::{Files, Folder};
use abispec_checker::tree::{Parts, witnesses_of_tree};
use abispec_checker::{Bindings, Places, Witness, between, witnesses_of_this_machine};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use serde_json::json;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Instant;

/// Options of `abispec check`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  abispec check                                   what this machine states: headers, BTF, tracefs, symbols
  abispec check --headers ./usr/include           other headers, as `make headers_install` leaves them
  abispec check --headers ./usr/include --arch arm64 --only headers
  abispec check --kernel /boot/vmlinuz-6.12.117   a kernel that does not run here, of whatever port
  abispec check --rust ~/src/libc --arch mips_o32 bindings for Rust as they are for one port
  abispec check --between                         headers, kernel and bindings against each other
  abispec check --tree .                          a kernel's source tree, every port: tables, definitions, headers
  abispec check --tree . --new-since ../linux-6.12 calls that the older tree lacks must be specified
  abispec check --git v7.2..HEAD                  in a kernel's repository: what these commits bring about, and nothing else
  abispec check --only man                        the installed man pages against the specification
  abispec check --man ./man-pages --known ./known other pages, and what is known to differ in them
  abispec check --silent                          also what no witness says anything about
  abispec check --format json                     one finding a line, then what was compared

Exit codes: 0 conforms, 1 divergences, 2 compared nothing.")]
pub(crate) struct Args {
    /// The folder of the UAPI headers, which holds linux/
    #[arg(long, value_name = "DIR")]
    headers: Option<PathBuf>,
    /// A kernel's source tree instead of this machine: its tables of system calls, definitions and headers, for every
    /// port or for the one of --arch
    #[arg(long, value_name = "DIR", conflicts_with_all = ["headers", "btf", "kernel", "tracefs", "symbols"])]
    tree: Option<PathBuf>,
    /// A series in a kernel's repository instead of a tree: only what it brings about, and what lies in lines that it wrote
    #[arg(long, value_name = "BASE..HEAD", conflicts_with_all = ["headers", "btf", "kernel", "tracefs", "symbols", "tree"])]
    git: Option<String>,
    /// The repository of --git
    #[arg(long, value_name = "DIR", default_value = ".", requires = "git")]
    repo: PathBuf,
    /// An older kernel source tree: system calls that it lacks are new, and each must be specified
    #[arg(long, value_name = "DIR", requires = "tree")]
    new_since: Option<PathBuf>,
    /// A kernel's type information by itself, as /sys/kernel/btf/vmlinux is [default: the running kernel's]
    #[arg(long, value_name = "FILE", conflicts_with = "kernel")]
    btf: Option<PathBuf>,
    /// A kernel image instead of the running kernel: vmlinux, vmlinuz, bzImage, Image.gz, zImage, EFI zboot
    #[arg(long, value_name = "IMAGE")]
    kernel: Option<PathBuf>,
    /// Where tracefs is mounted
    #[arg(long, value_name = "DIR")]
    tracefs: Option<PathBuf>,
    /// A kernel's System.map instead of the running kernel's /proc/kallsyms
    #[arg(long, value_name = "FILE")]
    symbols: Option<PathBuf>,
    /// A folder of man pages; these are asked only with this or `--only man` [default: /usr/share/man]
    #[arg(long, value_name = "DIR")]
    man: Option<PathBuf>,
    /// The folder of a Rust crate with bindings, several times if wanted; with `--only rust` or `--between` alone, cargo's
    /// copies of libc and linux-raw-sys
    #[arg(long, value_name = "DIR")]
    rust: Vec<PathBuf>,
    /// Known divergences, *.yaml files in a folder, instead of the project's own lists
    #[arg(long, value_name = "DIR")]
    known: Option<PathBuf>,
    /// The port that headers are read for, and of which a witness is that does not name its port
    #[arg(long, value_name = "PORT", value_parser = crate::args::arch)]
    arch: Option<Arch>,
    /// Ask these witnesses only
    #[arg(long, value_name = "WITNESS", value_delimiter = ',', value_enum)]
    only: Vec<Only>,
    /// Also hold the witnesses against each other: where they differ is a mistake of one of them, and only a warning
    #[arg(long)]
    between: bool,
    /// Also list what could not be compared, and what is known to differ
    #[arg(long)]
    silent: bool,
    /// Write what is done while it is done, for `abispec merge`
    #[arg(long, value_name = "FILE")]
    journal: Option<PathBuf>,
}

/// A witness.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Only {
    /// UAPI headers
    Headers,
    /// A kernel's type information
    Btf,
    /// The running kernel's list of system calls
    Tracefs,
    /// The kernel's list of its symbols: which calls it serves, as it is configured
    Symbols,
    /// A tree's tables of system calls, definitions and options
    Tree,
    /// Man pages
    Man,
    /// Bindings for Rust
    Rust,
}

/// Where man pages are installed.
const INSTALLED: &str = "/usr/share/man";

/// What was compared, without what is reported.
pub(super) struct Compared<'k> {
    report: Report,
    waived: Vec<(Finding, &'k Entry)>,
}

/// Runs the command.
pub(super) fn run(args: &Args, context: &Context, out: &mut dyn Write) -> Result<Exit, Failure> {
    context.lists("--silent", args.silent)?;
    let spec = context.spec()?;
    let known = known::read(args.known.as_deref())?;
    let journal = Journal::create(args.journal.as_deref())?;
    let (mut result, compared) = match (&args.git, &args.tree) {
        (Some(range), _) => of_series(args, range, &spec, &known)?,
        (None, Some(tree)) => {
            let files: Arc<dyn Files> = Arc::new(Folder(tree.clone()));
            compare(&spec, &known, args.between, |result| tree_facts(args, &files, result))?
        }
        (None, None) => compare(&spec, &known, args.between, |result| Ok(machine_facts(&places(args), &spec, result)))?,
    };
    // Who names a folder wants its pages compared; others are told what was left out.
    if let Some(skipped) = result.skipped.iter().find(|skipped| args.man.is_some() && skipped.what == "man") {
        return Err(Failure::new("the man pages could not be read")
            .why(skipped.why.clone())
            .help("--man takes a folder that holds man2/, or pages of section 2"));
    }
    if args.silent {
        silent(&compared, context, out)?;
    }
    if args.git.is_none()
        && args.tree.is_none()
        && args.kernel.is_none()
        && args.btf.is_none()
        && args.headers.is_none()
        && args.symbols.is_none()
    {
        result.origin = Some(journal::here());
    }
    journal.engine(&spec, &result, &words(args));
    engine::write(&result, context, out)?;
    journal.close()?;
    Ok(engine::exit(&[result]))
}

/// What decides what is compared, for a journal.
fn words(args: &Args) -> String {
    let paths = [
        ("headers", &args.headers),
        ("tree", &args.tree),
        ("btf", &args.btf),
        ("kernel", &args.kernel),
        ("symbols", &args.symbols),
        ("man", &args.man),
    ];
    let path = |(name, path): &(&str, &Option<PathBuf>)| path.as_ref().map(|path| format!("{name}={}", path.display()));
    let only = args.only.iter().map(|only| format!("only={only:?}").to_lowercase());
    let arch = args.arch.iter().map(|arch| format!("arch={}", arch.name()));
    paths.iter().filter_map(path).chain(only).chain(arch).collect::<Vec<_>>().join(" ")
}

fn places(args: &Args) -> Places {
    let usual = Places::default();
    let asked =
        |only: Only, place: Option<PathBuf>| place.filter(|_| args.only.is_empty() || args.only.contains(&only));
    Places {
        arch: args.arch,
        headers: asked(Only::Headers, args.headers.clone().or(usual.headers)),
        btf: asked(Only::Btf, args.btf.clone().or(usual.btf)).filter(|_| args.kernel.is_none()),
        kernel: asked(Only::Btf, args.kernel.clone()),
        tracefs: asked(Only::Tracefs, args.tracefs.clone().or(usual.tracefs)),
        symbols: asked(Only::Symbols, args.symbols.clone().or(usual.symbols)),
        man: asked(Only::Man, args.man.clone().or_else(|| args.only.contains(&Only::Man).then(|| INSTALLED.into()))),
        rust: match args.rust.as_slice() {
            _ if !args.only.is_empty() && !args.only.contains(&Only::Rust) => Bindings::None,
            [] if args.between || args.only.contains(&Only::Rust) => Bindings::Found,
            [] => Bindings::None,
            named => Bindings::Named(named.to_vec()),
        },
        between: args.between,
        release: usual.release,
    }
}

/// Holds a specification against what this machine states.
pub(super) fn engine(spec: &Spec, known: &Known) -> Result<EngineResult, Failure> {
    let (result, _) = compare(spec, known, false, |result| Ok(machine_facts(&Places::default(), spec, result)))?;
    Ok(EngineResult { origin: Some(journal::here()), ..result })
}

/// What this machine states, as far as it can be read.
pub(super) fn facts(spec: &Spec) -> Vec<Facts> {
    gather(&Places::default(), spec).into_iter().filter_map(|witness| witness.facts.ok()).collect()
}

/// What this machine states, each witness by itself: they may speak of different kernels.
fn machine_facts(places: &Places, spec: &Spec, result: &mut EngineResult) -> Vec<Vec<Facts>> {
    let mut facts = Vec::new();
    for witness in gather(places, spec) {
        match witness.facts {
            Ok(found) => facts.push(vec![found]),
            Err(why) => {
                result.skipped.push(Skipped { what: format!("{:?}", witness.kind).to_lowercase(), why });
            }
        }
    }
    facts
}

/// What a series of commits brings about: its end, without what was there at its beginning.
fn of_series<'k>(
    args: &Args,
    range: &str,
    spec: &Spec,
    known: &'k Known,
) -> Result<(EngineResult, Compared<'k>), Failure> {
    let (base, head) = series::revisions(range)?;
    let touched = series::Touched::between(&args.repo, base, head)?;
    let open = |revision: &str| -> Result<Arc<dyn Files>, Failure> {
        let place = format!("{}: {revision}", args.repo.display());
        let repository = Repository::open(&args.repo, revision).map_err(|why| {
            Failure::new("a revision could not be read").at(place).why(why).help("--git takes BASE..HEAD")
        })?;
        Ok(Arc::new(repository))
    };
    let (before, after) = (open(base)?, open(head)?);
    let (earlier, _) = compare(spec, known, args.between, |result| tree_facts(args, &before, result))?;
    let (mut result, compared) = compare(spec, known, args.between, |result| tree_facts(args, &after, result))?;
    series::narrow(&mut result, &earlier.findings, &touched);
    Ok((result, compared))
}

/// What a tree states, all ports together: what they show alike is one finding.
fn tree_facts(args: &Args, tree: &Arc<dyn Files>, result: &mut EngineResult) -> Result<Vec<Vec<Facts>>, Failure> {
    let files = |path: &Path| -> Arc<dyn Files> { Arc::new(Folder(path.to_path_buf())) };
    let older = args.new_since.as_deref().map(files);
    let ports = args.arch.map_or_else(|| Arch::ALL.to_vec(), |arch| vec![arch]);
    let asked = |only| args.only.is_empty() || args.only.contains(&only);
    let parts = Parts { source: asked(Only::Tree), headers: asked(Only::Headers) };
    let witnesses = witnesses_of_tree(tree, older.as_ref(), &ports, parts).map_err(|why| {
        Failure::new("the tree could not be read")
            .why(why)
            .help("--tree takes the top folder of a kernel's source, the one with Makefile, arch/ and include/")
    })?;
    let mut facts = Vec::new();
    for witness in witnesses {
        match witness {
            Ok(found) => facts.push(found),
            Err((arch, why)) => result.skipped.push(Skipped { what: format!("headers of {arch}"), why }),
        }
    }
    Ok(vec![facts])
}

/// Holds witnesses against the specification, those of one kernel together.
pub(super) fn compare<'k>(
    spec: &Spec,
    known: &'k Known,
    between_witnesses: bool,
    read: impl FnOnce(&mut EngineResult) -> Result<Vec<Vec<Facts>>, Failure>,
) -> Result<(EngineResult, Compared<'k>), Failure> {
    let start = Instant::now();
    let mut result = EngineResult { name: "check".into(), ..EngineResult::default() };
    let mut report = Report::default();
    let mut waivers = Waivers::new(known, known::today());
    let mut waived = Vec::new();
    let mut all = Vec::new();
    for facts in read(&mut result)? {
        let Some(first) = facts.first() else { continue };
        if let Some(release) = first.release.value() {
            // The witness that comes last is the kernel itself, where one was asked.
            let arch = first.arch.name().to_owned();
            result.origin = Some(Origin { kernel: release.to_string(), arch, started: journal::now() });
        }
        let circumstances = Circumstances {
            kernel: first.release.value().copied(),
            pages: first.version,
            ports: facts.iter().map(|facts| facts.arch).collect(),
        };
        let mut found = abispec_checker::check(spec, &facts);
        let compared = |known: &Entry, subject: &str| {
            let id = known.id.as_str();
            let part_of = |whole: &String| {
                subject.strip_prefix(whole.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '(']))
            };
            found.compared.iter().any(|entry| entry.check == id && entry.count > 0)
                && !found.silent.iter().any(|silent| silent.check == id && silent.subjects.iter().any(part_of))
        };
        waived.extend(waivers.take(&mut found.findings, &circumstances, &compared));
        report.findings.append(&mut found.findings);
        report.compared.append(&mut found.compared);
        report.silent.append(&mut found.silent);
        if between_witnesses {
            all.extend(facts);
        }
    }
    result.findings = std::mem::take(&mut report.findings);
    result.findings.extend(waivers.findings());
    result.compared = report.comparisons() as u64;
    let mut witnesses: BTreeMap<&str, (usize, usize, usize)> = BTreeMap::new();
    for entry in &report.compared {
        let sums = witnesses.entry(&entry.witness).or_default();
        *sums = (sums.0 + entry.count, sums.1 + entry.findings, sums.2 + entry.silent);
    }
    for (witness, (count, findings, silent)) in witnesses {
        result.summary.push(format!("{witness}: {count} comparisons, {findings} disagree; silent about {silent}"));
    }
    if !waived.is_empty() {
        result.summary.push(format!("{} of these are known; `--silent` lists them with their reasons", waived.len()));
    }
    if between_witnesses {
        let mut others = between(&all);
        let (count, differ) = (others.comparisons(), others.findings.len());
        result.summary.push(format!("between witnesses: {count} comparisons, {differ} differ"));
        result.findings.append(&mut others.findings);
        report.silent.append(&mut others.silent);
    }
    result.took = start.elapsed();
    Ok((result, Compared { report, waived }))
}

fn gather(places: &Places, spec: &Spec) -> Vec<Witness> {
    let unmounted = places.tracefs.as_deref().filter(|dir| dir.is_dir() && !dir.join("events").exists());
    let Some(dir) = unmounted.filter(|_| nix::unistd::geteuid().is_root()) else {
        return witnesses_of_this_machine(places, spec);
    };
    // A mount namespace belongs to a thread here: what the thread mounts is gone when it ends.
    let inside = thread::scope(|scope| {
        let reading = scope.spawn(|| {
            // Where mounting is forbidden, the witness itself says that it is not there.
            let _ = mount_tracefs(dir);
            witnesses_of_this_machine(places, spec)
        });
        reading.join()
    });
    inside.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

fn mount_tracefs(dir: &Path) -> nix::Result<()> {
    unshare(CloneFlags::CLONE_NEWNS)?;
    let none: Option<&str> = None;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)?;
    mount(Some("tracefs"), dir, Some("tracefs"), MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC | MsFlags::MS_NODEV, none)
}

fn silent(compared: &Compared<'_>, context: &Context, out: &mut dyn Write) -> std::io::Result<()> {
    for (finding, entry) in &compared.waived {
        if context.format == Format::Json {
            let line = json!({"known": finding.id, "subject": finding.subject, "other": finding.other, "reason": entry.reason});
            writeln!(out, "{line}")?;
        } else {
            writeln!(out, "known[{}]: {}: {}", finding.id, finding.subject, finding.message)?;
            writeln!(out, "    {}", entry.reason.split_whitespace().collect::<Vec<_>>().join(" "))?;
        }
    }
    for entry in &compared.report.silent {
        if context.format == Format::Json {
            let line = json!({
                "silent": entry.check, "witness": entry.witness, "reason": entry.reason, "subjects": entry.subjects,
            });
            writeln!(out, "{line}")?;
        } else {
            writeln!(out, "{}: {}: {}", entry.witness, entry.check, entry.reason)?;
            writeln!(out, "    {}", entry.subjects.join(" "))?;
        }
    }
    Ok(())
}
