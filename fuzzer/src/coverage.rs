//! Spec coverage: which clauses have been seen to hold on a real kernel.

mod alone;
mod bounds;
mod caller;
mod outside;

pub use alone::strike_out_others;

use crate::habitat::Habitat;
use crate::scope;
use crate::world;
use abispec::expr::{BinaryOp, Expr, Function, UnaryOp, Word, contradicts_itself, with_what_follows_of};
use abispec::model::Extent;
use abispec::target::{Call, ClauseId, ClauseKind, Resolved, ResolvedEffect, Rule, Variant};
use std::collections::BTreeMap;

/// How often each clause was seen, by [`ClauseId`].
#[derive(Clone, Debug)]
pub struct Coverage {
    seen: Vec<u64>,
    /// Successes, by call and variant.
    pub successes: Vec<Vec<u64>>,
}

impl Coverage {
    /// Nothing seen yet.
    pub fn new(resolved: &Resolved) -> Self {
        let successes = resolved.calls.iter().map(|call| vec![0; call.variants.len()]).collect();
        Self { seen: vec![0; resolved.clauses.len()], successes }
    }

    /// Counts a clause.
    pub fn mark(&mut self, clause: ClauseId) {
        if let Some(count) = self.seen.get_mut(clause.0 as usize) {
            *count += 1;
        }
    }

    /// How often a clause was seen.
    pub fn count(&self, clause: ClauseId) -> u64 {
        self.seen.get(clause.0 as usize).copied().unwrap_or(0)
    }

    /// Adds what another worker saw.
    pub fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.seen.iter_mut().zip(&other.seen) {
            *mine += theirs;
        }
        for (mine, theirs) in self.successes.iter_mut().flatten().zip(other.successes.iter().flatten()) {
            *mine += theirs;
        }
    }
}

/// Whether a clause can be exercised in the sandbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Executable {
    /// Its condition can come true, or false, here.
    Yes,
    /// It cannot, for this reason.
    No(String),
}

/// Why nothing of a denied call is seen.
const DENIED: &str = "needs a machine of its own (--privileged): the sandbox denies the call";

/// Why a clause is not seen whose condition, or the success that it speaks of, is ruled out by the specification itself.
const NEVER: &str = "never true on this target";

/// Why nothing that has no name of its own is named.
const NAMELESS: &str = "needs /proc, by whose links a file without a name has one";

/// Why nothing is seen that takes larger files than a program may have.
const SMALL_FILES: &str = "needs a limit of file sizes above the sandbox's hard one";

