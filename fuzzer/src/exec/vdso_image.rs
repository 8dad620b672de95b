//! The dynamic symbols of a 64-bit ELF image that lies in memory as it was loaded. Reads bytes and nothing else.

/// Program header types.
const PT_LOAD: u32 = 1;
const PT_DYNAMIC: u32 = 2;
/// Tags of the dynamic section.
const DT_HASH: u64 = 4;
const DT_STRTAB: u64 = 5;
const DT_SYMTAB: u64 = 6;
const DT_GNU_HASH: u64 = 0x6fff_fef5;

/// Bytes of a symbol.
const SYMBOL: usize = 24;
/// More symbols than any such image has: a broken one must come to an end.
const MOST: usize = 4096;
/// More bytes than any such image has.
const LARGEST: usize = 1 << 20;

fn number<const N: usize>(image: &[u8], at: usize) -> Option<u64> {
    let bytes = image.get(at..at.checked_add(N)?)?;
    let mut whole = [0; 8];
    whole[..N].copy_from_slice(bytes);
    Some(u64::from_le_bytes(whole))
}

/// A program header: type, offset in the file, address, size in memory.
fn segments(image: &[u8]) -> impl Iterator<Item = (u32, usize, usize, usize)> {
    let elf64 = image.starts_with(b"\x7fELF\x02\x01");
    let table = number::<8>(image, 32).map_or(0, |at| at as usize).min(LARGEST);
    let size = number::<2>(image, 54).map_or(0, |size| size as usize);
    let count = number::<2>(image, 56).filter(|_| elf64 && size >= 56).map_or(0, |count| count as usize);
    (0..count).filter_map(move |index| {
        let at = table.checked_add(index * size)?;
        let word = |offset: usize| number::<8>(image, at + offset).map(|word| word as usize);
        Some((number::<4>(image, at)? as u32, word(8)?, word(16)?, word(40)?))
    })
}

/// Bytes of an image in memory, by its headers, which must lie in its first bytes.
pub(super) fn loaded_size(headers: &[u8]) -> Option<usize> {
    let loaded = segments(headers).filter(|segment| segment.0 == PT_LOAD);
    let end = loaded.map(|(_, _, address, size)| address.saturating_add(size)).max()?;
    (1..=LARGEST).contains(&end).then_some(end)
}

/// Names and addresses, from the beginning of the image, of what it exports.
pub(super) fn symbols(image: &[u8]) -> Vec<(&[u8], u64)> {
    read(image).unwrap_or_default()
}

fn read(image: &[u8]) -> Option<Vec<(&[u8], u64)>> {
    // Addresses in the image begin where it was linked to, mostly at 0.
    let linked =
        segments(image).find(|segment| segment.0 == PT_LOAD).map(|(_, offset, address, _)| (address, offset))?;
    let place = |address: usize| address.checked_sub(linked.0)?.checked_add(linked.1).filter(|at| *at <= LARGEST);
    let (_, _, dynamic, bytes) = segments(image).find(|segment| segment.0 == PT_DYNAMIC)?;
    let dynamic = place(dynamic)?;
    let tag = |wanted: u64| {
        let mut entries = (dynamic..dynamic.checked_add(bytes.min(LARGEST))?).step_by(16);
        entries
            .find(|at| number::<8>(image, *at) == Some(wanted))
            .and_then(|at| place(number::<8>(image, at + 8)? as usize))
    };
    let (names, table) = (tag(DT_STRTAB)?, tag(DT_SYMTAB)?);
    let count = match (tag(DT_HASH), tag(DT_GNU_HASH)) {
        (Some(hash), _) => number::<4>(image, hash.checked_add(4)?)? as usize,
        (None, Some(hash)) => counted_by_gnu_hash(image, hash)?,
        (None, None) => return None,
    };
    let symbol = |index: usize| {
        let at = table.checked_add(index * SYMBOL)?;
        let name = names.checked_add(number::<4>(image, at)? as usize)?;
        // What lies in no section is another image's.
        number::<2>(image, at + 6).filter(|section| *section != 0)?;
        let rest = image.get(name..)?;
        let end = rest.iter().position(|byte| *byte == 0)?;
        Some((rest.get(..end)?, place(number::<8>(image, at + 8)? as usize)? as u64))
    };
    Some((0..count.min(MOST)).filter_map(symbol).collect())
}

/// The number of symbols: the last one of the chain that begins last.
fn counted_by_gnu_hash(image: &[u8], hash: usize) -> Option<usize> {
    let word = |at: usize| number::<4>(image, at).map(|word| word as usize);
    let (buckets, first, filter) = (word(hash)?, word(hash + 4)?, word(hash + 8)?);
    let begin = hash.checked_add(16)?.checked_add(filter.checked_mul(8)?)?;
    let chains = begin.checked_add(buckets.checked_mul(4)?)?;
    let mut last = (0..buckets.min(MOST)).filter_map(|bucket| word(begin + bucket * 4)).max()?;
    if last < first {
        return Some(first);
    }
    while last < MOST && word(chains.checked_add((last - first) * 4)?)? & 1 == 0 {
        last += 1;
    }
    Some(last + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An image with one exported function and one symbol of another image.
    fn image(gnu: bool) -> Vec<u8> {
        let mut image = vec![0; 1024];
        let mut put = |at: usize, bytes: &[u8]| image[at..at + bytes.len()].copy_from_slice(bytes);
        let mut words = |at: usize, words: &[u64]| {
            let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
            put(at, &bytes);
        };
        words(32, &[64]);
        words(64, &[0x5_0000_0001, 0, 0, 0, 1024, 1024, 4096]);
        words(120, &[0x4_0000_0002, 256, 256, 256, 64, 64, 8]);
        let hash = if gnu { DT_GNU_HASH } else { DT_HASH };
        words(256, &[DT_STRTAB, 400, DT_SYMTAB, 480, hash, 600, 0, 0]);
        words(480 + 24, &[0x0007_0012_0000_0001, 0x300, 8]);
        words(480 + 48, &[0x0000_0012_0000_000f, 0, 0]);
        put(0, b"\x7fELF\x02\x01");
        put(54, &[56, 0, 2, 0]);
        put(401, b"__vdso_getcpu\0elsewhere\0");
        let hash: Vec<u8> = match gnu {
            // One bucket, symbols from 1 on, a filter of one word; the chain ends with symbol 2.
            true => [1_u32, 1, 1, 0, 0, 0, 1, 8, 9].iter().flat_map(|word| word.to_le_bytes()).collect(),
            false => [1_u32, 3].iter().flat_map(|word| word.to_le_bytes()).collect(),
        };
        put(600, &hash);
        image
    }

    #[test]
    fn exported_functions_are_found_by_either_hash_table() {
        for gnu in [false, true] {
            let image = image(gnu);
            assert_eq!(loaded_size(&image), Some(1024));
            assert_eq!(symbols(&image), [(b"__vdso_getcpu".as_slice(), 0x300)]);
        }
    }

    #[test]
    fn broken_images_are_survived() {
        for gnu in [false, true] {
            let whole = image(gnu);
            for at in 0..whole.len() {
                let mut broken = whole.clone();
                broken[at] = !broken[at];
                let _ = (loaded_size(&broken), symbols(&broken));
                let _ = (loaded_size(&whole[..at]), symbols(&whole[..at]));
            }
        }
    }
}
