//! Arguments with which calls have succeeded.
//!
//! What a call needs to succeed at all its conditions tell only in part. Calls that are made to give another one its resource,
//! and some of the others, are made as they succeeded before.

use super::Making;
use super::dice::Dice;
use super::graft::Stocks;
use crate::oracle::Answer;
use crate::program::{Argument, Block, Placement, Program};
use abispec::target::{Call, Resolved};
use std::collections::BTreeMap;

/// Successes that are kept of a call or of one of its commands.
const KEPT: usize = 6;
/// Of so many further successes one takes the place of an older one.
const SELDOM: usize = 64;

/// Arguments of calls that succeeded, by call and command. What earlier calls gave is left out: it is gone with them.
#[derive(Clone, Debug, Default)]
pub struct Recall {
    successes: BTreeMap<(usize, u64), Kept>,
    stocks: Stocks,
}

#[derive(Clone, Debug, Default)]
struct Kept {
    list: Vec<Vec<Option<Argument>>>,
    noted: usize,
}

impl Recall {
    /// Notes which calls of a program succeeded, and how, and what led to the errors of others.
    pub fn learn(&mut self, resolved: &Resolved, program: &Program, answers: &[Option<Answer>]) {
        for (at, (call, answer)) in program.calls.iter().zip(answers).enumerate() {
            match answer {
                Some(Answer::Value(_)) => self.note(call.call, &resolved.calls[call.call], &call.args),
                Some(answer) => self.stocks.learn(resolved, program, at, answer),
                None => {}
            }
        }
    }

    /// What led to errors.
    pub(super) fn stocks(&self) -> &Stocks {
        &self.stocks
    }

    fn note(&mut self, index: usize, call: &Call, args: &[Argument]) {
        let Some(command) = command(call, args) else { return };
        let kept = self.successes.entry((index, command)).or_default();
        kept.noted += 1;
        if kept.list.len() < KEPT {
            kept.list.push(args.iter().map(lasting).collect());
        } else if kept.noted.is_multiple_of(SELDOM) {
            let place = kept.noted / SELDOM % KEPT;
            kept.list[place] = args.iter().map(lasting).collect();
        }
    }

    /// Arguments with which a call succeeded that has these otherwise.
    fn like(&self, dice: &mut Dice<'_>, index: usize, command: u64) -> Option<&[Option<Argument>]> {
        let kept = self.successes.get(&(index, command))?;
        dice.pick(&kept.list).map(Vec::as_slice)
    }
}

impl Making<'_> {
    /// Takes the arguments with which a call has succeeded before, except for what other calls have to give.
    pub(super) fn as_before(&self, dice: &mut Dice<'_>, index: usize, args: &mut [Argument]) {
        let call = &self.generator.resolved.calls[index];
        let before = command(call, args)
            .and_then(|command| self.recall.and_then(|recall| recall.like(dice, index, command)))
            .unwrap_or_default();
        for (slot, before) in args.iter_mut().zip(before) {
            if let (Argument::Number(_) | Argument::Block(_), Some(before)) = (&*slot, before) {
                *slot = before.clone();
            }
        }
    }
}

/// Which command of a call arguments choose, where the specification has it; 0 where there is none to choose.
fn command(call: &Call, args: &[Argument]) -> Option<u64> {
    let Some(select) = call.select else { return Some(0) };
    let Argument::Number(value) = args.get(usize::from(select))? else { return None };
    let named = call.variants.iter().any(|variant| variant.selector == Some(i128::from(*value)));
    named.then_some(*value)
}

/// What means the same in another program.
fn lasting(arg: &Argument) -> Option<Argument> {
    match arg {
        Argument::Number(value) => Some(Argument::Number(*value)),
        Argument::Result { .. } => None,
        // The end of memory is for one block of a program.
        Argument::Block(block) => {
            let placement = match block.placement {
                Placement::Edge(_) => Placement::Middle,
                other => other,
            };
            Some(Argument::Block(Block { placement, ..block.clone() }))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::Generator;
    use abispec::arch::Arch;
    use abispec::target::Target;
    use abispec::version::Release;
    use proptest::test_runner::{RngAlgorithm, TestRng};
    use std::sync::Arc;

    #[test]
    fn calls_made_for_another_are_made_as_they_succeeded() {
        let resolved: Arc<Resolved> =
            abispec::resolve(abispec::embedded(), &Target::new(Arch::X86_64, Release::new(7, 3))).into();
        let of = |name: &str| resolved.calls.iter().position(|call| call.name == name).expect(name);
        let (init, mark) = (of("fanotify_init"), of("fanotify_mark"));
        let generator = Generator::new(resolved.clone(), &|call| call.name == "fanotify_mark", &|_| true);
        let mut wishes = generator.even();
        let good = vec![Argument::Number(0x1a00), Argument::Number(0x8000)];
        let program = Program { calls: vec![crate::program::Invocation { call: init, args: good.clone() }] };
        wishes.recall.learn(&resolved, &program, &[Some(Answer::Error(22))]);
        let mut rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
        let mut made = |wishes: &super::super::Wishes| {
            let programs: Vec<Program> = (0..300).map(|_| generator.program(&mut rng, wishes)).collect();
            assert!(programs.iter().flat_map(|program| &program.calls).any(|call| call.call == mark));
            programs.iter().flat_map(|program| &program.calls).filter(|call| call.args == good).count()
        };
        assert_eq!(made(&wishes), 0, "what failed is not learnt");
        wishes.recall.learn(&resolved, &program, &[Some(Answer::Value(3))]);
        assert!(made(&wishes) > 50);
    }
}
