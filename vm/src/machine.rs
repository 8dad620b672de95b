//! The host's side: an emulated machine that boots a kernel with the program as its first process.

use crate::accel::Accel;
use crate::closure::Needs;
use crate::console::Console;
use crate::guard;
use crate::guest;
use crate::initramfs::Archive;
use crate::memory::Memory;
use crate::wire::{Frame, Receiver};
use nix::sys::memfd::{MFdFlags, memfd_create};
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

/// What lies in the guest's first file tree.
#[derive(Debug)]
pub struct Tree<'a> {
    /// The program that is the guest's first process and then runs the command.
    pub program: &'a Needs,
    /// What the program is told to do there.
    pub command: &'a [OsString],
    /// The kernel's configuration, where it is known.
    pub config: Option<&'a [u8]>,
    /// Kernel modules in the order in which they are loaded: file name and content.
    pub modules: &'a [(String, Vec<u8>)],
    /// Other programs that lie on the guest's PATH, each with its name.
    pub others: &'a [(String, Needs)],
    /// Files, by their paths from the root.
    pub files: &'a [&'a (String, Vec<u8>)],
}

impl Tree<'_> {
    /// The archive that the kernel unpacks.
    pub fn archive(&self) -> Vec<u8> {
        let mut archive = Archive::default();
        for folder in ["dev", "proc", "sys", "tmp", "run", "root", "mnt", "var", "etc"] {
            archive.directory(folder);
        }
        // The kernel opens it for the first process before anything is mounted.
        archive.device("dev/console", 5, 1);
        let program = guest::program_file();
        archive.file(&program, 0o755, &self.program.program);
        archive.symlink("init", &program);
        let others = self.others.iter().map(|(_, needs)| needs);
        for (path, content) in others.chain([self.program]).flat_map(|needs| &needs.libraries) {
            archive.file(&path.to_string_lossy()[1..], 0o755, content);
        }
        for (name, needs) in self.others {
            archive.file(&format!("bin/{name}"), 0o755, &needs.program);
        }
        let words: Vec<u8> = self.command.iter().flat_map(|word| [word.as_bytes(), &[0]].concat()).collect();
        archive.file(&guest::command_file(), 0o644, &words);
        if let Some(config) = self.config {
            archive.file(&guest::config_file(), 0o644, config);
        }
        for (index, (name, content)) in self.modules.iter().enumerate() {
            archive.file(&format!("{}/{index:04}-{name}", guest::modules_folder()), 0o644, content);
        }
        for (path, content) in self.files {
            archive.file(path, 0o644, content);
        }
        archive.finish()
    }
}

/// A machine to boot.
#[derive(Debug)]
pub struct Machine {
    /// The emulator, by name or path.
    pub emulator: OsString,
    /// What runs its processor.
    pub accel: Accel,
    /// The kernel's image.
    pub kernel: PathBuf,
    /// What it has as memory; another machine needs another.
    pub memory: Memory,
    /// Words for the kernel's command line besides those that the machine needs.
    pub append: String,
    /// How long the guest may be silent: while it boots, and then.
    pub patience: (Duration, Duration),
}

/// Words on every guest's command line: where the console is, that a restart follows a panic, which ends the machine, and that
/// an emulated processor which its host lets wait for a while has not stalled: a guest that hangs falls silent, which is told.
const COMMAND_LINE: &str =
    "console=ttyS0 panic=-1 loglevel=5 mitigations=off rcupdate.rcu_cpu_stall_suppress=1 nosoftlockup";

/// How a machine ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// By itself.
    Itself,
    /// Killed, because the guest was silent for too long.
    Silent(Duration),
    /// Killed, because the caller wanted it to end.
    Stopped,
}

/// Why there was no machine, or why it could not be listened to.
#[derive(Debug)]
pub enum MachineError {
    /// The emulator cannot be started.
    Start(OsString, io::Error),
    /// The emulator refused to work, and said why.
    Refused(String),
    /// Memory for the file tree, or the frames themselves.
    Io(io::Error),
    /// What came could not be kept.
    Kept(io::Error),
}

