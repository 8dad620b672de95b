//! Whether a law held in what was seen. Pure.

use super::Case;
use super::observe::Seen;
use super::observer::{Scene, value};
use super::rewrite::{Rewritten, matched, owned};
use crate::oracle::Answer;
use crate::world::Numbers;
use abispec::expr::{BinaryOp, Expr, Moment, Truth, evaluate, print, truth};
use abispec::law::resolved::{ResolvedArg, ResolvedForm, ResolvedLaw, ResolvedLine};
use abispec::target::Resolved;

/// How a law was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// What the law says.
    pub expected: String,
    /// What was seen.
    pub actual: String,
}

/// What a case says of its law.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judged {
    /// It held.
    Held,
    /// It did not.
    Broken(Broken),
    /// It says nothing of what happened.
    Silent,
}

/// Errnos that any call may give at any time: they say nothing of a law, unless it names them.
const ANY_TIME: [i32; 4] = [libc::ENOMEM, libc::ENFILE, libc::EINTR, libc::ENOSPC];

/// Judges a relation by one run. Equivalences need [`compare`].
pub fn judge(resolved: &Resolved, numbers: &Numbers, case: &Case, seen: &Seen) -> Judged {
    let law = case.law(resolved);
    let ResolvedForm::Relation { given, calls, that, said } = &law.form else { return Judged::Silent };
    let Some(first) = seen.returns.len().checked_sub(calls.len()) else { return Judged::Silent };
    let mut values: Vec<Option<i128>> = vec![None; law.variables.len()];
    for (index, arg) in case.given(law).iter().enumerate().take(*given) {
        values[index] = match arg {
            crate::program::Argument::Number(number) => Some(value(*number, &law.variables[index], numbers.word)),
            crate::program::Argument::Result { .. } | crate::program::Argument::Block(_) => None,
        };
    }
    let named = errnos(law);
    for (index, line) in calls.iter().enumerate() {
        let at = first + index;
        let (Some(ret), Some(registers), Some(held)) =
            (seen.returns.get(at), seen.registers.get(at), seen.blocks.get(at))
        else {
            return Judged::Silent;
        };
        if let Answer::Error(number) = Answer::of(*ret) {
            let any_time = ANY_TIME.iter().any(|errno| errno.cast_unsigned() == number);
            if !line.may_fail || any_time && !named.contains(&number) {
                return Judged::Silent;
            }
        }
        for (arg, register) in line.args.iter().zip(registers) {
            // What is passed shows what it is: the address of a block, the number of a descriptor.
            if let ResolvedArg::Variable(index) = arg {
                let index = usize::from(*index);
                values[index] = Some(value(*register, &law.variables[index], numbers.word));
            }
        }
        // A block inside a struct is passed by no register.
        for (variable, positions) in owned(line, case.given(law), law.variables.len()).into_iter().enumerate() {
            if let Some(held) = positions.last().and_then(|position| held.get(*position)) {
                values[variable] = Some(i128::from(held.address));
            }
        }
        if let Some(result) = line.result {
            values[usize::from(result)] = Some(i128::from(*ret));
        }
    }
    let scene = Scene { values, memory: Some(seen.after()), numbers };
    if law.when.as_ref().is_some_and(|when| truth(when, &scene, Moment::After) != Truth::True) {
        return Judged::Silent;
    }
    match truth(that, &scene, Moment::After) {
        Truth::True => Judged::Held,
        Truth::Unknown => Judged::Silent,
        Truth::False => Judged::Broken(told(law, that, said, &scene)),
    }
}

/// The numbers of the errnos that a law names, as `-ENOENT`.
fn errnos(law: &ResolvedLaw) -> Vec<u32> {
    let ResolvedForm::Relation { that, .. } = &law.form else { return Vec::new() };
    let mut found = Vec::new();
    for condition in law.when.iter().chain([that]) {
        condition.walk(&mut |expr| {
            if let Expr::Int(number) = expr
                && let Ok(errno @ 1..=4095) = u32::try_from(-number)
            {
                found.push(errno);
            }
        });
    }
    found
}

/// The first part of a condition that is false, with both sides of it, in the law's own words.
fn told(law: &ResolvedLaw, that: &Expr, said: &Expr, scene: &Scene<'_>) -> Broken {
    let names: Vec<&str> = law.names.iter().map(String::as_str).collect();
    let (mut part, mut words) = (that, said);
    while let (Expr::Binary(op @ (BinaryOp::And | BinaryOp::Implies), a, b), Expr::Binary(same, left, right)) =
        (part, words)
        && op == same
    {
        let first = *op == BinaryOp::And && truth(a, scene, Moment::After) == Truth::False;
        (part, words) = if first { (&**a, &**left) } else { (&**b, &**right) };
    }
    let mut shown = Vec::new();
    let mut show = |expr: &Expr, words: &Expr| {
        if let (Some(value), false) =
            (evaluate(expr, scene, Moment::After), matches!(expr, Expr::Int(_) | Expr::Bool(_)))
        {
            shown.push(format!("{} is {value}", print(words, &names)));
        }
    };
    match (part, words) {
        (Expr::Binary(_, a, b), Expr::Binary(_, left, right)) => {
            show(a, left);
            show(b, right);
        }
        (Expr::Call(_, list), Expr::Call(_, words)) => {
            list.iter().zip(words).for_each(|(expr, words)| show(expr, words))
        }
        _ => {}
    }
    let actual = if shown.is_empty() { "it is false".to_owned() } else { shown.join(", ") };
    Broken { expected: print(words, &names), actual }
}

