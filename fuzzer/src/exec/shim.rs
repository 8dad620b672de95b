//! Extra filters: kernels that break their promise, planted for tests of everything above the executor.

use libc::sock_filter;

use super::deny::bpf;

/// A condition on one register of a call: `register & mask == value`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArgCondition {
    /// Which of the six registers.
    pub arg: u8,
    /// The bits looked at.
    pub mask: u64,
    /// What they must be.
    pub value: u64,
}

/// What a shimmed call returns; the kernel's own code is not reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShimOutcome {
    /// This errno.
    Fail(u16),
    /// Zero.
    Succeed,
}

/// Builds one filter out of rules; the first rule that applies to a call decides.
#[derive(Debug, Clone, Default)]
pub struct ShimFilter {
    program: Vec<sock_filter>,
}

impl ShimFilter {
    /// A filter that lets every call through.
    pub fn new() -> ShimFilter {
        ShimFilter::default()
    }

    /// Adds a rule: calls of `nr` for which every condition holds get `outcome`.
    ///
    /// The executor itself makes `futex` calls between batches: a rule on all of them stops it.
    pub fn rule(mut self, nr: u32, conditions: &[ArgCondition], outcome: ShimOutcome) -> ShimFilter {
        let mut rule = Vec::new();
        rule.push(bpf::load(bpf::NR));
        rule.push(bpf::skip_unless_equal(nr));
        for condition in conditions {
            for (word, shift) in [(bpf::arg_low(condition.arg), 0), (bpf::arg_high(condition.arg), 32)] {
                let (mask, value) = ((condition.mask >> shift) as u32, (condition.value >> shift) as u32);
                if mask != 0 || value != 0 {
                    rule.extend([bpf::load(word), bpf::and(mask), bpf::skip_unless_equal(value)]);
                }
            }
        }
        rule.push(bpf::answer(match outcome {
            ShimOutcome::Fail(errno) => u32::from(errno),
            ShimOutcome::Succeed => 0,
        }));
        bpf::aim_at_end(&mut rule);
        self.program.extend(rule);
        self
    }

    /// The filter as the kernel takes it.
    pub fn build(mut self) -> Vec<sock_filter> {
        self.program.push(bpf::ALLOW);
        self.program
    }
}
