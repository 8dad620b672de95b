//! The guest's first process: prepares the machine, runs the command, and tells the host everything.

use crate::HOME;
use crate::folder::{Change, Folder};
use crate::wire::{self, Frame};
use nix::fcntl::OFlag;
use nix::kmod::{ModuleInitFlags, finit_module, init_module};
use nix::mount::{MsFlags, mount};
use nix::sys::reboot::{RebootMode, reboot};
use nix::sys::termios::{SetArg, cfmakeraw, tcgetattr, tcsetattr};
use nix::unistd::{chdir, chroot};
use std::ffi::{CString, OsStr, OsString};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// The line to the host.
const LINE: &str = "/dev/ttyS1";
/// How often the guest says that it is alive, and looks for new files.
const BEAT: Duration = Duration::from_secs(1);

const NOTHING: Option<&str> = None;

/// The file that holds the command's words, each ended by a NUL.
pub(crate) fn command_file() -> String {
    format!("{HOME}/command")
}

/// The folder of kernel modules, loaded in the order of their names.
pub(crate) fn modules_folder() -> String {
    format!("{HOME}/modules")
}

/// The kernel's configuration.
pub(crate) fn config_file() -> String {
    format!("{HOME}/config")
}

/// The program itself.
pub(crate) fn program_file() -> String {
    format!("{HOME}/program")
}

/// Becomes the guest's first process where this is one.
pub(crate) fn main_if_asked() {
    let command = PathBuf::from("/").join(command_file());
    if std::process::id() != 1 || !command.exists() {
        return;
    }
    if let Err(error) = live(&command) {
        // The kernel's console is what is left.
        let _ = fs::write("/dev/console", format!("abispec-vm: the guest could not do its work: {error}\n"));
    }
    // The host started the machine so that a restart ends it.
    let _ = reboot(RebootMode::RB_AUTOBOOT);
    // Without a restart there is only waiting for the host's patience to end.
    loop {
        thread::sleep(Duration::from_secs(3600));
    }
}

/// The line to the host, which several threads write to.
#[derive(Clone)]
struct Line(Arc<Mutex<File>>);

impl Line {
    fn open() -> io::Result<Self> {
        let line = OpenOptions::new().read(true).write(true).custom_flags(OFlag::O_NOCTTY.bits()).open(LINE)?;
        let mut raw = tcgetattr(&line)?;
        cfmakeraw(&mut raw);
        tcsetattr(&line, SetArg::TCSANOW, &raw)?;
        wire::begin(&mut &line)?;
        Ok(Self(Arc::new(Mutex::new(line))))
    }

    fn send(&self, frame: &Frame) -> io::Result<()> {
        wire::send(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner), frame)
    }
}

fn live(command: &Path) -> io::Result<()> {
    mount(Some("dev"), "/dev", Some("devtmpfs"), MsFlags::empty(), NOTHING)?;
    let mut troubles = Vec::new();
    let mut attempt = |what: &str, result: io::Result<()>| {
        if let Err(error) = result {
            troubles.push(format!("{what}: {error}"));
        }
    };
    attempt("the root directory is that of the kernel's own first file tree", another_root());
    for (kind, at) in [("proc", "/proc"), ("sysfs", "/sys"), ("tmpfs", "/tmp"), ("tmpfs", "/run")] {
        attempt(at, mounted(kind, at));
    }
    // What the kernel lacks is not missed here: the command says what it needs.
    for (kind, at) in [("tracefs", "/sys/kernel/tracing"), ("securityfs", "/sys/kernel/security")] {
        let _ = mounted(kind, at);
    }
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim().to_owned();
    attempt("/boot", configuration(&release));
    modules(&mut attempt);
    let line = Line::open()?;
    line.send(&Frame::Up(release))?;
    for trouble in troubles {
        line.send(&Frame::Trouble(trouble))?;
    }
    let code = match run(command, &line) {
        Ok(code) => code,
        Err(error) => {
            line.send(&Frame::Trouble(format!("the command could not be run: {error}")))?;
            127
        }
    };
    line.send(&Frame::Ended(code))?;
    // The last bytes are still on their way.
    nix::sys::termios::tcdrain(&*line.0.lock().unwrap_or_else(PoisonError::into_inner))?;
    Ok(())
}

