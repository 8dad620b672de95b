//! The process between the host's and the emulator: it asks to be killed when the one that started it ends, and becomes the
//! emulator, which has no such option of its own.

use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use nix::unistd::getppid;
use std::env;
use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt;
use std::process::{Command, exit};

/// The first argument of such a process. No option of a program looks like it.
const ASKED: &str = "abispec-vm-guard";

/// The command that runs `program` bound to this thread's life.
pub(crate) fn bound(program: &OsStr) -> Command {
    let mut command = Command::new("/proc/self/exe");
    command.arg(ASKED).arg(std::process::id().to_string()).arg(program);
    command
}

/// Becomes the bound program where this process was started to be one.
pub(crate) fn main_if_asked() {
    let mut args = env::args_os().skip(1);
    if args.next().is_none_or(|first| first != ASKED) {
        return;
    }
    let parent = args.next().and_then(|text| text.to_str().and_then(|text| text.parse::<i32>().ok()));
    let Some(program) = args.next() else { exit(2) };
    // The parent may have ended before the signal was asked for: then nobody waits for the program.
    if set_pdeathsig(Signal::SIGKILL).is_err() || parent != Some(getppid().as_raw()) {
        exit(2);
    }
    let rest: Vec<OsString> = args.collect();
    let error = Command::new(&program).args(rest).exec();
    // Standard error is the one way to tell; it may be closed.
    let _ = std::io::Write::write_all(
        &mut std::io::stderr(),
        format!("{}: {error}\n", program.to_string_lossy()).as_bytes(),
    );
    exit(if error.kind() == std::io::ErrorKind::NotFound { 127 } else { 126 });
}
