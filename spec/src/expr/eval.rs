//! Evaluation in three values. Pure: the world is what the [`Observer`] says.

use super::ast::{BinaryOp, Expr, UnaryOp};
use super::functions::Function;

/// The truth of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truth {
    /// It holds.
    True,
    /// It does not hold.
    False,
    /// What it depends on cannot be observed.
    Unknown,
}

/// Whether state is looked at before or after the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// As it was when the call was made.
    Before,
    /// As it is when the call has returned.
    After,
}

/// An operand as a function sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operand {
    /// A number: a descriptor, an address, the number of a word.
    Value(i128),
    /// A parameter, passed as itself where a path or a pointer is wanted; `value` is its argument.
    Param {
        /// Position of the parameter.
        index: u8,
        /// The argument, if known.
        value: Option<i128>,
    },
}

impl Operand {
    /// The number behind the operand.
    pub fn value(self) -> Option<i128> {
        match self {
            Self::Value(value) => Some(value),
            Self::Param { value, .. } => value,
        }
    }
}

/// What can be seen of one call and of the world around it. `None` is "unknown".
pub trait Observer {
    /// The argument of a parameter, converted to the parameter's C type.
    fn argument(&self, index: u8) -> Option<i128>;

    /// The result of the call.
    fn result(&self) -> Option<i128>;

    /// An integer in the caller's memory.
    fn load(&self, address: i128, size: u8, signed: bool, moment: Moment) -> Option<i128>;

    /// A function of the language. Functions of numbers alone are never asked for.
    fn call(&self, function: Function, operands: &[Operand], moment: Moment) -> Option<i128>;
}

/// Evaluates a condition that was resolved for a target.
pub fn truth<O: Observer + ?Sized>(expr: &Expr, observer: &O, moment: Moment) -> Truth {
    match evaluate(expr, observer, moment) {
        None => Truth::Unknown,
        Some(0) => Truth::False,
        Some(_) => Truth::True,
    }
}

/// Evaluates an expression that was resolved for a target; `None` is unknown. Conditions give 0 or 1.
pub fn evaluate<O: Observer + ?Sized>(expr: &Expr, observer: &O, moment: Moment) -> Option<i128> {
    value(expr, observer, moment)
}

/// The same without a call for what has no parts: that is most of what expressions consist of.
#[inline(always)]
fn value<O: Observer + ?Sized>(expr: &Expr, observer: &O, moment: Moment) -> Option<i128> {
    match expr {
        Expr::Int(number) => Some(*number),
        Expr::Bool(truth) => Some(i128::from(*truth)),
        Expr::Word(word) => Some(word.number()),
        Expr::Param(index) => observer.argument(*index),
        Expr::Ret => observer.result(),
        whole => composed(whole, observer, moment),
    }
}

fn composed<O: Observer + ?Sized>(expr: &Expr, observer: &O, moment: Moment) -> Option<i128> {
    match expr {
        Expr::Int(_) | Expr::Bool(_) | Expr::Word(_) | Expr::Param(_) | Expr::Ret => value(expr, observer, moment),
        Expr::Load { address, size, signed } => {
            observer.load(value(address, observer, moment)?, *size, *signed, moment)
        }
        Expr::Unary(op, inner) => {
            let inner = value(inner, observer, moment)?;
            Some(match op {
                UnaryOp::Not => i128::from(inner == 0),
                UnaryOp::Negate => inner.checked_neg()?,
                UnaryOp::Complement => !inner,
            })
        }
        Expr::Binary(op, left, right) => binary(*op, left, right, observer, moment),
        Expr::In(inner, list) => {
            let inner = value(inner, observer, moment)?;
            let mut all_known = true;
            for item in list {
                match value(item, observer, moment) {
                    Some(item) if item == inner => return Some(1),
                    Some(_) => {}
                    None => all_known = false,
                }
            }
            all_known.then_some(0)
        }
        Expr::Call(function, list) => call(*function, list, observer, moment),
        Expr::Old(inner) => value(inner, observer, Moment::Before),
        // These are gone once an expression is resolved for a target.
        Expr::Const(_) | Expr::Field(..) | Expr::Index(..) | Expr::Deref(_) | Expr::InSet(..) | Expr::Target(_) => None,
        Expr::Unknown(_) => None,
    }
}

