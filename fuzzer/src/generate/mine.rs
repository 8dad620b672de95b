//! Values that the specification itself calls interesting: what its conditions compare arguments with.

use abispec::expr::{BinaryOp, Expr, Function};
use abispec::target::{Call, Variant};

/// Where a mined value belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Spot {
    /// A register.
    Param(u8),
    /// A field behind a pointer parameter: bytes from its beginning.
    Behind(u8, u32),
}

/// Mined values of one variant.
#[derive(Clone, Debug, Default)]
pub(super) struct Mined {
    /// Values by spot, sorted, without repetition.
    pub(super) values: Vec<(Spot, i128)>,
    /// For each name of which it depends whether a link at its end is followed: that there is one and it is.
    pub(super) links: Vec<Expr>,
}

impl Mined {
    /// Values for a spot.
    pub(super) fn at(&self, spot: Spot) -> &[(Spot, i128)] {
        let begin = self.values.partition_point(|(other, _)| *other < spot);
        let end = self.values.partition_point(|(other, _)| *other <= spot);
        &self.values[begin..end]
    }
}

/// Collects the values that a variant's conditions compare its arguments with.
pub(super) fn mine(call: &Call, variant: &Variant) -> Mined {
    let mut values = Vec::new();
    let mut look = |expr: &Expr| expr.walk(&mut |expr| collect(expr, &mut values));
    variant.rules.iter().for_each(|rule| look(&rule.condition));
    variant.ensures.iter().for_each(|ensure| look(&ensure.condition));
    if let Some(blocks) = &variant.blocks {
        look(blocks);
    }
    for effect in &variant.effects {
        if let Some(when) = &effect.effect.when {
            look(&when.value);
        }
    }
    if let Some(select) = call.select {
        values.retain(|(spot, _)| *spot != Spot::Param(select));
    }
    values.sort_unstable();
    values.dedup();
    Mined { values, links: links(variant) }
}

fn links(variant: &Variant) -> Vec<Expr> {
    let mut found = Vec::new();
    for (index, param) in (0_u8..).zip(&variant.params) {
        if let Some(keys) = &param.path
            && !matches!(keys.follow, Expr::Bool(_))
        {
            let link = Expr::Call(Function::LastIsSymlink, vec![Expr::Param(index)]);
            found.push(Expr::Binary(BinaryOp::And, Box::new(link), Box::new(keys.follow.clone())));
        }
    }
    found
}

fn collect(expr: &Expr, values: &mut Vec<(Spot, i128)>) {
    match expr {
        Expr::Binary(op, left, right) => {
            let comparison = op.precedence() == 4 || *op == BinaryOp::BitAnd;
            if comparison && let (Some((spot, add)), Expr::Int(value)) = (spot(left), &**right) {
                push(values, spot, *value, add, *op);
            }
            if comparison && let (Some((spot, add)), Expr::Int(value)) = (spot(right), &**left) {
                push(values, spot, *value, add, *op);
            }
        }
        Expr::In(inner, list) => {
            if let Some((spot, add)) = spot(inner) {
                for item in list {
                    if let Expr::Int(value) = item {
                        values.push((spot, value - add));
                    }
                }
            }
        }
        _ => {}
    }
}

fn push(values: &mut Vec<(Spot, i128)>, spot: Spot, value: i128, add: i128, op: BinaryOp) {
    values.push((spot, value - add));
    if op.precedence() == 4 && !matches!(op, BinaryOp::Eq | BinaryOp::Ne) {
        values.push((spot, value - add - 1));
        values.push((spot, value - add + 1));
    }
    if op == BinaryOp::BitAnd && value > 0 {
        values.extend((0..64).map(|bit| 1_i128 << bit).filter(|bit| value & bit != 0).take(24).map(|bit| (spot, bit)));
    }
}

/// The spot that an expression reads, and what it adds to it.
fn spot(expr: &Expr) -> Option<(Spot, i128)> {
    match expr {
        Expr::Param(index) => Some((Spot::Param(*index), 0)),
        Expr::Load { address, .. } => match &**address {
            Expr::Param(index) => Some((Spot::Behind(*index, 0), 0)),
            Expr::Binary(BinaryOp::Add, base, offset) => match (&**base, &**offset) {
                (Expr::Param(index), Expr::Int(offset)) => {
                    Some((Spot::Behind(*index, u32::try_from(*offset).ok()?), 0))
                }
                _ => None,
            },
            _ => None,
        },
        Expr::Binary(BinaryOp::Add, inner, other) => match (spot(inner), &**other) {
            (Some((spot, add)), Expr::Int(value)) => Some((spot, add + value)),
            _ => None,
        },
        Expr::Binary(BinaryOp::BitAnd, inner, _) => spot(inner),
        _ => None,
    }
}
