//! The oracle: what a call answered against what its contract permits. Pure.

use abispec::arch::Arch;
use abispec::errno::Errno;
use abispec::expr::{BinaryOp, Expr, Moment, Observer, Truth, evaluate, truth};
use abispec::model::Effect;
use abispec::target::{ClauseId, ResolvedEffect, Rule, Variant};
use abispec::types::{IntType, Type};

/// The ids of the oracle's findings, with what each means and what to do about it.
pub const EXPLANATIONS: &[(&str, &str)] = &[
    (
        "missing-error",
        "The call succeeded although a `when` rule says that it must fail.\n\nEither the kernel accepts what it should refuse, or the rule's condition is too wide: it must exclude every case in which the kernel does not come to the check. Replay the program, read the rule at the place that the finding names, and compare with the kernel's source.",
    ),
    (
        "bad-return",
        "The call succeeded with a result that its `returns` type does not permit, for example more bytes than were asked for.",
    ),
    ("broken-ensures", "The call succeeded, but a condition of `ensures` does not hold afterwards."),
    (
        "broken-effect",
        "The call succeeded, but what an effect says was not found when the kernel was asked through another call: a descriptor that is not open, another access mode, close-on-exec not set, another file position.",
    ),
    (
        "undocumented-errno",
        "The call answered an errno that no rule of it names. The set of errnos is closed: either the kernel has an error that nobody documented, or the specification lacks a rule.",
    ),
    (
        "unjustified-errno",
        "The call answered an errno that the specification names, but every rule for it has a condition that is false here. The kernel refuses what it should accept, or answers with another error than its contract says.",
    ),
    (
        "wrong-order",
        "Two errors were justified, and the kernel answered the one that the specification says comes later (`before:`).",
    ),
    (
        "stray-write",
        "Memory changed that the call does not own: outside the ranges its parameters describe, beyond the bytes an effect says are written, in an argument that is only read, or on failure.",
    ),
    (
        "stray-descriptor",
        "A descriptor changed that no effect of the call names: it appeared, vanished, or its flags or position are others.",
    ),
    ("failure-changed-state", "The call failed, and yet a descriptor is not what it was before."),
    ("unexpected-block", "The call slept although the specification says that it does not (`blocks`)."),
    (
        "executor-died",
        "The process that made the call ended in it. Where the specification does not say so, a system call does not kill its caller.",
    ),
    ("call-hangs", "The call did not come back and could not be interrupted."),
    (
        "call-unkillable",
        "The process that made the call sleeps uninterruptibly (state D), and SIGKILL did not end it. The run went on without it; /proc/PID/stack of the process called `executor` says where it sleeps. The program is not tried again, since each time would leave a process behind.",
    ),
];

/// What the oracle found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Id of the finding, one of [`EXPLANATIONS`].
    pub id: &'static str,
    /// The clause that is contradicted, if there is one.
    pub clause: Option<ClauseId>,
    /// What the contract permits.
    pub expected: String,
    /// What was seen.
    pub actual: String,
}

/// What a call answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Success, with the returned value.
    Value(i64),
    /// Failure, with the number of the errno.
    Error(u32),
    /// It did not return: its caller ended, or became another program.
    Left,
}

impl Answer {
    /// Reads a returned register.
    pub fn of(ret: i64) -> Self {
        match u32::try_from(-i128::from(ret)) {
            Ok(errno @ 1..=4095) => Self::Error(errno),
            _ => Self::Value(ret),
        }
    }

    /// As people read it.
    pub fn text(self, arch: Arch) -> String {
        match self {
            Self::Value(value) => format!("success, {value}"),
            Self::Error(number) => match Errno::from_number(number, arch) {
                Some(errno) => errno.name().to_owned(),
                None => format!("errno {number}, which has no name"),
            },
            Self::Left => "no return".to_owned(),
        }
    }
}

