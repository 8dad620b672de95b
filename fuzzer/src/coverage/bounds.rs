//! Between which numbers what a condition speaks of lies in the sandbox, whatever a program does.

use crate::world::description::KINDS_OF_MODES;
use abispec::expr::{BinaryOp, Expr, Function, Operand, UnaryOp, Word, points_somewhere};
use abispec::model::Effect;
use abispec::target::{ResolvedEffect, Variant};

/// The limit of file sizes in the sandbox, if a condition asks for it: a larger one would let one call take all memory.
pub(super) fn of_files(condition: &Expr) -> Vec<Expr> {
    let mut found = Vec::new();
    condition.walk(&mut |part| {
        if is_limit_of_files(part) && found.is_empty() {
            found.push(binary(BinaryOp::Lt, part, i64::MAX.into()));
        }
    });
    found
}

/// Whether an expression is the caller's limit of file sizes.
pub(super) fn is_limit_of_files(expr: &Expr) -> bool {
    let of_files = |list: &[Expr]| matches!(list, [Expr::Int(number)] if *number == i128::from(libc::RLIMIT_FSIZE));
    matches!(expr, Expr::Call(Function::Rlimit, list) if of_files(list))
}

/// What files can be that paths of a call name, if a condition asks for it; one that an empty path names as well may be any. Without
/// any link is nothing that a path names but a directory in which the caller still is.
pub(super) fn of_paths(variant: &Variant, condition: &Expr) -> Vec<Expr> {
    let mut found = Vec::new();
    condition.walk(&mut |part| {
        let Expr::Call(function @ (Function::Kind | Function::Links), list) = part else { return };
        let [Expr::Param(index)] = list[..] else { return };
        let path = variant.params.get(usize::from(index)).and_then(|param| param.path.as_ref());
        if path.is_none_or(|keys| keys.empty != Expr::Bool(false)) {
            return;
        }
        let kind = Expr::Call(Function::Kind, list.clone());
        found.push(match function {
            Function::Links => either(binary(BinaryOp::Ne, part, 0), word(BinaryOp::Eq, kind, Word::Directory)),
            _ => Expr::In(Box::new(kind), KINDS_OF_MODES.map(Expr::Word).to_vec()),
        });
    });
    found.dedup();
    found
}

/// What is so of descriptors whose kind a condition asks for: links are open as paths only, and directories not for writing.
pub(super) fn of_descriptors(variant: &Variant, condition: &Expr) -> Vec<Expr> {
    let mut found = Vec::new();
    condition.walk(&mut |part| {
        if let Expr::Call(Function::Kind, list) = part
            && let [Expr::Param(index)] = list[..]
            && is_descriptor(variant, index)
        {
            let is_path = Expr::Call(Function::IsPath, list.clone());
            let writable = Expr::Call(Function::Writable, list.clone());
            let no = |kind| word(BinaryOp::Ne, part.clone(), kind);
            found.push(either(no(Word::Symlink), is_path));
            found.push(either(no(Word::Directory), not(writable)));
        }
    });
    found.dedup();
    found
}

/// What follows where something is known of what a parameter stands for: there is text where a name is, and a descriptor has a number.
pub(super) fn of_parameters(variant: &Variant) -> impl Fn(&Expr, &mut Vec<Expr>) {
    move |part, into| {
        let Expr::Call(function, list) = part else { return };
        for (operand, kind) in list.iter().zip(function.operands()) {
            let Expr::Param(index) = operand else { continue };
            let is_path = variant.params.get(usize::from(*index)).is_some_and(|param| param.path.is_some());
            match kind {
                Operand::File | Operand::Path if is_path => into.push(points_somewhere(operand.clone())),
                Operand::Pointer if *function == Function::Empty => into.push(points_somewhere(operand.clone())),
                Operand::File | Operand::Fd if *function != Function::Open && is_descriptor(variant, *index) => {
                    into.push(binary(BinaryOp::Ge, operand, 0));
                    into.push(Expr::Call(Function::Open, vec![operand.clone()]));
                }
                _ => {}
            }
        }
    }
}

/// What is so of a call's descriptors where it succeeds: what it is refused for is not so of them. A call that closes some may leave
/// others than it had.
pub(super) fn of_success(variant: &Variant) -> Vec<Expr> {
    let gone = |rule: &ResolvedEffect| matches!(rule.effect.effect, Effect::Closes { .. } | Effect::Duplicates { .. });
    if variant.effects.iter().any(gone) {
        return Vec::new();
    }
    let of_descriptors = |condition: &Expr| {
        let (mut some, mut all) = (false, true);
        condition.walk(&mut |part| match part {
            Expr::Call(function, list) => {
                let own = matches!(list[..], [Expr::Param(index)] if is_descriptor(variant, index));
                (some, all) = (true, all && own && LASTING.contains(function));
            }
            Expr::Load { .. } | Expr::Old(_) | Expr::Ret => all = false,
            _ => {}
        });
        some && all
    };
    let duties = variant.rules.iter().filter(|rule| rule.duty).map(|rule| &rule.condition);
    duties.filter(|condition| of_descriptors(condition)).map(|condition| not(condition.clone())).collect()
}

/// What is so of a descriptor as long as it is open.
const LASTING: [Function; 5] =
    [Function::Open, Function::Kind, Function::IsPath, Function::Readable, Function::Writable];

fn is_descriptor(variant: &Variant, index: u8) -> bool {
    let param = variant.params.get(usize::from(index));
    param.is_some_and(|param| param.ty.is_descriptor())
}

/// The numbers that the types of a condition's arguments have, on a port whose pointers take `word` bytes.
pub(super) fn of_types(variant: &Variant, word: u32, condition: &Expr) -> Vec<Expr> {
    let mut seen = [false; 6];
    condition.walk(&mut |part| {
        if let Expr::Param(index) = part
            && let Some(seen) = seen.get_mut(usize::from(*index))
        {
            *seen = true;
        }
    });
    let mut found = Vec::new();
    for (index, param) in (0_u8..).zip(&variant.params).filter(|(index, _)| seen[usize::from(*index)]) {
        let bits = param.int.bytes(word) * 8;
        let (low, high) = match param.int.signed() {
            true => (-(1_i128 << (bits - 1)), (1_i128 << (bits - 1)) - 1),
            false => (0, (1_i128 << bits) - 1),
        };
        let param = Expr::Param(index);
        found.extend([binary(BinaryOp::Ge, &param, low), binary(BinaryOp::Le, &param, high)]);
    }
    found
}

fn not(expr: Expr) -> Expr {
    Expr::Unary(UnaryOp::Not, Box::new(expr))
}

fn either(a: Expr, b: Expr) -> Expr {
    Expr::Binary(BinaryOp::Or, Box::new(a), Box::new(b))
}

fn word(op: BinaryOp, of: Expr, word: Word) -> Expr {
    Expr::Binary(op, Box::new(of), Box::new(Expr::Word(word)))
}

fn binary(op: BinaryOp, expr: &Expr, number: i128) -> Expr {
    Expr::Binary(op, Box::new(expr.clone()), Box::new(Expr::Int(number)))
}
