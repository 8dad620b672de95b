//! What the server answers to each request.

use std::collections::BTreeMap;

use nix::errno::Errno;

use super::answers::{self, Refused};
use super::store::{Content, Entries, New, Node, ROOT, Store, now};
use super::wire::{self, Reply, Request, op, set};

type Answer = Result<Reply, Errno>;

/// What the kernel may take for granted: nobody but the kernel changes a tree.
const ALWAYS: u64 = 1 << 20;

const BLOCK: u32 = super::super::layout::PAGE as u32;

/// Answers one request; nothing is answered to what wants no answer.
pub(super) fn answer(store: &mut Store, request: &Request<'_>) -> Option<Vec<u8>> {
    let answer = match request.op {
        op::FORGET => {
            if let Ok(times) = request.u64(0) {
                store.forget(request.node, times);
            }
            return None;
        }
        op::BATCH_FORGET => {
            for index in 0..request.u32(0).unwrap_or(0) as usize {
                let at = 8 + 16 * index;
                let (Ok(node), Ok(times)) = (request.u64(at), request.u64(at + 8)) else { break };
                store.forget(node, times);
            }
            return None;
        }
        // Nothing takes long enough to be interrupted.
        op::INTERRUPT => return None,
        _ => served(store, request),
    };
    Some(wire::message(request.unique, answer))
}

fn served(store: &mut Store, request: &Request<'_>) -> Answer {
    let node = request.node;
    match request.op {
        op::INIT => init(request),
        op::LOOKUP => match store.lookup(node, request.text(0)?, request.uid, request.gid) {
            Ok(found) => entry(store, node, found),
            // That a name is not there may be remembered too.
            Err(Errno::ENOENT) if node != ROOT => Ok(nothing()),
            Err(errno) => Err(errno),
        },
        op::GETATTR => attributes(store, node),
        op::SETATTR => change(store, request),
        op::READLINK => match &store.get(node)?.content {
            Content::Link(target) => Ok(Reply(target.clone())),
            _ => Err(Errno::EINVAL),
        },
        op::SYMLINK => {
            let (name, target) = request.texts(0)?;
            store.refuses_name(node, name, Refused::Symlink)?;
            make(store, request, name, Content::Link(target.to_vec()), libc::S_IFLNK | 0o777, 0)
        }
        op::MKNOD => {
            let (mode, device, name) = (request.u32(0)?, request.u32(4)?, request.text(16)?);
            store.refuses_name(node, name, Refused::Mknod)?;
            let content = if mode & libc::S_IFMT == libc::S_IFREG { empty() } else { Content::Special };
            make(store, request, name, content, mode, device)
        }
        op::MKDIR => {
            let (mode, name) = (request.u32(0)?, request.text(8)?);
            store.refuses_name(node, name, Refused::Mkdir)?;
            let mode = libc::S_IFDIR | mode & 0o7777;
            make(store, request, name, Content::Directory(Entries::default()), mode, 0)
        }
        op::CREATE => create(store, request),
        op::LINK => {
            let (from, name) = (request.u64(0)?, request.text(8)?);
            store.refuses_name(node, name, Refused::Link)?;
            store.link(from, node, name)?;
            entry(store, node, from)
        }
        op::UNLINK | op::RMDIR => {
            let (name, directory) = (request.text(0)?, request.op == op::RMDIR);
            let found = store.lookup(node, name, request.uid, request.gid)?;
            store.refuses(found, if directory { Refused::Rmdir } else { Refused::Unlink })?;
            store.remove(node, name, directory).map(|()| Reply::default())
        }
        op::RENAME => rename(store, request, 0, 8),
        op::RENAME2 => rename(store, request, request.u32(8)?, 16),
        op::OPEN => {
            store.refuses(node, Refused::Open)?;
            if request.u32(0)? & libc::O_TRUNC.cast_unsigned() != 0 {
                store.resize(node, 0)?;
            }
            Ok(opened(store.get(node)?))
        }
        op::OPENDIR => Ok(opened(store.get(node)?)),
        op::READ => {
            store.refuses(node, Refused::Read)?;
            store.read(node, request.u64(8)?, request.u32(16)?.into()).map(Reply)
        }
        op::WRITE => {
            store.refuses(node, Refused::Write)?;
            let size = request.u32(16)? as usize;
            let bytes = request.body.get(40..40 + size).ok_or(wire::SHORT)?;
            let done = store.write(node, request.u64(8)?, bytes)?;
            Ok(Reply::default().u32(done).zeros(4))
        }
        op::READDIR => list(store, request),
        op::FLUSH => store.refuses(node, Refused::Close).map(|()| Reply::default()),
        op::RELEASE | op::RELEASEDIR => Ok(Reply::default()),
        op::FSYNC | op::FSYNCDIR => store.refuses(node, Refused::Sync).map(|()| Reply::default()),
        op::STATFS => {
            store.refuses(node, Refused::Statfs)?;
            let ((pages, files), used, made) = (store.limits, store.pages, store.files());
            let (free, left) = (pages.saturating_sub(used), files.saturating_sub(made));
            let reply = Reply::default().u64(pages).u64(free).u64(free).u64(files).u64(left);
            Ok(reply.u32(BLOCK).u32(255).u32(BLOCK).zeros(28))
        }
        op::FALLOCATE => allocate(store, request),
        op::LSEEK => {
            store.refuses(node, Refused::Seek)?;
            let (offset, whence, size) = (request.u64(8)?, request.u32(16)?, store.get(node)?.size());
            // Everything is data, up to the end.
            match whence.cast_signed() {
                _ if offset >= size => Err(Errno::ENXIO),
                libc::SEEK_DATA => Ok(Reply::default().u64(offset)),
                libc::SEEK_HOLE => Ok(Reply::default().u64(size)),
                _ => Err(Errno::EINVAL),
            }
        }
        op::IOCTL => control(store, request),
        op::TMPFILE => {
            store.refuses(node, Refused::Tmpfile)?;
            Err(Errno::EOPNOTSUPP)
        }
        // The kernel does without, and does not ask again.
        _ => Err(Errno::ENOSYS),
    }
}

