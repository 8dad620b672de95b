//! What a witness states about the ABI. Every reader produces the same [`Facts`].

use abispec::arch::{Arch, DataModel};
use abispec::version::Release;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

/// Everything one witness states.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Facts {
    /// Which kind of witness it is.
    pub kind: WitnessKind,
    /// How reports call it: a folder, a file.
    pub witness: String,
    /// The port it speaks of.
    pub arch: Arch,
    /// The kernel release it speaks of, where it says one.
    pub release: Claim<Release>,
    /// The options of its kernel that are y or m.
    pub config: Claim<BTreeSet<String>>,
    /// For each header, by the name it is included by, the files it consists of, itself among them.
    pub headers: BTreeMap<String, Vec<Arc<str>>>,
    /// Integer constants by name. More than one fact: headers that are never used together disagree.
    pub constants: BTreeMap<String, Vec<Fact<Constant>>>,
    /// Structs and unions by tag, or by the typedef where they have no tag. More than one fact: as for constants.
    pub layouts: BTreeMap<String, Vec<Fact<Layout>>>,
    /// System calls' parameters, by the name behind `sys_`.
    pub prototypes: BTreeMap<String, Fact<Prototype>>,
    /// System call numbers, by the name behind `__NR_`.
    pub numbers: BTreeMap<String, Fact<u32>>,
    /// Device control requests, by name: what their numbers are made of.
    pub ioctls: BTreeMap<String, Fact<Ioctl>>,
    /// The kernel's functions that the tables of system calls name, by call.
    pub entries: BTreeMap<String, Fact<Entry>>,
    /// Kernel options without which a call answers ENOSYS, by the call's entry.
    pub options: BTreeMap<String, Fact<String>>,
    /// Kernel options that a call needs and that every kernel of the port has, by the call's entry.
    pub settled: BTreeMap<String, String>,
    /// Whether the kernel serves a call, by the call's entry.
    pub served: BTreeMap<String, Fact<bool>>,
    /// Entries that several ports define, each for itself.
    pub own: BTreeSet<String>,
    /// Errnos that a call is said to give, by call and errno.
    pub errnos: BTreeMap<String, BTreeMap<String, Fact<Attribution>>>,
    /// System calls that an older state of the witness has, where one is at hand: the others are new.
    pub older: Option<BTreeSet<String>>,
    /// The calls whose list of errnos is said to be incomplete, and where.
    pub open: BTreeMap<String, Source>,
    /// The first release of a call, by its name, or of a constant, by `call.CONSTANT`.
    pub since: BTreeMap<String, Fact<Release>>,
    /// The calls that are described together with a call, itself among them.
    pub families: BTreeMap<String, Vec<String>>,
    /// The constants that some description of a call names for an argument, by `call.index`.
    pub tried: BTreeMap<String, Fact<BTreeSet<String>>>,
    /// The bits that an argument may have, by `call.index`.
    pub masks: BTreeMap<String, Fact<u64>>,
    /// The number of the collection, where that is no kernel release: of man pages.
    pub version: Option<Release>,
    /// What it could have said but did not.
    pub silent: Vec<Silence>,
}

impl Facts {
    /// A witness that has said nothing so far.
    pub fn new(kind: WitnessKind, witness: impl Into<String>, arch: Arch) -> Self {
        Self {
            kind,
            witness: witness.into(),
            arch,
            release: Claim::Silent { reason: "the witness names no release".to_owned() },
            config: Claim::Silent { reason: "the witness has no configuration".to_owned() },
            headers: BTreeMap::new(),
            constants: BTreeMap::new(),
            layouts: BTreeMap::new(),
            prototypes: BTreeMap::new(),
            numbers: BTreeMap::new(),
            ioctls: BTreeMap::new(),
            entries: BTreeMap::new(),
            options: BTreeMap::new(),
            settled: BTreeMap::new(),
            served: BTreeMap::new(),
            own: BTreeSet::new(),
            errnos: BTreeMap::new(),
            older: None,
            open: BTreeMap::new(),
            since: BTreeMap::new(),
            families: BTreeMap::new(),
            tried: BTreeMap::new(),
            masks: BTreeMap::new(),
            version: None,
            silent: Vec::new(),
        }
    }

    /// How it lays out C types.
    pub fn data_model(&self) -> DataModel {
        self.arch.data_model()
    }

    /// How many single facts it states.
    pub fn count(&self) -> usize {
        let errnos: usize = self.errnos.values().map(BTreeMap::len).sum();
        self.constants.len()
            + self.layouts.len()
            + self.prototypes.len()
            + self.numbers.len()
            + self.ioctls.len()
            + self.entries.len()
            + self.options.len()
            + self.served.len()
            + self.since.len()
            + errnos
    }

