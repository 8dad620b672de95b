//! The layouts of structs and unions as facts.

use super::layout::Layouts;
use super::print::print_type;
use super::scope::Scope;
use super::symbol::Symbols;
use super::types::{Record, Type, TypeId};
use crate::facts::{Field, Layout};

/// The layout of a record as a fact.
pub(crate) fn layout(
    record: &Record,
    layouts: &Layouts<'_>,
    scope: &Scope<'_>,
    symbols: &Symbols<'_>,
) -> Result<Layout, String> {
    let shape = layouts.shape(record)?;
    let mut fields = Vec::new();
    list_fields(record, &shape.offsets, ("", 0), layouts, scope, symbols, &mut fields)?;
    let name = record.name.map(|name| symbols.text(name)).unwrap_or_default();
    let word = if record.union { "union " } else { "struct " };
    let c_name = if record.tagged { format!("{word}{name}") } else { name.to_owned() };
    Ok(Layout { c_name, union: record.union, size: shape.size, align: Some(shape.align), fields })
}

fn list_fields(
    record: &Record,
    offsets: &[u64],
    (lead, base): (&str, u64),
    layouts: &Layouts<'_>,
    scope: &Scope<'_>,
    symbols: &Symbols<'_>,
    fields: &mut Vec<Field>,
) -> Result<(), String> {
    for (member, offset) in record.members.iter().flatten().zip(offsets) {
        let offset_bits = base + offset;
        match member.name {
            Some(name) => {
                let name = format!("{lead}{}", symbols.text(name));
                let inside = format!("{name}.");
                fields.push(Field {
                    name,
                    offset_bits,
                    size_bits: width(member.bits, member.ty, layouts)?,
                    bitfield: member.bits.is_some(),
                    c_type: print_type(&scope.types, member.ty, symbols),
                });
                // A record without a name of its own is described nowhere else.
                if let Some(inner) = record_of(scope, member.ty).filter(|inner| inner.name.is_none()) {
                    let shape = layouts.shape(inner)?;
                    list_fields(inner, &shape.offsets, (&inside, offset_bits), layouts, scope, symbols, fields)?;
                }
            }
            None => {
                if let Some(inner) = record_of(scope, member.ty) {
                    let shape = layouts.shape(inner)?;
                    list_fields(inner, &shape.offsets, (lead, offset_bits), layouts, scope, symbols, fields)?;
                }
            }
        }
    }
    Ok(())
}

fn record_of<'s>(scope: &'s Scope<'_>, ty: TypeId) -> Option<&'s Record> {
    match scope.types.bare(ty) {
        Type::Record(number) => scope.types.records.get(*number),
        _ => None,
    }
}

fn width(bits: Option<u64>, ty: TypeId, layouts: &Layouts<'_>) -> Result<u64, String> {
    match bits {
        Some(bits) => Ok(bits),
        None => layouts.extent(ty).map(|extent| extent.size * 8),
    }
}
