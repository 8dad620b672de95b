//! The filter that makes a followed program stop at some calls and lets it make all others at full speed.

use crate::exec::ArgCondition;
use crate::exec::deny::bpf;
use libc::sock_filter;

/// Commands of one call that are not worth a stop.
#[derive(Clone, Copy, Debug)]
pub struct Harmless<'a> {
    /// The call.
    pub nr: u32,
    /// The argument that holds the command.
    pub arg: u8,
    /// The commands.
    pub values: &'a [u32],
}

/// A filter that stops at these calls, or at all without a list. Calls of another ABI always stop: their numbers mean
/// other calls, and what they do is not followed.
pub fn trace_filter(calls: Option<&[u32]>, harmless: Option<Harmless<'_>>) -> Vec<sock_filter> {
    let Some(calls) = calls else { return vec![bpf::STOP] };
    let mut program = vec![bpf::load(bpf::ARCH), bpf::skip_if_equal(super::NATIVE, 1), bpf::STOP, bpf::load(bpf::NR)];
    if cfg!(target_arch = "x86_64") {
        program.extend([bpf::skip_unless_at_least(0x4000_0000, 1), bpf::STOP]);
    }
    for nr in calls.iter().filter(|nr| harmless.is_none_or(|harmless| harmless.nr != **nr)) {
        program.extend([bpf::skip_unless_same(*nr, 1), bpf::STOP]);
    }
    if let Some(harmless) = harmless.filter(|harmless| calls.contains(&harmless.nr)) {
        program.extend([
            bpf::skip_unless_same(harmless.nr, 2 + 2 * harmless.values.len() as u8),
            bpf::load(bpf::arg_low(harmless.arg)),
        ]);
        for value in harmless.values {
            program.extend([bpf::skip_unless_same(*value, 1), bpf::ALLOW]);
        }
        program.push(bpf::STOP);
    }
    program.push(bpf::ALLOW);
    program
}

/// Calls that are allowed where all conditions hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowed {
    /// The call.
    pub nr: u32,
    /// What must hold for its arguments.
    pub conditions: Vec<ArgCondition>,
}

/// A filter that allows these calls and answers all others with an errno, as a seccomp profile says.
pub fn allow_filter(rules: &[Allowed], otherwise: u16) -> Vec<sock_filter> {
    let refused = bpf::answer(u32::from(otherwise));
    let mut program = vec![bpf::load(bpf::ARCH), bpf::skip_if_equal(super::NATIVE, 1), refused];
    for rule in rules {
        let mut part = vec![bpf::load(bpf::NR), bpf::skip_unless_equal(rule.nr)];
        for condition in &rule.conditions {
            for (word, shift) in [(bpf::arg_low(condition.arg), 0), (bpf::arg_high(condition.arg), 32)] {
                let (mask, value) = ((condition.mask >> shift) as u32, (condition.value >> shift) as u32);
                if mask != 0 {
                    part.extend([bpf::load(word), bpf::and(mask), bpf::skip_unless_equal(value)]);
                }
            }
        }
        part.push(bpf::ALLOW);
        bpf::aim_at_end(&mut part);
        program.extend(part);
    }
    program.push(refused);
    program
}

#[cfg(test)]
mod tests {
    use super::*;
    use libc::{BPF_JEQ, BPF_JMP, BPF_K, BPF_RET};

    /// Runs a filter as the kernel does.
    fn run(program: &[sock_filter], nr: u32, arch: u32, arg1: u32) -> u32 {
        let (mut accumulator, mut at) = (0, 0);
        loop {
            let instruction = program[at];
            at += 1;
            match u32::from(instruction.code) {
                code if code == BPF_RET | BPF_K => return instruction.k,
                code if code == BPF_JMP | BPF_JEQ | BPF_K => {
                    at += usize::from(if accumulator == instruction.k { instruction.jt } else { instruction.jf });
                }
                code if code == BPF_JMP | libc::BPF_JGE | BPF_K => {
                    at += usize::from(if accumulator >= instruction.k { instruction.jt } else { instruction.jf });
                }
                _ => {
                    accumulator = match instruction.k {
                        bpf::NR => nr,
                        bpf::ARCH => arch,
                        24 => arg1,
                        other => panic!("loads from {other}"),
                    }
                }
            }
        }
    }

    #[test]
    fn some_calls_stop_and_others_do_not() {
        let harmless = Harmless { nr: 16, arg: 1, values: &[0x5401, 0x5413] };
        let filter = trace_filter(Some(&[0, 3, 16, 257]), Some(harmless));
        let (stop, go) = (libc::SECCOMP_RET_TRACE, libc::SECCOMP_RET_ALLOW);
        let native = super::super::NATIVE;
        let table = [
            (0, native, 0, stop),
            (1, native, 0, go),
            (3, native, 0, stop),
            (257, native, 0x5401, stop),
            (16, native, 0x5401, go),
            (16, native, 0x5413, go),
            (16, native, 0x5421, stop),
            (60, native, 0x5421, go),
            (1, 0x4000_0003, 0, stop),
        ];
        for (nr, arch, arg, expected) in table {
            assert_eq!(run(&filter, nr, arch, arg), expected, "{nr} {arch:#x} {arg:#x}");
        }
        assert_eq!(run(&trace_filter(None, None), 1, native, 0), stop);
    }
}
