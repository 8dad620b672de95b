//! How a struct is declared so that its fields lie where they do.

use super::Selection;
use crate::arch::{Arch, DataModel};
use crate::target::{ResolvedField, ResolvedStruct};
use crate::types::Type;

/// A line of a declaration.
pub(super) enum Piece<'a> {
    /// A field.
    Field(&'a ResolvedField),
    /// Bytes that belong to no field.
    Gap {
        /// Where they lie.
        offset: u32,
        /// How many.
        bytes: u32,
    },
    /// Fields that overlap, as the bytes that they take together.
    Bytes {
        /// Where they lie.
        offset: u32,
        /// How many.
        bytes: u32,
    },
}

/// A declaration's lines and attributes.
pub(super) struct Plan<'a> {
    pub(super) pieces: Vec<Piece<'a>>,
    pub(super) attributes: Vec<String>,
}

/// Plans a declaration. Where C's own rules put every field in its place nothing is added; otherwise the struct is packed
/// and each gap is written out.
pub(super) fn plan<'a>(selection: &Selection<'_>, found: &'a ResolvedStruct, union: bool) -> Plan<'a> {
    let mut fields: Vec<&ResolvedField> = found.fields.iter().collect();
    fields.sort_by_key(|field| field.offset);
    if union {
        let widest = fields.iter().map(|field| field.shape.size).max().unwrap_or(0);
        let attributes = if widest < found.size { vec![format!("size[{}]", found.size)] } else { Vec::new() };
        return Plan { pieces: fields.into_iter().map(Piece::Field).collect(), attributes };
    }
    if natural(selection, found, &fields) {
        return Plan { pieces: fields.into_iter().map(Piece::Field).collect(), attributes: Vec::new() };
    }
    let mut pieces = Vec::new();
    let mut end = 0;
    let mut at = 0;
    while at < fields.len() {
        let field = fields[at];
        if field.offset > end {
            pieces.push(Piece::Gap { offset: end, bytes: field.offset - end });
        }
        // Everything that begins before this ends lies in the same bytes.
        let mut reach = field.offset + field.shape.size;
        let mut next = at + 1;
        while next < fields.len() && fields[next].offset < reach {
            reach = reach.max(fields[next].offset + fields[next].shape.size);
            next += 1;
        }
        if next == at + 1 && field.shape.size > 0 {
            pieces.push(Piece::Field(field));
        } else if reach > field.offset {
            pieces.push(Piece::Bytes { offset: field.offset, bytes: reach - field.offset });
        }
        end = reach;
        at = next;
    }
    if end < found.size {
        pieces.push(Piece::Gap { offset: end, bytes: found.size - end });
    }
    let mut attributes = vec!["packed".to_owned()];
    if found.align > 1 {
        attributes.push(format!("align[{}]", found.align));
    }
    Plan { pieces, attributes }
}

fn natural(selection: &Selection<'_>, found: &ResolvedStruct, fields: &[&ResolvedField]) -> bool {
    let (mut end, mut widest) = (0_u32, 1);
    for field in fields {
        let align = alignment(selection, &field.shape.ty);
        if field.shape.size == 0 || end.next_multiple_of(align) != field.offset {
            return false;
        }
        end = field.offset + field.shape.size;
        widest = widest.max(align);
    }
    !fields.is_empty() && widest == found.align && end.next_multiple_of(widest) == found.size
}

fn alignment(selection: &Selection<'_>, ty: &Type) -> u32 {
    let target = &selection.resolved.target;
    match ty {
        Type::Array { of, .. } => alignment(selection, of),
        Type::Struct(name) | Type::Union(name) | Type::Extensible { name, .. } => {
            selection.resolved.structs.get(name).map_or(1, |found| found.align.max(1))
        }
        other => {
            let bytes = crate::resolve::size_of(selection.spec, other, target.arch.data_model()).unwrap_or(1).max(1);
            // On i386 alone words of 64 bits are aligned to 32.
            let narrow = target.arch == Arch::I386 && target.arch.data_model() == DataModel::Ilp32;
            if narrow { bytes.min(4) } else { bytes }
        }
    }
}
