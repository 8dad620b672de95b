//! Following tasks with ptrace: from wait statuses to events of the checker, and back to how each task goes on.

use super::checker::{Checker, Event};
use super::witness::Witness;
use crate::exec::tracer::{self, CallStop, Resume};
use nix::errno::Errno;
use nix::sys::ptrace;
use nix::unistd::Pid;
use std::collections::BTreeMap;
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How following ends.
#[derive(Clone, Copy, Debug)]
pub struct Ends<'a> {
    /// Somebody wants it to end.
    pub stop: &'a AtomicBool,
    /// It ends then.
    pub deadline: Option<Instant>,
}

/// How the first program of a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProgramEnd {
    /// By itself, with this code.
    Code(i32),
    /// By this signal.
    Signal(i32),
    /// It was still running when it was let go.
    Running,
}

/// What is remembered of a followed task.
#[derive(Debug, Default)]
struct Task {
    /// It is between the two stops of a call whose end is wanted.
    in_call: bool,
    /// It has stopped at the beginning of a call, and stops at its end: a filter's stop in between is no other call.
    entered: bool,
    /// Its maker has not been heard of: it waits, stopped with this signal of its group or none.
    orphan: Option<i32>,
    /// It was started by the tracer and has not begun the program.
    unborn: bool,
}

/// Follows tasks.
#[derive(Debug)]
pub struct Follower<'c, 'a, W> {
    /// Takes in what happens.
    pub checker: &'c mut Checker<'a, W>,
    tasks: BTreeMap<i32, Task>,
    /// It was running before.
    attached: bool,
    /// Every call stops by itself, whatever filters say.
    every_call: bool,
    /// That shall be so as soon as a program has a filter of its own.
    past_filters: bool,
    /// How often programs put a filter on themselves.
    pub filters: u64,
    first: i32,
    end: ProgramEnd,
    /// Programs that wanted privileges of their file and did not get them.
    pub denied: Vec<String>,
}

/// Time between a request to end and the end.
const GRACE: Duration = Duration::from_secs(3);
/// How often requests to end are looked at.
const TICK: Duration = Duration::from_millis(200);

impl<'c, 'a, W: Witness> Follower<'c, 'a, W> {
    fn of(checker: &'c mut Checker<'a, W>, first: i32, attached: bool, past_filters: bool) -> Self {
        Self {
            checker,
            tasks: BTreeMap::new(),
            attached,
            every_call: attached,
            past_filters,
            filters: 0,
            first,
            end: ProgramEnd::Running,
            denied: Vec::new(),
        }
    }

    /// Follows a program that is about to begin. With `past_filters` calls stop, too, that a filter of its own answers: once it
    /// has one, each of its calls does.
    pub fn of_command(checker: &'c mut Checker<'a, W>, pid: i32, past_filters: bool) -> Self {
        let mut follower = Self::of(checker, pid, false, past_filters);
        follower.tasks.insert(pid, Task { unborn: true, ..Task::default() });
        follower
    }

