//! A file system whose answers are a server's, and the server: a process of the sandbox that no call under test can reach.
//!
//! It is a right file system but for the names in [`ANSWERS`], which say what they refuse. Its root has a directory for every
//! executor, which comes to be when it is looked up; each is a tree of its own, and its name begins it anew.

mod answers;
mod server;
mod store;
mod wire;

pub use answers::{ANSWERS, ANSWERS_MODE, Answer, Refused, Stands, answers, requests};

use std::fs;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::sys::stat::Mode;
use nix::unistd::{Pid, dup2_stdin, getpid, getppid, read, write};

use super::layout::PAGE;
use super::{child, sys};
use store::{ROOT, Store};
use wire::Request;

/// Mounts the file system, which answers nothing before there is a server; gives what the server reads from.
pub(super) fn mount_at(at: &Path) -> Result<OwnedFd, Errno> {
    let device = open("/dev/fuse", OFlag::O_RDWR | OFlag::O_CLOEXEC, Mode::empty())?;
    let options =
        format!("fd={},rootmode=40000,user_id=0,group_id=0,default_permissions,allow_other", device.as_raw_fd());
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount(Some("abispec"), at, Some("fuse"), flags, Some(options.as_str()))?;
    Ok(device)
}

/// Starts the server. It ends with this process, and with it ends whatever waits for an answer.
pub(super) fn start(device: OwnedFd, bytes: u64, files: u64) -> Result<Pid, Errno> {
    let commander = getpid();
    child::spawn(|| {
        // Nothing that it would hold open is its own, the commander's socket least of all.
        let begun = prctl::set_pdeathsig(Signal::SIGKILL)
            .and_then(|()| if getppid() == commander { Ok(()) } else { Err(Errno::ESRCH) })
            .and_then(|()| prctl::set_name(c"files"))
            .and_then(|()| dup2_stdin(&device))
            .and_then(|()| sys::close_from(1));
        std::mem::forget(device);
        if begun.is_ok() {
            serve(&mut Store::new(bytes / PAGE, files));
        }
    })
}

/// Answers requests until the file system is mounted nowhere.
fn serve(store: &mut Store) {
    let device = child::inherited(0);
    let mut buffer = vec![0; wire::LONGEST];
    loop {
        match read(device, &mut buffer) {
            Ok(length) => {
                let answer = Request::read(&buffer[..length]).and_then(|request| server::answer(store, &request));
                if let Some(answer) = answer {
                    // Who asked may be gone by now.
                    let _ = write(device, &answer);
                }
            }
            // A request was taken back before it was read.
            Err(Errno::EINTR | Errno::EAGAIN | Errno::ENOENT) => {}
            Err(_) => return,
        }
    }
}

/// Lays a tree that nobody has seen over the mount of the whole file system, in place of the one that lies there.
pub(super) fn lay(at: &Path, number: u32) -> Result<(), Errno> {
    let top = |path: &Path| fs::metadata(path).map(|found| found.ino()).map_err(|error| super::place::errno_of(&error));
    while top(at)? != ROOT {
        umount2(at, MntFlags::MNT_DETACH)?;
    }
    mount(Some(&at.join(number.to_string())), at, None::<&str>, MsFlags::MS_BIND, None::<&str>)
}
