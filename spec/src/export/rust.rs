//! A Rust module for one kernel: numbers, errnos, typed flags, structs whose layout the compiler checks, and the calls.

use super::Selection;
use crate::errno::Errno;
use crate::target::{ResolvedSet, ResolvedStruct, Shape};
use crate::types::{self, Count, Type};
use std::fmt::Write;

/// Words that Rust keeps for itself and that fields may be called.
const KEYWORDS: [&str; 12] = ["type", "ref", "in", "mod", "move", "use", "fn", "match", "self", "where", "loop", "dyn"];

/// Writes the module. It needs nothing, `core` aside, and compiles as a file of its own or by `include!` inside a module.
pub fn rust(selection: &Selection<'_>) -> String {
    let reach = selection.reach();
    let resolved = selection.resolved;
    let mut out = String::new();
    let _ = writeln!(out, "// The system calls of {}, as abispec specifies them.\n", selection.title());
    out.push_str("/// System call numbers.\n#[allow(dead_code)]\npub mod nr {\n");
    for (call, found) in &selection.calls {
        let _ = writeln!(out, "    /// {}", call.summary);
        let _ = writeln!(out, "    pub const {}: u32 = {};", found.name.to_uppercase(), found.nr);
    }
    out.push_str("}\n\n/// Errnos.\n#[allow(dead_code)]\npub mod errno {\n");
    for errno in Errno::all() {
        // A port has no number for an errno that it lacks.
        let number = errno.number(resolved.target.arch);
        if number != 0 {
            let _ = writeln!(out, "    pub const {}: i32 = {number};", errno.name());
        }
    }
    out.push_str("}\n\n/// Flag sets and enumerations.\n#[allow(dead_code, non_camel_case_types, non_upper_case_globals)]\npub mod flags {\n");
    for (name, set) in
        resolved.sets.iter().filter(|(name, set)| reach.sets.contains(name.as_str()) && !set.members.is_empty())
    {
        typed_set(name, set, &mut out);
    }
    out.push_str(
        "}\n\n/// Structs; each is checked for its size, its alignment and its offsets when it is compiled.\n",
    );
    out.push_str("#[allow(dead_code, non_camel_case_types)]\npub mod types {\n");
    for (name, found) in resolved.structs.iter().filter(|(name, _)| reach.structs.contains(name.as_str())) {
        let union = selection.spec.structs.get(name).is_some_and(|found| found.union);
        structure(selection, name, found, union, &mut out);
    }
    out.push_str("}\n\n");
    calls(selection, &mut out);
    out
}

/// A set as a type of its own, so that flags of one call are not given to another.
fn typed_set(name: &str, set: &ResolvedSet, out: &mut String) {
    let signed = set.members.iter().any(|member| member.value < 0);
    let int = if signed { "i64" } else { "u64" };
    let what = if set.exclusive { "Exactly one of these" } else { "Any OR of these" };
    let _ = write!(
        out,
        "    /// {what}.\n    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]\n    \
         #[repr(transparent)]\n    pub struct {name}(pub {int});\n\n    impl {name} {{\n"
    );
    for member in &set.members {
        let value = if signed { member.value.to_string() } else { format!("{:#x}", member.value) };
        let _ = writeln!(out, "        pub const {}: Self = Self({value});", member.name);
    }
    let _ = writeln!(out, "        /// Names and values; masks are those that are no members of their own.");
    let _ = writeln!(out, "        pub const MEMBERS: &'static [(&'static str, Self)] = &[");
    for member in set.members.iter().filter(|member| !member.mask) {
        let _ = writeln!(out, "            (\"{}\", Self::{}),", member.name, member.name);
    }
    out.push_str("        ];\n");
    if !set.exclusive && !signed {
        let _ = writeln!(
            out,
            "        /// Every bit that has a meaning.\n        pub const KNOWN: Self = Self({:#x});",
            set.known
        );
    }
    out.push_str("    }\n\n");
    if !set.exclusive && !signed {
        let _ = write!(
            out,
            "    impl core::ops::BitOr for {name} {{\n        type Output = Self;\n        fn bitor(self, other: Self) -> \
             Self {{\n            Self(self.0 | other.0)\n        }}\n    }}\n\n"
        );
    }
}

/// How a struct is declared so that it has the specified layout whatever the compiler's own port is.
struct Layout {
    /// Padding bytes before each field.
    gaps: Vec<u32>,
    /// Padding bytes at the end.
    tail: u32,
    /// What stands inside `repr(C...)`.
    repr: String,
}

