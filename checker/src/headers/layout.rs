//! Sizes, alignments and offsets, as the C compilers of Linux compute them.

use super::ast::{Expr, Step};
use super::machine::Machine;
use super::symbol::Sym;
use super::types::{Member, Record, Type, TypeId, Types};

/// Where each member of a record lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Bytes.
    pub(crate) size: u64,
    /// Alignment in bytes.
    pub(crate) align: u64,
    /// Bits before each member.
    pub(crate) offsets: Vec<u64>,
}

/// Size and alignment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Extent {
    /// Bytes.
    pub(crate) size: u64,
    /// Alignment in bytes.
    pub(crate) align: u64,
    /// The alignment holds inside structs too: an attribute imposes it, or it is that of a struct.
    pub(crate) fixed: bool,
}

const DEPTH: u32 = 60;
const TOO_LARGE: &str = "it is larger than any memory";

/// Computes layouts over the types of a unit.
pub(crate) struct Layouts<'a> {
    /// The types.
    pub(crate) types: &'a Types,
    /// The port.
    pub(crate) machine: &'a Machine,
    /// The texts, for messages.
    pub(crate) text: &'a dyn Fn(Sym) -> String,
}

impl Layouts<'_> {
    /// Size and alignment of a type.
    pub(crate) fn extent(&self, id: TypeId) -> Result<Extent, String> {
        self.extent_at(id, 0)
    }

    fn extent_at(&self, id: TypeId, depth: u32) -> Result<Extent, String> {
        if depth > DEPTH {
            return Err("types are nested too deeply".to_owned());
        }
        let machine = self.machine;
        let scalar = |size| Ok(Extent { size, align: size, fixed: false });
        match self.types.get(id) {
            // GNU C counts void and functions as one byte.
            Type::Void | Type::Function => scalar(1),
            Type::Int(kind) => {
                let size = kind.size(machine);
                Ok(Extent { size, align: if size == 8 { machine.wide_align } else { size }, fixed: false })
            }
            Type::Scalar { size, align, .. } => Ok(Extent { size: *size, align: *align, fixed: false }),
            Type::Pointer(_) => scalar(machine.word),
            Type::Array(of, count) => {
                let element = self.extent_at(*of, depth + 1)?;
                let size = element.size.checked_mul(count.unwrap_or(0)).ok_or(TOO_LARGE)?;
                Ok(Extent { size, ..element })
            }
            Type::Record(number) => {
                let record = self.record(*number)?;
                let (size, align) = match record.extent.get() {
                    Some(known) => known,
                    None => {
                        let shape = self.shape_at(record, depth + 1)?;
                        (shape.size, shape.align)
                    }
                };
                Ok(Extent { size, align, fixed: true })
            }
            Type::Enum(number) => {
                let found = self.types.enums.get(*number);
                let kind =
                    found.and_then(|found| found.kind).ok_or_else(|| match found.and_then(|found| found.tag) {
                        Some(tag) => format!("enum {} is not defined", (self.text)(tag)),
                        None => "an enumeration is not defined".to_owned(),
                    })?;
                scalar(kind.size(machine))
            }
            Type::Named(_, of, align) => {
                let inner = self.extent_at(*of, depth + 1)?;
                Ok(align.map_or(inner, |align| Extent { align, fixed: true, ..inner }))
            }
            Type::Const(of) => self.extent_at(*of, depth + 1),
        }
    }

    fn record(&self, number: usize) -> Result<&Record, String> {
        self.types.records.get(number).ok_or_else(|| "a struct is missing".to_owned())
    }

    /// The layout of a record.
    pub(crate) fn shape(&self, record: &Record) -> Result<Shape, String> {
        self.shape_at(record, 0)
    }

    fn shape_at(&self, record: &Record, depth: u32) -> Result<Shape, String> {
        if let Some(reason) = &record.broken {
            return Err(reason.clone());
        }
        let members = record.members.as_ref().ok_or_else(|| {
            let tag = record.name.map(self.text).unwrap_or_default();
            format!("{} {tag} is not defined", if record.union { "union" } else { "struct" })
        })?;
        let mut shape = Shape { size: 0, align: self.machine.struct_align, offsets: Vec::with_capacity(members.len()) };
        let mut end = 0_u64;
        for member in members {
            let start = if record.union { 0 } else { end };
            let (offset, bits, align) = self.place(record, member, start, depth)?;
            shape.offsets.push(offset);
            shape.align = shape.align.max(align);
            end = end.max(offset.checked_add(bits).ok_or(TOO_LARGE)?);
        }
        shape.align = shape.align.max(record.align.unwrap_or(1));
        let bytes = end.div_ceil(8);
        shape.size = bytes.checked_next_multiple_of(shape.align).ok_or(TOO_LARGE)?;
        record.extent.set(Some((shape.size, shape.align)));
        Ok(shape)
    }

    /// Offset and width of a member in bits, and the alignment in bytes that it gives its record.
    fn place(&self, record: &Record, member: &Member, start: u64, depth: u32) -> Result<(u64, u64, u64), String> {
        let extent = self.extent_at(member.ty, depth + 1)?;
        let packed = record.packed || member.packed;
        let align = self.member_align(record, member, extent, packed);
        let up =
            |at: u64, align: u64| at.checked_next_multiple_of(align.max(1) * 8).ok_or_else(|| TOO_LARGE.to_owned());
        let Some(bits) = member.bits else {
            let width = extent.size.checked_mul(8).ok_or(TOO_LARGE)?;
            return Ok((up(start, align)?, width, align));
        };
        let natural = self.limited(extent);
        if bits == 0 {
            return Ok((up(start, natural)?, 0, if self.machine.unnamed_bits_align { natural } else { 1 }));
        }
        if bits > extent.size * 8 {
            return Err("a bit-field is wider than its type".to_owned());
        }
        let given = member.align.unwrap_or(1);
        let mut offset = if member.align.is_some() { up(start, given)? } else { start };
        // A bit-field does not cross more units of its type than the type itself takes, unless it is packed.
        let unit = natural.min(record.limit.unwrap_or(natural)) * 8;
        let packed = packed || self.machine.bits_packed;
        if !packed && (offset % unit + bits).div_ceil(unit) > (extent.size * 8) / unit {
            offset = up(offset, unit / 8)?;
        }
        let counts = !packed && (member.name.is_some() || self.machine.unnamed_bits_align);
        Ok((offset, bits, given.max(if counts { unit / 8 } else { 1 })))
    }

    fn member_align(&self, record: &Record, member: &Member, extent: Extent, packed: bool) -> u64 {
        let align = match (packed, member.align) {
            (true, Some(align)) => align,
            (true, None) => 1,
            (false, align) => self.limited(extent).max(align.unwrap_or(1)),
        };
        align.min(record.limit.unwrap_or(align))
    }

    /// The alignment inside a struct, which some ports limit for scalars.
    fn limited(&self, extent: Extent) -> u64 {
        if extent.fixed { extent.align } else { extent.align.min(self.machine.field_limit) }
    }

    /// Bytes before what `steps` lead to, and its type.
    pub(crate) fn follow(
        &self,
        start: TypeId,
        steps: &[Step],
        index: &dyn Fn(&Expr) -> Option<u64>,
    ) -> Result<(u64, TypeId), String> {
        let mut bytes = 0_u64;
        let mut ty = start;
        for step in steps {
            let (more, next) = match step {
                Step::Member(name) => self.member(ty, *name)?,
                Step::Element(expr) => {
                    let Type::Array(of, _) = self.types.bare(ty) else {
                        return Err("an element of what is no array".to_owned());
                    };
                    let size = self.extent(*of)?.size;
                    let at = index(expr).ok_or("an index that is no constant")?;
                    (size.checked_mul(at).ok_or(TOO_LARGE)?, *of)
                }
            };
            bytes = bytes.checked_add(more).ok_or(TOO_LARGE)?;
            ty = next;
        }
        Ok((bytes, ty))
    }

    /// Bytes before a member, also one of an anonymous member, and its type.
    pub(crate) fn member(&self, ty: TypeId, name: Sym) -> Result<(u64, TypeId), String> {
        self.member_at(ty, name, 0)?.ok_or_else(|| format!("no member {}", (self.text)(name)))
    }

    fn member_at(&self, ty: TypeId, name: Sym, depth: u32) -> Result<Option<(u64, TypeId)>, String> {
        let Type::Record(number) = self.types.bare(ty) else { return Ok(None) };
        let record = self.record(*number)?;
        let shape = self.shape_at(record, depth)?;
        for (member, offset) in record.members.iter().flatten().zip(&shape.offsets) {
            if member.name == Some(name) {
                return Ok(Some((offset / 8, member.ty)));
            }
            if member.name.is_none()
                && depth < DEPTH
                && let Some((inner, ty)) = self.member_at(member.ty, name, depth + 1)?
            {
                return Ok(Some((offset / 8 + inner, ty)));
            }
        }
        Ok(None)
    }
}
