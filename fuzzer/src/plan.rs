//! What lowering asks of the specification for every call of every program, worked out once for a whole run.

use crate::ask::Asks;
use crate::setup::{Footprint, footprint};
use abispec::expr::Expr;
use abispec::model::{Changed, Effect, Unknown};
use abispec::target::{Call, ClauseId, Resolved, ResolvedEffect, ResolvedParam, Variant};
use abispec::types::{Direction, Type};

/// Plans of all calls, by their index.
#[derive(Clone, Debug)]
pub struct Plans {
    calls: Vec<CallPlan>,
    /// Whether each is under test; the others only make what those need.
    tested: Vec<bool>,
}

/// What is worked out of a call.
#[derive(Clone, Debug)]
pub struct CallPlan {
    /// What it may leave changed.
    pub footprint: Footprint,
    /// By variant.
    pub variants: Vec<VariantPlan>,
}

/// What is worked out of a variant.
#[derive(Clone, Debug)]
pub struct VariantPlan {
    /// What is asked after a success.
    pub asks: Asks,
    /// What it does to the descriptor table.
    pub reach: Reach,
    /// Parameters with the length of what it maps at an address that the kernel chooses.
    pub maps: Vec<u8>,
    /// Pointer parameters that memory is written through.
    pub written: Vec<WrittenParam>,
    /// Parameters whose undefined bits do nothing.
    pub ignored: Vec<IgnoredBits>,
    /// Some effect may have happened although the call failed.
    pub may_half_happen: bool,
    /// Parameters whose numbers decide nothing about how the call is lowered: with others, only the registers differ.
    pub free: Vec<u8>,
    /// Parameters, a bit for each, that take two registers.
    pub wide: u8,
}

/// A pointer parameter that memory is written through.
#[derive(Clone, Copy, Debug)]
pub struct WrittenParam {
    /// Its position.
    pub param: u8,
    /// It leads to structs whose own pointers are written through.
    pub linked: bool,
}

/// Bits that a parameter ignores.
#[derive(Clone, Copy, Debug)]
pub struct IgnoredBits {
    /// The position of the parameter.
    pub param: u8,
    /// The bits that mean something.
    pub known: i128,
    /// The clause that says so.
    pub clause: ClauseId,
}

/// Which descriptor numbers a call, or a whole program, can come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// Descriptors that it opens at most; each takes the lowest free number.
    pub opens: i32,
    /// It can open a number of its own choice.
    pub chooses: bool,
    /// It can change a descriptor that was open before.
    pub changes: bool,
}

impl Reach {
    /// What both together can come to.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            opens: self.opens + other.opens,
            chooses: self.chooses || other.chooses,
            changes: self.changes || other.changes,
        }
    }
}

impl Plans {
    /// Plans for a specification, all of whose calls are under test.
    pub fn of(resolved: &Resolved) -> Self {
        Self::for_some(resolved, &|_| true)
    }

    /// Plans for a specification of which the calls that `wanted` picks are under test.
    pub fn for_some(resolved: &Resolved, wanted: &dyn Fn(&Call) -> bool) -> Self {
        Self {
            calls: resolved.calls.iter().map(|call| of_call(resolved, call)).collect(),
            tested: resolved.calls.iter().map(wanted).collect(),
        }
    }

    /// Whether a call is under test.
    pub fn is_under_test(&self, index: usize) -> bool {
        self.tested.get(index).copied().unwrap_or(false)
    }

    /// The plan of a call.
    pub fn call(&self, index: usize) -> &CallPlan {
        &self.calls[index]
    }

    /// What a call may leave changed.
    pub fn footprint(&self, index: usize) -> Footprint {
        self.calls.get(index).map_or_else(Footprint::default, |plan| plan.footprint)
    }
}

fn of_call(resolved: &Resolved, call: &Call) -> CallPlan {
    let variants = call.variants.iter().map(|variant| of_variant(resolved, call.select, variant)).collect();
    CallPlan { footprint: footprint(call), variants }
}

