//! The binary form of the kernel's type information. Nothing in it is trusted: every offset is checked.

use abispec::arch::DataModel;
use nom::bytes::complete::take;
use nom::multi::count;
use nom::number::Endianness;
use nom::number::complete::{u8, u16, u32};
use nom::{IResult, Parser};

const MAGIC: u16 = 0xeb9f;

/// Type information, taken apart.
#[derive(Debug)]
pub(crate) struct Btf<'a> {
    order: Order,
    strings: &'a [u8],
    types: Vec<Entry>,
}

/// A byte order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// The least significant byte first.
    Little,
    /// The most significant byte first.
    Big,
}

/// A type and its name.
#[derive(Debug)]
pub(crate) struct Entry {
    name: u32,
    /// What it is.
    pub(crate) kind: Kind,
}

/// What a type is; numbers of types refer to [`Btf::get`].
#[derive(Debug)]
pub(crate) enum Kind {
    /// Type 0, and kinds that state nothing for us.
    Void,
    /// An integer.
    Int { size: u32 },
    /// A floating-point number.
    Float { size: u32 },
    /// A pointer.
    Pointer(u32),
    /// An array.
    Array { of: u32, count: u32 },
    /// A struct or union.
    Record { union: bool, size: u32, members: Vec<Member> },
    /// An enumeration.
    Enum { size: u32, signed: bool, items: Vec<Item> },
    /// A struct or union that is only named.
    Forward { union: bool },
    /// A typedef.
    Typedef(u32),
    /// `const`.
    Const(u32),
    /// `volatile`, `restrict` or an annotation.
    Transparent(u32),
    /// A function.
    Function { prototype: u32 },
    /// A function's type.
    Prototype { params: Vec<Param> },
}

/// A member of a struct or union.
#[derive(Debug)]
pub(crate) struct Member {
    /// Its name.
    pub(crate) name: u32,
    /// Its type.
    pub(crate) ty: u32,
    /// Bits from the start.
    pub(crate) offset: u32,
    /// Width of a bit-field; 0 for others.
    pub(crate) bits: u32,
}

/// A constant of an enumeration.
#[derive(Debug)]
pub(crate) struct Item {
    /// Its name.
    pub(crate) name: u32,
    /// Its value.
    pub(crate) value: i128,
}

/// A parameter of a function.
#[derive(Debug)]
pub(crate) struct Param {
    /// Its name.
    pub(crate) name: u32,
    /// Its type.
    pub(crate) ty: u32,
}

impl<'a> Btf<'a> {
    /// Takes type information apart.
    ///
    /// # Errors
    /// When it is not whole.
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, String> {
        let order = match bytes {
            [a, b, ..] if u16::from_le_bytes([*a, *b]) == MAGIC => Endianness::Little,
            [a, b, ..] if u16::from_be_bytes([*a, *b]) == MAGIC => Endianness::Big,
            _ => return Err("it does not begin with the mark of BTF".to_owned()),
        };
        let (_, header) = Header::read(bytes, order).map_err(|_| "its header is cut off".to_owned())?;
        if header.version != 1 {
            return Err(format!("its version is {}, only 1 is known", header.version));
        }
        let section = |offset: u32, length: u32, what: &str| {
            let start = header.length.checked_add(offset).map(|start| start as usize);
            let end = start.and_then(|start| start.checked_add(length as usize));
            start
                .zip(end)
                .and_then(|(start, end)| bytes.get(start..end))
                .ok_or_else(|| format!("its {what} lie beyond its end"))
        };
        let mut input = section(header.type_offset, header.type_length, "types")?;
        let strings = section(header.string_offset, header.string_length, "names")?;
        let mut types = vec![Entry { name: 0, kind: Kind::Void }];
        while !input.is_empty() {
            let (rest, entry) = entry(input, order)
                .map_err(|_| format!("its type {} is cut off or of an unknown kind", types.len()))?;
            types.push(entry);
            input = rest;
        }
        let order = if order == Endianness::Big { Order::Big } else { Order::Little };
        Ok(Self { order, strings, types })
    }

    /// The byte order of the kernel.
    pub(crate) fn order(&self) -> Order {
        self.order
    }

    /// The width of the kernel's `long`, where it is described.
    pub(crate) fn data_model(&self) -> Option<DataModel> {
        self.types.iter().find_map(|entry| match entry.kind {
            Kind::Int { size } if matches!(self.text(entry.name), "long unsigned int" | "unsigned long") => {
                match size {
                    8 => Some(DataModel::Lp64),
                    4 => Some(DataModel::Ilp32),
                    _ => None,
                }
            }
            _ => None,
        })
    }

