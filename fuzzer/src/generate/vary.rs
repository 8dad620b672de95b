//! Variations: the same program with another number in one of its calls.
//!
//! Making a program costs more than most calls in it. One that exists stands where some rule is near; with other numbers it
//! is a neighbour of itself, and costs next to nothing.

use super::dice::Dice;
use super::mine::Spot;
use super::values::{Intent, number};
use super::{Generator, upper_half};
use crate::exec::Entry;
use crate::hazard;
use crate::plan::Plans;
use crate::program::{Argument, Program};
use proptest::test_runner::TestRng;

/// A number that was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// Index of the call in its program.
    pub call: usize,
    /// Position of the parameter.
    pub param: u8,
    /// What it is now.
    pub value: u64,
}

impl Generator {
    /// Changes a number that only its own register holds; `variants` are the calls' variants. `None` where the program has no
    /// such number or another one would be a hazard: the program is as it was then.
    pub fn vary(
        &self,
        rng: &mut TestRng,
        plans: &Plans,
        variants: impl Fn(usize) -> usize,
        program: &mut Program,
    ) -> Option<Change> {
        let mut dice = Dice::new(rng);
        let count = program.calls.len();
        // What comes last meets the state that the others made.
        let first = if dice.chance(60) { count.checked_sub(1)? } else { dice.below(count) };
        for call in (first..count).chain(0..first) {
            let invocation = &mut program.calls[call];
            let (index, variant) = (invocation.call, variants(call));
            // What only makes descriptors does that as it was meant to.
            if self.focus.binary_search(&index).is_err() {
                continue;
            }
            let free = &plans.call(index).variants[variant].free;
            let Some(param) = dice.pick(free).copied() else { continue };
            let position = usize::from(param);
            let spec = &self.resolved.calls[index].variants[variant];
            let Some(Argument::Number(old)) = invocation.args.get(position).cloned() else { continue };
            let intent = if dice.chance(60) { Intent::Valid } else { Intent::Odd };
            let (ty, mined) = (&spec.params[position].ty, &self.mined[index][variant]);
            let value = number(&mut dice, &self.resolved, ty, mined, Spot::Param(param), intent);
            let mut other = Argument::Number(value);
            upper_half(&mut dice, spec.params[position].int, &mut other);
            let Argument::Number(value) = other else { continue };
            if value == old {
                continue;
            }
            invocation.args[position] = other;
            if hazard::find(&self.resolved, invocation, spec, Entry::Native).is_none() {
                return Some(Change { call, param, value });
            }
            invocation.args[position] = Argument::Number(old);
        }
        None
    }
}
