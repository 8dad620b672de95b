//! Expressions for a target: constants become numbers, fields become loads.

use super::{shape, size_of};
use crate::arch::DataModel;
use crate::expr::{BinaryOp, Expr, Function, TargetQuestion, UnaryOp};
use crate::model::Spec;
use crate::target::Resolved;
use crate::types::Type;
use std::collections::BTreeMap;

/// Where an expression is resolved: the target, and the parameters that it may name.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) spec: &'a Spec,
    pub(super) resolved: &'a Resolved,
    pub(super) params: &'a [Type],
}

impl Context<'_> {
    /// Resolves an expression.
    pub(super) fn expr(&self, expr: &Expr) -> Expr {
        fold(self.rewrite(expr))
    }

    fn rewrite(&self, expr: &Expr) -> Expr {
        let inner = |expr: &Expr| Box::new(self.rewrite(expr));
        match expr {
            Expr::Const(name) => match self.resolved.constants.get(name) {
                Some(value) => Expr::Int(*value),
                None => Expr::Unknown(format!("{name} has no value on this target")),
            },
            Expr::Field(..) | Expr::Index(..) | Expr::Deref(_) => self.load(expr),
            Expr::Unary(op, a) => Expr::Unary(*op, inner(a)),
            Expr::Binary(op, a, b) => Expr::Binary(*op, inner(a), inner(b)),
            Expr::In(a, list) => Expr::In(inner(a), list.iter().map(|item| self.rewrite(item)).collect()),
            Expr::InSet(a, set) => self.membership(self.rewrite(a), set),
            Expr::Call(Function::Joined, list) => self.joined(list),
            Expr::Call(function, list) => Expr::Call(*function, list.iter().map(|item| self.rewrite(item)).collect()),
            Expr::Target(question) => self.answer(question),
            Expr::Old(a) => Expr::Old(inner(a)),
            Expr::Load { address, size, signed } => {
                Expr::Load { address: inner(address), size: *size, signed: *signed }
            }
            Expr::Int(_) | Expr::Bool(_) | Expr::Word(_) | Expr::Param(_) | Expr::Ret | Expr::Unknown(_) => {
                expr.clone()
            }
        }
    }

    /// A number of 64 bits whose lower half alone has room in a word of 64 bits.
    fn joined(&self, halves: &[Expr]) -> Expr {
        let [low, high] = halves else { return Expr::Unknown("two halves are joined".to_owned()) };
        let (low, high) = (self.rewrite(low), Box::new(self.rewrite(high)));
        match self.resolved.target.arch.data_model() {
            DataModel::Lp64 => low,
            DataModel::Ilp32 => {
                let high = Expr::Binary(BinaryOp::Shl, high, Box::new(Expr::Int(32)));
                Expr::Binary(BinaryOp::BitOr, Box::new(high), Box::new(low))
            }
        }
    }

    fn membership(&self, value: Expr, set: &str) -> Expr {
        let Some(set) = self.resolved.sets.get(set) else { return Expr::Unknown(format!("no set {set}")) };
        if set.exclusive {
            Expr::In(Box::new(value), set.members.iter().map(|member| Expr::Int(member.value)).collect())
        } else {
            let strange = Expr::Binary(BinaryOp::BitAnd, Box::new(value), Box::new(Expr::Int(!set.known)));
            Expr::Binary(BinaryOp::Eq, Box::new(strange), Box::new(Expr::Int(0)))
        }
    }

    fn answer(&self, question: &TargetQuestion) -> Expr {
        let target = &self.resolved.target;
        match question {
            TargetQuestion::Known(set) => Expr::Int(self.resolved.sets.get(set).map_or(0, |set| set.known)),
            TargetQuestion::Config(option) => match &target.config {
                Some(config) => Expr::Bool(config.contains(option)),
                None => Expr::Unknown("no kernel configuration at hand".to_owned()),
            },
            TargetQuestion::Kernel(release) => Expr::Bool(target.release.base() >= release.base()),
            TargetQuestion::Compat => Expr::Bool(target.caller != target.arch),
            TargetQuestion::Arch(arch) => Expr::Bool(target.arch == *arch),
        }
    }

    /// A field, element or dereference as a load from memory.
    fn load(&self, expr: &Expr) -> Expr {
        match self.place(expr) {
            Some((address, ty)) => {
                let shape = shape(self.spec, &ty, self.resolved.target.arch.data_model());
                match u8::try_from(shape.size) {
                    Ok(size @ (1 | 2 | 4 | 8)) => Expr::Load { address: Box::new(address), size, signed: shape.signed },
                    // A whole struct or array stands for its address.
                    _ => address,
                }
            }
            None => Expr::Unknown("what it points to is not stated".to_owned()),
        }
    }

    /// The address and type of what an expression designates.
    fn place(&self, expr: &Expr) -> Option<(Expr, Type)> {
        let model = self.resolved.target.arch.data_model();
        match expr {
            Expr::Field(inner, field) => {
                let (base, ty) = self.object(inner)?;
                let (Type::Struct(name) | Type::Union(name) | Type::Extensible { name, .. }) = &ty else { return None };
                let found =
                    self.spec.structs.get(name)?.fields.iter().find(|candidate| candidate.name.value == *field)?;
                Some((plus(base, Expr::Int(found.offset.on(model).into())), found.ty.value.clone()))
            }
            Expr::Index(inner, index) => {
                let (base, ty) = self.object(inner)?;
                let element = match ty {
                    Type::Array { of, .. } => *of,
                    other => other,
                };
                let size = size_of(self.spec, &element, model)?;
                let index = Box::new(self.rewrite(index));
                let offset = Expr::Binary(BinaryOp::Mul, index, Box::new(Expr::Int(size.into())));
                Some((plus(base, offset), element))
            }
            Expr::Deref(inner) => self.object(inner),
            _ => None,
        }
    }

    /// What a pointer-valued or aggregate expression leads to: its address and type.
    fn object(&self, expr: &Expr) -> Option<(Expr, Type)> {
        if let Expr::Param(index) = expr {
            let byte = Type::Int { int: crate::types::IntType::Fixed { bits: 8, signed: false }, range: None };
            let to = match self.params.get(usize::from(*index))? {
                Type::Ptr { to, .. } => (**to).clone(),
                Type::Buffer { .. } | Type::Text { .. } | Type::Path { .. } => byte,
                _ => return None,
            };
            return Some((expr.clone(), to));
        }
        let (address, ty) = self.place(expr)?;
        match ty {
            Type::Ptr { to, .. } => {
                let word = u8::try_from(self.resolved.target.arch.data_model().word()).ok()?;
                Some((Expr::Load { address: Box::new(address), size: word, signed: false }, *to))
            }
            aggregate => Some((address, aggregate)),
        }
    }
}

