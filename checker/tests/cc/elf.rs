//! Bytes of the sections of an object file: what a compiler laid out for a port whose programs do not run here.

use std::collections::BTreeMap;

/// The bytes of each section by its name.
pub(crate) fn sections(object: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let reader = Reader { object, wide: object[4] == 2, big: object[5] == 2 };
    let table = reader.word(if reader.wide { 0x28 } else { 0x20 });
    let counts = if reader.wide { 0x3a } else { 0x2e };
    let (size, count, names) = (reader.half(counts), reader.half(counts + 2), reader.half(counts + 4));
    let header = |number: usize| {
        let at = table + number * size;
        let (offset, length) = if reader.wide { (at + 0x18, at + 0x20) } else { (at + 0x10, at + 0x14) };
        (reader.four(at), reader.word(offset), reader.word(length))
    };
    let (_, names, _) = header(names);
    let named = |number: usize| {
        let (name, offset, length) = header(number);
        let text = &object[names + name..];
        let end = text.iter().position(|byte| *byte == 0).expect("a name has an end");
        let bytes = object.get(offset..offset + length).unwrap_or_default();
        (String::from_utf8_lossy(&text[..end]).into_owned(), bytes.to_vec())
    };
    (0..count).map(named).collect()
}

struct Reader<'a> {
    object: &'a [u8],
    wide: bool,
    big: bool,
}

impl Reader<'_> {
    fn number(&self, at: usize, bytes: usize) -> usize {
        let bytes = &self.object[at..at + bytes];
        let add = |number: usize, byte: &u8| number << 8 | usize::from(*byte);
        if self.big { bytes.iter().fold(0, add) } else { bytes.iter().rev().fold(0, add) }
    }

    fn half(&self, at: usize) -> usize {
        self.number(at, 2)
    }

    fn four(&self, at: usize) -> usize {
        self.number(at, 4)
    }

    fn word(&self, at: usize) -> usize {
        self.number(at, if self.wide { 8 } else { 4 })
    }
}
