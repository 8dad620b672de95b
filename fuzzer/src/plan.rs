//! What lowering asks of the specification for every call of every program, worked out once for a whole run.

use crate::setup::{Footprint, footprint};
use abispec::expr::{BinaryOp, Expr};
use abispec::model::Effect;
use abispec::target::{Call, Resolved, ResolvedEffect, Variant};

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
        Self(resolved.calls.iter().map(call).collect())
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

fn call(call: &Call) -> CallPlan {
    CallPlan { footprint: footprint(call), variants: call.variants.iter().map(variant).collect() }
}

fn variant(variant: &Variant) -> VariantPlan {
    VariantPlan {
        touched: touched(variant),
        names: names(variant),
        asks_for_file: asks_for_file(variant),
        reach: reach(variant),
        maps: maps(variant),
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
