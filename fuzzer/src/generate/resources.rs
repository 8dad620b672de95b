//! Numbers that the kernel gave: descriptors, timers, keys, objects of inter-process communication.
//!
//! What a resource is made by, the specification says itself: a call returns it, or writes it through a pointer.

use super::Making;
use super::dice::Dice;
use crate::program::{Argument, Output};
use abispec::model::Effect;
use abispec::target::{Call, Resolved, Variant};
use abispec::types::{Direction, Type};
use std::collections::{BTreeMap, BTreeSet};

/// How a variant of a call gives a resource.
fn given_by(variant: &Variant, resource: &str) -> Option<Output> {
    let is = |ty: &Type| matches!(ty, Type::Resource(name) if name == resource);
    if is(&variant.returns) {
        return Some(Output::Ret);
    }
    let written = |param: &abispec::target::ResolvedParam| match &param.ty {
        Type::Ptr { direction: Direction::Out, to, .. } => is(to),
        _ => false,
    };
    let param = variant.params.iter().position(written)?;
    Some(Output::Written { param: u8::try_from(param).ok()?, offset: 0 })
}

fn gives(call: &Call, resource: &str) -> Option<Output> {
    call.variants.first().and_then(|variant| given_by(variant, resource))
}

/// Indices of the `able` calls that give each resource. What begins in a call is gone when the call is over, and to begin it costs more
/// than all other calls of a program: its number is worth no more than another that nobody has.
pub(super) fn givers(resolved: &Resolved, able: &dyn Fn(&Call) -> bool) -> BTreeMap<String, Vec<usize>> {
    let mut found: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    let begins =
        |variant: &Variant| variant.effects.iter().any(|rule| matches!(rule.effect.effect, Effect::Begins { .. }));
    for (index, call) in resolved.calls.iter().enumerate().filter(|(_, call)| able(call)) {
        let Some(variant) = call.variants.first().filter(|variant| !begins(variant)) else { continue };
        let written = variant.params.iter().filter_map(|param| match &param.ty {
            Type::Ptr { direction: Direction::Out, to, .. } => Some(&**to),
            _ => None,
        });
        let mut given = BTreeSet::new();
        for ty in written.chain([&variant.returns]) {
            if let Type::Resource(name) = ty {
                given.insert(name);
            }
        }
        for name in given {
            found.entry(name.clone()).or_default().push(index);
        }
    }
    found
}

impl Making<'_> {
    /// What an earlier call of the program gave; unlike numbers of descriptors, those of other resources fit no other one.
    pub(super) fn given_earlier(&self, dice: &mut Dice<'_>, resource: &str) -> Option<Argument> {
        let resolved = &self.generator.resolved;
        let calls = self.program.calls.iter().enumerate();
        let found: Vec<Argument> = calls
            .filter_map(|(of, call)| {
                let output = gives(&resolved.calls[call.call], resource)?;
                // A pointer that is no block of ours is nothing to read a number from.
                if let Output::Written { param, .. } = output
                    && !matches!(call.args.get(usize::from(param)), Some(Argument::Block(_)))
                {
                    return None;
                }
                Some(Argument::Result { of, output, high: None })
            })
            .collect();
        dice.pick(&found).cloned()
    }

    /// What a new call gives that this one puts before itself.
    pub(super) fn given_newly(&mut self, dice: &mut Dice<'_>, resource: &str) -> Option<Argument> {
        let giver = *dice.pick(self.generator.givers.get(resource)?)?;
        if self.nested || self.program.calls.len() + 2 >= super::LONGEST {
            return None;
        }
        self.nested = true;
        self.call(dice, giver, None, false);
        self.nested = false;
        let of = self.program.calls.len().checked_sub(1)?;
        let output = gives(&self.generator.resolved.calls[giver], resource)?;
        if let Output::Written { param, .. } = output
            && !matches!(self.program.calls[of].args.get(usize::from(param)), Some(Argument::Block(_)))
        {
            return None;
        }
        Some(Argument::Result { of, output, high: None })
    }
}
