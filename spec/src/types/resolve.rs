//! Terms become types: names get their meaning.

use super::{Count, Direction, IntType, Term, TermArg, Type};
use crate::expr::{Expected, Expr, Problem, Scope, check};
use crate::suggest::nearest;

/// The words that begin a type, for suggestions. Resources come from the specification.
const WORDS: &[&str] = &[
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "long",
    "ulong",
    "const",
    "bool",
    "flags",
    "enum",
    "ptr",
    "array",
    "buffer",
    "extensible",
    "string",
    "path",
    "struct",
    "union",
    "len",
    "bytesize",
    "offset",
    "size",
    "mode",
    "signal",
    "vma",
    "addr",
    "unused",
    "by_command",
    "zero",
    "never",
];

/// Gives a parsed type its meaning.
///
/// # Errors
/// The first mistake, with its place and what to do.
pub fn resolve(term: &Term, scope: Scope<'_>) -> Result<Type, Problem> {
    if let Some(int) = IntType::from_name(&term.name) {
        let range = match &term.args[..] {
            [] => None,
            [TermArg::Range(range)] => {
                let low = check(&range.0, scope, Expected::Number)?;
                let high = check(&range.1, scope, Expected::Number)?;
                if let (Expr::Int(low), Expr::Int(high)) = (&low, &high)
                    && low > high
                {
                    return wrong(term, format!("the range {low}:{high} is empty"));
                }
                Some(Box::new((low, high)))
            }
            _ => return wrong(term, format!("{} takes one range: {}[low:high]", term.name, term.name)),
        };
        return plain(term, Type::Int { int, range });
    }
    match (term.name.as_str(), &term.args[..]) {
        ("const", [TermArg::Number(value)]) => plain(term, Type::Const(*value)),
        ("flags" | "enum", [TermArg::Term(set), rest @ ..]) => {
            if !scope.sets.contains_key(&set.name) {
                let help = suggestion(&set.name, scope.sets.keys().map(String::as_str));
                return Err(Problem { offset: set.offset, message: format!("unknown set `{}`", set.name), help });
            }
            let width = match rest {
                [] => None,
                [TermArg::Term(width)] => match IntType::from_name(&width.name) {
                    Some(int) => Some(int),
                    None => return wrong(width, format!("`{}` is no integer type", width.name)),
                },
                _ => return wrong(term, format!("{}[set] or {}[set, uint64]", term.name, term.name)),
            };
            let set = set.name.clone();
            plain(term, if term.name == "flags" { Type::Flags { set, width } } else { Type::Enum { set, width } })
        }
        ("ptr", [TermArg::Term(way), TermArg::Term(to), rest @ ..]) => {
            let to = Box::new(resolve(to, scope)?);
            let wide = match rest {
                [] => false,
                [TermArg::Term(width)] if width.name == "uint64" => true,
                _ => return wrong(term, "ptr[in, T] or ptr[in, T, uint64]".to_owned()),
            };
            Ok(Type::Ptr { direction: direction(way)?, nullable: term.nullable, to, wide })
        }
        ("array", [TermArg::Term(of), n]) => {
            plain(term, Type::Array { of: Box::new(resolve(of, scope)?), count: count(n, term, scope)? })
        }
        ("buffer", [TermArg::Term(way), n]) => {
            Ok(Type::Buffer { direction: direction(way)?, nullable: term.nullable, count: count(n, term, scope)? })
        }
        ("extensible", [TermArg::Term(name), TermArg::Term(size)]) => {
            let name = known_struct(name, scope)?;
            plain(term, Type::Extensible { name, size: param(size, scope)? })
        }
        ("struct", [TermArg::Term(name)]) => plain(term, Type::Struct(known_struct(name, scope)?)),
        ("union", [TermArg::Term(name)]) => plain(term, Type::Union(known_struct(name, scope)?)),
        ("len", [TermArg::Term(of)]) => plain(term, Type::Len(param(of, scope)?)),
        ("bytesize", [TermArg::Term(of)]) => plain(term, Type::Bytesize(param(of, scope)?)),
        ("string", []) => Ok(Type::Text { nullable: term.nullable }),
        ("path", []) => Ok(Type::Path { nullable: term.nullable }),
        (word, []) if simple(word).is_some() => plain(term, simple(word).unwrap_or(Type::Unused)),
        (word, _) if WORDS.contains(&word) => {
            wrong(term, format!("`{word}` is not used like this; see LANGUAGE.md, section 4"))
        }
        _ => resource(term, scope),
    }
}

