//! Names that a server refuses something for, picked by the errno that is wanted.

use super::dice::Dice;
use crate::exec::{ANSWERS, Refused, Stands, answers, requests};
use abispec::errno::Errno;
use abispec::expr::{BinaryOp, Expr, Function, Word};
use abispec::model::{Operation, Origin};
use abispec::target::{ClauseId, Resolved, Rule, Variant};
use abispec::types::Type;
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

/// What a call asks of the file system by a parameter; by one that asks nothing itself, anything that the call asks.
fn asks(variant: &Variant, position: usize) -> Vec<Operation> {
    let own = variant.params.get(position).map(|param| param.asks.clone()).unwrap_or_default();
    if own.is_empty() { variant.params.iter().flat_map(|param| &param.asks).copied().collect() } else { own }
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

fn moves(variant: &Variant) -> Option<Ends> {
    let only = |operation: Operation| variant.params.iter().position(|param| param.asks == [operation]);
    let (from, to) = (only(Operation::Read)?, only(Operation::Write)?);
    let length = variant.params.iter().position(|param| matches!(param.ty, Type::Size))?;
    Some(Ends { from, to, length, by_pipe: variant.rules.iter().any(|rule| wants_pipe(rule, from, to)) })
}

/// Whether a rule refuses two descriptors neither of which is a pipe.
fn wants_pipe(rule: &Rule, from: usize, to: usize) -> bool {
    let conjuncts = rule.condition.joined(BinaryOp::And);
    let refuses = |position: usize| {
        conjuncts.iter().any(|conjunct| match conjunct {
            Expr::Binary(BinaryOp::Ne, a, b) => match (&**a, &**b) {
                (Expr::Call(Function::Kind, list), Expr::Word(Word::Pipe)) => {
                    matches!(list[..], [Expr::Param(index)] if usize::from(index) == position)
                }
                _ => false,
            },
            _ => false,
        })
    };
    rule.duty && refuses(from) && refuses(to)
}

/// Whether a call makes requests that only some files know.
fn makes_requests(variant: &Variant) -> bool {
    variant.params.iter().any(|param| param.asks.contains(&Operation::Control))
}

/// The error rules that the names are for: those that look at the file system, if it may be this one, those of requests, and what
/// any file system may answer.
pub(super) fn rules(resolved: &Resolved) -> BTreeSet<ClauseId> {
    let mut found = BTreeSet::new();
    let variants = resolved.calls.iter().flat_map(|call| &call.variants);
    for variant in variants.filter(|variant| !asks(variant, 0).is_empty()) {
        for rule in &variant.rules {
            let mut looks = makes_requests(variant) && variant.selector.is_none();
            looks |= !rule.duty && rule.origin == Origin::Filesystem && is_answered(variant, rule.errno);
            rule.condition.walk(&mut |expr| looks |= matches!(expr, Expr::Call(Function::Fs, _)));
            if looks && !excludes(&rule.condition) {
                found.insert(rule.clause);
            }
        }
    }
    found
}

/// Whether some name refuses with this errno what a call asks for.
fn is_answered(variant: &Variant, errno: Errno) -> bool {
    let asked = |refused: Refused| variant.params.iter().any(|param| param.asks.contains(&refused.operation()));
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
    variant: &'a Variant,
}

impl<'a> Served<'a> {
    pub(super) fn new(all: &'a [Named], errno: Errno, variant: &'a Variant) -> Self {
        Self { all, errno, variant }
    }

    /// Where bytes go, if the call moves them.
    pub(super) fn ends(&self) -> Option<Ends> {
        moves(self.variant)
    }

    /// A name for a parameter, at which this stands.
    pub(super) fn pick(
        &self,
        dice: &mut Dice<'_>,
        position: usize,
        stands: impl Fn(Stands) -> bool,
    ) -> Option<&'a Named> {
        let wanted = asks(self.variant, position);
        let right = |named: &&Named| {
            let asked = wanted.is_empty() || wanted.contains(&named.refused.operation());
            let answered = named.refused.is_control() || named.errno == Some(self.errno);
            asked && answered && stands(named.stands)
        };
        let fitting: Vec<&Named> = self.all.iter().filter(right).collect();
        dice.pick(&fitting).copied()
    }

    /// The number of a request that is answered with the errno.
    pub(super) fn request(&self, dice: &mut Dice<'_>) -> Option<u64> {
        if !makes_requests(self.variant) {
            return None;
        }
        let index = requests().position(|name| name == self.errno.name())?;
        let kinds = requests().count() + 1;
        // The last of them succeeds.
        let index = if dice.chance(4) { kinds - 1 } else { index };
        Some((kinds * dice.below(0x3fff_ffff / kinds) + index) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use abispec::arch::Arch;
    use abispec::finding::SourceFile;
    use abispec::target::Target;
    use abispec::version::Release;

    fn resolved(params: &str, errors: &str) -> Resolved {
        let file = |path: &str, text: String| SourceFile { path: path.to_owned(), text };
        let head = "syscall: newer\nsummary: a test\nnr: {x86_64: 1}\nreturns: zero\n";
        let (spec, findings) = abispec::load::load(vec![
            file("syscalls/newer.yaml", format!("{head}params:\n{params}errors: {{{errors}}}\n")),
            file("resources/r.yaml", "fd: {base: int32}\n".to_owned()),
        ]);
        assert!(findings.is_empty(), "{findings:#?}");
        abispec::resolve(&spec, &Target::new(Arch::X86_64, Release::new(7, 3)))
    }

    #[test]
    fn a_call_that_nobody_knows_is_refused_what_it_asks() {
        let rules = "EACCES: [{may: open(fd), from: filesystem}], EMLINK: [{may: open(fd), from: filesystem}]";
        let asking = resolved("  - {name: fd, c: int, type: fd, asks: [read]}\n", rules);
        let found: Vec<&str> = self::rules(&asking)
            .iter()
            .filter_map(|clause| asking.clause(*clause).errno)
            .map(|errno| errno.name())
            .collect();
        assert_eq!(found, ["EACCES"], "nobody answers a read with EMLINK");
        let silent = resolved("  - {name: fd, c: int, type: fd}\n", rules);
        assert!(self::rules(&silent).is_empty());
    }

    #[test]
    fn bytes_move_between_what_is_read_and_what_is_written() {
        let params = "  - {name: to, c: int, type: fd, asks: [write]}\n  - {name: n, c: size_t, type: size}\n  \
                      - {name: of, c: int, type: fd, asks: [read]}\n";
        let ends = |errors: &str| {
            let resolved = resolved(params, errors);
            moves(&resolved.calls[0].variants[0]).map(|ends| (ends.from, ends.to, ends.length, ends.by_pipe))
        };
        assert_eq!(ends("EINVAL: [{when: n == 1 && kind(of) != pipe && kind(to) != pipe}]"), Some((2, 0, 1, true)));
        assert_eq!(ends("EINVAL: [{when: kind(of) != pipe}]"), Some((2, 0, 1, false)));
        let both = resolved("  - {name: fd, c: int, type: fd, asks: [read, write]}\n", "EIO: [{may: open(fd)}]");
        assert!(moves(&both.calls[0].variants[0]).is_none());
    }
}