/// Judges every clause, by [`ClauseId`].
pub fn executable(resolved: &Resolved, habitats: &[Habitat]) -> Vec<Executable> {
    let here = &Here { word: resolved.target.arch.data_model().word(), ..Here::of(habitats) };
    let mut verdicts = vec![Executable::Yes; resolved.clauses.len()];
    for variant in resolved.calls.iter().flat_map(|call| &call.variants) {
        for rule in &variant.rules {
            let verdict = if rule.duty { duty(rule, variant, here) } else { permission(rule, variant, here) };
            verdicts[rule.clause.0 as usize] = verdict;
        }
        for ensure in &variant.ensures {
            verdicts[ensure.clause.0 as usize] = after_success(&ensure.condition, variant, here);
        }
        for effect in &variant.effects {
            let when = effect.effect.when.as_ref().map(|when| &when.value);
            let refused = |when: &Expr| effect.effect.on.is_empty() && is_refused(variant, when, here);
            verdicts[effect.clause.0 as usize] = match when {
                None => Executable::Yes,
                Some(when) if refused(when) => Executable::No("what it takes is refused here".to_owned()),
                Some(when) if effect.effect.on.is_empty() => after_success(when, variant, here),
                Some(when) => reachable(when, variant, here),
            };
        }
        let needs = variant.success_needs.as_ref().map(|needs| format!("needs {needs}"));
        if let Some(why) = needs.or_else(|| always_fails(variant, here).map(str::to_owned)) {
            // What also comes with errors may be seen for all that.
            let also_fails = |effect: &&ResolvedEffect| variant.success_needs.is_some() && !effect.effect.on.is_empty();
            let effects = variant.effects.iter().filter(|effect| !also_fails(effect)).map(|effect| effect.clause);
            for clause in
                variant.ensures.iter().map(|ensure| ensure.clause).chain(effects).chain([variant.returns_clause])
            {
                verdicts[clause.0 as usize] = Executable::No(why.clone());
            }
        }
        if let Some(absent) = variant.rules.iter().find(|rule| is_absence(rule)).map(|rule| rule.clause) {
            let rules = variant.rules.iter().map(|rule| rule.clause).filter(|clause| *clause != absent);
            for clause in rules.chain(variant.params.iter().filter_map(|param| param.ignored_clause)) {
                verdicts[clause.0 as usize] = Executable::No(ABSENT.to_owned());
            }
        }
    }
    let not_made: BTreeMap<&str, String> =
        resolved.calls.iter().filter_map(|call| Some((call.name.as_str(), not_made(resolved, call, here)?))).collect();
    for (verdict, clause) in verdicts.iter_mut().zip(&resolved.clauses) {
        if let Some(why) = not_made.get(clause.syscall.as_str()) {
            *verdict = Executable::No(why.clone());
        }
    }
    for law in &resolved.laws {
        verdicts[law.clause.0 as usize] = crate::laws::executable(law);
    }
    verdicts
}

/// Why no program makes a call.
fn not_made(resolved: &Resolved, call: &Call, here: &Here) -> Option<String> {
    let never = scope::never(resolved.target.arch, call).map(|why| format!("{}: {why}", Extent::Never.meaning()));
    let denied = || (!here.privileged && !scope::permits(resolved, call)).then(|| DENIED.to_owned());
    never.or_else(denied)
}

fn not(condition: &Expr) -> Expr {
    Expr::Unary(UnaryOp::Not, Box::new(condition.clone()))
}

fn and(a: Expr, b: Expr) -> Expr {
    Expr::Binary(BinaryOp::And, Box::new(a), Box::new(b))
}

/// Whether a call fails wherever a condition of its success holds, with the capabilities that there are here. Only what arguments
/// alone decide is looked at: the rest may be otherwise after the call.
fn is_refused(variant: &Variant, when: &Expr, here: &Here) -> bool {
    let mut of_state = false;
    when.walk(&mut |part| of_state |= matches!(part, Expr::Call(..) | Expr::Load { .. } | Expr::Ret));
    if of_state {
        return false;
    }
    let fails = |rule: &Rule| {
        let mut lacking = Vec::new();
        rule.condition.walk(&mut |part| {
            if matches!(part, Expr::Call(Function::Capable, _)) && !here.privileged {
                lacking.push(not(part));
            }
        });
        contradicts_itself(&lacking.into_iter().fold(and(when.clone(), not(&rule.condition)), and))
    };
    variant.rules.iter().filter(|rule| rule.duty).any(fails)
}

/// Why no arguments can make a call succeed here; `None` where some may.
fn always_fails(variant: &Variant, here: &Here) -> Option<&'static str> {
    let duties = || variant.rules.iter().filter(|rule| rule.duty).map(|rule| &rule.condition);
    if duties().any(|condition| contradicts_itself(&not(condition))) {
        return Some(NEVER);
    }
    // What files there are here, and that the descriptors are open at all.
    let short = || duties().filter(|condition| condition.joined(BinaryOp::Or).len() > 1).map(not);
    let absent = |condition: &Expr| {
        let mut files = Vec::new();
        condition.walk(&mut |part| {
            if let Expr::Call(Function::Fs, _) = part {
                let words = here.file_systems.iter().map(|word| Expr::Word(*word)).collect();
                files.push(Expr::In(Box::new(part.clone()), words));
            }
        });
        !files.is_empty() && contradicts_itself(&files.into_iter().chain(short()).fold(not(condition), and))
    };
    duties().any(absent).then_some("only files of a file system that the run does not have are served")
}