    /// Whether a header of this name was read.
    pub fn has_header(&self, name: &str) -> bool {
        self.headers.contains_key(name)
    }

    /// Whether a program that includes only this header sees what stands at `source`.
    pub fn shows(&self, header: &str, source: &Source) -> bool {
        self.headers.get(header).is_some_and(|files| files.contains(&source.file))
    }

    /// Why the witness is silent about a name, where it says so.
    pub fn why_silent(&self, subject: &str) -> Option<&str> {
        self.silent.iter().find(|silence| silence.subject == subject).map(|silence| silence.reason.as_str())
    }

    /// A constant, as the header `header` shows it where headers disagree.
    pub fn constant(&self, name: &str, header: Option<&str>) -> Claim<&Fact<Constant>> {
        choose(self.constants.get(name), name, header)
    }

    /// A struct or union, as the header `header` shows it where headers disagree.
    pub fn layout(&self, name: &str, header: Option<&str>) -> Claim<&Fact<Layout>> {
        choose(self.layouts.get(name), name, header)
    }

    /// Notes that it does not state something.
    pub fn silence(&mut self, subject: impl Into<String>, reason: impl Into<String>) {
        self.silent.push(Silence { subject: subject.into(), reason: reason.into() });
    }
}

fn choose<'a, T>(facts: Option<&'a Vec<Fact<T>>>, name: &str, header: Option<&str>) -> Claim<&'a Fact<T>> {
    let silent = |reason| Claim::Silent { reason };
    let Some(facts) = facts else { return silent(format!("it has no `{name}`")) };
    match facts.as_slice() {
        [] => silent(format!("it has no `{name}`")),
        [one] => Claim::Says { value: one, source: one.source.clone() },
        [first, second, ..] => {
            let through = |fact: &&Fact<T>| header.is_some_and(|header| fact.headers.iter().any(|h| &**h == header));
            match facts.iter().find(through) {
                Some(fact) => Claim::Says { value: fact, source: fact.source.clone() },
                None => silent(format!("`{name}` has several definitions: {} and {}", first.source, second.source)),
            }
        }
    }
}

/// The kinds of witness.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum WitnessKind {
    /// UAPI headers.
    Headers,
    /// The kernel's type information.
    Btf,
    /// The kernel's own list of system calls and their parameters.
    Tracefs,
    /// A kernel's list of its own symbols.
    Symbols,
    /// A kernel's source tree: system call tables, definitions of system calls.
    Tree,
    /// Bindings for Rust.
    Rust,
    /// Man pages.
    Man,
    /// A specification.
    Spec,
    /// Descriptions that others keep.
    Import,
}

impl WitnessKind {
    /// The word that reports use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Headers => "headers",
            Self::Btf => "btf",
            Self::Tracefs => "tracefs",
            Self::Symbols => "symbols",
            Self::Tree => "tree",
            Self::Rust => "rust",
            Self::Man => "man",
            Self::Spec => "spec",
            Self::Import => "import",
        }
    }
}

impl fmt::Display for WitnessKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a witness answers: something, or why it says nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum Claim<T> {
    /// It says this.
    Says {
        /// What.
        value: T,
        /// Where.
        source: Source,
    },
    /// It says nothing.
    Silent {
        /// Why.
        reason: String,
    },
}

impl<T> Claim<T> {
    /// The value, where there is one.
    pub fn value(&self) -> Option<&T> {
        match self {
            Self::Says { value, .. } => Some(value),
            Self::Silent { .. } => None,
        }
    }
}

/// A value and where the witness states it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fact<T> {
    /// The value.
    pub value: T,
    /// Where it is stated.
    pub source: Source,
    /// The headers that, included alone, show it. Only told apart where several facts have one name.
    pub headers: Vec<Arc<str>>,
}

impl<T> Fact<T> {
    /// A fact of a witness that has no headers.
    pub fn new(value: T, source: Source) -> Self {
        Self { value, source, headers: Vec::new() }
    }
}

/// A place in a witness.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Source {
    /// The file.
    pub file: Arc<str>,
    /// Where in it.
    pub at: Position,
}

impl Source {
    /// A line and column of a text file.
    pub fn line(file: Arc<str>, line: u32, column: u32) -> Self {
        Self { file, at: Position::Line { line, column } }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.at {
            Position::Line { line, column } => write!(f, "{}:{line}:{column}", self.file),
            Position::Type(id) => write!(f, "{} [type {id}]", self.file),
            Position::Whole => f.write_str(&self.file),
        }
    }
}

