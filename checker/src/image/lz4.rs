//! The old frame of lz4, which the kernel's build makes: a mark, then blocks of at most 8 MiB, each with its packed size.

use super::compression::Budget;

/// Bytes that a block holds when unpacked, except the last.
const BLOCK: usize = 8 << 20;
pub(super) const MARK: [u8; 4] = [0x02, 0x21, 0x4c, 0x18];

/// Unpacks a frame. It has no end mark: a block that is not full is the last, and so is one whose size is none.
///
/// # Errors
/// When a block is broken, or the budget is spent.
pub(super) fn unpack(bytes: &[u8], budget: &mut Budget) -> Result<Vec<u8>, String> {
    let mut rest = bytes.strip_prefix(&MARK).ok_or("it has no mark of lz4")?;
    let mut out = Vec::new();
    let mut block = vec![0; BLOCK];
    while let Some((size, after)) = rest.split_first_chunk::<4>() {
        let size = u32::from_le_bytes(*size) as usize;
        if size == u32::from_le_bytes(MARK) as usize {
            rest = after;
            continue;
        }
        // Behind the last block the build adds the unpacked size, which is no block.
        let Some(packed) = after.get(..size).filter(|_| size > 0 && size <= largest()) else { break };
        let written = match lz4_flex::block::decompress_into(packed, &mut block) {
            Ok(written) => written,
            Err(error) => return Err(format!("block at {}: {error}", bytes.len() - rest.len())),
        };
        budget.spend(written)?;
        out.extend_from_slice(&block[..written]);
        rest = &after[size..];
        if written < BLOCK {
            break;
        }
    }
    if out.is_empty() { Err("it has no block".to_owned()) } else { Ok(out) }
}

/// What a block that cannot be made smaller takes.
const fn largest() -> usize {
    BLOCK + BLOCK / 255 + 16
}
