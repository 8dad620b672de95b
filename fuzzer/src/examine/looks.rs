//! What the kernel says of descriptors, files and the process, beside what the model says.

use crate::ask::{Ask, Question, Subject};
use crate::exec::{OpIndex, OpState, Sandbox};
use crate::lower::{LoweredCall, Probe};
use crate::oracle::Verdict;
use crate::world::description::{KINDS_OF_MODES, kind_of_mode};
use crate::world::descriptors::Slot;
use crate::world::{Looks, View, World};
use abispec::expr::{Function, Moment, Observer, OperandValue, Word};
use std::cell::Cell;
use std::fmt;

/// Something that can be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Property {
    State,
    Cloexec,
    Status,
    Offset,
    Exists,
    Kind,
    Permissions,
    Size,
    Links,
    Seals,
    Available,
    Family,
    SocketType,
    Shared,
    Readable,
    Writable,
    Limit,
    Sigmask,
    Nice,
    Policy,
    Cwd,
}

impl Property {
    fn name(self) -> &'static str {
        match self {
            Self::State => "the state",
            Self::Cloexec => "close-on-exec",
            Self::Status => "F_GETFL",
            Self::Offset => "the offset",
            Self::Exists => "whether a file has the name",
            Self::Kind => "the kind",
            Self::Permissions => "the permissions",
            Self::Size => "the size",
            Self::Links => "the number of links",
            Self::Seals => "the seals",
            Self::Available => "the number of bytes that can be read",
            Self::Family => "the address family",
            Self::SocketType => "the type of the socket",
            Self::Shared => "sharing of one open file description",
            Self::Readable => "whether memory can be read",
            Self::Writable => "whether memory can be written",
            Self::Limit => "the limit",
            Self::Sigmask => "the set of blocked signals",
            Self::Nice => "the nice value",
            Self::Policy => "the scheduling policy",
            Self::Cwd => "the length of the working directory's path",
        }
    }

    fn text(self, value: i128) -> String {
        let word = |yes, no: &str| if value != 0 { yes } else { no.to_owned() };
        match self {
            Self::State => word("open".to_owned(), "closed"),
            Self::Readable | Self::Writable | Self::Exists => word("true".to_owned(), "false"),
            Self::Shared => word("true".to_owned(), "false"),
            Self::Kind => Word::ALL.iter().find(|word| word.number() == value).map_or("other", |w| w.name()).to_owned(),
            Self::Permissions => format!("{value:#o}"),
            Self::Cloexec | Self::Size | Self::Links | Self::Available | Self::Family | Self::SocketType => {
                value.to_string()
            }
            Self::Nice | Self::Cwd => value.to_string(),
            Self::Status | Self::Offset | Self::Seals | Self::Limit | Self::Sigmask | Self::Policy => {
                format!("{value:#x}")
            }
        }
    }
}

/// Whose property it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum About {
    Descriptor(Subject, i32),
    Name(u8),
    Page(u64),
    Process,
}

impl fmt::Display for About {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Descriptor(_, number) => write!(f, " of descriptor {number}"),
            Self::Name(param) => write!(f, " of argument {}", param + 1),
            Self::Page(address) => write!(f, " at {address:#x}"),
            Self::Process => Ok(()),
        }
    }
}

/// A property that the kernel and the model see differently.
#[derive(Clone, Copy, Debug)]
pub(super) struct Difference {
    pub(super) property: Property,
    pub(super) about: About,
    expected: i128,
    actual: i128,
}

impl Difference {
    pub(super) fn expected(&self) -> String {
        format!("{}{} is {}", self.property.name(), self.about, self.property.text(self.expected))
    }

    pub(super) fn actual(&self) -> String {
        format!("it is {}", self.property.text(self.actual))
    }
}

/// What one probe saw of a descriptor; `None` is what it did not see.
struct Look {
    open: Option<bool>,
    cloexec: Option<i64>,
    status: Option<i64>,
    offset: Option<i64>,
}