fn structure(selection: &Selection<'_>, name: &str, found: &ResolvedStruct, union: bool, out: &mut String) {
    if found.foreign {
        let _ = writeln!(out, "    // {name}: this port lays it out in a way of its own.\n");
        return;
    }
    let mut fields: Vec<_> = found.fields.iter().collect();
    fields.sort_by_key(|field| field.offset);
    let shapes: Vec<(u32, &Shape)> = fields.iter().map(|field| (field.offset, &field.shape)).collect();
    let declared: Option<Vec<String>> = fields.iter().map(|field| field_type(selection, &field.shape.ty)).collect();
    let keyword = if union { "union" } else { "struct" };
    let layout = if union { Some(of_union(selection, found, &shapes)) } else { of_struct(selection, found, &shapes) };
    let _ = writeln!(out, "    /// {} bytes, aligned to {}.\n    #[derive(Clone, Copy)]", found.size, found.align);
    match (layout, declared) {
        (Some(layout), Some(types)) => {
            let _ = writeln!(out, "    #[repr(C{})]\n    pub {keyword} {name} {{", layout.repr);
            for ((field, ty), gap) in fields.iter().zip(types).zip(&layout.gaps) {
                if *gap > 0 {
                    let _ = writeln!(out, "        pub _gap_{}: [u8; {gap}],", field.offset);
                }
                let _ = writeln!(out, "        pub {}: {ty},", rust_name(&field.name));
            }
            if layout.tail > 0 {
                let _ = writeln!(out, "        pub _tail: [u8; {}],", layout.tail);
            }
        }
        // Fields that overlap or that no declaration puts where they are: bytes, and where each field lies.
        _ => {
            let _ = writeln!(out, "    #[repr(C, align({}))]\n    pub struct {name} {{", found.align.max(1));
            let _ = writeln!(out, "        pub bytes: [u8; {}],\n    }}\n\n    impl {name} {{", found.size);
            for field in &fields {
                let (constant, size) = (field.name.to_uppercase(), field.shape.size);
                let _ = writeln!(
                    out,
                    "        /// Offset and size.\n        pub const {constant}: (usize, usize) = ({}, {size});",
                    field.offset
                );
            }
            let _ = write!(
                out,
                "    }}\n\n    const _: () = {{\n        assert!(core::mem::size_of::<{name}>() == {});\n    }};\n\n",
                found.size
            );
            return;
        }
    }
    let _ = write!(
        out,
        "    }}\n\n    const _: () = {{\n        assert!(core::mem::size_of::<{name}>() == {});\n        \
         assert!(core::mem::align_of::<{name}>() == {});\n",
        found.size, found.align
    );
    for field in &fields {
        let _ = writeln!(
            out,
            "        assert!(core::mem::offset_of!({name}, {}) == {});",
            rust_name(&field.name),
            field.offset
        );
    }
    out.push_str("    };\n\n");
}

fn of_union(selection: &Selection<'_>, found: &ResolvedStruct, shapes: &[(u32, &Shape)]) -> Layout {
    let natural = shapes.iter().map(|(_, shape)| natural_align(selection, &shape.ty)).max().unwrap_or(1);
    let widest = shapes.iter().map(|(_, shape)| shape.size).max().unwrap_or(0);
    let tail = if widest < found.size { found.size } else { 0 };
    Layout { gaps: vec![0; shapes.len()], tail, repr: repr(natural, found.align) }
}

fn of_struct(selection: &Selection<'_>, found: &ResolvedStruct, shapes: &[(u32, &Shape)]) -> Option<Layout> {
    let mut natural = 1;
    let mut end = 0;
    let mut gaps = Vec::new();
    for (offset, shape) in shapes {
        let align = natural_align(selection, &shape.ty);
        // Packed to the struct's own alignment, a field lies at a multiple of the smaller of the two.
        if *offset < end || offset % align.min(found.align.max(1)) != 0 {
            return None;
        }
        gaps.push(offset - end);
        natural = natural.max(align);
        end = offset + shape.size;
    }
    Some(Layout { gaps, tail: found.size.checked_sub(end)?, repr: repr(natural, found.align) })
}

fn repr(natural: u32, wanted: u32) -> String {
    match natural.cmp(&wanted) {
        std::cmp::Ordering::Equal => String::new(),
        std::cmp::Ordering::Less => format!(", align({wanted})"),
        std::cmp::Ordering::Greater => format!(", packed({wanted})"),
    }
}

