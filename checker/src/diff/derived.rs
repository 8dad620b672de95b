//! Constants that follow from others: the end of a list, the union of all flags. They move whenever their list grows.
//!
//! A name alone proves nothing: `PATH_MAX` is a promise, `__IFLA_MAX` a count. So both the name or the way a constant is
//! used, and its definition or its value, must say that it ends a list, on both sides.

use super::definition::{Definition, Definitions, List};
use super::side::{Side, definition};
use crate::facts::{Constant, Fact};

/// The constants of one side, for looking at their neighbours.
pub(super) struct Values<'a> {
    side: &'a Side<'a>,
}

impl<'a> Values<'a> {
    /// Of a side.
    pub(super) fn new(side: &'a Side<'a>) -> Self {
        Self { side }
    }

    /// Constants of the same header that begin with the same words, other than ends of lists.
    fn siblings(&self, name: &str, fact: &Fact<Constant>) -> impl Iterator<Item = (&'a str, Constant)> {
        let prefix = prefix(name).to_owned();
        let file = fact.source.file.clone();
        let range = self.side.facts.constants.range(prefix.clone()..);
        let inside = range.take_while(move |(name, _)| name.starts_with(&prefix));
        let own = inside.filter_map(move |(name, facts)| {
            let here = facts.iter().find(|fact| fact.source.file == file)?;
            Some((name.as_str(), here.value))
        });
        let own_name = name.to_owned();
        own.filter(move |(other, _)| *other != own_name && !names_an_end(other))
    }

    /// The numbers of the device control requests of the same header that begin with the same word.
    fn requests(&self, name: &str, fact: &Fact<Constant>) -> Vec<i128> {
        let first = name.trim_start_matches('_').split_inclusive('_').next().unwrap_or_default();
        let range = self.side.facts.ioctls.range(first.to_owned()..).take_while(|(other, _)| other.starts_with(first));
        range.filter(|(_, one)| one.source.file == fact.source.file).map(|(_, one)| i128::from(one.value.nr)).collect()
    }

    fn value(&self, name: &str) -> Option<i128> {
        self.side.facts.constants.get(name)?.first().map(|fact| fact.value.value)
    }
}

/// The words before the one that names an end: `SW_` of `SW_MAX`, `IFLA_BR_` of `__IFLA_BR_MAX`.
fn prefix(name: &str) -> &str {
    let bare = name.trim_start_matches('_');
    let start = name.len() - bare.len();
    let mut at = 0;
    for word in bare.split_inclusive('_') {
        if is_end_word(word.trim_end_matches('_')) || is_mask_word(word.trim_end_matches('_')) {
            return if at == 0 { &bare[word.len()..] } else { &name[start..start + at] };
        }
        at += word.len();
    }
    bare
}

/// Whether a name says that it is the end, the last one or the number of something.
pub(super) fn names_an_end(name: &str) -> bool {
    name.split('_').any(is_end_word)
}

fn is_end_word(word: &str) -> bool {
    let word = word.to_ascii_uppercase();
    word.contains("MAX")
        || word.starts_with("NUM")
        || matches!(
            word.as_str(),
            "LAST"
                | "END"
                | "NR"
                | "N"
                | "CNT"
                | "COUNT"
                | "COUNTS"
                | "TOTAL"
                | "NBITS"
                | "BITS"
                | "SIZE"
                | "LEN"
                | "LIMIT"
                | "ENTRIES"
                | "SUPPORTED"
                | "SENTINEL"
                | "TERMINATOR"
                | "AFTER"
                | "LENGTH"
                | "NMEMB"
                | "ITEMS"
        )
}

/// Whether a name says that it holds all flags.
fn names_a_mask(name: &str) -> bool {
    name.split('_').any(is_mask_word)
}

fn is_mask_word(word: &str) -> bool {
    let word = word.to_ascii_uppercase();
    word.contains("MASK")
        || word.starts_with("ALL")
        || matches!(word.as_str(), "ANY" | "VALID" | "SUPPORTED" | "FLAGS" | "BITS" | "KNOWN" | "DEFINED" | "LEGAL")
}

/// Whether a name says that it is the version of an interface, other than its major one.
pub(super) fn is_version(name: &str) -> bool {
    let words: Vec<String> = name.split('_').map(str::to_ascii_uppercase).collect();
    let has = |word: &str| words.iter().any(|found| found == word);
    (has("VERSION") || has("MINOR") || has("REVISION")) && !has("MAJOR")
}

/// A constant whose value differs, and how both sides write it.
pub(super) struct Bounds<'a> {
    /// Its name.
    pub(super) name: &'a str,
    /// Its values.
    pub(super) facts: (&'a Fact<Constant>, &'a Fact<Constant>),
    /// Its definitions.
    pub(super) ways: (Definition<'a>, Definition<'a>),
    /// The headers that they stand in.
    pub(super) definitions: (&'a Definitions, &'a Definitions),
}

/// How far definitions are followed: `NUM_X` of `__X_LAST` of ...
const DEPTH: u32 = 4;

/// Whether a constant ends a list on both sides: by its place in its `enum`, by being computed from such an end, by naming a
/// member that the list has gained, or, for a number written out, by being the highest of its kind or one more.
pub(super) fn follows_its_list((old, new): &(Values<'_>, Values<'_>), bounds: &Bounds<'_>) -> bool {
    let Bounds { name, facts, ways, definitions } = bounds;
    is_end(old, definitions.0, name, facts.0, ways.0) && is_end(new, definitions.1, name, facts.1, ways.1)
        || names_a_bound(name) && names_a_new_member(old, new, ways)
}

