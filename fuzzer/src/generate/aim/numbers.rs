//! Numbers that conditions compare: which argument, memory or state of the program makes an expression what it is to be.

use super::{Aiming, Planned};
use crate::generate::mine::Spot;
use crate::program::{Argument, Block};
use abispec::expr::{BinaryOp, Expr, Function, UnaryOp};
use abispec::types::{Count, Type};

/// A number that a condition looks at: where it is, and its bytes.
struct Number {
    spot: Spot,
    bytes: usize,
}

/// `SCHED_RESET_ON_FORK`, which a policy may carry.
const RESET_ON_FORK: i128 = 0x4000_0000;

/// Bytes that memory for one argument may grow to.
pub(super) const MOST: usize = 8200;

impl Aiming<'_, '_, '_> {
    pub(super) fn planned(&self) -> Planned<'_> {
        Planned { args: &self.draft.args, draft: &self.draft, variant: self.variant, word: self.word }
    }

    /// What an expression is. Of what only the calls before decide, it becomes something that may well be.
    pub(super) fn value(&mut self, expr: &Expr) -> Option<i128> {
        if let Some(value) = self.planned().value(expr) {
            return Some(value);
        }
        self.assume(expr);
        self.planned().value(expr)
    }

    fn assume(&mut self, expr: &Expr) {
        let mut unknown = Vec::new();
        expr.walk(&mut |part| {
            if let Expr::Call(function, list) = part {
                unknown.push((*function, list.clone(), part.clone()));
            }
        });
        for (function, list, part) in unknown {
            if self.planned().value(&part).is_some() {
                continue;
            }
            let likely = match function {
                Function::Size => self.dice.of([0, 10, 100, 300, 4096, 5000, 9000]),
                Function::Offset => self.dice.of([0, 0, 10, 100, 4096, 5000, 9000]),
                Function::Available => self.dice.of([0, 1, 8, 16, 1024]),
                Function::Room => self.dice.of([0, 1, 100, 4095, 4096, 4097, 8192, 65_536]),
                Function::Seals => 0,
                Function::Rlimit => self.dice.of([0, 1, 10, 4096, 5000]),
                Function::FreeFds => self.dice.of([0, 1]),
                Function::Nice => self.dice.of([0, 0, 5, 19]),
                Function::Policy => self.dice.of([0, 0, 3, 3 | RESET_ON_FORK]),
                Function::Umask => 0o022,
                _ => continue,
            };
            self.quantity(function, &list, likely);
        }
    }

    /// Lets an expression be a number, by whatever of it can be chosen; says whether something was.
    pub(super) fn make(&mut self, expr: &Expr, target: i128) -> bool {
        match expr {
            Expr::Old(inner) => self.make(inner, target),
            Expr::Unary(UnaryOp::Negate, inner) => self.make(inner, -target),
            Expr::Unary(UnaryOp::Complement, inner) => self.make(inner, !target),
            Expr::Binary(op, left, right) => self.make_one_of(*op, left, right, target),
            Expr::Call(function, list) => self.quantity(*function, list, target),
            other => number(other).is_some_and(|number| self.write(&number, target)),
        }
    }

    /// One of two operands gives way to the other.
    fn make_one_of(&mut self, op: BinaryOp, left: &Expr, right: &Expr, target: i128) -> bool {
        let first = self.dice.chance(60);
        for on_the_left in [first, !first] {
            let (side, other) = if on_the_left { (left, right) } else { (right, left) };
            if matches!(side, Expr::Int(_)) {
                continue;
            }
            let Some(other) = self.value(other) else { continue };
            let now = self.value(side);
            if let Some(wanted) = inverse(op, on_the_left, now, other, target)
                && self.make(side, wanted)
            {
                return true;
            }
        }
        false
    }

    fn quantity(&mut self, function: Function, list: &[Expr], target: i128) -> bool {
        match (function, list) {
            (Function::AlignUp, [inner, by]) => {
                let Some(by) = self.value(by).filter(|by| *by > 0 && target % *by == 0) else { return false };
                let less = if self.dice.chance(60) { 0 } else { self.dice.below(by as usize) as i128 };
                self.make(inner, (target - less).max(0))
            }
            (Function::Min | Function::Max, [a, b]) => {
                let (first, second) = if self.dice.chance(50) { (a, b) } else { (b, a) };
                if !self.make(first, target) {
                    return self.make(second, target);
                }
                let other = self.value(second);
                let hides = |other: i128| if function == Function::Min { other < target } else { other > target };
                if other.is_some_and(hides) {
                    self.make(second, target);
                }
                true
            }
            (Function::U64, [Expr::Param(index)]) => {
                self.write(&Number { spot: Spot::Behind(*index, 0), bytes: 8 }, target)
            }
            (Function::Length, [Expr::Param(index)]) => self.text(*index, target),
            (Function::IovTotal | Function::IovLongest, [Expr::Param(index), count]) => {
                self.segments(*index, count, function == Function::IovTotal, target)
            }
            (Function::Rlimit | Function::RlimitMax, [resource]) => {
                let Some(resource) = self.value(resource) else { return false };
                let fits = (0..=i128::from(u64::MAX)).contains(&target);
                if fits {
                    self.draft.caller.limits.insert(resource, target);
                }
                fits
            }
            (Function::FreeFds, _) => set(&mut self.draft.caller.free, target, 0..=60),
            (Function::Nice, _) => set(&mut self.draft.caller.nice, target, 0..=19),
            (Function::Policy, _) if (0..=5).contains(&(target & !RESET_ON_FORK)) => {
                set(&mut self.draft.caller.policy, target, 0..=target)
            }
            (Function::Umask, _) => set(&mut self.draft.caller.umask, target, 0..=0o777),
            (_, [Expr::Param(index)]) if self.is_descriptor(*index) => {
                let Some(wish) = self.draft.objects.get_mut(usize::from(*index)) else { return false };
                let state = &mut wish.state;
                let most = i128::from(i64::MAX);
                match function {
                    Function::Size => set(&mut state.size, target, 0..=most),
                    Function::Offset => set(&mut state.offset, target, 0..=most),
                    Function::Seals => set(&mut state.seals, target, 0..=0x1f),
                    Function::Available => set(&mut state.available, target, 0..=u64::MAX.into()),
                    Function::Room => set(&mut state.room, target, 0..=u64::MAX.into()),
                    Function::StatusFlags => set(&mut wish.status, target, 0..=i32::MAX.into()),
                    Function::Permissions => set(&mut wish.permissions, target, 0..=0o7777),
                    _ => false,
                }
            }
            (_, [Expr::Param(index)]) => {
                let Some(wish) = self.draft.paths.get_mut(usize::from(*index)) else { return false };
                match function {
                    Function::Permissions => {
                        wish.any = true;
                        set(&mut wish.permissions, target, 0..=0o7777)
                    }
                    Function::Links if target == 0 => {
                        (wish.any, wish.gone) = (true, true);
                        true
                    }
                    _ => false,
                }
            }
            _ => false,
        }
    }

    /// Lets a text have so many bytes.
    fn text(&mut self, index: u8, length: i128) -> bool {
        let Some(Argument::Block(block)) = self.draft.args.get_mut(usize::from(index)) else { return false };
        let Some(length) = usize::try_from(length).ok().filter(|length| *length < MOST) else { return false };
        let mut bytes = block.bytes.split(|byte| *byte == 0).next().unwrap_or_default().to_vec();
        bytes.resize(length, b'x');
        bytes.push(0);
        *block = Block::new(bytes);
        true
    }

    /// Lets the segments have so many bytes together, or the longest of them alone.
    fn segments(&mut self, index: u8, count: &Expr, together: bool, target: i128) -> bool {
        let word = self.word as usize;
        let Ok(target) = u64::try_from(target) else { return false };
        if self.value(count) == Some(0) && !self.make(count, 1) {
            return false;
        }
        let Some(Argument::Block(block)) = self.draft.args.get_mut(usize::from(index)) else { return false };
        let lengths: Vec<usize> = (0..block.bytes.len() / (2 * word)).map(|one| one * 2 * word + word).collect();
        let Some((first, others)) = lengths.split_first() else { return false };
        let rest = if together {
            others.iter().fold(0, |sum: u64, at| sum.saturating_add(block.word(*at, word).unwrap_or(0)))
        } else {
            0
        };
        let own = target.wrapping_sub(rest);
        block.bytes[*first..first + word].copy_from_slice(&own.to_le_bytes()[..word]);
        let base = u32::try_from(first - word).unwrap_or(0);
        let fits = usize::try_from(own).ok().filter(|own| *own <= MOST);
        match (block.links.iter_mut().find(|(at, _)| *at == base), fits) {
            (Some((_, inner)), Some(own)) if inner.bytes.len() < own => inner.bytes.resize(own, 7),
            (Some(_), Some(_)) => {}
            // How long it is, is looked at before whether it is there.
            (Some(_), None) => {
                block.links.retain(|(at, _)| *at != base);
                let nowhere = crate::generate::values::UNMAPPED.to_le_bytes();
                block.bytes[first - word..*first].copy_from_slice(&nowhere[..word]);
            }
            (None, _) => {}
        }
        true
    }

    fn write(&mut self, number: &Number, value: i128) -> bool {
        let position = usize::from(spot_param(number.spot));
        if self.selector.map(usize::from) == Some(position) {
            return false;
        }
        let low = value as u64;
        match number.spot {
            Spot::Param(_) => {
                // A descriptor is what it is made to be.
                let Some(Argument::Number(slot)) = self.draft.args.get_mut(position) else { return false };
                *slot = low;
                self.draft.settled |= 1 << position;
                true
            }
            Spot::Behind(_, offset) => {
                let (at, bytes) = (offset as usize, number.bytes.min(8));
                if !self.is_memory(position, at + bytes) {
                    return false;
                }
                let Some(Argument::Block(block)) = self.draft.args.get_mut(position) else { return false };
                let Some(slot) = block.bytes.get_mut(at..at + bytes) else { return false };
                slot.copy_from_slice(&low.to_le_bytes()[..bytes]);
                block.links.retain(|(link, _)| *link != offset);
                true
            }
        }
    }

    /// Sees to it that a pointer leads to so many bytes at least.
    pub(super) fn is_memory(&mut self, position: usize, bytes: usize) -> bool {
        if bytes > MOST {
            return false;
        }
        let Some(param) = self.variant.params.get(position) else { return false };
        if param.ty.pointer().is_none() || matches!(param.ty, Type::Path { .. }) {
            return false;
        }
        let whole = match &param.ty {
            Type::Ptr { to, .. } => self.bytes_of(to),
            _ => 0,
        };
        match self.draft.args.get_mut(position) {
            Some(Argument::Block(block)) => {
                if block.bytes.len() < bytes {
                    block.bytes.resize(bytes, 0);
                }
                true
            }
            Some(arg @ Argument::Number(_)) => {
                *arg = Argument::Block(Block::new(vec![0; whole.max(bytes).min(MOST)]));
                true
            }
            Some(Argument::Result { .. }) | None => false,
        }
    }

    fn bytes_of(&self, ty: &Type) -> usize {
        match ty {
            Type::Struct(name) | Type::Union(name) | Type::Extensible { name, .. } => {
                self.resolved.structs.get(name).map_or(0, |found| found.size as usize)
            }
            Type::Array { of, count: Count::Number(count) } => {
                self.bytes_of(of).saturating_mul(usize::try_from(*count).unwrap_or(0))
            }
            Type::Int { int, .. } => int.bytes(self.word) as usize,
            _ => 8,
        }
    }
}

