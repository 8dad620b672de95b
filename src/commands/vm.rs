//! `abispec vm`.

mod ended;
mod flown;

use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::interrupt;
use crate::journal::Journal;
use crate::known;
use abispec_vm::accel::{Accel, NoKvm, probe};
use abispec_vm::console::Console;
use abispec_vm::kernel::{Kernel, NoKernel};
use abispec_vm::machine::{Machine, Tree};
use abispec_vm::memory::Memory;
use abispec_vm::{DISPOSABLE, Needs, Received, Receiving, needs_of, own_needs};
pub(super) use ended::EXPLANATIONS;
use ended::Ended;
use flown::Flown;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Options of `abispec vm`.
#[derive(clap::Args, Debug)]
#[group(skip)]
#[command(group = clap::ArgGroup::new("booted").required(true), after_help = "Examples:
  abispec vm --kernel vmlinuz-6.1 -- fuzz --time 10m     that kernel instead of the running one
  abispec vm --kernel vmlinuz-7.3 -- fuzz --time 1h --privileged    with nothing forbidden
  abispec vm --kernel vmlinuz-6.1 --program mkfs.ext4 -- fuzz --fs ext4
  abispec vm --tree ~/linux -- run                       a kernel that was just built
  abispec vm --package linux-image-6.1.0-50-cloud-amd64.deb -- check

KVM runs the guest's processor where a machine that is tried first shows that it works, else the emulator does (--accel).
The guest is this program in an initramfs; it needs an emulator (Debian: qemu-system-x86) and no rights. What the command
writes into its working directory comes out into --out as it is written.
The exit code is the command's; 1 also where the kernel itself complains on its console, 2 where the guest breaks off.")]
pub(crate) struct Args {
    /// The kernel's image: vmlinuz, bzImage
    #[arg(long, value_name = "FILE", group = "booted")]
    kernel: Option<PathBuf>,
    /// Debian packages that hold the kernel and its configuration
    #[arg(long, value_name = "DEBS", value_delimiter = ',', group = "booted")]
    package: Vec<PathBuf>,
    /// A tree of the kernel's source in which it was built, or the folder that was built in
    #[arg(long, value_name = "LINUX", group = "booted")]
    tree: Option<PathBuf>,
    /// The kernel's configuration; by default `config-X` beside `vmlinuz-X`
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Kernel modules that the guest loads, in this order
    #[arg(long, value_name = "FILES", value_delimiter = ',')]
    module: Vec<PathBuf>,
    /// Other programs that the guest has, such as mkfs.ext4
    #[arg(long, value_name = "FILES", value_delimiter = ',')]
    program: Vec<PathBuf>,
    /// Files, and folders of them, that the command finds in its working directory
    #[arg(long, value_name = "FILES", value_delimiter = ',')]
    file: Vec<PathBuf>,
    /// Memory of the guest, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 1024, value_parser = clap::value_parser!(u32).range(256..=65536))]
    memory: u32,
    /// More words for the kernel's command line
    #[arg(long, value_name = "WORDS", default_value = "")]
    append: String,
    /// The emulator
    #[arg(long, value_name = "PROGRAM", default_value = "qemu-system-x86_64")]
    emulator: OsString,
    /// What runs the guest's processor
    #[arg(long, value_enum, value_name = "HOW", default_value = "auto")]
    accel: Wanted,
    /// How long the guest may be silent before it is ended
    #[arg(long, value_name = "TIME", default_value = "2m", value_parser = crate::args::duration)]
    patience: Duration,
    /// Where the files that the command wrote come to lie
    #[arg(long, value_name = "DIR", default_value = "abispec-vm")]
    out: PathBuf,
    /// Known divergences, *.yaml files in a folder, that the guest takes instead of the project's own lists
    #[arg(long, value_name = "DIR")]
    known: Option<PathBuf>,
    /// Write how the machine itself fared, for `abispec merge`; the command's own --journal comes out into --out
    #[arg(long, value_name = "FILE")]
    journal: Option<PathBuf>,
    /// What abispec does in the guest
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// What is to run the guest's processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Wanted {
    /// KVM where a machine that is tried first runs by it, else the emulator
    Auto,
    /// KVM
    Kvm,
    /// The emulator
    Tcg,
}

