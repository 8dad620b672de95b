//! What the kernel says of descriptors and files, beside what the model says.

use crate::exec::{OpIndex, OpState, Sandbox};
use crate::lower::{FileProbe, LoweredCall, Probe, STATX_BYTES, Subject};
use crate::oracle::Verdict;
use crate::world::descriptors::Slot;
use crate::world::{Looks, View, World};
use abispec::expr::{Function, Moment, Observer, OperandValue, Word};

pub(super) fn subject_number(subject: Subject, registers: [u64; 6], ret: i64, sandbox: &Sandbox) -> Option<i32> {
    match subject {
        Subject::Number(number) => Some(number),
        Subject::Ret => i32::try_from(ret).ok(),
        Subject::Param(index) => Some(registers[usize::from(index)] as u32 as i32),
        Subject::At(address) => {
            let bytes = sandbox.arena().slice(address, 4)?;
            Some(i32::from_le_bytes(bytes.try_into().ok()?))
        }
    }
}

/// What one probe saw of a descriptor.
struct Look {
    open: bool,
    cloexec: Option<i64>,
    status: Option<i64>,
    offset: Option<i64>,
}

fn look(probe: &Probe, sandbox: &Sandbox) -> Option<Look> {
    let done = |op: OpIndex| {
        let result = sandbox.result(op);
        (result.state == OpState::Done).then_some(result.ret)
    };
    let first = done(probe.cloexec)?;
    let fine = |op| done(op).filter(|ret| !(-4095..0).contains(ret));
    let cloexec = (first >= 0).then_some(first & 1);
    Some(Look { open: first >= 0, cloexec, status: fine(probe.status), offset: fine(probe.offset) })
}

/// The first property of a descriptor that the kernel and the model see differently.
pub(super) fn differs(world: &World, fd: i32, probe: &Probe, sandbox: &Sandbox) -> Option<(String, String, String)> {
    let look = look(probe, sandbox)?;
    let fd = i128::from(fd);
    let descriptor = match world.descriptors.slot(fd) {
        Slot::Unknown => return None,
        Slot::Closed if look.open => return Some(("the state".to_owned(), "closed".to_owned(), "open".to_owned())),
        Slot::Closed => return None,
        Slot::Open(_) if !look.open => return Some(("the state".to_owned(), "open".to_owned(), "closed".to_owned())),
        Slot::Open(descriptor) => descriptor,
    };
    let compare = |what: &str, expected: Option<i128>, seen: Option<i64>| {
        let (expected, seen) = (expected?, i128::from(seen?));
        (expected != seen).then(|| (what.to_owned(), format!("{expected:#x}"), format!("{seen:#x}")))
    };
    let description = world.descriptors.description(fd);
    // Only what has a position answers lseek with one.
    let positioned = description.filter(|description| description.seekable() == Some(true));
    compare("close-on-exec", descriptor.cloexec.map(i128::from), look.cloexec)
        .or_else(|| compare("F_GETFL", description?.status, look.status))
        .or_else(|| compare("the offset", positioned?.offset.map(i128::from), look.offset))
}

/// Holds a whole descriptor table against the model.
pub(super) fn table(world: &World, probes: &[Probe], sandbox: &Sandbox, failed: bool) -> Option<Verdict> {
    for probe in probes {
        let Subject::Number(fd) = probe.subject else { continue };
        if let Some((what, expected, actual)) = differs(world, fd, probe, sandbox) {
            let id = if failed { "failure-changed-state" } else { "stray-descriptor" };
            let expected = format!("{what} of descriptor {fd} is {expected}");
            return Some(Verdict { id, clause: None, expected, actual: format!("it is {actual}") });
        }
    }
    None
}

/// What the kernel says of the file behind a returned descriptor.
struct FileLook {
    kind: Word,
    permissions: i128,
    links: i128,
    size: i128,
}

