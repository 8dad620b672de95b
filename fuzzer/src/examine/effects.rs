//! What a successful call changed, by its effects and by the kernel.

use super::looks::{differs, file_differs, subject_number};
use crate::exec::{OpState, Sandbox};
use crate::lower::{LoweredCall, Subject};
use crate::oracle::Verdict;
use crate::world::View;
use abispec::expr::{Function, Moment, Observer, OperandValue, Truth, truth};
use abispec::model::Effect;
use abispec::target::ClauseId;

/// Holds what the kernel says of the descriptors that effects touched against the model, after the call in `view`.
pub(super) fn effects(
    view: &View<'_>,
    registers: [u64; 6],
    ret: i64,
    low: &LoweredCall,
    sandbox: &Sandbox,
    seen: &mut Vec<ClauseId>,
) -> Option<Verdict> {
    let variant = view.variant();
    if variant.effects.is_empty() {
        return None;
    }
    // The clauses of effects that happened lie behind those that were seen before.
    let before = seen.len();
    for rule in &variant.effects {
        let then = rule.effect.when.as_ref().map_or(Truth::True, |when| truth(&when.value, view, Moment::Before));
        if then == Truth::True {
            seen.push(rule.clause);
        }
    }
    let verdict = broken(view, &seen[before..], registers, ret, low, sandbox);
    if verdict.is_some() {
        seen.truncate(before);
    }
    verdict
}

/// The first of the effects `active` that is not what the kernel shows.
fn broken(
    view: &View<'_>,
    active: &[ClauseId],
    registers: [u64; 6],
    ret: i64,
    low: &LoweredCall,
    sandbox: &Sandbox,
) -> Option<Verdict> {
    let variant = view.variant();
    let world = view.world(Moment::After);
    for probe in &low.probes {
        let Some(fd) = subject_number(probe.subject, registers, ret, sandbox) else { continue };
        if let Some((what, expected, actual)) = differs(world, fd, probe, sandbox) {
            let clause = variant
                .effects
                .iter()
                .filter(|rule| active.contains(&rule.clause))
                .find(|rule| touches(&rule.effect.effect, probe.subject, &low.addresses, &what))
                .or_else(|| variant.effects.iter().find(|rule| active.contains(&rule.clause)))
                .map(|rule| rule.clause);
            let expected = format!("{what} of descriptor {fd} is {expected}");
            return Some(Verdict { id: "broken-effect", clause, expected, actual: format!("it is {actual}") });
        }
    }
    let found =
        |path: u8, moment| view.call(Function::Exists, &[OperandValue::Param { index: path, value: None }], moment);
    for rule in variant.effects.iter().filter(|rule| active.contains(&rule.clause)) {
        // Effects that say of a name what cannot be are wrong whatever the kernel did.
        let (path, wrong, expected, actual) = match &rule.effect.effect {
            Effect::Creates { path, .. } => {
                (path, found(*path, Moment::Before) == Some(1), "new", "named a file before")
            }
            Effect::Opens { file: Some(path), .. } => {
                (path, found(*path, Moment::After) == Some(0), "a file's", "names no file")
            }
            _ => continue,
        };
        if wrong {
            let expected = format!("the name in argument {} is {expected}", path + 1);
            let actual = format!("it {actual}, and the call succeeded");
            return Some(Verdict { id: "broken-effect", clause: Some(rule.clause), expected, actual });
        }
    }
    if let Some((what, expected, actual)) = low.file.as_ref().and_then(|file| file_differs(view, ret, file, sandbox)) {
        let makes = |effect: &Effect| matches!(effect, Effect::Creates { .. } | Effect::SetsSize { .. });
        let clause = variant
            .effects
            .iter()
            .filter(|rule| active.contains(&rule.clause))
            .find(|rule| makes(&rule.effect.effect))
            .or_else(|| variant.effects.iter().find(|rule| active.contains(&rule.clause)))
            .map(|rule| rule.clause);
        let expected = format!("{what} descriptor {ret} is {expected}");
        return Some(Verdict { id: "broken-effect", clause, expected, actual: format!("it is {actual}") });
    }
    if let Some((param, expected, actual)) = misnamed(view, low, sandbox) {
        let clause = variant
            .effects
            .iter()
            .find(|rule| active.contains(&rule.clause) && names(&rule.effect.effect, param))
            .or_else(|| variant.effects.iter().find(|rule| names(&rule.effect.effect, param)))
            .map(|rule| rule.clause);
        let word = |there: bool| if there { "names a file" } else { "names nothing" };
        let expected = format!("argument {} {}", param + 1, word(expected));
        return Some(Verdict { id: "broken-effect", clause, expected, actual: format!("it {}", word(actual)) });
    }
    None
}

/// Whether an effect makes or takes away the name in a parameter.
fn names(effect: &Effect, param: u8) -> bool {
    match effect {
        Effect::Creates { path, .. } | Effect::Removes { path } => *path == param,
        Effect::Links { to, .. } => *to == param,
        Effect::Renames { from, to, .. } => *from == param || *to == param,
        _ => false,
    }
}

/// The first name that is there for the kernel and not for the model, or the other way round.
fn misnamed(view: &View<'_>, low: &LoweredCall, sandbox: &Sandbox) -> Option<(u8, bool, bool)> {
    low.names.iter().find_map(|probe| {
        let result = sandbox.result(probe.op);
        let there = match (result.state, result.errno()) {
            (OpState::Done, None) => true,
            (OpState::Done, Some(libc::ENOENT)) => false,
            _ => return None,
        };
        let operand = OperandValue::Param { index: probe.param, value: None };
        let expected = view.call(Function::Exists, &[operand], Moment::After)? != 0;
        (expected != there).then_some((probe.param, expected, there))
    })
}

fn touches(effect: &Effect, subject: Subject, addresses: &[u64; 6], what: &str) -> bool {
    use abispec::expr::Expr;
    let same = |fd: &Expr| match (fd, subject) {
        (Expr::Ret, Subject::Ret) => true,
        (Expr::Param(a), Subject::Param(b)) => *a == b,
        (Expr::Load { address, .. }, Subject::At(found)) => crate::lower::at(address, addresses) == Some(found),
        _ => false,
    };
    match effect {
        Effect::Opens { fd, .. } => same(fd),
        Effect::Duplicates { to, .. } => same(to),
        Effect::SetsOffset { fd, .. } => same(fd) && what == "the offset",
        Effect::SetsStatus { fd, .. } => same(fd) && what == "F_GETFL",
        Effect::SetsCloexec { fd, .. } => fd.as_ref().is_some_and(same) && what == "close-on-exec",
        Effect::Closes { fd, .. } => fd.as_ref().is_some_and(same),
        _ => false,
    }
}
