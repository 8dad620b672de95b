//! What declarations mean: they add types, tags, typedefs and constants.

use super::ast::{Attribute, Base, Declaration, Declarator, Derived, EnumSpec, Expr, Pack, RecordSpec, Specs, Words};
use super::evaluate::evaluate;
use super::layout::Layouts;
use super::machine::Machine;
use super::symbol::{Sym, Symbols, sym};
use super::types::{Enumeration, Member, Record, Type, TypeId, Types};
use super::value::{IntKind, Value};
use std::cell::Cell;

/// The declarations of a unit so far.
pub(crate) struct Scope<'a> {
    /// What was declared.
    pub(crate) types: Types,
    /// The port.
    pub(super) machine: &'a Machine,
    symbols: &'a Symbols<'a>,
    pack: Option<u64>,
    packs: Vec<Option<u64>>,
}

/// Every integer type, at the number that its type has in each scope.
const KINDS: [IntKind; 14] = [
    IntKind::Bool,
    IntKind::Char,
    IntKind::SChar,
    IntKind::UChar,
    IntKind::Short,
    IntKind::UShort,
    IntKind::Int,
    IntKind::UInt,
    IntKind::Long,
    IntKind::ULong,
    IntKind::LongLong,
    IntKind::ULongLong,
    IntKind::Int128,
    IntKind::UInt128,
];
const VOID: TypeId = TypeId(KINDS.len() as u32);

const fn int(kind: IntKind) -> TypeId {
    TypeId(kind as u32)
}

impl<'a> Scope<'a> {
    /// A scope without declarations.
    pub(crate) fn new(machine: &'a Machine, symbols: &'a Symbols<'a>) -> Self {
        let mut types = Types::default();
        for kind in KINDS {
            types.add(Type::Int(kind));
        }
        types.add(Type::Void);
        Self { types, machine, symbols, pack: None, packs: Vec::new() }
    }

    fn text(&self, name: Sym) -> String {
        self.symbols.text(name).to_owned()
    }

