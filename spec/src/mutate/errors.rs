//! Error rules.

use super::expression::{Direction, negated, variations};
use super::{Making, Part};
use crate::errno::Errno;
use crate::expr::{Expr, print};
use crate::model::Contract;
use crate::target::ClauseKind;
use std::collections::BTreeMap;

/// What an errno becomes: the first of these that the call does not have.
const INSTEAD: [&str; 4] = ["EDOM", "ENOTTY", "EIO", "EINVAL"];

pub(super) fn mutants(making: &mut Making<'_>, part: Part, contract: &Contract) {
    let instead = INSTEAD
        .iter()
        .filter_map(|name| Errno::from_name(name))
        .find(|errno| contract.errors.iter().all(|rule| rule.errno.value != *errno));
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for (index, rule) in contract.errors.iter().enumerate() {
        let errno = rule.errno.value.name();
        let count = counts.entry(errno).or_default();
        let name = format!("{errno}.{count}");
        *count += 1;
        let text = print(&rule.condition.value, &making.names);
        let (kind, word) = if rule.duty { (ClauseKind::When, "when") } else { (ClauseKind::May, "may") };
        let subject = making.subject(part, &name, rule.errno.at, rule.span, Some((kind, text.clone())));
        let what = format!("{errno}, {word} `{text}`");
        making.add_to_contract(part, &subject, "removed", format!("{what}: removed"), move |contract| {
            if index < contract.errors.len() {
                contract.errors.remove(index);
            }
        });
        if let Some(instead) = instead {
            let change = format!("{what}: {} instead", instead.name());
            making.add_to_contract(part, &subject, "errno", change, move |contract| {
                if let Some(rule) = contract.errors.get_mut(index) {
                    rule.errno.value = instead;
                }
            });
        }
        let condition = &rule.condition.value;
        if matches!(condition, Expr::Bool(_)) {
            continue;
        }
        let mut change = |id: &str, change: String, condition: Expr| {
            making.add_to_contract(part, &subject, id, change, move |contract| {
                if let Some(rule) = contract.errors.get_mut(index) {
                    rule.condition.value = condition.clone();
                }
            });
        };
        change("negated", format!("{what}: negated"), negated(condition));
        let names = making.call.param_names();
        for (number, variation) in variations(condition, &names).into_iter().enumerate() {
            if rule.duty || variation.direction != Direction::Wider {
                making.add_to_contract(
                    part,
                    &subject,
                    &format!("condition.{number}"),
                    format!("{what}: {}", variation.change),
                    move |contract| {
                        if let Some(rule) = contract.errors.get_mut(index) {
                            rule.condition.value = variation.expr.clone();
                        }
                    },
                );
                making.differs(part, move |contract| {
                    if let Some(rule) = contract.errors.get_mut(index) {
                        rule.condition.value = variation.difference.clone();
                    }
                });
            }
        }
    }
}
