//! Calls whose form on another port the specification does not state: nothing can be held against them.

use crate::lower::selector;
use crate::program::Invocation;
use abispec::arch::Arch;
use abispec::target::{Call, Resolved};
use abispec::types::Type;

/// Commands that a 64-bit kernel takes from programs of i386 in its own way. For it `fcntl` is `fcntl64`, whose locks are
/// another struct; a 32-bit kernel refuses them here.
const COMMANDS: [(&str, [i128; 6]); 1] = [("fcntl", [12, 13, 14, 36, 37, 38])];

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
    COMMANDS.iter().any(apart) || struct_differs(call, resolved)
}
