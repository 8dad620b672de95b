//! The value of a constant expression.

use super::ast::{Expr, Step, TypeName};
use super::machine::Machine;
use super::symbol::{Sym, sym};
use super::value::{IntKind, Value, binary};
use std::fmt;

/// Why an expression has no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// It is no integer constant at all.
    NotConstant(&'static str),
    /// It uses a name that nothing defines: a constant, or a macro with parameters.
    Unknown,
    /// It would be one, but something is missing or wrong.
    Failed(String),
}

impl Stop {
    /// Whether the expression may have a value where more is defined.
    pub(crate) const fn may_end(&self) -> bool {
        matches!(self, Self::Unknown | Self::Failed(_))
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotConstant(what) => write!(f, "{what} is no integer constant"),
            Self::Unknown => f.write_str("a name is no integer constant"),
            Self::Failed(reason) => f.write_str(reason),
        }
    }
}

/// What the evaluation asks about names and types.
pub(crate) trait Lookup {
    /// The value of an identifier.
    fn name(&self, name: Sym) -> Option<Value>;

    /// A number as it is written.
    fn number(&self, value: Value, _machine: &Machine) -> Value {
        value
    }

    /// The integer type that a cast goes to; `None` for others.
    fn integer_type(&self, _ty: &TypeName) -> Result<Option<IntKind>, Stop> {
        Err(Stop::NotConstant("a cast"))
    }

    /// Bytes of a type.
    fn size_of(&self, _ty: &TypeName) -> Result<u64, Stop> {
        Err(Stop::NotConstant("sizeof"))
    }

    /// Bytes of a value.
    fn size_of_value(&self, _value: &Expr) -> Result<u64, Stop> {
        Err(Stop::NotConstant("sizeof"))
    }

    /// Alignment of a type.
    fn align_of(&self, _ty: &TypeName) -> Result<u64, Stop> {
        Err(Stop::NotConstant("_Alignof"))
    }

    /// Bytes before a member.
    fn offset_of(&self, _ty: &TypeName, _steps: &[Step]) -> Result<u64, Stop> {
        Err(Stop::NotConstant("offsetof"))
    }

    /// The number that an address is, where it is built from a number: `&((struct s *)0)->m`.
    fn address(&self, _place: &Expr) -> Result<u64, Stop> {
        Err(Stop::NotConstant("an address"))
    }
}

/// Computes an expression.
pub(crate) fn evaluate(expr: &Expr, lookup: &dyn Lookup, machine: &Machine) -> Result<Value, Stop> {
    let size = |bytes: u64| Value::new(i128::from(bytes), IntKind::ULong, machine);
    // On ports with 32-bit words size_t is unsigned int.
    let size = |bytes| if machine.word == 8 { size(bytes) } else { size(bytes).to(IntKind::UInt, machine) };
    let value = |expr: &Expr| evaluate(expr, lookup, machine);
    match expr {
        Expr::Number(number) => Ok(lookup.number(*number, machine)),
        Expr::Name(name) => lookup.name(*name).ok_or(Stop::Unknown),
        Expr::Unary(op, operand) => unary(*op, operand, lookup, machine),
        Expr::Binary(sym::AND_AND, left, right) => {
            Ok(Value::truth(value(left)?.number != 0 && value(right)?.number != 0))
        }
        Expr::Binary(sym::OR_OR, left, right) => {
            Ok(Value::truth(value(left)?.number != 0 || value(right)?.number != 0))
        }
        Expr::Binary(op, left, right) => {
            binary(*op, value(left)?, value(right)?, machine).map_err(|reason| Stop::Failed(reason.to_owned()))
        }
        Expr::Choice(condition, yes, no) => {
            let (taken, other) = if value(condition)?.number != 0 { (yes, no) } else { (no, yes) };
            let taken = value(taken)?;
            // The type is that of both operands, whichever is taken.
            let kind = value(other).map_or(taken.kind.promoted(), |other| taken.kind.common(other.kind, machine));
            Ok(taken.to(kind, machine))
        }
        Expr::Cast(ty, operand) => {
            let kind = lookup.integer_type(ty)?.ok_or(Stop::NotConstant("a cast to a type that is no integer"))?;
            Ok(value(operand)?.to(kind, machine))
        }
        Expr::SizeofType(ty) => lookup.size_of(ty).map(size),
        Expr::Sizeof(operand) => lookup.size_of_value(operand).map(size),
        Expr::AlignofType(ty) => lookup.align_of(ty).map(size),
        Expr::Offsetof(ty, steps) => lookup.offset_of(ty, steps).map(size),
        Expr::Member { .. } => Err(Stop::NotConstant("a member")),
        Expr::Element(..) => Err(Stop::NotConstant("an element")),
        Expr::Text(_) => Err(Stop::NotConstant("a string")),
        Expr::Call(function, arguments) => call(*function, arguments, lookup, machine),
        Expr::Opaque(what) => Err(Stop::NotConstant(what)),
    }
}

fn unary(op: Sym, operand: &Expr, lookup: &dyn Lookup, machine: &Machine) -> Result<Value, Stop> {
    if op == sym::AMP {
        return lookup.address(operand).map(|bytes| Value::new(i128::from(bytes), IntKind::ULong, machine));
    }
    let value = evaluate(operand, lookup, machine)?;
    if op == sym::BANG {
        return Ok(Value::truth(value.number == 0));
    }
    let kind = value.kind.promoted();
    let number = match op {
        sym::PLUS => value.number,
        sym::MINUS => value.number.wrapping_neg(),
        sym::TILDE => !value.number,
        _ => return Err(Stop::NotConstant("a value behind a pointer")),
    };
    Ok(Value::new(number, kind, machine))
}

/// The compiler's own functions, which headers use for byte order.
fn call(function: Sym, arguments: &[Expr], lookup: &dyn Lookup, machine: &Machine) -> Result<Value, Stop> {
    // A macro that is defined elsewhere looks like a function.
    let [argument] = arguments else { return Err(Stop::Unknown) };
    let argument = evaluate(argument, lookup, machine);
    let (bits, kind) = match function {
        sym::CONSTANT_P => return Ok(Value::truth(argument.is_ok())),
        sym::BSWAP16 => (16, IntKind::UShort),
        sym::BSWAP32 => (32, IntKind::UInt),
        sym::BSWAP64 => (64, if machine.word == 8 { IntKind::ULong } else { IntKind::ULongLong }),
        _ => return Err(Stop::Unknown),
    };
    let number = argument?.to(kind, machine).number as u64;
    Ok(Value::new(i128::from(number.swap_bytes() >> (64 - bits)), kind, machine))
}
