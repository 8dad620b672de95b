//! Simpler programs: fewer calls first, then plainer arguments.

use crate::program::{Argument, Block, Placement, Program};

/// Walks through the ways to make a program simpler, each tried once per program it applies to.
#[derive(Clone, Debug, Default)]
pub struct Simpler {
    step: usize,
    /// Whether a step was accepted since the walk last began.
    progress: bool,
    tried: bool,
}

impl Simpler {
    /// The next simpler program; `None` when nothing simpler is left to try.
    pub fn next(&mut self, program: &Program) -> Option<Program> {
        if self.tried {
            // The last proposal was accepted: what is now simpler may allow earlier steps again.
            self.progress = true;
        }
        loop {
            match proposal(program, self.step) {
                Proposal::Program(simpler) => {
                    self.tried = true;
                    return Some(simpler);
                }
                Proposal::Same => self.step += 1,
                Proposal::End if self.progress => {
                    self.progress = false;
                    self.tried = false;
                    self.step = 0;
                }
                Proposal::End => return None,
            }
        }
    }

    /// The last proposal did not keep what was looked for.
    pub fn rejected(&mut self) {
        self.tried = false;
        self.step += 1;
    }
}

enum Proposal {
    Program(Program),
    /// This step changes nothing here.
    Same,
    /// There is no such step.
    End,
}

/// Ways to simplify one argument.
const PER_ARGUMENT: usize = 8;

fn proposal(program: &Program, step: usize) -> Proposal {
    let calls = program.calls.len();
    if step < calls {
        // From the end: the last calls seldom matter to what happened before.
        let index = calls - 1 - step;
        return if calls > 1 { Proposal::Program(program.without(index, u64::MAX)) } else { Proposal::Same };
    }
    let mut rest = step - calls;
    for (index, call) in program.calls.iter().enumerate() {
        let own = call.args.len() * PER_ARGUMENT;
        if rest >= own {
            rest -= own;
            continue;
        }
        let (position, way) = (rest / PER_ARGUMENT, rest % PER_ARGUMENT);
        let Some(simpler) = argument(&call.args[position], way).filter(|arg| *arg != call.args[position]) else {
            return Proposal::Same;
        };
        let mut changed = program.clone();
        changed.calls[index].args[position] = simpler;
        return Proposal::Program(changed);
    }
    Proposal::End
}

fn argument(arg: &Argument, way: usize) -> Option<Argument> {
    match arg {
        Argument::Number(value) => number(*value, way).map(Argument::Number),
        Argument::Result { of, output, high } => match (way, high) {
            (0, Some(_)) => Some(Argument::Result { of: *of, output: *output, high: None }),
            (1, _) => Some(Argument::Number(u64::MAX)),
            _ => None,
        },
        Argument::Block(block) => simpler_block(block, way),
    }
}

fn number(value: u64, way: usize) -> Option<u64> {
    let simpler = match way {
        0 => 0,
        1 => 1,
        // The upper half first: it is noise behind a 32-bit parameter.
        2 if value >> 32 == 0xffff_ffff => return None,
        2 => value & 0xffff_ffff,
        3 => u64::from(value as u32).cast_signed().cast_unsigned(),
        4 if value.count_ones() > 1 => value & (value - 1),
        5 if value.count_ones() > 1 => 1 << (63 - value.leading_zeros()),
        6 => value / 2,
        7 if value > 0 && value.cast_signed() > 0 => value - 1,
        _ => return None,
    };
    // A number gets smaller or loses bits; anything else could go round in circles.
    (simpler < value).then_some(simpler)
}

fn simpler_block(block: &Block, way: usize) -> Option<Argument> {
    let mut simpler = block.clone();
    match way {
        0 => return Some(Argument::Number(0)),
        1 if !matches!(block.placement, Placement::Middle) => simpler.placement = Placement::Middle,
        2 if block.links.is_empty() && block.bytes.len() > 1 => {
            simpler.bytes.truncate(block.bytes.len() / 2);
            if block.bytes.last() == Some(&0)
                && let Some(last) = simpler.bytes.last_mut()
            {
                *last = 0;
            }
            if let Placement::Edge(mapped) = &mut simpler.placement {
                *mapped = (*mapped).min(u32::try_from(simpler.bytes.len()).unwrap_or(0));
            }
        }
        3 if block.bytes.iter().any(|byte| *byte != 0 && *byte != crate::lower::POISON) => {
            simpler.bytes.fill(0);
            simpler.links.clear();
        }
        4 => {
            // The first half of the bytes that carry anything.
            let first = simpler.bytes.iter().position(|byte| *byte != 0)?;
            let end = first + (simpler.bytes.len() - first).div_ceil(2);
            simpler.bytes[first..end].fill(0);
        }
        5 if !block.links.is_empty() => {
            simpler.links.pop();
        }
        6 => {
            let last = simpler.bytes.iter().rposition(|byte| *byte != 0)?;
            simpler.bytes[last] = 0;
        }
        7 => {
            let first = simpler.bytes.iter().position(|byte| *byte != 0)?;
            simpler.bytes[first] = 0;
        }
        _ => return None,
    }
    Some(Argument::Block(simpler))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::Invocation;

    /// Shrinks as far as `keep` stays true.
    fn shrink(mut program: Program, keep: impl Fn(&Program) -> bool) -> Program {
        let mut steps = Simpler::default();
        for _ in 0..100_000 {
            let Some(simpler) = steps.next(&program) else { return program };
            if keep(&simpler) { program = simpler } else { steps.rejected() }
        }
        panic!("shrinking does not end");
    }

    fn call(args: Vec<Argument>) -> Invocation {
        Invocation { call: 0, args }
    }

    #[test]
    fn what_does_not_matter_goes() {
        let program = Program {
            calls: vec![
                call(vec![Argument::Number(5)]),
                call(vec![Argument::ret(0), Argument::Number(0xdead_0000_0000_0007)]),
                call(vec![Argument::Block(Block::new(vec![9; 64]))]),
            ],
        };
        let keep = |program: &Program| {
            program.calls.iter().any(|call| matches!(call.args.get(1), Some(Argument::Number(n)) if n & 4 != 0))
        };
        let shrunk = shrink(program, keep);
        assert_eq!(shrunk, Program { calls: vec![call(vec![Argument::Number(0), Argument::Number(4)])] });
    }

    #[test]
    fn shrinking_ends_when_everything_is_kept() {
        let program = Program { calls: vec![call(vec![Argument::Block(Block::new(vec![1; 33]))])] };
        let shrunk = shrink(program, |_| true);
        assert_eq!(shrunk.calls, vec![call(vec![Argument::Number(0)])]);
    }
}
