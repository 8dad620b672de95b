//! Constants of both sides: macros, enumerators, device control requests.

use super::changed::{Changed, changes, request};
use super::class::{
    constant_added, constant_moved, constant_removed, constant_renamed, constant_retyped, enumerator_added,
    ioctl_added, moved_away,
};
use super::definition::Definition;
use super::derived::names_an_end;
use super::difference::Log;
use super::side::{Side, definition, line};
use crate::facts::{Constant, Fact};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Compares all constants.
pub(super) fn compare(old: &Side<'_>, new: &Side<'_>, log: &mut Log) {
    let mut parts = Parts { old, new, log, changed: Vec::new(), removed: Vec::new(), added: Vec::new() };
    parts.pair_all();
    let Parts { changed, removed, added, log, .. } = parts;
    let removed = removals(old, new, removed, &added, log);
    let added: Vec<_> = added.into_iter().filter(|(name, _)| !removed.contains_key(name)).collect();
    changes(old, new, changed, log);
    additions(old, new, &added, log);
}

struct Parts<'a, 'l> {
    old: &'a Side<'a>,
    new: &'a Side<'a>,
    log: &'l mut Log,
    changed: Vec<Changed<'a>>,
    removed: Vec<(&'a str, &'a Fact<Constant>)>,
    added: Vec<(&'a str, &'a Fact<Constant>)>,
}

impl<'a> Parts<'a, '_> {
    fn pair_all(&mut self) {
        let (old, new) = (self.old, self.new);
        for (name, before, after) in merged(&old.facts.constants, &new.facts.constants) {
            self.pair(name, before.map_or(&[], Vec::as_slice), after.map_or(&[], Vec::as_slice));
        }
    }

    /// Pairs the definitions of one name: the same value first, then the same header, then what is left over.
    fn pair(&mut self, name: &'a str, before: &'a [Fact<Constant>], after: &'a [Fact<Constant>]) {
        if let ([one], [other]) = (before, after) {
            return self.both(name, one, other);
        }
        let mut after: Vec<_> = after.iter().collect();
        let mut left = Vec::new();
        for fact in before {
            let header = self.old.header(&fact.source.file);
            let same = |other: &&Fact<Constant>| other.value == fact.value;
            let here = |other: &&Fact<Constant>| self.new.header(&other.source.file) == header;
            let found =
                after.iter().position(|other| same(other) && here(other)).or_else(|| after.iter().position(same));
            match found {
                Some(index) => {
                    let other = after.remove(index);
                    self.both(name, fact, other);
                }
                None => left.push(fact),
            }
        }
        for fact in left {
            let header = self.old.header(&fact.source.file);
            let here = after.iter().position(|other| self.new.header(&other.source.file) == header);
            match here.or(if after.is_empty() { None } else { Some(0) }) {
                Some(index) => {
                    let other = after.remove(index);
                    self.both(name, fact, other);
                }
                None => self.removed.push((name, fact)),
            }
        }
        self.added.extend(after.into_iter().map(|fact| (name, fact)));
    }

    fn both(&mut self, name: &'a str, old: &'a Fact<Constant>, new: &'a Fact<Constant>) {
        // The kernel's own version is meant to differ between two kernels; in a source tree it stands in the makefile.
        if is_version_of_the_kernel(&self.new.header(&new.source.file)) {
            return;
        }
        self.log.compared("constants", 1);
        let (before, after) = (old.value, new.value);
        if before == after {
            return self.moved(name, old, new);
        }
        if same_in_a_register(before, after) {
            let text = |constant: Constant| format!("{constant} as {}", type_name(constant));
            let sides = (self.old.stated(text(before), &old.source), self.new.stated(text(after), &new.source));
            let header = self.new.header(&new.source.file);
            return self.log.add(&constant_retyped::CLASS, &header, name, (Some(sides.0), Some(sides.1)), None);
        }
        self.changed.push(Changed { name, old, new });
    }

    fn moved(&mut self, name: &str, old: &Fact<Constant>, new: &Fact<Constant>) {
        moved(self.old, self.new, name, "constant", (old, new), self.log);
    }
}

/// Notes that a name stands in another header now, if it does.
pub(super) fn moved<T>(
    old: &Side<'_>,
    new: &Side<'_>,
    name: &str,
    what: &str,
    (before, after): (&Fact<T>, &Fact<T>),
    log: &mut Log,
) {
    // Witnesses without headers have nothing to move between.
    if old.facts.headers.is_empty() || new.facts.headers.is_empty() {
        return;
    }
    let (from, to) = (old.header(&before.source.file), new.header(&after.source.file));
    if from == to {
        return;
    }
    let sides = (
        Some(old.stated(format!("a {what} of {from}"), &before.source)),
        Some(new.stated(to.to_string(), &after.source)),
    );
    // Headers below asm-generic are not included by programs; a port's own one took over or the reverse.
    let shown = !new.facts.has_header(&from) || new.facts.shows(&from, &after.source) || from.starts_with("asm");
    let note = shown && new.facts.has_header(&from);
    if shown {
        let note = note.then(|| format!("{from} includes it"));
        log.add(&constant_moved::CLASS, &to, name, sides, note);
    } else {
        log.add(&moved_away::CLASS, &from, name, sides, Some(format!("{from} alone no longer shows it")));
    }
}

