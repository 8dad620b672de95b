//! The fields of one struct on both sides.

use super::class::{
    field_added, field_moved, field_removed, field_renamed, field_resized, field_retyped, padding_reused,
};
use super::difference::Log;
use super::side::Side;
use crate::ctype::canonical;
use crate::facts::{Fact, Field, Layout};
use std::collections::{BTreeMap, BTreeSet};

/// What a struct's size may be judged by.
pub(super) struct Outcome {
    /// Whether every old field lies where it lay.
    pub(super) in_place: bool,
    /// The new fields that begin behind the old end.
    pub(super) beyond: Vec<String>,
}

/// What stood in the place of a struct and how it is called.
struct Pair<'a> {
    header: &'a str,
    old: (&'a Side<'a>, &'a Fact<Layout>),
    new: (&'a Side<'a>, &'a Fact<Layout>),
}

/// Compares the fields of a struct. One that `grows` at its end may have a larger last field, and an open end further on.
pub(super) fn compare(
    header: &str,
    old: (&Side<'_>, &Fact<Layout>),
    new: (&Side<'_>, &Fact<Layout>),
    grows: bool,
    log: &mut Log,
) -> Outcome {
    let (was, is) = (&old.1.value, &new.1.value);
    let old_size = was.size * 8;
    let pair = Pair { header, old, new };
    let olds: BTreeMap<&str, &Field> = was.fields.iter().map(|field| (field.name.as_str(), field)).collect();
    let news: BTreeMap<&str, &Field> = is.fields.iter().map(|field| (field.name.as_str(), field)).collect();
    let mut gained: Vec<&Field> = is.fields.iter().filter(|field| is_own(field, &olds)).collect();
    let mut beyond: Vec<String> = Vec::new();
    gained.retain(|field| {
        let behind = field.offset_bits >= old_size && field.size_bits > 0 && old_size > 0;
        if behind {
            beyond.push(field.name.clone());
        }
        !behind
    });
    let mut shifts: Vec<(&Field, &Field)> = Vec::new();
    let mut in_place = true;
    let mut taken: BTreeSet<&str> = BTreeSet::new();
    for field in &was.fields {
        let kept = news.get(field.name.as_str()).copied();
        // What was reserved may shrink, move or go: the bytes had no meaning.
        if is_reserve(field) && kept.is_none_or(|kept| !same(field, kept)) {
            let within: Vec<&&Field> = gained.iter().filter(|new| overlap(field, new)).collect();
            let names: Vec<String> = within.iter().filter(|new| !is_reserve(new)).map(|new| new.name.clone()).collect();
            taken.extend(within.iter().map(|new| new.name.as_str()));
            let covered =
                kept.is_none_or(|kept| end(kept) <= end(field).max(old_size) || kept.offset_bits >= field.offset_bits);
            if covered {
                let note = match names.as_slice() {
                    [] => None,
                    names => Some(format!("its place is now that of {}", names.join(", "))),
                };
                // A reserved tail that only shifted behind what the struct gained is no news of its own.
                if !names.is_empty() || kept.is_none_or(|kept| kept.offset_bits < old_size) {
                    pair.add(&padding_reused::CLASS, field.name.as_str(), (Some(field), kept), note, log);
                }
                continue;
            }
        }
        match kept {
            Some(new) if new.offset_bits != field.offset_bits => {
                if grows && field.size_bits == 0 && new.size_bits == 0 && new.offset_bits > field.offset_bits {
                    continue;
                }
                in_place = false;
                shifts.push((field, new));
                if new.size_bits != field.size_bits {
                    pair.add(&field_resized::CLASS, &field.name, (Some(field), Some(new)), None, log);
                }
            }
            // What a member without a type name gained is told by its own fields.
            Some(new)
                if field.c_type == new.c_type
                    && field.c_type.ends_with("{...}")
                    && new.size_bits > field.size_bits
                    && (grows || was.size == is.size) => {}
            Some(new) if grows && end(field) == old_size && new.size_bits > field.size_bits => {
                beyond.push(format!("more of {}", field.name));
            }
            Some(new) => in_place &= same_place(&pair, field, new, log),
            None if !is_own(field, &news) => {}
            None => in_place &= lost(&pair, field, &gained, &mut taken, log),
        }
    }
    moved(&pair, &shifts, log);
    for field in gained.iter().filter(|field| !taken.contains(field.name.as_str())) {
        came(&pair, field, &was.fields, log);
    }
    Outcome { in_place, beyond }
}

/// Whether a field is on one side only, and not just because the member around it is.
fn is_own(field: &Field, others: &BTreeMap<&str, &Field>) -> bool {
    let around = field.name.rsplit_once('.').is_none_or(|(around, _)| others.contains_key(around));
    around && !others.contains_key(field.name.as_str())
}

impl Pair<'_> {
    fn add(
        &self,
        class: &'static super::class::Class,
        name: &str,
        (was, is): (Option<&Field>, Option<&Field>),
        note: Option<String>,
        log: &mut Log,
    ) {
        // The struct stands on both sides, even where only one has the field.
        let old = self.old.0.stated(was.map(text).unwrap_or_default(), &self.old.1.source);
        let new = self.new.0.stated(is.map(text).unwrap_or_default(), &self.new.1.source);
        let subject = format!("{}.{name}", self.new.1.value.c_name);
        log.add(class, self.header, subject, (Some(old), Some(new)), note);
    }
}

fn text(field: &Field) -> String {
    let width = match (field.bitfield, field.size_bits) {
        (true, 1) => "1 bit".to_owned(),
        (true, bits) => format!("{bits} bits"),
        (false, 0) => "open end".to_owned(),
        (false, bits) => format!("{} byte(s)", bits / 8),
    };
    format!("{} at {}, {width}", field.c_type, offset(field))
}

/// Whether two fields lie at the same place and are of the same type, however it is spelt.
fn same(a: &Field, b: &Field) -> bool {
    (a.offset_bits, a.size_bits, a.bitfield) == (b.offset_bits, b.size_bits, b.bitfield)
        && plain(&a.c_type) == plain(&b.c_type)
}

fn offset(field: &Field) -> String {
    let (byte, bit) = (field.offset_bits / 8, field.offset_bits % 8);
    if field.bitfield { format!("byte {byte} bit {bit}") } else { format!("byte {byte}") }
}

fn end(field: &Field) -> u64 {
    field.offset_bits + field.size_bits
}

fn overlap(a: &Field, b: &Field) -> bool {
    a.offset_bits < end(b) && b.offset_bits < end(a)
}

/// Whether a field is kept for later: its name says so, and it is made of integers.
fn is_reserve(field: &Field) -> bool {
    let made =
        ["struct ", "union ", "enum "].iter().any(|word| field.c_type.contains(word)) || field.c_type.contains('*');
    !made && is_reserved(&field.name)
}

/// Whether a name says that the bytes are kept for later.
fn is_reserved(name: &str) -> bool {
    let bare = name
        .rsplit('.')
        .next()
        .unwrap_or(name)
        .trim_matches('_')
        .trim_end_matches(|c: char| c.is_ascii_digit())
        .trim_end_matches('_')
        .to_ascii_lowercase();
    const WORDS: &[&str] =
        &["pad", "padding", "reserved", "resv", "rsvd", "res", "unused", "spare", "fill", "filler", "mbz", "dummy"];
    WORDS
        .iter()
        .any(|word| bare == *word || bare.ends_with(&format!("_{word}")) || bare.starts_with(&format!("{word}_")))
        || ["pad", "reserved", "rsvd", "unused", "padding"].iter().any(|word| bare.ends_with(word))
}

/// A field that lies where it lay: its width and its type.
fn same_place(pair: &Pair<'_>, was: &Field, is: &Field, log: &mut Log) -> bool {
    if was.size_bits != is.size_bits {
        // An array of one that became an open end still begins where it began.
        pair.add(&field_resized::CLASS, &was.name, (Some(was), Some(is)), None, log);
        return true;
    }
    if was.bitfield != is.bitfield || plain(&was.c_type) != plain(&is.c_type) {
        pair.add(&field_retyped::CLASS, &was.name, (Some(was), Some(is)), None, log);
    }
    true
}

/// A type in one spelling: integers by width and sign, an open end however it is written.
fn plain(c_type: &str) -> String {
    let spelt = canonical(c_type).replace("[ 0 ]", "[ ]");
    let words = [
        ("unsigned long long", "u64"),
        ("long long", "s64"),
        ("unsigned int", "u32"),
        ("unsigned short", "u16"),
        ("unsigned char", "u8"),
        ("signed char", "s8"),
        ("short", "s16"),
        ("int", "s32"),
        ("uint64_t", "u64"),
        ("uint32_t", "u32"),
        ("uint16_t", "u16"),
        ("uint8_t", "u8"),
        ("int64_t", "s64"),
        ("int32_t", "s32"),
        ("int16_t", "s16"),
        ("int8_t", "s8"),
    ];
    let (constant, rest) = match spelt.strip_prefix("const ") {
        Some(rest) => ("const ", rest),
        None => ("", spelt.as_str()),
    };
    for (word, short) in words {
        if let Some(tail) = rest.strip_prefix(word).filter(|tail| tail.is_empty() || tail.starts_with(' ')) {
            return format!("{constant}{short}{tail}");
        }
    }
    spelt
}

/// A field whose name is gone. Returns whether its bytes still hold what they held.
fn lost<'a>(
    pair: &Pair<'_>,
    field: &Field,
    gained: &[&'a Field],
    taken: &mut BTreeSet<&'a str>,
    log: &mut Log,
) -> bool {
    let free = |new: &&&Field| !taken.contains(new.name.as_str());
    let exact = gained.iter().filter(free).find(|new| same(field, new)).or_else(|| {
        let at = |new: &&&Field| (new.offset_bits, new.size_bits) == (field.offset_bits, field.size_bits);
        gained.iter().filter(free).find(at)
    });
    if let Some(new) = exact {
        taken.insert(&new.name);
        let note = Some(format!("it is called {} now", new.name));
        pair.add(&field_renamed::CLASS, &field.name, (Some(field), Some(new)), note, log);
        return true;
    }
    // A field of a struct that stands there now by itself.
    let around = gained.iter().find(|new| {
        new.offset_bits <= field.offset_bits
            && end(new) >= end(field)
            && new.size_bits > field.size_bits
            && !field.bitfield
    });
    if let Some(new) = around {
        taken.insert(&new.name);
        let note = Some(format!("its bytes belong to {} now", new.name));
        pair.add(&field_renamed::CLASS, &field.name, (Some(field), Some(new)), note, log);
        return true;
    }
    pair.add(&field_removed::CLASS, &field.name, (Some(field), None), None, log);
    false
}

/// Fields that moved; those that follow each other and moved by the same amount are one difference.
fn moved(pair: &Pair<'_>, shifts: &[(&Field, &Field)], log: &mut Log) {
    let by = |(was, is): &(&Field, &Field)| i128::from(is.offset_bits) - i128::from(was.offset_bits);
    for part in shifts.chunk_by(|a, b| by(a) == by(b)) {
        let [first, rest @ ..] = part else { continue };
        let note = rest.last().map(|(last, _)| format!("so do the {} after it up to {}", rest.len(), last.name));
        pair.add(&field_moved::CLASS, &first.0.name, (Some(first.0), Some(first.1)), note, log);
    }
}

/// A field that was not there before, inside the old size.
fn came(pair: &Pair<'_>, field: &Field, olds: &[Field], log: &mut Log) {
    let over: Vec<&Field> = olds.iter().filter(|old| overlap(old, field)).collect();
    let last = olds.iter().map(end).max().unwrap_or(0);
    let reserved = !over.is_empty() && over.iter().all(|old| is_reserve(old));
    let (class, note) = if field.size_bits == 0 {
        (&field_added::CLASS, Some("an open end".to_owned()))
    } else if reserved {
        (&padding_reused::CLASS, Some("its place was reserved".to_owned()))
    } else if !over.is_empty() {
        (
            &field_added::CLASS,
            Some(format!("another view of the bytes of {}", over.first().map_or("", |old| &old.name))),
        )
    } else if field.offset_bits >= last {
        (&field_added::CLASS, Some("in padding at the end".to_owned()))
    } else {
        (&padding_reused::CLASS, Some("in padding between fields".to_owned()))
    };
    pair.add(class, &field.name, (None, Some(field)), note, log);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_what_is_kept_for_later() {
        for name in [
            "pad",
            "__pad1",
            "reserved",
            "__reserved_2",
            "resv2",
            "rsvd",
            "__spare2",
            "unused",
            "pad_to_8",
            "_res",
            "xpad",
        ] {
            assert!(is_reserved(name), "{name}");
        }
        for name in ["resource", "paddr", "address", "result", "expand", "padlock", "spares"] {
            assert!(!is_reserved(name), "{name}");
        }
    }

    #[test]
    fn spellings_of_one_type_are_equal() {
        for (a, b) in
            [("__u32", "unsigned int"), ("__u64 []", "__u64 [0]"), ("uint8_t [4]", "__u8 [4]"), ("int", "__s32")]
        {
            assert_eq!(plain(a), plain(b));
        }
        for (a, b) in [("__u32", "__s32"), ("__le32", "__be32"), ("char", "__u8"), ("__u8 [4]", "__u8 [8]")] {
            assert_ne!(plain(a), plain(b));
        }
    }
}
