//! The container of lzop: a header with the sizes of what follows, then blocks.

use super::compression::Budget;
use nom::bytes::complete::{tag, take};
use nom::number::complete::{be_u8, be_u16, be_u32};
use nom::{IResult, Parser as _};

pub(super) const MARK: [u8; 9] = [0x89, 0x4c, 0x5a, 0x4f, 0, 0x0d, 0x0a, 0x1a, 0x0a];

const ADLER_OF_DATA: u32 = 0x1;
const ADLER_OF_PACKED: u32 = 0x2;
const EXTRA_FIELD: u32 = 0x40;
const CRC_OF_DATA: u32 = 0x100;
const CRC_OF_PACKED: u32 = 0x200;
const FILTER: u32 = 0x800;

/// The version from which the header has all fields.
const COMPLETE: u16 = 0x940;
/// lzop makes blocks of 256 KiB; its format allows this much.
const BLOCK: u32 = 64 << 20;

/// Unpacks a file.
///
/// # Errors
/// When a part is cut off or broken, or the budget is spent.
pub(super) fn unpack(bytes: &[u8], budget: &mut Budget) -> Result<Vec<u8>, String> {
    let (mut rest, flags) = header(bytes).map_err(|_| "its header is cut off".to_owned())?;
    let mut out = Vec::new();
    loop {
        let (after, block) = block(rest, flags).map_err(|_| "a block is cut off".to_owned())?;
        let Some((size, packed)) = block else { return Ok(out) };
        if size > BLOCK || packed.len() > size as usize {
            return Err("a block has an impossible size".to_owned());
        }
        budget.spend(size as usize)?;
        if packed.len() == size as usize {
            out.extend_from_slice(packed);
        } else {
            let start = out.len();
            out.resize(start + size as usize, 0);
            let written =
                lzokay::decompress::decompress(packed, &mut out[start..]).map_err(|error| error.to_string())?;
            if written != size as usize {
                return Err("a block is shorter than it says".to_owned());
            }
        }
        rest = after;
    }
}

fn header(input: &[u8]) -> IResult<&[u8], u32> {
    let (input, (_, version, _)) = (tag(&MARK[..]), be_u16, be_u16).parse(input)?;
    let complete = version >= COMPLETE;
    let (input, _) = take(if complete { 2_usize } else { 0 })(input)?;
    let (input, _) = be_u8(input)?;
    let (input, _) = take(usize::from(complete))(input)?;
    let (input, flags) = be_u32(input)?;
    let filter = if flags & FILTER != 0 { 4_usize } else { 0 };
    let times = if complete { 12_usize } else { 8 };
    let (input, _) = take(filter + times)(input)?;
    let (input, name) = be_u8(input)?;
    let (input, _) = take(usize::from(name) + 4)(input)?;
    if flags & EXTRA_FIELD == 0 {
        return Ok((input, flags));
    }
    let (input, extra) = be_u32(input)?;
    let (input, _) = take(extra as usize)(input)?;
    let (input, _) = be_u32(input)?;
    Ok((input, flags))
}

/// The unpacked size and the packed bytes of a block; none at the end.
type Block<'a> = Option<(u32, &'a [u8])>;

fn block(input: &[u8], flags: u32) -> IResult<&[u8], Block<'_>> {
    let (input, size) = be_u32(input)?;
    if size == 0 {
        return Ok((input, None));
    }
    let (input, packed) = be_u32(input)?;
    let sums = |of: [u32; 2]| of.into_iter().filter(|sum| flags & sum != 0).count() * 4;
    let own = if packed < size { sums([ADLER_OF_PACKED, CRC_OF_PACKED]) } else { 0 };
    let (input, _) = take(sums([ADLER_OF_DATA, CRC_OF_DATA]) + own)(input)?;
    let (input, packed) = take(packed as usize)(input)?;
    Ok((input, Some((size, packed))))
}
