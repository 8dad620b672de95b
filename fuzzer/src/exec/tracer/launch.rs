//! Starting the program that is to be followed: as its caller would have started it, with nothing of the tracer left in it.

use libc::{c_char, c_int, sock_filter};
use nix::errno::Errno;
use nix::sys::ptrace;
use nix::sys::signal::SigSet;
use nix::unistd::Pid;
use std::ffi::{CString, OsStr, OsString};
use std::fmt;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::ptr;

/// A program to be started.
#[derive(Debug)]
pub struct Launch<'a> {
    /// The program and its arguments.
    pub command: &'a [OsString],
    /// The filter that makes it stop.
    pub filter: &'a [sock_filter],
    /// Signals that the caller had blocked.
    pub blocked: SigSet,
}

/// Why a program could not be started.
#[derive(Debug)]
pub enum LaunchError {
    /// There is no such program.
    NotFound(String),
    /// The kernel refused.
    Refused {
        /// What.
        what: &'static str,
        /// Why.
        errno: Errno,
    },
}

impl fmt::Display for LaunchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound(name) => write!(f, "no program called `{name}` can be executed"),
            Self::Refused { what, errno } => write!(f, "{what}: {}", errno.desc()),
        }
    }
}

impl std::error::Error for LaunchError {}

/// A program that is about to begin; the caller's loop of stops drives it.
#[derive(Debug)]
pub struct Started {
    /// Its process.
    pub pid: i32,
    /// What it says about its beginning.
    news: File,
}

/// Steps that a child tells its parent about, a byte each with the errno behind it.
const NO_NEW_PRIVILEGES: u8 = b'n';
const FILTER_FAILED: u8 = b'f';
const EXEC_FAILED: u8 = b'x';

/// How a beginning went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Beginning {
    /// The program gave up ever getting new privileges, since only so a filter may be had without any.
    pub no_new_privileges: bool,
    /// Why the filter could not be installed.
    pub filter: Option<Errno>,
    /// Why the program could not be executed.
    pub exec: Option<Errno>,
}

impl Started {
    /// What is known of its beginning by now: all of it once the program runs or has ended.
    pub fn beginning(&mut self) -> Beginning {
        let mut text = Vec::new();
        let mut beginning = Beginning::default();
        let _ = self.news.read_to_end(&mut text);
        for step in text.chunks_exact(2) {
            let errno = Some(Errno::from_raw(i32::from(step[1])));
            match step[0] {
                NO_NEW_PRIVILEGES => beginning.no_new_privileges = true,
                FILTER_FAILED => beginning.filter = errno,
                _ => beginning.exec = errno,
            }
        }
        beginning
    }
}

/// The file that a shell would execute.
fn find(name: &OsStr) -> Option<PathBuf> {
    let fits =
        |path: &Path| path.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0);
    if name.as_bytes().contains(&b'/') {
        return Some(PathBuf::from(name)).filter(|path| fits(path));
    }
    let folders = std::env::var_os("PATH").unwrap_or_else(|| OsString::from("/bin:/usr/bin"));
    std::env::split_paths(&folders).map(|folder| folder.join(name)).find(|path| fits(path))
}

fn text(bytes: Vec<u8>) -> Option<CString> {
    CString::new(bytes).ok()
}

/// What a child needs after the fork, where it may not allocate.
struct Prepared {
    path: CString,
    args: Vec<CString>,
    environment: Vec<CString>,
    /// For a script without a first line that names its interpreter.
    shell: Vec<CString>,
}

fn prepare(command: &[OsString]) -> Result<Prepared, LaunchError> {
    let name = command.first().map(OsString::as_os_str).unwrap_or_default();
    let not_found = || LaunchError::NotFound(name.to_string_lossy().into_owned());
    let path = find(name).ok_or_else(not_found)?;
    let path = text(path.into_os_string().into_vec()).ok_or_else(not_found)?;
    let args: Option<Vec<CString>> = command.iter().map(|arg| text(arg.as_bytes().to_vec())).collect();
    let args = args.ok_or_else(not_found)?;
    let environment = std::env::vars_os().filter_map(|(name, value)| {
        let mut whole = name.into_vec();
        whole.push(b'=');
        whole.extend(value.into_vec());
        text(whole)
    });
    let shell = [c"/bin/sh".to_owned(), path.clone()].into_iter().chain(args.iter().skip(1).cloned()).collect();
    Ok(Prepared { path, args, environment: environment.collect(), shell })
}

