//! Arguments as people read them, with the names that the specification gives.

use super::memory::Piece;
use abispec::target::{Call, Resolved, ResolvedParam, Variant};
use abispec::types::Type;

/// The names of the flags in a value; undefined bits as a number.
pub fn flags(resolved: &Resolved, set: &str, value: i128) -> Vec<String> {
    let Some(found) = resolved.sets.get(set) else { return vec![format!("{value:#x}")] };
    let mut names = Vec::new();
    let mut left = value;
    // Members of several bits first: what they mean together has one name.
    let mut members: Vec<_> = found.members.iter().filter(|member| member.value != 0 && !member.mask).collect();
    members.sort_by_key(|member| (std::cmp::Reverse(member.value.count_ones()), member.value));
    for member in members {
        if left & member.value == member.value {
            names.push((member.value, member.name.clone()));
            left &= !member.value;
        }
    }
    names.sort();
    let mut names: Vec<String> = names.into_iter().map(|(_, name)| name).collect();
    if left != 0 {
        names.push(format!("{left:#x}"));
    }
    names
}

/// The name of a member of an enumeration; else the number.
pub fn member(resolved: &Resolved, set: &str, value: i128) -> String {
    let found = resolved.sets.get(set).and_then(|set| set.members.iter().find(|member| member.value == value));
    found.map_or_else(|| value.to_string(), |member| member.name.clone())
}

/// A whole call: `openat(AT_FDCWD, "/etc/passwd", O_RDONLY|O_CLOEXEC, 0)`.
pub fn call(resolved: &Resolved, call: &Call, variant: &Variant, args: &[u64; 6], pieces: &[Piece]) -> String {
    let args: Vec<String> =
        variant.params.iter().zip(args).map(|(param, value)| argument(resolved, param, *value, pieces)).collect();
    format!("{}({})", call.name, args.join(", "))
}

fn argument(resolved: &Resolved, param: &ResolvedParam, register: u64, pieces: &[Piece]) -> String {
    let value = param.int.value_of(register, resolved.target.arch.data_model().word());
    match &param.ty {
        Type::Flags { set, .. } => {
            let bits = if value < 0 { value & 0xffff_ffff } else { value };
            let names = flags(resolved, set, bits);
            if names.is_empty() { zero(resolved, set) } else { names.join("|") }
        }
        Type::Enum { set, .. } => member(resolved, set, value),
        Type::Mode if value != 0 => format!("{value:#o}"),
        // The only number below zero that stands for a descriptor.
        Type::Resource(name) if name.starts_with("fd") && value == i128::from(libc::AT_FDCWD) => "AT_FDCWD".to_owned(),
        Type::Text { .. } | Type::Path { .. } => text(register, pieces),
        Type::Ptr { .. } | Type::Buffer { .. } | Type::Extensible { .. } | Type::Vma => {
            if register == 0 {
                "NULL".to_owned()
            } else {
                format!("{register:#x}")
            }
        }
        _ if (-0xffff..=0xffff_ffff).contains(&value) => value.to_string(),
        _ => format!("{register:#x}"),
    }
}

/// What no flag at all is called: the member with the value 0, if there is one.
fn zero(resolved: &Resolved, set: &str) -> String {
    let found = resolved.sets.get(set).and_then(|set| set.members.iter().find(|member| member.value == 0));
    found.map_or_else(|| "0".to_owned(), |member| member.name.clone())
}

fn text(address: u64, pieces: &[Piece]) -> String {
    /// No more of a text is shown.
    const SHOWN: usize = 200;
    let Some(piece) = pieces.iter().find(|piece| piece.address == address) else { return format!("{address:#x}") };
    match piece.bytes.split_last() {
        Some((0, text)) => {
            let shown = String::from_utf8_lossy(&text[..text.len().min(SHOWN)]);
            format!("{shown:?}{}", if text.len() > SHOWN { "..." } else { "" })
        }
        _ => format!("{address:#x}"),
    }
}
