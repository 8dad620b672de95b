//! System calls of both sides: numbers and parameters.

use super::class::{
    prototype_adjusted, prototype_changed, sentinel_moved, syscall_added, syscall_removed, syscall_renumbered,
};
use super::constants::merged;
use super::difference::Log;
use super::side::Side;
use crate::ctype::canonical;
use crate::facts::{Facts, Parameter, Prototype};

/// Where differences of system calls are listed.
const HEADER: &str = "asm/unistd.h";

/// Compares numbers and prototypes.
pub(super) fn compare(old: &Side<'_>, new: &Side<'_>, log: &mut Log) {
    // A side that knows no numbers at all has not lost them.
    if !old.facts.numbers.is_empty() && !new.facts.numbers.is_empty() {
        numbers(old, new, log);
    }
    prototypes(old, new, log);
}

fn numbers(old: &Side<'_>, new: &Side<'_>, log: &mut Log) {
    for (name, before, after) in merged(&old.facts.numbers, &new.facts.numbers) {
        let was = before.map(|fact| old.stated(format!("number {}", fact.value), &fact.source));
        let is = after.map(|fact| new.stated(format!("number {}", fact.value), &fact.source));
        let (class, note) = match (before, after) {
            (Some(a), Some(b)) => {
                log.compared("system calls", 1);
                if a.value == b.value {
                    continue;
                }
                let counts = is_count(old.facts, name, a.value) && is_count(new.facts, name, b.value);
                if counts { (&sentinel_moved::CLASS, None) } else { (&syscall_renumbered::CLASS, None) }
            }
            (Some(a), None) if is_count(old.facts, name, a.value) => continue,
            (Some(a), None) => {
                let taker = new.facts.numbers.iter().find(|(_, fact)| fact.value == a.value);
                (&syscall_removed::CLASS, taker.map(|(other, _)| format!("its number is that of {other} now")))
            }
            (None, Some(b)) if is_count(new.facts, name, b.value) => continue,
            (None, _) => (&syscall_added::CLASS, None),
        };
        log.add(class, HEADER, name, (was, is), note);
    }
}

/// Whether a name among the numbers is no call: the count, which no number reaches, or the base that a port adds.
fn is_count(facts: &Facts, name: &str, value: u32) -> bool {
    if name == "syscalls" || name.ends_with("_syscalls") {
        return facts.numbers.iter().all(|(other, fact)| fact.value < value || other.ends_with("syscalls"))
            || name.chars().any(|c| c.is_ascii_uppercase());
    }
    name.chars().any(|c| c.is_ascii_uppercase())
}

fn prototypes(old: &Side<'_>, new: &Side<'_>, log: &mut Log) {
    for (name, before, after) in merged(&old.facts.prototypes, &new.facts.prototypes) {
        let (Some(before), Some(after)) = (before, after) else { continue };
        log.compared("prototypes", 1);
        if same(&before.value, &after.value) {
            continue;
        }
        let sides = (
            Some(old.stated(text(&before.value), &before.source)),
            Some(new.stated(text(&after.value), &after.source)),
        );
        let class = if only_adjusted(&before.value, &after.value) {
            &prototype_adjusted::CLASS
        } else {
            &prototype_changed::CLASS
        };
        log.add(class, HEADER, name, sides, None);
    }
}

/// Names of parameters are no part of the ABI.
fn same(old: &Prototype, new: &Prototype) -> bool {
    let alike = |a: &Parameter, b: &Parameter| match (&a.c_type, &b.c_type) {
        (Ok(a), Ok(b)) => canonical(a) == canonical(b),
        _ => true,
    };
    old.params.len() == new.params.len() && old.params.iter().zip(&new.params).all(|(a, b)| alike(a, b))
}

/// Whether every register is read as before: parameters came at the end, or pointers lead elsewhere.
fn only_adjusted(old: &Prototype, new: &Prototype) -> bool {
    let alike = |a: &Parameter, b: &Parameter| match (&a.c_type, &b.c_type) {
        (Ok(a), Ok(b)) => canonical(a) == canonical(b) || a.contains('*') && b.contains('*'),
        _ => true,
    };
    old.params.len() <= new.params.len() && old.params.iter().zip(&new.params).all(|(a, b)| alike(a, b))
}

fn text(prototype: &Prototype) -> String {
    let param = |param: &Parameter| match &param.c_type {
        Ok(c_type) if c_type.ends_with('*') => format!("{c_type}{}", param.name),
        Ok(c_type) => format!("{c_type} {}", param.name),
        Err(_) => param.name.clone(),
    };
    format!("({})", prototype.params.iter().map(param).collect::<Vec<_>>().join(", "))
}
