//! Numbers that the kernel gave: descriptors, timers, keys, objects of inter-process communication.
//!
//! What a resource is made by, the specification says itself: a call returns it, or writes it through a pointer.

use super::Making;
use super::dice::Dice;
use crate::program::{Argument, Output};
use abispec::model::Effect;
use abispec::target::{Call, Resolved, Variant};
use abispec::types::{Direction, Type};
use std::collections::BTreeMap;

/// The resources that a variant of a call gives, and how.
fn given(variant: &Variant) -> impl Iterator<Item = (&str, Output)> {
    let written = (0_u8..).zip(&variant.params).filter_map(|(param, spec)| match &spec.ty {
        Type::Ptr { direction: Direction::Out, to, .. } => Some((&**to, Output::Written { param, offset: 0 })),
        _ => None,
    });
    std::iter::once((&variant.returns, Output::Ret)).chain(written).filter_map(|(ty, output)| match ty {
        Type::Resource(name) => Some((name.as_str(), output)),
        _ => None,
    })
}

/// How a call gives a resource.
fn gives(call: &Call, resource: &str) -> Option<Output> {
    call.variants
        .first()
        .and_then(|variant| given(variant).find(|(name, _)| *name == resource))
        .map(|(_, output)| output)
}

/// Indices of the `able` calls that give each resource. What begins in a call is gone when the call is over, and to begin it costs more
/// than all other calls of a program: its number is worth no more than another that nobody has.
pub(super) fn givers(resolved: &Resolved, able: &dyn Fn(&Call) -> bool) -> BTreeMap<String, Vec<usize>> {
    let mut found: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    let begins =
        |variant: &Variant| variant.effects.iter().any(|rule| matches!(rule.effect.effect, Effect::Begins { .. }));
    for (index, call) in resolved.calls.iter().enumerate().filter(|(_, call)| able(call)) {
        let Some(variant) = call.variants.first().filter(|variant| !begins(variant)) else { continue };
        for (name, _) in given(variant) {
            let calls = found.entry(name.to_owned()).or_default();
            if calls.last() != Some(&index) {
                calls.push(index);
            }
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
