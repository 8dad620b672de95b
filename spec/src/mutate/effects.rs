//! What success changes.

use super::expression::{Direction, Variation, negated, toggled, values, variations};
use super::granule::smaller;
use super::{Making, Part, Shows};
use crate::errno::Errno;
use crate::expr::{BinaryOp, Expr, points_somewhere, print};
use crate::model::{Contract, Effect, EffectRule};
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
        let permits = Permits::of(rule);
        if permits != Permits::Less && permits != Permits::Same {
            making.add_to_contract(part, &subject, "removed", format!("effect {name}: removed"), move |contract| {
                if index < contract.effects.len() {
                    contract.effects.remove(index);
                }
            });
        }
        if let Some(when) = rule.when.as_ref().filter(|_| permits != Permits::Same) {
            let mut list = Vec::new();
            if permits != Permits::Less {
                list.push((negated(&when.value), "negated".to_owned(), Expr::Bool(true)));
            }
            // Who may write more is contradicted by nobody who writes.
            let narrower = |found: &Variation| match permits {
                Permits::More => found.direction != Direction::Wider,
                Permits::Less => found.direction != Direction::Narrower,
                Permits::Same | Permits::Otherwise => true,
            };
            let variations = variations(&when.value, &names).into_iter().filter(narrower);
            list.extend(variations.map(|found| (found.expr, found.change, found.difference)));
            for (number, (expr, change, difference)) in list.into_iter().enumerate() {
                let change = format!("effect {name}, when `{}`: {change}", print(&when.value, &names));
                making.add_to_contract(part, &subject, &format!("when.{number}"), change, move |contract| {
                    if let Some(when) = contract.effects.get_mut(index).and_then(|rule| rule.when.as_mut()) {
                        when.value = expr.clone();
                    }
                });
                let difference = match &rule.effect {
                    // Nothing lies where nothing points.
                    Effect::Writes { to, .. } => {
                        let there = Box::new(points_somewhere(to.clone()));
                        Expr::Binary(BinaryOp::And, there, Box::new(difference))
                    }
                    _ => difference,
                };
                making.differs(part, move |contract| {
                    if let Some(when) = contract.effects.get_mut(index).and_then(|rule| rule.when.as_mut()) {
                        when.value = difference.clone();
                    }
                });
            }
        }
        if !fails(rule) {
            keys(making, part, index, &rule.effect, &subject, name);
        }
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

/// Whether an effect is about calls that fail alone.
fn fails(rule: &EffectRule) -> bool {
    let negative = Expr::Binary(BinaryOp::Lt, Box::new(Expr::Ret), Box::new(Expr::Int(0)));
    rule.when.as_ref().is_some_and(|when| when.value.joined(BinaryOp::And).contains(&&negative))
}

/// What may be written where an effect holds, beside where it does not; of a call that failed, what may have changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Permits {
    /// It says nothing of that.
    Otherwise,
    /// What a call that failed otherwise leaves alone.
    More,
    /// The first bytes of it alone.
    Less,
    /// The same: on EFAULT anything may have been written.
    Same,
}

impl Permits {
    fn of(rule: &EffectRule) -> Self {
        let faults = |errno: &Errno| errno.name() == "EFAULT";
        match &rule.effect {
            // What may have happened when a call failed is not known any more.
            _ if fails(rule) => Self::More,
            Effect::Writes { .. } if !rule.on.iter().all(faults) => Self::More,
            Effect::Writes { bytes: Some(_), .. } => Self::Less,
            Effect::Writes { bytes: None, .. } => Self::Same,
            _ => Self::Otherwise,
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
