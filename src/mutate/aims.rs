//! Where programs should look for what tells a mutant from the specification.

use abispec::expr::{BinaryOp, Expr, Function, UnaryOp};
use abispec::mutate::Mutant;
use abispec::target::{ClauseId, Resolved, ResolvedEffect};
use abispec_fuzzer::generate::Aim;
use std::sync::Arc;

/// The conditions of the parameter that a mutant changes. `call` is the place of the call among those that are made.
pub(super) fn keys(resolved: &Resolved, mutant: &Mutant, call: usize) -> Vec<Aim> {
    let name = mutant.id.strip_prefix("params.").and_then(|rest| rest.split('.').next());
    let Some((name, found)) = name.zip(resolved.call(&mutant.syscall)) else { return Vec::new() };
    let mut aims = Vec::new();
    for (variant, found) in found.variants.iter().enumerate() {
        for (index, param) in (0_u8..).zip(&found.params).filter(|(_, param)| param.name == name) {
            let link = Expr::Call(Function::LastIsSymlink, vec![Expr::Param(index)]);
            if let Some(keys) = &param.path {
                let follow = Expr::Binary(BinaryOp::And, Box::new(link.clone()), Box::new(keys.follow.clone()));
                let conditions = [follow, keys.empty.clone(), keys.must_exist.clone(), keys.scoped.clone()];
                let aim = |condition| Aim { call, variant, condition: Arc::new(condition) };
                aims.extend(conditions.into_iter().map(aim));
            }
        }
    }
    aims
}

/// Where one of two rules holds that follow from the parameter as it is and as it is changed, and the other does not.
pub(super) fn rules(own: &Resolved, other: &Resolved, syscall: &str, call: usize) -> Vec<Aim> {
    let (Some(own), Some(other)) = (own.call(syscall), other.call(syscall)) else { return Vec::new() };
    let not = |condition: &Expr| Expr::Unary(UnaryOp::Not, Box::new(condition.clone()));
    let only = |a: &Expr, b: &Expr| Expr::Binary(BinaryOp::And, Box::new(a.clone()), Box::new(not(b)));
    let mut aims = Vec::new();
    for (variant, (first, second)) in own.variants.iter().zip(&other.variants).enumerate() {
        let pairs = first.rules.iter().zip(&second.rules).filter(|(a, b)| a.errno == b.errno && a.duty == b.duty);
        for (a, b) in pairs.filter(|(a, b)| a.condition != b.condition) {
            let both = [only(&a.condition, &b.condition), only(&b.condition, &a.condition)];
            aims.extend(both.map(|condition| Aim { call, variant, condition: Arc::new(condition) }));
        }
    }
    aims
}

/// The condition of a clause, for every variant that has it.
pub(super) fn aim(resolved: &Resolved, syscall: &str, clause: ClauseId, call: usize) -> Vec<Aim> {
    let variants = resolved.call(syscall).map_or(&[][..], |call| &call.variants[..]);
    let of_variant = |(variant, found): (usize, &abispec::target::Variant)| {
        let rules = found.rules.iter().map(|rule| (rule.clause, &rule.condition));
        let ensures = found.ensures.iter().map(|ensure| (ensure.clause, &ensure.condition));
        let when = |rule: &ResolvedEffect| Some((rule.clause, rule.effect.when.as_ref()?.value.clone()));
        let effects = found.effects.iter().filter_map(when);
        let mut own = rules.chain(ensures).map(|(id, condition)| (id, condition.clone())).chain(effects);
        let condition = own.find(|(id, _)| *id == clause)?.1;
        Some(Aim { call, variant, condition: Arc::new(condition) })
    };
    variants.iter().enumerate().filter_map(of_variant).collect()
}