    /// Whether a struct of this tag is described.
    pub(crate) fn has_struct(&self, tag: &str) -> bool {
        self.types.iter().any(|entry| matches!(entry.kind, Kind::Record { .. }) && self.text(entry.name) == tag)
    }

    /// A type by its number; void for a number that does not exist.
    pub(crate) fn get(&self, id: u32) -> &Kind {
        self.types.get(id as usize).map_or(&Kind::Void, |entry| &entry.kind)
    }

    /// The name of a type.
    pub(crate) fn name(&self, id: u32) -> &'a str {
        self.types.get(id as usize).map_or("", |entry| self.text(entry.name))
    }

    /// The text at an offset; empty where there is none.
    pub(crate) fn text(&self, offset: u32) -> &'a str {
        let bytes = self.strings.get(offset as usize..).unwrap_or_default();
        let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(0);
        std::str::from_utf8(&bytes[..end]).unwrap_or_default()
    }

    /// Every type with its number.
    pub(crate) fn types(&self) -> impl Iterator<Item = (u32, &Kind)> {
        self.types.iter().enumerate().map(|(id, entry)| (id as u32, &entry.kind))
    }
}

struct Header {
    version: u8,
    length: u32,
    type_offset: u32,
    type_length: u32,
    string_offset: u32,
    string_length: u32,
}

impl Header {
    fn read(input: &[u8], order: Endianness) -> IResult<&[u8], Self> {
        let (input, (_, version, _, length)) = (u16(order), u8, u8, u32(order)).parse(input)?;
        let word = || u32(order);
        let (input, (type_offset, type_length, string_offset, string_length)) =
            (word(), word(), word(), word()).parse(input)?;
        Ok((input, Self { version, length, type_offset, type_length, string_offset, string_length }))
    }
}

fn entry(input: &[u8], order: Endianness) -> IResult<&[u8], Entry> {
    let word = || u32(order);
    let (input, (name, info, value)) = (word(), word(), word()).parse(input)?;
    let (length, flag) = ((info & 0xffff) as usize, info >> 31 == 1);
    let (input, kind) = match info >> 24 & 0x1f {
        1 => word().map(|_| Kind::Int { size: value }).parse(input)?,
        2 => (input, Kind::Pointer(value)),
        3 => (word(), word(), word()).map(|(of, _, count)| Kind::Array { of, count }).parse(input)?,
        kind @ (4 | 5) => {
            let member = (word(), word(), word()).map(|(name, ty, place)| {
                let (offset, bits) = if flag { (place & 0xff_ffff, place >> 24) } else { (place, 0) };
                Member { name, ty, offset, bits }
            });
            let (input, members) = count(member, length).parse(input)?;
            (input, Kind::Record { union: kind == 5, size: value, members })
        }
        6 => {
            let item = (word(), word()).map(|(name, value)| {
                let value = if flag { i128::from(value.cast_signed()) } else { i128::from(value) };
                Item { name, value }
            });
            let (input, items) = count(item, length).parse(input)?;
            (input, Kind::Enum { size: value, signed: flag, items })
        }
        7 => (input, Kind::Forward { union: flag }),
        8 => (input, Kind::Typedef(value)),
        9 | 11 | 18 => (input, Kind::Transparent(value)),
        10 => (input, Kind::Const(value)),
        12 => (input, Kind::Function { prototype: value }),
        13 => {
            let (input, params) = count((word(), word()).map(|(name, ty)| Param { name, ty }), length).parse(input)?;
            (input, Kind::Prototype { params })
        }
        // A variable, a section of variables, a note on a declaration.
        14 | 17 => word().map(|_| Kind::Void).parse(input)?,
        15 => {
            let (input, _) = take(length * 12)(input)?;
            (input, Kind::Void)
        }
        16 => (input, Kind::Float { size: value }),
        19 => {
            let item = (word(), word(), word()).map(|(name, low, high)| {
                let value = u64::from(high) << 32 | u64::from(low);
                let value = if flag { i128::from(value.cast_signed()) } else { i128::from(value) };
                Item { name, value }
            });
            let (input, items) = count(item, length).parse(input)?;
            (input, Kind::Enum { size: value, signed: flag, items })
        }
        _ => return Err(nom::Err::Failure(nom::error::Error::new(input, nom::error::ErrorKind::Alt))),
    };
    Ok((input, Entry { name, kind }))
}
