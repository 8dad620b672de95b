//! `abispec vm`.

mod ended;
mod first;
mod flown;
mod guest;
mod guests;
mod joined;
mod order;
mod packed;

use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::interrupt;
use crate::journal::Journal;
use abispec_vm::accel::{Accel, NoKvm, probe};
use abispec_vm::machine::emulator;
pub(super) use ended::EXPLANATIONS;
use guest::Setup;
use guests::Line;
use order::Order;
pub(super) use order::Plan;
use packed::Packed;
use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

/// Options of `abispec vm`.
#[derive(clap::Args, Debug)]
#[group(skip)]
#[command(group = clap::ArgGroup::new("booted").required(true), after_help = "Examples:
  abispec vm --kernel vmlinuz-6.1 -- fuzz --time 10m     that kernel instead of the running one
  abispec vm --kernel vmlinuz-7.3 -- fuzz --time 1h --privileged    with nothing forbidden
  abispec vm --kernel vmlinuz-6.1 --program mkfs.ext4 -- fuzz --fs ext4
  abispec vm --kernel vmlinuz-6.1 --guests 4 --journal all.jsonl -- fuzz --time 1h    four guests, one report
  abispec vm --tree ~/linux -- run                       a kernel that was just built
  abispec vm --package linux-image-6.1.0-50-cloud-amd64.deb -- check

KVM runs the guest's processor where a machine that is tried first shows that it works, else the emulator does (--accel).
The guest is this program in an initramfs; it needs an emulator (Debian: qemu-system-x86) and no rights. What the command
writes into its working directory comes out into --out as it is written.
A guest that dies, hangs or runs out of memory is a finding that names the call in flight. Where the command is fuzz or run, a
fresh guest, whose files come to lie in `again-1` of --out, goes on for what is left of --time, with a seed that follows from the
first one and the shard: the same seed makes the same programs as long as guests die at the same ones. Three that break off within ten
seconds of their start are the last. Guests side by side have folders `guest-1` to `guest-N`; all are one report.
The exit code is the command's; 1 also where the kernel complains on its console, or a guest broke off and others did what was left;
2 where that was given up, or nothing came up.")]
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
    /// Guests side by side, each with its own shard of what `fuzz` or `run` makes
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    guests: u16,
    /// How long the guest may be silent before it is ended
    #[arg(long, value_name = "TIME", default_value = "2m", value_parser = crate::args::duration)]
    patience: Duration,
    /// Where the files that the command wrote come to lie
    #[arg(long, value_name = "DIR", default_value = "abispec-vm")]
    out: PathBuf,
    /// Known divergences, *.yaml files in a folder, that the guest takes instead of the project's own lists
    #[arg(long, value_name = "DIR")]
    known: Option<PathBuf>,
    /// Write what the guests did and how their machines fared, for `abispec merge`; the journal of each comes out into --out
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

/// Runs the command.
pub(super) fn run(args: &Args, context: &Context, out: &mut dyn Write) -> Result<Exit, Failure> {
    let stop = interrupt::flag();
    let order = match Order::read(&args.command, context) {
        Ok(order) => order,
        Err(said) => {
            said.print()?;
            return Ok(if said.use_stderr() { Exit::CouldNotRun } else { Exit::Conforms });
        }
    };
    order.allow(args.guests)?;
    let spec = context.spec()?;
    let journal = Journal::create(args.journal.as_deref())?;
    let mut kernel = match packed::kernel(args) {
        Ok(kernel) => kernel,
        Err(missing) => {
            journal.engine(&spec, &ended::absent(&missing.at, &missing.why), "");
            let failure = Failure::new("there is no kernel to boot").at(missing.at.display().to_string());
            return Err(failure.why(missing.why).help(missing.help));
        }
    };
    let packed = Packed::new(args, kernel.config.take(), context)?;
    if emulator(&args.emulator).is_none() {
        let why = format!("there is no {}", args.emulator.display());
        journal.engine(&spec, &ended::absent(&kernel.name, &why), "");
        return Err(ended::no_emulator(why));
    }
    let accel = args.accel.accel(&args.emulator)?;
    let setup = Setup { spec: &spec, args, kernel: &kernel, packed: &packed, accel, stop: &stop };
    let shares = order.plan.as_ref().map_or_else(Vec::new, |plan| {
        order::shares(plan, plan.seed.unwrap_or_else(super::fuzz::fresh_seed), args.guests)
    });
    let lines = if shares.len() > 1 {
        guests::side_by_side(&setup, &order, &shares)?
    } else {
        let place = ("guest 1", args.out.as_path());
        let own: &mut dyn Write = out;
        vec![guests::one_after_another(&setup, &order, shares.first(), place, Some(own), &mut io::stderr())?]
    };
    let runs = joined::runs(&spec, &lines);
    runs.iter().for_each(|run| journal.run(run));
    joined::notes(&lines)?;
    let exit = match &*lines {
        // Its command has said everything itself.
        [line] if !line.broke_off() => line.conclude()?,
        _ => {
            let told = if shares.len() > 1 { Vec::new() } else { lines.iter().flat_map(Line::told).collect() };
            let exit = joined::report(runs, &told, &order.context, out)?;
            out.flush()?;
            joined::conclude(&lines, exit)?
        }
    };
    journal.close()?;
    Ok(exit)
}
