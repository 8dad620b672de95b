//! The filter that keeps executors from the calls that reach beyond the sandbox or out of it.
//!
//! It answers with `DENIED_ERRNO`, which no kernel uses: a refusal can never be taken for the kernel's own answer. Which calls
//! these are, specifications say (`scope:`), and where none does, the one inside this program.

use libc::sock_filter;

/// What a denied call returns, negated.
pub(super) const DENIED_ERRNO: i32 = 4090;

#[cfg(target_arch = "x86_64")]
const AUDIT_ARCH: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
const AUDIT_ARCH: u32 = 0xc000_00b7;

/// What the kernel calls the i386 entry.
const AUDIT_ARCH_I386: u32 = 0x4000_0003;

/// The filter as the kernel takes it, for these denied numbers. Calls of another ABI (32-bit, x32) are denied as a whole, since their numbers
/// mean other calls, but for those of i386 in `ia32`.
pub(super) fn filter(denied: &[u32], ia32: &[u32]) -> Vec<sock_filter> {
    let mut program = vec![bpf::load(bpf::ARCH)];
    if !ia32.is_empty() {
        // Each number that is permitted takes two instructions.
        program.push(bpf::skip_unless_same(AUDIT_ARCH_I386, 2));
        program.extend([bpf::load(bpf::NR), bpf::jump(2)]);
        program.extend([bpf::load(bpf::ARCH), bpf::jump(2 * ia32.len() as u32 + 1)]);
        for nr in ia32 {
            program.extend([bpf::skip_unless_same(*nr, 1), bpf::ALLOW]);
        }
        program.push(bpf::answer(DENIED_ERRNO as u32));
    }
    program.extend([bpf::skip_if_equal(AUDIT_ARCH, 1), bpf::answer(DENIED_ERRNO as u32)]);
    program.push(bpf::load(bpf::NR));
    if cfg!(target_arch = "x86_64") {
        program.extend([bpf::skip_unless_at_least(0x4000_0000, 1), bpf::answer(DENIED_ERRNO as u32)]);
    }
    for nr in denied {
        // Each answers for itself: a jump to one answer behind all of them does not reach over 256.
        program.extend([bpf::skip_unless_same(*nr, 1), bpf::answer(DENIED_ERRNO as u32)]);
    }
    program.push(bpf::ALLOW);
    program
}

/// The few instructions of the classic packet filter language that seccomp needs.
pub(super) mod bpf {
    use libc::{
        BPF_ABS, BPF_ALU, BPF_AND, BPF_JA, BPF_JEQ, BPF_JGE, BPF_JMP, BPF_K, BPF_LD, BPF_RET, BPF_W, sock_filter,
    };

    /// Offsets in `struct seccomp_data`.
    pub(in crate::exec) const NR: u32 = 0;
    pub(in crate::exec) const ARCH: u32 = 4;

    /// Stands for "the end of this rule" until [`aim_at_end`] knows where that is.
    const END: u8 = u8::MAX;

    const fn instruction(code: u32, jt: u8, jf: u8, k: u32) -> sock_filter {
        sock_filter { code: code as u16, jt, jf, k }
    }

    pub(in crate::exec) const ALLOW: sock_filter = instruction(BPF_RET | BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW);

    /// Lets the tracer look first.
    pub(in crate::exec) const STOP: sock_filter = instruction(BPF_RET | BPF_K, 0, 0, libc::SECCOMP_RET_TRACE);

    /// The lower half of a register on a little-endian machine.
    pub(in crate::exec) fn arg_low(arg: u8) -> u32 {
        16 + 8 * u32::from(arg)
    }

    /// The upper half of a register on a little-endian machine.
    pub(in crate::exec) fn arg_high(arg: u8) -> u32 {
        arg_low(arg) + 4
    }

    pub(in crate::exec) fn load(offset: u32) -> sock_filter {
        instruction(BPF_LD | BPF_W | BPF_ABS, 0, 0, offset)
    }

    pub(in crate::exec) fn and(mask: u32) -> sock_filter {
        instruction(BPF_ALU | BPF_AND | BPF_K, 0, 0, mask)
    }

    pub(in crate::exec) fn skip_if_equal(value: u32, over: u8) -> sock_filter {
        instruction(BPF_JMP | BPF_JEQ | BPF_K, over, 0, value)
    }

    pub(in crate::exec) fn skip_unless_same(value: u32, over: u8) -> sock_filter {
        instruction(BPF_JMP | BPF_JEQ | BPF_K, 0, over, value)
    }

    pub(in crate::exec) fn jump(over: u32) -> sock_filter {
        instruction(BPF_JMP | BPF_JA | BPF_K, 0, 0, over)
    }

    pub(in crate::exec) fn skip_unless_at_least(value: u32, over: u8) -> sock_filter {
        instruction(BPF_JMP | BPF_JGE | BPF_K, 0, over, value)
    }

    pub(in crate::exec) fn skip_unless_equal(value: u32) -> sock_filter {
        instruction(BPF_JMP | BPF_JEQ | BPF_K, 0, END, value)
    }

    /// Answers with an errno, or with zero, without making the call.
    pub(in crate::exec) fn answer(errno: u32) -> sock_filter {
        instruction(BPF_RET | BPF_K, 0, 0, libc::SECCOMP_RET_ERRNO | errno)
    }

    /// Gives the open jumps of `rule` their distance to its end.
    pub(in crate::exec) fn aim_at_end(rule: &mut [sock_filter]) {
        let len = rule.len();
        for (index, instruction) in rule.iter_mut().enumerate() {
            if instruction.jf == END {
                instruction.jf = (len - index - 1) as u8;
            }
        }
    }
}
