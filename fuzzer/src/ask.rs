//! Questions: what the kernel is asked, through other calls, about what a successful call left.
//!
//! What is asked follows from the call's effects and from the functions that its `ensures` use; no question changes what it
//! asks about. An answer has no room of its own in the program's memory: it lies where no argument does.

use crate::exec::layout::arena_offset;
use crate::exec::{Arg, Guard, Op, OpIndex, PushError, Sandbox};
use abispec::expr::{BinaryOp, Expr, Function, Word};
use abispec::model::Effect;
use abispec::target::Variant;

/// Bytes of the answer of `statx`.
const STATX_BYTES: usize = 256;

/// Which descriptor a question is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// This number.
    Number(i32),
    /// What the call returned.
    Ret,
    /// An argument of the call.
    Param(u8),
    /// A 32-bit integer that the call wrote.
    Stored {
        /// The pointer parameter.
        param: u8,
        /// Bytes from where it points to.
        offset: u32,
    },
}

impl Subject {
    /// The descriptor that an expression of a clause names, where that is plain.
    pub fn of(expr: &Expr) -> Option<Self> {
        match expr {
            Expr::Ret => Some(Self::Ret),
            Expr::Param(index) => Some(Self::Param(*index)),
            Expr::Load { address, size: 4, .. } => match &**address {
                Expr::Param(param) => Some(Self::Stored { param: *param, offset: 0 }),
                Expr::Binary(BinaryOp::Add, base, offset) => match (&**base, &**offset) {
                    (Expr::Param(param), Expr::Int(offset)) => {
                        Some(Self::Stored { param: *param, offset: u32::try_from(*offset).ok()? })
                    }
                    _ => None,
                },
                _ => None,
            },
            _ => None,
        }
    }
}

/// A question about what a call left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// What file a descriptor refers to: its kind, permissions, links, size and identity.
    File(Subject),
    /// The same of the file that a path parameter names now, if it names one.
    Name {
        /// The path.
        path: u8,
        /// Where it starts.
        base: Option<u8>,
        /// Whether a symbolic link is followed.
        follow: bool,
    },
    /// Something that only a descriptor of this kind answers so.
    Only(Subject, Word),
    /// The seals of a file.
    Seals(Subject),
    /// Bytes that can be read from a pipe or a socket.
    Available(Subject),
    /// The address family of a socket.
    Family(Subject),
    /// The type of a socket.
    SocketType(Subject),
    /// Whether two descriptors share one open file description.
    Shared(Subject, Subject),
    /// Whether the page at this address can be read.
    Readable(Subject),
    /// Whether the page at this address can be written.
    Writable(Subject),
    /// A limit, by the parameter that says which.
    Limit(u8),
    /// The blocked signals.
    Sigmask,
    /// The caller's nice value.
    Nice,
    /// The caller's scheduling policy.
    Policy,
    /// The path of the working directory.
    Cwd,
}

impl Ask {
    fn depends_on(self, param: u8) -> bool {
        let is = |subject| subject == Subject::Param(param);
        match self {
            Self::File(subject)
            | Self::Only(subject, _)
            | Self::Seals(subject)
            | Self::Available(subject)
            | Self::Family(subject)
            | Self::SocketType(subject)
            | Self::Readable(subject)
            | Self::Writable(subject) => is(subject),
            Self::Shared(a, b) => is(a) || is(b),
            Self::Name { path, base, .. } => path == param || base == Some(param),
            Self::Limit(resource) => resource == param,
            Self::Sigmask | Self::Nice | Self::Policy | Self::Cwd => false,
        }
    }
}

/// What is looked at of a descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aspect {
    /// Whether it is open, and all that follows.
    Whole,
    /// Whether it is open and closed on exec.
    Flags,
    /// Its access mode and status flags.
    Status,
    /// Its position.
    Offset,
}

