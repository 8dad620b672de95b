//! The same program with another call in it: the right call of an equivalence wherever the left one occurs.

use super::make::{Arguments, low_bits, widened};
use super::observer::Scene;
use crate::program::{Argument, Block, Invocation, Program};
use crate::world::Numbers;
use abispec::expr::{Moment, Truth, evaluate, truth};
use abispec::law::resolved::{ResolvedArg, ResolvedForm, ResolvedLaw, ResolvedLine};
use abispec::target::{Resolved, ResolvedParam};

/// A program with other calls in it.
#[derive(Clone, Debug)]
pub struct Rewritten {
    /// The program.
    pub program: Program,
    /// Indices of the calls that are others.
    pub changed: Vec<usize>,
}

/// Puts the right call of an equivalence in place of every left one; `None` where there is none, or where the law says
/// nothing of it.
pub fn rewrite(resolved: &Resolved, law: &ResolvedLaw, program: &Program) -> Option<Rewritten> {
    let ResolvedForm::Same { left, right } = &law.form else { return None };
    let numbers = Numbers::of(resolved);
    let mut changed = Vec::new();
    let mut calls = Vec::with_capacity(program.calls.len());
    for (index, call) in program.calls.iter().enumerate() {
        match matched(resolved, &numbers, law, left, call) {
            Some(bound) if !refuted(&numbers, law, &bound) => {
                calls.push(replaced(resolved, &numbers, law, left, right, bound)?);
                changed.push(index);
            }
            // Of the others the law says nothing.
            Some(_) | None => calls.push(call.clone()),
        }
    }
    // An array that the left call writes is looked for behind the same parameter later on.
    let asks = |arg: &Argument| {
        matches!(arg, Argument::Result { of, output, .. }
        if changed.contains(of) && *output != crate::program::Output::Ret && !same_position(left, right))
    };
    if changed.is_empty() || program.calls.iter().flat_map(|call| &call.args).any(asks) {
        return None;
    }
    Some(Rewritten { program: Program { calls }, changed })
}

/// Whether every pointer has the same position in both calls.
fn same_position(left: &ResolvedLine, right: &ResolvedLine) -> bool {
    left.args.iter().zip(&right.args).all(|pair| match pair {
        (ResolvedArg::Variable(a), ResolvedArg::Variable(b)) => a == b,
        (ResolvedArg::Variable(_), _) => false,
        _ => true,
    })
}

/// The arguments of a call by the variables of the left one; `None` where the call is another.
pub(super) fn matched(
    resolved: &Resolved,
    numbers: &Numbers,
    law: &ResolvedLaw,
    left: &ResolvedLine,
    call: &Invocation,
) -> Option<Vec<Argument>> {
    if call.call != left.call {
        return None;
    }
    let nothing = Scene { values: Vec::new(), memory: None, numbers };
    let params = &resolved.calls[left.call].variants[left.variant].params;
    let mut bound = vec![None; law.variables.len()];
    for ((arg, pattern), param) in call.args.iter().zip(&left.args).zip(params) {
        match (pattern, arg) {
            (ResolvedArg::Variable(index), arg) => *bound.get_mut(usize::from(*index))? = Some(arg.clone()),
            (ResolvedArg::Value(expr), Argument::Number(number)) => {
                let wanted = low_bits(evaluate(expr, &nothing, Moment::Before)?);
                let as_passed = |number: u64| param.int.value_of(number, numbers.word);
                if as_passed(*number) != as_passed(wanted) {
                    return None;
                }
            }
            _ => return None,
        }
    }
    bound.into_iter().collect()
}

/// Whether the law's condition is false already for what is known before the program runs.
fn refuted(numbers: &Numbers, law: &ResolvedLaw, bound: &[Argument]) -> bool {
    let values = bound.iter().zip(&law.variables).map(|(arg, param)| match arg {
        Argument::Number(number) => Some(param.int.value_of(*number, numbers.word)),
        Argument::Result { .. } | Argument::Block(_) => None,
    });
    let scene = Scene { values: values.collect(), memory: None, numbers };
    law.when.as_ref().is_some_and(|when| truth(when, &scene, Moment::Before) == Truth::False)
}

fn replaced(
    resolved: &Resolved,
    numbers: &Numbers,
    law: &ResolvedLaw,
    left: &ResolvedLine,
    right: &ResolvedLine,
    mut bound: Vec<Argument>,
) -> Option<Invocation> {
    let params = |line: &ResolvedLine| resolved.calls[line.call].variants[line.variant].params.clone();
    let (from, to) = (params(left), params(right));
    for (position, arg) in left.args.iter().enumerate() {
        let ResolvedArg::Variable(index) = arg else { continue };
        if let (Some(slot), Some(param)) = (bound.get_mut(usize::from(*index)), from.get(position)) {
            plain(slot, param, lands(right, &to, *index), numbers.word);
        }
    }
    let making = Arguments::new(numbers, bound, law);
    let args = right.args.iter().map(|arg| making.argument(arg)).collect::<Option<Vec<_>>>()?;
    Some(Invocation { call: right.call, args })
}

/// The parameter that a variable is passed to as it is.
fn lands<'a>(line: &ResolvedLine, params: &'a [ResolvedParam], variable: u8) -> Option<&'a ResolvedParam> {
    let position =
        line.args.iter().position(|arg| matches!(arg, ResolvedArg::Variable(index) if *index == variable))?;
    params.get(position)
}

/// Garbage in the upper half of a register stays garbage only where it lands behind a parameter of the same width.
fn plain(arg: &mut Argument, from: &ResolvedParam, to: Option<&ResolvedParam>, word: u32) {
    if to.is_some_and(|to| to.int.bytes(word) == from.int.bytes(word)) {
        return;
    }
    match arg {
        Argument::Number(number) => *number = widened(*number, from.int, word),
        Argument::Result { high, .. } => *high = None,
        Argument::Block(_) => {}
    }
}

/// How many blocks a block consists of.
fn blocks(block: &Block) -> usize {
    1 + block.links.iter().map(|(_, inner)| blocks(inner)).sum::<usize>()
}

/// Of the blocks of a call of the law, those that belong to variables: for each variable, positions in the order in which
/// blocks are placed, parameter by parameter.
pub(super) fn owned(line: &ResolvedLine, bound: &[Argument], variables: usize) -> Vec<Vec<usize>> {
    let count = |variable: u8| match bound.get(usize::from(variable)) {
        Some(Argument::Block(block)) => blocks(block),
        _ => 0,
    };
    let mut found = vec![Vec::new(); variables];
    let mut next = 0;
    let mut own = |variable: u8, next: &mut usize| {
        if let Some(list) = found.get_mut(usize::from(variable)) {
            list.extend(*next..*next + count(variable));
        }
        *next += count(variable);
    };
    for arg in &line.args {
        match arg {
            ResolvedArg::Variable(variable) => own(*variable, &mut next),
            ResolvedArg::Text(_) => next += 1,
            ResolvedArg::Struct(literal) => {
                // What a block points to is placed before it.
                for part in &literal.fields {
                    match &part.value {
                        ResolvedArg::Variable(variable) => own(*variable, &mut next),
                        ResolvedArg::Text(_) => next += 1,
                        _ => {}
                    }
                }
                next += 1;
            }
            ResolvedArg::Value(_) | ResolvedArg::Element { .. } => {}
        }
    }
    found
}