fn file_look(probe: &FileProbe, sandbox: &Sandbox) -> Option<FileLook> {
    let result = sandbox.result(probe.op);
    if result.state != OpState::Done || result.ret != 0 {
        return None;
    }
    let answer = sandbox.arena().slice(probe.address, STATX_BYTES)?;
    let number = |at: usize, bytes: usize| {
        let mut whole = [0; 8];
        whole[..bytes].copy_from_slice(answer.get(at..at + bytes)?);
        Some(u64::from_le_bytes(whole))
    };
    // The offsets of stx_mode, stx_nlink and stx_size are the same on every port.
    let mode = u32::try_from(number(28, 2)?).ok()?;
    let kind = match mode & libc::S_IFMT {
        libc::S_IFREG => Word::Regular,
        libc::S_IFDIR => Word::Directory,
        libc::S_IFLNK => Word::Symlink,
        libc::S_IFCHR => Word::CharDevice,
        libc::S_IFBLK => Word::BlockDevice,
        libc::S_IFIFO => Word::Pipe,
        libc::S_IFSOCK => Word::Socket,
        _ => return None,
    };
    let (links, size) = (number(16, 4)?.into(), number(40, 8)?.into());
    Some(FileLook { kind, permissions: (mode & 0o7777).into(), links, size })
}

/// The first property of the file behind a returned descriptor that the kernel and the model see differently.
pub(super) fn file_differs(
    view: &View<'_>,
    ret: i64,
    probe: &FileProbe,
    sandbox: &Sandbox,
) -> Option<(String, String, String)> {
    let look = file_look(probe, sandbox)?;
    let model = |function| view.call(function, &[OperandValue::Value(i128::from(ret))], Moment::After);
    let kind = model(Function::Kind)?;
    if kind != look.kind.number() {
        let name = Word::ALL.iter().find(|word| word.number() == kind).map_or("other", |word| word.name());
        return Some(("the kind of".to_owned(), name.to_owned(), look.kind.name().to_owned()));
    }
    if look.kind != Word::Regular {
        return None;
    }
    let compare = |what: &str, function, seen: i128| {
        let expected = model(function)?;
        (expected != seen).then(|| (what.to_owned(), format!("{expected:#o}"), format!("{seen:#o}")))
    };
    compare("the permissions of", Function::Permissions, look.permissions)
        .or_else(|| compare("the size of", Function::Size, look.size))
        .or_else(|| compare("the number of links of", Function::Links, look.links))
}

/// Answers of the kernel about the descriptors that a call touched.
pub(super) struct KernelLooks<'a> {
    pub(super) low: &'a LoweredCall,
    pub(super) sandbox: &'a Sandbox,
    pub(super) registers: [u64; 6],
}

impl Looks for KernelLooks<'_> {
    fn look(&self, function: Function, operands: &[OperandValue]) -> Option<Option<i128>> {
        let fd = operands.first()?.value()?;
        let ret = self.sandbox.result(self.low.op).ret;
        let probe = self.low.probes.iter().find(|probe| {
            subject_number(probe.subject, self.registers, ret, self.sandbox).map(i128::from) == Some(fd)
        })?;
        if let (Some(file), Subject::Ret) = (&self.low.file, probe.subject)
            && matches!(function, Function::Size | Function::Links | Function::Permissions)
        {
            let look = file_look(file, self.sandbox)?;
            return Some(match function {
                Function::Permissions => Some(look.permissions),
                Function::Links => Some(look.links),
                _ => Some(look.size).filter(|_| matches!(look.kind, Word::Regular | Word::Directory | Word::Symlink)),
            });
        }
        let look = look(probe, self.sandbox)?;
        let status = look.status.map(i128::from);
        let access = status.map(|status| status & 3);
        let only_path = status.map(|status| status & i128::from(libc::O_PATH) != 0);
        Some(match function {
            Function::Open => Some(i128::from(look.open)),
            Function::Cloexec => look.cloexec.map(i128::from),
            Function::Nonblock => status.map(|status| i128::from(status & i128::from(libc::O_NONBLOCK) != 0)),
            Function::Append => status.map(|status| i128::from(status & i128::from(libc::O_APPEND) != 0)),
            Function::StatusFlags => status,
            Function::IsPath => only_path.map(i128::from),
            Function::Readable => Some(i128::from(!only_path? && matches!(access?, 0 | 2))),
            Function::Writable => Some(i128::from(!only_path? && matches!(access?, 1 | 2))),
            _ => return None,
        })
    }
}
