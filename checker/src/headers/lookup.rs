//! What constant expressions ask about names and types: values of enumeration constants, sizes, offsets.

use super::ast::{Base, Derived, Expr, Specs, Step, TypeName};
use super::evaluate::{Lookup, Stop, evaluate};
use super::scope::{Scope, integer_words};
use super::symbol::{Sym, sym};
use super::types::{Type, TypeId};
use super::value::{IntKind, Value};

impl Lookup for Scope<'_> {
    fn name(&self, name: Sym) -> Option<Value> {
        self.types.constants.get(&name).map(|(value, _)| *value)
    }

    fn integer_type(&self, ty: &TypeName) -> Result<Option<IntKind>, Stop> {
        if !ty.declarator.derived.is_empty() {
            return Ok(None);
        }
        let id = self.existing(&ty.specs).map_err(Stop::Failed)?;
        Ok(self.types.integer(id))
    }

    fn size_of(&self, ty: &TypeName) -> Result<u64, Stop> {
        let mut size = None;
        for step in &ty.declarator.derived {
            size = Some(match step {
                Derived::Pointer { .. } => self.machine.word,
                Derived::Function => 1,
                Derived::Array(count) => {
                    let element = match size {
                        Some(size) => size,
                        None => self.base_size(&ty.specs)?,
                    };
                    let count = count
                        .as_ref()
                        .map_or(Ok(0), |count| self.count(count, "the length of an array"))
                        .map_err(Stop::Failed)?;
                    element.checked_mul(count).ok_or_else(|| Stop::Failed("it is larger than any memory".to_owned()))?
                }
            });
        }
        size.map_or_else(|| self.base_size(&ty.specs), Ok)
    }

    fn size_of_value(&self, value: &Expr) -> Result<u64, Stop> {
        // `sizeof (name)` of a type is read as a value where the name is no type yet.
        if let Ok((_, ty)) = self.place(value) {
            return self.with_layouts(|layouts| layouts.extent(ty)).map(|extent| extent.size).map_err(Stop::Failed);
        }
        if let Expr::Text(bytes) = value {
            return Ok(*bytes);
        }
        evaluate(value, self, self.machine).map(|value| value.kind.size(self.machine))
    }

    fn align_of(&self, ty: &TypeName) -> Result<u64, Stop> {
        if matches!(ty.declarator.derived.last(), Some(Derived::Pointer { .. })) {
            return Ok(self.machine.word.min(self.machine.field_limit));
        }
        let id = self.existing(&ty.specs).map_err(Stop::Failed)?;
        self.with_layouts(|layouts| layouts.extent(id)).map(|extent| extent.align).map_err(Stop::Failed)
    }

    fn offset_of(&self, ty: &TypeName, steps: &[Step]) -> Result<u64, Stop> {
        let id = self.existing(&ty.specs).map_err(Stop::Failed)?;
        let index =
            |expr: &Expr| evaluate(expr, self, self.machine).ok().and_then(|value| u64::try_from(value.number).ok());
        self.with_layouts(|layouts| layouts.follow(id, steps, &index)).map(|(bytes, _)| bytes).map_err(Stop::Failed)
    }

    fn address(&self, place: &Expr) -> Result<u64, Stop> {
        self.place(place).map(|(address, _)| address)
    }
}

impl Scope<'_> {
    fn base_size(&self, specs: &Specs) -> Result<u64, Stop> {
        if let Base::Words(words) = specs.base {
            // Floating-point types have no entry of their own.
            if integer_words(words).is_none() && words.core != Some(sym::VOID) {
                return Ok(match words.core {
                    Some(sym::FLOAT) => 4,
                    Some(sym::DOUBLE) if words.long > 0 => self.machine.long_double.0,
                    Some(sym::DOUBLE) => 8,
                    _ => return Err(Stop::NotConstant("the size of a type that depends on the compiler")),
                });
            }
        }
        let id = self.existing(specs).map_err(Stop::Failed)?;
        self.with_layouts(|layouts| layouts.extent(id)).map(|extent| extent.size).map_err(Stop::Failed)
    }

    /// The address that a place has and its type, where both follow from numbers: `((struct s *)0)->m`.
    pub(super) fn place(&self, expr: &Expr) -> Result<(u64, TypeId), Stop> {
        let failed = Stop::Failed;
        match expr {
            Expr::Member { of, name, through } => {
                let (base, ty) = if *through { self.pointee(of)? } else { self.place(of)? };
                let (offset, ty) = self.with_layouts(|layouts| layouts.member(ty, *name)).map_err(failed)?;
                Ok((base.wrapping_add(offset), ty))
            }
            Expr::Element(of, at) => {
                let (base, ty) = self.place(of)?;
                let Type::Array(of, _) = self.types.bare(ty) else { return Err(Stop::NotConstant("an element")) };
                let at = evaluate(at, self, self.machine)?;
                let size = self.with_layouts(|layouts| layouts.extent(*of)).map_err(failed)?.size;
                Ok((base.wrapping_add(size.wrapping_mul(at.number as u64)), *of))
            }
            Expr::Unary(sym::STAR, of) => self.pointee(of),
            _ => Err(Stop::NotConstant("a variable")),
        }
    }

    fn pointee(&self, expr: &Expr) -> Result<(u64, TypeId), Stop> {
        match expr {
            Expr::Cast(ty, operand) if matches!(ty.declarator.derived.as_slice(), [Derived::Pointer { .. }]) => {
                let base = evaluate(operand, self, self.machine)?;
                Ok((base.number as u64, self.existing(&ty.specs).map_err(Stop::Failed)?))
            }
            _ => Err(Stop::NotConstant("a pointer")),
        }
    }
}
