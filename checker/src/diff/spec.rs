//! Specifications as a side: what one promises for a port and a release.

use super::class::{rule_added, rule_removed};
use super::difference::{Comparison, Difference, Stated};
use crate::facts::{Claim, Constant, Fact, Facts, Field, Layout, Parameter, Prototype, Source, WitnessKind};
use abispec::model::Spec;
use abispec::place::Place;
use abispec::target::{ClauseKind, Resolved, Target};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The constants, layouts, numbers and parameters that a specification states for a target.
pub fn facts_of(spec: &Spec, witness: &str, target: &Target) -> Facts {
    let resolved = abispec::resolve(spec, target);
    let mut facts = Facts::new(WitnessKind::Spec, witness, target.arch);
    facts.release = Claim::Silent { reason: "a specification describes many releases".to_owned() };
    for (name, set) in &resolved.sets {
        let members = spec.sets.get(name).map(|set| set.members.as_slice()).unwrap_or_default();
        for member in &set.members {
            // Members of an included set are stated where they were written.
            let Some(at) = members.iter().find(|known| known.name.value == member.name) else { continue };
            let value = Constant { value: member.value, bits: 64, signed: member.value < 0 };
            facts.constants.entry(member.name.clone()).or_default().push(Fact::new(value, source(spec, at.name.at)));
        }
    }
    for (name, shape) in &resolved.structs {
        let Some(known) = spec.structs.get(name) else { continue };
        let fields = shape.fields.iter().map(|field| Field {
            name: field.name.clone(),
            offset_bits: u64::from(field.offset) * 8,
            size_bits: u64::from(field.shape.size) * 8,
            bitfield: false,
            c_type: abispec::types::print(&field.shape.ty, &[]),
        });
        let size = shape.versions.last().copied().unwrap_or(shape.size);
        let word = if known.union { "union" } else { "struct" };
        let layout = Layout {
            c_name: format!("{word} {name}"),
            union: known.union,
            size: u64::from(size),
            align: Some(u64::from(shape.align)),
            fields: fields.collect(),
        };
        facts.layouts.insert(name.clone(), vec![Fact::new(layout, source(spec, known.name.at))]);
    }
    for call in &resolved.calls {
        let Some(known) = spec.syscalls.get(&call.name) else { continue };
        let at = source(spec, known.name.at);
        let params = known
            .params
            .iter()
            .map(|param| Parameter { name: param.name.value.clone(), c_type: Ok(param.c.value.clone()) });
        facts.numbers.insert(call.name.clone(), Fact::new(call.nr, at.clone()));
        facts.prototypes.insert(call.name.clone(), Fact::new(Prototype { params: params.collect() }, at));
    }
    facts
}

fn source(spec: &Spec, at: Place) -> Source {
    let place = spec.place(at);
    Source::line(Arc::from(place.file), place.line, place.column)
}

/// A rule as text, and what it is about.
type Rule = (String, String);

/// Compares the rules that two specifications have for a target, or one has for two releases: errors, conditions after
/// success, effects, results. Only calls that both have are compared; others are differences by themselves.
pub fn compare_rules(old: (&Spec, &Target), new: (&Spec, &Target)) -> Comparison {
    let (was, is) = (abispec::resolve(old.0, old.1), abispec::resolve(new.0, new.1));
    let (olds, news) = (rules(old.0, &was, &is), rules(new.0, &is, &was));
    let mut found = Comparison::default();
    let common = olds.keys().filter(|rule| news.contains_key(*rule)).count();
    found.compared.insert("rules", common);
    for (rule, stated) in olds.iter().filter(|(rule, _)| !news.contains_key(*rule)) {
        found.differences.push(difference(&rule_removed::CLASS, rule, (Some(stated.clone()), None), new.1));
    }
    for (rule, stated) in news.iter().filter(|(rule, _)| !olds.contains_key(*rule)) {
        found.differences.push(difference(&rule_added::CLASS, rule, (None, Some(stated.clone())), new.1));
    }
    found.sorted()
}

fn difference(
    class: &'static super::class::Class,
    (subject, _): &Rule,
    (old, new): (Option<Stated>, Option<Stated>),
    target: &Target,
) -> Difference {
    let call = subject.split(' ').next().unwrap_or(subject);
    let ports = vec![target.arch];
    Difference { class, header: format!("syscalls/{call}.yaml"), subject: subject.clone(), old, new, note: None, ports }
}

fn rules(spec: &Spec, resolved: &Resolved, other: &Resolved) -> BTreeMap<Rule, Stated> {
    let mut found = BTreeMap::new();
    for clause in resolved.clauses.iter().filter(|clause| other.call(&clause.syscall).is_some()) {
        let kind = match clause.kind {
            ClauseKind::When => "when",
            ClauseKind::May => "may",
            ClauseKind::Ensures => "ensures",
            ClauseKind::Effect => "effect",
            ClauseKind::Returns => "returns",
            ClauseKind::Ignored => "ignored",
            ClauseKind::Law => "law",
        };
        let errno = clause.errno.map(|errno| format!("{} ", errno.name())).unwrap_or_default();
        let command = clause.command.as_ref().map(|command| format!(" {command}")).unwrap_or_default();
        let text = format!("{errno}{kind} {}", clause.text);
        let stated = Stated { text: text.clone(), source: source(spec, clause.at) };
        found.entry((format!("{}{command}", clause.syscall), text)).or_insert(stated);
    }
    found
}