/// The alignment that a declared field has by itself where all integers are aligned to their size.
fn natural_align(selection: &Selection<'_>, ty: &Type) -> u32 {
    match ty {
        Type::Array { of, .. } => natural_align(selection, of),
        Type::Struct(name) | Type::Union(name) | Type::Extensible { name, .. } => {
            selection.resolved.structs.get(name).map_or(1, |found| found.align)
        }
        other => bytes(selection, other),
    }
}

fn bytes(selection: &Selection<'_>, ty: &Type) -> u32 {
    let model = selection.resolved.target.arch.data_model();
    crate::resolve::size_of(selection.spec, ty, model).unwrap_or(1).max(1)
}

/// The type of a field; pointers are the addresses that the kernel reads.
fn field_type(selection: &Selection<'_>, ty: &Type) -> Option<String> {
    Some(match ty {
        Type::Array { of, count: Count::Number(count) } => format!("[{}; {count}]", field_type(selection, of)?),
        Type::Array { count: Count::Param(_), .. } => return None,
        Type::Struct(name) | Type::Union(name) | Type::Extensible { name, .. } => {
            let found = selection.resolved.structs.get(name).filter(|found| !found.foreign)?;
            found.name.clone()
        }
        other => {
            let model = selection.resolved.target.arch.data_model();
            let signed = crate::resolve::shape(selection.spec, other, model).signed;
            format!("{}{}", if signed { 'i' } else { 'u' }, bytes(selection, other) * 8)
        }
    })
}

fn rust_name(name: &str) -> String {
    if KEYWORDS.contains(&name) { format!("r#{name}") } else { name.to_owned() }
}

const CALL_TYPES: &str = "\
/// The calls with their arguments and errors.
#[allow(dead_code)]
pub mod calls {
    /// A system call.
    #[derive(Clone, Copy, Debug)]
    pub struct Call {
        pub name: &'static str,
        pub nr: u32,
        /// One for each command, and a last one for every other selector.
        pub variants: &'static [Variant],
    }

    /// What a call promises for one value of its selecting argument.
    #[derive(Clone, Copy, Debug)]
    pub struct Variant {
        /// The command; `None` where the call does not multiplex, and for other selectors.
        pub command: Option<&'static str>,
        pub args: &'static [Arg],
        /// In the language of the specification.
        pub returns: &'static str,
        pub errors: &'static [Rule],
    }

    /// An argument.
    #[derive(Clone, Copy, Debug)]
    pub struct Arg {
        pub name: &'static str,
        /// The kernel's declaration.
        pub c: &'static str,
        /// In the language of the specification.
        pub ty: &'static str,
    }

    /// When an error comes.
    #[derive(Clone, Copy, Debug)]
    pub struct Rule {
        pub errno: &'static str,
        /// The call fails exactly then; otherwise it may fail then.
        pub duty: bool,
        /// In the language of the specification.
        pub when: &'static str,
    }

";

fn calls(selection: &Selection<'_>, out: &mut String) {
    out.push_str(CALL_TYPES);
    out.push_str("    /// Every call, by name.\n    pub static ALL: &[Call] = &[\n");
    for (_, call) in &selection.calls {
        let params: Vec<&str> = call.variants[0].params.iter().map(|param| param.name.as_str()).collect();
        let _ = writeln!(
            out,
            "        Call {{\n            name: {:?},\n            nr: {},\n            variants: &[",
            call.name, call.nr
        );
        for variant in &call.variants {
            let args = variant.params.iter().map(|param| {
                format!(
                    "Arg {{ name: {:?}, c: {:?}, ty: {:?} }}",
                    param.name,
                    param.c,
                    types::print(&param.ty, &params)
                )
            });
            let rules = variant.rules.iter().map(|rule| {
                let when = &selection.resolved.clause(rule.clause).text;
                format!("Rule {{ errno: {:?}, duty: {}, when: {when:?} }}", rule.errno.name(), rule.duty)
            });
            let _ = writeln!(
                out,
                "                Variant {{ command: {:?}, args: &[{}], returns: {:?}, errors: &[{}] }},",
                variant.command,
                args.collect::<Vec<_>>().join(", "),
                types::print(&variant.returns, &params),
                rules.collect::<Vec<_>>().join(", ")
            );
        }
        out.push_str("            ],\n        },\n");
    }
    out.push_str("    ];\n}\n");
}
