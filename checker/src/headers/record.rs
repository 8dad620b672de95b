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
    list_fields(record, &shape.offsets, 0, layouts, scope, symbols, &mut fields)?;
    let name = record.name.map(|name| symbols.text(name)).unwrap_or_default();
    let word = if record.union { "union " } else { "struct " };
    let c_name = if record.tagged { format!("{word}{name}") } else { name.to_owned() };
    Ok(Layout { c_name, union: record.union, size: shape.size, align: Some(shape.align), fields })
}

fn list_fields(
    record: &Record,
    offsets: &[u64],
    base: u64,
    layouts: &Layouts<'_>,
    scope: &Scope<'_>,
    symbols: &Symbols<'_>,
    fields: &mut Vec<Field>,
) -> Result<(), String> {
    for (member, offset) in record.members.iter().flatten().zip(offsets) {
        let offset_bits = base + offset;
        match member.name {
            Some(name) => fields.push(Field {
                name: symbols.text(name).to_owned(),
                offset_bits,
                size_bits: width(member.bits, member.ty, layouts)?,
                bitfield: member.bits.is_some(),
                c_type: print_type(&scope.types, member.ty, symbols),
            }),
            None => {
                if let Type::Record(number) = scope.types.bare(member.ty)
                    && let Some(inner) = scope.types.records.get(*number)
                {
                    let shape = layouts.shape(inner)?;
                    list_fields(inner, &shape.offsets, offset_bits, layouts, scope, symbols, fields)?;
                }
            }
        }
    }
    Ok(())
}

fn width(bits: Option<u64>, ty: TypeId, layouts: &Layouts<'_>) -> Result<u64, String> {
    match bits {
        Some(bits) => Ok(bits),
        None => layouts.extent(ty).map(|extent| extent.size * 8),
    }
}
