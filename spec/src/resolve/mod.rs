//! From a specification to one kernel: names get numbers, memory gets addresses, and what the target lacks goes.

mod call;
mod expr;
mod implied;
mod law;

pub(crate) use call::{effect_name, for_each_expr};
pub(crate) use implied::{INTERRUPTED, permitted};

use crate::arch::DataModel;
use crate::errno::Errno;
use crate::expr::{Expr, language_constant};
use crate::model::{SetKind, Spec, Struct};
use crate::target::{Resolved, ResolvedField, ResolvedMember, ResolvedSet, ResolvedStruct, Shape, Target};
use crate::types::{Count, IntType, Type};
use std::collections::BTreeMap;

/// Resolves a specification for a target. What the target does not have is left out.
pub fn resolve(spec: &Spec, target: &Target) -> Resolved {
    let constants = constant_values(spec, target);
    let sets = sets(spec, target, &constants);
    let structs = structs(spec, target);
    let mut resolved = Resolved {
        target: target.clone(),
        calls: Vec::new(),
        clauses: Vec::new(),
        constants,
        sets,
        structs,
        laws: Vec::new(),
    };
    for syscall in spec.syscalls.values().filter(|call| call.span.contains(target.release)) {
        if let Some(call) = call::resolve(spec, syscall, &mut resolved) {
            resolved.calls.push(call);
        }
    }
    for found in spec.laws.values().filter(|law| law.span.contains(target.release)) {
        if let Some(law) = law::resolve(spec, found, &mut resolved) {
            resolved.laws.push(law);
        }
    }
    resolved
}

/// Resolves one call of a specification in the place of all that `resolved` has of calls and laws. Constants, sets and structs stay as
/// they are there: for a call that alone has changed, this is a fraction of resolving all.
pub fn resolve_call(spec: &Spec, name: &str, resolved: &mut Resolved) {
    resolved.calls.clear();
    resolved.laws.clear();
    resolved.clauses.clear();
    let release = resolved.target.release;
    let found = spec.syscalls.get(name).filter(|call| call.span.contains(release));
    if let Some(call) = found.and_then(|syscall| call::resolve(spec, syscall, resolved)) {
        resolved.calls.push(call);
    }
}

/// Values of all constants on a target, whatever its release: a constant keeps its value when a kernel lacks it.
pub(crate) fn constant_values(spec: &Spec, target: &Target) -> BTreeMap<String, i128> {
    let (model, caller) = (target.arch.data_model(), target.caller.data_model());
    let mut values: BTreeMap<String, i128> = crate::expr::LANGUAGE_CONSTANTS
        .iter()
        .filter_map(|name| {
            let value = language_constant(name, model, caller, target.page_size, target.task_size())?;
            Some(((*name).to_owned(), value))
        })
        .collect();
    for errno in Errno::all() {
        values.insert(errno.name().to_owned(), i128::from(errno.number(target.arch)));
    }
    // Members may be defined by other members, in any order: repeat until nothing new is learnt.
    loop {
        let mut learnt = false;
        for member in spec.sets.values().flat_map(|set| &set.members) {
            if values.contains_key(&member.name.value) {
                continue;
            }
            let source = member.arch.get(&target.arch).unwrap_or(&member.value);
            if let Some(value) = constant(&source.value, &values) {
                values.insert(member.name.value.clone(), value);
                learnt = true;
            }
        }
        if !learnt {
            return values;
        }
    }
}

/// The value of a constant expression; `None` while a constant of it has no value.
pub(crate) fn constant(expr: &Expr, values: &BTreeMap<String, i128>) -> Option<i128> {
    match expr::fold(expr::name_values(expr, values)?) {
        Expr::Int(value) => Some(value),
        _ => None,
    }
}

