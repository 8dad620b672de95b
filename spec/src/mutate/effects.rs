//! What success changes.

use super::expression::{Direction, Variation, negated, toggled, values, variations};
use super::granule::smaller;
use super::{Making, Part, Shows};
use crate::expr::{Expr, print};
use crate::model::{Contract, Effect};
use crate::resolve::{effect_name, for_each_expr};
use crate::target::ClauseKind;

pub(super) fn mutants(making: &mut Making<'_>, part: Part, contract: &Contract) {
    let names = making.call.param_names();
    for (index, rule) in contract.effects.iter().enumerate() {
        let name = effect_name(&rule.effect);
        let clause = Some((ClauseKind::Effect, name.to_owned()));
        let mut subject = making.subject(part, &format!("effects.{index}.{name}"), rule.at, rule.span, clause);
        if matches!(rule.effect, Effect::Changes { .. }) {
            subject.shows = Shows::Nobody("what changes is nothing that the tools model");
        }
        making.add_to_contract(part, &subject, "removed", format!("effect {name}: removed"), move |contract| {
            if index < contract.effects.len() {
                contract.effects.remove(index);
            }
        });
        if let Some(when) = &rule.when {
            let mut list = vec![(negated(&when.value), "negated".to_owned(), Expr::Bool(true))];
            // Who may write more often is contradicted by nobody who writes.
            let narrower = |found: &Variation| !is_written(&rule.effect) || found.direction != Direction::Wider;
            let variations = variations(&when.value, &names).into_iter().filter(narrower);
            list.extend(variations.map(|found| (found.expr, found.change, found.difference)));
            for (number, (expr, change, difference)) in list.into_iter().enumerate() {
                let change = format!("effect {name}, when `{}`: {change}", print(&when.value, &names));
                making.add_to_contract(part, &subject, &format!("when.{number}"), change, move |contract| {
                    if let Some(when) = contract.effects.get_mut(index).and_then(|rule| rule.when.as_mut()) {
                        when.value = expr.clone();
                    }
                });
                making.differs(part, move |contract| {
                    if let Some(when) = contract.effects.get_mut(index).and_then(|rule| rule.when.as_mut()) {
                        when.value = difference.clone();
                    }
                });
            }
        }
        keys(making, part, index, &rule.effect, &subject, name);
    }
}

/// Every expression of an effect, changed.
fn keys(making: &mut Making<'_>, part: Part, index: usize, effect: &Effect, subject: &super::Subject, name: &str) {
    let names = making.call.param_names();
    let mut list = Vec::new();
    for_each_expr(&mut effect.clone(), &mut |expr| list.push(expr.clone()));
    for (position, value) in list.iter().enumerate() {
        // Memory and names have no successor that a call could tell from them.
        let is_pointer =
            matches!(value, Expr::Param(param) if making.call.params[usize::from(*param)].ty.value.pointer().is_some());
        if is_pointer {
            continue;
        }
        for (number, variation) in values_of(effect, value, &names).into_iter().enumerate() {
            let change = format!("effect {name}, `{}`: {}", print(value, &names), variation.change);
            making.add_to_contract(part, subject, &format!("value.{position}.{number}"), change, move |contract| {
                let Some(rule) = contract.effects.get_mut(index) else { return };
                let mut at = 0;
                for_each_expr(&mut rule.effect, &mut |expr| {
                    if at == position {
                        *expr = variation.expr.clone();
                    }
                    at += 1;
                });
            });
        }
    }
}

fn is_written(effect: &Effect) -> bool {
    matches!(effect, Effect::Writes { .. })
}

/// Other values for a key. Of what may be written, one byte less: more of it permits more. Status flags and access modes have bits that count and bits that do not.
fn values_of(effect: &Effect, value: &Expr, names: &[&str]) -> Vec<Variation> {
    let mut list = values(value, names);
    if is_written(effect) {
        list.truncate(1);
        list[0].change = format!("`{}` becomes one less", print(value, names));
        list[0].expr = smaller(value, value);
    } else if let Effect::Opens { access, flags, .. } = effect {
        if flags.as_ref() == Some(value) {
            list[0] = toggled(value, "O_NONBLOCK", names);
        } else if access.as_ref() == Some(value) {
            list.truncate(1);
        }
    }
    list
}
