//! Members of the flag sets and enumerations that a call takes.

use super::{Making, Shows, Subject};
use crate::expr::{BinaryOp, Expr, print};
use crate::model::{Member, Set, SetKind, Spec, Syscall};
use crate::resolve::constant_values;
use crate::target::Target;
use crate::types::Type;
use crate::version::{Release, Span};
use std::collections::BTreeSet;

pub(super) fn mutants(making: &mut Making<'_>) {
    for name in of_call(making.spec, making.call) {
        let Some(set) = making.spec.sets.get(name) else { continue };
        for (index, member) in set.members.iter().enumerate() {
            of_member(making, set, index, member);
        }
    }
}

fn of_member(making: &mut Making<'_>, set: &Set, index: usize, member: &Member) {
    let (name, arch) = (&member.name.value, making.arch);
    let prefix = format!("{}.{name}", set.name.value);
    let at = member.name.at;
    let subject = Subject { prefix, at, shows: Shows::Both, span: member.span, clause: None };
    let change = move |spec: &mut Spec, set: &str, change: &dyn Fn(&mut Member)| {
        if let Some(member) = spec.sets.get_mut(set).and_then(|set| set.members.get_mut(index)) {
            change(member);
        }
    };
    // Without a bit of its own its end says nothing. The name keeps its value, so that conditions still mean what they say.
    if set.kind == SetKind::Enum && !member.mask || has_own_bit(making, set, index) {
        let owner = set.name.value.clone();
        making.add(&subject, "dropped", format!("{name}: no member of {} any more", set.name.value), move |spec| {
            change(spec, &owner, &|member| member.span = Span { since: None, until: Some(Release::new(0, 1)) });
        });
    }
    let value = &member.arch.get(&arch).unwrap_or(&member.value).value;
    let new = match (set.kind, value) {
        (_, Expr::Int(0)) => Expr::Int(1),
        (SetKind::Enum, Expr::Int(value)) => Expr::Int(value + 1),
        (_, Expr::Int(value)) => Expr::Int(value << 1),
        (SetKind::Enum, other) => Expr::Binary(BinaryOp::Add, Box::new(other.clone()), Box::new(Expr::Int(1))),
        (SetKind::Flags | SetKind::Bits, other) => {
            Expr::Binary(BinaryOp::Shl, Box::new(other.clone()), Box::new(Expr::Int(1)))
        }
    };
    let owner = set.name.value.clone();
    making.add(
        &subject,
        "value",
        format!("{name} is {}: {} instead", print(value, &[]), print(&new, &[])),
        move |spec| {
            change(spec, &owner, &|member| match member.arch.get_mut(&arch) {
                Some(value) => value.value = new.clone(),
                None => member.value.value = new.clone(),
            });
        },
    );
}

/// Whether a member has a bit that no other one has.
fn has_own_bit(making: &Making<'_>, set: &Set, index: usize) -> bool {
    let values = constant_values(making.spec, &Target::new(making.arch, Release::new(0, 1)));
    let value = |member: &Member| values.get(&member.name.value).copied().unwrap_or(0);
    let others =
        set.members.iter().enumerate().filter(|(at, _)| *at != index).fold(0, |bits, (_, member)| bits | value(member));
    value(&set.members[index]) & !others != 0
}

/// The sets that parameters of a call take, in structs too, with those that they include.
fn of_call<'a>(spec: &'a Spec, call: &'a Syscall) -> BTreeSet<&'a str> {
    let mut sets = BTreeSet::new();
    for_each_type(spec, call, &mut |ty| {
        if let Type::Flags { set, .. } | Type::Enum { set, .. } = ty {
            sets.insert(set.as_str());
        }
    });
    let included: Vec<&str> = sets
        .iter()
        .filter_map(|name| spec.sets.get(*name))
        .flat_map(|set| &set.includes)
        .map(|at| at.value.as_str())
        .collect();
    sets.extend(included);
    sets
}

/// Calls `visit` with every type that the parameters of a call lead to.
pub(super) fn for_each_type<'a>(spec: &'a Spec, call: &'a Syscall, visit: &mut dyn FnMut(&'a Type)) {
    let of_commands = call.commands.iter().flat_map(|command| command.params.iter().map(|(_, param)| param));
    let mut waiting: Vec<&'a Type> = call.params.iter().chain(of_commands).map(|param| &param.ty.value).collect();
    let mut seen: BTreeSet<&'a str> = BTreeSet::new();
    while let Some(ty) = waiting.pop() {
        visit(ty);
        match ty {
            Type::Ptr { to, .. } => waiting.push(to),
            Type::Array { of, .. } => waiting.push(of),
            Type::Struct(name) | Type::Union(name) | Type::Extensible { name, .. } if seen.insert(name) => {
                let fields = spec.structs.get(name).into_iter().flat_map(|found| &found.fields);
                waiting.extend(fields.map(|field| &field.ty.value));
            }
            _ => {}
        }
    }
}
