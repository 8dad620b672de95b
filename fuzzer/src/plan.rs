//! What lowering asks of the specification for every call of every program, worked out once for a whole run.

use crate::ask::Asks;
use crate::program::Invocation;
use crate::setup::{Footprint, footprint};
use crate::unmade::Unmade;
use abispec::expr::{Expr, Moment, Truth, truth};
use abispec::model::{Changed, Effect, Unknown};
use abispec::target::{Call, ClauseId, Resolved, ResolvedEffect, ResolvedField, ResolvedParam, Variant};
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
    /// What it may leave changed, but for what depends on its arguments.
    pub footprint: Footprint,
    /// When it makes or takes away names that no path parameter tells.
    pub names: Vec<Expr>,
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrittenParam {
    /// Its position.
    pub param: u8,
    /// What the pointers in it lead to is written, not it itself.
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
    pub fn footprint(&self, call: &Invocation) -> Footprint {
        let Some(plan) = self.calls.get(call.call) else { return Footprint::default() };
        let made = |when: &Expr| truth(when, &Unmade(&call.args), Moment::Before) != Truth::False;
        Footprint { files: plan.footprint.files || plan.names.iter().any(made), ..plan.footprint }
    }
}

fn of_call(resolved: &Resolved, call: &Call) -> CallPlan {
    let variants = call.variants.iter().map(|variant| of_variant(resolved, call.select, variant)).collect();
    CallPlan { footprint: footprint(call), names: names(call), variants }
}

/// The conditions of effects on names that have some; the others are in the footprint.
fn names(call: &Call) -> Vec<Expr> {
    let names = |rule: &ResolvedEffect| match (&rule.effect.effect, &rule.effect.when) {
        (Effect::Changes { what: Changed::Names }, Some(when)) => Some(when.value.clone()),
        _ => None,
    };
    call.variants.iter().flat_map(|variant| &variant.effects).filter_map(names).collect()
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
    // With others, the program may have to run alone.
    let names = |rule: &&ResolvedEffect| matches!(rule.effect.effect, Effect::Changes { what: Changed::Names });
    let whens: Vec<&Expr> =
        variant.effects.iter().filter(names).filter_map(|rule| Some(&rule.effect.when.as_ref()?.value)).collect();
    let decides = |position: u8| {
        let mut found = false;
        whens.iter().for_each(|when| when.walk(&mut |expr| found |= *expr == Expr::Param(position)));
        found
    };
    let free = |(position, param): (u8, &ResolvedParam)| {
        let fixed =
            select == Some(position) || maps.contains(&position) || asks.depend_on(position) || decides(position);
        (plain(&param.ty) && !fixed).then_some(position)
    };
    (0..).zip(&variant.params).filter_map(free).collect()
}

/// The pointer parameters of a variant that memory is written through.
pub(crate) fn written(resolved: &Resolved, variant: &Variant) -> Vec<WrittenParam> {
    let written = |(position, param): (u8, &ResolvedParam)| {
        let direction = param.memory.as_ref().map(|memory| memory.direction);
        let itself = direction.is_some_and(Direction::writes);
        let linked = direction.is_some_and(|direction| points_to_written(&param.ty, direction, resolved));
        [(itself, false), (linked, true)]
            .into_iter()
            .filter_map(move |(written, linked)| written.then_some(WrittenParam { param: position, linked }))
    };
    (0..).zip(&variant.params).flat_map(written).collect()
}

/// Whether a pointer leads to structs whose own pointers are written through. Where such a struct is written and its pointers are
/// plain numbers to the specification, nothing says which of them are only read.
fn points_to_written(ty: &Type, direction: Direction, resolved: &Resolved) -> bool {
    let Type::Ptr { to, .. } = ty else { return false };
    let inner = match &**to {
        Type::Array { of, .. } => of,
        other => other,
    };
    let (Type::Struct(name) | Type::Extensible { name, .. }) = inner else { return false };
    let directions = |field: &ResolvedField| match field.shape.ty {
        Type::Ptr { direction, .. } | Type::Buffer { direction, .. } => Some(direction),
        _ => None,
    };
    resolved.structs.get(name).is_some_and(|found| {
        let mut pointers = found.fields.iter().filter_map(directions).peekable();
        match pointers.peek() {
            Some(_) => pointers.any(Direction::writes),
            None => direction.writes(),
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::{Argument, Block};
    use abispec::arch::Arch;
    use abispec::target::Target;
    use abispec::version::Release;

    #[test]
    fn only_addresses_that_are_names_of_files_make_files() {
        let resolved = abispec::resolve(abispec::embedded(), &Target::new(Arch::X86_64, Release::new(7, 3)));
        let plans = Plans::of(&resolved);
        let call = resolved.calls.iter().position(|call| call.name == "bind").expect("bind");
        let files = |address: &[u8], length: u64| {
            let mut bytes = address.to_vec();
            bytes.resize(128, 0);
            let args = vec![Argument::Number(3), Argument::Block(Block::new(bytes)), Argument::Number(length)];
            plans.footprint(&Invocation { call, args }).files
        };
        assert!(files(b"\x01\0n1\0", 5), "a file's name");
        assert!(files(b"\x01\0n\0", 3), "a name of one letter");
        assert!(!files(b"\x01\0\0\0a", 5), "a name that is no file's");
        assert!(!files(b"\x01\0", 2), "no name");
        assert!(!files(b"\x02\0\x04\xd2\x7f\0\0\x01", 16), "a port");
        let unknown = vec![Argument::Number(3), Argument::Number(0x1000), Argument::Number(16)];
        assert!(plans.footprint(&Invocation { call, args: unknown }).files, "memory that nobody knows");
    }
}
