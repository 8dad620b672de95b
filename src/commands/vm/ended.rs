//! What a machine's end means.

use crate::commands::vm::flown::{self, Flown};
use crate::engine::EngineResult;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::journal;
use abispec::finding::Finding;
use abispec::report::Origin;
use abispec_vm::Received;
use abispec_vm::console::Console;
use abispec_vm::machine::{End, MachineError};
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

/// The ids of findings about a guest as a whole, each with its explanation.
pub(in crate::commands) const EXPLANATIONS: &[(&str, &str)] = &[
    (
        "guest-complaint",
        "\
The guest's kernel complained of itself on its console: a warning, a bug, an oops, the report of a sanitizer, a stall.

What ran at that moment brought it about, or something else in that machine. The journal of the command that ran in the guest
says which programs were in flight, where the fuzzer noticed it too.",
    ),
    (
        "guest-died",
        "\
The guest ended before its command did: its kernel panicked, ran out of memory, or was restarted by what ran in it.

The trace holds the program that was running, read from the guest's memory, and the console's last lines. Each program of its
batch lies in the folder of --out, in `in-flight`, the likeliest first; `abispec vm --file FILE -- replay FILE` tries
one in a fresh guest, `--file DIR -- fuzz --corpus DIR` all of them. What had been found until then lies in --out too.",
    ),
    (
        "guest-command-killed",
        "\
What ran in the guest was ended there by a signal: its kernel ran out of memory, or a program killed what ran it.

The trace holds the program that was running, read from the guest's memory, and the console's last lines, where a kernel without
memory says so; replay files of its batch lie in the folder of --out, in `in-flight`. More --memory may be all that is missing.",
    ),
    (
        "guest-silent",
        "\
Nothing came from the guest for as long as --patience says, although it had come up: its kernel hangs, or nothing runs in it.

The trace holds the program that was running, read from the guest's memory, and the console's last lines; replay files of its batch
lie in the folder of --out, in `in-flight`. A machine that is much too slow looks the same: try again with more --patience.",
    ),
    (
        "guest-not-up",
        "\
The kernel began to boot, or was given to the emulator, and the program in it never answered.

The trace holds the console's last lines: a panic is told there. A kernel without an initramfs, the 8250 serial ports or devtmpfs
cannot be a guest (CONFIG_BLK_DEV_INITRD, CONFIG_SERIAL_8250_CONSOLE, CONFIG_DEVTMPFS).",
    ),
];

/// A machine that has ended.
pub(super) struct Ended<'a> {
    pub(super) end: Result<End, MachineError>,
    pub(super) received: &'a Received,
    pub(super) console: &'a Console,
    pub(super) kernel: &'a Path,
    pub(super) took: Duration,
    /// What was in flight, where the guest broke off.
    pub(super) flown: Flown,
}

/// What is told of a kernel that no machine was started for.
pub(super) fn absent(kernel: &Path, why: &str) -> EngineResult {
    let name =
        kernel.file_name().map_or_else(|| kernel.display().to_string(), |name| name.to_string_lossy().into_owned());
    let origin = Origin { kernel: name, ..journal::here() };
    EngineResult { origin: Some(origin), ..EngineResult::skipped("vm", "the whole machine", why) }
}

/// What a command's code has beside the number of the signal that ended it.
const BY_SIGNAL: i32 = 128;

/// The id of the finding for a guest that was up, and whose command did not come to its end.
pub(super) fn broken_off(end: &Result<End, MachineError>, received: &Received) -> Option<&'static str> {
    match end {
        Ok(End::Silent(_)) if received.code.is_none() && received.release.is_some() => Some("guest-silent"),
        Ok(End::Itself) if received.code.is_none() && received.release.is_some() => Some("guest-died"),
        Ok(End::Itself | End::Silent(_)) if received.code.is_some_and(|code| code > BY_SIGNAL) => {
            Some("guest-command-killed")
        }
        Ok(_) | Err(_) => None,
    }
}

