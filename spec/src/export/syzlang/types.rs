//! Types in syzlang, and the declarations that they lead to.

use super::constants::Constants;
use super::layout::{self, Piece};
use super::{Selection, measurable, name_of};
use crate::export::dot::made_and_taken;
use crate::expr::Expr;
use crate::target::{ResolvedField, ResolvedParam};
use crate::types::{Count, Direction, IntType, Type};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// Words that descriptions cannot use as names.
const TAKEN: [&str; 6] = ["parent", "type", "resource", "include", "define", "incdir"];

/// Writes types and remembers which declarations they need.
pub(super) struct Types<'a> {
    selection: &'a Selection<'a>,
    /// Resources that some chosen call makes, and their ancestors.
    made: BTreeSet<&'a str>,
    taken: BTreeSet<&'a str>,
    sets: BTreeSet<String>,
    structs: BTreeSet<String>,
    resources: BTreeSet<String>,
    /// Constants that stand for themselves: selectors.
    constants: BTreeSet<String>,
}

impl<'a> Types<'a> {
    pub(super) fn new(selection: &'a Selection<'a>) -> Self {
        let (mut made, mut taken) = (BTreeSet::new(), BTreeSet::new());
        for (call, _) in &selection.calls {
            let (makes, takes) = made_and_taken(selection.spec, call);
            for (names, all) in [(makes, &mut made), (takes, &mut taken)] {
                for mut name in names {
                    // Whoever has a more special resource has the general one.
                    while all.insert(name) {
                        let Some(parent) = selection.spec.resources.get(name).and_then(|found| found.parent.as_deref())
                        else {
                            break;
                        };
                        name = parent;
                    }
                }
            }
        }
        let empty = || BTreeSet::new();
        Self { selection, made, taken, sets: empty(), structs: empty(), resources: empty(), constants: empty() }
    }

    /// Bytes of a register.
    pub(super) fn word(&self) -> u32 {
        self.selection.resolved.target.arch.data_model().word()
    }

    /// The argument that selects a command.
    pub(super) fn selector(&mut self, name: &str) -> String {
        self.constants.insert(name.to_owned());
        format!("const[{name}]")
    }

    /// The type of an argument that has this many bytes in some description of the call.
    pub(super) fn argument(&mut self, param: &ResolvedParam, widest: u32, params: &[ResolvedParam]) -> String {
        let word = self.word();
        match &param.ty {
            // One argument has one width in all descriptions of a call.
            Type::Int { int, range } if int.bytes(word) < word && widest == word => match range.as_deref() {
                Some((Expr::Int(low), Expr::Int(high))) if fits(*int, *low, *high, word) => {
                    format!("intptr[{low}:{high}]")
                }
                _ => "intptr".to_owned(),
            },
            Type::Const(value) => format!("const[{}]", number(*value)),
            Type::Flags { set, .. } | Type::Enum { set, .. } => match self.set(set) {
                Some(name) => format!("flags[{name}]"),
                None => "intptr".to_owned(),
            },
            Type::Len(index) if measurable(params, *index) => format!("len[{}]", name_of(params, *index)),
            Type::Bytesize(index) if measurable(params, *index) => format!("bytesize[{}]", name_of(params, *index)),
            Type::Len(_) | Type::Bytesize(_) | Type::Size | Type::ByCommand => "intptr".to_owned(),
            Type::Unused => "const[0]".to_owned(),
            Type::Bool => "bool32".to_owned(),
            Type::Offset => "fileoff".to_owned(),
            other => self.inner(other, true),
        }
    }

    /// The resource that a call gives.
    pub(super) fn result(&mut self, ty: &Type) -> Option<String> {
        match ty {
            Type::Resource(name) => self.resource(name),
            _ => None,
        }
    }

