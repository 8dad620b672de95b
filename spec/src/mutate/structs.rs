//! Layouts of the structs that a call takes.

use super::params::policies;
use super::sets::for_each_type;
use super::{Making, Shows, Subject};
use crate::model::{Field, PerModel, Spec, Struct};
use crate::types::{IntType, Type, print};
use std::collections::BTreeSet;

pub(super) fn mutants(making: &mut Making<'_>) {
    let mut names = BTreeSet::new();
    for_each_type(making.spec, making.call, &mut |ty| {
        if let Type::Struct(name) | Type::Union(name) | Type::Extensible { name, .. } = ty {
            names.insert(name.as_str());
        }
    });
    for name in names {
        if let Some(found) = making.spec.structs.get(name) {
            of_struct(making, name, found);
        }
    }
}

fn more(number: PerModel, by: u32) -> PerModel {
    PerModel { lp64: number.lp64 + by, ilp32: number.ilp32 + by }
}

fn add(
    making: &mut Making<'_>,
    subject: &Subject,
    name: &str,
    what: &str,
    change: String,
    apply: impl Fn(&mut Struct) + Send + Sync + 'static,
) {
    let name = name.to_owned();
    making.add(subject, what, change, move |spec: &mut Spec| {
        if let Some(found) = spec.structs.get_mut(&name) {
            apply(found);
        }
    });
}

fn of_struct(making: &mut Making<'_>, name: &str, found: &Struct) {
    // A view has the size of what it is a view of.
    if found.view.is_none() {
        of_whole(making, name, found);
    }
    for (index, field) in found.fields.iter().enumerate() {
        of_field(making, name, found, index, field);
    }
}

fn of_whole(making: &mut Making<'_>, name: &str, found: &Struct) {
    let model = making.arch.data_model();
    let subject =
        |prefix: String, at| Subject { prefix, at, shows: Shows::Both, span: Default::default(), clause: None };
    let whole = subject(name.to_owned(), found.size.at);
    let size = found.size.value.on(model);
    add(making, &whole, name, "size", format!("{name}: {} bytes instead of {size}", size + 8), |found| {
        found.size.value = more(found.size.value, 8);
    });
    let whole = subject(name.to_owned(), found.align.at);
    let align = found.align.value.on(model);
    add(making, &whole, name, "align", format!("{name}: aligned to {} instead of {align}", align + 8), |found| {
        found.align.value = more(found.align.value, 8);
    });
    for (index, (size, _)) in found.versions.iter().enumerate() {
        let whole = Subject { shows: Shows::Calls, ..subject(name.to_owned(), found.name.at) };
        let change = format!("{name}: published with {} bytes instead of {size}", size + 8);
        add(making, &whole, name, &format!("versions.{index}"), change, move |found| {
            if let Some((size, _)) = found.versions.get_mut(index) {
                *size += 8;
            }
        });
    }
}

fn of_field(making: &mut Making<'_>, name: &str, found: &Struct, index: usize, field: &Field) {
    let model = making.arch.data_model();
    let own = format!("{name}.{}", field.name.value);
    let subject = |at, shows| Subject { prefix: own.clone(), at, shows, span: field.span, clause: None };
    let mut change = |subject: &Subject, what: &str, text: String, apply: Box<dyn Fn(&mut Field) + Send + Sync>| {
        add(making, subject, name, what, text, move |found| {
            if let Some(field) = found.fields.get_mut(index) {
                apply(field);
            }
        });
    };
    if !found.union {
        let offset = field.offset.value.on(model);
        let text = format!("{own}: at byte {} instead of {offset}", offset + 4);
        let apply = Box::new(|field: &mut Field| field.offset.value = more(field.offset.value, 4));
        change(&subject(field.offset.at, Shows::Both), "offset", text, apply);
    }
    if let Some(ty) = resized(&field.ty.value) {
        let text = format!("{own}, type {}: {} instead", print(&field.ty.value, &[]), print(&ty, &[]));
        let apply = Box::new(move |field: &mut Field| field.ty.value = ty.clone());
        change(&subject(field.ty.at, Shows::Both), "type", text, apply);
    }
    if let Some(unknown) = &field.unknown {
        for (id, other, text) in policies(unknown.value) {
            let apply = Box::new(move |field: &mut Field| {
                if let Some(unknown) = &mut field.unknown {
                    unknown.value = other;
                }
            });
            change(&subject(unknown.at, Shows::Calls), id, format!("{own}, unknown: {text}"), apply);
        }
    }
}

/// The type with half or twice the bytes.
fn resized(ty: &Type) -> Option<Type> {
    let other = |int: IntType| {
        let IntType::Fixed { bits, signed } = int else { return IntType::Fixed { bits: 16, signed: int.signed() } };
        IntType::Fixed { bits: if bits == 64 { 32 } else { bits * 2 }, signed }
    };
    Some(match ty {
        Type::Int { int, range } => Type::Int { int: other(*int), range: range.clone() },
        Type::Flags { set, width: Some(width) } => Type::Flags { set: set.clone(), width: Some(other(*width)) },
        Type::Enum { set, width: Some(width) } => Type::Enum { set: set.clone(), width: Some(other(*width)) },
        _ => return None,
    })
}