/// Why no error but ENOSYS is seen of a call.
const ABSENT: &str = "the kernel was built without the call";

/// Whether a rule says that the kernel has no such call, whatever its arguments.
fn is_absence(rule: &Rule) -> bool {
    rule.duty && rule.errno.name() == "ENOSYS" && rule.condition == Expr::Bool(true)
}

/// A duty can be seen wherever its condition can come true, unless it says itself what that takes.
fn duty(rule: &Rule, variant: &Variant, here: &Here) -> Executable {
    outside::said(rule).map_or_else(|| reachable(&rule.condition, variant, here), Executable::No)
}

/// A permission can be seen only where the sandbox can bring the error about.
fn permission(rule: &Rule, variant: &Variant, here: &Here) -> Executable {
    use abispec::model::Origin;
    let no = |why: &str| Executable::No(why.to_owned());
    if rule.condition == Expr::Bool(true) {
        return no("permitted always: no condition to exercise");
    }
    if let Some(why) = outside::cause(rule) {
        return Executable::No(why);
    }
    match rule.origin {
        Origin::Memory => no("needs memory pressure"),
        Origin::Lsm => no("needs a security module"),
        Origin::Config => no("depends on how the kernel was built"),
        Origin::Arch => no("depends on the port"),
        Origin::Args | Origin::State | Origin::Filesystem | Origin::Limits | Origin::Signal => {
            reachable_among(&rule.condition, PLAIN_KINDS, variant, here)
        }
    }
}

/// Whether all conjuncts of a condition can be true in the sandbox.
fn reachable(condition: &Expr, variant: &Variant, here: &Here) -> Executable {
    reachable_among(condition, KINDS, variant, here)
}

/// The same of what is said of success.
fn after_success(condition: &Expr, variant: &Variant, here: &Here) -> Executable {
    let possible = reachable(condition, variant, here);
    let refused = || {
        let succeeds = bounds::of_success(variant).into_iter();
        contradicts_itself(&succeeds.fold(with_what_is_so(condition, variant), and))
    };
    if possible == Executable::Yes && refused() { Executable::No(NEVER.to_owned()) } else { possible }
}

/// A condition with what follows from its parts, and what is so of the descriptors that it asks about.
fn with_what_is_so(condition: &Expr, variant: &Variant) -> Expr {
    let follows = with_what_follows_of(condition, &bounds::of_parameters(variant));
    bounds::of_descriptors(variant, condition).into_iter().fold(follows, and)
}

fn reachable_among(condition: &Expr, kinds: &'static [Word], variant: &Variant, here: &Here) -> Executable {
    let here = &Here { kinds, ..here.clone() };
    let types = bounds::of_types(variant, here.word, condition).into_iter();
    let typed = types.fold(with_what_is_so(condition, variant), and);
    let limited = bounds::of_files(condition).into_iter().fold(typed.clone(), and);
    if contradicts_itself(&limited) {
        let why = if contradicts_itself(&typed) { NEVER } else { SMALL_FILES };
        return Executable::No(why.to_owned());
    }
    if contradicts_itself(&bounds::of_paths(variant, condition).into_iter().fold(limited, and)) {
        return Executable::No(NAMELESS.to_owned());
    }
    for (alone, why) in
        [(caller::of_one_user(condition), caller::ONE_USER), (caller::of_one_thread(condition), caller::ONE_THREAD)]
    {
        if alone != *condition && contradicts_itself(&alone) {
            return Executable::No(why.to_owned());
        }
    }
    let conjuncts = condition.joined(BinaryOp::And);
    for conjunct in conjuncts {
        if let Some(why) = impossible(conjunct, here) {
            return Executable::No(why);
        }
    }
    Executable::Yes
}

