//! What a condition wants of the caller itself: its limits, its priority, its mask.

use super::super::producers::Producers;
use crate::program::{Argument, Block, Program};
use std::collections::BTreeMap;

/// What a condition wants of the caller.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct CallerWish {
    /// Soft limits by number.
    pub(super) limits: BTreeMap<i128, i128>,
    pub(super) nice: Option<i128>,
    pub(super) policy: Option<i128>,
    pub(super) umask: Option<i128>,
    /// Numbers that are free for descriptors.
    pub(super) free: Option<i128>,
}

/// Descriptors that a program begins with.
const BEGIN: u64 = 3;

impl CallerWish {
    /// A limit that is wished for.
    pub(super) fn limit(&self, resource: i128) -> Option<i128> {
        self.limits.get(&resource).copied()
    }

    /// Makes the caller so, before the call.
    pub(super) fn make(&self, producers: &Producers<'_>, program: &mut Program) {
        let number = Argument::Number;
        let register = |value: i128| number(value as u64);
        if let Some(policy) = self.policy {
            let plain = Argument::Block(Block::new(vec![0; 4]));
            let _ = producers.push(program, "sched_setscheduler", vec![number(0), register(policy), plain]);
        }
        if let Some(nice) = self.nice {
            let _ = producers.push(program, "setpriority", vec![number(0), number(0), register(nice)]);
        }
        if let Some(mask) = self.umask {
            let _ = producers.push(program, "umask", vec![register(mask)]);
        }
        let descriptors = producers.constant("RLIMIT_NOFILE");
        let free = self.free.map(|free| (descriptors.into(), i128::from(opened(producers, program)) + free));
        let limits = self.limits.iter().map(|(resource, limit)| (*resource, *limit));
        for (resource, soft) in limits.chain(free) {
            let mut bytes = (soft as u64).to_le_bytes().to_vec();
            // More than it was is not for the caller to have; of descriptors others need their own.
            let hard = if resource == i128::from(descriptors) { 128 } else { soft as u64 };
            bytes.extend_from_slice(&hard.to_le_bytes());
            let args = vec![number(0), register(resource), Argument::Block(Block::new(bytes)), number(0)];
            let _ = producers.push(program, "prlimit64", args);
        }
    }
}

/// Descriptors that a program has open when its calls succeed.
fn opened(producers: &Producers<'_>, program: &Program) -> u64 {
    let opens = |call: &crate::program::Invocation| {
        let found = &producers.resolved.calls[call.call];
        let returns = &found.variants[0].returns;
        match found.name.as_str() {
            "pipe" | "pipe2" | "socketpair" => 2,
            _ => u64::from(returns.is_descriptor()),
        }
    };
    let closed = program.calls.iter().filter(|call| producers.resolved.calls[call.call].name == "close").count();
    (BEGIN + program.calls.iter().map(opens).sum::<u64>()).saturating_sub(closed as u64)
}
