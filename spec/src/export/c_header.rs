//! Tables for fuzzers that are written in C: calls with their arguments, flags, structs and errnos, in one header.

use super::Selection;
use crate::ctype::int_of;
use crate::model::Param;
use crate::target::{Call, ResolvedSet};
use crate::types::{self, Type};
use std::fmt::Write;

/// The types that the tables consist of.
const TYPES: &str = "\
#ifndef ABISPEC_TYPES
#define ABISPEC_TYPES

/* What a value is. */
enum abispec_kind {
\tABISPEC_INT, ABISPEC_CONST, ABISPEC_FLAGS, ABISPEC_ENUM, ABISPEC_RESOURCE, ABISPEC_POINTER, ABISPEC_BUFFER,
\tABISPEC_STRING, ABISPEC_PATH, ABISPEC_LENGTH, ABISPEC_BYTESIZE, ABISPEC_PAGES, ABISPEC_UNUSED, ABISPEC_COMMAND,
\tABISPEC_STRUCT, ABISPEC_ARRAY
};

struct abispec_constant {
\tconst char *name;
\tuint64_t value;\t\t/* negative ones as two's complement */
\tint mask;\t\t/* a mask or an alias over other members */
};

struct abispec_set {
\tconst char *name;
\tint exclusive;\t\t/* exactly one member, rather than any OR of them */
\tuint64_t known;\t\t/* every bit that has a meaning */
\tconst struct abispec_constant *members;
\tsize_t count;
};

struct abispec_field {
\tconst char *name;
\tconst char *type;\t/* in the language of the specification */
\tenum abispec_kind kind;
\tuint32_t offset, size;\t/* bytes */
\tint is_signed;
\tconst struct abispec_set *set;
\tconst struct abispec_struct *structure;
};

struct abispec_struct {
\tconst char *name;
\tuint32_t size, align;\t/* bytes */
\tconst struct abispec_field *fields;
\tsize_t count;
};

struct abispec_arg {
\tconst char *name;
\tconst char *c;\t\t/* the kernel's declaration */
\tconst char *type;\t/* in the language of the specification */
\tenum abispec_kind kind;
\tunsigned bits;\t\t/* of the register that the kernel looks at */
\tint is_signed;
\tint reads, writes;\t/* of pointers: what the kernel does with the memory */
\tint nullable;
\tconst struct abispec_set *set;
\tconst struct abispec_struct *structure;
\tconst char *resource;
\tint refers;\t\t/* the argument that this one measures, or whose value is its count; or -1 */
};

struct abispec_error {
\tconst char *name;
\tint number;
\tint duty;\t\t/* 1: the call fails exactly when; 0: it may fail when */
\tconst char *when;\t/* in the language of the specification */
};

struct abispec_variant {
\tconst char *command;\t/* NULL where the call does not multiplex, or for other selectors */
\tuint64_t selector;
\tconst struct abispec_arg *args;
\tconst char *returns;\t/* in the language of the specification */
\tconst char *returns_resource;
\tint blocks;\t\t/* may sleep until something else happens */
\tconst struct abispec_error *errors;
\tsize_t error_count;
};

struct abispec_call {
\tconst char *name;
\tuint32_t number;
\tint arg_count;
\tint select;\t\t/* the argument that selects a variant, or -1 */
\tconst struct abispec_variant *variants;
\tsize_t variant_count;
};

#endif
";

/// Writes the header. One file of a program defines `ABISPEC_IMPLEMENTATION` before it includes the header.
pub fn c_header(selection: &Selection<'_>) -> String {
    let mut out = String::new();
    let _ = write!(
        out,
        "/*\n * The system calls of {}, as abispec specifies them: {} calls.\n *\n * Define ABISPEC_IMPLEMENTATION in one \
         file before this is included; the tables are there.\n */\n#ifndef ABISPEC_H\n#define ABISPEC_H\n\n#include \
         <stddef.h>\n#include <stdint.h>\n\n#ifdef __cplusplus\nextern \"C\" {{\n#endif\n\n{TYPES}\n",
        selection.title(),
        selection.calls.len()
    );
    for (_, call) in &selection.calls {
        let _ = writeln!(out, "#define ABISPEC_NR_{} {}", call.name, call.nr);
    }
    let _ = write!(
        out,
        "\n#define ABISPEC_CALL_COUNT {}\n#define ABISPEC_SET_COUNT {}\n#define ABISPEC_STRUCT_COUNT {}\n\nextern const \
         struct abispec_call abispec_calls[];\nextern const struct abispec_set abispec_sets[];\nextern const struct \
         abispec_struct abispec_structs[];\n\n#ifdef ABISPEC_IMPLEMENTATION\n\n",
        selection.calls.len(),
        selection.resolved.sets.values().filter(|set| !set.members.is_empty()).count(),
        selection.resolved.structs.len()
    );
    let writer = Writer { selection };
    writer.sets(&mut out);
    writer.structs(&mut out);
    for (_, call) in &selection.calls {
        writer.variants(call, &mut out);
    }
    out.push_str("const struct abispec_call abispec_calls[] = {\n");
    for (_, call) in &selection.calls {
        let select = call.select.map_or(-1, i32::from);
        let count = call.variants.len();
        let args = call.variants[0].params.len();
        let name = &call.name;
        let _ = writeln!(out, "\t{{\"{name}\", {}, {args}, {select}, abispec_variants_{name}, {count}}},", call.nr);
    }
    // A table of nothing is no C.
    if selection.calls.is_empty() {
        out.push_str("\t{NULL, 0, 0, -1, NULL, 0},\n");
    }
    out.push_str("};\n\n#endif\n\n#ifdef __cplusplus\n}\n#endif\n\n#endif\n");
    out
}

