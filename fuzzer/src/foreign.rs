//! Calls of other entries that nothing can be held against: the specification does not state their form there, or they are
//! known not to keep it.

use crate::lower::selector;
use crate::program::{Argument, Block, Invocation};
use abispec::arch::Arch;
use abispec::target::{Call, Resolved};
use abispec::types::Type;

/// Commands that a 64-bit kernel takes from programs of i386 in its own way. For it `fcntl` is `fcntl64`, whose locks are
/// another struct; a 32-bit kernel refuses them here.
const COMMANDS: [(&str, [i128; 6]); 1] = [("fcntl", [12, 13, 14, 36, 37, 38])];

/// Clocks that the vDSO's `clock_getres` has wherever it was built from 6.17 on, and the kernel only where it was configured
/// with them: docs/findings.md tells of it, and no run needs to do so again.
const AUXILIARY_CLOCKS: std::ops::RangeInclusive<u64> = 16..=23;

/// Whether a call is one for which a function of the vDSO is known not to do what the kernel does.
pub fn known_of_functions(invocation: &Invocation, call: &Call) -> bool {
    call.name == "clock_getres"
        && match invocation.args.first() {
            Some(Argument::Number(clock)) => AUXILIARY_CLOCKS.contains(&(clock & 0xffff_ffff)),
            // Nobody knows which clock it is.
            Some(Argument::Result { .. } | Argument::Block(_)) | None => true,
        }
}

/// Whether a struct that any variant of a call takes is laid out in another way on the target.
pub fn struct_differs(call: &Call, resolved: &Resolved) -> bool {
    call.variants.iter().flat_map(|variant| &variant.params).any(|param| leads(&param.ty, resolved))
}

fn leads(ty: &Type, resolved: &Resolved) -> bool {
    match ty {
        Type::Ptr { to, .. } => leads(to, resolved),
        Type::Array { of, .. } => leads(of, resolved),
        Type::Struct(name) | Type::Union(name) | Type::Extensible { name, .. } => resolved
            .structs
            .get(name)
            .is_some_and(|found| found.foreign || found.fields.iter().any(|field| leads(&field.shape.ty, resolved))),
        _ => false,
    }
}

/// Whether a call is none that the specification states for the target.
pub fn find(invocation: &Invocation, call: &Call, resolved: &Resolved) -> bool {
    let target = &resolved.target;
    if target.arch == target.caller || target.arch != Arch::I386 {
        return false;
    }
    let command = selector(call.select, invocation);
    let apart = |(name, commands): &(&str, [i128; 6])| {
        *name == call.name && command.is_some_and(|command| commands.contains(&command))
    };
    COMMANDS.iter().any(apart) || struct_differs(call, resolved) || has_long_nanoseconds(invocation, call, resolved)
}

/// The struct of seconds and nanoseconds of 64 bits each. Of the latter the kernel looks at the lower half where its caller has
/// words of 32 bits, whatever the type says (`get_timespec64` in kernel/time/time.c).
const TIMESPEC: &str = "timespec";

/// Whether a time has more nanoseconds than the kernel looks at.
fn has_long_nanoseconds(invocation: &Invocation, call: &Call, resolved: &Resolved) -> bool {
    let Some(size) = resolved.structs.get(TIMESPEC).map(|found| found.size as usize) else { return false };
    let params = call.variants.iter().flat_map(|variant| variant.params.iter().zip(&invocation.args));
    let mut blocks = params.filter_map(|(param, arg)| match arg {
        Argument::Block(block) if holds_times(&param.ty, resolved) => Some(block),
        _ => None,
    });
    let upper = |block: &Block, time: usize| block.word(time * size + 12, 4).is_some_and(|half| half != 0);
    blocks.any(|block| (0..block.bytes.len().div_ceil(size)).any(|time| upper(block, time)))
}

/// Whether a pointer leads to times and nothing else.
fn holds_times(ty: &Type, resolved: &Resolved) -> bool {
    match ty {
        Type::Ptr { to, .. } => holds_times(to, resolved),
        Type::Array { of, .. } => holds_times(of, resolved),
        Type::Struct(name) if name == TIMESPEC => true,
        Type::Struct(name) => resolved.structs.get(name).is_some_and(|found| {
            !found.fields.is_empty() && found.fields.iter().all(|field| holds_times(&field.shape.ty, resolved))
        }),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use abispec::target::Target;
    use abispec::version::Release;

    fn resolved(arch: Arch) -> Resolved {
        let target = Target { caller: Arch::X86_64, ..Target::new(arch, Release::new(6, 18)) };
        abispec::resolve(abispec::embedded(), &target)
    }

    fn foreign(resolved: &Resolved, name: &str, args: &[u64]) -> bool {
        let call = resolved.calls.iter().position(|call| call.name == name).unwrap();
        let args = args.iter().copied().map(Argument::Number).collect();
        find(&Invocation { call, args }, &resolved.calls[call], resolved)
    }

    #[test]
    fn what_i386_has_in_another_form_is_left_alone_there_only() {
        let (i386, native) = (resolved(Arch::I386), resolved(Arch::X86_64));
        for (name, args, is) in [
            ("stat", vec![0, 0], true),
            ("fcntl", vec![0, 36, 0], true),
            ("fcntl", vec![0, 12, 0], true),
            ("fcntl", vec![0, 5, 0], false),
            ("dup", vec![0], false),
        ] {
            assert_eq!(foreign(&i386, name, &args), is, "{name} {args:?}");
            assert!(!foreign(&native, name, &args), "{name} {args:?}");
        }
    }

    #[test]
    fn nanoseconds_beyond_a_word_are_left_alone_where_words_are_short() {
        let (i386, native) = (resolved(Arch::I386), resolved(Arch::X86_64));
        let long = |resolved: &Resolved, name: &str, at: usize| {
            let call = resolved.calls.iter().position(|call| call.name == name).unwrap();
            let pointer = |param: &abispec::target::ResolvedParam| holds_times(&param.ty, resolved);
            let place = resolved.calls[call].variants[0].params.iter().position(pointer).expect(name);
            let mut args = vec![Argument::Number(0); resolved.calls[call].variants[0].params.len()];
            let mut bytes = vec![0; 32];
            bytes[at] = 0x80;
            args[place] = Argument::Block(Block::new(bytes));
            find(&Invocation { call, args }, &resolved.calls[call], resolved)
        };
        for name in ["utimensat_time64", "timerfd_settime64"] {
            assert!(long(&i386, name, 15) && long(&i386, name, 28), "{name}");
            assert!(!long(&i386, name, 11) && !long(&i386, name, 7), "{name}");
        }
        assert!(!long(&native, "utimensat", 15));
    }

    #[test]
    fn auxiliary_clocks_are_asked_of_the_kernel_itself() {
        let native = resolved(Arch::X86_64);
        let known = |name: &str, clock: u64| {
            let call = native.calls.iter().position(|call| call.name == name).unwrap();
            known_of_functions(&Invocation { call, args: vec![Argument::Number(clock)] }, &native.calls[call])
        };
        assert!(known("clock_getres", 16) && known("clock_getres", 7 << 32 | 23));
        assert!(!known("clock_getres", 15) && !known("clock_getres", 24) && !known("clock_gettime", 16));
    }
}
