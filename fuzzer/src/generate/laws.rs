//! Beginnings for laws: what a relation is given, and programs in which a call occurs.

use super::dice::Dice;
use super::memory::Filling;
use super::mine::{Mined, Spot};
use super::producers::{Object, objects};
use super::values::{AT_FDCWD, Intent, number};
use super::{Generator, LONGEST, Making};
use crate::program::{Argument, Invocation, Program};
use abispec::expr::Expr;
use abispec::target::ResolvedParam;
use abispec::types::Type;
use proptest::test_runner::TestRng;

/// Stands, in a beginning, for the call whose arguments are what the law is given.
pub const GIVEN: usize = usize::MAX;

impl Making<'_> {
    /// A descriptor that surely is of its kind.
    fn given(&mut self, dice: &mut Dice<'_>, name: &str) -> Argument {
        let any = !name.contains('[');
        if any || name == "fd[directory]" && dice.chance(30) {
            let cwd = Argument::Number(AT_FDCWD);
            return if any { self.resource(dice, name, Intent::Valid, false) } else { cwd };
        }
        let object = dice.pick(objects(name)).copied().unwrap_or(Object::Regular);
        let producers = self.producers();
        producers.make(dice, object, &mut self.program).unwrap_or(Argument::Number(0))
    }
}

impl Generator {
    /// Calls that make what a law is given, and behind them a call of [`GIVEN`] with one argument for each.
    pub fn given(&self, rng: &mut TestRng, params: &[ResolvedParam]) -> Program {
        let mut dice = Dice::new(rng);
        let mut making = Making::new(self);
        let mined = Mined::default();
        let mut args: Vec<Option<Argument>> = vec![None; params.len()];
        for (index, param) in params.iter().enumerate() {
            let spot = Spot::Param(u8::try_from(index).unwrap_or(u8::MAX));
            args[index] = match &param.ty {
                Type::Resource(name) => Some(making.given(&mut dice, name)),
                other if other.pointer().is_none() => {
                    let value = number(&mut dice, &self.resolved, other, &mined, spot, Intent::Valid);
                    Some(Argument::Number(value))
                }
                _ => None,
            };
        }
        for (index, param) in params.iter().enumerate().filter(|(_, param)| param.ty.pointer().is_some()) {
            let position = u8::try_from(index).unwrap_or(u8::MAX);
            let filling = Filling { resolved: &self.resolved, mined: &mined, param: position, descriptors: &[0, 1, 3] };
            let mut param = param.clone();
            if let Some(path) = &mut param.path {
                // A law on names is of those that exist, or of new ones; only its calls know which.
                path.must_exist = Expr::Bool(dice.chance(70));
            }
            let pointer = making.pointer(&mut dice, &param, &filling, Intent::Valid, &mut args);
            args[index] = Some(pointer);
        }
        let args = args.into_iter().map(|arg| arg.unwrap_or(Argument::Number(0))).collect();
        making.program.calls.push(Invocation { call: GIVEN, args });
        making.program
    }

    /// A program in which one variant of a call occurs, with these values of some of its parameters.
    pub fn around(&self, rng: &mut TestRng, call: usize, variant: usize, fixed: &[(usize, u64)]) -> Program {
        let mut dice = Dice::new(rng);
        let mut making = Making::new(self);
        let even = self.even();
        let mut only = even.clone();
        for (index, wish) in only.calls[call].iter_mut().enumerate() {
            *wish = u32::from(index == variant);
        }
        let many = 1 + dice.below(4);
        for turn in 0..many {
            if turn == 0 || dice.chance(30) {
                making.call(&mut dice, call, Some(&only), turn > 0);
                if let Some(own) = making.program.calls.last_mut() {
                    for (position, value) in fixed {
                        own.args[*position] = Argument::Number(*value);
                    }
                }
            } else if let Some(other) = self.choose(&mut dice, &even) {
                making.call(&mut dice, other, Some(&even), true);
            }
        }
        making.program.calls.truncate(LONGEST);
        making.program
    }
}
