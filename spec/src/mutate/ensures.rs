//! Conditions after success.

use super::expression::{Direction, conjuncts, negated, variations, with_conjunct};
use super::{Making, Part};
use crate::expr::{BinaryOp, Expr, print};
use crate::model::Contract;
use crate::target::ClauseKind;

pub(super) fn mutants(making: &mut Making<'_>, part: Part, contract: &Contract) {
    let names = making.call.param_names();
    for (index, ensure) in contract.ensures.iter().enumerate() {
        let text = print(&ensure.that.value, &names);
        let clause = Some((ClauseKind::Ensures, text.clone()));
        let subject = making.subject(part, &format!("ensures.{index}"), ensure.that.at, ensure.span, clause);
        for (number, (expr, change)) in negations(&ensure.that.value, &names).into_iter().enumerate() {
            let (id, change) = (format!("negated.{number}"), format!("ensures `{text}`: {change}"));
            making.add_to_contract(part, &subject, &id, change, move |contract| {
                if let Some(ensure) = contract.ensures.get_mut(index) {
                    ensure.that.value = expr.clone();
                }
            });
        }
        for (number, variation) in variations(&ensure.that.value, &names).into_iter().enumerate() {
            if variation.direction == Direction::Wider {
                continue;
            }
            let (id, change) = (format!("condition.{number}"), format!("ensures `{text}`: {}", variation.change));
            making.add_to_contract(part, &subject, &id, change, move |contract| {
                if let Some(ensure) = contract.ensures.get_mut(index) {
                    ensure.that.value = variation.expr.clone();
                }
            });
            making.differs(part, move |contract| {
                if let Some(ensure) = contract.ensures.get_mut(index) {
                    ensure.that.value = variation.difference.clone();
                }
            });
        }
    }
}

/// Each conjunct of what is promised, negated. Where an implication says nothing, its negation must say nothing either.
fn negations(that: &Expr, names: &[&str]) -> Vec<(Expr, String)> {
    if let Expr::Binary(BinaryOp::Implies, when, then) = that {
        let wrap = |then| Expr::Binary(BinaryOp::Implies, when.clone(), Box::new(then));
        return negations(then, names).into_iter().map(|(expr, change)| (wrap(expr), change)).collect();
    }
    let parts = conjuncts(that);
    let negate = |(index, part): (usize, &&Expr)| {
        (with_conjunct(that, index, negated(part)), format!("`{}` negated", print(part, names)))
    };
    parts.iter().enumerate().map(negate).collect()
}
