//! One law for a target.

use super::expr::Context;
use super::{implied, resource_int, size_of};
use crate::expr::Expr;
use crate::law::resolved::{Literal, Part, ResolvedArg, ResolvedForm, ResolvedLaw, ResolvedLine};
use crate::law::{Form, Law, LawArg, Line};
use crate::model::Spec;
use crate::target::{Clause, ClauseId, ClauseKind, Memory, PathKeys, Resolved, ResolvedParam};
use crate::types::{Count, IntType, Type};

/// Resolves a law; `None` where the target lacks one of its calls or commands.
pub(super) fn resolve(spec: &Spec, law: &Law, resolved: &mut Resolved) -> Option<ResolvedLaw> {
    let types: Vec<Type> = law.variables.iter().map(|variable| variable.ty.value.clone()).collect();
    let making = Making { spec, resolved, types: &types };
    let form = match &law.form {
        Form::Same { left, right } => ResolvedForm::Same { left: making.line(left)?, right: making.line(right)? },
        Form::Relation { given, calls, that } => ResolvedForm::Relation {
            given: usize::from(*given),
            calls: calls.iter().map(|line| making.line(line)).collect::<Option<_>>()?,
            that: making.expr(&that.value),
            said: that.value.clone(),
        },
    };
    let when = law.when.as_ref().map(|when| making.expr(&when.value));
    let variables = law.names().iter().zip(&types).map(|(name, ty)| making.variable(name, ty)).collect();
    let clause = ClauseId(u32::try_from(resolved.clauses.len()).ok()?);
    resolved.clauses.push(Clause {
        syscall: law.name.value.clone(),
        command: None,
        kind: ClauseKind::Law,
        errno: None,
        text: law.says(),
        at: law.name.at,
        implied: false,
    });
    let names = law.names().into_iter().map(str::to_owned).collect();
    Some(ResolvedLaw { name: law.name.value.clone(), clause, names, variables, when, form })
}

struct Making<'a> {
    spec: &'a Spec,
    resolved: &'a Resolved,
    types: &'a [Type],
}

impl Making<'_> {
    fn expr(&self, expr: &Expr) -> Expr {
        Context { spec: self.spec, resolved: self.resolved, params: self.types }.expr(expr)
    }

    fn line(&self, line: &Line) -> Option<ResolvedLine> {
        let call = self.resolved.calls.iter().position(|call| call.name == line.call)?;
        let args: Vec<ResolvedArg> = line.args.iter().map(|arg| self.arg(arg)).collect::<Option<_>>()?;
        let found = &self.resolved.calls[call];
        let mut variant = found.variants.len() - 1;
        if let Some(select) = found.select
            && let Some(LawArg::Value(Expr::Const(word))) = line.args.get(usize::from(select))
        {
            // A command that the release lacks is a law that it cannot keep.
            variant = found.variants.iter().position(|variant| variant.command.as_ref() == Some(word))?;
        }
        Some(ResolvedLine { call, variant, result: line.result, args, may_fail: line.may_fail })
    }

    fn arg(&self, arg: &LawArg) -> Option<ResolvedArg> {
        Some(match arg {
            LawArg::Variable(index) => ResolvedArg::Variable(*index),
            LawArg::Value(expr) => ResolvedArg::Value(self.expr(expr)),
            LawArg::Text(text) => ResolvedArg::Text(text.clone()),
            LawArg::Struct { name, fields } => {
                let mut parts = Vec::new();
                let size = self.literal(name, fields, 0, &mut parts)?;
                ResolvedArg::Struct(Literal { size, fields: parts })
            }
            LawArg::Numbers { int, values } => {
                let size = int.bytes(self.resolved.target.arch.data_model().word());
                let part =
                    |(index, value)| Some(Part { offset: size.checked_mul(index)?, size, value: self.arg(value)? });
                let fields = (0..).zip(values).map(part).collect::<Option<Vec<_>>>()?;
                ResolvedArg::Struct(Literal { size: size.checked_mul(u32::try_from(values.len()).ok()?)?, fields })
            }
            LawArg::Element { variable, index } => {
                let Type::Ptr { to, .. } = self.types.get(usize::from(*variable))? else { return None };
                let Type::Array { of, .. } = &**to else { return None };
                let size = size_of(self.spec, of, self.resolved.target.arch.data_model())?;
                ResolvedArg::Element { variable: *variable, offset: size.checked_mul(*index)? }
            }
        })
    }

    /// Lays out a struct whose first byte is at `base`; gives its size.
    fn literal(&self, name: &str, fields: &[(u16, LawArg)], base: u32, parts: &mut Vec<Part>) -> Option<u32> {
        let model = self.resolved.target.arch.data_model();
        let found = self.spec.structs.get(name)?;
        for (index, arg) in fields {
            let field = found.fields.get(usize::from(*index))?;
            let offset = base + field.offset.on(model);
            if let (Type::Struct(_), LawArg::Struct { name, fields }) = (&field.ty.value, arg) {
                self.literal(name, fields, offset, parts)?;
                continue;
            }
            let size = size_of(self.spec, &field.ty.value, model)?;
            parts.push(Part { offset, size, value: self.arg(arg)? });
        }
        Some(found.size.on(model))
    }

    /// A variable as generators see a parameter.
    fn variable(&self, name: &str, ty: &Type) -> ResolvedParam {
        let memory = ty.pointer().map(|(direction, nullable)| {
            let bytes = match ty {
                Type::Ptr { to, .. } => implied::bytes_behind(self.spec, self.resolved, to),
                Type::Buffer { count: Count::Number(n), .. } => Some(Expr::Int((*n).into())),
                Type::Buffer { count: Count::Param(index), .. } => Some(Expr::Param(*index)),
                _ => None,
            };
            Memory { direction, nullable, bytes: bytes.map(|bytes| self.expr(&bytes)), used: None }
        });
        let path = matches!(ty, Type::Path { .. }).then(|| PathKeys {
            base: None,
            follow: Expr::Bool(true),
            empty: Expr::Bool(false),
            must_exist: Expr::Unknown("the call that takes it decides".to_owned()),
            scoped: Expr::Bool(false),
        });
        let (int, ty) = (self.int(ty), self.ranged(ty));
        ResolvedParam {
            name: name.to_owned(),
            c: String::new(),
            int,
            ty,
            unknown: None,
            ignored_clause: None,
            memory,
            path,
            asks: Vec::new(),
        }
    }

    fn ranged(&self, ty: &Type) -> Type {
        match ty {
            Type::Int { int, range: Some(range) } => {
                Type::Int { int: *int, range: Some(Box::new((self.expr(&range.0), self.expr(&range.1)))) }
            }
            other => other.clone(),
        }
    }

    fn int(&self, ty: &Type) -> IntType {
        let narrow = |signed| IntType::Fixed { bits: 32, signed };
        match ty {
            Type::Int { int, .. } => *int,
            Type::Flags { width, .. } | Type::Enum { width, .. } => width.unwrap_or(narrow(true)),
            Type::Resource(name) => resource_int(self.spec, name).unwrap_or(narrow(true)),
            Type::Bool | Type::Signal => narrow(true),
            Type::Mode => IntType::Fixed { bits: 16, signed: false },
            Type::Offset => IntType::Fixed { bits: 64, signed: true },
            Type::Const(_) => IntType::Long { signed: true },
            _ => IntType::Long { signed: false },
        }
    }
}