/// Judges a failure: `errno` against the error rules. Clauses that were seen to hold go to `seen`.
pub fn judge_error<O: Observer>(
    variant: &Variant,
    observer: &O,
    number: u32,
    arch: Arch,
    seen: &mut Vec<ClauseId>,
) -> Option<Verdict> {
    let actual = || Answer::Error(number).text(arch);
    let Some(errno) = Errno::from_number(number, arch) else {
        return Some(Verdict {
            id: "undocumented-errno",
            clause: None,
            expected: permitted(variant),
            actual: actual(),
        });
    };
    let mut named = None;
    let mut justified = false;
    let mut unknown: Vec<ClauseId> = Vec::new();
    for rule in variant.rules.iter().filter(|rule| rule.errno == errno) {
        named = named.or(Some(rule.clause));
        match truth(&rule.condition, observer, Moment::Before) {
            Truth::True => {
                justified = true;
                seen.push(rule.clause);
            }
            Truth::Unknown => unknown.push(rule.clause),
            Truth::False => {}
        }
    }
    if !justified && unknown.is_empty() {
        let id = if named.is_some() { "unjustified-errno" } else { "undocumented-errno" };
        let expected = must(variant, observer).map_or_else(
            || if named.is_some() { format!("not {errno}: no condition for it holds") } else { permitted(variant) },
            |errnos| format!("one of {errnos}"),
        );
        return Some(Verdict { id, clause: named, expected, actual: actual() });
    }
    if !justified && let [only] = unknown[..] {
        // With one candidate the errno itself says that its condition held.
        seen.push(only);
    }
    for rule in variant.rules.iter().filter(|rule| rule.duty && rule.before.contains(&errno)) {
        if truth(&rule.condition, observer, Moment::Before) == Truth::True {
            let expected = format!("{}, which comes before {errno}", rule.errno);
            return Some(Verdict { id: "wrong-order", clause: Some(rule.clause), expected, actual: actual() });
        }
    }
    None
}

/// The errnos of all rules.
fn permitted(variant: &Variant) -> String {
    let mut names: Vec<&str> = variant.rules.iter().map(|rule| rule.errno.name()).collect();
    names.sort_unstable();
    names.dedup();
    if names.is_empty() {
        "success: the call has no errors".to_owned()
    } else {
        format!("success, or one of {}", names.join(", "))
    }
}

/// The errnos whose `when` rules hold.
fn must<O: Observer>(variant: &Variant, observer: &O) -> Option<String> {
    let holds = |rule: &&Rule| rule.duty && truth(&rule.condition, observer, Moment::Before) == Truth::True;
    let mut names: Vec<&str> = variant.rules.iter().filter(holds).map(|rule| rule.errno.name()).collect();
    names.dedup();
    (!names.is_empty()).then(|| names.join(", "))
}

/// Judges a success before its effects are applied: no `when` rule may hold, and the result must have its type.
pub fn judge_success<O: Observer>(
    variant: &Variant,
    observer: &O,
    ret: i64,
    seen: &mut Vec<ClauseId>,
) -> Option<Verdict> {
    let verdict = missing_error(variant, observer, || format!("success, {ret}"));
    let verdict = verdict.or_else(|| judge_return(variant, observer, ret));
    if verdict.is_none() {
        seen.push(variant.returns_clause);
    }
    verdict
}

/// Judges a call that did not return: no `when` rule may hold, and an effect must say that it does not.
pub fn judge_left<O: Observer>(variant: &Variant, observer: &O, seen: &mut Vec<ClauseId>) -> Option<Verdict> {
    let actual = || "the caller ended, or became another program".to_owned();
    if let Some(verdict) = missing_error(variant, observer, actual) {
        return Some(verdict);
    }
    if leaves(variant, observer) == Truth::False {
        let expected = "the call returns".to_owned();
        return Some(Verdict { id: "executor-died", clause: None, expected, actual: actual() });
    }
    seen.extend((variant.returns == Type::Never).then_some(variant.returns_clause));
    None
}

/// Whether success takes the caller away.
pub fn leaves<O: Observer>(variant: &Variant, observer: &O) -> Truth {
    let away = |effect: &Effect| matches!(effect, Effect::Ends { .. } | Effect::Executes { .. });
    let when = |rule: &ResolvedEffect| {
        rule.effect.when.as_ref().map_or(Truth::True, |when| truth(&when.value, observer, Moment::Before))
    };
    let found = variant.effects.iter().filter(|rule| away(&rule.effect.effect)).map(when);
    found.fold(Truth::False, |sum, one| match (sum, one) {
        (Truth::True, _) | (_, Truth::True) => Truth::True,
        (Truth::Unknown, _) | (_, Truth::Unknown) => Truth::Unknown,
        (Truth::False, Truth::False) => Truth::False,
    })
}