/// What is asked after each success of a call.
#[derive(Clone, Debug, Default)]
pub struct Asks {
    /// Descriptors that are looked at.
    pub descriptors: Vec<(Subject, Aspect)>,
    /// What else is asked.
    pub questions: Vec<Ask>,
    /// Whether some of what is asked may have changed too when the call answered EFAULT.
    pub partly: bool,
}

/// A question that was put.
#[derive(Clone, Copy, Debug)]
pub struct Question {
    /// What was asked.
    pub ask: Ask,
    /// The call that asks.
    pub op: OpIndex,
    /// Where it puts its answer, for questions whose answer is more than a number.
    pub answer: u64,
}

impl Asks {
    /// The questions that a variant's effects and conditions raise.
    pub fn of(variant: &Variant) -> Self {
        let mut asks = Self::default();
        for rule in &variant.effects {
            asks.effect(variant, &rule.effect.effect);
            let sized = matches!(rule.effect.effect, Effect::SetsSize { .. });
            asks.partly |= sized && rule.effect.on.iter().any(|errno| errno.name() == "EFAULT");
        }
        for ensure in &variant.ensures {
            ensure.condition.walk(&mut |expr| {
                if let Expr::Call(function, operands) = expr {
                    asks.function(*function, operands);
                }
            });
        }
        asks
    }

    fn ask(&mut self, ask: Ask) {
        if !self.questions.contains(&ask) {
            self.questions.push(ask);
        }
    }

    fn descriptor(&mut self, fd: &Expr, aspect: Aspect) -> Option<Subject> {
        let subject = Subject::of(fd)?;
        match self.descriptors.iter_mut().find(|(other, _)| *other == subject) {
            Some((_, wanted)) if *wanted != aspect => *wanted = Aspect::Whole,
            Some(_) => {}
            None => self.descriptors.push((subject, aspect)),
        }
        Some(subject)
    }

    /// Whether a descriptor is looked at.
    pub fn looks_at(&self, subject: Subject) -> bool {
        self.descriptors.iter().any(|(other, _)| *other == subject)
    }

    /// Whether some question is put with the argument of a parameter.
    pub fn depend_on(&self, param: u8) -> bool {
        self.looks_at(Subject::Param(param)) || self.questions.iter().any(|ask| ask.depends_on(param))
    }

    fn name(&mut self, variant: &Variant, path: u8) {
        let keys = variant.params.get(usize::from(path)).and_then(|param| param.path.as_ref());
        let Some(keys) = keys else { return };
        // Where it depends on other arguments whether a link is followed, the question would depend on them too.
        if let Expr::Bool(follow) = keys.follow {
            self.ask(Ask::Name { path, base: keys.base, follow });
        }
    }

