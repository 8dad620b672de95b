//! Types as text; printing and parsing again gives the same type.

use super::{Count, Direction, IntType, Type};

/// Writes a type in the language, with parameters by the names in `params`.
pub fn print(ty: &Type, params: &[&str]) -> String {
    let param = |index: u8| params.get(usize::from(index)).copied().unwrap_or("?");
    let count = |count: Count| match count {
        Count::Number(number) => number.to_string(),
        Count::Param(index) => param(index).to_owned(),
    };
    let null = |nullable: bool| if nullable { "?" } else { "" };
    let with_width = |kind: &str, set: &str, width: &Option<IntType>| match width {
        Some(width) => format!("{kind}[{set}, {}]", width.name()),
        None => format!("{kind}[{set}]"),
    };
    match ty {
        Type::Int { int, range: None } => int.name().to_owned(),
        Type::Int { int, range: Some(range) } => {
            let bound = |expr| crate::expr::print(expr, params);
            format!("{}[{}:{}]", int.name(), bound(&range.0), bound(&range.1))
        }
        Type::Const(value) => format!("const[{value}]"),
        Type::Bool => "bool".to_owned(),
        Type::Flags { set, width } => with_width("flags", set, width),
        Type::Enum { set, width } => with_width("enum", set, width),
        Type::Resource(name) => name.clone(),
        Type::Ptr { direction, nullable, to, wide } => {
            let width = if *wide { ", uint64" } else { "" };
            format!("ptr[{}, {}{width}]{}", direction.name(), print(to, params), null(*nullable))
        }
        Type::Array { of, count: n } => format!("array[{}, {}]", print(of, params), count(*n)),
        Type::Buffer { direction, nullable, count: n } => {
            format!("buffer[{}, {}]{}", direction.name(), count(*n), null(*nullable))
        }
        Type::Extensible { name, size } => format!("extensible[{name}, {}]", param(*size)),
        Type::Text { nullable } => format!("string{}", null(*nullable)),
        Type::Path { nullable } => format!("path{}", null(*nullable)),
        Type::Struct(name) => format!("struct[{name}]"),
        Type::Union(name) => format!("union[{name}]"),
        Type::Len(index) => format!("len[{}]", param(*index)),
        Type::Bytesize(index) => format!("bytesize[{}]", param(*index)),
        Type::Offset => "offset".to_owned(),
        Type::Size => "size".to_owned(),
        Type::Mode => "mode".to_owned(),
        Type::Signal => "signal".to_owned(),
        Type::Vma => "vma".to_owned(),
        Type::Addr => "addr".to_owned(),
        Type::Unused => "unused".to_owned(),
        Type::ByCommand => "by_command".to_owned(),
        Type::Zero => "zero".to_owned(),
        Type::Never => "never".to_owned(),
    }
}

impl Direction {
    /// How it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::In => "in",
            Self::Out => "out",
            Self::InOut => "inout",
        }
    }
}