fn missing_error<O: Observer>(variant: &Variant, observer: &O, actual: impl FnOnce() -> String) -> Option<Verdict> {
    let holds = |rule: &&Rule| rule.duty && truth(&rule.condition, observer, Moment::Before) == Truth::True;
    let rule = variant.rules.iter().find(holds)?;
    let (expected, actual) = (rule.errno.name().to_owned(), actual());
    Some(Verdict { id: "missing-error", clause: Some(rule.clause), expected, actual })
}

fn judge_return<O: Observer>(variant: &Variant, observer: &O, ret: i64) -> Option<Verdict> {
    let wrong = |expected: String| {
        let clause = Some(variant.returns_clause);
        Some(Verdict { id: "bad-return", clause, expected, actual: format!("success, {ret}") })
    };
    let value = i128::from(ret);
    match &variant.returns {
        Type::Zero if ret != 0 => wrong("0".to_owned()),
        Type::Never => wrong("no return".to_owned()),
        Type::Const(only) if value != *only => wrong(only.to_string()),
        Type::Bool if !(0..=1).contains(&ret) => wrong("0 or 1".to_owned()),
        Type::Resource(name) if !(0..=i128::from(i32::MAX)).contains(&value) => {
            wrong(format!("a {name}, not negative"))
        }
        Type::Addr if ret % 4096 != 0 => wrong("the address of a page".to_owned()),
        Type::Int { int, range } => {
            // A 32-bit result comes back sign-extended or not, as the kernel's own return type has it.
            let value = match int {
                IntType::Fixed { bits: 32, signed: false } => value & 0xffff_ffff,
                _ => value,
            };
            let (low, high) = range.as_deref()?;
            let bound = |expr: &Expr| evaluate(expr, observer, Moment::Before);
            let (low, high) = (bound(low), bound(high));
            let below = low.is_some_and(|low| value < low);
            let above = high.is_some_and(|high| value > high);
            let show = |bound: Option<i128>| bound.map_or_else(|| "?".to_owned(), |bound| bound.to_string());
            if below || above { wrong(format!("{}..{}", show(low), show(high))) } else { None }
        }
        _ => None,
    }
}

/// Judges the conditions after success.
pub fn judge_ensures<O: Observer>(
    variant: &Variant,
    observer: &O,
    ret: i64,
    seen: &mut Vec<ClauseId>,
) -> Option<Verdict> {
    for ensure in &variant.ensures {
        match promised(&ensure.condition, observer) {
            (Truth::True, spoke) => {
                // An implication whose condition is false says nothing about the call.
                if spoke {
                    seen.push(ensure.clause);
                }
            }
            (Truth::Unknown, _) => {}
            (Truth::False, _) => {
                let (clause, actual) = (Some(ensure.clause), format!("false after success, {ret}"));
                return Some(Verdict { id: "broken-ensures", clause, expected: "true".to_owned(), actual });
            }
        }
    }
    None
}

/// The truth of a condition, and whether it said anything: an implication does where its condition surely holds.
fn promised<O: Observer>(condition: &Expr, observer: &O) -> (Truth, bool) {
    let Expr::Binary(BinaryOp::Implies, when, then) = condition else {
        return (truth(condition, observer, Moment::After), true);
    };
    match truth(when, observer, Moment::After) {
        Truth::True => promised(then, observer),
        Truth::False => (Truth::True, false),
        Truth::Unknown => match truth(then, observer, Moment::After) {
            Truth::True => (Truth::True, false),
            Truth::False | Truth::Unknown => (Truth::Unknown, false),
        },
    }
}

/// Whether the call's results may be what errnos look like, so that a value cannot be told from one: numbers below 0, and where
/// a word has four bytes the largest without a sign.
pub fn may_be_value(variant: &Variant, ret: i64, word: u32) -> bool {
    match &variant.returns {
        Type::Int { range: Some(range), .. } => {
            matches!(range.0, Expr::Int(low) if low < 0 && low <= i128::from(ret))
        }
        Type::Int { int, range: None } => word == 4 && int.bytes(word) == 4 && !int.signed(),
        _ => false,
    }
}
