//! Between which numbers what a condition speaks of lies in the sandbox, whatever a program does.

use crate::world::description::KINDS_OF_MODES;
use abispec::expr::{BinaryOp, Expr, Function};
use abispec::target::Variant;

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

/// What files can be that paths of a call name, if a condition asks for it; one that an empty path names as well may be any.
pub(super) fn of_paths(variant: &Variant, condition: &Expr) -> Vec<Expr> {
    let mut found = Vec::new();
    condition.walk(&mut |part| {
        let Expr::Call(Function::Kind, list) = part else { return };
        let [Expr::Param(index)] = list[..] else { return };
        let path = variant.params.get(usize::from(index)).and_then(|param| param.path.as_ref());
        if path.is_some_and(|keys| keys.empty == Expr::Bool(false)) {
            let kinds = KINDS_OF_MODES.map(Expr::Word).to_vec();
            found.push(Expr::In(Box::new(part.clone()), kinds));
        }
    });
    found.dedup();
    found
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

fn binary(op: BinaryOp, expr: &Expr, number: i128) -> Expr {
    Expr::Binary(op, Box::new(expr.clone()), Box::new(Expr::Int(number)))
}