fn plus(base: Expr, offset: Expr) -> Expr {
    fold(Expr::Binary(BinaryOp::Add, Box::new(base), Box::new(offset)))
}

/// Replaces named constants by their values; `None` where one has none, or where more than constants is involved.
pub(super) fn name_values(expr: &Expr, values: &BTreeMap<String, i128>) -> Option<Expr> {
    Some(match expr {
        Expr::Int(_) => expr.clone(),
        Expr::Const(name) => Expr::Int(*values.get(name)?),
        Expr::Unary(op, a) => Expr::Unary(*op, Box::new(name_values(a, values)?)),
        Expr::Binary(op, a, b) => {
            Expr::Binary(*op, Box::new(name_values(a, values)?), Box::new(name_values(b, values)?))
        }
        _ => return None,
    })
}

/// Computes what is constant, bottom up, so that evaluation meets as few nodes as possible.
pub(super) fn fold(expr: Expr) -> Expr {
    match expr {
        Expr::Unary(op, inner) => match (op, fold(*inner)) {
            (UnaryOp::Not, Expr::Bool(truth)) => Expr::Bool(!truth),
            (UnaryOp::Negate, Expr::Int(value)) if value != i128::MIN => Expr::Int(-value),
            (UnaryOp::Complement, Expr::Int(value)) => Expr::Int(!value),
            (op, inner) => Expr::Unary(op, Box::new(inner)),
        },
        Expr::Binary(op, left, right) => binary(op, fold(*left), fold(*right)),
        Expr::In(inner, list) => Expr::In(Box::new(fold(*inner)), list.into_iter().map(fold).collect()),
        Expr::Call(function, list) => call(function, list.into_iter().map(fold).collect()),
        Expr::Old(inner) => match fold(*inner) {
            constant @ (Expr::Int(_) | Expr::Bool(_) | Expr::Word(_)) => constant,
            inner => Expr::Old(Box::new(inner)),
        },
        Expr::Load { address, size, signed } => Expr::Load { address: Box::new(fold(*address)), size, signed },
        other => other,
    }
}

