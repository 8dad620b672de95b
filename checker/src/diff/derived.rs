//! Constants that follow from others: the end of a list, the union of all flags. They move whenever their list grows.
//!
//! A name alone proves nothing: `PATH_MAX` is a promise, `__IFLA_MAX` a count. So both the name or the way a constant is
//! used, and its definition or its value, must say that it ends a list, on both sides.

use super::definition::{Definition, Definitions};
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
fn names_an_end(name: &str) -> bool {
    name.split('_').any(is_end_word)
}

fn is_end_word(word: &str) -> bool {
    let word = word.to_ascii_uppercase();
    word.contains("MAX")
        || word.starts_with("NUM")
        || matches!(
            word.as_str(),
            "LAST" | "END" | "NR" | "N" | "CNT" | "COUNT" | "COUNTS" | "TOTAL" | "NBITS" | "BITS" | "SIZE" | "LEN" | "LIMIT"
                | "ENTRIES" | "SUPPORTED" | "SENTINEL" | "TERMINATOR" | "AFTER" | "LENGTH" | "NMEMB" | "ITEMS"
        )
}

/// Whether a name says that it holds all flags.
fn names_a_mask(name: &str) -> bool {
    name.split('_').any(is_mask_word)
}

fn is_mask_word(word: &str) -> bool {
    let word = word.to_ascii_uppercase();
    word.contains("MASK")
        || matches!(word.as_str(), "ALL" | "ANY" | "VALID" | "SUPPORTED" | "FLAGS" | "BITS" | "KNOWN" | "DEFINED" | "LEGAL")
}

/// How far definitions are followed: `NUM_X` of `__X_LAST` of ...
const DEPTH: u32 = 4;

/// Whether a constant ends a list: by its place in its `enum`, by being computed from such an end, or, for a number
/// written out, by being the highest of its kind or one more.
pub(super) fn is_end_of_list(
    values: &Values<'_>,
    definitions: &Definitions,
    name: &str,
    fact: &Fact<Constant>,
    way: Definition<'_>,
) -> bool {
    ends(values, definitions, name, way, DEPTH) || names_an_end(name) && way.names().is_empty() && is_highest(values, name, fact)
}

fn ends(values: &Values<'_>, definitions: &Definitions, name: &str, way: Definition<'_>, depth: u32) -> bool {
    let used = way.names();
    if used.is_empty() {
        let Definition::Enumerator(list, index) = way else { return false };
        // Behind an end come only names that are computed.
        let behind = list.items.get(index + 1..).unwrap_or_default();
        let at_the_end = behind.iter().all(|item| !item.names.is_empty());
        let explicit = list.items.get(index).is_some_and(|item| item.explicit);
        let counted = names_an_end(name) || definitions.derived_from(name).any(names_an_end);
        return at_the_end && counted && !explicit;
    }
    if depth == 0 {
        return false;
    }
    used.iter().all(|used| {
        let Some(inner) = definitions.get(used, None) else { return false };
        used != name && (ends(values, definitions, used, inner, depth - 1) || names_an_end(name) && is_last(values, used, inner))
    })
}

/// Whether a name is the last of its `enum` but for computed ones, or the highest of the macros that begin as it does.
fn is_last(values: &Values<'_>, name: &str, way: Definition<'_>) -> bool {
    match way {
        Definition::Enumerator(list, index) => {
            let behind = list.items.get(index + 1..).unwrap_or_default();
            behind.iter().all(|item| !item.names.is_empty())
        }
        Definition::Macro(_) => {
            let Some(fact) = values.side.facts.constants.get(name).and_then(|facts| facts.first()) else { return false };
            let first = name.trim_start_matches('_').split_inclusive('_').next().unwrap_or_default();
            let alike = values.side.facts.constants.range(first.to_owned()..);
            let mut alike = alike.take_while(|(other, _)| other.starts_with(first)).filter_map(|(other, facts)| {
                let here = facts.iter().find(|one| one.source.file == fact.source.file)?;
                (!names_an_end(other)).then_some(here.value.value)
            });
            alike.all(|value| value <= fact.value.value)
        }
    }
}

/// Whether a number is the highest of the constants that begin as it does, or one more than that.
fn is_highest(values: &Values<'_>, name: &str, fact: &Fact<Constant>) -> bool {
    let others: Vec<i128> = values.siblings(name, fact).map(|(_, constant)| constant.value).collect();
    let Some(highest) = others.iter().max() else { return false };
    others.len() > 1 && (fact.value.value == *highest || fact.value.value == highest + 1)
}

/// Whether a constant is the union of flags, and only flags joined it.
pub(super) fn grew_as_a_mask(
    (old, new): &(Values<'_>, Values<'_>),
    definitions: (&Definitions, &Definitions),
    name: &str,
    (before, after): (&Fact<Constant>, &Fact<Constant>),
    (old_way, new_way): (Definition<'_>, Definition<'_>),
) -> bool {
    let (was, is) = (before.value.value, after.value.value);
    if was < 0 || is < 0 || was & is != was {
        return false;
    }
    let gained = is & !was;
    if old_way.joined() && new_way.joined() && new_way.names().len() > old_way.names().len() {
        return true;
    }
    // `(1 << __X_MAX) - 1` is all flags of a list.
    let from_end = |values: &Values<'_>, definitions: &Definitions, way: Definition<'_>| {
        let used = way.names();
        !used.is_empty()
            && used.iter().all(|used| {
                definition_of(values, definitions, used).is_some_and(|inner| ends(values, definitions, used, inner, DEPTH))
            })
    };
    if from_end(old, definitions.0, old_way) && from_end(new, definitions.1, new_way) {
        return true;
    }
    if !names_a_mask(name) || !new_way.names().is_empty() {
        return false;
    }
    let known = new.siblings(name, after).filter(|(other, _)| !names_a_mask(other) && old.value(other).is_none());
    let explained = known.fold(0, |bits, (_, constant)| bits | constant.value);
    gained & !explained == 0
}

fn definition_of<'d>(values: &Values<'_>, definitions: &'d Definitions, name: &str) -> Option<Definition<'d>> {
    let fact = values.side.facts.constants.get(name)?.first()?;
    definition(definitions, name, &fact.source)
}
