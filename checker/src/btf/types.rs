//! Sizes and C texts of types in the kernel's type information.

use super::parse::{Btf, Kind};

/// Types may refer to each other in circles; no real one is nested this deeply.
const DEPTH: u32 = 40;

/// Bytes of a type, where it has a size.
pub(crate) fn size(btf: &Btf<'_>, id: u32, word: u32) -> Option<u64> {
    size_at(btf, id, word, 0)
}

fn size_at(btf: &Btf<'_>, id: u32, word: u32, depth: u32) -> Option<u64> {
    if depth > DEPTH {
        return None;
    }
    match btf.get(id) {
        Kind::Int { size } | Kind::Float { size } | Kind::Record { size, .. } | Kind::Enum { size, .. } => {
            Some(u64::from(*size))
        }
        Kind::Pointer(_) => Some(u64::from(word)),
        Kind::Array { of, count } => size_at(btf, *of, word, depth + 1)?.checked_mul(u64::from(*count)),
        Kind::Typedef(of) | Kind::Const(of) | Kind::Transparent(of) => size_at(btf, *of, word, depth + 1),
        Kind::Void | Kind::Forward { .. } | Kind::Function { .. } | Kind::Prototype { .. } => None,
    }
}

/// A type as C writes it without a name.
pub(crate) fn print(btf: &Btf<'_>, id: u32) -> String {
    print_at(btf, id, 0)
}

fn print_at(btf: &Btf<'_>, id: u32, depth: u32) -> String {
    if depth > DEPTH {
        return "...".to_owned();
    }
    let inner = |id| print_at(btf, id, depth + 1);
    let tagged = |word: &str| match btf.name(id) {
        "" => format!("{word} {{...}}"),
        tag => format!("{word} {tag}"),
    };
    let word = |union: &bool| if *union { "union" } else { "struct" };
    match btf.get(id) {
        Kind::Void => "void".to_owned(),
        Kind::Int { .. } | Kind::Float { .. } | Kind::Typedef(_) => btf.name(id).to_owned(),
        Kind::Pointer(of) if is_function(btf, *of, depth) => "void (*)()".to_owned(),
        Kind::Pointer(of) => {
            let pointee = inner(*of);
            if pointee.ends_with('*') { format!("{pointee}*") } else { format!("{pointee} *") }
        }
        Kind::Array { of, count } => {
            let element = inner(*of);
            match element.find(" [") {
                Some(at) => format!("{} [{count}]{}", &element[..at], &element[at + 1..]),
                None => format!("{element} [{count}]"),
            }
        }
        Kind::Record { union, .. } | Kind::Forward { union } => tagged(word(union)),
        Kind::Enum { .. } => tagged("enum"),
        Kind::Const(of) => {
            let of = inner(*of);
            if of.ends_with('*') { format!("{of} const") } else { format!("const {of}") }
        }
        Kind::Transparent(of) => inner(*of),
        Kind::Function { .. } | Kind::Prototype { .. } => "void ()".to_owned(),
    }
}

fn is_function(btf: &Btf<'_>, id: u32, depth: u32) -> bool {
    match btf.get(id) {
        Kind::Prototype { .. } => true,
        Kind::Const(of) | Kind::Transparent(of) if depth < DEPTH => is_function(btf, *of, depth + 1),
        _ => false,
    }
}