fn call(function: Function, list: Vec<Expr>) -> Expr {
    match (function, &list[..]) {
        (Function::Min, [Expr::Int(a), Expr::Int(b)]) => Expr::Int(*a.min(b)),
        (Function::Max, [Expr::Int(a), Expr::Int(b)]) => Expr::Int(*a.max(b)),
        _ => Expr::Call(function, list),
    }
}

fn binary(op: BinaryOp, left: Expr, right: Expr) -> Expr {
    match (op, &left, &right) {
        (BinaryOp::And, Expr::Bool(false), _) | (BinaryOp::And, _, Expr::Bool(false)) => return Expr::Bool(false),
        (BinaryOp::Or, Expr::Bool(true), _) | (BinaryOp::Or, _, Expr::Bool(true)) => return Expr::Bool(true),
        (BinaryOp::Implies, Expr::Bool(false), _) | (BinaryOp::Implies, _, Expr::Bool(true)) => {
            return Expr::Bool(true);
        }
        (BinaryOp::And, Expr::Bool(true), _) | (BinaryOp::Or, Expr::Bool(false), _) => return right,
        (BinaryOp::And, _, Expr::Bool(true)) | (BinaryOp::Or, _, Expr::Bool(false)) => return left,
        (BinaryOp::Implies, Expr::Bool(true), _) => return right,
        (BinaryOp::Add, _, Expr::Int(0)) => return left,
        _ => {}
    }
    if let (Expr::Int(a), Expr::Int(b)) = (&left, &right)
        && let Some(value) = arithmetic(op, *a, *b)
    {
        return value;
    }
    Expr::Binary(op, Box::new(left), Box::new(right))
}

fn arithmetic(op: BinaryOp, a: i128, b: i128) -> Option<Expr> {
    let shift = || u32::try_from(b).ok().filter(|shift| *shift < 64);
    let number = match op {
        BinaryOp::Eq => return Some(Expr::Bool(a == b)),
        BinaryOp::Ne => return Some(Expr::Bool(a != b)),
        BinaryOp::Lt => return Some(Expr::Bool(a < b)),
        BinaryOp::Le => return Some(Expr::Bool(a <= b)),
        BinaryOp::Gt => return Some(Expr::Bool(a > b)),
        BinaryOp::Ge => return Some(Expr::Bool(a >= b)),
        BinaryOp::BitOr => a | b,
        BinaryOp::BitXor => a ^ b,
        BinaryOp::BitAnd => a & b,
        BinaryOp::Shl => a.checked_mul(1 << shift()?)?,
        BinaryOp::Shr => a >> shift()?,
        BinaryOp::Add => a.checked_add(b)?,
        BinaryOp::Sub => a.checked_sub(b)?,
        BinaryOp::Mul => a.checked_mul(b)?,
        BinaryOp::Div => a.checked_div(b)?,
        BinaryOp::Rem => a.checked_rem(b)?,
        BinaryOp::And | BinaryOp::Or | BinaryOp::Implies => return None,
    };
    Some(Expr::Int(number))
}