/// Pairs two sorted maps in one pass.
pub(super) fn merged<'a, T>(
    old: &'a BTreeMap<String, T>,
    new: &'a BTreeMap<String, T>,
) -> impl Iterator<Item = (&'a str, Option<&'a T>, Option<&'a T>)> {
    let (mut old, mut new) = (old.iter().peekable(), new.iter().peekable());
    std::iter::from_fn(move || {
        let order = match (old.peek(), new.peek()) {
            (None, None) => return None,
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (Some((a, _)), Some((b, _))) => a.cmp(b),
        };
        let before = if order.is_le() { old.next() } else { None };
        let after = if order.is_ge() { new.next() } else { None };
        let name = before.or(after).map(|(name, _)| name.as_str())?;
        Some((name, before.map(|(_, value)| value), after.map(|(_, value)| value)))
    })
}

/// Reports what is gone; returns the new names of what was only renamed.
fn removals<'a>(
    old: &Side<'_>,
    new: &Side<'_>,
    removed: Vec<(&'a str, &'a Fact<Constant>)>,
    added: &[(&'a str, &'a Fact<Constant>)],
    log: &mut Log,
) -> BTreeMap<&'a str, ()> {
    let silences = new.silences();
    let names: BTreeMap<&str, &Fact<Constant>> = added.iter().copied().collect();
    let mut taken = BTreeMap::new();
    for (name, fact) in removed {
        let header = old.header(&fact.source.file);
        if let Some(reason) = silences.get(name) {
            log.silent(name, format!("the new side cannot be computed: {reason}"));
            continue;
        }
        let definitions = old.definitions(&fact.source.file);
        if definitions.is_guard(name) || !new.has_header(&header) && old.facts.has_header(&header) {
            continue;
        }
        let before = old.stated(fact.value.to_string(), &fact.source);
        let place = line(&fact.source);
        let new_name = definitions.neighbours(name, place).into_iter().flatten().find_map(|beside| {
            renamed(new, &header, &names, (name, fact), beside, &definitions.neighbours(name, place))
        });
        if let Some((new_name, other)) = new_name.filter(|(new_name, _)| !taken.contains_key(new_name)) {
            let after = new.stated(other.value.to_string(), &other.source);
            taken.insert(new_name, ());
            let note = Some(format!("it is called {new_name} now"));
            log.add(&constant_renamed::CLASS, &header, name, (Some(before), Some(after)), note);
            continue;
        }
        let still = new.file_of(&header).map(|file| new.definitions(&file)).filter(|definitions| definitions.has(name));
        // What only lacks a name that programs include from elsewhere has not changed.
        if still.as_ref().is_some_and(|now| now.writes_alike(&definitions, name)) {
            log.silent(
                name,
                format!("{header} still defines it as before, but no header of the new side can compute it"),
            );
            continue;
        }
        let note = still.map(|_| "the header names it still, but not as an integer constant of this port".to_owned());
        log.add(&constant_removed::CLASS, &header, name, (Some(before), None), note);
    }
    taken
}

/// The new name of a constant that is gone: one that was added beside the same neighbour with the same value.
fn renamed<'a>(
    new: &Side<'_>,
    header: &Arc<str>,
    added: &BTreeMap<&'a str, &'a Fact<Constant>>,
    (name, fact): (&str, &Fact<Constant>),
    beside: &str,
    neighbours: &[Option<&str>; 2],
) -> Option<(&'a str, &'a Fact<Constant>)> {
    let file = new.file_of(header)?;
    let definitions = new.definitions(&file);
    let around = definitions.neighbours(beside, None);
    let before = neighbours[1] == Some(beside);
    let candidate = if before { around[0] } else { around[1] }?;
    let (candidate, other) = added.get_key_value(candidate)?;
    let first_word = |name: &str| name.trim_start_matches('_').split('_').next().unwrap_or_default().to_owned();
    let alike = first_word(name) == first_word(candidate) && names_an_end(name) == names_an_end(candidate);
    (alike && other.value.value == fact.value.value).then_some((*candidate, *other))
}

/// Whether two constants are the same to whoever reads them from a register: the same value, the same bits of one width, or
/// a negative number written with the sign in its upper half.
fn same_in_a_register(old: Constant, new: Constant) -> bool {
    let wide = |constant: Constant| constant.value as u64;
    old.value == new.value || old.bits == new.bits && old.same_bits(new.value) || wide(old) == wide(new)
}

fn additions(old: &Side<'_>, new: &Side<'_>, added: &[(&str, &Fact<Constant>)], log: &mut Log) {
    let silences = old.silences();
    for (name, fact) in added {
        let header = new.header(&fact.source.file);
        if is_version_of_the_kernel(&header) || new.facts.has_header(&header) && !old.has_header(&header) {
            continue;
        }
        if let Some(reason) = silences.get(name) {
            log.silent(name, format!("the old side cannot be computed: {reason}"));
            continue;
        }
        let definitions = new.definitions(&fact.source.file);
        if definitions.is_guard(name) {
            continue;
        }
        let ioctl = new.facts.ioctls.get(*name);
        let class = match (ioctl, definition(&definitions, name, &fact.source)) {
            (Some(_), _) => &ioctl_added::CLASS,
            (None, Some(Definition::Enumerator(..))) => &enumerator_added::CLASS,
            (None, _) => &constant_added::CLASS,
        };
        let text =
            ioctl.map_or_else(|| fact.value.to_string(), |ioctl| format!("{} {}", fact.value, request(&ioctl.value)));
        log.add(class, &header, *name, (None, Some(new.stated(text, &fact.source))), None);
    }
}

fn type_name(constant: Constant) -> String {
    format!("{}{} bit", if constant.signed { "signed " } else { "unsigned " }, constant.bits)
}

/// Whether the constants of a header tell the release of the kernel and nothing about its ABI.
fn is_version_of_the_kernel(header: &str) -> bool {
    matches!(header, "linux/version.h" | "Makefile")
}
