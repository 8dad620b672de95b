//! Random choices.

use proptest::prelude::Rng;
use proptest::test_runner::TestRng;

/// A random source with the choices that generators make.
pub(super) struct Dice<'a> {
    source: &'a mut TestRng,
    /// Random bits that were drawn and not used yet, at the low end.
    rest: u64,
    /// How many those are.
    left: u32,
}

/// Bits that a choice among few takes. Most choices are such, and drawing is what they cost.
const FEW: u32 = 21;

impl<'a> Dice<'a> {
    pub(super) fn new(source: &'a mut TestRng) -> Self {
        Self { source, rest: 0, left: 0 }
    }

    /// 64 random bits.
    pub(super) fn bits(&mut self) -> u64 {
        self.source.next_u64()
    }

    fn few(&mut self) -> u64 {
        if self.left < FEW {
            (self.rest, self.left) = (self.bits(), u64::BITS);
        }
        let drawn = self.rest & ((1 << FEW) - 1);
        self.rest >>= FEW;
        self.left -= FEW;
        drawn
    }

    /// A number below `n`; 0 where `n` is 0.
    pub(super) fn below(&mut self, n: usize) -> usize {
        if n == 0 {
            return 0;
        }
        // The bias of a product is far below what a fuzzer could notice: one in four thousand at most.
        if n <= 512 {
            return usize::try_from((self.few() * n as u64) >> FEW).unwrap_or(0);
        }
        usize::try_from((u128::from(self.bits()) * n as u128) >> 64).unwrap_or(0)
    }

    /// True in `percent` of a hundred cases.
    pub(super) fn chance(&mut self, percent: u32) -> bool {
        self.below(100) < percent as usize
    }

    /// One of a list.
    pub(super) fn pick<'t, T>(&mut self, list: &'t [T]) -> Option<&'t T> {
        list.get(self.below(list.len()))
    }

    /// One of a few values.
    pub(super) fn of<T: Copy, const N: usize>(&mut self, list: [T; N]) -> T {
        list[self.below(N)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::test_runner::RngAlgorithm;

    #[test]
    fn every_choice_comes_about_as_often() {
        let mut source = TestRng::from_seed(RngAlgorithm::XorShift, &[7; 16]);
        let mut dice = Dice::new(&mut source);
        for n in [1, 2, 3, 10, 100, 512, 513, 1000] {
            let mut seen = vec![0; n];
            for _ in 0..200 * n {
                seen[dice.below(n)] += 1;
            }
            assert!(seen.iter().all(|times| (100..320).contains(times)), "{n}: {seen:?}");
        }
        assert_eq!(dice.below(0), 0);
    }
}