    fn effect(&mut self, variant: &Variant, effect: &Effect) {
        match effect {
            Effect::Opens { fd, kind, file, socket, .. } => {
                let Some(subject) = self.descriptor(fd, Aspect::Whole) else { return };
                if socket.is_some() {
                    self.ask(Ask::Family(subject));
                    self.ask(Ask::SocketType(subject));
                }
                match kind {
                    Some(Expr::Word(kind @ (Word::Eventfd | Word::Timerfd | Word::Epoll))) => {
                        self.ask(Ask::Only(subject, *kind));
                    }
                    Some(_) => self.ask(Ask::File(subject)),
                    None if file.is_some() => self.ask(Ask::File(subject)),
                    None => {}
                }
            }
            Effect::Duplicates { fd, to, .. } => {
                if let (Some(to), Some(fd)) = (self.descriptor(to, Aspect::Whole), Subject::of(fd)) {
                    self.ask(Ask::Shared(fd, to));
                }
            }
            Effect::SetsStatus { fd, .. } => {
                self.descriptor(fd, Aspect::Status);
            }
            Effect::SetsOffset { fd, .. } => {
                self.descriptor(fd, Aspect::Offset);
            }
            Effect::SetsCloexec { fd: Some(fd), .. } | Effect::Closes { fd: Some(fd), .. } => {
                self.descriptor(fd, Aspect::Flags);
            }
            Effect::SetsSize { file, .. } | Effect::SetsPermissions { file, .. } => match (file, Subject::of(file)) {
                (Expr::Param(path), _) if is_path(variant, *path) => self.name(variant, *path),
                (_, Some(subject)) => self.ask(Ask::File(subject)),
                _ => {}
            },
            Effect::Queues { fd, .. } | Effect::Drains { fd, .. } => {
                // A counter tells its value to readers only, and then it is another.
                let counts = |subject| self.questions.contains(&Ask::Only(subject, Word::Eventfd));
                if let Some(subject) = Subject::of(fd).filter(|subject| !counts(*subject)) {
                    self.ask(Ask::Available(subject));
                }
            }
            Effect::SetsSeals { fd, .. } => {
                if let Some(subject) = Subject::of(fd) {
                    self.ask(Ask::Seals(subject));
                }
            }
            Effect::Creates { path, .. } | Effect::Removes { path } => self.name(variant, *path),
            Effect::Links { to, .. } => self.name(variant, *to),
            Effect::Renames { from, to, .. } => {
                self.name(variant, *from);
                self.name(variant, *to);
            }
            Effect::SetsLimit { resource: Expr::Param(resource), .. } => self.ask(Ask::Limit(*resource)),
            Effect::Maps { addr, .. } | Effect::Unmaps { addr, .. } | Effect::Protects { addr, .. } => {
                if let Some(page @ (Subject::Ret | Subject::Param(_))) = Subject::of(addr) {
                    self.ask(Ask::Readable(page));
                    self.ask(Ask::Writable(page));
                }
            }
            Effect::SetsSigmask { .. } => self.ask(Ask::Sigmask),
            Effect::SetsNice { .. } => self.ask(Ask::Nice),
            Effect::SetsPolicy { .. } => self.ask(Ask::Policy),
            Effect::SetsCwd { .. } => self.ask(Ask::Cwd),
            // What these change no call tells without changing it, or other calls of a program tell it.
            Effect::SetsCloexec { fd: None, .. }
            | Effect::Closes { fd: None, .. }
            | Effect::SetsLimit { .. }
            | Effect::SetsUmask { .. }
            | Effect::Writes { .. }
            | Effect::Changes { .. } => {}
            // The executor says it without being asked.
            Effect::Ends { .. } | Effect::Executes { .. } | Effect::Begins { .. } => {}
        }
    }

    /// Asks for what a condition says of a descriptor that the call made or changed.
    fn function(&mut self, function: Function, operands: &[Expr]) {
        let subject = |index: usize| operands.get(index).and_then(Subject::of);
        let Some(first) = subject(0).filter(|subject| self.looks_at(*subject)) else { return };
        let aspect = match function {
            Function::Open | Function::Cloexec => Some(Aspect::Flags),
            Function::Offset => Some(Aspect::Offset),
            Function::Nonblock
            | Function::Append
            | Function::StatusFlags
            | Function::IsPath
            | Function::Readable
            | Function::Writable => Some(Aspect::Status),
            _ => None,
        };
        if let (Some(aspect), Some(fd)) = (aspect, operands.first()) {
            self.descriptor(fd, aspect);
        }
        match function {
            Function::Available => self.ask(Ask::Available(first)),
            Function::Seals => self.ask(Ask::Seals(first)),
            Function::SameDescription => {
                if let Some(second) = subject(1)
                    && !self.questions.contains(&Ask::Shared(second, first))
                {
                    self.ask(Ask::Shared(first, second));
                }
            }
            _ => {}
        }
    }
}

fn is_path(variant: &Variant, param: u8) -> bool {
    variant.params.get(usize::from(param)).is_some_and(|param| param.path.is_some())
}