/// Judges an equivalence by three runs: the program, the rewritten one, and the program again. What differs between the
/// first and the third, such as times and numbers of inodes, is not compared; what grows with time and is the same in both
/// was the same in between.
pub(super) fn compare(
    resolved: &Resolved,
    numbers: &Numbers,
    case: &Case,
    rewritten: &Rewritten,
    runs: [&Seen; 3],
) -> Judged {
    let law = case.law(resolved);
    let ResolvedForm::Same { left, right } = &law.form else { return Judged::Silent };
    let [first, other, again] = runs;
    if !applies(resolved, numbers, law, left, case, rewritten, first) {
        return Judged::Silent;
    }
    let calls = case.seed.calls.len();
    if [first, other, again].iter().any(|seen| seen.returns.len() != calls) {
        return Judged::Silent;
    }
    let line = |index: usize, other: bool| {
        let program = if other { &rewritten.program } else { &case.seed };
        program.calls[index].line(resolved)
    };
    let arch = resolved.target.arch;
    for index in 0..calls {
        let (a, b, c) = (first.returns[index], other.returns[index], again.returns[index]);
        if a != c {
            // What depends on this answer may differ too.
            return Judged::Silent;
        }
        if [a, b].iter().any(|ret| matches!(Answer::of(*ret), Answer::Error(number) if ANY_TIME.iter().any(|errno| errno.cast_unsigned() == number)))
        {
            return Judged::Silent;
        }
        if a != b {
            return Judged::Broken(Broken {
                expected: format!("r{index} = {} gives {}", line(index, false), Answer::of(a).text(arch)),
                actual: format!("r{index} = {} gives {}", line(index, true), Answer::of(b).text(arch)),
            });
        }
        let changed = rewritten.changed.contains(&index);
        let pairs = if changed {
            let bound = matched(resolved, numbers, law, left, &case.seed.calls[index]).unwrap_or_default();
            let positions = |line: &ResolvedLine| owned(line, &bound, law.variables.len()).concat();
            positions(left).into_iter().zip(positions(right)).collect()
        } else {
            (0..first.blocks[index].len()).map(|at| (at, at)).collect::<Vec<_>>()
        };
        for (at, there) in pairs {
            let blocks = (first.blocks[index].get(at), other.blocks[index].get(there), again.blocks[index].get(at));
            let (Some(a), Some(b), Some(c)) = blocks else { continue };
            let param = a.param;
            let (a, b, c) = (&a.bytes, &b.bytes, &c.bytes);
            if let Some(byte) = differs(a, b, c) {
                return Judged::Broken(Broken {
                    expected: format!(
                        "{} leaves {:#04x} in byte {byte} behind argument {param}",
                        line(index, false),
                        a[byte]
                    ),
                    actual: format!("{} leaves {:#04x} there", line(index, true), b[byte]),
                });
            }
        }
    }
    for (a, c) in first.end.iter().zip(&again.end) {
        let Some(b) = other.end.iter().find(|(number, _)| *number == a.0) else { continue };
        if a == c && a != b {
            let text = |(_, [cloexec, status, offset]): &super::observe::Descriptor| {
                let word =
                    |value: &Option<i64>| value.map_or_else(|| "-".to_owned(), |value| Answer::of(value).text(arch));
                format!("F_GETFD: {}, F_GETFL: {}, position: {}", word(cloexec), word(status), word(offset))
            };
            return Judged::Broken(Broken {
                expected: format!("descriptor {} at the end has {}", a.0, text(a)),
                actual: format!("with the other call it has {}", text(b)),
            });
        }
    }
    Judged::Held
}

/// The first byte of a word that two runs of one program have alike and the other program has not. Single bytes of what is
/// random are alike too often.
fn differs(first: &[u8], other: &[u8], again: &[u8]) -> Option<usize> {
    let whole = first == again;
    let words = first.chunks(8).zip(other.chunks(8)).zip(again.chunks(8)).enumerate();
    let mut differing = words.filter(|(_, ((a, b), c))| a == c && a != b && (whole || a.len() == 8));
    differing.find_map(|(at, ((a, b), _))| Some(at * 8 + a.iter().zip(b.iter()).position(|(a, b)| a != b)?))
}

/// Whether the law's condition is true of every call that was replaced.
fn applies(
    resolved: &Resolved,
    numbers: &Numbers,
    law: &ResolvedLaw,
    left: &ResolvedLine,
    case: &Case,
    rewritten: &Rewritten,
    seen: &Seen,
) -> bool {
    let Some(when) = &law.when else { return true };
    let params = &resolved.calls[left.call].variants[left.variant].params;
    rewritten.changed.iter().all(|index| {
        let Some(registers) = seen.registers.get(*index) else { return false };
        let mut values = vec![None; law.variables.len()];
        for ((arg, register), param) in left.args.iter().zip(registers).zip(params) {
            if let ResolvedArg::Variable(variable) = arg {
                values[usize::from(*variable)] = Some(value(*register, param, numbers.word));
            }
        }
        let scene = Scene { values, memory: Some(seen.before()), numbers };
        matched(resolved, numbers, law, left, &case.seed.calls[*index]).is_some()
            && truth(when, &scene, Moment::Before) == Truth::True
    })
}