struct Writer<'a> {
    selection: &'a Selection<'a>,
}

impl Writer<'_> {
    fn used_sets(&self) -> impl Iterator<Item = (usize, (&String, &ResolvedSet))> {
        self.selection.resolved.sets.iter().filter(|(_, set)| !set.members.is_empty()).enumerate()
    }

    fn sets(&self, out: &mut String) {
        for (_, (name, set)) in self.used_sets() {
            let _ = writeln!(out, "static const struct abispec_constant abispec_members_{name}[] = {{");
            for member in &set.members {
                let _ =
                    writeln!(out, "\t{{\"{}\", {}, {}}},", member.name, unsigned(member.value), u8::from(member.mask));
            }
            out.push_str("};\n");
        }
        out.push_str("\nconst struct abispec_set abispec_sets[] = {\n");
        for (_, (name, set)) in self.used_sets() {
            let (exclusive, known, count) = (u8::from(set.exclusive), unsigned(set.known), set.members.len());
            let _ = writeln!(out, "\t{{\"{name}\", {exclusive}, {known}, abispec_members_{name}, {count}}},");
        }
        out.push_str("\t{NULL, 0, 0, NULL, 0}\n};\n\n");
    }

    /// The place of a set in the table of sets.
    fn set(&self, ty: &Type) -> String {
        let (Type::Flags { set, .. } | Type::Enum { set, .. }) = ty else { return "NULL".to_owned() };
        let index = self.used_sets().find(|(_, (name, _))| *name == set);
        index.map_or_else(|| "NULL".to_owned(), |(index, _)| format!("&abispec_sets[{index}]"))
    }

    /// The place of the struct that a type is or leads to.
    fn structure(&self, ty: &Type) -> String {
        let name = match ty {
            Type::Struct(name) | Type::Union(name) | Type::Extensible { name, .. } => name,
            Type::Ptr { to: inner, .. } | Type::Array { of: inner, .. } => return self.structure(inner),
            _ => return "NULL".to_owned(),
        };
        let index = self.selection.resolved.structs.keys().position(|known| known == name);
        index.map_or_else(|| "NULL".to_owned(), |index| format!("&abispec_structs[{index}]"))
    }

    fn structs(&self, out: &mut String) {
        let structs = &self.selection.resolved.structs;
        for (name, found) in structs.iter().filter(|(_, found)| !found.fields.is_empty()) {
            let _ = writeln!(out, "static const struct abispec_field abispec_fields_{name}[] = {{");
            for field in &found.fields {
                let ty = &field.shape.ty;
                let (text, signed) = (types::print(ty, &[]), u8::from(field.shape.signed));
                let (set, inner) = (self.set(ty), self.structure(ty));
                let (kind, offset, size) = (kind(ty), field.offset, field.shape.size);
                let _ = writeln!(
                    out,
                    "\t{{\"{}\", \"{text}\", {kind}, {offset}, {size}, {signed}, {set}, {inner}}},",
                    field.name
                );
            }
            out.push_str("};\n");
        }
        out.push_str("\nconst struct abispec_struct abispec_structs[] = {\n");
        for (name, found) in structs {
            let fields = if found.fields.is_empty() { "NULL".to_owned() } else { format!("abispec_fields_{name}") };
            let (size, align, count) = (found.size, found.align, found.fields.len());
            let _ = writeln!(out, "\t{{\"{name}\", {size}, {align}, {fields}, {count}}},");
        }
        out.push_str("\t{NULL, 0, 0, NULL, 0}\n};\n\n");
    }

    fn variants(&self, call: &Call, out: &mut String) {
        let name = &call.name;
        let params: Vec<&str> = call.variants[0].params.iter().map(|param| param.name.as_str()).collect();
        let written = self.selection.spec.syscalls.get(name);
        for (index, variant) in call.variants.iter().enumerate() {
            if !variant.params.is_empty() {
                let _ = writeln!(out, "static const struct abispec_arg abispec_args_{name}_{index}[] = {{");
                for (position, param) in variant.params.iter().enumerate() {
                    let stated = written.and_then(|call| call.params.get(position));
                    let _ = writeln!(out, "\t{},", self.arg(&param.name, stated, &param.c, &param.ty, &params));
                }
                out.push_str("};\n");
            }
            if !variant.rules.is_empty() {
                let _ = writeln!(out, "static const struct abispec_error abispec_errors_{name}_{index}[] = {{");
                for rule in &variant.rules {
                    let text = quoted(&self.selection.resolved.clause(rule.clause).text);
                    let number = rule.errno.number(self.selection.resolved.target.arch);
                    let duty = u8::from(rule.duty);
                    let _ = writeln!(out, "\t{{\"{}\", {number}, {duty}, {text}}},", rule.errno.name());
                }
                out.push_str("};\n");
            }
        }
        let _ = writeln!(out, "static const struct abispec_variant abispec_variants_{name}[] = {{");
        for (index, variant) in call.variants.iter().enumerate() {
            let command = variant.command.as_ref().map_or_else(|| "NULL".to_owned(), |name| format!("\"{name}\""));
            let selector = unsigned(variant.selector.unwrap_or(0));
            let table = |kind: &str, empty: bool| {
                if empty { "NULL".to_owned() } else { format!("abispec_{kind}_{name}_{index}") }
            };
            let (args, errors) = (table("args", variant.params.is_empty()), table("errors", variant.rules.is_empty()));
            let returns = quoted(&types::print(&variant.returns, &params));
            let resource = resource(&variant.returns);
            let (blocks, count) = (u8::from(variant.blocks.is_some()), variant.rules.len());
            let _ = writeln!(
                out,
                "\t{{{command}, {selector}, {args}, {returns}, {resource}, {blocks}, {errors}, {count}}},"
            );
        }
        out.push_str("};\n\n");
    }

    fn arg(&self, name: &str, stated: Option<&Param>, c: &str, ty: &Type, params: &[&str]) -> String {
        let word = self.selection.resolved.target.arch.data_model().word();
        let c = stated.filter(|param| param.name.value == name).map_or(c, |param| param.c.value.as_str());
        let int = int_of(c);
        let bits = int.map_or(word * 8, |int| int.bytes(word) * 8);
        let signed = u8::from(int.is_some_and(crate::types::IntType::signed));
        let (direction, nullable) = ty.pointer().map_or((None, false), |(direction, null)| (Some(direction), null));
        let reads = u8::from(direction.is_some_and(types::Direction::reads));
        let writes = u8::from(direction.is_some_and(types::Direction::writes));
        let text = quoted(&types::print(ty, params));
        let nullable = u8::from(nullable);
        format!(
            "{{\"{name}\", {}, {text}, {}, {bits}, {signed}, {reads}, {writes}, {nullable}, {}, {}, {}, {}}}",
            quoted(c),
            kind(ty),
            self.set(ty),
            self.structure(ty),
            resource(ty),
            refers(ty).map_or(-1, i32::from)
        )
    }
}