impl Ended<'_> {
    /// What was in flight, in a few words behind a sentence.
    fn meanwhile(&self) -> String {
        self.flown.what.as_ref().map_or_else(String::new, |what| format!(", {what}"))
    }

    /// What is to be told of the guest as a whole.
    pub(super) fn result(&self) -> EngineResult {
        let end = match &self.end {
            Ok(end) => *end,
            Err(error) => return absent(self.kernel, &error.to_string()),
        };
        let mut result = absent(self.kernel, "");
        result.skipped.clear();
        if let (Some(release), Some(origin)) = (&self.received.release, &mut result.origin) {
            origin.kernel.clone_from(release);
        }
        result.took = self.took;
        result.compared = u64::from(self.received.code.is_some());
        let finding = |id: &str, message: String| Finding::error(id, "kernel", message);
        for complaint in self.console.complaints() {
            result.findings.push(finding("guest-complaint", format!("the guest's kernel says: {complaint}")));
        }
        let seconds = |patience: Duration| patience.as_secs();
        let up = self.received.release.is_some();
        let broken_off = match (self.received.code, end) {
            (Some(code), _) if code > BY_SIGNAL => {
                let signal = code - BY_SIGNAL;
                let told = format!("the command in the guest was ended by signal {signal}{}", self.meanwhile());
                Some(finding("guest-command-killed", told))
            }
            (Some(_), _) | (None, End::Stopped) => None,
            (None, End::Silent(patience)) if up => Some(finding(
                "guest-silent",
                format!("nothing came from the guest for {} s{}", seconds(patience), self.meanwhile()),
            )),
            (None, End::Silent(patience)) => {
                Some(finding("guest-not-up", format!("the guest did not come up within {} s", seconds(patience))))
            }
            (None, End::Itself) if up => {
                Some(finding("guest-died", format!("the guest ended before its command did{}", self.meanwhile())))
            }
            (None, End::Itself) => Some(finding("guest-not-up", "the guest ended before it had come up".to_owned())),
        };
        if let Some(mut finding) = broken_off {
            let console = self.console.last().map(str::to_owned);
            finding.trace = self.flown.lines.iter().cloned().chain(console).collect();
            finding.files.clone_from(&self.flown.files);
            result.findings.push(finding.help("what had been found until then lies in the folder of --out"));
        }
        result
    }

    /// How the command ends; what is no answer of the command is told on standard error.
    pub(super) fn conclude(&self, out: &Path) -> Result<Exit, Failure> {
        let end = self.end.as_ref().map_err(no_machine)?;
        let mut err = io::stderr();
        for trouble in &self.received.troubles {
            writeln!(err, "note: in the guest, {trouble}")?;
        }
        if self.received.files > 0 {
            writeln!(err, "note: {} file(s) came out into {}", self.received.files, out.display())?;
        }
        let complaints = self.console.complaints();
        for complaint in complaints {
            writeln!(err, "error: the guest's kernel says: {complaint}")?;
        }
        if let Some(trouble) = &self.flown.trouble {
            writeln!(err, "note: {trouble}")?;
        }
        if !self.flown.files.is_empty() {
            let folder = out.join(flown::FOLDER);
            writeln!(
                err,
                "note: {} program(s) that were in flight lie in {}",
                self.flown.files.len(),
                folder.display()
            )?;
        }
        let indented = |line: &str| format!("\n    {line}");
        let last = || {
            let console = self.console.last().map(indented).collect::<String>();
            if self.flown.lines.is_empty() {
                return format!("its console's last lines:{console}");
            }
            let ran: String = self.flown.lines.iter().map(|line| indented(line)).collect();
            format!("what ran:{ran}\n  its console's last lines:{console}")
        };
        let up = self.received.release.is_some();
        match (self.received.code, end) {
            (_, End::Stopped) => Err(Failure::new("the machine was stopped")),
            (Some(0), _) if complaints.is_empty() => Ok(Exit::Conforms),
            (Some(0 | 1), _) => Ok(Exit::Divergences),
            (Some(2), _) => Ok(Exit::CouldNotRun),
            (Some(code), _) if code > BY_SIGNAL => {
                let told = format!("the command in the guest was ended by signal {}", code - BY_SIGNAL);
                Err(Failure::new(format!("{told}{}", self.meanwhile())).why(last()).help("it may need more --memory"))
            }
            (Some(code), _) => Err(Failure::new(format!("the command in the guest ended with {code}"))),
            (None, End::Silent(patience)) => {
                let what = if up { "the guest fell silent" } else { "the guest did not come up" };
                let what = format!("{what}{}", self.meanwhile());
                Err(Failure::new(what)
                    .why(format!("nothing came for {} s; {}", patience.as_secs(), last()))
                    .help("a slower machine needs more --patience"))
            }
            (None, End::Itself) if up => {
                Err(Failure::new(format!("the guest ended before its command did{}", self.meanwhile()))
                    .why(last())
                    .help("what had been found until then lies in the folder of --out; `abispec explain guest-died`"))
            }
            (None, End::Itself) => Err(Failure::new("the guest's kernel did not come up")
                .at(self.kernel.display().to_string())
                .why(last())
                .help("`abispec explain guest-not-up` says what a guest's kernel needs")),
        }
    }
}

fn no_machine(error: &MachineError) -> Failure {
    match error {
        MachineError::Start(..) => Failure::new("the machine could not be started")
            .why(error.to_string())
            .help("it needs an emulator (Debian: qemu-system-x86), or name one with --emulator"),
        MachineError::Refused(_) => Failure::new("the machine could not be started")
            .why(error.to_string())
            .help("is --kernel an image that a boot loader would load, and --emulator an emulator of whole machines?"),
        MachineError::Io(_) => Failure::new("the guest could not be listened to").why(error.to_string()),
        MachineError::Kept(_) => Failure::new("what the guest found could not be kept, and the machine was ended")
            .why(error.to_string())
            .help("make room, or name another folder with --out"),
    }
}
