//! Constants that both sides have with different values: which of them are promises, which only follow from a list.

use super::class::{
    Class, Impact, constant_changed, enumerator_changed, ioctl_changed, ioctl_extended, mask_changed, sentinel_moved,
    version_raised,
};
use super::definition::Definition;
use super::derived::{Bounds, Values, follows_its_list, is_version, mask_follows_flags};
use super::difference::{Log, Stated};
use super::extensible::request_may_grow;
use super::side::{Side, definition};
use crate::facts::{Constant, Fact, Ioctl};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A constant whose value differs.
pub(super) struct Changed<'a> {
    /// Its name.
    pub(super) name: &'a str,
    /// On the old side.
    pub(super) old: &'a Fact<Constant>,
    /// On the new side.
    pub(super) new: &'a Fact<Constant>,
}

/// What a changed constant was found to be.
struct Judged<'a> {
    one: Changed<'a>,
    class: Option<&'static Class>,
    note: Option<String>,
    /// The names that its value is written with, where they are the same on both sides.
    made_of: Vec<String>,
    /// For an enumerator, which `enum` of its header it is in, and its place there.
    list: Option<(usize, usize)>,
}

/// Enumerators of one list in one file that moved by the same number.
type Run = (Arc<str>, usize, i128);

/// Says of each constant that has another value what it means.
pub(super) fn changes(old: &Side<'_>, new: &Side<'_>, changed: Vec<Changed<'_>>, log: &mut Log) {
    let values = (Values::new(old), Values::new(new));
    let mut judged: Vec<Judged<'_>> = changed.into_iter().map(|one| judge(old, new, &values, one)).collect();
    // What is computed from the end of a list or from a mask is no news beside it; that goes on through a few definitions.
    for _ in 0..4 {
        let found: BTreeMap<&str, Option<&'static Class>> =
            judged.iter().map(|one| (one.one.name, one.class)).collect();
        let learnt: Vec<Option<&'static Class>> = judged.iter().map(|one| follows(one, &found)).collect();
        for (one, class) in judged.iter_mut().zip(learnt) {
            one.class = one.class.or(class);
        }
    }
    let names: BTreeSet<&str> = judged.iter().map(|one| one.one.name).collect();
    let mut runs: BTreeMap<Run, Vec<(usize, Changed<'_>)>> = BTreeMap::new();
    for Judged { one, class, note, made_of, list } in judged {
        match (class, list) {
            (None, Some((list, index))) => {
                let delta = one.new.value.value - one.old.value.value;
                runs.entry((Arc::clone(&one.new.source.file), list, delta)).or_default().push((index, one));
            }
            (class, _) => {
                let class = class.unwrap_or(&constant_changed::CLASS);
                let cause = (class.impact == Impact::Breaking).then(|| cause(&made_of, &names, one.name)).flatten();
                let header = new.header(&one.new.source.file);
                log.add(class, &header, one.name, both(old, new, &one), note.or(cause));
            }
        }
    }
    for ((_, _, delta), mut run) in runs {
        run.sort_by_key(|(index, _)| *index);
        shifted(old, new, delta, &run, log);
    }
}

/// The class that the constant and its definitions show by themselves.
fn judge<'a>(old: &Side<'_>, new: &Side<'_>, values: &(Values<'_>, Values<'_>), one: Changed<'a>) -> Judged<'a> {
    let (before, after) = (old.definitions(&one.old.source.file), new.definitions(&one.new.source.file));
    let ways = (definition(&before, one.name, &one.old.source), definition(&after, one.name, &one.new.source));
    let ioctls = (old.facts.ioctls.get(one.name), new.facts.ioctls.get(one.name));
    let mut judged = Judged { one, class: None, note: None, made_of: Vec::new(), list: None };
    let one = &judged.one;
    if let (Some(before), Some(after)) = ioctls {
        let header = new.header(&one.new.source.file);
        judged.note = request_may_grow(&header, &before.value, &after.value).map(str::to_owned);
        judged.class = Some(if judged.note.is_some() { &ioctl_extended::CLASS } else { &ioctl_changed::CLASS });
        return judged;
    }
    if let (Some(a), Some(b)) = ways {
        let bounds = Bounds { name: one.name, facts: (one.old, one.new), ways: (a, b), definitions: (&before, &after) };
        judged.class = if follows_its_list(values, &bounds) {
            Some(&sentinel_moved::CLASS)
        } else if b.is_counted() {
            // Whatever its name says, it is a member of a list.
            None
        } else if mask_follows_flags(values, &bounds) {
            Some(&mask_changed::CLASS)
        } else if is_version(one.name) && one.new.value.value > one.old.value.value {
            Some(&version_raised::CLASS)
        } else {
            None
        };
        if a.names() == b.names() {
            judged.made_of = a.names().to_vec();
        }
    }
    if let Some(Definition::Enumerator(list, index)) = ways.1 {
        judged.list = Some((list.number, index));
    }
    judged
}