/// `None` where nothing of it was asked.
fn look(probe: &Probe, sandbox: &Sandbox) -> Option<Look> {
    let asked = |op: Option<OpIndex>| returned(op?, sandbox);
    let answers = [probe.cloexec, probe.status, probe.offset].map(asked);
    answers.iter().flatten().next()?;
    let fine = |answer: Option<i64>| answer.filter(|ret| !(-4095..0).contains(ret));
    let [cloexec, status, offset] = answers.map(fine);
    // What is open as a path only, or has no position, refuses lseek: that says nothing else of it.
    let open = match (answers, cloexec.or(status).or(offset)) {
        (_, Some(_)) => Some(true),
        ([None, None, _], None) => None,
        _ => Some(false),
    };
    Some(Look { open, cloexec: cloexec.map(|flags| flags & 1), status, offset })
}

fn returned(op: OpIndex, sandbox: &Sandbox) -> Option<i64> {
    let result = sandbox.result(op);
    (result.state == OpState::Done).then_some(result.ret)
}

/// The first property of a descriptor that the kernel and the model see differently.
fn probed(world: &World, fd: i32, probe: &Probe, sandbox: &Sandbox) -> Option<Difference> {
    let look = look(probe, sandbox)?;
    let about = About::Descriptor(probe.subject, fd);
    let fd = i128::from(fd);
    let state = |expected| Some(Difference { property: Property::State, about, expected, actual: 1 - expected });
    let descriptor = match world.descriptors.slot(fd) {
        Slot::Unknown => return None,
        Slot::Closed if look.open == Some(true) => return state(0),
        Slot::Closed => return None,
        Slot::Open(_) if look.open == Some(false) => return state(1),
        Slot::Open(descriptor) => descriptor,
    };
    let compare = |property, expected: Option<i128>, seen: Option<i64>| {
        let (expected, actual) = (expected?, i128::from(seen?));
        (expected != actual).then_some(Difference { property, about, expected, actual })
    };
    let description = world.descriptors.description(fd);
    // Only what has a position answers lseek with one.
    let positioned = description.filter(|description| description.seekable() == Some(true));
    compare(Property::Cloexec, descriptor.cloexec.map(i128::from), look.cloexec)
        .or_else(|| compare(Property::Status, description?.status, look.status))
        .or_else(|| compare(Property::Offset, positioned?.offset.map(i128::from), look.offset))
}

/// Holds a whole descriptor table against the model.
pub(super) fn table(world: &World, probes: &[Probe], sandbox: &Sandbox, failed: bool) -> Option<Verdict> {
    for probe in probes {
        let Subject::Number(fd) = probe.subject else { continue };
        if let Some(found) = probed(world, fd, probe, sandbox) {
            let id = if failed { "failure-changed-state" } else { "stray-descriptor" };
            return Some(Verdict { id, clause: None, expected: found.expected(), actual: found.actual() });
        }
    }
    None
}

/// What the kernel says of a file.
#[derive(Clone, Copy)]
struct FileLook {
    /// As its mode says; `None` where that says nothing.
    kind: Option<Word>,
    permissions: i128,
    links: i128,
    size: i128,
    /// Device and inode number.
    identity: (u64, u64),
}

impl FileLook {
    fn property(&self, function: Function) -> Option<i128> {
        match function {
            Function::Kind => self.kind.map(Word::number),
            Function::Permissions => Some(self.permissions),
            Function::Links => Some(self.links),
            Function::Size => {
                let sized = matches!(self.kind, Some(Word::Regular | Word::Directory | Word::Symlink));
                sized.then_some(self.size)
            }
            _ => None,
        }
    }
}

/// What the kernel answered to the questions about one call.
pub(super) struct Answers<'a> {
    pub(super) low: &'a LoweredCall,
    pub(super) sandbox: &'a Sandbox,
    pub(super) registers: [u64; 6],
    /// What the call returned, as it was seen.
    pub(super) ret: i64,
    /// How many answers a model agreed with, the last time that one was held against them.
    pub(super) agreed: Cell<u32>,
}