fn mounted(kind: &str, at: &str) -> io::Result<()> {
    fs::create_dir_all(at)?;
    Ok(mount(Some(kind), at, Some(kind), MsFlags::empty(), NOTHING)?)
}

/// Makes the first file tree an ordinary mount: what the kernel begins with cannot be exchanged for another root, and a
/// sandbox wants to do that.
fn another_root() -> io::Result<()> {
    fs::create_dir_all("/root-again")?;
    mount(Some("/"), "/root-again", NOTHING, MsFlags::MS_BIND | MsFlags::MS_REC, NOTHING)?;
    chdir("/root-again")?;
    mount(Some("."), "/", NOTHING, MsFlags::MS_MOVE, NOTHING)?;
    chroot(".")?;
    Ok(chdir("/")?)
}

/// Puts the kernel's configuration where programs look for it.
fn configuration(release: &str) -> io::Result<()> {
    let from = Path::new("/").join(config_file());
    if !from.exists() {
        return Ok(());
    }
    fs::create_dir_all("/boot")?;
    std::os::unix::fs::symlink(from, format!("/boot/config-{release}"))
}

fn modules(attempt: &mut dyn FnMut(&str, io::Result<()>)) {
    let Ok(entries) = fs::read_dir(Path::new("/").join(modules_folder())) else { return };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        attempt(&path.display().to_string(), load(&path));
    }
}

fn load(path: &Path) -> io::Result<()> {
    let compressed = path.extension().is_some_and(|extension| extension != "ko");
    let none = CString::default();
    if compressed {
        // The kernel itself unpacks it.
        const COMPRESSED_FILE: u32 = 4;
        let flags = ModuleInitFlags::from_bits_retain(COMPRESSED_FILE);
        return Ok(finit_module(&File::open(path)?, &none, flags)?);
    }
    Ok(init_module(&fs::read(path)?, &none)?)
}

/// Runs the command and tells the host of all that it writes.
fn run(command: &Path, line: &Line) -> io::Result<i32> {
    let words: Vec<OsString> =
        fs::read(command)?.split(|byte| *byte == 0).map(|word| OsStr::from_bytes(word).to_owned()).collect();
    // The last word is ended by a NUL too, and nothing stands behind it.
    let words = words.split_last().map_or(&[][..], |(_, words)| words);
    let work = Path::new("/work");
    fs::create_dir_all(work)?;
    let mut child = Command::new(Path::new("/").join(program_file()))
        .args(words)
        .current_dir(work)
        .env_clear()
        .env("PATH", "/bin:/sbin:/usr/bin:/usr/sbin")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let over = AtomicBool::new(false);
    let mut folder = Folder::new(work);
    // What lies there before the command begins is the host's own.
    folder.changes();
    let status = thread::scope(|scope| {
        if let Some(out) = child.stdout.take() {
            scope.spawn(|| forward(out, line, Frame::Out));
        }
        if let Some(err) = child.stderr.take() {
            scope.spawn(|| forward(err, line, Frame::Err));
        }
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                thread::park_timeout(BEAT);
                // A line that does not take it is broken for everybody; the command goes on to its end.
                let _ = line.send(&Frame::Alive);
                let _ = bring_out(&mut folder, line);
            }
        });
        let status = child.wait();
        over.store(true, Ordering::Relaxed);
        status
    })?;
    bring_out(&mut folder, line)?;
    Ok(status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1))
}

fn forward(mut from: impl Read, line: &Line, frame: fn(Vec<u8>) -> Frame) {
    let mut bytes = vec![0; 4096];
    while let Ok(count) = from.read(&mut bytes) {
        if count == 0 || line.send(&frame(bytes[..count].to_vec())).is_err() {
            return;
        }
    }
}

fn bring_out(folder: &mut Folder, line: &Line) -> io::Result<()> {
    for change in folder.changes() {
        line.send(&match change {
            Change::File(path, content) => Frame::File { path, content },
            Change::More(path, content) => Frame::More { path, content },
            Change::Gone(path) => Frame::Gone(path),
        })?;
    }
    Ok(())
}
