//! Whole headers: those that came and those that went. What stands in them is counted there and not listed again.

use super::class::{header_added, header_removed};
use super::difference::Log;
use super::side::Side;
use crate::facts::{Position, Source};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Compares the lists of headers.
pub(super) fn headers(old: &Side<'_>, new: &Side<'_>, log: &mut Log) {
    let common = old.facts.headers.keys().filter(|name| new.facts.has_header(name)).count();
    log.compared("headers", common);
    let gone = contents(old, new);
    for name in old.facts.headers.keys().filter(|name| !new.facts.has_header(name)) {
        let Some(file) = old.file_of(name) else { continue };
        if let Some(reason) = new.facts.why_silent(name) {
            log.silent(name, format!("the new side cannot be read: {reason}"));
            continue;
        }
        let note = gone.get(name.as_str()).map(|count| format!("it had {count}"));
        log.add(&header_removed::CLASS, name, name, (Some(whole(old, &file)), None), note);
    }
    let came = contents(new, old);
    for name in new.facts.headers.keys().filter(|name| !old.has_header(name)) {
        let Some(file) = new.file_of(name) else { continue };
        let note = came.get(name.as_str()).map(|count| format!("it has {count}"));
        log.add(&header_added::CLASS, name, name, (None, Some(whole(new, &file))), note);
    }
}

fn whole(side: &Side<'_>, file: &Arc<str>) -> super::difference::Stated {
    side.stated("the header", &Source { file: Arc::clone(file), at: Position::Whole })
}

/// What stands in the headers that only one side has.
fn contents(side: &Side<'_>, other: &Side<'_>) -> BTreeMap<String, String> {
    let mut counts: BTreeMap<Arc<str>, (usize, usize)> = BTreeMap::new();
    let only: BTreeMap<&str, ()> =
        side.facts.headers.keys().filter(|name| !other.has_header(name)).map(|name| (name.as_str(), ())).collect();
    if only.is_empty() {
        return BTreeMap::new();
    }
    for fact in side.facts.constants.values().flatten() {
        let header = side.header(&fact.source.file);
        if only.contains_key(&*header) {
            counts.entry(header).or_default().0 += 1;
        }
    }
    for fact in side.facts.layouts.values().flatten() {
        let header = side.header(&fact.source.file);
        if only.contains_key(&*header) {
            counts.entry(header).or_default().1 += 1;
        }
    }
    let text = |(constants, structs): (usize, usize)| format!("{constants} constant(s) and {structs} struct(s)");
    counts.into_iter().map(|(header, count)| (header.to_string(), text(count))).collect()
}
