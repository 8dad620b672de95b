//! The live system as a witness: /proc, and the memory of stopped tasks.

use super::witness::{Answer, Descriptor, Mapping, Question, Status, Witness};
use crate::exec::tracer;
use crate::world::description::kind_of_mode;
use abispec::expr::Word;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;

/// The longest text that the kernel takes.
const TEXT_MAX: usize = 4096;

/// This machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct System;

impl Witness for System {
    fn ask(&mut self, tid: i32, question: Question) -> Answer {
        let answer = match question {
            Question::Memory(address, len) => {
                let mut bytes = vec![0; len as usize];
                let read = tracer::read_memory(tid, address, &mut bytes);
                bytes.truncate(read);
                Some(Answer::Bytes(bytes))
            }
            Question::Text(address) => Some(Answer::Bytes(text(tid, address))),
            Question::Descriptor(fd) => descriptor(tid, fd).map(Answer::Descriptor),
            Question::Kind(fd) => kind(tid, fd).map(|kind| Answer::Number(kind.number() as u64)),
            Question::Descriptors => descriptors(tid).map(Answer::Descriptors),
            Question::Status => status(tid).map(Answer::Status),
            Question::BlockedSignals => tracer::blocked_signals(tid).ok().map(Answer::Number),
            Question::Limit(resource) => {
                tracer::limit(tid, resource).ok().map(|(soft, hard)| Answer::Limit(soft, hard))
            }
            Question::Mappings(start, end) => mappings(tid, start, end).map(Answer::Mappings),
        };
        answer.unwrap_or(Answer::Nothing)
    }

    fn read(&mut self, tid: i32, address: u64, bytes: &mut [u8]) -> usize {
        tracer::read_memory(tid, address, bytes)
    }
}

fn text(tid: i32, address: u64) -> Vec<u8> {
    /// Most texts are shorter.
    const FIRST: usize = 128;
    let mut bytes = vec![0; FIRST];
    let mut done = 0;
    loop {
        let read = tracer::read_memory(tid, address.wrapping_add(done as u64), &mut bytes[done..]);
        let end = done + read;
        if let Some(nul) = bytes[done..end].iter().position(|byte| *byte == 0) {
            bytes.truncate(done + nul + 1);
            return bytes;
        }
        if end < bytes.len() || end >= TEXT_MAX {
            bytes.truncate(end);
            return bytes;
        }
        done = end;
        bytes.resize(TEXT_MAX, 0);
    }
}

/// Reads a small file of /proc whole.
fn small(path: &str, buffer: &mut [u8]) -> Option<usize> {
    let mut file = File::open(path).ok()?;
    let mut len = 0;
    loop {
        match file.read(buffer.get_mut(len..).filter(|rest| !rest.is_empty())?) {
            Ok(0) => return Some(len),
            Ok(read) => len += read,
            Err(_) => return None,
        }
    }
}

fn descriptor(tid: i32, fd: i32) -> Option<Descriptor> {
    let mut buffer = [0; 4096];
    let path = format!("/proc/{tid}/fdinfo/{fd}");
    let mut file = match File::open(&path) {
        Ok(file) => file,
        // The folder itself goes with the task.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return fs::exists(format!("/proc/{tid}/fdinfo")).ok()?.then_some(Descriptor::Closed);
        }
        Err(_) => return None,
    };
    let read = file.read(&mut buffer).ok()?;
    let text = std::str::from_utf8(&buffer[..read]).ok()?;
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let flags = u64::from_str_radix(field("flags:")?, 8).ok()?;
    let position = field("pos:").and_then(|position| position.parse::<i64>().ok()).unwrap_or(0).cast_unsigned();
    Some(Descriptor::Open { kind: kind(tid, fd).map(|kind| kind.number() as u8), flags, position })
}

fn kind(tid: i32, fd: i32) -> Option<Word> {
    let path = format!("/proc/{tid}/fd/{fd}");
    if let Some(kind) = kind_of_mode(fs::metadata(&path).ok()?.mode()) {
        return Some(kind);
    }
    let link = fs::read_link(&path).ok()?;
    let name = link.as_os_str().as_bytes();
    let starts = |prefix: &str| name.starts_with(prefix.as_bytes());
    Some(match () {
        () if starts("anon_inode:[eventfd]") => Word::Eventfd,
        () if starts("anon_inode:[timerfd]") => Word::Timerfd,
        () if starts("anon_inode:[eventpoll]") => Word::Epoll,
        () if starts("anon_inode:[signalfd]") => Word::Signalfd,
        () if starts("anon_inode:inotify") => Word::Inotify,
        () if starts("anon_inode:[pidfd]") || starts("pidfd:") => Word::Pidfd,
        () => Word::Other,
    })
}

fn descriptors(tid: i32) -> Option<Vec<(i32, Descriptor)>> {
    let mut all = Vec::new();
    for entry in fs::read_dir(format!("/proc/{tid}/fd")).ok()? {
        let fd = entry.ok()?.file_name().to_str()?.parse().ok()?;
        all.push((fd, descriptor(tid, fd)?));
    }
    all.sort_unstable_by_key(|(fd, _)| *fd);
    Some(all)
}

fn status(tid: i32) -> Option<Status> {
    let mut buffer = [0; 8192];
    let read = small(&format!("/proc/{tid}/status"), &mut buffer)?;
    let text = String::from_utf8_lossy(&buffer[..read]);
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim);
    let last = |name| field(name).and_then(|text| text.split_whitespace().last()?.parse::<i32>().ok());
    let four = |name| {
        let mut ids = field(name)?.split_whitespace().map(|id| id.parse::<u32>().ok());
        Some([ids.next()??, ids.next()??, ids.next()??, ids.next()??])
    };
    let group = last("Tgid")?;
    Some(Status {
        group,
        own_tid: last("NSpid").unwrap_or(tid),
        own_pid: last("NStgid").unwrap_or(group),
        uids: four("Uid")?,
        gids: four("Gid")?,
        filters: last("Seccomp_filters").unwrap_or(0).cast_unsigned(),
    })
}

fn mappings(tid: i32, start: u64, end: u64) -> Option<Vec<Mapping>> {
    let mut found = Vec::new();
    for line in BufReader::new(File::open(format!("/proc/{tid}/maps")).ok()?).split(b'\n') {
        let line = String::from_utf8_lossy(&line.ok()?).into_owned();
        let mut words = line.split_whitespace();
        let (from, to) = words.next()?.split_once('-')?;
        let (from, to) = (u64::from_str_radix(from, 16).ok()?, u64::from_str_radix(to, 16).ok()?);
        let rights = words.next()?.as_bytes();
        if from >= end {
            break;
        }
        if to > start {
            let is = |index: usize, letter| rights.get(index) == Some(&letter);
            let file = words.nth(2) != Some("0");
            found.push(Mapping {
                start: from,
                end: to,
                read: is(0, b'r'),
                write: is(1, b'w'),
                shared: is(3, b's'),
                file,
            });
        }
    }
    Some(found)
}