fn sets(spec: &Spec, target: &Target, constants: &BTreeMap<String, i128>) -> BTreeMap<String, ResolvedSet> {
    let mut found = BTreeMap::new();
    for set in spec.sets.values() {
        let included = set.includes.iter().filter_map(|name| spec.sets.get(&name.value)).flat_map(|set| &set.members);
        let mut resolved = ResolvedSet { exclusive: set.kind == SetKind::Enum, ..ResolvedSet::default() };
        for member in set.members.iter().chain(included) {
            if !member.span.contains(target.release) {
                continue;
            }
            if let Some(value) = constants.get(&member.name.value) {
                // What a mask says by names, its members say themselves, each for its own releases.
                let in_words = member.mask && constant(&member.value.value, &BTreeMap::new()).is_none();
                if !in_words {
                    resolved.known |= value;
                }
                let name = member.name.value.clone();
                resolved.members.push(ResolvedMember { name, value: *value, mask: member.mask });
            }
        }
        found.insert(set.name.value.clone(), resolved);
    }
    found
}

fn structs(spec: &Spec, target: &Target) -> BTreeMap<String, ResolvedStruct> {
    let model = target.arch.data_model();
    let shape = |found: &Struct| ResolvedStruct {
        name: found.name.value.clone(),
        size: found.size.on(model),
        align: found.align.on(model),
        versions: found
            .versions
            .iter()
            .filter(|(_, since)| *since <= target.release.base())
            .map(|(size, _)| *size)
            .collect(),
        fields: found
            .fields
            .iter()
            .filter(|field| field.span.contains(target.release))
            .map(|field| ResolvedField {
                name: field.name.value.clone(),
                offset: field.offset.on(model),
                shape: shape(spec, &field.ty.value, model),
                unknown: field.unknown.as_ref().map(|unknown| unknown.value),
            })
            .collect(),
        foreign: !found.ports.is_empty() && !found.ports.contains(&target.arch),
    };
    spec.structs.iter().map(|(name, found)| (name.clone(), shape(found))).collect()
}

/// A type with its size and sign.
pub(crate) fn shape(spec: &Spec, ty: &Type, model: DataModel) -> Shape {
    let signed = match ty {
        Type::Int { int, .. } => int.signed(),
        Type::Flags { width, .. } | Type::Enum { width, .. } => width.is_some_and(IntType::signed),
        Type::Resource(name) => resource_int(spec, name).is_some_and(IntType::signed),
        Type::Const(value) => *value < 0,
        Type::Offset | Type::Signal => true,
        _ => false,
    };
    Shape { size: size_of(spec, ty, model).unwrap_or(0), ty: ty.clone(), signed }
}

/// Bytes of a type; `None` where a parameter decides.
pub(crate) fn size_of(spec: &Spec, ty: &Type, model: DataModel) -> Option<u32> {
    let word = model.word();
    Some(match ty {
        Type::Int { int, .. } => int.bytes(word),
        Type::Flags { width, .. } | Type::Enum { width, .. } => width.map_or(4, |int| int.bytes(word)),
        Type::Resource(name) => resource_int(spec, name).map_or(4, |int| int.bytes(word)),
        Type::Array { of, count: Count::Number(n) } => {
            size_of(spec, of, model)?.checked_mul(u32::try_from(*n).ok()?)?
        }
        Type::Array { .. } => return None,
        Type::Struct(name) | Type::Union(name) | Type::Extensible { name, .. } => {
            spec.structs.get(name)?.size.on(model)
        }
        Type::Const(_) | Type::Bool | Type::Mode | Type::Signal => 4,
        Type::Offset => 8,
        Type::Ptr { wide: true, .. } => 8,
        Type::Ptr { .. } | Type::Buffer { .. } | Type::Text { .. } | Type::Path { .. } => word,
        Type::Len(_) | Type::Bytesize(_) | Type::Size | Type::Vma | Type::Addr => word,
        Type::Unused | Type::ByCommand | Type::Zero | Type::Never => word,
    })
}

/// How a resource is passed: its own base type or that of its ancestors.
pub(crate) fn resource_int(spec: &Spec, name: &str) -> Option<IntType> {
    let mut name = name;
    for _ in 0..16 {
        let resource = spec.resources.get(name)?;
        match (&resource.base, &resource.parent) {
            (Some(base), _) => return Some(*base),
            (None, Some(parent)) => name = parent,
            (None, None) => return None,
        }
    }
    None
}
