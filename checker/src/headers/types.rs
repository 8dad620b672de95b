//! The types, tags and constants that a translation unit has declared so far.

use super::lex::Spot;
use super::symbol::Sym;
use super::value::{IntKind, Value};
use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};

/// A type, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TypeId(pub(crate) u32);

/// A type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    /// `void`.
    Void,
    /// An integer.
    Int(IntKind),
    /// A floating-point or other scalar that is no integer.
    Scalar {
        /// Its name.
        name: &'static str,
        /// Bytes.
        size: u64,
        /// Alignment.
        align: u64,
    },
    /// A pointer.
    Pointer(TypeId),
    /// An array; without a count, one of unknown length.
    Array(TypeId, Option<u64>),
    /// A function.
    Function,
    /// A struct or union.
    Record(usize),
    /// An enumeration.
    Enum(usize),
    /// A typedef, and the alignment that it imposes.
    Named(Sym, TypeId, Option<u64>),
    /// `const`.
    Const(TypeId),
}

/// A struct or union.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    /// Whether its members overlap.
    pub(crate) union: bool,
    /// Its tag, or the typedef that names it.
    pub(crate) name: Option<Sym>,
    /// Whether the name is a tag.
    pub(crate) tagged: bool,
    /// Its members; none before it is complete.
    pub(crate) members: Option<Vec<Member>>,
    /// All members are packed.
    pub(crate) packed: bool,
    /// The alignment that its attributes impose.
    pub(crate) align: Option<u64>,
    /// The limit of `#pragma pack`.
    pub(crate) limit: Option<u64>,
    /// Where it is written.
    pub(crate) at: Spot,
    /// Why it has no layout, if something in it was not understood.
    pub(crate) broken: Option<String>,
    /// Its size and alignment once they were computed: structs in structs would else be computed over and over.
    pub(crate) extent: Cell<Option<(u64, u64)>>,
}

/// A member of a struct or union.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    /// Its name; anonymous structs and padding have none.
    pub(crate) name: Option<Sym>,
    /// Its type.
    pub(crate) ty: TypeId,
    /// Width of a bit-field.
    pub(crate) bits: Option<u64>,
    /// Its own attribute `packed`.
    pub(crate) packed: bool,
    /// Its own attribute `aligned`.
    pub(crate) align: Option<u64>,
}

/// An enumeration.
#[derive(Clone, Debug)]
pub(crate) struct Enumeration {
    /// Its tag.
    pub(crate) tag: Option<Sym>,
    /// The integer type that holds it; none before it is complete.
    pub(crate) kind: Option<IntKind>,
}

/// A map by symbol. Symbols are small numbers that need no mixing against an attacker.
pub(crate) type SymMap<V> = HashMap<Sym, V, BuildHasherDefault<SymHasher>>;
/// A map by name and place; so are the parts of a place.
pub(crate) type PlaceMap<V> = HashMap<(Sym, Spot), V, BuildHasherDefault<SymHasher>>;

/// Spreads a symbol's number over the hash.
#[derive(Debug, Default)]
pub(crate) struct SymHasher(u64);

impl Hasher for SymHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u32(u32::from(*byte));
        }
    }

    fn write_u16(&mut self, number: u16) {
        self.write_u32(u32::from(number));
    }

    fn write_u32(&mut self, number: u32) {
        self.0 = (self.0 ^ u64::from(number)).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
    }
}

/// A set of places.
pub(crate) type SpotSet = HashSet<Spot, BuildHasherDefault<SymHasher>>;

/// Everything declared so far.
#[derive(Debug, Default)]
pub(crate) struct Types {
    all: Vec<Type>,
    /// Structs and unions.
    pub(crate) records: Vec<Record>,
    /// Enumerations.
    pub(crate) enums: Vec<Enumeration>,
    /// Typedefs.
    pub(crate) typedefs: SymMap<TypeId>,
    /// Tags.
    pub(crate) tags: SymMap<TypeId>,
    /// Constants of enumerations, with their places.
    pub(crate) constants: SymMap<(Value, Spot)>,
    /// Their names in order.
    pub(crate) constant_names: Vec<Sym>,
}

impl Types {
    /// Adds a type.
    pub(crate) fn add(&mut self, ty: Type) -> TypeId {
        let id = TypeId(self.all.len() as u32);
        self.all.push(ty);
        id
    }

    /// Whether a name is that of a type, a complete struct or enumeration, or a constant.
    pub(crate) fn knows(&self, name: Sym) -> bool {
        let complete = |id: &TypeId| match self.get(*id) {
            Type::Record(number) => self.records.get(*number).is_some_and(|record| record.members.is_some()),
            Type::Enum(number) => self.enums.get(*number).is_some_and(|found| found.kind.is_some()),
            Type::Void
            | Type::Int(_)
            | Type::Scalar { .. }
            | Type::Pointer(_)
            | Type::Array(..)
            | Type::Function
            | Type::Named(..)
            | Type::Const(_) => true,
        };
        self.typedefs.contains_key(&name)
            || self.constants.contains_key(&name)
            || self.tags.get(&name).is_some_and(complete)
    }

    /// A type by its number.
    pub(crate) fn get(&self, id: TypeId) -> &Type {
        self.all.get(id.0 as usize).unwrap_or(&Type::Void)
    }

    /// The type without names and `const`.
    pub(crate) fn bare(&self, mut id: TypeId) -> &Type {
        loop {
            match self.get(id) {
                Type::Named(_, of, _) | Type::Const(of) => id = *of,
                other => return other,
            }
        }
    }

    /// The integer type that it is, if it is one.
    pub(crate) fn integer(&self, id: TypeId) -> Option<IntKind> {
        match self.bare(id) {
            Type::Int(kind) => Some(*kind),
            Type::Enum(number) => self.enums.get(*number).and_then(|found| found.kind),
            Type::Void
            | Type::Scalar { .. }
            | Type::Pointer(_)
            | Type::Array(..)
            | Type::Function
            | Type::Record(_)
            | Type::Named(..)
            | Type::Const(_) => None,
        }
    }
}
