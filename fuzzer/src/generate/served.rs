//! Names that a server refuses something for, picked by the errno that is wanted.

use super::dice::Dice;
use crate::exec::{ANSWERS, Refused, Stands, answers, requests};
use abispec::errno::Errno;
use abispec::expr::{BinaryOp, Expr, Function, Word};
use abispec::model::Origin;
use abispec::target::{ClauseId, Resolved, Variant};
use std::collections::BTreeSet;

/// A name of the server's.
#[derive(Clone, Debug)]
pub(super) struct Named {
    /// From the working directory.
    pub(super) path: String,
    pub(super) stands: Stands,
    refused: Refused,
    errno: Option<Errno>,
}

/// All of them.
pub(super) fn all() -> Vec<Named> {
    answers()
        .map(|answer| Named {
            path: format!("{ANSWERS}/{}", answer.name),
            stands: answer.refused.stands(),
            refused: answer.refused,
            errno: Errno::from_name(answer.errno_name()),
        })
        .collect()
}

/// What of the server's a call asks for by a parameter; nothing where it may be anything.
fn asks(call: &str, position: usize) -> &'static [Refused] {
    match call {
        "read" | "readv" | "pread64" | "preadv" | "preadv2" => &[Refused::Read],
        "write" | "writev" | "pwrite64" | "pwritev" | "pwritev2" => &[Refused::Write],
        "mmap" => &[Refused::Read, Refused::Write],
        _ if moves(call).is_some_and(|ends| ends.to == position) => &[Refused::Write],
        _ if moves(call).is_some() => &[Refused::Read],
        "chmod" | "fchmod" | "fchmodat" | "fchmodat2" | "chown" | "fchown" | "lchown" | "fchownat" | "utime"
        | "utimes" | "utimensat" | "futimesat" => &[Refused::Set],
        "truncate" | "ftruncate" => &[Refused::Set, Refused::Size],
        "close" => &[Refused::Close],
        "lseek" => &[Refused::Seek],
        "fsync" | "fdatasync" => &[Refused::Sync],
        "fallocate" | "madvise" => &[Refused::Space],
        "unlink" => &[Refused::Unlink],
        "rmdir" => &[Refused::Rmdir],
        "unlinkat" => &[Refused::Unlink, Refused::Rmdir],
        "rename" | "renameat" | "renameat2" => &[Refused::Rename],
        "getdents" | "getdents64" => &[Refused::List],
        "statfs" | "fstatfs" => &[Refused::Statfs],
        REQUESTS => &[Refused::Control],
        "open" | "openat" | "openat2" | "creat" => &[Refused::Open, Refused::Create, Refused::Tmpfile],
        "execve" | "execveat" | "file_setattr" => &[Refused::Open],
        "mkdir" | "mkdirat" => &[Refused::Mkdir],
        "mknod" | "mknodat" => &[Refused::Mknod],
        "symlink" | "symlinkat" => &[Refused::Symlink],
        "link" | "linkat" => &[Refused::Link],
        _ => &[],
    }
}

/// The parameters of a call that moves bytes from one descriptor to another.
#[derive(Clone, Copy)]
pub(super) struct Ends {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) length: usize,
    /// One of the two is a pipe.
    pub(super) by_pipe: bool,
}

fn moves(call: &str) -> Option<Ends> {
    match call {
        "sendfile" => Some(Ends { from: 1, to: 0, length: 3, by_pipe: false }),
        "splice" => Some(Ends { from: 0, to: 2, length: 4, by_pipe: true }),
        "copy_file_range" => Some(Ends { from: 0, to: 2, length: 4, by_pipe: false }),
        _ => None,
    }
}

/// The call for requests that only some files know.
const REQUESTS: &str = "ioctl";

/// The error rules that the names are for: those that look at the file system, if it may be this one, those of requests, and what
/// any file system may answer.
pub(super) fn rules(resolved: &Resolved) -> BTreeSet<ClauseId> {
    let mut found = BTreeSet::new();
    for call in resolved.calls.iter().filter(|call| !asks(&call.name, 0).is_empty()) {
        for (variant, rule) in
            call.variants.iter().flat_map(|variant| variant.rules.iter().map(move |rule| (variant, rule)))
        {
            let mut looks = call.name == REQUESTS && variant.selector.is_none();
            looks |= !rule.duty && rule.origin == Origin::Filesystem && is_answered(&call.name, variant, rule.errno);
            rule.condition.walk(&mut |expr| looks |= matches!(expr, Expr::Call(Function::Fs, _)));
            if looks && !excludes(&rule.condition) {
                found.insert(rule.clause);
            }
        }
    }
    found
}

/// Whether some name refuses with this errno what a call asks for.
fn is_answered(call: &str, variant: &Variant, errno: Errno) -> bool {
    let asked = |refused: Refused| (0..variant.params.len()).any(|position| asks(call, position).contains(&refused));
    answers().any(|answer| Errno::from_name(answer.errno_name()) == Some(errno) && asked(answer.refused))
}

/// Whether a condition is false wherever a server answers for files.
fn excludes(condition: &Expr) -> bool {
    let other = |word: &Expr| matches!(word, Expr::Word(word) if *word != Word::Fuse);
    let of_file_system = |expr: &Expr| matches!(expr, Expr::Call(Function::Fs, _));
    match condition {
        Expr::Binary(BinaryOp::And, a, b) => excludes(a) || excludes(b),
        Expr::Binary(BinaryOp::Eq, a, b) => of_file_system(a) && other(b),
        Expr::In(inner, list) => of_file_system(inner) && list.iter().all(other),
        _ => false,
    }
}

impl Named {
    /// Whether the file refuses what is done to it through a mapping of it.
    pub(super) fn is_for_mappings(&self) -> bool {
        self.refused == Refused::Space
    }
}

/// Names that may bring about one errno.
#[derive(Clone, Copy)]
pub(super) struct Served<'a> {
    all: &'a [Named],
    errno: Errno,
    call: &'a str,
}

impl<'a> Served<'a> {
    pub(super) fn new(all: &'a [Named], errno: Errno, call: &'a str) -> Self {
        Self { all, errno, call }
    }

    /// Where bytes go, if the call moves them.
    pub(super) fn ends(&self) -> Option<Ends> {
        moves(self.call)
    }

    /// A name for a parameter, at which this stands.
    pub(super) fn pick(
        &self,
        dice: &mut Dice<'_>,
        position: usize,
        stands: impl Fn(Stands) -> bool,
    ) -> Option<&'a Named> {
        let wanted = asks(self.call, position);
        let right = |named: &&Named| {
            let asked = wanted.is_empty() || wanted.contains(&named.refused);
            let answered = named.refused == Refused::Control || named.errno == Some(self.errno);
            asked && answered && stands(named.stands)
        };
        let fitting: Vec<&Named> = self.all.iter().filter(right).collect();
        dice.pick(&fitting).copied()
    }

    /// The number of a request that is answered with the errno.
    pub(super) fn request(&self, dice: &mut Dice<'_>) -> Option<u64> {
        if self.call != REQUESTS {
            return None;
        }
        let index = requests().position(|name| name == self.errno.name())?;
        let kinds = requests().count() + 1;
        // The last of them succeeds.
        let index = if dice.chance(4) { kinds - 1 } else { index };
        Some((kinds * dice.below(0x3fff_ffff / kinds) + index) as u64)
    }
}