    /// A type that stands in memory, or an argument that looks the same there.
    fn inner(&mut self, ty: &Type, argument: bool) -> String {
        let word = self.word();
        match ty {
            Type::Int { int, range } => match range.as_deref() {
                Some((Expr::Int(low), Expr::Int(high))) if fits(*int, *low, *high, word) => {
                    format!("{}[{low}:{high}]", integer(*int))
                }
                _ => integer(*int).to_owned(),
            },
            Type::Const(value) => format!("const[{}, int32]", number(*value)),
            Type::Bool => "bool32".to_owned(),
            Type::Flags { set, width } | Type::Enum { set, width } => {
                let base = width.map_or("int32", integer);
                match self.set(set) {
                    Some(name) => format!("flags[{name}, {base}]"),
                    None => base.to_owned(),
                }
            }
            Type::Resource(name) => self.resource(name).unwrap_or_else(|| {
                crate::resolve::resource_int(self.selection.spec, name).map_or("int32", integer).to_owned()
            }),
            Type::Ptr { direction, nullable, to, wide } => {
                let null = if *nullable { ", opt" } else { "" };
                let to = match to.as_ref() {
                    Type::Array { of, count: Count::Number(count) } if *count > 0 => {
                        format!("array[{}, {count}]", self.inner(of, false))
                    }
                    other => self.inner(other, false),
                };
                let width = if *wide { "64" } else { "" };
                format!("ptr{width}[{}, {to}{null}]", direction.name())
            }
            Type::Array { of, count: Count::Number(count) } => format!("array[{}, {count}]", self.inner(of, false)),
            Type::Array { of, count: Count::Param(_) } => format!("array[{}]", self.inner(of, false)),
            Type::Buffer { direction, nullable, count } => buffer(*direction, *nullable, *count),
            Type::Text { nullable } => text("string", *nullable),
            Type::Path { nullable } => text("filename", *nullable),
            Type::Struct(name) | Type::Union(name) | Type::Extensible { name, .. } => self.structure(name),
            Type::Offset => "fileoff[int64]".to_owned(),
            Type::Mode => "int32[0:4095]".to_owned(),
            Type::Signal => "int32[0:64]".to_owned(),
            Type::Vma if argument => "vma".to_owned(),
            Type::Len(_) | Type::Bytesize(_) | Type::Size | Type::Vma | Type::Addr => "intptr".to_owned(),
            Type::Unused | Type::ByCommand | Type::Zero | Type::Never => "const[0, intptr]".to_owned(),
        }
    }

    fn set(&mut self, name: &str) -> Option<String> {
        let found = self.selection.resolved.sets.get(name)?;
        if found.members.is_empty() {
            return None;
        }
        self.sets.insert(name.to_owned());
        Some(format!("{name}_values"))
    }

    fn structure(&mut self, name: &str) -> String {
        self.structs.insert(name.to_owned());
        identifier(name)
    }

    /// The resource itself, or the most special more general one that is both made and taken.
    fn resource(&mut self, name: &str) -> Option<String> {
        let mut name = name;
        while !(self.made.contains(name) && self.taken.contains(name)) {
            name = self.selection.spec.resources.get(name)?.parent.as_deref()?;
        }
        let declared = resource_name(name);
        let mut ancestor = Some(name);
        while let Some(name) = ancestor {
            self.resources.insert(name.to_owned());
            ancestor = self.selection.spec.resources.get(name).and_then(|found| found.parent.as_deref());
        }
        Some(declared)
    }

    /// Constants that descriptions name by themselves.
    pub(super) fn constants(&self) -> impl Iterator<Item = &str> {
        self.constants.iter().map(String::as_str)
    }

    /// The headers of all sets.
    pub(super) fn headers(&self) -> BTreeSet<&str> {
        let headers = |name: &String| Some(self.selection.spec.sets.get(name)?.header.as_ref()?.value.as_str());
        self.sets.iter().filter_map(headers).collect()
    }