fn set(slot: &mut Option<i128>, value: i128, range: std::ops::RangeInclusive<i128>) -> bool {
    let fits = range.contains(&value);
    if fits {
        *slot = Some(value);
    }
    fits
}

fn spot_param(spot: Spot) -> u8 {
    match spot {
        Spot::Param(index) | Spot::Behind(index, _) => index,
    }
}

/// Where an expression lies by itself: a register, or memory that a parameter leads to.
fn number(expr: &Expr) -> Option<Number> {
    match expr {
        Expr::Param(index) => Some(Number { spot: Spot::Param(*index), bytes: 8 }),
        Expr::Load { address, size, .. } => {
            let (param, offset) = behind(address)?;
            Some(Number { spot: Spot::Behind(param, offset), bytes: usize::from(*size) })
        }
        Expr::Old(inner) => number(inner),
        _ => None,
    }
}

/// The parameter that an address begins at, and how far behind it is.
pub(super) fn behind(address: &Expr) -> Option<(u8, u32)> {
    match address {
        Expr::Param(index) => Some((*index, 0)),
        Expr::Binary(BinaryOp::Add, base, offset) => match (&**base, &**offset) {
            (inner, Expr::Int(offset)) => {
                let (index, before) = behind(inner)?;
                Some((index, before.checked_add(u32::try_from(*offset).ok()?)?))
            }
            _ => None,
        },
        _ => None,
    }
}

