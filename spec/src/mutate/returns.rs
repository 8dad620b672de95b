//! The type of the result.

use super::{Making, Part};
use crate::expr::{BinaryOp, Expr};
use crate::model::Contract;
use crate::target::ClauseKind;
use crate::types::{Type, print};

pub(super) fn mutants(making: &mut Making<'_>, part: Part, contract: &Contract) {
    let Some(returns) = &contract.returns else { return };
    let text = print(&returns.value, &making.names);
    let clause = Some((ClauseKind::Returns, text.clone()));
    let subject = making.subject(part, "returns", returns.at, crate::version::Span::default(), clause);
    for (number, ty) in others(&returns.value).into_iter().enumerate() {
        let change = format!("returns {text}: {} instead", print(&ty, &making.names));
        making.add_to_contract(part, &subject, &number.to_string(), change, move |contract| {
            if let Some(returns) = &mut contract.returns {
                returns.value = ty.clone();
            }
        });
    }
}

fn others(ty: &Type) -> Vec<Type> {
    let more = |expr: &Expr, op| Expr::Binary(op, Box::new(expr.clone()), Box::new(Expr::Int(1)));
    match ty {
        Type::Zero => vec![Type::Const(1)],
        Type::Const(value) => vec![Type::Const(value + 1)],
        Type::Int { int, range: Some(range) } => {
            let (low, high) = &**range;
            let with = |low: Expr, high: Expr| Type::Int { int: *int, range: Some(Box::new((low, high))) };
            let mut list = vec![with(more(low, BinaryOp::Add), high.clone())];
            // Nothing ever returns the largest number that its type has, and a bound that only says so permits no less without it.
            if !matches!(high, Expr::Const(name) if name.ends_with("_MAX")) {
                list.push(with(low.clone(), more(high, BinaryOp::Sub)));
            }
            list
        }
        _ => vec![Type::Zero],
    }
}
