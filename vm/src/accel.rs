//! Whether the emulator can leave the guest's processor to the host's: found out by a machine that does one thing.

use crate::guard;
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::unistd::ftruncate;
use std::ffi::OsStr;
use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// What runs the guest's processor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Accel {
    /// The host's processor, through KVM.
    Kvm,
    /// The emulator itself.
    #[default]
    Tcg,
}

impl Accel {
    /// Options of the emulator.
    pub(crate) fn options(self) -> [&'static str; 4] {
        match self {
            Self::Kvm => ["-accel", "kvm", "-cpu", "host"],
            Self::Tcg => ["-accel", "tcg", "-cpu", "qemu64"],
        }
    }
}

/// The device without which there is no KVM.
pub const DEVICE: &str = "/dev/kvm";

/// How long the little machine may take. Where KVM works it takes a fraction of a second.
const PATIENCE: Duration = Duration::from_secs(5);
/// Where its program writes to.
const PORT: u8 = 0xf4;
/// What it writes.
const WORD: u8 = 0x10;
/// The code with which an emulator ends when that is written to `isa-debug-exit`.
const EXPECTED: i32 = (WORD as i32) << 1 | 1;
/// Bytes of a floppy disk; its first 512 are the program.
const DISK: i64 = 1_474_560;

/// Why there is no KVM.
#[derive(Debug)]
pub enum NoKvm {
    /// This kernel has no such device.
    NoDevice,
    /// It has one, and it does not run a machine.
    Fails(String),
}

impl fmt::Display for NoKvm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoDevice => write!(f, "there is no {DEVICE}"),
            Self::Fails(why) => f.write_str(why),
        }
    }
}

/// Looks whether a machine runs by KVM under this emulator: a boot sector that writes one byte to a port.
///
/// That the device can be opened says little: where KVM itself runs in a virtual machine, its guests may hang at once.
///
/// # Errors
/// When there is no KVM, or the machine does not end as its program says.
pub fn probe(emulator: &OsStr) -> Result<(), NoKvm> {
    if !Path::new(DEVICE).exists() {
        return Err(NoKvm::NoDevice);
    }
    let unable = |error: io::Error| NoKvm::Fails(format!("no machine can be made to try it: {error}"));
    let disk = disk().map_err(unable)?;
    let drive = format!("file=/proc/self/fd/{},format=raw,if=floppy,readonly=on", disk.as_raw_fd());
    let mut command = guard::bound(emulator);
    command
        .args(["-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-net", "none", "-smp", "1"])
        .args(["-machine", "pc", "-m", "32", "-boot", "a", "-drive", &drive])
        .args(Accel::Kvm.options())
        .args(["-device", &format!("isa-debug-exit,iobase={PORT:#x},iosize=0x01")]);
    judged(command, PATIENCE).map_err(NoKvm::Fails)
}

/// The disk that such a machine boots from. It is memory, and gone with the last process that has it open.
fn disk() -> io::Result<File> {
    // mov dx, PORT; mov al, WORD; out dx, al; then hlt, again and again.
    let program = [0xba, PORT, 0x00, 0xb0, WORD, 0xee, 0xf4, 0xeb, 0xfd];
    let mut sector = [0; 512];
    sector[..program.len()].copy_from_slice(&program);
    sector[510..].copy_from_slice(&[0x55, 0xaa]);
    let disk = memfd_create(c"disk", MFdFlags::empty())?;
    ftruncate(&disk, DISK)?;
    let mut disk = File::from(disk);
    disk.write_all(&sector)?;
    Ok(disk)
}

/// A process that is killed when this goes away.
struct Tried(Child);

impl Drop for Tried {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs a command to its end and says what is wrong with that end.
fn judged(mut command: Command, patience: Duration) -> Result<(), String> {
    let unable = |error: io::Error| format!("the emulator cannot be tried: {error}");
    // Not a pipe: what a killed emulator leaves behind could hold it open.
    let mut said = File::from(memfd_create(c"said", MFdFlags::MFD_CLOEXEC).map_err(|errno| unable(errno.into()))?);
    let stderr = said.try_clone().map_err(unable)?;
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(stderr);
    let mut tried = Tried(command.spawn().map_err(unable)?);
    let begin = Instant::now();
    let status = loop {
        match tried.0.try_wait().map_err(unable)? {
            Some(status) => break status,
            None if begin.elapsed() > patience => {
                return Err(format!("a machine that ends itself at once has not ended after {} s", patience.as_secs()));
            }
            None => thread::sleep(Duration::from_millis(10)),
        }
    };
    if status.code() == Some(EXPECTED) {
        return Ok(());
    }
    let mut words = Vec::new();
    let _ = said.seek(SeekFrom::Start(0)).and_then(|_| (&said).take(4096).read_to_end(&mut words));
    let words = String::from_utf8_lossy(&words);
    let words = words.lines().next().map_or_else(String::new, |line| format!(": {}", line.trim()));
    Err(format!("a machine that ends itself with {EXPECTED} ended otherwise ({status}){words}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn emulator(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn only_the_expected_end_means_that_it_works() {
        let patience = Duration::from_secs(30);
        assert_eq!(judged(emulator("exit 33"), patience), Ok(()));
        let refused = judged(emulator("echo 'no such accelerator' >&2; exit 1"), patience).expect_err("refused");
        assert!(refused.contains("exit status: 1") && refused.ends_with(": no such accelerator"), "{refused}");
        let ended = judged(emulator("exit 0"), patience).expect_err("the machine was switched off");
        assert!(ended.contains("ended otherwise"), "{ended}");
        let killed = judged(emulator("kill -9 $$"), patience).expect_err("killed");
        assert!(killed.contains("signal: 9"), "{killed}");
    }

    #[test]
    fn what_hangs_is_ended_and_does_not_work() {
        let begin = Instant::now();
        let hung = judged(emulator("sleep 60; exit 33"), Duration::from_secs(1)).expect_err("it hangs");
        assert!(hung.contains("has not ended after 1 s"), "{hung}");
        assert!(begin.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn the_disk_is_one_that_firmware_boots() {
        let mut disk = disk().expect("memory");
        let mut bytes = Vec::new();
        disk.seek(SeekFrom::Start(0)).and_then(|_| disk.read_to_end(&mut bytes)).expect("it can be read");
        assert_eq!((bytes.len() as i64, &bytes[510..512]), (DISK, &[0x55, 0xaa][..]));
    }
}