/// Why a conjunct cannot come true in the sandbox; `None` where it can.
fn impossible(expr: &Expr, here: &Here) -> Option<String> {
    match expr {
        Expr::Bool(false) => Some(NEVER.to_owned()),
        Expr::Unknown(reason) => Some(reason.clone()),
        Expr::Binary(BinaryOp::Or, a, b) => impossible(a, here).and_then(|why| impossible(b, here).map(|_| why)),
        Expr::Binary(BinaryOp::And, a, b) => impossible(a, here).or_else(|| impossible(b, here)),
        // After success, what is promised for files that are not here is promised of nothing.
        Expr::Binary(BinaryOp::Implies, when, _) => impossible(when, here),
        Expr::Binary(BinaryOp::Ne, a, b) if is_user(a) && (is_user(b) || **b == Expr::Int(0)) => {
            Some("needs another user; the sandbox's is always 0".to_owned())
        }
        Expr::Binary(BinaryOp::Gt, a, b) if beyond_the_hard_limit(a, b) => Some(SMALL_FILES.to_owned()),
        Expr::Binary(BinaryOp::Eq, a, b) if is_policy(a) && is_real_time(b) && !here.privileged => {
            Some(outside::REAL_TIME.to_owned())
        }
        Expr::In(a, list) if is_policy(a) && list.iter().all(is_real_time) && !here.privileged => {
            Some(outside::REAL_TIME.to_owned())
        }
        Expr::Binary(op @ (BinaryOp::Eq | BinaryOp::Ne), a, b) => match (word_function(a), &**b) {
            (Some(function), Expr::Word(word)) => absent(function, here, &[*word], *op == BinaryOp::Eq),
            _ => unsupported(expr),
        },
        Expr::In(inner, list) => match word_function(inner) {
            Some(function) => {
                let words: Vec<Word> = list
                    .iter()
                    .filter_map(|item| if let Expr::Word(word) = item { Some(*word) } else { None })
                    .collect();
                absent(function, here, &words, true)
            }
            None => unsupported(expr),
        },
        Expr::Call(Function::Immutable, _) => Some("needs an immutable file".to_owned()),
        Expr::Call(Function::Sticky, _) => Some("needs files of another owner".to_owned()),
        Expr::Call(Function::Capable, _) if !here.privileged => {
            Some("needs a capability in the initial user namespace; the sandbox has its own".to_owned())
        }
        Expr::Unary(UnaryOp::Not, inner) => match &**inner {
            Expr::Call(Function::Owns, _) => Some("needs files of another owner".to_owned()),
            Expr::In(inside, list) if word_function(inside).is_some() => {
                let words: Vec<Word> = list
                    .iter()
                    .filter_map(|item| if let Expr::Word(word) = item { Some(*word) } else { None })
                    .collect();
                word_function(inside).and_then(|function| absent(function, here, &words, false))
            }
            _ => unsupported(expr),
        },
        Expr::Unary(_, _) | Expr::Call(..) | Expr::Binary(..) | Expr::Old(_) => unsupported(expr),
        _ => None,
    }
}

/// Whether a limit of file sizes would have to be larger than a `long`, which would let one call take all memory.
fn beyond_the_hard_limit(limit: &Expr, than: &Expr) -> bool {
    bounds::is_limit_of_files(limit) && matches!(than, Expr::Int(size) if *size >= i128::from(i64::MAX))
}

/// Whether an expression is the caller's scheduling policy, or some of its bits.
fn is_policy(expr: &Expr) -> bool {
    match expr {
        Expr::Call(Function::Policy, _) => true,
        Expr::Binary(BinaryOp::BitAnd, inner, _) => is_policy(inner),
        _ => false,
    }
}

