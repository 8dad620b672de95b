//! Memory that calls of a program give each other.

use crate::lower::variant_index;
use crate::program::{Argument, Invocation, Program};
use abispec::target::Resolved;
use abispec::types::{Count, Type};

/// The first call that may write more behind an address that an earlier one gave than that one maps: what lies behind is the
/// executor's own.
pub fn beyond(resolved: &Resolved, program: &Program) -> Option<usize> {
    let number = |call: &Invocation, index: usize| match call.args.get(index) {
        Some(Argument::Number(value)) => Some(*value),
        _ => None,
    };
    let goes_beyond = |call: &Invocation| {
        let spec = &resolved.calls[call.call];
        let params = &spec.variants[variant_index(spec, call)].params;
        params.iter().zip(&call.args).any(|(param, arg)| {
            let writes = param.memory.as_ref().is_some_and(|memory| memory.direction.writes());
            let Argument::Result { of, .. } = arg else { return false };
            let Some(giver) = program.calls.get(*of).filter(|_| writes) else { return false };
            let mapped = match resolved.calls[giver.call].name.as_str() {
                "mmap" => number(giver, 1),
                "mremap" => number(giver, 2),
                "shmat" | "brk" => None,
                // What is no address leads nowhere.
                _ => return false,
            };
            let written = match &param.ty {
                Type::Buffer { count: Count::Param(index), .. } => number(call, usize::from(*index)),
                Type::Buffer { count: Count::Number(bytes), .. } => Some(*bytes),
                // A struct lies within a page.
                _ => Some(1),
            };
            mapped.zip(written).is_none_or(|(mapped, written)| written > mapped.saturating_add(4095) / 4096 * 4096)
        })
    };
    program.calls.iter().position(goes_beyond)
}

#[cfg(test)]
mod tests {
    use super::*;
    use abispec::arch::Arch;
    use abispec::target::Target;
    use abispec::version::Release;

    #[test]
    fn as_much_is_written_as_is_mapped() {
        let resolved = abispec::resolve(abispec::embedded(), &Target::new(Arch::X86_64, Release::new(7, 3)));
        let of = |name: &str| resolved.calls.iter().position(|call| call.name == name).expect(name);
        let number = Argument::Number;
        let given = |giver: &str, first: [u64; 6], length: u64| {
            let count = resolved.calls[of(giver)].variants[0].params.len();
            let args = first.into_iter().take(count).map(number).collect();
            let calls = vec![
                Invocation { call: of(giver), args },
                Invocation { call: of("getrandom"), args: vec![Argument::ret(0), number(length), number(0)] },
            ];
            beyond(&resolved, &Program { calls })
        };
        let mmap = [0, 0x1001, 2, 0x21, 0, 0];
        assert_eq!(given("mmap", mmap, 0x2000), None);
        assert_eq!(given("mmap", mmap, 0x2001), Some(1));
        assert_eq!(given("shmat", [0; 6], 1), Some(1), "how long it is nobody knows");
        assert_eq!(given("eventfd", [0; 6], 9000), None, "a descriptor is no address of anybody's");
    }
}