fn binary<O: Observer + ?Sized>(op: BinaryOp, left: &Expr, right: &Expr, observer: &O, moment: Moment) -> Option<i128> {
    let a = value(left, observer, moment);
    match (op, a) {
        (BinaryOp::And, Some(0)) => return Some(0),
        (BinaryOp::Or, Some(1..)) | (BinaryOp::Implies, Some(0)) => return Some(1),
        _ => {}
    }
    let b = value(right, observer, moment);
    match op {
        BinaryOp::And => return kleene(a, b, 0),
        BinaryOp::Or => return kleene(a, b, 1),
        BinaryOp::Implies => return kleene(a.map(|a| i128::from(a == 0)), b, 1),
        _ => {}
    }
    let (a, b) = (a?, b?);
    Some(match op {
        BinaryOp::Eq => i128::from(a == b),
        BinaryOp::Ne => i128::from(a != b),
        BinaryOp::Lt => i128::from(a < b),
        BinaryOp::Le => i128::from(a <= b),
        BinaryOp::Gt => i128::from(a > b),
        BinaryOp::Ge => i128::from(a >= b),
        BinaryOp::BitOr => a | b,
        BinaryOp::BitXor => a ^ b,
        BinaryOp::BitAnd => a & b,
        BinaryOp::Shl => {
            let shift = u32::try_from(b).ok().filter(|shift| *shift < 64)?;
            a.checked_mul(1_i128 << shift)?
        }
        BinaryOp::Shr => a >> u32::try_from(b).ok().filter(|shift| *shift < 128)?,
        BinaryOp::Add => a.checked_add(b)?,
        BinaryOp::Sub => a.checked_sub(b)?,
        BinaryOp::Mul => a.checked_mul(b)?,
        BinaryOp::Div => a.checked_div(b)?,
        BinaryOp::Rem => a.checked_rem(b)?,
        BinaryOp::And | BinaryOp::Or | BinaryOp::Implies => return None,
    })
}

/// `&&` with `decisive` 0, `||` with `decisive` 1, in Kleene's logic.
fn kleene(a: Option<i128>, b: Option<i128>, decisive: i128) -> Option<i128> {
    let truth = |value: Option<i128>| value.map(|value| i128::from(value != 0));
    match (truth(a), truth(b)) {
        (Some(a), _) if a == decisive => Some(decisive),
        (_, Some(b)) if b == decisive => Some(decisive),
        (Some(_), Some(_)) => Some(1 - decisive),
        _ => None,
    }
}

fn call<O: Observer + ?Sized>(function: Function, list: &[Expr], observer: &O, moment: Moment) -> Option<i128> {
    let mut operands = [Operand::Value(0); 3];
    let used = operands.get_mut(..list.len())?;
    for (slot, expr) in used.iter_mut().zip(list) {
        *slot = match expr {
            Expr::Param(index) => Operand::Param { index: *index, value: observer.argument(*index) },
            other => Operand::Value(value(other, observer, moment)?),
        };
    }
    let number = |index: usize| used.get(index).and_then(|operand| operand.value());
    match function {
        Function::Min => Some(number(0)?.min(number(1)?)),
        Function::Max => Some(number(0)?.max(number(1)?)),
        Function::Aligned => Some(i128::from(number(0)?.checked_rem_euclid(number(1)?)? == 0)),
        Function::AlignUp => {
            let (value, step) = (number(0)?, number(1)?);
            let rest = value.checked_rem_euclid(step)?;
            if rest == 0 { Some(value) } else { value.checked_add(step.checked_sub(rest)?) }
        }
        // Only a target knows how long a word is.
        Function::Joined => None,
        Function::Bits => Some(i128::from(number(0)?.count_ones())),
        _ => observer.call(function, used, moment),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Blind;

    impl Observer for Blind {
        fn argument(&self, index: u8) -> Option<i128> {
            (index > 0).then_some(i128::from(index))
        }
        fn result(&self) -> Option<i128> {
            None
        }
        fn load(&self, _: i128, _: u8, _: bool, _: Moment) -> Option<i128> {
            None
        }
        fn call(&self, _: Function, _: &[Operand], _: Moment) -> Option<i128> {
            None
        }
    }

    fn of(op: BinaryOp, a: Expr, b: Expr) -> Option<i128> {
        evaluate(&Expr::Binary(op, Box::new(a), Box::new(b)), &Blind, Moment::Before)
    }

    #[test]
    fn unknown_follows_kleene() {
        let unknown = || Expr::Ret;
        let (yes, no) = (|| Expr::Bool(true), || Expr::Bool(false));
        assert_eq!(of(BinaryOp::And, no(), unknown()), Some(0));
        assert_eq!(of(BinaryOp::And, unknown(), no()), Some(0));
        assert_eq!(of(BinaryOp::And, yes(), unknown()), None);
        assert_eq!(of(BinaryOp::Or, unknown(), yes()), Some(1));
        assert_eq!(of(BinaryOp::Or, no(), unknown()), None);
        assert_eq!(of(BinaryOp::Implies, unknown(), yes()), Some(1));
        assert_eq!(of(BinaryOp::Implies, no(), unknown()), Some(1));
        assert_eq!(of(BinaryOp::Implies, yes(), unknown()), None);
    }

    #[test]
    fn arithmetic_never_wraps_and_never_fails() {
        let (max, one) = (Expr::Int(i128::from(u64::MAX)), || Expr::Int(1));
        assert_eq!(of(BinaryOp::Add, max, one()), Some(1 << 64));
        assert_eq!(of(BinaryOp::Add, Expr::Int(i128::MAX), one()), None);
        assert_eq!(of(BinaryOp::Div, one(), Expr::Int(0)), None);
        assert_eq!(of(BinaryOp::Shl, one(), Expr::Int(200)), None);
        assert_eq!(of(BinaryOp::Shr, one(), Expr::Int(-1)), None);
    }
}
