//! What lowering asks of the specification for every call of every program, worked out once for a whole run.

use crate::setup::{Footprint, footprint};
use abispec::expr::{BinaryOp, Expr};
use abispec::model::{Changed, Effect, Unknown};
use abispec::target::{Call, ClauseId, Resolved, ResolvedEffect, ResolvedParam, Variant};
use abispec::types::{Direction, Type};

/// Plans of all calls, by their index.
#[derive(Clone, Debug)]
pub struct Plans(Vec<CallPlan>);

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
    /// Descriptors that its effects touch.
    pub touched: Vec<Touched>,
    /// Names that its effects make or take away.
    pub names: Vec<AskedName>,
    /// Whether it says something about the file that it opens.
    pub asks_for_file: bool,
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

/// A descriptor that an effect touches, as far as the specification alone says which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Touched {
    /// What the call returns.
    Ret,
    /// An argument.
    Param(u8),
    /// A 32-bit integer this many bytes behind a pointer argument.
    Behind(u8, u64),
}

/// A name that can be asked for after a success.
#[derive(Clone, Copy, Debug)]
pub struct AskedName {
    /// The parameter that holds it.
    pub param: u8,
    /// The parameter with the directory it starts from; `None` is the working directory.
    pub base: Option<u8>,
    /// The flags of `faccessat2`.
    pub flags: i32,
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
    /// Plans for a specification.
    pub fn of(resolved: &Resolved) -> Self {
        Self(resolved.calls.iter().map(|call| of_call(resolved, call)).collect())
    }

    /// The plan of a call.
    pub fn call(&self, index: usize) -> &CallPlan {
        &self.0[index]
    }

    /// What a call may leave changed.
    pub fn footprint(&self, index: usize) -> Footprint {
        self.0.get(index).map_or_else(Footprint::default, |plan| plan.footprint)
    }
}

fn of_call(resolved: &Resolved, call: &Call) -> CallPlan {
    let variants = call.variants.iter().map(|variant| of_variant(resolved, variant)).collect();
    CallPlan { footprint: footprint(call), variants }
}

fn of_variant(resolved: &Resolved, variant: &Variant) -> VariantPlan {
    VariantPlan {
        touched: touched(variant),
        names: names(variant),
        asks_for_file: asks_for_file(variant),
        reach: reach(variant),
        maps: maps(variant),
        written: written(resolved, variant),
        ignored: ignored(resolved, variant),
        may_half_happen: may_half_happen(variant),
    }
}

fn touched(variant: &Variant) -> Vec<Touched> {
    let mut found = Vec::new();
    for rule in &variant.effects {
        let fd = match &rule.effect.effect {
            Effect::Opens { fd, .. } | Effect::SetsStatus { fd, .. } | Effect::SetsOffset { fd, .. } => Some(fd),
            Effect::SetsCloexec { fd, .. } | Effect::Closes { fd, .. } => fd.as_ref(),
            Effect::Duplicates { to, .. } => Some(to),
            _ => None,
        };
        let touched = match fd {
            Some(Expr::Ret) => Some(Touched::Ret),
            Some(Expr::Param(index)) => Some(Touched::Param(*index)),
            Some(Expr::Load { address, .. }) => behind(address).map(|(param, offset)| Touched::Behind(param, offset)),
            _ => None,
        };
        if let Some(touched) = touched
            && !found.contains(&touched)
        {
            found.push(touched);
        }
    }
    found
}

/// The pointer parameter and the offset that an address is made of.
pub(crate) fn behind(address: &Expr) -> Option<(u8, u64)> {
    match address {
        Expr::Param(index) => Some((*index, 0)),
        Expr::Binary(BinaryOp::Add, base, offset) => match (behind(base), &**offset) {
            (Some((param, so_far)), Expr::Int(offset)) => {
                Some((param, so_far.checked_add(u64::try_from(*offset).ok()?)?))
            }
            _ => None,
        },
        _ => None,
    }
}

fn names(variant: &Variant) -> Vec<AskedName> {
    let mut found: Vec<AskedName> = Vec::new();
    for rule in &variant.effects {
        let (first, second) = match &rule.effect.effect {
            Effect::Creates { path, .. } | Effect::Removes { path } => (*path, None),
            Effect::Links { to, .. } => (*to, None),
            Effect::Renames { from, to, .. } => (*from, Some(*to)),
            _ => continue,
        };
        for param in [Some(first), second].into_iter().flatten() {
            let keys = variant.params.get(usize::from(param)).and_then(|param| param.path.as_ref());
            let flags = match keys.map(|keys| &keys.follow) {
                Some(Expr::Bool(false)) => libc::AT_EACCESS | libc::AT_SYMLINK_NOFOLLOW,
                Some(Expr::Bool(true)) => libc::AT_EACCESS,
                // Where it depends on other arguments, the question would depend on them too.
                _ => continue,
            };
            if !found.iter().any(|name| name.param == param) {
                found.push(AskedName { param, base: keys.and_then(|keys| keys.base), flags });
            }
        }
    }
    found
}

fn asks_for_file(variant: &Variant) -> bool {
    let opens = |rule: &ResolvedEffect| matches!(&rule.effect.effect, Effect::Opens { fd: Expr::Ret, file, .. } if file.is_some());
    let changes =
        |rule: &ResolvedEffect| matches!(rule.effect.effect, Effect::Creates { .. } | Effect::SetsSize { .. });
    variant.effects.iter().any(opens) && variant.effects.iter().any(changes)
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
    let Type::Struct(name) = inner else { return false };
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

fn may_half_happen(variant: &Variant) -> bool {
    let writes =
        |effect: &Effect| matches!(effect, Effect::SetsSize { .. } | Effect::Changes { what: Changed::Contents });
    variant.effects.iter().any(|rule| !rule.effect.on.is_empty() || writes(&rule.effect.effect))
}