fn simple(word: &str) -> Option<Type> {
    Some(match word {
        "bool" => Type::Bool,
        "offset" => Type::Offset,
        "size" => Type::Size,
        "mode" => Type::Mode,
        "signal" => Type::Signal,
        "vma" => Type::Vma,
        "addr" => Type::Addr,
        "unused" => Type::Unused,
        "by_command" => Type::ByCommand,
        "zero" => Type::Zero,
        "never" => Type::Never,
        _ => return None,
    })
}

fn wrong<T>(term: &Term, message: String) -> Result<T, Problem> {
    Err(Problem { offset: term.offset, message, help: None })
}

fn plain(term: &Term, ty: Type) -> Result<Type, Problem> {
    if term.nullable { wrong(term, "only pointers can be NULL; remove the `?`".to_owned()) } else { Ok(ty) }
}

fn suggestion<'a>(word: &str, among: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(word, among).map(|found| format!("did you mean `{found}`?"))
}

fn direction(term: &Term) -> Result<Direction, Problem> {
    match term.name.as_str() {
        "in" => Ok(Direction::In),
        "out" => Ok(Direction::Out),
        "inout" => Ok(Direction::InOut),
        other => wrong(term, format!("`{other}` is no direction; write in, out or inout")),
    }
}

fn param(term: &Term, scope: Scope<'_>) -> Result<u8, Problem> {
    match scope.params.iter().position(|param| param.name == term.name) {
        Some(index) => Ok(u8::try_from(index).unwrap_or(u8::MAX)),
        None => {
            let help = suggestion(&term.name, scope.params.iter().map(|param| param.name.as_str()));
            Err(Problem { offset: term.offset, message: format!("unknown parameter `{}`", term.name), help })
        }
    }
}

fn count(arg: &TermArg, outer: &Term, scope: Scope<'_>) -> Result<Count, Problem> {
    match arg {
        TermArg::Number(number) => match u64::try_from(*number) {
            Ok(number) => Ok(Count::Number(number)),
            Err(_) => wrong(outer, "a count is not negative".to_owned()),
        },
        TermArg::Term(name) if name.args.is_empty() => Ok(Count::Param(param(name, scope)?)),
        _ => wrong(outer, "a count is a number or a parameter".to_owned()),
    }
}

fn known_struct(term: &Term, scope: Scope<'_>) -> Result<String, Problem> {
    if scope.structs.contains_key(&term.name) {
        return Ok(term.name.clone());
    }
    let help = suggestion(&term.name, scope.structs.keys().map(String::as_str));
    Err(Problem { offset: term.offset, message: format!("unknown struct `{}`", term.name), help })
}

fn resource(term: &Term, scope: Scope<'_>) -> Result<Type, Problem> {
    let full = match &term.args[..] {
        [] => term.name.clone(),
        [TermArg::Term(inner)] if inner.args.is_empty() => format!("{}[{}]", term.name, inner.name),
        _ => return wrong(term, format!("unknown type `{}`", term.name)),
    };
    if scope.resources.contains_key(&full) {
        return plain(term, Type::Resource(full));
    }
    let known = scope.resources.keys().map(String::as_str).chain(WORDS.iter().copied());
    let help = suggestion(&full, known);
    Err(Problem { offset: term.offset, message: format!("unknown type `{full}`"), help })
}
