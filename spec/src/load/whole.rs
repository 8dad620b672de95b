//! What only the whole specification shows: names that disagree, layouts that overlap, promises that nobody can keep.

use super::reader::Log;
use crate::arch::{Arch, DataModel};
use crate::expr::{Expr, LANGUAGE_CONSTANTS, Word};
use crate::model::{Contract, ErrorRule, Param, Spec, Struct, Syscall};
use crate::place::Place;
use crate::target::Target;
use crate::types::{Count, Type};
use crate::version::{Release, Span};
use std::collections::BTreeMap;

pub(super) fn check(log: &Log<'_>, spec: &Spec) {
    constants(log, spec);
    spec.structs.values().for_each(|found| layout(log, spec, found));
    numbers(log, spec);
    spec.syscalls.values().for_each(|call| syscall(log, call));
}

/// A constant has one value, whatever set lists it.
fn constants(log: &Log<'_>, spec: &Spec) {
    let target = Target::new(Arch::X86_64, Release::new(999, 0));
    let values = crate::resolve::constant_values(spec, &target);
    let mut seen: BTreeMap<&str, (i128, Place)> = BTreeMap::new();
    for set in spec.sets.values() {
        for member in &set.members {
            let name = member.name.value.as_str();
            if LANGUAGE_CONSTANTS.contains(&name) || Word::from_name(name).is_some() {
                log.report(
                    "reserved-name",
                    member.name.at,
                    format!("`{name}` has a meaning in the language already"),
                    None,
                );
            }
            let Some(value) = crate::resolve::constant(&member.value.value, &values) else {
                let message = format!("the value of {name} depends on itself or on a constant without a value");
                log.report("bad-value", member.value.at, message, None);
                continue;
            };
            match seen.get(name) {
                Some((other, at)) if *other != value => {
                    let place = log.files[at.file.0 as usize].place(*at);
                    let message = format!("{name} is {value:#x} here and {other:#x} at {place}");
                    log.report("value-conflict", member.value.at, message, None);
                }
                Some(_) => {}
                None => {
                    seen.insert(name, (value, member.name.at));
                }
            }
        }
    }
}

fn layout(log: &Log<'_>, spec: &Spec, found: &Struct) {
    // A struct whose numbers could not be read has been reported; its layout stands at its name.
    if found.size.at == found.name.at {
        return;
    }
    for model in [DataModel::Lp64, DataModel::Ilp32] {
        let size = found.size.on(model);
        let align = found.align.on(model);
        if align == 0 || !align.is_power_of_two() || !size.is_multiple_of(align) {
            let message = format!("alignment {align} does not fit the size {size} of `{}`", found.name.value);
            log.report("bad-layout", found.align.at, message, None);
            return;
        }
        let mut end = 0;
        for field in &found.fields {
            let Some(bytes) = crate::resolve::size_of(spec, &field.ty.value, model) else { continue };
            let offset = u64::from(field.offset.on(model));
            let next = offset + u64::from(bytes);
            if !found.union && found.view.is_none() && offset < end {
                let message =
                    format!("`{}` at {offset} overlaps the field before it, which ends at {end}", field.name.value);
                log.report("bad-layout", field.offset.at, message, None);
                return;
            }
            if next > u64::from(size) {
                let message = format!("`{}` ends at {next}, beyond the size {size}", field.name.value);
                log.report("bad-layout", field.offset.at, message, None);
                return;
            }
            end = next;
        }
    }
    if let Some((last, _)) = found.versions.last()
        && *last != found.size.value.lp64
    {
        let message = format!("the newest version has {last} bytes, the struct {}", found.size.value.lp64);
        log.report("bad-layout", found.size.at, message, None);
    }
}

/// One number names one call on a port.
fn numbers(log: &Log<'_>, spec: &Spec) {
    let mut seen: BTreeMap<(&str, u32), &str> = BTreeMap::new();
    for call in spec.syscalls.values() {
        for (port, number) in &call.nr {
            if let Some(other) = seen.insert((port, number.value), &call.name.value) {
                let message = format!("{} on {port} is already the number of {other}", number.value);
                log.report("duplicate-number", number.at, message, None);
            }
        }
    }
}

fn syscall(log: &Log<'_>, call: &Syscall) {
    for param in &call.params {
        shadowing(log, param);
        by_command(log, call, param);
        counted(log, call, param);
    }
    contract(log, call.span, &call.contract);
    for command in &call.commands {
        contract(log, command.span, &command.contract);
        if command.contract.returns.is_none() && call.contract.returns.is_none() {
            log.report(
                "missing-key",
                command.names[0].at,
                "neither the command nor the call says what it returns",
                None,
            );
        }
    }
}

fn shadowing(log: &Log<'_>, param: &Param) {
    let name = param.name.value.as_str();
    if matches!(name, "ret" | "true" | "false" | "old") || LANGUAGE_CONSTANTS.contains(&name) {
        log.report("reserved-name", param.name.at, format!("`{name}` has a meaning in conditions"), None);
    }
}

fn by_command(log: &Log<'_>, call: &Syscall, param: &Param) {
    if param.ty.value == Type::ByCommand && call.select.is_none() {
        let message = format!("`{}` is stated by each command, but the call has no `select`", param.name.value);
        log.report("bad-type", param.ty.at, message, None);
    }
}

/// A count is a number, not a pointer.
fn counted(log: &Log<'_>, call: &Syscall, param: &Param) {
    let count = match &param.ty.value {
        Type::Buffer { count: Count::Param(index), .. } => Some(*index),
        Type::Ptr { to, .. } => match &**to {
            Type::Array { count: Count::Param(index), .. } => Some(*index),
            Type::Extensible { size, .. } => Some(*size),
            _ => None,
        },
        _ => None,
    };
    if let Some(other) = count.and_then(|index| call.params.get(usize::from(index)))
        && other.ty.value.pointer().is_some()
    {
        let message = format!("`{}` counts `{}`, but is a pointer", other.name.value, param.name.value);
        log.report("bad-count", param.ty.at, message, None);
    }
}

fn contract(log: &Log<'_>, outer: Span, contract: &Contract) {
    for rule in &contract.errors {
        outside(log, outer, rule.span, rule.errno.at);
    }
    for (index, rule) in contract.errors.iter().enumerate() {
        let same = |other: &ErrorRule| {
            other.errno.value == rule.errno.value
                && other.condition.value == rule.condition.value
                && other.span == rule.span
        };
        if contract.errors[..index].iter().any(same) {
            log.report("duplicate-rule", rule.errno.at, format!("{} has this rule twice", rule.errno.value), None);
        }
    }
    for ensure in &contract.ensures {
        outside(log, outer, ensure.span, ensure.that.at);
        if matches!(ensure.that.value, Expr::Bool(_)) {
            log.report("vacuous-rule", ensure.that.at, "this condition does not depend on the call", None);
        }
    }
    for effect in &contract.effects {
        outside(log, outer, effect.span, effect.at);
    }
}

/// A clause that ends before its call began is never true of any kernel.
fn outside(log: &Log<'_>, outer: Span, inner: Span, at: Place) {
    if let (Some(begin), Some(end)) = (outer.since, inner.until)
        && end < begin
    {
        log.report("empty-span", at, format!("until {end} lies before the call's own since {begin}"), None);
    }
}
