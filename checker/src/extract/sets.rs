//! Finds the set of flags or values that belongs to a parameter: the constants that the call's code uses it with, and
//! their fellows of the same prefix in the headers.

use super::propose::Sheet;
use crate::facts::{Claim, Fact, Facts};
use abispec::model::{Set, SetKind};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A set that the specification does not have yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NewSet {
    pub(super) name: String,
    pub(super) flags: bool,
    pub(super) header: String,
    pub(super) prefix: String,
    /// Names and values.
    pub(super) members: Vec<(String, i128)>,
}

/// The type and the keys of a parameter that takes constants.
pub(super) fn propose(sheet: &mut Sheet<'_>, c: &str, name: &str) -> Option<(String, Vec<(&'static str, String)>)> {
    let uses = constants(sheet, name);
    let flags = name.contains("flag") || name == "mask" || uses.masked;
    let known = known(sheet, &uses.names, name, c, flags);
    if let Some(set) = known {
        let word = if set.kind == SetKind::Enum { "enum" } else { "flags" };
        return Some((format!("{word}[{}]", set.name.value), vec![("unknown", "EINVAL".to_owned())]));
    }
    let set = fresh(sheet, &uses.names, name, flags)?;
    let ty = format!("{}[{}]", if flags { "flags" } else { "enum" }, set.name);
    if !sheet.sets.iter().any(|one| one.name == set.name) {
        sheet.sets.push(set);
    }
    Some((ty, vec![("unknown", "EINVAL".to_owned())]))
}

#[derive(Default)]
struct Uses {
    names: BTreeSet<String>,
    masked: bool,
}

/// The constants that stand in one statement or `switch` with a parameter.
fn constants(sheet: &Sheet<'_>, param: &str) -> Uses {
    let is_constant = |word: &str| {
        word.len() > 2
            && word.contains('_')
            && word.starts_with(|c: char| c.is_ascii_uppercase())
            && word.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
            && sheet.headers.iter().any(|facts| facts.constants.contains_key(word))
    };
    let mut uses = Uses::default();
    for body in &sheet.code.bodies {
        let mut switched: Option<u32> = None;
        let mut depth = 0_u32;
        for statement in body.split_inclusive(|word| matches!(word.text.as_str(), ";" | "{" | "}" | ":")) {
            let at = statement.iter().position(|word| word.text == param);
            let named: Vec<&str> =
                statement.iter().map(|word| word.text.as_str()).filter(|word| is_constant(word)).collect();
            if let Some(at) = at {
                let near = |index: usize| statement.get(index).map(|word| word.text.as_str());
                let masks = |word: Option<&str>| matches!(word, Some("&" | "|"));
                uses.masked |= !named.is_empty()
                    && (masks(near(at + 1)) || at.checked_sub(1).is_some_and(|before| masks(near(before))));
                uses.names.extend(named.iter().map(|name| (*name).to_owned()));
                if statement.iter().any(|word| word.text == "switch") {
                    switched = Some(depth);
                }
            } else if switched.is_some() && statement.first().is_some_and(|word| word.text == "case") {
                uses.names.extend(named.iter().map(|name| (*name).to_owned()));
            }
            match statement.last().map(|word| word.text.as_str()) {
                Some("{") => depth += 1,
                Some("}") => {
                    depth = depth.saturating_sub(1);
                    if switched == Some(depth) {
                        switched = None;
                    }
                }
                _ => {}
            }
        }
    }
    uses
}

/// The set of the specification that shares most with the constants, or whose name is the parameter's C type.
fn known<'s>(sheet: &Sheet<'s>, names: &BTreeSet<String>, param: &str, c: &str, flags: bool) -> Option<&'s Set> {
    let shared = |set: &Set| set.members.iter().filter(|member| names.contains(&member.name.value)).count();
    let fits = |set: &&Set| flags == (set.kind != SetKind::Enum);
    let spec = sheet.spec;
    let best = spec.sets.values().filter(fits).max_by_key(|set| (shared(set), std::cmp::Reverse(set.members.len())))?;
    if shared(best) > 0 {
        return Some(best);
    }
    let base = c.trim_start_matches("const ").trim_end_matches("_t");
    spec.sets.get(base).filter(|_| base == "clockid" && param.contains("clock"))
}

/// A set of the headers' constants with the prefix that most of the constants share.
fn fresh(sheet: &Sheet<'_>, names: &BTreeSet<String>, param: &str, flags: bool) -> Option<NewSet> {
    let facts = sheet.headers.first()?;
    let mut prefixes: BTreeMap<&str, usize> = BTreeMap::new();
    for name in names {
        if let Some(end) = name.rfind('_') {
            *prefixes.entry(name.get(..=end)?).or_default() += 1;
        }
    }
    let prefix = prefixes.into_iter().max_by_key(|(prefix, count)| (*count, prefix.len())).map(|(prefix, _)| prefix)?;
    let first = names.iter().find(|name| name.starts_with(prefix))?;
    let source = constant(facts, first)?.source.file.clone();
    let members: Vec<(String, i128)> = facts
        .constants
        .range(prefix.to_owned()..)
        .take_while(|(name, _)| name.starts_with(prefix))
        .filter_map(|(name, _)| {
            constant(facts, name).filter(|fact| fact.source.file == source).map(|fact| (name.clone(), fact.value.value))
        })
        .collect();
    let header = header(facts, &source)?;
    let stem = prefix.trim_end_matches('_').to_ascii_lowercase();
    let name = if flags { format!("{stem}_flags") } else { format!("{stem}_{param}") };
    Some(NewSet { name, flags, header, prefix: prefix.to_owned(), members })
}

fn constant<'f>(facts: &'f Facts, name: &str) -> Option<&'f Fact<crate::facts::Constant>> {
    match facts.constant(name, None) {
        Claim::Says { value, .. } => Some(value),
        Claim::Silent { .. } => facts.constants.get(name)?.first(),
    }
}

/// The name by which a header is included that has this file as its own.
pub(super) fn header(facts: &Facts, file: &Arc<str>) -> Option<String> {
    let own = facts.headers.keys().find(|name| file.ends_with(&format!("/{name}")));
    own.or_else(|| facts.headers.iter().find(|(_, files)| files.contains(file)).map(|(name, _)| name)).cloned()
}