fn is_end(
    values: &Values<'_>,
    definitions: &Definitions,
    name: &str,
    fact: &Fact<Constant>,
    way: Definition<'_>,
) -> bool {
    ends(definitions, name, way, DEPTH)
        || names_an_end(name) && way.names().is_empty() && is_highest(values, name, fact)
}

fn ends(definitions: &Definitions, name: &str, way: Definition<'_>, depth: u32) -> bool {
    let used = way.names();
    if used.is_empty() {
        let Definition::Enumerator(list, index) = way else { return false };
        let explicit = list.items.get(index).is_some_and(|item| item.explicit);
        let counted = names_an_end(name) || definitions.derived_from(name).any(names_an_end);
        return !explicit && counted && is_last_counted(list, index);
    }
    depth > 0
        && used.iter().all(|used| {
            let Some(inner) = definitions.get(used, None) else { return false };
            let last = || match inner {
                Definition::Enumerator(list, index) => names_an_end(name) && is_last_counted(list, index),
                Definition::Macro(_) => false,
            };
            used != name && (ends(definitions, used, inner, depth - 1) || last())
        })
}

/// Whether no member of the list counts on from an enumerator: behind it come only ends, and members that have a value of
/// their own, as in `__X_NUM, X_MAX = __X_NUM - 1, X_AUTOMATIC`.
fn is_last_counted(list: &List, index: usize) -> bool {
    let behind = list.items.get(index + 1..).unwrap_or_default();
    behind.iter().take_while(|item| !item.explicit).all(|item| names_an_end(&item.name))
}

/// Whether a name says that it is the first or the last of something.
fn names_a_bound(name: &str) -> bool {
    names_an_end(name)
        || name.split('_').any(|word| matches!(word.to_ascii_uppercase().as_str(), "MIN" | "FIRST" | "START"))
}

/// Whether a bound names another member than before, one that only the new side has, while the former one is as it was.
fn names_a_new_member(old: &Values<'_>, new: &Values<'_>, ways: &(Definition<'_>, Definition<'_>)) -> bool {
    let ([was], [is]) = (ways.0.names(), ways.1.names()) else { return false };
    was != is && old.value(is).is_none() && old.value(was).is_some() && old.value(was) == new.value(was)
}

/// Whether a number is the highest of the constants that begin as it does, or one more than that.
fn is_highest(values: &Values<'_>, name: &str, fact: &Fact<Constant>) -> bool {
    let others: Vec<i128> = values.siblings(name, fact).map(|(_, constant)| constant.value).collect();
    let requests = values.requests(name, fact);
    let highest = |others: &[i128]| {
        let highest = others.iter().max();
        others.len() > 1
            && highest.is_some_and(|highest| fact.value.value == *highest || fact.value.value == highest + 1)
    };
    highest(&others) || highest(&requests)
}

/// Whether a constant joins flags and only flags came to it, or holds what they leave over.
pub(super) fn mask_follows_flags((old, new): &(Values<'_>, Values<'_>), bounds: &Bounds<'_>) -> bool {
    let Bounds { name, facts, ways, definitions } = bounds;
    let (was, is) = (facts.0.value.value, facts.1.value.value);
    // `~(A | B)` loses what the union gains.
    let (was, is) = if was < 0 && is < 0 { (!was, !is) } else { (was, is) };
    let spare =
        name.split('_').any(|word| matches!(word.to_ascii_uppercase().as_str(), "RESERVED" | "RSVD" | "UNUSED"));
    if was < 0 || is < 0 {
        return false;
    }
    if spare && was & is == is {
        return true;
    }
    if was & is != was {
        return false;
    }
    let gained = is & !was;
    let came = |used: &&String| !ways.0.names().contains(used);
    if ways.0.joined() && ways.1.joined() && ways.1.names().iter().any(|used| came(&used)) {
        return true;
    }
    // `(1 << __X_MAX) - 1` is all flags of a list.
    let from_end = |values: &Values<'_>, definitions: &Definitions, way: Definition<'_>| {
        let used = way.names();
        !used.is_empty()
            && used.iter().all(|used| {
                definition_of(values, definitions, used).is_some_and(|inner| ends(definitions, used, inner, DEPTH))
            })
    };
    if from_end(old, definitions.0, ways.0) && from_end(new, definitions.1, ways.1) {
        return true;
    }
    if !names_a_mask(name) {
        return false;
    }
    let named = ways.1.names().iter().filter(came).filter_map(|used| Some((used.as_str(), new.value(used)?)));
    let beside = new.siblings(name, facts.1).map(|(other, constant)| (other, constant.value));
    let known = named.chain(beside).filter(|(other, _)| old.value(other).is_none());
    let explained = known.fold(0, |bits, (_, value)| bits | value);
    gained & !explained == 0
}

fn definition_of<'d>(values: &Values<'_>, definitions: &'d Definitions, name: &str) -> Option<Definition<'d>> {
    let fact = values.side.facts.constants.get(name)?.first()?;
    definition(definitions, name, &fact.source)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_ends_where_the_end_is_named() {
        for (name, expected) in
            [("SW_MAX", "SW_"), ("__IFLA_BR_MAX", "IFLA_BR_"), ("MAX_LINKS", "LINKS"), ("NFSEXP_ALLFLAGS", "NFSEXP_")]
        {
            assert_eq!(prefix(name), expected, "{name}");
        }
    }

    #[test]
    fn versions_are_told_by_whole_words() {
        assert!(is_version("DM_VERSION_MINOR") && is_version("TASKSTATS_VERSION"));
        assert!(!is_version("DM_VERSION_MAJOR") && !is_version("CONVERSIONS") && !is_version("MINORBITS"));
    }
}