/// The class of what a constant is computed from, if everything in it that changed is the end of a list or a mask.
fn follows(one: &Judged<'_>, found: &BTreeMap<&str, Option<&'static Class>>) -> Option<&'static Class> {
    if one.class.is_some() {
        return None;
    }
    let mut causes =
        one.made_of.iter().filter(|used| *used != one.one.name).filter_map(|used| found.get(used.as_str()));
    let first = (*causes.next()?)?;
    let soft = |class: &Class| *class == sentinel_moved::CLASS || *class == mask_changed::CLASS;
    (soft(first) && causes.all(|class| class.is_some_and(soft))).then_some(first)
}

/// Enumerators that follow each other and moved by the same amount are one difference.
fn shifted(old: &Side<'_>, new: &Side<'_>, delta: i128, run: &[(usize, Changed<'_>)], log: &mut Log) {
    for part in run.chunk_by(|(a, _), (b, _)| a + 1 == *b) {
        let [(_, first), .., (_, last)] = part else {
            if let [(_, one)] = part {
                log.add(
                    &enumerator_changed::CLASS,
                    &new.header(&one.new.source.file),
                    one.name,
                    both(old, new, one),
                    None,
                );
            }
            continue;
        };
        let note = Some(format!("so do the {} after it up to {}: all by {delta:+}", part.len() - 1, last.name));
        log.add(
            &enumerator_changed::CLASS,
            &new.header(&first.new.source.file),
            first.name,
            both(old, new, first),
            note,
        );
    }
}

fn both(old: &Side<'_>, new: &Side<'_>, one: &Changed<'_>) -> (Option<Stated>, Option<Stated>) {
    let stated = |side: &Side<'_>, fact: &Fact<Constant>| {
        let ioctl = side.facts.ioctls.get(one.name).map(|ioctl| format!(" {}", request(&ioctl.value)));
        side.stated(format!("{}{}", fact.value, ioctl.unwrap_or_default()), &fact.source)
    };
    (Some(stated(old, one.old)), Some(stated(new, one.new)))
}

/// Why a constant changed, where it is computed from others that did.
fn cause(used: &[String], changed: &BTreeSet<&str>, name: &str) -> Option<String> {
    let mut causes: Vec<_> = used.iter().filter(|used| *used != name && changed.contains(used.as_str())).collect();
    causes.dedup();
    let causes: Vec<_> = causes.into_iter().map(String::as_str).collect();
    (!causes.is_empty()).then(|| format!("it is computed from {}", causes.join(", ")))
}

/// A device control request as its header would write it.
pub(super) fn request(ioctl: &Ioctl) -> String {
    let word = match (ioctl.reads, ioctl.writes) {
        (false, false) => "_IO",
        (true, false) => "_IOR",
        (false, true) => "_IOW",
        (true, true) => "_IOWR",
    };
    let kind =
        if ioctl.kind.is_ascii_graphic() { format!("'{}'", ioctl.kind as char) } else { format!("{:#x}", ioctl.kind) };
    match &ioctl.argument {
        Some(argument) => format!("{word}({kind}, {:#x}, {argument} of {} bytes)", ioctl.nr, ioctl.size),
        None => format!("{word}({kind}, {:#x}, {} bytes)", ioctl.nr, ioctl.size),
    }
}
