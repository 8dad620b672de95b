//! A search for numbers that make a condition true where its form does not say them: sums, alignments, remainders.

use super::dice::Dice;
use crate::program::Argument;
use abispec::expr::{BinaryOp, Expr, Truth};

/// How many numbers are tried.
const TRIES: usize = 32;

/// Changes plain numbers among the arguments until no part of a condition is known to be false, or tries run out. `judge`
/// says what a condition is for arguments; the one that chooses among a call's commands stays as it is.
pub(super) fn search(
    dice: &mut Dice<'_>,
    condition: &Expr,
    selector: Option<u8>,
    args: &mut [Argument],
    judge: &dyn Fn(&Expr, &[Argument]) -> Truth,
) {
    let parts = condition.joined(BinaryOp::And);
    let false_parts = |args: &[Argument]| parts.iter().filter(|part| judge(part, args) == Truth::False).count();
    let mut missing = false_parts(args);
    if missing == 0 {
        return;
    }
    let hints = Hints::of(condition, selector, args);
    for _ in 0..TRIES {
        let Some(&position) = dice.pick(&hints.params) else { return };
        let Argument::Number(before) = args[position] else { return };
        args[position] = Argument::Number(hints.candidate(dice, before, args));
        let now = false_parts(args);
        if now > missing {
            args[position] = Argument::Number(before);
            continue;
        }
        missing = now;
        if missing == 0 {
            return;
        }
    }
}

/// What a condition lets expect of the numbers that it speaks of.
struct Hints {
    /// Positions of arguments that may be changed.
    params: Vec<usize>,
    /// Numbers that stand in the condition.
    numbers: Vec<u64>,
}

/// Where registers, pages and address spaces end.
const LIMITS: [u64; 14] = [
    0,
    1,
    4095,
    4096,
    8192,
    1 << 31,
    1 << 32,
    (1 << 47) - 4096,
    1 << 47,
    (1 << 63) - 1,
    1 << 63,
    u64::MAX - 8191,
    u64::MAX - 4095,
    u64::MAX,
];

impl Hints {
    fn of(condition: &Expr, selector: Option<u8>, args: &[Argument]) -> Self {
        let mut hints = Self { params: Vec::new(), numbers: Vec::new() };
        condition.walk(&mut |expr| match expr {
            Expr::Param(index) if Some(*index) != selector => {
                let position = usize::from(*index);
                let plain = matches!(args.get(position), Some(Argument::Number(_)));
                if plain && !hints.params.contains(&position) {
                    hints.params.push(position);
                }
            }
            Expr::Int(value) => hints.numbers.extend(u64::try_from(*value).ok()),
            _ => {}
        });
        hints
    }

    fn candidate(&self, dice: &mut Dice<'_>, before: u64, args: &[Argument]) -> u64 {
        let others = self.params.iter().filter_map(|position| match args[*position] {
            Argument::Number(value) => Some(value),
            Argument::Block(_) | Argument::Result { .. } => None,
        });
        let step = dice.of([0, 1, u64::MAX, 4096, 4096_u64.wrapping_neg()]);
        let start = match dice.below(6) {
            0 => before,
            1 => dice.pick(&self.numbers).copied().unwrap_or(before),
            2 => dice.pick(&others.collect::<Vec<u64>>()).copied().unwrap_or(before),
            3 => before.wrapping_neg(),
            4 => before ^ 1 << dice.below(64),
            _ => dice.of(LIMITS),
        };
        start.wrapping_add(step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unmade::Unmade;
    use abispec::arch::Arch;
    use abispec::expr::{Moment, truth};
    use abispec::target::Target;
    use abispec::version::Release;
    use proptest::test_runner::{RngAlgorithm, TestRng};

    fn judge(condition: &Expr, args: &[Argument]) -> Truth {
        truth(condition, &Unmade(args), Moment::Before)
    }

    #[test]
    fn sums_and_alignments_are_solved() {
        let resolved = abispec::resolve(abispec::embedded(), &Target::new(Arch::X86_64, Release::new(7, 3)));
        let mut random = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
        for (call, errno) in [("munlock", "EINVAL"), ("msync", "ENOMEM"), ("mseal", "EINVAL"), ("mremap", "EINVAL")] {
            let variant = &resolved.calls.iter().find(|found| found.name == call).expect(call).variants[0];
            for rule in variant.rules.iter().filter(|rule| rule.duty && rule.errno.name() == errno) {
                let plain = vec![Argument::Number(0x1_0000); variant.params.len()];
                if judge(&rule.condition, &plain) != Truth::False {
                    continue;
                }
                let solved = (0..200).any(|_| {
                    let mut args = plain.clone();
                    search(&mut Dice::new(&mut random), &rule.condition, None, &mut args, &judge);
                    judge(&rule.condition, &args) != Truth::False
                });
                assert!(solved, "{call} {errno}: {:?}", rule.condition);
            }
        }
    }

    #[test]
    fn what_chooses_the_command_stays() {
        let mut random = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
        let condition = Expr::Binary(BinaryOp::Eq, Box::new(Expr::Param(0)), Box::new(Expr::Int(5)));
        let mut args = [Argument::Number(3)];
        search(&mut Dice::new(&mut random), &condition, Some(0), &mut args, &judge);
        assert!(matches!(args[0], Argument::Number(3)));
    }
}
