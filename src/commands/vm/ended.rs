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
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

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
pub(super) struct Ended {
    pub(super) end: Result<End, MachineError>,
    pub(super) received: Received,
    pub(super) console: Console,
    pub(super) kernel: PathBuf,
    /// Where its files lie.
    pub(super) folder: PathBuf,
    pub(super) took: Duration,
    /// When it came up.
    pub(super) up: Option<SystemTime>,
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

impl Ended {
    /// What was in flight, in a few words behind a sentence.
    fn meanwhile(&self) -> String {
        self.flown.what.as_ref().map_or_else(String::new, |what| format!(", {what}"))
    }

    /// What is to be told of the guest as a whole.
    pub(super) fn result(&self) -> EngineResult {
        if let Err(error) = &self.end {
            return absent(&self.kernel, &error.to_string());
        }
        let mut result = absent(&self.kernel, "");
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
        let broken_off = broken_off(&self.end, &self.received).or(self.never_came_up().then_some("guest-not-up"));
        let broken_off = broken_off.map(|id| finding(id, self.told()));
        if let Some(mut finding) = broken_off {
            let console = self.console.last().map(str::to_owned);
            finding.trace = self.flown.lines.iter().cloned().chain(console).collect();
            finding.files.clone_from(&self.flown.files);
            result.findings.push(finding.help("what had been found until then lies in the folder of --out"));
        }
        result
    }

    /// What is no answer of the command.
    pub(super) fn notes(&self) -> Vec<String> {
        let troubles = self.received.troubles.iter().map(|trouble| format!("in the guest, {trouble}"));
        let mut notes: Vec<String> = troubles.chain(self.flown.trouble.clone()).collect();
        if self.received.files > 0 {
            notes.push(format!("{} file(s) came out into {}", self.received.files, self.folder.display()));
        }
        if !self.flown.files.is_empty() {
            let folder = self.folder.join(flown::FOLDER);
            notes.push(format!(
                "{} program(s) that were in flight lie in {}",
                self.flown.files.len(),
                folder.display()
            ));
        }
        notes
    }

    /// Whether the guest was there and its command did not come to its end, though nobody stopped it.
    pub(super) fn broke_off(&self) -> bool {
        broken_off(&self.end, &self.received).is_some()
    }

    /// Whether the guest's kernel was given to the emulator, and nothing in it answered.
    pub(super) fn never_came_up(&self) -> bool {
        self.received.release.is_none() && matches!(self.end, Ok(End::Itself | End::Silent(_)))
    }

    /// How it ended, in a few words.
    pub(super) fn told(&self) -> String {
        match (&self.end, self.received.code) {
            (Err(error), _) => error.to_string(),
            (Ok(End::Stopped), _) => "stopped".to_owned(),
            (Ok(_), Some(code)) if code > BY_SIGNAL => {
                format!("the command in the guest was ended by signal {}{}", code - BY_SIGNAL, self.meanwhile())
            }
            (Ok(_), Some(code)) => format!("the command ended with {code}"),
            (Ok(End::Silent(patience)), None) if self.received.release.is_some() => {
                format!("nothing came from the guest for {} s{}", patience.as_secs(), self.meanwhile())
            }
            (Ok(End::Silent(patience)), None) => format!("the guest did not come up within {} s", patience.as_secs()),
            (Ok(End::Itself), None) if self.received.release.is_some() => {
                format!("the guest ended before its command did{}", self.meanwhile())
            }
            (Ok(End::Itself), None) => "the guest ended before it had come up".to_owned(),
        }
    }

    /// How the command ended.
    pub(super) fn conclude(&self) -> Result<Exit, Failure> {
        let end = self.end.as_ref().map_err(no_machine)?;
        let complaints = self.console.complaints();
        let indented = |line: &str| format!("\n    {line}");
        let last = || {
            let console = self.console.last().map(indented).collect::<String>();
            if console.is_empty() && self.flown.lines.is_empty() {
                return "it said nothing on its console".to_owned();
            }
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
                Err(Failure::new(self.told()).why(last()).help("it may need more --memory"))
            }
            (Some(code), _) => Err(Failure::new(format!("the command in the guest ended with {code}"))),
            (None, End::Silent(patience)) => {
                let what = if up { "the guest fell silent" } else { "the guest did not come up" };
                let what = format!("{what}{}", self.meanwhile());
                Err(Failure::new(what)
                    .why(format!("nothing came for {} s; {}", patience.as_secs(), last()))
                    .help("a slower machine needs more --patience"))
            }
            (None, End::Itself) if up => Err(Failure::new(self.told())
                .why(last())
                .help("what had been found until then lies in the folder of --out; `abispec explain guest-died`")),
            (None, End::Itself) => Err(Failure::new("the guest's kernel did not come up")
                .at(self.kernel.display().to_string())
                .why(last())
                .help("`abispec explain guest-not-up` says what a guest's kernel needs")),
        }
    }
}

/// What is told where no machine could be started at all.
pub(super) fn no_emulator(why: String) -> Failure {
    Failure::new("the machine could not be started")
        .why(why)
        .help("it needs an emulator (Debian: qemu-system-x86), or name one with --emulator")
}

fn no_machine(error: &MachineError) -> Failure {
    match error {
        MachineError::Start(..) => no_emulator(error.to_string()),
        MachineError::Refused(_) => Failure::new("the machine could not be started")
            .why(error.to_string())
            .help("is --kernel an image that a boot loader would load, and --emulator an emulator of whole machines?"),
        MachineError::Io(_) => Failure::new("the guest could not be listened to").why(error.to_string()),
        MachineError::Kept(_) => Failure::new("what the guest found could not be kept, and the machine was ended")
            .why(error.to_string())
            .help("make room, or name another folder with --out"),
    }
}