/// What one operand has to be for the whole to be `target`, where the other one is `other` and this one is `now`.
fn inverse(op: BinaryOp, on_the_left: bool, now: Option<i128>, other: i128, target: i128) -> Option<i128> {
    match op {
        BinaryOp::Add => target.checked_sub(other),
        BinaryOp::Sub if on_the_left => target.checked_add(other),
        BinaryOp::Sub => other.checked_sub(target),
        BinaryOp::Mul if other != 0 => Some(target / other),
        BinaryOp::Div if on_the_left => target.checked_mul(other),
        BinaryOp::Rem if on_the_left && other > 0 && (0..other).contains(&target) => {
            let now = now.unwrap_or(0);
            Some(now - now.rem_euclid(other) + target)
        }
        BinaryOp::BitAnd if target & !other == 0 => Some(now.unwrap_or(0) & !other | target),
        BinaryOp::BitOr if target & other == other => Some(now.unwrap_or(0) & other | target & !other),
        BinaryOp::BitXor => Some(target ^ other),
        BinaryOp::Shl if on_the_left && (0..64).contains(&other) => Some(target >> other),
        BinaryOp::Shr if on_the_left && (0..64).contains(&other) => target.checked_mul(1 << other),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_operator_is_undone() {
        let apply = |op, a: i128, b: i128| match op {
            BinaryOp::Add => a + b,
            BinaryOp::Sub => a - b,
            BinaryOp::Mul => a * b,
            BinaryOp::Div => a / b,
            BinaryOp::Rem => a % b,
            BinaryOp::BitAnd => a & b,
            BinaryOp::BitOr => a | b,
            BinaryOp::BitXor => a ^ b,
            BinaryOp::Shl => a << b,
            _ => a >> b,
        };
        use BinaryOp::{Add, BitAnd, BitOr, BitXor, Div, Mul, Rem, Shl, Shr, Sub};
        for op in [Add, Sub, Mul, Div, Rem, BitAnd, BitOr, BitXor, Shl, Shr] {
            for (a, b, now) in [(4095, 4, 9), (12, 3, 70_000), (8192, 12, 1)] {
                let target = apply(op, a, b);
                let left = inverse(op, true, Some(now), b, target).expect("a left operand");
                assert_eq!(apply(op, left, b), target, "{left} {op:?} {b}");
                if let Some(right) = inverse(op, false, Some(now), a, target) {
                    assert_eq!(apply(op, a, right), target, "{a} {op:?} {right}");
                }
            }
        }
        assert_eq!(inverse(BitAnd, true, Some(0xff), 0xf0, 1), None, "a bit that is masked away");
    }
}
