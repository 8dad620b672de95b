//! Neighbours: a program that stood where a clause holds, with one thing in it changed.
//!
//! Where a condition begins and ends is next to where it holds. What takes a rare state, a sealed file or a pipe that is nearly
//! full, is made anew by chance only; a program that has made it leads there again.

use super::dice::Dice;
use super::mine::Spot;
use super::values::{Intent, bad_pointer, number};
use super::{Generator, LONGEST, Making, Wishes, upper_half};
use crate::hazard;
use crate::lower::variant_index;
use crate::program::{Argument, Block, Placement, Program};
use abispec::target::{ResolvedField, ResolvedParam};
use abispec::types::{IntType, Type};
use proptest::test_runner::TestRng;

impl Generator {
    /// A program like this one, in which a call is made otherwise, left out, or comes after another one more.
    pub(crate) fn near(&self, rng: &mut TestRng, wishes: &Wishes, program: &Program) -> Program {
        let dice = &mut Dice::new(rng);
        let mut program = program.clone();
        let changes = if dice.chance(70) { 1 } else { 2 };
        for _ in 0..changes {
            let Some(last) = program.calls.len().checked_sub(1) else { return program };
            match dice.below(100) {
                0..10 if last > 0 => {
                    let gone = dice.below(last);
                    program = program.without(gone, dice.of([u64::MAX, 0, 77]));
                }
                10..25 if program.calls.len() + 2 <= LONGEST => self.disturb(dice, wishes, &mut program),
                _ => {
                    let call = if dice.chance(70) { last } else { dice.below(last + 1) };
                    self.turn(dice, &mut program, call);
                }
            }
        }
        program.calls.truncate(LONGEST);
        program
    }

    /// Makes another call before the last one: on what there is already, if it takes any of that.
    fn disturb(&self, dice: &mut Dice<'_>, wishes: &Wishes, program: &mut Program) {
        let (Some(last), Some(next)) = (program.calls.pop(), self.choose(dice, wishes)) else { return };
        let mut making = Making { program: std::mem::take(program), served: wishes.served, ..Making::new(self) };
        making.call(dice, next, None, true);
        *program = making.program;
        program.calls.push(last);
    }

    /// Changes an argument of a call.
    fn turn(&self, dice: &mut Dice<'_>, program: &mut Program, at: usize) {
        let call = &program.calls[at];
        let spec = &self.resolved.calls[call.call];
        let variant = variant_index(spec, call);
        let text = &spec.variants[variant];
        let Some(position) = (!call.args.is_empty()).then(|| dice.below(call.args.len())) else { return };
        let Some(param) = text.params.get(position) else { return };
        let spot = u8::try_from(position).unwrap_or(0);
        let changed = match &call.args[position] {
            Argument::Number(_) if param.ty.pointer().is_some() => Argument::Number(bad_pointer(dice)),
            Argument::Number(old) => {
                let others = call.args.iter().filter_map(|arg| match arg {
                    Argument::Number(value) => Some(*value),
                    _ => None,
                });
                let others: Vec<u64> = others.collect();
                let mined = &self.mined[call.call][variant];
                let fresh = |dice: &mut Dice<'_>| {
                    number(dice, &self.resolved, &param.ty, mined, Spot::Param(spot), Intent::Odd)
                };
                Argument::Number(neighbour(dice, *old, &others, fresh))
            }
            Argument::Result { .. } => match dice.below(3) {
                0 => Argument::Number(dice.of([u64::MAX, 77, 0, 3])),
                _ if at > 0 => Argument::ret(dice.below(at)),
                _ => return,
            },
            Argument::Block(block) => {
                let mut block = block.clone();
                self.turn_block(dice, (spot, param), (call.call, variant), &mut block);
                Argument::Block(block)
            }
        };
        let Some(arg) = program.calls[at].args.get_mut(position) else { return };
        *arg = changed;
        upper_half(dice, param.int, arg);
    }

    fn turn_block(
        &self,
        dice: &mut Dice<'_>,
        (spot, param): (u8, &ResolvedParam),
        (call, variant): (usize, usize),
        block: &mut Block,
    ) {
        if dice.chance(25) {
            // Less of it is there, or it cannot be written.
            let bytes = u32::try_from(block.bytes.len()).unwrap_or(0);
            let less = bytes.saturating_sub(1 + dice.below(12) as u32);
            block.placement =
                dice.of([Placement::Edge(bytes), Placement::Edge(less), Placement::ReadOnly, Placement::Middle]);
            return;
        }
        let found = hazard::pointee(&param.ty).and_then(|name| self.resolved.structs.get(name));
        let fields = found.map_or(&[][..], |found| &found.fields);
        let numbers = fields.iter().filter(|field| matches!(field.shape.size, 1 | 2 | 4 | 8));
        let numbers: Vec<&ResolvedField> = numbers.collect();
        let (offset, size, ty) = match dice.pick(&numbers) {
            Some(field) => (field.offset as usize, field.shape.size as usize, &field.shape.ty),
            None => (
                dice.below(block.bytes.len() / 8) * 8,
                block.bytes.len().min(8),
                &Type::Int { int: IntType::Fixed { bits: 64, signed: false }, range: None },
            ),
        };
        let linked = block.links.iter().any(|(at, _)| (offset..offset + size).contains(&(*at as usize)));
        let Some(old) = block.word(offset, size).filter(|_| !linked) else { return };
        let of = |field: &&ResolvedField| block.word(field.offset as usize, field.shape.size as usize);
        let others: Vec<u64> = numbers.iter().filter_map(of).collect();
        let mined = &self.mined[call][variant];
        let behind = Spot::Behind(spot, u32::try_from(offset).unwrap_or(0));
        let fresh = |dice: &mut Dice<'_>| number(dice, &self.resolved, ty, mined, behind, Intent::Odd);
        let value = neighbour(dice, old, &others, fresh);
        if let Some(bytes) = block.bytes.get_mut(offset..offset + size) {
            bytes.copy_from_slice(&value.to_le_bytes()[..size]);
        }
    }
}