impl Wanted {
    /// What it comes to with this emulator on this machine.
    fn accel(self, emulator: &OsStr) -> Result<Accel, Failure> {
        if self == Self::Tcg {
            return Ok(Accel::Tcg);
        }
        match (self, probe(emulator)) {
            (_, Ok(())) => Ok(Accel::Kvm),
            (Self::Auto | Self::Tcg, Err(NoKvm::NoDevice)) => Ok(Accel::Tcg),
            (Self::Auto | Self::Tcg, Err(NoKvm::Fails(why))) => {
                writeln!(io::stderr(), "note: the guest is emulated, since KVM does not work here: {why}")?;
                Ok(Accel::Tcg)
            }
            (Self::Kvm, Err(no)) => Err(Failure::new("KVM does not work on this machine")
                .why(no.to_string())
                .help("--accel tcg emulates the guest's processor, and works everywhere")),
        }
    }
}

/// Where a specification of the host's lies in the guest.
const SPECIFICATION: &str = "abispec/spec";
/// The command's working directory in the guest.
const WORK: &str = "work";
/// Where lists of known divergences lie in the guest.
const KNOWN: &str = "abispec/known";

/// Runs the command.
pub(super) fn run(args: &Args, context: &Context, out: &mut dyn Write) -> Result<Exit, Failure> {
    let stop = interrupt::flag();
    let spec = context.spec()?;
    let journal = Journal::create(args.journal.as_deref())?;
    let program = own_needs().map_err(|error| Failure::new("this program cannot be packed").why(error.to_string()))?;
    let kernel = match kernel(args) {
        Ok(kernel) => kernel,
        Err(missing) => {
            journal.engine(&spec, &ended::absent(&missing.at, &missing.why), "");
            let failure = Failure::new("there is no kernel to boot").at(missing.at.display().to_string());
            return Err(failure.why(missing.why).help(missing.help));
        }
    };
    let config = args.config.as_deref().map(|path| read(path, "the configuration")).transpose()?.or(kernel.config);
    let modules = args
        .module
        .iter()
        .map(|path| Ok((name(path), read(path, "a module")?)))
        .collect::<Result<Vec<_>, Failure>>()?;
    let others = args.program.iter().map(|path| found(path)).collect::<Result<Vec<_>, _>>()?;
    let mut command = args.command.clone();
    let mut files = Vec::new();
    if let Some(folder) = context.spec_dir() {
        collect(folder, SPECIFICATION, &yaml, &mut files).map_err(|error| {
            Failure::new("the specification cannot be packed").at(folder.display().to_string()).why(error.to_string())
        })?;
        command.extend(["--spec".into(), format!("/{SPECIFICATION}").into()]);
    }
    if let Some(folder) = &args.known {
        // Mistakes in it are told before anything is booted.
        known::read(Some(folder))?;
        collect(folder, KNOWN, &yaml, &mut files).map_err(|error| {
            Failure::new("the known divergences cannot be packed")
                .at(folder.display().to_string())
                .why(error.to_string())
        })?;
        command.extend(["--known".into(), format!("/{KNOWN}").into()]);
    }
    for path in &args.file {
        let inside = format!("{WORK}/{}", name(path));
        let packed = if path.is_dir() {
            collect(path, &inside, &|_| true, &mut files)
        } else {
            fs::read(path).map(|content| files.push((inside, content)))
        };
        packed.map_err(|error| {
            Failure::new("a file for the guest could not be read").at(path.display().to_string()).why(error.to_string())
        })?;
    }
    let tree = Tree {
        program: &program,
        command: &command,
        config: config.as_deref(),
        modules: &modules,
        others: &others,
        files: &files,
    };
    let machine = Machine {
        emulator: args.emulator.clone(),
        accel: args.accel.accel(&args.emulator)?,
        kernel: kernel.image.clone(),
        memory: Memory::of(args.memory).map_err(|error| {
            Failure::new("there is no memory for the guest").why(error.to_string()).help("--memory takes less")
        })?,
        append: format!("{DISPOSABLE} {}", args.append),
        patience: (args.patience, args.patience),
    };
    let mut console = Console::default();
    let mut err = io::stderr();
    let start = Instant::now();
    let mut to = Receiving { out, err: &mut err, folder: &args.out, received: Received::default() };
    let end = machine.run(&tree.archive(), &mut console, &stop, &mut |frame| to.take(frame));
    let received = to.received;
    let took = start.elapsed();
    let flown = ended::broken_off(&end, &received).map(|id| Flown::of(&machine.memory, &args.out, id));
    let flown = flown.unwrap_or_default();
    let ended = Ended { end, received: &received, console: &console, kernel: &kernel.name, took, flown };
    journal.engine(&spec, &ended.result(), "");
    let exit = ended.conclude(&args.out)?;
    journal.close()?;
    Ok(exit)
}

fn kernel(args: &Args) -> Result<Kernel, NoKernel> {
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

fn collect(
    from: &Path,
    to: &str,
    wanted: &dyn Fn(&Path) -> bool,
    files: &mut Vec<(String, Vec<u8>)>,
) -> io::Result<()> {
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
