//! Between which numbers an expression lies, as far as what must be so says it.

use super::ast::{BinaryOp, Expr};
use super::contradiction::same;
use super::functions::Function;

/// The least and the greatest number, both included; the ends of `i128` are no bounds.
pub(super) type Interval = (i128, i128);

/// Every number.
pub(super) const ALL: Interval = (i128::MIN, i128::MAX);

/// What is known of some expressions.
pub(super) struct Bounds<'a>(Vec<(&'a Expr, Interval)>);

impl<'a> Bounds<'a> {
    /// What all of these say together; `None` where they leave no number for one of the expressions.
    pub(super) fn of(known: impl Iterator<Item = (&'a Expr, Interval)>) -> Option<Self> {
        let mut all: Vec<(&'a Expr, Interval)> = Vec::new();
        for (expr, found) in known {
            match all.iter_mut().find(|(other, _)| same(other, expr)) {
                Some((_, interval)) => *interval = within(*interval, found)?,
                None => all.push((expr, within(natural(expr), found)?)),
            }
        }
        Some(Self(all))
    }

    /// Whether two numbers can compare so.
    pub(super) fn admit(&self, op: BinaryOp, a: &Expr, b: &Expr) -> bool {
        let Some((a, b)) = self.interval(a).zip(self.interval(b)) else { return false };
        match op {
            BinaryOp::Lt => a.0 < b.1 || is_open(a.0, b.1),
            BinaryOp::Le => a.0 <= b.1,
            BinaryOp::Gt => a.1 > b.0 || is_open(b.0, a.1),
            BinaryOp::Ge => a.1 >= b.0,
            BinaryOp::Eq => a.0 <= b.1 && b.0 <= a.1,
            BinaryOp::Ne => !(a.0 == a.1 && a == b),
            _ => true,
        }
    }

    /// `None` where no number is left.
    fn interval(&self, expr: &Expr) -> Option<Interval> {
        let known = self.0.iter().find(|(other, _)| same(other, expr)).map_or(ALL, |(_, interval)| *interval);
        within(known, self.composed(expr)?)
    }

    /// The only number that is left.
    fn number(&self, expr: &Expr) -> Option<i128> {
        self.interval(expr).filter(|(low, high)| low == high).map(|(low, _)| low)
    }

    fn composed(&self, expr: &Expr) -> Option<Interval> {
        Some(match expr {
            Expr::Binary(op, a, b) => {
                let (x, y) = (self.interval(a)?, self.interval(b)?);
                match (op, &**a, &**b) {
                    (BinaryOp::Add, ..) => (sum(x.0, y.0), sum(x.1, y.1)),
                    (BinaryOp::Sub, ..) => (sum(x.0, opposite(y.1)), sum(x.1, opposite(y.0))),
                    (BinaryOp::BitAnd, ..) if x.0 == x.1 && y.0 == y.1 => (x.0 & y.0, x.0 & y.0),
                    (BinaryOp::BitAnd, _, Expr::Int(mask)) | (BinaryOp::BitAnd, Expr::Int(mask), _) if *mask >= 0 => {
                        (0, *mask)
                    }
                    (BinaryOp::Rem, _, Expr::Int(by)) if *by > 0 && x.0 >= 0 => (0, x.1.min(*by - 1)),
                    (BinaryOp::Shr, _, Expr::Int(by)) if (0..64).contains(by) && !is_open(x.0, x.1) => {
                        (x.0 >> by, x.1 >> by)
                    }
                    (BinaryOp::Div, ..) if y.0 == y.1 && y.0 > 0 && x.0 >= 0 && x.1 != i128::MAX => {
                        (x.0 / y.0, x.1 / y.0)
                    }
                    _ => ALL,
                }
            }
            Expr::Call(Function::AlignUp, list) => match &list[..] {
                [inner, to] if self.number(to).is_some_and(|to| to > 0) => {
                    let (x, to) = (self.interval(inner)?, self.number(to).unwrap_or(1));
                    let up = |bound: i128| (bound + (to - 1)).div_euclid(to) * to;
                    let far = |bound: i128| bound.unsigned_abs() >= 1 << 100;
                    if far(x.0) || far(x.1) { ALL } else { (up(x.0), up(x.1)) }
                }
                _ => ALL,
            },
            Expr::Call(Function::Bits, list) => match list.first().and_then(|inner| self.number(inner)) {
                Some(number) if number >= 0 => {
                    let bits = i128::from(number.count_ones());
                    (bits, bits)
                }
                _ => ALL,
            },
            Expr::Call(Function::Min, list) => match &list[..] {
                [a, b] => {
                    let (x, y) = (self.interval(a)?, self.interval(b)?);
                    (x.0.min(y.0), x.1.min(y.1))
                }
                _ => ALL,
            },
            Expr::Call(Function::Max, list) => match &list[..] {
                [a, b] => {
                    let (x, y) = (self.interval(a)?, self.interval(b)?);
                    (x.0.max(y.0), x.1.max(y.1))
                }
                _ => ALL,
            },
            other => natural(other),
        })
    }
}

/// What an expression is whatever must be so.
fn natural(expr: &Expr) -> Interval {
    const OFFSETS: Interval = (0, i64::MAX as i128);
    match expr {
        Expr::Int(number) => (*number, *number),
        Expr::Load { size, signed, .. } => match (u32::from(*size) * 8, signed) {
            (bits @ 1..=64, true) => (-(1 << (bits - 1)), (1 << (bits - 1)) - 1),
            (bits @ 1..=64, false) => (0, (1 << bits) - 1),
            _ => ALL,
        },
        Expr::Call(Function::Size | Function::Offset | Function::Room | Function::Available, _) => OFFSETS,
        Expr::Call(Function::Rlimit | Function::RlimitMax, _) => (0, u64::MAX as i128),
        Expr::Old(inner) => natural(inner),
        _ => ALL,
    }
}

fn within(a: Interval, b: Interval) -> Option<Interval> {
    let both = (a.0.max(b.0), a.1.min(b.1));
    (both.0 <= both.1).then_some(both)
}

fn is_open(low: i128, high: i128) -> bool {
    low == i128::MIN || high == i128::MAX
}

/// Where one of two is no bound, their sum is none.
fn sum(a: i128, b: i128) -> i128 {
    if [a, b].contains(&i128::MIN) {
        i128::MIN
    } else if [a, b].contains(&i128::MAX) {
        i128::MAX
    } else {
        a.saturating_add(b)
    }
}

fn opposite(bound: i128) -> i128 {
    match bound {
        i128::MIN => i128::MAX,
        i128::MAX => i128::MIN,
        other => -other,
    }
}

#[cfg(test)]
mod tests {
    use super::super::contradicts_itself;
    use super::*;
    use proptest::prelude::*;

    fn binary(op: BinaryOp, a: Expr, b: Expr) -> Expr {
        Expr::Binary(op, Box::new(a), Box::new(b))
    }

    fn all(parts: Vec<Expr>) -> bool {
        let whole = parts.into_iter().reduce(|a, b| binary(BinaryOp::And, a, b)).unwrap_or(Expr::Bool(true));
        contradicts_itself(&whole)
    }

    #[test]
    fn what_arithmetic_rules_out_is_seen() {
        use BinaryOp::{Add, BitAnd, Eq, Gt, Le, Lt, Ne};
        let position = || Expr::Load { address: Box::new(Expr::Param(1)), size: 8, signed: true };
        let end = || binary(Add, position(), Expr::Param(0));
        let beyond = || binary(Gt, end(), Expr::Int(i64::MAX.into()));
        let length = |op, number| binary(op, Expr::Param(0), Expr::Int(number));
        assert!(all(vec![length(Eq, 0), beyond()]), "no position lies beyond the last one");
        assert!(!all(vec![length(Eq, 1), beyond()]));
        assert!(all(vec![length(Le, 5), binary(Lt, position(), Expr::Int(1)), binary(Gt, end(), Expr::Int(5))]));
        let low = |op, number| binary(op, binary(BitAnd, Expr::Param(0), Expr::Int(3)), Expr::Int(number));
        assert!(all(vec![low(Eq, 4)]) && all(vec![low(Gt, 3)]));
        assert!(all(vec![low(Eq, 3), length(Eq, -8)]) && !all(vec![low(Eq, 3), length(Eq, -9 + 4)]));
        let shifted = |number| binary(Eq, binary(BinaryOp::Shr, Expr::Param(0), Expr::Int(3)), Expr::Int(number));
        assert!(all(vec![shifted(-2), length(Eq, -8)]) && !all(vec![shifted(-1), length(Eq, -8)]));
        assert!(!all(vec![low(Eq, 3)]) && !all(vec![low(Ne, 4)]));
        let least = |other| Expr::Call(Function::Min, vec![Expr::Param(0), Expr::Int(other)]);
        assert!(all(vec![binary(Gt, least(7), Expr::Int(7))]));
        assert!(!all(vec![binary(Gt, least(7), Expr::Int(6))]));
        let words = |number| {
            let bits = Expr::Call(Function::AlignUp, vec![Expr::Param(0), Expr::Int(64)]);
            binary(Eq, binary(BinaryOp::Div, bits, Expr::Int(8)), Expr::Int(number))
        };
        assert!(all(vec![words(8), length(Eq, 0)]) && all(vec![words(0), length(Eq, 1)]));
        assert!(!all(vec![words(0), length(Eq, 0)]) && !all(vec![words(8), length(Eq, 64)]));
        let size = Expr::Call(Function::Size, vec![Expr::Param(2)]);
        assert!(all(vec![binary(Lt, size.clone(), Expr::Int(0))]) && !all(vec![binary(Le, size, Expr::Int(0))]));
    }

    fn numbers() -> impl Strategy<Value = Expr> {
        let leaf = prop_oneof![(0..2_u8).prop_map(Expr::Param), (-4..5_i128).prop_map(Expr::Int)];
        leaf.prop_recursive(2, 6, 2, |inner| {
            let op = prop_oneof![Just(BinaryOp::Add), Just(BinaryOp::Sub)];
            prop_oneof![
                (op, inner.clone(), inner.clone()).prop_map(|(op, a, b)| binary(op, a, b)),
                (inner.clone(), 0..8_i128).prop_map(|(a, mask)| binary(BinaryOp::BitAnd, a, Expr::Int(mask))),
                (inner.clone(), 1..5_i128).prop_map(|(a, by)| binary(BinaryOp::Div, a, Expr::Int(by))),
                (inner.clone(), 1..5_i128).prop_map(|(a, to)| Expr::Call(Function::AlignUp, vec![a, Expr::Int(to)])),
                (any::<bool>(), inner.clone(), inner).prop_map(|(least, a, b)| {
                    Expr::Call(if least { Function::Min } else { Function::Max }, vec![a, b])
                }),
            ]
        })
    }

    fn value(expr: &Expr, params: [i128; 2]) -> i128 {
        match expr {
            Expr::Int(number) => *number,
            Expr::Param(index) => params[usize::from(*index)],
            Expr::Binary(BinaryOp::Add, a, b) => value(a, params) + value(b, params),
            Expr::Binary(BinaryOp::Sub, a, b) => value(a, params) - value(b, params),
            Expr::Binary(BinaryOp::Div, a, b) => value(a, params) / value(b, params),
            Expr::Binary(_, a, b) => value(a, params) & value(b, params),
            Expr::Call(Function::AlignUp, list) => {
                let (inner, to) = (value(&list[0], params), value(&list[1], params));
                (inner + to - 1).div_euclid(to) * to
            }
            Expr::Call(Function::Min, list) => value(&list[0], params).min(value(&list[1], params)),
            Expr::Call(_, list) => value(&list[0], params).max(value(&list[1], params)),
            other => unreachable!("{other:?}"),
        }
    }

    proptest! {
        /// What some numbers make true is never called a contradiction.
        #[test]
        fn nothing_that_can_be_is_ruled_out(exprs in prop::collection::vec((numbers(), numbers(), 0..6_usize), 1..4),
                                            params in prop::array::uniform2(-6..7_i128)) {
            use BinaryOp::{Eq, Ge, Gt, Le, Lt, Ne};
            let parts = exprs.into_iter().map(|(a, b, wanted)| {
                let (x, y) = (value(&a, params), value(&b, params));
                let holds = [(Eq, x == y), (Ne, x != y), (Lt, x < y), (Le, x <= y), (Gt, x > y), (Ge, x >= y)];
                let op = (0..6).map(|at| holds[(at + wanted) % 6]).find(|(_, holds)| *holds).map_or(Eq, |(op, _)| op);
                binary(op, a, b)
            });
            let pinned = (0..2_u8).map(|index| {
                binary(BinaryOp::Eq, Expr::Param(index), Expr::Int(params[usize::from(index)]))
            });
            prop_assert!(!all(parts.chain(pinned).collect()));
        }
    }
}
