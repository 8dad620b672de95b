//! In what two contracts of a call differ.

use abispec::errno::Errno;
use abispec::expr::Expr;
use abispec::model::Effect;
use abispec::target::{ResolvedEffect, ResolvedParam, Rule, Variant};

/// In what two contracts of a variant differ, of what judging a call looks at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Differs {
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
            // Every condition may see another argument.
            return Self { rules: true, returns: true, ensures: true, effects: true, memory: true };
        }
        let conditions =
            |variant: &'_ Variant| variant.ensures.iter().map(|one| one.condition.clone()).collect::<Vec<_>>();
        let effects = |variant: &'_ Variant, written: bool| {
            let all = variant.effects.iter().map(|one| one.effect.clone());
            all.filter(|rule| matches!(rule.effect, Effect::Writes { .. }) == written).collect::<Vec<_>>()
        };
        Self {
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

/// Whether two parameters are the same, whatever the numbers of their clauses are.
fn same(own: &ResolvedParam, other: &ResolvedParam) -> bool {
    let of = |param: &'_ ResolvedParam| {
        (param.int, param.ty.clone(), param.unknown, param.memory.clone(), param.path.clone())
    };
    of(own) == of(other)
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
}

impl Rest {
    pub(super) fn of(own: &Variant, other: &Variant) -> Self {
        let lacks = |rules: &[Rule], one: &Rule| !rules.iter().any(|other| rule(other) == rule(one));
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
        Self { errnos, gone, text, new, effects: [only(own, other), only(other, own)] }
    }
}