/// A position in a file of a witness.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Position {
    /// A line and a column, from 1.
    Line {
        /// Line.
        line: u32,
        /// Column in characters.
        column: u32,
    },
    /// A type of binary type information.
    Type(u32),
    /// The file as a whole.
    Whole,
}

/// An integer constant and the C type it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Constant {
    /// Its value in that type.
    pub value: i128,
    /// Bits of the type.
    pub bits: u8,
    /// Whether the type is signed.
    pub signed: bool,
}

impl Constant {
    /// Whether `other` is the same pattern of bits, so that `1 << 31` and `0x80000000` are equal as `int`.
    pub fn same_bits(self, other: i128) -> bool {
        let bits = u32::from(self.bits.clamp(1, 64));
        let lowest = -(1_i128 << (bits - 1));
        let highest = (1_i128 << bits) - 1;
        (lowest..=highest).contains(&other) && (self.value ^ other) & highest == 0
    }

    /// Whether `other`, of whatever type, is the same number or the same pattern of bits in the narrower type; a number
    /// that is extended to the wider type as C does is the same.
    pub fn is_same_number(self, other: Self) -> bool {
        let bits = u32::from(self.bits.max(other.bits).clamp(1, 64));
        let mask = (1_i128 << bits) - 1;
        self.value & mask == other.value & mask || self.same_bits(other.value) || other.same_bits(self.value)
    }
}

impl fmt::Display for Constant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if (-9..10).contains(&self.value) {
            return write!(f, "{}", self.value);
        }
        let mask = (1_i128 << self.bits.clamp(1, 64)) - 1;
        write!(f, "{} ({:#x})", self.value, self.value & mask)
    }
}

/// How a struct or union lies in memory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Layout {
    /// How C names it: `struct open_how`, `__kernel_fsid_t`.
    pub c_name: String,
    /// Whether its fields overlap.
    pub union: bool,
    /// Bytes.
    pub size: u64,
    /// Alignment in bytes; silent where the witness does not carry it.
    pub align: Option<u64>,
    /// Its fields in order; those of anonymous members are listed as its own, those of named members whose type has no name
    /// as `member.field` after the member, where the witness tells them.
    pub fields: Vec<Field>,
}

impl Layout {
    /// The field of this name.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }
}

/// A field of a struct or union.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// Bits from the start of the struct.
    pub offset_bits: u64,
    /// Its width in bits; 0 for a flexible array.
    pub size_bits: u64,
    /// Whether it is a bit-field.
    pub bitfield: bool,
    /// Its C type.
    pub c_type: String,
}

/// The parameters of a system call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Prototype {
    /// In order.
    pub params: Vec<Parameter>,
}

/// A parameter of a system call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// Its C type; silent where the witness sees only a register.
    pub c_type: Result<String, Unstated>,
}

/// Why a witness names a parameter but no type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Unstated {
    /// Only the wrapper that takes every argument as a register is described.
    RegisterOnly,
}

/// What the number of a device control request is made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Ioctl {
    /// The whole number.
    pub number: u32,
    /// Whether user space hands an argument to the kernel, as the request's name says it.
    pub writes: bool,
    /// Whether the kernel hands one back.
    pub reads: bool,
    /// The letter or number of the subsystem, 0..=255.
    pub kind: u8,
    /// The request's own number, 0..=255.
    pub nr: u8,
    /// Bytes of the argument.
    pub size: u32,
    /// The C type of the argument, where the request is written with one.
    pub argument: Option<String>,
}

/// An entry of a table of system calls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// The ABI that the table names: `common`, `64`, `x32`, `i386`.
    pub abi: String,
    /// The kernel's function behind `sys_`; `None` for a number that is only reserved.
    pub entry: Option<String>,
    /// The function that serves callers of the other word size.
    pub compat: Option<String>,
}

/// How surely an errno is said to be a call's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Attribution {
    /// The text is about this call alone.
    Single,
    /// The text is about several calls and names this one.
    Marked,
    /// The text is about several calls and does not say which.
    Shared,
    /// The text refers to another one, which is about another call.
    Referred,
}

/// Something that a witness does not state, and why.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Silence {
    /// What: a header, a struct, a system call.
    pub subject: String,
    /// Why.
    pub reason: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_are_compared_as_bits_of_their_type() {
        let int = |value| Constant { value, bits: 32, signed: true };
        assert!(int(i128::from(i32::MIN)).same_bits(0x8000_0000));
        assert!(int(-1).same_bits(0xffff_ffff));
        assert!(int(-100).same_bits(-100));
        assert!(!int(-1).same_bits(0xffff_ffff_ffff_ffff));
        assert!(!int(1).same_bits(0x1_0000_0001));
    }
}
