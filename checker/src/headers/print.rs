//! Types as C text, for people and for comparison.

use super::symbol::Symbols;
use super::types::{Type, TypeId, Types};

/// A type as C writes it without a name: `const char *`, `__u32 [4]`.
pub(crate) fn print_type(types: &Types, id: TypeId, symbols: &Symbols<'_>) -> String {
    print(types, id, symbols, 0)
}

fn print(types: &Types, id: TypeId, symbols: &Symbols<'_>, depth: u32) -> String {
    if depth > 30 {
        return "...".to_owned();
    }
    let inner = |id| print(types, id, symbols, depth + 1);
    match types.get(id) {
        Type::Void => "void".to_owned(),
        Type::Int(kind) => kind.name().to_owned(),
        Type::Scalar { name, .. } => (*name).to_owned(),
        Type::Pointer(of) if matches!(types.get(*of), Type::Function) => "void (*)()".to_owned(),
        Type::Pointer(of) => {
            let pointee = inner(*of);
            if pointee.ends_with('*') { format!("{pointee}*") } else { format!("{pointee} *") }
        }
        Type::Array(of, count) => {
            let (element, lengths) = split_lengths(inner(*of));
            match count {
                Some(count) => format!("{element} [{count}]{lengths}"),
                None => format!("{element} []{lengths}"),
            }
        }
        Type::Function => "void ()".to_owned(),
        Type::Record(number) => match types.records.get(*number) {
            Some(record) => {
                let word = if record.union { "union" } else { "struct" };
                match record.name.filter(|_| record.tagged) {
                    Some(name) => format!("{word} {}", symbols.text(name)),
                    None => format!("{word} {{...}}"),
                }
            }
            None => "struct".to_owned(),
        },
        Type::Enum(number) => match types.enums.get(*number).and_then(|found| found.tag) {
            Some(tag) => format!("enum {}", symbols.text(tag)),
            None => "enum {...}".to_owned(),
        },
        Type::Named(name, ..) => symbols.text(*name).to_owned(),
        Type::Const(of) => {
            let of = inner(*of);
            if of.ends_with('*') { format!("{of} const") } else { format!("const {of}") }
        }
    }
}

/// An array of arrays writes the outer length first.
fn split_lengths(text: String) -> (String, String) {
    match text.find(" [") {
        Some(at) => (text[..at].to_owned(), text[at + 1..].to_owned()),
        None => (text, String::new()),
    }
}
