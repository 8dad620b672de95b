//! Whether a law held in what was seen. Pure.

use super::Case;
use super::observe::Seen;
use super::observer::Scene;
use super::rewrite::owned;
use crate::oracle::Answer;
use crate::world::Numbers;
use abispec::errno::Errno;
use abispec::expr::{BinaryOp, Expr, Moment, Truth, evaluate, print, truth};
use abispec::law::resolved::{ResolvedArg, ResolvedForm, ResolvedLaw};
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
const ANY_TIME: [&str; 4] = ["ENOMEM", "ENFILE", "EINTR", "ENOSPC"];

/// Whether an errno says nothing of the call that gave it.
pub(super) fn at_any_time(resolved: &Resolved, number: u32) -> bool {
    Errno::from_number(number, resolved.target.arch).is_some_and(|errno| ANY_TIME.contains(&errno.name()))
}

/// Judges a relation by one run; an equivalence needs three.
pub fn judge(resolved: &Resolved, numbers: &Numbers, case: &Case, seen: &Seen) -> Judged {
    let law = case.law(resolved);
    let ResolvedForm::Relation { given, calls, that, said } = &law.form else { return Judged::Silent };
    let Some(first) = seen.returns.len().checked_sub(calls.len()) else { return Judged::Silent };
    let mut values: Vec<Option<i128>> = vec![None; law.variables.len()];
    for (index, arg) in case.given(law).iter().enumerate().take(*given) {
        values[index] = match arg {
            crate::program::Argument::Number(number) => Some(law.variables[index].int.value_of(*number, numbers.word)),
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
        if let Answer::Error(number) = Answer::of(*ret)
            && (!line.may_fail || at_any_time(resolved, number) && !named.contains(&number))
        {
            return Judged::Silent;
        }
        for (arg, register) in line.args.iter().zip(registers) {
            // What is passed shows what it is: the address of a block, the number of a descriptor.
            if let ResolvedArg::Variable(index) = arg {
                let index = usize::from(*index);
                values[index] = Some(law.variables[index].int.value_of(*register, numbers.word));
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