impl Answers<'_> {
    /// The number of the descriptor.
    fn number(&self, subject: Subject) -> Option<i32> {
        match subject {
            Subject::Number(number) => Some(number),
            Subject::Ret => i32::try_from(self.ret).ok(),
            Subject::Param(index) => Some(self.registers[usize::from(index)] as u32 as i32),
            Subject::Stored { param, offset } => {
                let address = self.low.addresses[usize::from(param)].checked_add(offset.into())?;
                let bytes = self.sandbox.arena().slice(address, 4)?;
                Some(i32::from_le_bytes(bytes.try_into().ok()?))
            }
        }
    }

    fn returned(&self, question: &Question) -> Option<i64> {
        returned(question.op, self.sandbox)
    }

    /// The little-endian number that lies in an answer.
    fn answered(&self, question: &Question, at: u64, bytes: usize) -> Option<u64> {
        let found = self.sandbox.arena().slice(question.answer.checked_add(at)?, bytes)?;
        let mut whole = [0; 8];
        whole.get_mut(..bytes)?.copy_from_slice(found);
        Some(u64::from_le_bytes(whole))
    }

    fn file(&self, question: &Question) -> Option<FileLook> {
        self.returned(question).filter(|ret| *ret == 0)?;
        let number = |at, bytes| self.answered(question, at, bytes);
        // The offsets in struct statx are the same on every port: stx_mode, stx_nlink, stx_size, stx_ino, stx_dev_*.
        let mode = u32::try_from(number(28, 2)?).ok()?;
        let kind = kind_of_mode(mode);
        let (links, size) = (number(16, 4)?.into(), number(40, 8)?.into());
        let identity = (number(136, 8)?, number(32, 8)?);
        Some(FileLook { kind, permissions: (mode & 0o7777).into(), links, size, identity })
    }

    /// Whether a descriptor is of the kind that answers so.
    fn is_only(&self, question: &Question, kind: Word) -> Option<bool> {
        let ret = self.returned(question)?;
        Some(ret == -i64::from(libc::EFAULT) || kind == Word::Epoll && ret == 0)
    }

    /// The first property that the kernel and the model see differently.
    pub(super) fn difference(&self, view: &View<'_>) -> Option<Difference> {
        let probe = |probe: &Probe| probed(view.world(Moment::After), self.number(probe.subject)?, probe, self.sandbox);
        let probes = self.low.probes.iter().find_map(probe);
        probes.or_else(|| self.low.questions.iter().find_map(|question| self.differs(view, question)))
    }

    /// With how many answers a model agrees, up to the first with which it does not.
    pub(super) fn agreements(&self, view: &View<'_>) -> u32 {
        self.agreed.set(0);
        let _ = self.difference(view);
        self.agreed.get()
    }

    fn differs(&self, view: &View<'_>, question: &Question) -> Option<Difference> {
        let compare = |property, about, function, operands: &[OperandValue], seen: Option<i128>| {
            let actual = seen?;
            let expected = view.call(function, operands, Moment::After)?;
            self.agreed.set(self.agreed.get() + u32::from(expected == actual));
            (expected != actual).then_some(Difference { property, about, expected, actual })
        };
        let of_file = |look: FileLook, about, operand: OperandValue| {
            [
                (Property::Kind, Function::Kind),
                (Property::Permissions, Function::Permissions),
                (Property::Size, Function::Size),
                (Property::Links, Function::Links),
            ]
            .into_iter()
            .find_map(|(property, function)| compare(property, about, function, &[operand], look.property(function)))
            .or_else(|| {
                // What has no name anywhere has no kind in its mode either, as all other files do.
                let expected = view.call(Function::Kind, &[operand], Moment::After)?;
                let named = look.kind.is_none() && KINDS_OF_MODES.iter().any(|kind| kind.number() == expected);
                let actual = Word::Other.number();
                named.then_some(Difference { property: Property::Kind, about, expected, actual })
            })
        };
        let value = |fd: i32| OperandValue::Value(fd.into());
        let descriptor = |subject| self.number(subject).map(|fd| (About::Descriptor(subject, fd), value(fd)));
        match question.ask {
            Ask::File(subject) => {
                let (about, fd) = descriptor(subject)?;
                of_file(self.file(question)?, about, fd)
            }
            Ask::Name { path, follow, .. } => {
                let (about, operand) = (About::Name(path), OperandValue::Param { index: path, value: None });
                // Behind a slash the question follows a link that the call itself may not have followed.
                let text = OperandValue::Param { index: path, value: view.argument(path) };
                if !follow && view.call(Function::TrailingSlash, &[text], Moment::Before) != Some(0) {
                    return None;
                }
                let there = match self.returned(question)? {
                    0 => 1,
                    gone if gone == -i64::from(libc::ENOENT) => 0,
                    _ => return None,
                };
                compare(Property::Exists, about, Function::Exists, &[operand], Some(there))
                    .or_else(|| of_file(self.file(question)?, about, operand))
            }
            Ask::Only(subject, kind) => {
                let (about, fd) = descriptor(subject)?;
                let expected = view.call(Function::Kind, &[fd], Moment::After)?;
                // What else it is nobody asked.
                let actual = if self.is_only(question, kind)? { kind } else { Word::Other }.number();
                let same = expected == actual || expected != kind.number() && actual != kind.number();
                (!same).then_some(Difference { property: Property::Kind, about, expected, actual })
            }
            Ask::Seals(subject) => {
                let (about, fd) = descriptor(subject)?;
                let seen = self.returned(question).filter(|ret| *ret >= 0).map(i128::from);
                compare(Property::Seals, about, Function::Seals, &[fd], seen)
            }
            Ask::Available(subject) => {
                let (about, fd) = descriptor(subject)?;
                let kind = view.call(Function::Kind, &[fd], Moment::After)?;
                let flows = [Word::Pipe, Word::Socket].iter().any(|word| word.number() == kind);
                let seen = if flows { self.waiting(question) } else { None };
                compare(Property::Available, about, Function::Available, &[fd], seen)
            }
            Ask::Family(subject) => {
                let (about, fd) = descriptor(subject)?;
                compare(Property::Family, about, Function::Family, &[fd], self.option(question))
            }
            Ask::SocketType(subject) => {
                let (about, fd) = descriptor(subject)?;
                compare(Property::SocketType, about, Function::SocketType, &[fd], self.option(question))
            }
            Ask::Shared(a, b) => {
                let (_, first) = descriptor(a)?;
                let (about, second) = descriptor(b)?;
                compare(Property::Shared, about, Function::SameDescription, &[first, second], self.shared(question))
            }
            Ask::Readable(page) | Ask::Writable(page) => {
                let address = match page {
                    Subject::Ret => self.ret.cast_unsigned(),
                    Subject::Param(index) => self.registers[usize::from(index)],
                    Subject::Number(_) | Subject::Stored { .. } => return None,
                };
                let can = match (question.ask, self.returned(question)?) {
                    (_, no) if no == -i64::from(libc::EFAULT) => 0,
                    (Ask::Readable(_), yes) if yes == -i64::from(libc::EINVAL) => 1,
                    (Ask::Writable(_), 0..) => 1,
                    _ => return None,
                };
                let (property, word) = match question.ask {
                    Ask::Readable(_) => (Property::Readable, Word::Read),
                    _ => (Property::Writable, Word::Write),
                };
                let range = [address.into(), 4, word.number()].map(OperandValue::Value);
                compare(property, About::Page(address), Function::Mapped, &range, Some(can))
            }
            Ask::Limit(resource) => {
                self.returned(question).filter(|ret| *ret == 0)?;
                let resource = OperandValue::Value((self.registers[usize::from(resource)] as u32).into());
                [(Function::Rlimit, 0), (Function::RlimitMax, 8)].into_iter().find_map(|(function, at)| {
                    let seen = self.answered(question, at, 8).map(i128::from);
                    compare(Property::Limit, About::Process, function, &[resource], seen)
                })
            }
            Ask::Sigmask => {
                self.returned(question).filter(|ret| *ret == 0)?;
                let seen = self.answered(question, 0, 8).map(i128::from);
                compare(Property::Sigmask, About::Process, Function::Sigmask, &[], seen)
            }
            Ask::Nice => {
                // The kernel answers 20 less it, so that no answer is negative.
                let seen = self.returned(question).filter(|ret| *ret > 0).map(|ret| 20 - i128::from(ret));
                compare(Property::Nice, About::Process, Function::Nice, &[], seen)
            }
            Ask::Policy => {
                let seen = self.returned(question).filter(|ret| *ret >= 0).map(i128::from);
                compare(Property::Policy, About::Process, Function::Policy, &[], seen)
            }
            Ask::Cwd => {
                let seen = self.returned(question).filter(|ret| *ret > 0).map(i128::from);
                compare(Property::Cwd, About::Process, Function::CwdLength, &[], seen)
            }
        }
    }

    /// Tells the model what it does not know of files that it follows.
    pub(super) fn teach(&self, world: &mut World) {
        for question in &self.low.questions {
            let (Ask::File(subject) | Ask::Seals(subject)) = question.ask else { continue };
            let fd = self.number(subject).map(i128::from);
            let inode = fd.and_then(|fd| world.descriptors.description(fd)).and_then(|found| found.inode);
            let known = inode.filter(|_| world.tree.is_known()).and_then(|inode| world.tree.get(inode));
            let Some((id, inode)) = inode.zip(known) else { continue };
            match question.ask {
                Ask::File(_) if inode.permissions.is_none() || inode.links.is_none() || inode.size.is_none() => {
                    let Some(look) = self.file(question).filter(|look| look.kind == inode.kind) else { continue };
                    let Some(inode) = world.tree_mut().get_mut(id) else { continue };
                    inode.permissions = inode.permissions.or_else(|| u16::try_from(look.permissions).ok());
                    inode.links = inode.links.or_else(|| u32::try_from(look.links).ok());
                    if look.kind == Some(Word::Regular) {
                        inode.size = inode.size.or_else(|| u64::try_from(look.size).ok());
                    }
                }
                Ask::Seals(_) if inode.seals.is_none() => {
                    let seen = self.returned(question).and_then(|seals| u32::try_from(seals).ok());
                    if let (Some(seals), Some(inode)) = (seen, world.tree_mut().get_mut(id)) {
                        inode.seals = Some(seals);
                    }
                }
                _ => {}
            }
        }
    }

    /// Bytes that wait in a pipe or socket.
    fn waiting(&self, question: &Question) -> Option<i128> {
        self.returned(question).filter(|ret| *ret == 0)?;
        self.answered(question, 0, 4).map(i128::from)
    }

    /// An option of a socket that is a number of 32 bits.
    fn option(&self, question: &Question) -> Option<i128> {
        self.returned(question).filter(|ret| *ret == 0)?;
        self.answered(question, 8, 4).filter(|bytes| *bytes == 4)?;
        self.answered(question, 0, 4).map(i128::from)
    }

    fn shared(&self, question: &Question) -> Option<i128> {
        match self.returned(question)? {
            0 => Some(1),
            // Less, more, or simply another.
            1..=3 => Some(0),
            _ => None,
        }
    }

    /// The question about a descriptor that `fits`.
    fn asked(&self, fd: i128, fits: impl Fn(Ask) -> Option<Subject>) -> Option<&Question> {
        let about = |question: &&Question| fits(question.ask).and_then(|subject| self.number(subject)).map(i128::from);
        self.low.questions.iter().find(|question| about(question) == Some(fd))
    }

    fn file_of(&self, operand: OperandValue) -> Option<FileLook> {
        let name = |question: &&Question| match (question.ask, operand) {
            (Ask::Name { path, .. }, OperandValue::Param { index, .. }) => path == index,
            _ => false,
        };
        let found = match self.low.questions.iter().find(name) {
            Some(found) => found,
            None => {
                self.asked(operand.value()?, |ask| if let Ask::File(subject) = ask { Some(subject) } else { None })?
            }
        };
        self.file(found)
    }

    /// What the probe of a descriptor saw.
    fn of_descriptor(&self, function: Function, fd: i128) -> Option<Option<i128>> {
        let probe = self.low.probes.iter().find(|probe| self.number(probe.subject).map(i128::from) == Some(fd))?;
        let needed = match function {
            Function::Open | Function::Cloexec => probe.cloexec,
            Function::Offset => probe.offset,
            _ => probe.status,
        };
        needed?;
        let look = look(probe, self.sandbox)?;
        let status = look.status.map(i128::from);
        let access = status.map(|status| status & 3);
        let only_path = status.map(|status| status & i128::from(libc::O_PATH) != 0);
        Some(match function {
            Function::Open => look.open.map(i128::from),
            Function::Cloexec => look.cloexec.map(i128::from),
            Function::Nonblock => status.map(|status| i128::from(status & i128::from(libc::O_NONBLOCK) != 0)),
            Function::Append => status.map(|status| i128::from(status & i128::from(libc::O_APPEND) != 0)),
            Function::StatusFlags => status,
            Function::Offset => look.offset.map(i128::from),
            Function::IsPath => only_path.map(i128::from),
            Function::Readable => Some(i128::from(!only_path? && matches!(access?, 0 | 2))),
            Function::Writable => Some(i128::from(!only_path? && matches!(access?, 1 | 2))),
            _ => return None,
        })
    }
}