/// The resource that a value is, or that a pointer leads to.
fn resource(ty: &Type) -> String {
    match ty {
        Type::Resource(name) => format!("\"{name}\""),
        Type::Ptr { to: inner, .. } | Type::Array { of: inner, .. } => resource(inner),
        _ => "NULL".to_owned(),
    }
}

/// The parameter that a type names.
fn refers(ty: &Type) -> Option<u8> {
    match ty {
        Type::Len(index) | Type::Bytesize(index) => Some(*index),
        Type::Buffer { count: types::Count::Param(index), .. }
        | Type::Array { count: types::Count::Param(index), .. } => Some(*index),
        Type::Extensible { size, .. } => Some(*size),
        Type::Ptr { to, .. } => refers(to),
        _ => None,
    }
}

fn kind(ty: &Type) -> &'static str {
    match ty {
        Type::Int { .. } | Type::Bool | Type::Offset | Type::Size | Type::Mode | Type::Signal => "ABISPEC_INT",
        Type::Addr | Type::Zero | Type::Never => "ABISPEC_INT",
        Type::Const(_) => "ABISPEC_CONST",
        Type::Flags { .. } => "ABISPEC_FLAGS",
        Type::Enum { .. } => "ABISPEC_ENUM",
        Type::Resource(_) => "ABISPEC_RESOURCE",
        Type::Ptr { .. } => "ABISPEC_POINTER",
        Type::Buffer { .. } => "ABISPEC_BUFFER",
        Type::Text { .. } => "ABISPEC_STRING",
        Type::Path { .. } => "ABISPEC_PATH",
        Type::Len(_) => "ABISPEC_LENGTH",
        Type::Bytesize(_) => "ABISPEC_BYTESIZE",
        Type::Vma => "ABISPEC_PAGES",
        Type::Unused => "ABISPEC_UNUSED",
        Type::ByCommand => "ABISPEC_COMMAND",
        Type::Struct(_) | Type::Union(_) | Type::Extensible { .. } => "ABISPEC_STRUCT",
        Type::Array { .. } => "ABISPEC_ARRAY",
    }
}

/// A number as C's 64 bits without a sign.
fn unsigned(value: i128) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "two's complement is what is meant")]
    let value = value as u64;
    format!("UINT64_C({value:#x})")
}

/// A text as a C literal.
fn quoted(text: &str) -> String {
    let escaped: String = text
        .chars()
        .flat_map(|c| match c {
            '"' | '\\' => vec!['\\', c],
            // Two question marks begin what C calls a trigraph.
            '?' => vec!['\\', '?'],
            '\n' => vec!['\\', 'n'],
            _ => vec![c],
        })
        .collect();
    format!("\"{escaped}\"")
}
