//! Programs for laws: a relation's own calls, and arguments that a law states.

use super::Case;
use super::observer::Scene;
use crate::coverage::Executable;
use crate::generate::{GIVEN, Generator};
use crate::program::{Argument, Block, Invocation, Output, Program};
use crate::world::Numbers;
use abispec::expr::{Moment, evaluate};
use abispec::law::resolved::{Literal, ResolvedArg, ResolvedForm, ResolvedLaw};
use abispec::target::Resolved;
use proptest::test_runner::TestRng;

/// Makes cases for the laws of a specification.
pub struct Makers {
    /// Laws that can be tried, as indices into [`Resolved::laws`].
    laws: Vec<usize>,
    numbers: Numbers,
}

/// How often a program is made anew until the left call of an equivalence occurs in it.
const ATTEMPTS: usize = 8;

impl Makers {
    /// Makers for the laws that make a call which `wanted` picks, of those that are executable by `verdicts`, which has one for
    /// each clause.
    pub fn new(resolved: &Resolved, wanted: &dyn Fn(&abispec::target::Call) -> bool, verdicts: &[Executable]) -> Self {
        let possible = |law: &ResolvedLaw| {
            verdicts.get(law.clause.0 as usize) == Some(&Executable::Yes)
                && law.lines().iter().any(|line| wanted(&resolved.calls[line.call]))
        };
        let laws = (0..resolved.laws.len()).filter(|index| possible(&resolved.laws[*index])).collect();
        Self { laws, numbers: Numbers::of(resolved) }
    }

    /// Laws that can be tried, as indices into [`Resolved::laws`].
    pub fn laws(&self) -> &[usize] {
        &self.laws
    }

    /// A case of a law; `None` where none was found this time.
    pub fn case(&self, generator: &Generator, rng: &mut TestRng, law: usize) -> Option<Case> {
        let resolved = generator.resolved();
        let found = &resolved.laws[law];
        match &found.form {
            ResolvedForm::Relation { given, .. } => {
                let seed = generator.given(rng, &found.variables[..*given]);
                let case = Case { law, seed };
                case.program(resolved).map(|_| case)
            }
            ResolvedForm::Same { left, .. } => {
                let nothing = Scene { values: Vec::new(), memory: None, numbers: &self.numbers };
                let fixed: Vec<(usize, u64)> = left
                    .args
                    .iter()
                    .enumerate()
                    .filter_map(|(position, arg)| match arg {
                        ResolvedArg::Value(expr) => {
                            Some((position, low_bits(evaluate(expr, &nothing, Moment::Before)?)))
                        }
                        _ => None,
                    })
                    .collect();
                (0..ATTEMPTS).find_map(|_| {
                    let case = Case { law, seed: generator.around(rng, left.call, left.variant, &fixed) };
                    case.program(resolved).map(|_| case)
                })
            }
        }
    }
}

/// The program of a relation: what makes that which is given, then the law's calls. `None` where the seed has another form
/// than the law wants, or where a number cannot be computed.
pub fn template(resolved: &Resolved, law: &ResolvedLaw, seed: &Program) -> Option<Program> {
    let ResolvedForm::Relation { given, calls, .. } = &law.form else { return None };
    let (last, before) = seed.calls.split_last()?;
    if last.call != GIVEN || last.args.len() != *given || before.iter().any(|call| call.call == GIVEN) {
        return None;
    }
    if super::stranger(resolved, &law.variables[..*given], &last.args).is_some() {
        return None;
    }
    let numbers = Numbers::of(resolved);
    let mut making = Arguments::new(&numbers, last.args.clone(), law);
    let mut program = Program { calls: before.to_vec() };
    for line in calls {
        let index = program.calls.len();
        let args = line.args.iter().map(|arg| making.argument(arg)).collect::<Option<Vec<_>>>()?;
        for (position, arg) in line.args.iter().enumerate() {
            // Each call has memory of its own; what a law says of a pointer is said of the last one.
            if let ResolvedArg::Variable(variable) = arg {
                making.note(*variable, index, position);
            }
        }
        program.calls.push(Invocation { call: line.call, args });
        if let Some(result) = line.result {
            making.set(result, Argument::ret(index));
        }
    }
    Some(program)
}

/// Turns the arguments of a law's calls into those of a program.
pub(super) struct Arguments<'a> {
    numbers: &'a Numbers,
    law: &'a ResolvedLaw,
    bound: Vec<Option<Argument>>,
    /// By variable, the call and the parameter that took it last.
    taken: Vec<Option<(usize, u8)>>,
}

impl<'a> Arguments<'a> {
    pub(super) fn new(numbers: &'a Numbers, given: Vec<Argument>, law: &'a ResolvedLaw) -> Self {
        let mut bound: Vec<Option<Argument>> = given.into_iter().map(Some).collect();
        bound.resize(law.variables.len(), None);
        Self { numbers, law, taken: vec![None; bound.len()], bound }
    }

    fn set(&mut self, variable: u8, argument: Argument) {
        if let Some(slot) = self.bound.get_mut(usize::from(variable)) {
            *slot = Some(argument);
        }
    }

    fn note(&mut self, variable: u8, call: usize, position: usize) {
        if let (Some(slot), Ok(position)) = (self.taken.get_mut(usize::from(variable)), u8::try_from(position)) {
            *slot = Some((call, position));
        }
    }

    pub(super) fn argument(&self, arg: &ResolvedArg) -> Option<Argument> {
        match arg {
            ResolvedArg::Variable(index) => self.bound.get(usize::from(*index))?.clone(),
            ResolvedArg::Value(expr) => {
                Some(Argument::Number(low_bits(evaluate(expr, &self.scene(), Moment::Before)?)))
            }
            ResolvedArg::Text(text) => Some(Argument::Block(Block::text(text.as_bytes()))),
            ResolvedArg::Struct(literal) => self.literal(literal).map(Argument::Block),
            ResolvedArg::Element { variable, offset } => {
                let (of, param) = (*self.taken.get(usize::from(*variable))?)?;
                Some(Argument::Result { of, output: Output::Written { param, offset: *offset }, high: None })
            }
        }
    }

    /// The variables that are plain numbers.
    fn scene(&self) -> Scene<'_> {
        let values = self.bound.iter().zip(&self.law.variables).map(|(bound, param)| match bound {
            Some(Argument::Number(number)) => Some(param.int.value_of(*number, self.numbers.word)),
            _ => None,
        });
        Scene { values: values.collect(), memory: None, numbers: self.numbers }
    }

    fn literal(&self, literal: &Literal) -> Option<Block> {
        let mut block = Block::new(vec![0; literal.size as usize]);
        for part in &literal.fields {
            match self.argument(&part.value)? {
                Argument::Number(number) => {
                    let (at, size) = (part.offset as usize, part.size.min(8) as usize);
                    block.bytes.get_mut(at..at + size)?.copy_from_slice(&number.to_le_bytes()[..size]);
                }
                Argument::Block(inner) => block.links.push((part.offset, inner)),
                // What a call answers is not known when memory is filled.
                Argument::Result { .. } => return None,
            }
        }
        Some(block)
    }
}

/// The low 64 bits of an exact number.
pub(super) fn low_bits(number: i128) -> u64 {
    let bytes = number.to_le_bytes();
    let mut low = [0; 8];
    low.copy_from_slice(&bytes[..8]);
    u64::from_le_bytes(low)
}

/// A number as a narrower parameter has it, as wide as a register again.
pub(super) fn widened(number: u64, int: abispec::types::IntType, word: u32) -> u64 {
    low_bits(int.value_of(number, word))
}