    /// Calls `use_` with the layouts of what is declared.
    pub(crate) fn with_layouts<T>(&self, use_: impl FnOnce(&Layouts<'_>) -> T) -> T {
        use_(&Layouts { types: &self.types, machine: self.machine, text: &|name| self.text(name) })
    }

    /// Carries out a declaration.
    pub(crate) fn declare(&mut self, declaration: &Declaration) -> Result<(), String> {
        match declaration {
            Declaration::Nothing => Ok(()),
            Declaration::Pack(pack) => {
                match pack {
                    Pack::Set(limit) => self.pack = *limit,
                    Pack::Push(limit) => {
                        self.packs.push(self.pack);
                        self.pack = limit.or(self.pack);
                    }
                    Pack::Pop => self.pack = self.packs.pop().flatten(),
                }
                Ok(())
            }
            Declaration::Declared { specs, declarators } => {
                // Variables and functions state no layout, but the struct in front of them may.
                let is_type = matches!(specs.base, Base::Record(_) | Base::Enum(_));
                if !specs.typedef && !is_type {
                    return Ok(());
                }
                let base = self.base(specs)?;
                if specs.typedef {
                    for declarator in declarators {
                        self.typedef(specs, base, declarator)?;
                    }
                }
                Ok(())
            }
        }
    }

    fn typedef(&mut self, specs: &Specs, base: TypeId, declarator: &Declarator) -> Result<(), String> {
        let Some((name, _)) = declarator.name else { return Ok(()) };
        let ty = self.derive(base, declarator)?;
        let ty = self.with_mode(ty, specs, declarator);
        let align = self.alignment(specs, declarator)?;
        if let (Type::Record(number), true) = (self.types.get(ty).clone(), declarator.derived.is_empty())
            && let Some(record) = self.types.records.get_mut(number).filter(|record| record.name.is_none())
        {
            record.name = Some(name);
        }
        let id = self.types.add(Type::Named(name, ty, align));
        self.types.typedefs.insert(name, id);
        Ok(())
    }

    fn base(&mut self, specs: &Specs) -> Result<TypeId, String> {
        let id = match &specs.base {
            Base::Record(spec) => self.record(spec)?,
            Base::Enum(spec) => self.enumeration(spec)?,
            Base::Words(words) => self.words(*words),
            Base::Typeof(ty) => {
                let base = self.base(&ty.specs)?;
                self.derive(base, &ty.declarator)?
            }
            Base::Missing | Base::Name(_) | Base::TypeofValue(_) => self.existing(specs)?,
        };
        Ok(if specs.constant { self.types.add(Type::Const(id)) } else { id })
    }

    /// A type that needs no new entry.
    pub(super) fn existing(&self, specs: &Specs) -> Result<TypeId, String> {
        let tagged = |tag: Option<Sym>| tag.and_then(|tag| self.types.tags.get(&tag).copied());
        match &specs.base {
            Base::Missing => Ok(int(IntKind::Int)),
            Base::Words(words) => integer_words(*words)
                .map(int)
                .or_else(|| (words.core == Some(sym::VOID)).then_some(VOID))
                .ok_or_else(|| "a type that is no integer".to_owned()),
            Base::Name(name) => self
                .types
                .typedefs
                .get(name)
                .copied()
                .ok_or_else(|| format!("the type `{}` is not defined", self.symbols.text(*name))),
            Base::Record(spec) => tagged(spec.tag).ok_or_else(|| {
                let tag = spec.tag.map(|tag| self.text(tag)).unwrap_or_default();
                format!("{} {tag} is not defined", if spec.union { "union" } else { "struct" })
            }),
            Base::Enum(spec) => tagged(spec.tag).ok_or_else(|| "an enumeration is not defined".to_owned()),
            Base::Typeof(ty) if ty.declarator.derived.is_empty() => self.existing(&ty.specs),
            Base::Typeof(_) => Err("typeof of a derived type".to_owned()),
            Base::TypeofValue(value) => match evaluate(value, self, self.machine) {
                Ok(value) => Ok(int(value.kind)),
                Err(_) => self.place(value).map(|(_, ty)| ty).map_err(|stop| stop.to_string()),
            },
        }
    }

    fn words(&mut self, words: Words) -> TypeId {
        if let Some(kind) = integer_words(words) {
            return int(kind);
        }
        let word = self.machine.word;
        let scalar = |name, size| Type::Scalar { name, size, align: size };
        let ty = match words.core {
            Some(sym::VOID) => return VOID,
            Some(sym::FLOAT | sym::FLOAT32) => scalar("float", 4),
            Some(sym::DOUBLE | sym::FLOAT64X) if words.long > 0 || words.core == Some(sym::FLOAT64X) => {
                let (size, align) = self.machine.long_double;
                Type::Scalar { name: "long double", size, align }
            }
            Some(sym::FLOAT128) => scalar("_Float128", 16),
            Some(sym::VA_LIST) => Type::Scalar { name: "__builtin_va_list", size: word * 3, align: word },
            _ => scalar("double", 8),
        };
        self.types.add(ty)
    }

    fn record(&mut self, spec: &RecordSpec) -> Result<TypeId, String> {
        let known = spec.tag.and_then(|tag| self.types.tags.get(&tag).copied());
        let id = match known.map(|id| (id, self.types.get(id).clone())) {
            Some((id, Type::Record(_))) => id,
            _ => {
                let number = self.types.records.len();
                self.types.records.push(Record {
                    union: spec.union,
                    name: spec.tag,
                    tagged: spec.tag.is_some(),
                    members: None,
                    packed: false,
                    align: None,
                    limit: None,
                    at: spec.at,
                    broken: None,
                    extent: Cell::new(None),
                });
                let id = self.types.add(Type::Record(number));
                if let Some(tag) = spec.tag {
                    self.types.tags.insert(tag, id);
                }
                id
            }
        };
        if spec.members.is_some() {
            // A struct that is not understood is silent; the declarations after it still count.
            let (members, failure) = self.members(spec);
            let align = self.largest(&spec.attributes);
            let (limit, number) = (self.pack, self.types.get(id).clone());
            if let Type::Record(number) = number
                && let Some(record) = self.types.records.get_mut(number)
            {
                record.packed = spec.attributes.contains(&Attribute::Packed);
                record.limit = limit;
                record.at = spec.at;
                record.extent.set(None);
                record.members = Some(members);
                record.broken = failure.or(align.as_ref().err().cloned());
                record.align = align.ok().flatten();
            }
        }
        Ok(id)
    }

    fn members(&mut self, spec: &RecordSpec) -> (Vec<Member>, Option<String>) {
        let mut members = Vec::new();
        let mut failure = None;
        for declaration in spec.members.iter().flatten() {
            let specs = &declaration.specs;
            let mut add = |scope: &mut Self| -> Result<(), String> {
                let base = scope.base(specs)?;
                let anonymous = [Declarator::default()];
                let declarators =
                    if declaration.declarators.is_empty() { &anonymous } else { declaration.declarators.as_slice() };
                for declarator in declarators {
                    let ty = scope.derive(base, declarator)?;
                    let ty = scope.with_mode(ty, specs, declarator);
                    let bits = declarator
                        .bits
                        .as_ref()
                        .map(|bits| scope.count(bits, "the width of a bit-field"))
                        .transpose()?;
                    let packed = specs.attributes.contains(&Attribute::Packed)
                        || declarator.attributes.contains(&Attribute::Packed);
                    let align = scope.alignment(specs, declarator)?;
                    members.push(Member { name: declarator.name.map(|(name, _)| name), ty, bits, packed, align });
                }
                Ok(())
            };
            failure = failure.or(add(self).err());
        }
        (members, failure)
    }

    fn enumeration(&mut self, spec: &EnumSpec) -> Result<TypeId, String> {
        let known = spec.tag.and_then(|tag| self.types.tags.get(&tag).copied());
        let (id, number) = match known.map(|id| (id, self.types.get(id).clone())) {
            Some((id, Type::Enum(number))) => (id, number),
            _ => {
                let number = self.types.enums.len();
                self.types.enums.push(Enumeration { tag: spec.tag, kind: None });
                let id = self.types.add(Type::Enum(number));
                if let Some(tag) = spec.tag {
                    self.types.tags.insert(tag, id);
                }
                (id, number)
            }
        };
        let Some(items) = &spec.items else { return Ok(id) };
        let mut next = Value { number: 0, kind: IntKind::Int };
        let mut values = Vec::with_capacity(items.len());
        for item in items {
            if let Some(expr) = &item.value {
                next = evaluate(expr, self, self.machine)
                    .map_err(|stop| format!("{}: {stop}", self.symbols.text(item.name)))?;
            }
            // Within the list a constant has the type of its expression.
            next = fitting(next.number, next.kind, self.machine);
            if self.types.constants.insert(item.name, (next, item.at)).is_none() {
                self.types.constant_names.push(item.name);
            }
            values.push(next.number);
            next.number += 1;
        }
        let packed = spec.attributes.contains(&Attribute::Packed);
        let kind = holder(&values, packed, self.machine);
        for item in items {
            if let Some((value, _)) = self.types.constants.get_mut(&item.name) {
                let fits = IntKind::Int.wrap(value.number, self.machine) == value.number;
                value.kind = if fits { IntKind::Int } else { kind };
            }
        }
        if let Some(found) = self.types.enums.get_mut(number) {
            found.kind = Some(kind);
        }
        Ok(id)
    }

    fn derive(&mut self, base: TypeId, declarator: &Declarator) -> Result<TypeId, String> {
        let mut ty = base;
        for step in &declarator.derived {
            let next = match step {
                Derived::Pointer { constant } => {
                    let pointer = Type::Pointer(ty);
                    if *constant { Type::Const(self.types.add(pointer)) } else { pointer }
                }
                Derived::Array(None) => Type::Array(ty, None),
                Derived::Array(Some(count)) => Type::Array(ty, Some(self.count(count, "the length of an array")?)),
                Derived::Function => Type::Function,
            };
            ty = self.types.add(next);
        }
        if declarator.attributes.contains(&Attribute::Vector) {
            return Err("a vector type".to_owned());
        }
        Ok(ty)
    }

    /// The value of an expression that counts something.
    pub(super) fn count(&self, expr: &Expr, what: &str) -> Result<u64, String> {
        let value = evaluate(expr, self, self.machine).map_err(|stop| format!("{what}: {stop}"))?;
        u64::try_from(value.number).map_err(|_| format!("{what} is negative"))
    }

    fn alignment(&self, specs: &Specs, declarator: &Declarator) -> Result<Option<u64>, String> {
        Ok(self.largest(&specs.attributes)?.max(self.largest(&declarator.attributes)?))
    }

    fn largest(&self, attributes: &[Attribute]) -> Result<Option<u64>, String> {
        let mut largest = None;
        for attribute in attributes {
            let Attribute::Aligned(bound) = attribute else { continue };
            let bound = match bound {
                None => self.machine.biggest_align,
                Some(expr) => self.count(expr, "an alignment")?,
            };
            if !bound.is_power_of_two() || bound > 1 << 28 {
                return Err(format!("the alignment {bound} is no power of two"));
            }
            largest = largest.max(Some(bound));
        }
        Ok(largest)
    }

    fn with_mode(&self, ty: TypeId, specs: &Specs, declarator: &Declarator) -> TypeId {
        let modes = specs.attributes.iter().chain(&declarator.attributes);
        let mode = modes
            .filter_map(
                |attribute| if let Attribute::Mode(mode) = attribute { Some(self.symbols.text(*mode)) } else { None },
            )
            .next_back();
        let Some(mode) = mode else { return ty };
        let Some(kind) = self.types.integer(ty) else { return ty };
        let long = if self.machine.word == 8 { IntKind::Long } else { IntKind::Int };
        let signed = match mode.trim_matches('_') {
            "QI" | "byte" => IntKind::SChar,
            "HI" => IntKind::Short,
            "SI" => IntKind::Int,
            "DI" => {
                if self.machine.word == 8 {
                    IntKind::Long
                } else {
                    IntKind::LongLong
                }
            }
            "TI" => IntKind::Int128,
            "word" | "pointer" => long,
            _ => return ty,
        };
        int(if kind.signed(self.machine) { signed } else { signed.unsigned() })
    }
}

/// The integer type that words make, if they make one.
pub(super) fn integer_words(words: Words) -> Option<IntKind> {
    let pick = |signed, unsigned| Some(if words.unsigned { unsigned } else { signed });
    match words.core {
        Some(sym::BOOL) => Some(IntKind::Bool),
        Some(sym::CHAR) if words.signed => Some(IntKind::SChar),
        Some(sym::CHAR) => pick(IntKind::Char, IntKind::UChar),
        Some(sym::INT128) => pick(IntKind::Int128, IntKind::UInt128),
        None | Some(sym::INT) => match (words.short, words.long) {
            (true, _) => pick(IntKind::Short, IntKind::UShort),
            (false, 0) => pick(IntKind::Int, IntKind::UInt),
            (false, 1) => pick(IntKind::Long, IntKind::ULong),
            (false, _) => pick(IntKind::LongLong, IntKind::ULongLong),
        },
        Some(_) => None,
    }
}

/// The number in its type, or in the first wider one that holds it.
fn fitting(number: i128, kind: IntKind, machine: &Machine) -> Value {
    let candidates =
        [kind, IntKind::Int, IntKind::UInt, IntKind::Long, IntKind::ULong, IntKind::LongLong, IntKind::ULongLong];
    let kind = candidates.into_iter().find(|kind| kind.wrap(number, machine) == number).unwrap_or(IntKind::ULongLong);
    Value::new(number, kind, machine)
}

/// The integer type that holds every constant of an enumeration.
fn holder(values: &[i128], packed: bool, machine: &Machine) -> IntKind {
    let negative = values.iter().any(|value| *value < 0);
    let small: &[IntKind] =
        if negative { &[IntKind::SChar, IntKind::Short] } else { &[IntKind::UChar, IntKind::UShort] };
    let large: &[IntKind] = if negative {
        &[IntKind::Int, IntKind::Long, IntKind::LongLong]
    } else {
        &[IntKind::UInt, IntKind::ULong, IntKind::ULongLong]
    };
    let small = if packed { small } else { &[] };
    let holds = |kind: &&IntKind| values.iter().all(|value| kind.wrap(*value, machine) == *value);
    small.iter().chain(large).find(holds).copied().unwrap_or(IntKind::ULongLong)
}