fn is_real_time(policy: &Expr) -> bool {
    /// The libc crate does not know it.
    const SCHED_DEADLINE: i128 = 6;
    let known = [i128::from(libc::SCHED_FIFO), i128::from(libc::SCHED_RR), SCHED_DEADLINE];
    matches!(policy, Expr::Int(number) if known.contains(number))
}

fn is_user(expr: &Expr) -> bool {
    matches!(expr, Expr::Call(Function::Uid | Function::Euid, _))
}

/// The function of an expression that gives a word.
fn word_function(expr: &Expr) -> Option<Function> {
    match expr {
        Expr::Call(function @ (Function::Kind | Function::Fs), _) => Some(*function),
        Expr::Old(inner) => word_function(inner),
        _ => None,
    }
}

/// Kinds of files that programs in the sandbox meet.
const KINDS: &[Word] = &[
    Word::Regular,
    Word::Directory,
    Word::Symlink,
    Word::CharDevice,
    Word::Pipe,
    Word::Socket,
    Word::Eventfd,
    Word::Timerfd,
    Word::Epoll,
];
/// The same without devices: the ones at hand, such as /dev/null, give no errors of their own.
const PLAIN_KINDS: &[Word] = &[
    Word::Regular,
    Word::Directory,
    Word::Symlink,
    Word::Pipe,
    Word::Socket,
    Word::Eventfd,
    Word::Timerfd,
    Word::Epoll,
];
/// What there is in the sandboxes of a run.
#[derive(Clone)]
struct Here {
    kinds: &'static [Word],
    /// File systems that programs meet by descriptor or name.
    file_systems: Vec<Word>,
    /// Whether capabilities are those of the initial user namespace.
    privileged: bool,
    /// Bytes of a pointer.
    word: u32,
}

impl Here {
    fn of(habitats: &[Habitat]) -> Self {
        let privileged = habitats.iter().any(|habitat| habitat.privileged);
        // The sandbox's root is a tmpfs wherever the work directory lies; who may, opens queues.
        let always = [Word::Tmpfs].into_iter().chain(privileged.then_some(Word::Mqueue));
        let file_systems = always.chain(habitats.iter().map(|habitat| habitat.word())).collect();
        Self { kinds: KINDS, file_systems, privileged, word: 8 }
    }
}

/// Why no file in the sandbox is (`wanted`) or is not one of these.
fn absent(function: Function, here: &Here, words: &[Word], wanted: bool) -> Option<String> {
    let (here, what) = match function {
        Function::Fs => (here.file_systems.as_slice(), "a file system that the run does not have"),
        _ => (here.kinds, "a kind of file that the sandbox lacks"),
    };
    let possible = here.iter().any(|word| words.contains(word) == wanted);
    (!possible).then(|| format!("needs {what}"))
}

/// The first function in an expression that the model never answers.
fn unsupported(expr: &Expr) -> Option<String> {
    let mut found = None;
    expr.walk(&mut |expr| match expr {
        Expr::Call(function, _) if found.is_none() => {
            if let Err(why) = world::supported(*function) {
                found = Some(format!("{}(): {why}", function.name()));
            }
        }
        Expr::Unknown(reason) if found.is_none() => found = Some(reason.clone()),
        _ => {}
    });
    found
}

/// Sums for a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Clauses in all.
    pub clauses: usize,
    /// Those that can be exercised here.
    pub executable: usize,
    /// Those that were.
    pub seen: usize,
}

/// Sums over the clauses that `wanted` picks.
pub fn totals(
    resolved: &Resolved,
    executable: &[Executable],
    coverage: &Coverage,
    wanted: impl Fn(&abispec::target::Clause) -> bool,
) -> Totals {
    let mut totals = Totals::default();
    for (index, clause) in resolved.clauses.iter().enumerate().filter(|(_, clause)| wanted(clause)) {
        totals.clauses += 1;
        if executable[index] == Executable::Yes {
            totals.executable += 1;
            totals.seen += usize::from(coverage.count(id(index)) > 0);
        }
        debug_assert!(!clause.syscall.is_empty(), "every clause belongs to a call");
    }
    totals
}