fn init(request: &Request<'_>) -> Answer {
    let (major, minor, ahead) = (request.u32(0)?, request.u32(4)?, request.u32(8)?);
    let (own, newest) = wire::VERSION;
    if major < own {
        return Err(Errno::EPROTO);
    }
    let minor = if major > own { newest } else { minor.min(newest) };
    let reply = Reply::default().u32(own).u32(minor).u32(ahead).u32(wire::BIG_WRITES | wire::ATOMIC_O_TRUNC);
    Ok(reply.halves(12, 9).u32(wire::MAX_WRITE).u32(1).zeros(36))
}

fn empty() -> Content {
    Content::File { size: 0, pages: BTreeMap::new() }
}

fn attribute(reply: Reply, id: u64, node: &Node) -> Reply {
    let size = node.size();
    let [accessed, modified, changed] = node.times;
    let blocks = node.pages() * u64::from(BLOCK / 512);
    let reply = reply.u64(id).u64(size).u64(blocks).u64(accessed.0).u64(modified.0).u64(changed.0);
    let reply = reply.u32(accessed.1).u32(modified.1).u32(changed.1).u32(node.mode).u32(node.links);
    reply.u32(node.uid).u32(node.gid).u32(node.device).u32(BLOCK).u32(0)
}

fn attributes(store: &Store, id: u64) -> Answer {
    Ok(attribute(Reply::default().u64(ALWAYS).zeros(8), id, store.get(id)?))
}

/// That there is no such file.
fn nothing() -> Reply {
    Reply::default().u64(0).u64(0).u64(ALWAYS).zeros(16 + 88)
}

/// A file by its name, of which the kernel is told.
fn entry(store: &mut Store, parent: u64, id: u64) -> Answer {
    store.tell(id);
    // Names in the root are asked for each time: they begin trees.
    let valid = if parent == ROOT { 0 } else { ALWAYS };
    let reply = Reply::default().u64(id).u64(0).u64(valid).u64(ALWAYS).zeros(8);
    Ok(attribute(reply, id, store.get(id)?))
}

fn opened(node: &Node) -> Reply {
    // What is refused has to be asked for.
    let flags = match node.answer {
        Some((Refused::Read | Refused::Write, _)) => wire::DIRECT_IO | wire::NOFLUSH,
        Some((Refused::Close, _)) => wire::KEEP_CACHE,
        _ => wire::KEEP_CACHE | wire::NOFLUSH,
    };
    Reply::default().u64(0).u32(flags).zeros(4)
}

fn make(store: &mut Store, request: &Request<'_>, name: &[u8], content: Content, mode: u32, device: u32) -> Answer {
    let new = New { content, mode, uid: request.uid, gid: request.gid, device };
    let id = store.create(request.node, name, new)?;
    entry(store, request.node, id)
}

fn create(store: &mut Store, request: &Request<'_>) -> Answer {
    let (flags, mode, name) = (request.u32(0)?, request.u32(4)?, request.text(16)?);
    store.refuses_name(request.node, name, Refused::Create)?;
    let found = match store.lookup(request.node, name, request.uid, request.gid) {
        Ok(_) if flags & libc::O_EXCL.cast_unsigned() != 0 => return Err(Errno::EEXIST),
        Ok(found) => entry(store, request.node, found)?,
        Err(Errno::ENOENT) => make(store, request, name, empty(), libc::S_IFREG | mode & 0o7777, 0)?,
        Err(errno) => return Err(errno),
    };
    let id = store.lookup(request.node, name, request.uid, request.gid)?;
    let Reply(file) = opened(store.get(id)?);
    Ok(Reply([found.0, file].concat()))
}