fn pointers(texts: &[CString]) -> Vec<*const c_char> {
    texts.iter().map(|text| text.as_ptr()).chain([ptr::null()]).collect()
}

impl Launch<'_> {
    /// Starts it. The process is followed from before its first instruction, and killed when the calling thread ends.
    ///
    /// # Errors
    /// When there is no such program, or no process can be made or followed.
    pub fn start(&self) -> Result<Started, LaunchError> {
        let refused = |what| move |errno| LaunchError::Refused { what, errno };
        let prepared = prepare(self.command)?;
        let (args, environment, shell) =
            (pointers(&prepared.args), pointers(&prepared.environment), pointers(&prepared.shell));
        let pipe = || nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC).map_err(refused("no pipe could be made"));
        let ((go_read, go_write), (news_read, news_write)) = (pipe()?, pipe()?);
        let child = Child {
            launch: self,
            path: &prepared.path,
            args: &args,
            environment: &environment,
            shell: &shell,
            go: &go_read,
            news: &news_write,
        };
        // SAFETY: the child makes nothing but system calls on what was prepared above, and ends in exec or _exit.
        let forked = unsafe { libc::fork() };
        let pid = match Errno::result(forked) {
            Ok(0) => child.run(),
            Ok(pid) => pid,
            Err(errno) => return Err(refused("no process could be made")(errno)),
        };
        drop((go_read, news_write));
        if let Err(errno) = ptrace::seize(Pid::from_raw(pid), super::options(true)) {
            drop(go_write);
            let _ = nix::sys::wait::waitpid(Pid::from_raw(pid), None);
            return Err(refused("the new process may not be traced")(errno));
        }
        let mut go = File::from(go_write);
        go.write_all(b"g").map_err(|_| refused("the new process is gone")(Errno::ESRCH))?;
        Ok(Started { pid, news: File::from(news_read) })
    }
}

struct Child<'a> {
    launch: &'a Launch<'a>,
    path: &'a CString,
    args: &'a [*const c_char],
    environment: &'a [*const c_char],
    shell: &'a [*const c_char],
    go: &'a OwnedFd,
    news: &'a OwnedFd,
}

impl Child<'_> {
    fn tell(&self, step: u8, errno: Errno) {
        let step = [step, errno as i32 as u8];
        // SAFETY: two bytes of ours. Nobody can be told of a failure.
        let _ = unsafe { libc::write(self.news.as_raw_fd(), step.as_ptr().cast(), 2) };
    }

    fn execute(&self, path: *const c_char, args: &[*const c_char]) -> Errno {
        // SAFETY: each list ends with a null pointer; what they point to lives as long as the process.
        unsafe { libc::execve(path, args.as_ptr(), self.environment.as_ptr()) };
        Errno::last()
    }

    fn run(&self) -> ! {
        let mut byte = 0_u8;
        // SAFETY: one byte of ours.
        let read = unsafe { libc::read(self.go.as_raw_fd(), (&raw mut byte).cast(), 1) };
        if read == 1 {
            self.begin();
        }
        // SAFETY: it does not return and runs nothing of the parent's.
        unsafe { libc::_exit(127) }
    }

    fn begin(&self) {
        // The runtime of the tracer ignores this signal; its caller did not ask for that.
        // SAFETY: a default disposition.
        unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
        let _ = self.launch.blocked.thread_set_mask();
        let mut installed = crate::exec::sys::seccomp(self.launch.filter);
        if installed == Err(Errno::EACCES) {
            // SAFETY: plain numbers.
            let _ = unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1 as c_int, 0, 0, 0) };
            self.tell(NO_NEW_PRIVILEGES, Errno::UnknownErrno);
            installed = crate::exec::sys::seccomp(self.launch.filter);
        }
        if let Err(errno) = installed {
            self.tell(FILTER_FAILED, errno);
            return;
        }
        let mut errno = self.execute(self.path.as_ptr(), self.args);
        if errno == Errno::ENOEXEC {
            errno = self.execute(c"/bin/sh".as_ptr(), self.shell);
        }
        self.tell(EXEC_FAILED, errno);
    }
}
