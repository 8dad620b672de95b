//! Structs and unions of both sides.

use super::class::{struct_added, struct_extended, struct_realigned, struct_removed, struct_resized};
use super::constants::{merged, moved};
use super::difference::Log;
use super::extensible::may_grow;
use super::fields;
use super::side::Side;
use crate::facts::{Fact, Layout, WitnessKind};
use abispec::model::Spec;

/// Compares all structs and unions.
pub(super) fn compare(spec: &Spec, old: &Side<'_>, new: &Side<'_>, log: &mut Log) {
    let (lost_reasons, gained_reasons) = (new.silences(), old.silences());
    let none = Vec::new();
    for (name, before, after) in merged(&old.facts.layouts, &new.facts.layouts) {
        let mut after: Vec<_> = after.unwrap_or(&none).iter().collect();
        for fact in before.unwrap_or(&none) {
            let header = old.header(&fact.source.file);
            let best = after.iter().enumerate().max_by_key(|(index, other)| {
                let here = new.header(&other.source.file) == header;
                (other.value == fact.value, here, usize::MAX - index)
            });
            if let Some(index) = best.map(|(index, _)| index) {
                let other = after.remove(index);
                log.compared("structs", 1);
                pair(spec, old, new, name, fact, other, log);
                continue;
            }
            if new.facts.kind == WitnessKind::Btf {
                // A kernel's types are those that its configuration and its compiler left.
                log.silent(name, "the new kernel's type information lacks it".to_owned());
            } else if let Some(reason) = lost_reasons.get(name) {
                log.silent(name, format!("the new side cannot be computed: {reason}"));
            } else if new.has_header(&header) || !old.facts.has_header(&header) {
                let note = replacement(new, &header, name, &fact.value);
                let stated = old.stated(summary(&fact.value), &fact.source);
                log.add(&struct_removed::CLASS, &header, fact.value.c_name.clone(), (Some(stated), None), note);
            }
        }
        for fact in after {
            let header = new.header(&fact.source.file);
            if let Some(reason) = gained_reasons.get(name) {
                log.silent(name, format!("the old side cannot be computed: {reason}"));
            } else if old.has_header(&header) || !new.facts.has_header(&header) {
                let stated = new.stated(summary(&fact.value), &fact.source);
                log.add(&struct_added::CLASS, &header, fact.value.c_name.clone(), (None, Some(stated)), None);
            }
        }
    }
}

fn summary(layout: &Layout) -> String {
    format!("{} bytes, {} field(s)", layout.size, layout.fields.len())
}

/// A struct of the new side that lies in memory just as the one that is gone.
fn replacement(new: &Side<'_>, header: &str, name: &str, gone: &Layout) -> Option<String> {
    let same = |layout: &Layout| layout.size == gone.size && !gone.fields.is_empty() && layout.fields == gone.fields;
    let found = new.facts.layouts.iter().find(|(other, facts)| {
        *other != name && facts.iter().any(|fact| same(&fact.value) && &*new.header(&fact.source.file) == header)
    });
    found.map(|(_, facts)| {
        format!("{} has the same fields", facts.first().map_or("", |fact| fact.value.c_name.as_str()))
    })
}

fn pair(
    spec: &Spec,
    old: &Side<'_>,
    new: &Side<'_>,
    name: &str,
    before: &Fact<Layout>,
    after: &Fact<Layout>,
    log: &mut Log,
) {
    moved(old, new, name, "struct", (before, after), log);
    if before.value == after.value {
        return;
    }
    let header = new.header(&after.source.file);
    let (was, is) = (&before.value, &after.value);
    let c_name = &is.c_name;
    let sides = |was: String, is: String| (Some(old.stated(was, &before.source)), Some(new.stated(is, &after.source)));
    let reason = (is.size > was.size).then(|| may_grow(spec, &header, name, was, [old, new])).flatten();
    let outcome = fields::compare(&header, (old, before), (new, after), reason.is_some(), log);
    let reason = reason.filter(|_| outcome.in_place);
    let aligned = (was.align, is.align);
    let realigned = matches!(aligned, (Some(a), Some(b)) if a != b);
    // A struct that only calls point to may ask for more when it grows; inside another one it moves what follows.
    if let (Some(a), Some(b)) = aligned
        && realigned
        && (reason.is_none() || is_inside_another(new, c_name))
    {
        let sides = sides(format!("aligned to {a}"), format!("aligned to {b}"));
        log.add(&struct_realigned::CLASS, &header, c_name.clone(), sides, None);
    }
    if was.size == is.size {
        return;
    }
    let sizes = sides(format!("{} bytes", was.size), format!("{} bytes", is.size));
    let gained = (!outcome.beyond.is_empty()).then(|| format!("new at the end: {}", outcome.beyond.join(", ")));
    match reason {
        Some(reason) => {
            let note = gained.map_or_else(|| reason.clone(), |gained| format!("{gained}; {reason}"));
            log.add(&struct_extended::CLASS, &header, c_name.clone(), sizes, Some(note));
        }
        None => log.add(&struct_resized::CLASS, &header, c_name.clone(), sizes, gained),
    }
}

/// Whether a struct is a field of another one.
fn is_inside_another(side: &Side<'_>, c_name: &str) -> bool {
    let holds =
        |c_type: &str| c_type.strip_prefix(c_name).is_some_and(|rest| rest.is_empty() || rest.starts_with(" ["));
    side.facts.layouts.values().flatten().any(|fact| fact.value.fields.iter().any(|field| holds(&field.c_type)))
}