impl Looks for Answers<'_> {
    fn look(&self, function: Function, operands: &[OperandValue]) -> Option<Option<i128>> {
        let first = *operands.first()?;
        match function {
            Function::Size | Function::Links | Function::Permissions => Some(self.file_of(first)?.property(function)),
            Function::Kind => match self.file_of(first) {
                Some(look) => look.property(function).map(Some),
                None => {
                    let only = |ask| if let Ask::Only(subject, _) = ask { Some(subject) } else { None };
                    let question = self.asked(first.value()?, only)?;
                    let Ask::Only(_, kind) = question.ask else { return None };
                    Some(self.is_only(question, kind)?.then(|| kind.number()))
                }
            },
            Function::SameFile => {
                let (a, b) = (self.file_of(first)?, self.file_of(*operands.get(1)?)?);
                Some(Some(i128::from(a.identity == b.identity)))
            }
            Function::Seals => {
                let seals = |ask| if let Ask::Seals(subject) = ask { Some(subject) } else { None };
                let question = self.asked(first.value()?, seals)?;
                Some(self.returned(question).filter(|ret| *ret >= 0).map(i128::from))
            }
            Function::Available => {
                let available = |ask| if let Ask::Available(subject) = ask { Some(subject) } else { None };
                self.waiting(self.asked(first.value()?, available)?).map(Some)
            }
            Function::SameDescription => {
                let (a, b) = (first.value()?, operands.get(1)?.value()?);
                let pair = |question: &&Question| match question.ask {
                    Ask::Shared(one, other) => {
                        let numbers = (self.number(one).map(i128::from), self.number(other).map(i128::from));
                        numbers == (Some(a), Some(b)) || numbers == (Some(b), Some(a))
                    }
                    _ => false,
                };
                self.shared(self.low.questions.iter().find(pair)?).map(Some)
            }
            _ => self.of_descriptor(function, first.value()?),
        }
    }
}