fn rename(store: &mut Store, request: &Request<'_>, flags: u32, at: usize) -> Answer {
    let (to, (old, new)) = (request.u64(0)?, request.texts(at)?);
    let moved = store.lookup(request.node, old, request.uid, request.gid)?;
    store.refuses(moved, Refused::Rename)?;
    store.rename((request.node, old), (to, new), flags).map(|()| Reply::default())
}

fn change(store: &mut Store, request: &Request<'_>) -> Answer {
    store.refuses(request.node, Refused::Set)?;
    let what = request.u32(0)?;
    let asked = |bit: u32| what & bit != 0;
    if asked(set::SIZE) {
        store.refuses(request.node, Refused::Size)?;
        store.resize(request.node, request.u64(16)?)?;
    }
    let node = store.get_mut(request.node)?;
    let now = now();
    node.times[2] = if asked(set::CTIME) { (request.u64(48)?, request.u32(64)?) } else { now };
    if asked(set::MODE) {
        node.mode = node.mode & libc::S_IFMT | request.u32(68)? & 0o7777;
    }
    if asked(set::UID) {
        node.uid = request.u32(76)?;
    }
    if asked(set::GID) {
        node.gid = request.u32(80)?;
    }
    for (index, own, at_once) in [(0, set::ATIME, set::ATIME_NOW), (1, set::MTIME, set::MTIME_NOW)] {
        if asked(at_once) {
            node.times[index] = now;
        } else if asked(own) {
            node.times[index] = (request.u64(32 + 8 * index)?, request.u32(56 + 4 * index)?);
        }
    }
    attributes(store, request.node)
}

fn allocate(store: &mut Store, request: &Request<'_>) -> Answer {
    store.refuses(request.node, Refused::Space)?;
    let (offset, length, mode) = (request.u64(8)?, request.u64(16)?, request.u32(24)?.cast_signed());
    let end = offset.saturating_add(length);
    if mode & (libc::FALLOC_FL_PUNCH_HOLE | libc::FALLOC_FL_ZERO_RANGE) != 0 {
        store.clear(request.node, offset, end)?;
    } else {
        let wanted = end.div_ceil(u64::from(BLOCK)) - offset / u64::from(BLOCK);
        if wanted > store.limits.0.saturating_sub(store.pages) {
            return Err(Errno::ENOSPC);
        }
    }
    if mode & libc::FALLOC_FL_KEEP_SIZE == 0 && end > store.get(request.node)?.size() {
        store.resize(request.node, end)?;
    }
    Ok(Reply::default())
}

fn list(store: &Store, request: &Request<'_>) -> Answer {
    store.refuses(request.node, Refused::List)?;
    let (place, room) = (request.u64(8)?, request.u32(16)? as usize);
    let node = store.get(request.node)?;
    let Content::Directory(entries) = &node.content else { return Err(Errno::ENOTDIR) };
    let dots = [(&b"."[..], request.node, 1), (&b".."[..], node.parent, 2)];
    let dots = dots.into_iter().filter(|(.., at)| *at > place);
    let others = entries.behind(place).into_iter().map(|(name, entry)| (name, entry.node, entry.place));
    let mut reply = Reply::default();
    for (name, id, at) in dots.chain(others) {
        let kind = store.get(id).map_or(0, |node| (node.mode & libc::S_IFMT) >> 12);
        let bytes = 24 + name.len().next_multiple_of(8);
        if reply.0.len() + bytes > room {
            break;
        }
        reply = reply.u64(id).u64(at).u32(name.len() as u32).u32(kind);
        reply.0.extend_from_slice(name);
        reply = reply.zeros(bytes - 24 - name.len());
    }
    Ok(reply)
}

/// A request's own number chooses what is answered: an errno, or a number that is none.
fn control(store: &Store, request: &Request<'_>) -> Answer {
    let command = request.u32(12)?;
    // Those that file systems have in common, by which the kernel itself asks for attributes, and those of terminals and of what else
    // bytes come from.
    let common = matches!((command >> 8) as u8, b'f' | b'X' | b'T');
    let answers = store.get(request.node)?.answer.is_some_and(|(refused, _)| refused.is_control());
    if common || !answers {
        return Err(Errno::ENOTTY);
    }
    Ok(Reply::default().u32(answers::requested(command)?).zeros(12))
}