/// The id of a clause by its index.
pub fn id(index: usize) -> ClauseId {
    ClauseId(u32::try_from(index).unwrap_or(u32::MAX))
}

/// Whether a clause is an error rule.
pub fn is_rule(kind: ClauseKind) -> bool {
    matches!(kind, ClauseKind::When | ClauseKind::May)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exec::FileSystem;
    use abispec::arch::Arch;
    use abispec::target::Target;
    use abispec::version::Release;

    /// Reasons why clauses cannot be exercised, where sandboxes are like this.
    fn reasons(file_systems: &[FileSystem], privileged: bool) -> Vec<String> {
        let resolved = abispec::resolve(abispec::embedded(), &Target::new(Arch::X86_64, Release::new(7, 3)));
        let habitats = Habitat::of_every_kind(file_systems, privileged);
        let idle = |verdict| if let Executable::No(why) = verdict { Some(why) } else { None };
        executable(&resolved, &habitats).into_iter().filter_map(idle).collect()
    }

    #[test]
    fn where_sandboxes_are_decides_what_can_be_seen() {
        let count = |reasons: &[String], what: &str| reasons.iter().filter(|why| why.contains(what)).count();
        let plain = reasons(&[FileSystem::Tmpfs], false);
        let everywhere = reasons(&FileSystem::ALL, false);
        let privileged = reasons(&[FileSystem::Tmpfs], true);
        assert!(count(&plain, "file system that the run") > count(&everywhere, "file system that the run"));
        assert!(count(&plain, "capability in the initial") > 0);
        assert_eq!(count(&privileged, "capability in the initial"), 0);
        assert!(count(&plain, "denies the call") > 0);
        assert_eq!(count(&privileged, "denies the call"), 0);
        assert!(count(&privileged, "never tried: it takes all registers") > 0);
    }

    #[test]
    fn what_a_rule_needs_is_why_nobody_sees_it() {
        let file =
            |path: &str, text: &str| abispec::finding::SourceFile { path: path.to_owned(), text: text.to_owned() };
        let call = "syscall: x\nsummary: a test\nnr: {x86_64: 1}\nparams: [{name: a, c: int, type: int32}]\nreturns: zero\n\
                    blocks: a == 1\nneeds: {EINTR: a late signal, success: a waker}\nerrors:\n  \
                    EPERM: [{when: a == 2, needs: a peer}, {may: a == 3}, {may: a == 4, needs: a peer}]\n  \
                    EIO: [{may: a == 5}, {may: a == 6, needs: a torn disk}]\n";
        let (spec, findings) = abispec::load::load(vec![file("syscalls/x.yaml", call)]);
        assert!(findings.is_empty(), "{findings:#?}");
        let resolved = abispec::resolve(&spec, &Target::new(Arch::X86_64, Release::new(7, 3)));
        let judged = executable(&resolved, &Habitat::of_every_kind(&[FileSystem::Tmpfs], false));
        let of = |text: &str| {
            let index = resolved.clauses.iter().position(|clause| clause.text == text).unwrap();
            match &judged[index] {
                Executable::Yes => None,
                Executable::No(why) => Some(why.as_str()),
            }
        };
        let all = ["a == 1", "a == 2", "a == 3", "a == 4", "a == 5", "a == 6"].map(of);
        let peer = Some("needs a peer");
        let (late, torn, failing) =
            (Some("needs a late signal"), Some("needs a torn disk"), Some("needs failing storage"));
        assert_eq!(all, [late, peer, None, peer, failing, torn]);
        let result = resolved.clauses.iter().position(|clause| clause.kind == ClauseKind::Returns).unwrap();
        assert_eq!(judged[result], Executable::No("needs a waker".to_owned()));
    }

    #[test]
    fn what_arguments_and_files_cannot_be_is_not_waited_for() {
        let file =
            |path: &str, text: &str| abispec::finding::SourceFile { path: path.to_owned(), text: text.to_owned() };
        let call = "syscall: x\nsummary: a test\nnr: {x86_64: 1}\nparams: [{name: a, c: unsigned int, type: uint32}, {name: fd, c: int, type: fd}]\nreturns: zero\n\
                    effects:\n  - {sets_offset: {fd: fd, to: \"0\"}, when: a == 7}\n  - {sets_offset: {fd: fd, to: \"1\"}, when: a == 8}\n\
                    ensures: [a == 9 => ret == 0]\nerrors:\n  \
                    EBADF: [{when: \"!open(fd) || is_path(fd)\"}, {when: \"open(fd) && (kind(fd) != regular || fs(fd) != WHERE)\"}]\n  \
                    EFBIG: [{may: size(fd) == LLONG_MAX && size(fd) < rlimit(RLIMIT_FSIZE)}]\n  \
                    EINVAL: [{may: a >= 0x80000000}, {may: a > 0xffffffff}]\n  EPERM: [{when: a == 7 && !capable(CAP_MKNOD)}]\n";
        let judge = |fs: &str, privileged: bool| {
            let resources = file("resources/r.yaml", "fd: {base: int32}\n");
            let flags = file("flags/f.yaml", "l:\n  kind: enum\n  members: {RLIMIT_FSIZE: 1, CAP_MKNOD: 27}\n");
            let (spec, findings) =
                abispec::load::load(vec![resources, flags, file("syscalls/x.yaml", &call.replace("WHERE", fs))]);
            assert!(findings.is_empty(), "{findings:#?}");
            let resolved = abispec::resolve(&spec, &Target::new(Arch::X86_64, Release::new(7, 3)));
            let judged = executable(&resolved, &Habitat::of_every_kind(&[FileSystem::Tmpfs], privileged));
            let of = |kind: ClauseKind| {
                let of_kind = resolved.clauses.iter().zip(&judged).filter(move |(clause, _)| clause.kind == kind);
                of_kind.map(|(_, verdict)| *verdict == Executable::Yes).collect::<Vec<_>>()
            };
            (of(ClauseKind::May), of(ClauseKind::Effect), of(ClauseKind::Ensures))
        };
        let may = vec![false, true, false];
        assert_eq!(judge("tmpfs", false), (may.clone(), vec![false, true], vec![true]));
        assert_eq!(judge("tmpfs", true), (may.clone(), vec![true, true], vec![true]));
        // Only files of another kind of file system let it succeed.
        assert_eq!(judge("xfs", true), (may, vec![false, false], vec![false]));
    }

    #[test]
    fn what_has_no_name_no_path_leads_to() {
        let resolved = abispec::resolve(abispec::embedded(), &Target::new(Arch::X86_64, Release::new(7, 3)));
        let judged = |name: &str, kind: &str| {
            let call = resolved.call(name).expect(name);
            let path = call.variants[0].params.iter().position(|param| param.path.is_some()).expect(name);
            let is = vec![Expr::Param(u8::try_from(path).unwrap())];
            let word = Word::from_name(kind).expect(kind);
            let kind = Expr::Binary(BinaryOp::Eq, Box::new(Expr::Call(Function::Kind, is)), Box::new(Expr::Word(word)));
            reachable(&kind, &call.variants[0], &Here::of(&Habitat::of_every_kind(&[FileSystem::Tmpfs], false)))
        };
        assert_eq!(judged("chown", "eventfd"), Executable::No(NAMELESS.to_owned()));
        assert_eq!(judged("chown", "regular"), Executable::Yes);
        assert_eq!(judged("fchownat", "eventfd"), Executable::Yes, "an empty path names a descriptor");
    }

    #[test]
    fn what_only_some_commands_never_answer_the_others_do() {
        let resolved = abispec::resolve(abispec::embedded(), &Target::new(Arch::X86_64, Release::new(7, 3)));
        let futex = resolved.call("futex").into_iter();
        let rules = futex.flat_map(|call| &call.variants).flat_map(|variant| &variant.rules);
        let interrupted: Vec<bool> =
            rules.filter(|rule| rule.errno.name() == "EINTR").map(|rule| outside::cause(rule).is_none()).collect();
        assert!(interrupted.contains(&true) && interrupted.contains(&false), "{interrupted:?}");
    }

    #[test]
    fn what_is_refused_does_not_succeed() {
        let resolved = abispec::resolve(abispec::embedded(), &Target::new(Arch::X86_64, Release::new(7, 3)));
        let variant = &resolved.call("read").expect("read").variants[0];
        let here = Here::of(&Habitat::of_every_kind(&[FileSystem::Tmpfs], false));
        let judged = |kinds: &[&str]| {
            let word = |name: &&str| Expr::Word(Word::from_name(name).expect(name));
            let kind = Expr::Call(Function::Kind, vec![Expr::Param(0)]);
            let kind = Expr::In(Box::new(kind), kinds.iter().map(word).collect());
            (after_success(&kind, variant, &here), reachable(&kind, variant, &here))
        };
        let never = Executable::No(NEVER.to_owned());
        assert_eq!(judged(&["directory"]), (never.clone(), Executable::Yes));
        assert_eq!(judged(&["directory", "symlink"]), (never, Executable::Yes), "links are open as paths only");
        assert_eq!(judged(&["directory", "pipe"]), (Executable::Yes, Executable::Yes));
    }

    #[test]
    fn parameters_that_are_asked_about_stand_for_something() {
        let resolved = abispec::resolve(abispec::embedded(), &Target::new(Arch::X86_64, Release::new(7, 3)));
        let judged = |call: &str, function: &str, param: u8, number: i128| {
            let variant = &resolved.call(call).expect(call).variants[0];
            let asked = Expr::Call(Function::from_name(function).expect(function), vec![Expr::Param(param)]);
            let is = Expr::Binary(BinaryOp::Eq, Box::new(Expr::Param(param)), Box::new(Expr::Int(number)));
            reachable(&and(asked, is), variant, &Here::of(&Habitat::of_every_kind(&[FileSystem::Tmpfs], false)))
        };
        let never = Executable::No(NEVER.to_owned());
        assert_eq!(judged("utimensat", "exists", 1, 0), never, "no name is at address 0");
        assert_eq!(judged("utimensat", "exists", 1, 0x10000), Executable::Yes);
        assert_eq!(judged("fchmod", "readable", 0, -100), never, "no descriptor has a negative number");
        assert_eq!(judged("fchmod", "readable", 0, 3), Executable::Yes);
    }

    #[test]
    fn one_caller_has_one_id_and_one_thread() {
        let resolved = abispec::resolve(abispec::embedded(), &Target::new(Arch::X86_64, Release::new(7, 3)));
        let variant = &resolved.call("setuid").expect("setuid").variants[0];
        let own = |name: &str| Expr::Call(Function::from_name(name).expect(name), Vec::new());
        let differ = |a: &str, b: &str| Expr::Binary(BinaryOp::Ne, Box::new(own(a)), Box::new(own(b)));
        let judged = |a: &str, b: &str| {
            reachable(&differ(a, b), variant, &Here::of(&Habitat::of_every_kind(&[FileSystem::Tmpfs], false)))
        };
        assert_eq!(judged("gid", "sgid"), Executable::No(caller::ONE_USER.to_owned()));
        assert_eq!(judged("pid", "tid"), Executable::No(caller::ONE_THREAD.to_owned()));
        assert_eq!(judged("pid", "gid"), Executable::Yes);
    }
}
