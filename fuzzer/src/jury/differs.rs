//! In what two contracts of a call differ.

use abispec::errno::Errno;
use abispec::expr::{Expr, contradicts_itself, with_what_follows};
use abispec::model::Effect;
use abispec::target::{ResolvedEffect, ResolvedParam, Rule, Variant};
use abispec::types::{Direction, Type};

/// In what two contracts of a variant differ, of what judging a call looks at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Differs {
    /// What arguments mean: every condition may see others.
    pub(crate) arguments: bool,
    /// Error rules, written and implied.
    pub(crate) rules: bool,
    /// The type of the result.
    pub(crate) returns: bool,
    /// Conditions after success.
    pub(crate) ensures: bool,
    /// What success changes.
    pub(crate) effects: bool,
    /// What may be written.
    pub(crate) memory: bool,
}

impl Differs {
    /// Compares two contracts, whatever the numbers of their clauses are.
    pub(crate) fn between(own: &Variant, other: &Variant) -> Self {
        if own.params.len() != other.params.len()
            || !own.params.iter().zip(&other.params).all(|(own, other)| same(own, other))
        {
            return Self { arguments: true, rules: true, returns: true, ensures: true, effects: true, memory: true };
        }
        let conditions =
            |variant: &'_ Variant| variant.ensures.iter().map(|one| one.condition.clone()).collect::<Vec<_>>();
        let effects = |variant: &'_ Variant, written: bool| {
            let all = variant.effects.iter().map(|one| one.effect.clone());
            all.filter(|rule| matches!(rule.effect, Effect::Writes { .. }) == written).collect::<Vec<_>>()
        };
        Self {
            arguments: false,
            rules: !own.rules.iter().map(rule).eq(other.rules.iter().map(rule)),
            returns: own.returns != other.returns,
            ensures: conditions(own) != conditions(other),
            effects: effects(own, false) != effects(other, false),
            memory: effects(own, true) != effects(other, true),
        }
    }

    /// Whether a contract is needed whole to judge by it: arguments or effects are others.
    pub(crate) fn needs_all(self) -> bool {
        self.effects
    }

    /// Whether they differ at all.
    pub(crate) fn any(self) -> bool {
        self != Self::default()
    }
}

fn rule(rule: &Rule) -> (Errno, bool, &Expr, &[Errno]) {
    (rule.errno, rule.duty, &rule.condition, &rule.before)
}

/// Whether two parameters mean the same to every condition. What else they say is said by rules that follow from it.
fn same(own: &ResolvedParam, other: &ResolvedParam) -> bool {
    let of = |param: &'_ ResolvedParam| (param.int, without_rules(&param.ty), param.path.clone());
    of(own) == of(other)
}

/// A type without what rules follow from: who writes the memory behind a pointer, and whether there has to be any.
fn without_rules(ty: &Type) -> Type {
    let mut ty = ty.clone();
    match &mut ty {
        Type::Ptr { direction, nullable, .. } | Type::Buffer { direction, nullable, .. } => {
            (*direction, *nullable) = (Direction::In, false);
        }
        Type::Text { nullable } | Type::Path { nullable } => *nullable = false,
        _ => {}
    }
    ty
}

/// What of two contracts a version judges by.
pub(super) struct Rest {
    /// The errnos whose rules differ.
    pub(super) errnos: Vec<Errno>,
    /// Rules that the version has no more, at least not as they are.
    pub(super) gone: Vec<Rule>,
    /// The version, without what it shares with the specification, except other rules for these errnos: enough to judge by where
    /// arguments and effects are the same, and a fraction of the work. Its own rules come first.
    pub(super) text: Variant,
    /// How many rules are its own.
    pub(super) new: usize,
    /// Effects that only one of the two has: of the specification, and of the version.
    pub(super) effects: [Vec<ResolvedEffect>; 2],
    /// Conditions after success that only one of the two has.
    pub(super) ensures: [Vec<Expr>; 2],
}

impl Rest {
    pub(super) fn of(own: &Variant, other: &Variant) -> Self {
        // What is never so demands and permits nothing.
        let can_be = |one: &Rule| !contradicts_itself(&with_what_follows(&one.condition));
        let lacks = |rules: &[Rule], one: &Rule| !rules.iter().any(|other| rule(other) == rule(one)) && can_be(one);
        let gone: Vec<Rule> = own.rules.iter().filter(|one| lacks(&other.rules, one)).cloned().collect();
        let (mut rules, shared): (Vec<Rule>, Vec<Rule>) =
            other.rules.iter().cloned().partition(|one| lacks(&own.rules, one));
        let new = rules.len();
        let differing = gone.iter().chain(&rules);
        let mut errnos: Vec<Errno> =
            differing.flat_map(|one| std::iter::once(one.errno).chain(one.before.iter().copied())).collect();
        errnos.sort_unstable();
        errnos.dedup();
        rules.extend(shared.into_iter().filter(|rule| errnos.contains(&rule.errno)));
        let mut text = other.clone();
        text.rules = rules;
        text.ensures.retain(|one| !own.ensures.iter().any(|other| other.condition == one.condition));
        let only = |one: &Variant, other: &Variant| {
            let has = |effect: &ResolvedEffect| other.effects.iter().any(|other| other.effect == effect.effect);
            one.effects.iter().filter(|effect| !has(effect)).cloned().collect()
        };
        let promised = |one: &Variant, other: &Variant| {
            let has = |expr: &Expr| other.ensures.iter().any(|other| other.condition == *expr);
            one.ensures.iter().map(|ensure| &ensure.condition).filter(|expr| !has(expr)).cloned().collect()
        };
        let (effects, ensures) = ([only(own, other), only(other, own)], [promised(own, other), promised(other, own)]);
        Self { errnos, gone, text, new, effects, ensures }
    }
}
