//! An input for a fuzzing engine such as LibAFL: a short list of calls that is kept as bytes, changed by mutations that know
//! what each argument is, and shown as text. Nothing is called here; an engine's executor does that.

#![expect(clippy::print_stdout, reason = "an example shows what it found")]

use abispec::arch::Arch;
use abispec::target::{Resolved, Target};
use abispec::types::Type;
use abispec::version::Release;

/// A call: its place in the list of the kernel's calls, and its six registers.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Made {
    call: u16,
    args: [u64; 6],
}

/// What an engine keeps in its corpus.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Input(Vec<Made>);

impl Input {
    fn to_bytes(&self) -> Vec<u8> {
        let one = |made: &Made| {
            made.call
                .to_le_bytes()
                .into_iter()
                .chain(made.args.into_iter().flat_map(u64::to_le_bytes))
                .collect::<Vec<u8>>()
        };
        self.0.iter().flat_map(one).collect()
    }

    /// Any bytes are an input, as engines that know nothing of calls want it.
    fn from_bytes(bytes: &[u8]) -> Self {
        let word = |chunk: &[u8], at: usize| {
            chunk[at..at + 8].iter().rev().fold(0_u64, |value, byte| value << 8 | u64::from(*byte))
        };
        let one = |chunk: &[u8]| Made {
            call: u16::from_le_bytes([chunk[0], chunk[1]]),
            args: std::array::from_fn(|index| word(chunk, 2 + index * 8)),
        };
        Self(bytes.chunks_exact(50).map(one).collect())
    }

    /// Changes one argument to a value that means something there; `choice` is the engine's source of chance.
    fn mutate(&mut self, resolved: &Resolved, mut choice: impl FnMut(usize) -> usize) {
        let length = self.0.len();
        if length == 0 || choice(4) == 0 {
            self.0.push(Made { call: u16::try_from(choice(resolved.calls.len())).unwrap_or(0), args: [0; 6] });
            return;
        }
        let made = &mut self.0[choice(length)];
        let call = &resolved.calls[usize::from(made.call) % resolved.calls.len()];
        let params = &call.variants[choice(call.variants.len())].params;
        if params.is_empty() {
            return;
        }
        let index = choice(params.len());
        made.args[index] = match &params[index].ty {
            Type::Flags { set, .. } | Type::Enum { set, .. } if !resolved.sets[set].members.is_empty() => {
                let members = &resolved.sets[set].members;
                let value = u64::try_from(members[choice(members.len())].value).unwrap_or(u64::MAX);
                if resolved.sets[set].exclusive { value } else { made.args[index] ^ value }
            }
            Type::Resource(_) => u64::try_from(choice(16)).unwrap_or(0),
            _ => [0, 1, 7, 8, 4095, 4096, u64::from(u32::MAX), u64::MAX][choice(8)],
        };
    }

    fn show(&self, resolved: &Resolved) -> String {
        let one = |made: &Made| {
            let call = &resolved.calls[usize::from(made.call) % resolved.calls.len()];
            let count = call.variants[0].params.len();
            let args: Vec<String> = made.args[..count].iter().map(|arg| format!("{arg:#x}")).collect();
            format!("{}({})\n", call.name, args.join(", "))
        };
        self.0.iter().map(one).collect()
    }
}

fn main() {
    let resolved = abispec::resolve(abispec::embedded(), &Target::new(Arch::X86_64, Release::new(6, 12)));
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut choice = |limit: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap_or(0) % limit.max(1)
    };
    let mut input = Input::default();
    (0..24).for_each(|_| input.mutate(&resolved, &mut choice));
    assert_eq!(Input::from_bytes(&input.to_bytes()), input);
    print!("{}", input.show(&resolved));
}
