//! What came of a call that was made by a stand-in, beside what its effects say.

use super::looks::Answers;
use crate::exec::{Apart, Begun, CHILD_STATUS, Ending, OpIndex, OpState, PROGRAM_STATUS, Sandbox, Told};
use crate::oracle::Verdict;
use crate::world::View;
use abispec::expr::{Expr, Function, Moment, Observer, OperandValue, Truth, evaluate, truth};
use abispec::model::Effect;
use abispec::target::ResolvedEffect;

/// The verdict on a call of which something was left that had to be killed.
pub(super) fn late() -> Verdict {
    Verdict {
        id: "call-hangs",
        clause: None,
        expected: "the call returns, or its caller ends".to_owned(),
        actual: "the caller, or what began in the call, had to be killed".to_owned(),
    }
}

/// Whether the caller ended by a signal that nobody can ignore.
pub(super) fn was_killed(sandbox: &Sandbox, op: OpIndex) -> bool {
    sandbox.apart(op).is_some_and(|apart| Ending::of(apart.status) == Ending::Signal(libc::SIGKILL))
}

/// The first effect that says something else than what was seen of the caller and of what began.
pub(super) fn broken(view: &View<'_>, answers: &Answers<'_>, active: &[&ResolvedEffect]) -> Option<Verdict> {
    let apart = answers.sandbox.apart(answers.low.op)?;
    let left = answers.sandbox.result(answers.low.op).state == OpState::Left;
    active.iter().find_map(|rule| {
        let (expected, actual) = match &rule.effect.effect {
            Effect::Ends { .. } | Effect::Executes { .. } if !left => {
                Some(("the call does not return".to_owned(), "its caller goes on".to_owned()))
            }
            Effect::Ends { status } => ends(&apart, evaluate(status, view, Moment::Before)?),
            Effect::Executes { file } => executes(view, &apart, file),
            Effect::Begins { .. } => begins(view, &apart, &rule.effect.effect),
            _ => None,
        }?;
        Some(Verdict { id: "broken-effect", clause: Some(rule.clause), expected, actual })
    })
}

type Difference = Option<(String, String)>;

fn ending(status: i32) -> String {
    match Ending::of(status) {
        Ending::Exit(code) => format!("exit status {code}"),
        Ending::Signal(signal) => format!("signal {signal}"),
    }
}

fn ends(apart: &Apart, status: i128) -> Difference {
    let right = matches!(Ending::of(apart.status), Ending::Exit(code) if i128::from(code) == status);
    (!right).then(|| {
        let expected = format!("the caller ends with exit status {status}");
        (expected, format!("it ended with {}", ending(apart.status)))
    })
}

fn executes(view: &View<'_>, apart: &Apart, file: &Expr) -> Difference {
    let index = if let Expr::Param(index) = file { *index } else { return None };
    let operand = OperandValue::Param { index, value: view.argument(index) };
    let process = &view.world(Moment::Before).process;
    // A program that is none, or has no room, may end in the middle of its start.
    let able = view.call(Function::Runnable, &[operand], Moment::Before) == Some(1)
        && process.limits == process.identity.limits;
    let ended = Ending::of(apart.status);
    (ended != Ending::Exit(PROGRAM_STATUS) && (able || matches!(ended, Ending::Exit(_)))).then(|| {
        let expected = format!("the caller goes on as a program that ends with exit status {PROGRAM_STATUS}");
        (expected, format!("it ended with {}", ending(apart.status)))
    })
}

fn begins(view: &View<'_>, apart: &Apart, effect: &Effect) -> Difference {
    let Effect::Begins { child, thread, sibling, first, reaped, memory, descriptors, directory } = effect else {
        return None;
    };
    let holds = |condition: &Option<Expr>| match condition {
        None => Some(false),
        Some(condition) => match truth(condition, view, Moment::Before) {
            Truth::True => Some(true),
            Truth::False => Some(false),
            Truth::Unknown => None,
        },
    };
    let number = |what: &str, expected: Option<i128>, actual: i32| {
        let expected = expected.filter(|expected| *expected != i128::from(actual))?;
        Some((format!("what began has {what} {expected}"), format!("it has {what} {actual}")))
    };
    let Some(begun) = apart.begun else {
        return Some(("what began goes on with 0 as its result".to_owned(), "nothing was seen of it".to_owned()));
    };
    let child = evaluate(child, view, Moment::After);
    let (thread, sibling, first) = (holds(thread), holds(sibling), holds(first));
    let own = |number: i32| Some(i128::from(number));
    let (tid, process, parent) = match first? {
        true => (Some(1), Some(1), Some(0)),
        false => match (thread?, sibling?) {
            (true, _) => (child, own(apart.caller), own(apart.parent)),
            (false, true) => (child, child, own(apart.parent)),
            (false, false) => (child, child, own(apart.caller)),
        },
    };
    number("thread number", tid, begun.thread)
        .or_else(|| number("process number", process, begun.process))
        .or_else(|| number("parent", parent, begun.parent))
        .or_else(|| told(begun, thread?, sibling?, holds(reaped)?))
        .or_else(|| shares("memory", holds(memory), Some(begun.shares_memory)))
        .or_else(|| shares("the table of descriptors", holds(descriptors), begun.shares_descriptors))
        .or_else(|| shares("working directory and umask", holds(directory), Some(begun.shares_directory)))
}

/// Who is told of the end of what began.
fn told(begun: Begun, thread: bool, sibling: bool, reaped: bool) -> Difference {
    let who = |told: Told| match told {
        Told::Nobody => "nobody is told that it ended",
        Told::Caller => "its end is told to the caller",
        Told::CallersParent => "its end is told to the caller's parent",
    };
    let expected = match (thread || reaped, sibling) {
        (true, _) => Told::Nobody,
        (false, true) => Told::CallersParent,
        (false, false) => Told::Caller,
    };
    if begun.told != expected {
        return Some((who(expected).to_owned(), who(begun.told).to_owned()));
    }
    (expected != Told::Nobody && Ending::of(begun.status) != Ending::Exit(CHILD_STATUS)).then(|| {
        let expected = format!("what began ends with exit status {CHILD_STATUS}");
        (expected, format!("its parent was told of {}", ending(begun.status)))
    })
}

fn shares(what: &str, expected: Option<bool>, actual: Option<bool>) -> Difference {
    let say = |shared: bool| {
        format!("what began {} {what} with its caller", if shared { "shares" } else { "does not share" })
    };
    let (expected, actual) = (expected?, actual?);
    (expected != actual).then(|| (say(expected), say(actual)))
}