    /// Resources, sets and structs that have been named so far.
    pub(super) fn declarations(&mut self, constants: &mut Constants) -> String {
        // Structs name others, which are written too.
        let mut written: BTreeMap<String, String> = BTreeMap::new();
        while let Some(name) = self.structs.iter().find(|name| !written.contains_key(*name)).cloned() {
            let text = self.declaration(&name);
            written.insert(name, text);
        }
        let mut out = String::new();
        // A resource stands after the one that it is a special case of, whose name is a prefix.
        for name in &self.resources {
            let Some(found) = self.selection.spec.resources.get(name) else { continue };
            let base = match &found.parent {
                Some(parent) => resource_name(parent),
                None => found.base.map_or("int32", integer).to_owned(),
            };
            let _ = write!(out, "resource {}[{base}]", resource_name(name));
            if found.parent.is_none() && !found.special.is_empty() {
                let special: Vec<&str> = found.special.keys().map(String::as_str).collect();
                let _ = write!(out, ": 0xffffffffffffffff, {}", special.join(", "));
                found.special.iter().for_each(|(name, value)| constants.value(name, *value));
            }
            out.push('\n');
        }
        out.push('\n');
        for name in &self.sets {
            let Some(set) = self.selection.resolved.sets.get(name) else { continue };
            let own: Vec<&str> =
                set.members.iter().filter(|member| !member.mask).map(|member| member.name.as_str()).collect();
            let all: Vec<&str> = set.members.iter().map(|member| member.name.as_str()).collect();
            let members = if own.is_empty() { all } else { own };
            members.iter().for_each(|member| constants.name(member));
            let _ = writeln!(out, "{name}_values = {}", members.join(", "));
        }
        out.push('\n');
        written.values().for_each(|text| out.push_str(text));
        out
    }

    fn declaration(&mut self, name: &str) -> String {
        let selection = self.selection;
        let Some(found) = selection.resolved.structs.get(name) else { return String::new() };
        // A union that is specified by what its users see has no field of its own: it is so many bytes.
        let union = !found.fields.is_empty() && selection.spec.structs.get(name).is_some_and(|found| found.union);
        let plan = layout::plan(selection, found, union);
        let (open, close) = if union { ('[', ']') } else { ('{', '}') };
        let mut out = format!("{} {open}\n", identifier(name));
        for piece in &plan.pieces {
            let _ = match piece {
                Piece::Field(field) => writeln!(out, "\t{}\t{}", identifier(&field.name), self.field(field)),
                Piece::Gap { offset, bytes } => writeln!(out, "\tgap{offset}\tarray[const[0, int8], {bytes}]"),
                Piece::Bytes { offset, bytes } => writeln!(out, "\tbytes{offset}\tarray[int8, {bytes}]"),
            };
        }
        let attributes =
            if plan.attributes.is_empty() { String::new() } else { format!(" [{}]", plan.attributes.join(", ")) };
        let _ = write!(out, "{close}{attributes}\n\n");
        out
    }

    fn field(&mut self, field: &ResolvedField) -> String {
        match &field.shape.ty {
            Type::Vma | Type::Addr => "intptr".to_owned(),
            other => self.inner(other, false),
        }
    }
}

fn buffer(direction: Direction, nullable: bool, count: Count) -> String {
    let null = if nullable { ", opt" } else { "" };
    match count {
        Count::Number(count) => format!("ptr[{}, array[int8, {count}]{null}]", direction.name()),
        Count::Param(_) => format!("ptr[{}, array[int8]{null}]", direction.name()),
    }
}

fn text(kind: &str, nullable: bool) -> String {
    if nullable { format!("ptr[in, {kind}, opt]") } else { format!("ptr[in, {kind}]") }
}

fn integer(int: IntType) -> &'static str {
    match int {
        IntType::Fixed { bits: 8, .. } => "int8",
        IntType::Fixed { bits: 16, .. } => "int16",
        IntType::Fixed { bits: 32, .. } => "int32",
        IntType::Fixed { .. } => "int64",
        IntType::Long { .. } => "intptr",
    }
}

/// Whether a range can be said of an integer of this width.
fn fits(int: IntType, low: i128, high: i128, word: u32) -> bool {
    let bits = int.bytes(word) * 8;
    low < high && low >= -(1_i128 << (bits - 1)) && high < 1_i128 << bits && (low >= 0 || high < 1_i128 << (bits - 1))
}

fn number(value: i128) -> String {
    if value < 0 { format!("{:#x}", value & i128::from(u64::MAX)) } else { value.to_string() }
}

/// `fd[pipe]` is `fd_pipe`.
fn resource_name(name: &str) -> String {
    name.replace('[', "_").replace(']', "")
}

/// A name that is no word of the language.
pub(super) fn identifier(name: &str) -> String {
    if TAKEN.contains(&name) { format!("{name}_") } else { name.to_owned() }
}