    /// Follows a process that is running, with all its threads.
    ///
    /// # Errors
    /// When it is gone, or may not be traced.
    pub fn of_process(checker: &'c mut Checker<'a, W>, pid: i32) -> Result<Self, Errno> {
        let mut follower = Self::of(checker, pid, true, true);
        let threads = || {
            let entries = fs::read_dir(format!("/proc/{pid}/task")).map_err(|_| Errno::ESRCH)?;
            let names = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok());
            Ok::<Vec<i32>, Errno>(names.collect())
        };
        // A thread may make others until it is followed itself.
        loop {
            let new: Vec<i32> = threads()?.into_iter().filter(|tid| !follower.tasks.contains_key(tid)).collect();
            if new.is_empty() {
                break;
            }
            for tid in new {
                match ptrace::seize(Pid::from_raw(tid), tracer::options(false)) {
                    Ok(()) => {}
                    // It has ended, or was made by a thread that is followed already.
                    Err(Errno::ESRCH) => continue,
                    Err(Errno::EPERM) if follower.tasks.contains_key(&pid) => {}
                    Err(errno) => return Err(errno),
                }
                follower.checker.on(tid, Event::Found { group: pid });
                follower.tasks.insert(tid, Task::default());
                let _ = ptrace::interrupt(Pid::from_raw(tid));
            }
        }
        Ok(follower)
    }

    /// Follows until nobody is left, or until it shall end.
    pub fn run(&mut self, ends: Ends<'_>) -> ProgramEnd {
        let _ = tracer::tick(TICK);
        let mut ending: Option<Instant> = None;
        loop {
            match tracer::wait() {
                Ok(Some((pid, status))) => self.status(pid, status),
                Ok(None) => {}
                Err(_) => return self.end,
            }
            // Reading the clock costs less than a stop, but not nothing.
            let over =
                ends.stop.load(Ordering::Relaxed) || ends.deadline.is_some_and(|deadline| Instant::now() >= deadline);
            if !over {
                continue;
            }
            if self.attached && self.end == ProgramEnd::Running {
                self.let_go();
                return self.end;
            }
            match ending {
                None => {
                    ending = Some(Instant::now());
                    self.kill(libc::SIGTERM);
                }
                Some(since) if since.elapsed() >= GRACE => self.kill(libc::SIGKILL),
                Some(_) => {}
            }
        }
    }

    fn kill(&self, signal: i32) {
        for pid in self.tasks.keys() {
            // Threads and processes that have just ended are not there any more.
            let _ = tracer::send(*pid, signal);
        }
    }

    /// Stops every task once more and lets it go.
    fn let_go(&mut self) {
        for tid in self.tasks.keys() {
            let _ = ptrace::interrupt(Pid::from_raw(*tid));
        }
        let since = Instant::now();
        while !self.tasks.is_empty() && since.elapsed() < GRACE {
            match tracer::wait() {
                Ok(Some((pid, status))) if libc::WIFSTOPPED(status) => {
                    let (signal, event) = (libc::WSTOPSIG(status), status >> 16);
                    let its_own = event == 0 && signal & 0x80 == 0 && signal != libc::SIGTRAP;
                    let _ = tracer::detach(pid, if its_own { signal } else { 0 });
                    self.tasks.remove(&pid);
                }
                Ok(Some((pid, _))) => {
                    self.tasks.remove(&pid);
                }
                Ok(None) => {}
                Err(_) => break,
            }
        }
    }

    fn status(&mut self, pid: i32, status: i32) {
        if libc::WIFEXITED(status) || libc::WIFSIGNALED(status) {
            if pid == self.first {
                self.end = match libc::WIFEXITED(status) {
                    true => ProgramEnd::Code(libc::WEXITSTATUS(status)),
                    false => ProgramEnd::Signal(libc::WTERMSIG(status)),
                };
            }
            self.tasks.remove(&pid);
            self.checker.on(pid, Event::Ended);
            return;
        }
        if !libc::WIFSTOPPED(status) {
            return;
        }
        let (signal, event) = (libc::WSTOPSIG(status), status >> 16);
        match event {
            0 if signal == libc::SIGTRAP | 0x80 => self.at_call(pid, false),
            0 => self.resume(pid, signal),
            libc::PTRACE_EVENT_SECCOMP => self.at_call(pid, true),
            libc::PTRACE_EVENT_FORK | libc::PTRACE_EVENT_VFORK | libc::PTRACE_EVENT_CLONE => {
                if let Ok(child) = ptrace::getevent(Pid::from_raw(pid)) {
                    self.spawned(pid, child as i32);
                }
                self.resume(pid, 0);
            }
            libc::PTRACE_EVENT_EXEC => {
                let former = ptrace::getevent(Pid::from_raw(pid)).map_or(pid, |former| former as i32);
                self.executed(pid, former);
                self.resume(pid, 0);
            }
            libc::PTRACE_EVENT_STOP => self.stopped(pid, signal),
            _ => self.resume(pid, 0),
        }
    }

    /// How a task goes on where nothing else is said.
    fn resume(&mut self, pid: i32, signal: i32) {
        let in_call = self.tasks.get(&pid).is_some_and(|task| task.in_call);
        let how = if self.every_call || in_call { Resume::ToCall } else { Resume::Run };
        // A task that is gone is reported as such by the next wait.
        let _ = tracer::resume(pid, how, signal);
    }

    fn at_call(&mut self, pid: i32, by_filter: bool) {
        let unborn = self.tasks.get(&pid).is_none_or(|task| task.unborn);
        let again = by_filter && self.tasks.get(&pid).is_some_and(|task| task.entered);
        if !unborn && !again {
            let stop = tracer::call_stop(pid).unwrap_or(CallStop::Elsewhere);
            let wanted = match stop {
                CallStop::Entry { nr, args, native } => {
                    if native && installs_filter(nr, &args) {
                        self.filters += 1;
                        self.every_call |= self.past_filters;
                    }
                    self.checker.on(pid, Event::Entry { nr, args, native })
                }
                CallStop::Exit { ret } => self.checker.on(pid, Event::Exit { ret }),
                CallStop::Elsewhere => false,
            };
            let begins = matches!(stop, CallStop::Entry { .. });
            if let Some(task) = self.tasks.get_mut(&pid) {
                task.in_call = wanted;
                task.entered = begins && (wanted || self.every_call);
            }
        }
        self.resume(pid, 0);
    }

    fn spawned(&mut self, pid: i32, child: i32) {
        self.checker.on(pid, Event::Spawned { child });
        let waiting = self.tasks.insert(child, Task::default()).and_then(|task| task.orphan);
        if let Some(signal) = waiting {
            self.stopped(child, signal);
        }
    }

    fn executed(&mut self, pid: i32, former: i32) {
        if former != pid {
            self.tasks.remove(&former);
        }
        let task = self.tasks.entry(pid).or_default();
        (task.in_call, task.entered) = (false, false);
        if std::mem::take(&mut task.unborn) {
            self.checker.on(pid, Event::Found { group: pid });
        }
        self.checker.on(pid, Event::Executed { former });
        self.note_denied_privileges(pid);
    }

    /// A program whose file gives privileges does not get them from a kernel that another user's process watches.
    fn note_denied_privileges(&mut self, pid: i32) {
        use std::os::unix::fs::MetadataExt;
        let path = format!("/proc/{pid}/exe");
        let Ok(file) = fs::metadata(&path) else { return };
        let gives_user = file.mode() & libc::S_ISUID != 0;
        let gives_group = file.mode() & libc::S_ISGID != 0 && file.mode() & libc::S_IXGRP != 0;
        if !gives_user && !gives_group {
            return;
        }
        let super::witness::Answer::Status(status) = self.checker.witness.ask(pid, super::witness::Question::Status)
        else {
            return;
        };
        let denied = gives_user && status.uids[1] != file.uid() || gives_group && status.gids[1] != file.gid();
        let name = fs::read_link(&path).map_or(path, |path| path.display().to_string());
        if denied && !self.denied.contains(&name) {
            self.denied.push(name);
        }
    }

    fn stopped(&mut self, pid: i32, signal: i32) {
        let Some(task) = self.tasks.get_mut(&pid) else {
            // A child that is seen before its maker says so.
            self.tasks.insert(pid, Task { orphan: Some(signal), ..Task::default() });
            return;
        };
        if task.orphan.is_some() {
            task.orphan = Some(signal);
            return;
        }
        match signal {
            libc::SIGSTOP | libc::SIGTSTP | libc::SIGTTIN | libc::SIGTTOU => {
                let _ = tracer::resume(pid, Resume::Listen, 0);
            }
            _ => self.resume(pid, 0),
        }
    }
}

/// Whether a call is one that puts a filter on its caller.
fn installs_filter(nr: u64, args: &[u64; 6]) -> bool {
    let is = |call: libc::c_long| u64::try_from(call) == Ok(nr);
    is(libc::SYS_seccomp) && args[0] == u64::from(libc::SECCOMP_SET_MODE_FILTER)
        || is(libc::SYS_prctl) && args[..2] == [libc::PR_SET_SECCOMP as u64, u64::from(libc::SECCOMP_MODE_FILTER)]
}
