//! What a successful call changed, by its effects and by the kernel.

use super::apart;
use super::looks::{About, Answers, Difference, Property};
use crate::ask::Subject;
use crate::oracle::Verdict;
use crate::world::View;
use abispec::expr::{Expr, Function, Moment, Observer, OperandValue, Truth, evaluate, truth};
use abispec::model::Effect;
use abispec::target::{ClauseId, ResolvedEffect};

/// What looking at the effects of a call gave.
pub(super) enum Looked {
    /// Everything that was looked at is as the effects say.
    Right,
    /// An effect says otherwise.
    Broken(Verdict),
    /// Something else than the effects speak of is not what it should be.
    Changed(Verdict),
}

/// Holds what the kernel says of what effects touched against the model. `view` sees the state after the call. Effects that
/// happened go to `seen`.
pub(super) fn effects(view: &View<'_>, answers: &Answers<'_>, seen: &mut Vec<ClauseId>) -> Looked {
    if view.variant().effects.is_empty() {
        return Looked::Right;
    }
    let active = |rule: &&ResolvedEffect| {
        let when = rule.effect.when.as_ref();
        when.map_or(Truth::True, |when| truth(&when.value, view, Moment::Before)) == Truth::True
    };
    let active: Vec<&ResolvedEffect> = view.variant().effects.iter().filter(active).collect();
    if let Some(verdict) = impossible(view, &active).or_else(|| apart::broken(view, answers, &active)) {
        return Looked::Broken(verdict);
    }
    let Some(found) = answers.difference(view) else {
        seen.extend(active.iter().map(|rule| rule.clause));
        return Looked::Right;
    };
    let verdict = |clause| Verdict { id: "broken-effect", clause, expected: found.expected(), actual: found.actual() };
    match active.iter().find(|rule| states(&rule.effect.effect, &found)) {
        Some(rule) => Looked::Broken(verdict(Some(rule.clause))),
        None => {
            // An effect that was not meant to act may have.
            let meant = view.variant().effects.iter().find(|rule| states(&rule.effect.effect, &found));
            Looked::Changed(verdict(meant.or(active.first().copied()).map(|rule| rule.clause)))
        }
    }
}

/// Effects that say of a name what cannot be are wrong whatever the kernel did.
fn impossible(view: &View<'_>, active: &[&ResolvedEffect]) -> Option<Verdict> {
    let found =
        |path: u8, moment| view.call(Function::Exists, &[OperandValue::Param { index: path, value: None }], moment);
    active.iter().enumerate().find_map(|(index, rule)| {
        // What an earlier effect takes away may be made again.
        let taken = |name: u8| {
            active[..index].iter().any(|rule| match &rule.effect.effect {
                Effect::Removes { path } => *path == name,
                Effect::Renames { from, .. } => *from == name,
                _ => false,
            })
        };
        let (path, wrong, expected, actual) = match &rule.effect.effect {
            Effect::Creates { path, .. } => {
                let wrong = found(*path, Moment::Before) == Some(1) && !taken(*path);
                (path, wrong, "new", "named a file before")
            }
            Effect::Opens { access: Some(access), .. }
                if evaluate(access, view, Moment::Before).is_some_and(|access| !(0..=3).contains(&access)) =>
            {
                return Some(Verdict {
                    id: "broken-effect",
                    clause: Some(rule.clause),
                    expected: "an access that open files can have".to_owned(),
                    actual: "a number that is none, and the call succeeded".to_owned(),
                });
            }
            Effect::Opens { file: Some(path), .. } => {
                (path, found(*path, Moment::After) == Some(0), "a file's", "names no file")
            }
            _ => return None,
        };
        wrong.then(|| Verdict {
            id: "broken-effect",
            clause: Some(rule.clause),
            expected: format!("the name in argument {} is {expected}", path + 1),
            actual: format!("it {actual}, and the call succeeded"),
        })
    })
}

/// Whether an effect is what says how the property that differs should be.
fn states(effect: &Effect, found: &Difference) -> bool {
    let same = |expr: &Expr| matches!(found.about, About::Descriptor(subject, _) if Subject::of(expr) == Some(subject));
    let path = |path: u8| found.about == About::Name(path);
    // Through a descriptor that the call opened one sees the file that it names.
    let by_name = matches!(found.about, About::Descriptor(..));
    match (effect, found.property) {
        (Effect::Opens { fd, .. }, Property::State | Property::Cloexec | Property::Status | Property::Offset) => {
            same(fd)
        }
        (Effect::Opens { fd, .. }, Property::Kind | Property::Family | Property::SocketType) => same(fd),
        (Effect::Duplicates { to, .. }, Property::State | Property::Cloexec | Property::Status) => same(to),
        (Effect::Duplicates { to, .. }, Property::Offset | Property::Shared) => same(to),
        (Effect::Closes { fd, .. }, Property::State) => fd.as_ref().is_some_and(same),
        (Effect::SetsCloexec { fd, .. }, Property::Cloexec) => fd.as_ref().is_some_and(same),
        (Effect::SetsStatus { fd, .. }, Property::Status) => same(fd),
        (Effect::SetsOffset { fd, .. }, Property::Offset) => same(fd),
        (Effect::SetsSize { file, .. }, Property::Size) => match file {
            Expr::Param(index) => same(file) || path(*index) || by_name,
            _ => same(file),
        },
        (Effect::SetsPermissions { file, .. }, Property::Permissions) => match file {
            Expr::Param(index) => same(file) || path(*index) || by_name,
            _ => same(file),
        },
        (Effect::SetsSeals { fd, .. }, Property::Seals) => same(fd),
        (Effect::Queues { fd, .. } | Effect::Drains { fd, .. }, Property::Available) => same(fd),
        (Effect::Creates { path: name, .. }, Property::Exists) => path(*name),
        (
            Effect::Creates { path: name, .. },
            Property::Kind | Property::Permissions | Property::Size | Property::Links,
        ) => path(*name) || by_name,
        (Effect::Links { to, .. }, Property::Exists | Property::Links) => path(*to),
        (Effect::Removes { path: name }, Property::Exists) => path(*name),
        (Effect::Renames { from, to, .. }, _) => path(*from) || path(*to),
        (
            Effect::Maps { .. } | Effect::Unmaps { .. } | Effect::Protects { .. },
            Property::Readable | Property::Writable,
        ) => true,
        (Effect::SetsLimit { .. }, Property::Limit) => true,
        (Effect::SetsSigmask { .. }, Property::Sigmask) => true,
        (Effect::SetsNice { .. }, Property::Nice) => true,
        (Effect::SetsPolicy { .. }, Property::Policy) => true,
        (Effect::SetsCwd { .. }, Property::Cwd) => true,
        _ => false,
    }
}