impl fmt::Display for MachineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start(emulator, error) => write!(f, "{} cannot be started: {error}", emulator.to_string_lossy()),
            Self::Refused(why) => f.write_str(why),
            Self::Io(error) | Self::Kept(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for MachineError {}

impl From<io::Error> for MachineError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

enum News {
    Frame(Frame),
    Console(Vec<u8>),
    Broken(io::Error),
}

/// A started emulator, which is killed when this goes away.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Machine {
    /// Boots the machine with a file tree, gives each frame to `take`, and waits for its end. `console` gets what the kernel says.
    ///
    /// # Errors
    /// When the emulator does not work, or a frame cannot be read or taken.
    pub fn run(
        &self,
        archive: &[u8],
        console: &mut Console,
        stop: &AtomicBool,
        take: &mut dyn FnMut(Frame) -> io::Result<()>,
    ) -> Result<End, MachineError> {
        // No file of the host: it is gone with the last process that has it open.
        let tree = memfd_create(c"initramfs", MFdFlags::empty()).map_err(io::Error::from)?;
        File::from(tree.try_clone()?).write_all(archive)?;
        let mut command = guard::bound(&self.emulator);
        command
            .args(["-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-net", "none", "-smp", "1"])
            .args(["-machine", "pc"])
            .args(self.memory.options())
            .args(self.accel.options())
            .args(["-chardev", "file,id=console,path=/proc/self/fd/2", "-serial", "chardev:console"])
            .args(["-chardev", "stdio,id=frames,signal=off", "-serial", "chardev:frames"])
            .args([OsStr::new("-kernel"), self.kernel.as_os_str()])
            .args(["-initrd", &format!("/proc/self/fd/{}", tree.as_raw_fd())])
            .args(["-append", format!("{COMMAND_LINE} {}", self.append).trim_end()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let child = command.spawn().map_err(|error| MachineError::Start(self.emulator.clone(), error))?;
        let mut running = Running(child);
        let (news, incoming) = channel();
        let listeners = [
            running.0.stdout.take().map(|line| {
                let news = news.clone();
                thread::spawn(move || frames(line, &news))
            }),
            running.0.stderr.take().map(|line| thread::spawn(move || text(line, &news))),
        ];
        let begin = Instant::now();
        let mut heard = None;
        let end = loop {
            match incoming.recv_timeout(Duration::from_millis(100)) {
                Ok(News::Frame(frame)) => {
                    heard = Some(Instant::now());
                    take(frame).map_err(MachineError::Kept)?;
                }
                Ok(News::Console(bytes)) => console.take(&bytes),
                Ok(News::Broken(error)) => return Err(error.into()),
                // Both lines are closed: the emulator has ended.
                Err(RecvTimeoutError::Disconnected) => break End::Itself,
                Err(RecvTimeoutError::Timeout) => {}
            }
            if stop.load(Ordering::Relaxed) {
                break End::Stopped;
            }
            let (since, patience) = heard.map_or((begin, self.patience.0), |heard| (heard, self.patience.1));
            if since.elapsed() > patience {
                break End::Silent(patience);
            }
        };
        if end != End::Itself {
            let _ = running.0.kill();
        }
        let status = running.0.wait()?;
        for listener in listeners.into_iter().flatten() {
            // A listener that panicked has nothing more to tell.
            let _ = listener.join();
        }
        for left in incoming.try_iter() {
            match left {
                News::Frame(frame) => take(frame).map_err(MachineError::Kept)?,
                News::Console(bytes) => console.take(&bytes),
                News::Broken(_) => {}
            }
        }
        if end == End::Itself && heard.is_none() && !status.success() {
            let said: Vec<&str> = console.last().collect();
            return Err(MachineError::Refused(said.join("\n")));
        }
        Ok(end)
    }
}

fn frames(line: impl Read, news: &Sender<News>) {
    let mut receiver = Receiver::new(io::BufReader::new(line));
    loop {
        match receiver.receive() {
            Ok(Some(frame)) => {
                // Nobody listens any more: the machine is being killed.
                if news.send(News::Frame(frame)).is_err() {
                    return;
                }
            }
            Ok(None) => return,
            Err(error) => {
                // What breaks off at the machine's end is told by how it ended.
                if error.kind() != io::ErrorKind::UnexpectedEof {
                    let _ = news.send(News::Broken(error));
                }
                return;
            }
        }
    }
}

fn text(mut line: impl Read, news: &Sender<News>) {
    let mut bytes = vec![0; 4096];
    while let Ok(count) = line.read(&mut bytes) {
        if count == 0 || news.send(News::Console(bytes[..count].to_vec())).is_err() {
            return;
        }
    }
}

/// Where an emulator is, by its path, or by its name where programs are looked for.
pub fn emulator(named: &OsStr) -> Option<PathBuf> {
    let named = Path::new(named);
    if named.components().count() > 1 {
        return named.is_file().then(|| named.to_owned());
    }
    let folders = std::env::var_os("PATH")?;
    std::env::split_paths(&folders).map(|folder| folder.join(named)).find(|path| path.is_file())
}

/// The configuration that lies beside a kernel's image under its distribution's name: `config-6.1` beside `vmlinuz-6.1`.
pub fn config_beside(kernel: &Path) -> Option<PathBuf> {
    let name = kernel.file_name()?.to_str()?;
    let release = ["vmlinuz-", "vmlinux-", "bzImage-"].iter().find_map(|prefix| name.strip_prefix(prefix))?;
    let config = kernel.with_file_name(format!("config-{release}"));
    config.exists().then_some(config)
}