fn of_variant(resolved: &Resolved, select: Option<u8>, variant: &Variant) -> VariantPlan {
    let (asks, maps) = (Asks::of(variant), maps(variant));
    VariantPlan {
        free: free(select, variant, &asks, &maps),
        asks,
        reach: reach(variant),
        maps,
        written: written(resolved, variant),
        ignored: ignored(resolved, variant),
        may_half_happen: may_half_happen(variant),
        wide: wide(resolved, variant),
    }
}

fn reach(variant: &Variant) -> Reach {
    let mut reach = Reach::default();
    for rule in &variant.effects {
        match &rule.effect.effect {
            Effect::Opens { .. } => reach.opens += 1,
            Effect::Duplicates { .. } => {
                reach.opens += 1;
                reach.changes = true;
                // What is told nothing but the descriptor cannot choose the number of its copy.
                reach.chooses |= variant.params.len() > 1;
            }
            Effect::Closes { .. } | Effect::SetsCloexec { .. } | Effect::SetsStatus { .. } => reach.changes = true,
            _ => {}
        }
    }
    reach
}

fn maps(variant: &Variant) -> Vec<u8> {
    let length = |rule: &ResolvedEffect| match &rule.effect.effect {
        Effect::Maps { addr: Expr::Ret, len: Expr::Param(index), .. } => Some(*index),
        _ => None,
    };
    variant.effects.iter().filter_map(length).collect()
}

fn free(select: Option<u8>, variant: &Variant, asks: &Asks, maps: &[u8]) -> Vec<u8> {
    let plain = |ty: &Type| ty.pointer().is_none() && !matches!(ty, Type::Resource(_) | Type::Vma | Type::Addr);
    let free = |(position, param): (u8, &ResolvedParam)| {
        let fixed = select == Some(position) || maps.contains(&position) || asks.depend_on(position);
        (plain(&param.ty) && !fixed).then_some(position)
    };
    (0..).zip(&variant.params).filter_map(free).collect()
}

fn written(resolved: &Resolved, variant: &Variant) -> Vec<WrittenParam> {
    let written = |(position, param): (u8, &ResolvedParam)| {
        let memory = param.memory.as_ref()?;
        let linked = points_to_written(&param.ty, resolved);
        (memory.direction.writes() || linked).then_some(WrittenParam { param: position, linked })
    };
    (0..).zip(&variant.params).filter_map(written).collect()
}

/// Whether a pointer leads to structs whose own pointers are written through.
fn points_to_written(ty: &Type, resolved: &Resolved) -> bool {
    let Type::Ptr { to, .. } = ty else { return false };
    let inner = match &**to {
        Type::Array { of, .. } => of,
        other => other,
    };
    let (Type::Struct(name) | Type::Extensible { name, .. }) = inner else { return false };
    resolved.structs.get(name).is_some_and(|found| {
        found.fields.iter().any(|field| {
            matches!(
                field.shape.ty,
                Type::Ptr { direction: Direction::Out | Direction::InOut, .. }
                    | Type::Buffer { direction: Direction::Out | Direction::InOut, .. }
            )
        })
    })
}

fn ignored(resolved: &Resolved, variant: &Variant) -> Vec<IgnoredBits> {
    let ignored = |(position, param): (u8, &ResolvedParam)| {
        let (Some(Unknown::Ignored), Some(clause)) = (param.unknown, param.ignored_clause) else { return None };
        let (Type::Flags { set, .. } | Type::Enum { set, .. }) = &param.ty else { return None };
        let known = resolved.sets.get(set)?.known;
        Some(IgnoredBits { param: position, known, clause })
    };
    (0..).zip(&variant.params).filter_map(ignored).collect()
}

fn wide(resolved: &Resolved, variant: &Variant) -> u8 {
    let word = resolved.target.arch.data_model().word();
    let wide = |(position, param): (usize, &ResolvedParam)| u8::from(param.int.bytes(word) > word) << position;
    variant.params.iter().enumerate().map(wide).fold(0, |sum, bit| sum | bit)
}

fn may_half_happen(variant: &Variant) -> bool {
    let writes =
        |effect: &Effect| matches!(effect, Effect::SetsSize { .. } | Effect::Changes { what: Changed::Contents });
    variant.effects.iter().any(|rule| !rule.effect.on.is_empty() || writes(&rule.effect.effect))
}