/// A call whose success is asked about.
pub struct Asking<'a> {
    /// Where it runs.
    pub sandbox: &'a mut Sandbox,
    /// The call.
    pub op: OpIndex,
    /// Its arguments.
    pub args: &'a [Arg; 6],
    /// Where its arguments' blocks begin; 0 for arguments that are none.
    pub addresses: &'a [u64; 6],
    /// The address of a text that is empty.
    pub empty: u64,
    /// Memory for answers: from here to there.
    pub free: &'a mut (u64, u64),
    /// Whether the call may have changed something when it answered EFAULT.
    pub partly: bool,
}

impl Asking<'_> {
    /// The descriptor, as an argument of the call that asks.
    pub fn subject(&self, subject: Subject) -> Option<Arg> {
        match subject {
            Subject::Ret => Some(Arg::result(self.op)),
            Subject::Param(index) => Some(self.args[usize::from(index)]),
            Subject::Number(number) => Some(Arg::imm(i64::from(number).cast_unsigned())),
            Subject::Stored { param, offset } => {
                let base = Some(self.addresses[usize::from(param)]).filter(|base| *base != 0)?;
                let address = base.checked_add(offset.into())?;
                arena_offset(address, 4).map(|_| Arg::mem32(address))
            }
        }
    }

    /// Memory for an answer of so many bytes.
    fn room(&mut self, bytes: u64) -> Option<u64> {
        let (begin, end) = *self.free;
        let next = begin.checked_add(bytes)?;
        (next <= end).then(|| {
            self.free.0 = next;
            begin
        })
    }

    /// Puts a question; `None` where it cannot be asked, for want of memory or because nobody knows what about.
    ///
    /// # Errors
    /// When the batch is full.
    pub fn put(&mut self, ask: Ask) -> Result<Option<Question>, PushError> {
        let Some((nr, args, answer)) = self.call(ask)? else { return Ok(None) };
        let guard = match ask {
            Ask::File(Subject::Param(_)) if self.partly => Guard::IfOkOrFault(self.op),
            _ => Guard::IfOk(self.op),
        };
        let op = self.sandbox.push(Op::new(nr, &args).guarded(guard))?;
        Ok(Some(Question { ask, op, answer }))
    }

    /// A call that asks: its number, its arguments, and where it answers.
    fn call(&mut self, ask: Ask) -> Result<Option<(i64, Vec<Arg>, u64)>, PushError> {
        let imm = Arg::imm;
        let flag = |flag: i32| imm(flag as u64);
        let basic = imm(libc::STATX_BASIC_STATS.into());
        let statx = STATX_BYTES as u64;
        Ok(match ask {
            Ask::File(subject) => self.subject(subject).and_then(|fd| {
                let answer = self.room(statx)?;
                let args = vec![fd, imm(self.empty), flag(libc::AT_EMPTY_PATH), basic, imm(answer)];
                Some((libc::SYS_statx, args, answer))
            }),
            Ask::Name { path, base, follow } => self.room(statx).map(|answer| {
                let cwd = imm(i64::from(libc::AT_FDCWD).cast_unsigned());
                let base = base.map_or(cwd, |base| self.args[usize::from(base)]);
                let flags = if follow { 0 } else { libc::AT_SYMLINK_NOFOLLOW };
                let args = vec![base, self.args[usize::from(path)], flag(flags), basic, imm(answer)];
                (libc::SYS_statx, args, answer)
            }),
            Ask::Only(subject, kind) => self.subject(subject).map(|fd| match kind {
                // Each complains about memory that is not there only where the descriptor is of its kind.
                Word::Eventfd => (libc::SYS_write, vec![fd, imm(0), imm(8)], 0),
                Word::Timerfd => (libc::SYS_timerfd_gettime, vec![fd, imm(0)], 0),
                _ => (libc::SYS_epoll_pwait, vec![fd, imm(0), imm(1), imm(0), imm(0), imm(8)], 0),
            }),
            Ask::Seals(subject) => {
                self.subject(subject).map(|fd| (libc::SYS_fcntl, vec![fd, flag(libc::F_GET_SEALS)], 0))
            }
            Ask::Available(subject) => self.subject(subject).and_then(|fd| {
                let answer = self.room(8)?;
                Some((libc::SYS_ioctl, vec![fd, imm(libc::FIONREAD), imm(answer)], answer))
            }),
            Ask::Family(subject) => self.option(subject, libc::SO_DOMAIN)?,
            Ask::SocketType(subject) => self.option(subject, libc::SO_TYPE)?,
            Ask::Shared(a, b) => match self.subject(a).zip(self.subject(b)) {
                Some((a, b)) => {
                    let pid = self.sandbox.push(Op::new(libc::SYS_getpid, &[]).guarded(Guard::IfOk(self.op)))?;
                    // 0 is KCMP_FILE.
                    Some((libc::SYS_kcmp, vec![Arg::result(pid), Arg::result(pid), imm(0), a, b], 0))
                }
                None => None,
            },
            Ask::Readable(page) => self.subject(page).map(|page| {
                // There is no such way of blocking signals, which the kernel finds out when it has read which.
                (libc::SYS_rt_sigprocmask, vec![imm(99), page, imm(0), imm(8)], 0)
            }),
            Ask::Writable(page) => self.subject(page).map(|page| {
                // Adds nothing to the number there, and wakes nobody.
                let wake = flag(libc::FUTEX_WAKE_OP | libc::FUTEX_PRIVATE_FLAG);
                (libc::SYS_futex, vec![page, wake, imm(0), imm(0), page, imm(ADDS_NOTHING)], 0)
            }),
            Ask::Limit(resource) => self.room(16).map(|answer| {
                let args = vec![imm(0), self.args[usize::from(resource)], imm(0), imm(answer)];
                (libc::SYS_prlimit64, args, answer)
            }),
            Ask::Sigmask => {
                self.room(8).map(|answer| (libc::SYS_rt_sigprocmask, vec![imm(0), imm(0), imm(answer), imm(8)], answer))
            }
            Ask::Nice => Some((libc::SYS_getpriority, vec![imm(0), imm(0)], 0)),
            Ask::Policy => Some((libc::SYS_sched_getscheduler, vec![imm(0)], 0)),
            Ask::Cwd => {
                self.room(CWD_BYTES).map(|answer| (libc::SYS_getcwd, vec![imm(answer), imm(CWD_BYTES)], answer))
            }
        })
    }

    /// Asks for an option of a socket that is a number. Behind the number its length is answered.
    fn option(&mut self, subject: Subject, option: i32) -> Result<Option<(i64, Vec<Arg>, u64)>, PushError> {
        let Some((fd, answer)) = self.subject(subject).zip(self.room(2 * WORD)) else { return Ok(None) };
        // Says that there is room for as many bytes as the head of its list has, which is more than enough.
        let length = answer + WORD;
        let says = [Arg::imm(0), Arg::imm(answer), Arg::imm(length)];
        self.sandbox.push(Op::new(libc::SYS_get_robust_list, &says).guarded(Guard::IfOk(self.op)))?;
        let level = Arg::imm(libc::SOL_SOCKET as u64);
        let args = vec![fd, level, Arg::imm(option as u64), Arg::imm(answer), Arg::imm(length)];
        Ok(Some((libc::SYS_getsockopt, args, answer)))
    }
}

/// Bytes of a pointer or a length.
const WORD: u64 = 8;

/// `FUTEX_OP(FUTEX_OP_ADD, 0, FUTEX_OP_CMP_EQ, 0)`.
const ADDS_NOTHING: u64 = 1 << 28;

/// Bytes for the path of the working directory; for a longer one there is no answer.
const CWD_BYTES: u64 = 256;