/// A number beside another one: the next, what a condition compares with, or one beside another argument's.
fn neighbour(dice: &mut Dice<'_>, old: u64, others: &[u64], fresh: impl Fn(&mut Dice<'_>) -> u64) -> u64 {
    let steps = [1, 1, 1, 8, 4096_u64];
    match dice.below(8) {
        0 | 1 => old.wrapping_add(dice.of(steps)),
        2 | 3 => old.wrapping_sub(dice.of(steps)),
        4 => dice.pick(others).copied().unwrap_or(old).wrapping_add(dice.of([0, 1, u64::MAX])),
        5 => old ^ 1 << dice.below(32),
        _ => fresh(dice),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use abispec::arch::Arch;
    use abispec::target::{Resolved, Target};
    use abispec::version::Release;
    use proptest::test_runner::RngAlgorithm;
    use std::sync::Arc;

    fn resolved() -> Arc<Resolved> {
        abispec::resolve(abispec::embedded(), &Target::new(Arch::X86_64, Release::new(7, 3))).into()
    }

    #[test]
    fn neighbours_are_sound_and_differ_in_little() {
        let resolved = resolved();
        let generator = Generator::new(resolved.clone(), &|_| true, &|_| true);
        let wishes = generator.even();
        let mut rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
        let mut alike = 0;
        for _ in 0..2000 {
            let program = generator.program(&mut rng, &wishes);
            let near = generator.near(&mut rng, &wishes, &program);
            assert!(near.is_sound(&resolved), "{:?}", near.lines(&resolved));
            assert!(near.calls.len() <= LONGEST);
            let same = program.calls.iter().filter(|call| near.calls.contains(call)).count();
            alike += usize::from(same + 2 >= program.calls.len());
        }
        // Leaving a call out changes whatever refers to later ones.
        assert!(alike > 1600, "{alike} of 2000");
    }

    #[test]
    fn the_edge_of_a_condition_is_next_to_where_it_holds() {
        let resolved = resolved();
        let generator = Generator::new(resolved.clone(), &|call| call.name == "write", &|_| true);
        let write = resolved.calls.iter().position(|call| call.name == "write").unwrap_or_default();
        let bytes = Argument::Block(Block::new(vec![7; 1000]));
        let args = vec![Argument::Number(3), bytes, Argument::Number(987)];
        let program = Program { calls: vec![crate::program::Invocation { call: write, args }] };
        let mut rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
        let near: Vec<Program> = (0..400).map(|_| generator.near(&mut rng, &generator.even(), &program)).collect();
        let met = |wanted: &dyn Fn(&[Argument]) -> bool| {
            near.iter().flat_map(|program| program.calls.last()).any(|call| call.call == write && wanted(&call.args))
        };
        for count in [986, 988] {
            assert!(met(&|args| args[2] == Argument::Number(count)), "{count}");
        }
        assert!(met(&|args| matches!(&args[1], Argument::Block(block) if block.present() < 1000)));
        assert!(near.iter().any(|near| near.calls.len() > 1), "something comes before");
    }
}
