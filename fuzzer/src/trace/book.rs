//! What the tracer works out of the specification once: which calls stop, what is read of each, which clauses can be decided.

use super::able::able;
use super::obsolete::is_obsolete;
use super::roles::{self, Role};
use crate::exec::tracer::Harmless;
use crate::world::Numbers;
use abispec::expr::{Expr, Function, Moment, Subject};
use abispec::model::{Effect, Spec, Unknown};
use abispec::target::{Call, Resolved, ResolvedParam, Variant};
use abispec::types::{Direction, Type};
use std::collections::BTreeSet;

/// Everything that is worked out.
#[derive(Debug)]
pub struct Book<'a> {
    /// The specification.
    pub resolved: &'a Resolved,
    /// The target's numbers.
    pub numbers: Numbers,
    /// Calls that newer ports do without.
    pub obsolete: BTreeSet<String>,
    /// Calls that are checked or followed, by number.
    entries: Vec<Option<Entry>>,
}

/// A call that stops.
#[derive(Debug)]
pub struct Entry {
    /// Its place in the specification, if that has it.
    pub call: Option<usize>,
    /// Whether it is checked.
    pub checked: bool,
    /// What it does that its effects, if it has some, do not tell.
    pub role: Option<Role>,
    /// By variant.
    pub sights: Vec<Sight>,
}

/// What is read and asked for one variant of a call.
#[derive(Debug)]
pub struct Sight {
    /// Memory that the kernel reads.
    pub captures: Vec<Capture>,
    /// Parameters that are descriptors.
    pub descriptors: Vec<u8>,
    /// The parameter whose descriptor conditions ask more about than whether it is open.
    pub looks_closer: bool,
    /// The variant as successes are judged by it: what can never be decided is left out.
    pub success: Variant,
    /// Conditions ask for the signals that are blocked.
    pub asks_signals: bool,
    /// It may open descriptors.
    pub opens: bool,
    /// Some effect concerns descriptors.
    pub changes_table: bool,
    /// Conditions after success depend on memory.
    pub reads_after: bool,
}

/// Memory that is read when a call is made.
#[derive(Clone, Debug)]
pub struct Capture {
    /// The pointer.
    pub param: u8,
    /// How much; nothing for text.
    pub bytes: Option<Expr>,
    /// No more than so much.
    pub limit: u64,
    /// The kernel writes it too.
    pub written: bool,
}

impl<'a> Book<'a> {
    /// Works out what checking these calls needs.
    pub fn new(spec: &Spec, resolved: &'a Resolved, checked: &BTreeSet<String>) -> Self {
        let mut entries: Vec<Option<Entry>> = Vec::new();
        let mut put = |nr: u32, entry: Entry| {
            let nr = nr as usize;
            if entries.len() <= nr {
                entries.resize_with(nr + 1, || None);
            }
            entries[nr] = Some(entry);
        };
        let mut descriptors = false;
        for (index, call) in resolved.calls.iter().enumerate() {
            let sights: Vec<Sight> = call.variants.iter().map(sight).collect();
            let checked = checked.contains(&call.name);
            descriptors |= checked && sights.iter().any(|sight| !sight.descriptors.is_empty() || sight.changes_table);
            put(call.nr, Entry { call: Some(index), checked, role: None, sights });
        }
        for entry in entries.iter_mut() {
            let followed = |entry: &Entry| descriptors && entry.sights.iter().any(|sight| sight.changes_table);
            if entry.as_ref().is_some_and(|entry| !entry.checked && !followed(entry)) {
                *entry = None;
            }
        }
        for nr in roles::numbers() {
            let known = entries.get(nr as usize).is_some_and(Option::is_some);
            let role = roles::role(nr);
            if known {
                if let Some(entry) = &mut entries[nr as usize] {
                    entry.role = role;
                }
            } else if descriptors || role == Some(Role::Spawns) {
                let nr = nr as usize;
                if entries.len() <= nr {
                    entries.resize_with(nr + 1, || None);
                }
                entries[nr] = Some(Entry { call: None, checked: false, role, sights: Vec::new() });
            }
        }
        let obsolete = spec.syscalls.values().filter(|call| is_obsolete(call, resolved.target.arch));
        let obsolete = obsolete.map(|call| call.name.value.clone()).collect();
        Self { resolved, numbers: Numbers::of(resolved), obsolete, entries }
    }

    /// A call by its number.
    pub fn entry(&self, nr: u64) -> Option<&Entry> {
        self.entries.get(usize::try_from(nr).ok()?)?.as_ref()
    }

    /// Commands that need not stop, unless their call is checked itself.
    pub fn unchanging(&self) -> Option<Harmless<'static>> {
        let found = roles::UNCHANGING;
        let checked = self.entry(found.nr.into()).is_some_and(|entry| entry.checked);
        (!checked).then_some(found)
    }

    /// The numbers of the calls that stop, in order.
    pub fn stops(&self) -> Vec<u32> {
        (0..).zip(&self.entries).filter(|(_, entry)| entry.is_some()).map(|(nr, _)| nr).collect()
    }

    /// How many calls are checked.
    pub fn checked(&self) -> usize {
        self.entries.iter().flatten().filter(|entry| entry.checked).count()
    }

    /// The call and the variant that describe a call with these arguments.
    pub fn variant(&self, entry: &Entry, args: &[u64; 6]) -> Option<(&'a Call, usize)> {
        let call = self.resolved.calls.get(entry.call?)?;
        let last = call.variants.len().checked_sub(1)?;
        let selector = call.select.and_then(|index| {
            let param = call.variants[last].params.get(usize::from(index))?;
            Some(param.int.value_of(*args.get(usize::from(index))?, self.numbers.word))
        });
        let found =
            selector.and_then(|value| call.variants[..last].iter().position(|variant| variant.selector == Some(value)));
        Some((call, found.unwrap_or(last)))
    }
}

/// Whether a parameter is a descriptor.
pub fn is_descriptor(param: &ResolvedParam) -> bool {
    matches!(&param.ty, Type::Resource(name) if name == "fd" || name.starts_with("fd["))
}

fn sight(variant: &Variant) -> Sight {
    let mut success = variant.clone();
    success.rules.retain(|rule| rule.duty && able(&rule.condition, variant, Moment::Before).hold);
    success.ensures.retain(|ensure| able(&ensure.condition, variant, Moment::After).fail);
    let mut functions = BTreeSet::new();
    let mut loads_after = false;
    for rule in &variant.rules {
        asked(&rule.condition, &mut functions, &mut false);
    }
    for ensure in &success.ensures {
        asked(&ensure.condition, &mut functions, &mut loads_after);
    }
    for effect in &variant.effects {
        each_expr(&effect.effect.effect, |expr| asked(expr, &mut functions, &mut loads_after));
    }
    let descriptors: Vec<u8> =
        (0..).zip(&variant.params).filter(|(_, param)| is_descriptor(param)).map(|(index, _)| index).collect();
    let closer = |name: &&'static str| !["open", "lowest_free", "free_fds"].contains(name);
    let of_descriptors: Vec<&'static str> = functions
        .iter()
        .filter(|function| function.subject() == Subject::Descriptors)
        .map(|function| function.name())
        .collect();
    let any = |is: fn(&Effect) -> bool| variant.effects.iter().any(|rule| is(&rule.effect.effect));
    let table = |effect: &Effect| {
        matches!(
            effect,
            Effect::Opens { .. }
                | Effect::Closes { .. }
                | Effect::Duplicates { .. }
                | Effect::SetsCloexec { .. }
                | Effect::SetsStatus { .. }
        )
    };
    Sight {
        captures: captures(variant),
        looks_closer: of_descriptors.iter().any(closer),
        descriptors,
        asks_signals: functions.contains(&Function::Sigmask),
        opens: any(|effect| matches!(effect, Effect::Opens { .. } | Effect::Duplicates { .. })),
        changes_table: any(table),
        reads_after: loads_after,
        success,
    }
}

fn captures(variant: &Variant) -> Vec<Capture> {
    /// Conditions look at no more of what is only data.
    const DATA: u64 = 64;
    /// The largest array that conditions look at: 1024 segments.
    const WHOLE: u64 = 16 * 1024;
    let capture = |(param, found): (u8, &ResolvedParam)| {
        let memory = found.memory.as_ref()?;
        if !memory.direction.reads() {
            return None;
        }
        let data = matches!(found.ty, Type::Buffer { .. });
        let limit = if data { DATA } else { WHOLE };
        let written = memory.direction == Direction::InOut;
        Some(Capture { param, bytes: memory.bytes.clone(), limit, written })
    };
    (0..).zip(&variant.params).filter_map(capture).collect()
}

/// Functions that an expression asks, and whether it reads memory.
fn asked(expr: &Expr, functions: &mut BTreeSet<Function>, loads: &mut bool) {
    expr.walk(&mut |part| match part {
        Expr::Load { .. } => *loads = true,
        Expr::Call(function, _) => {
            functions.insert(*function);
            *loads |= function.subject() == Subject::Memory;
        }
        _ => {}
    });
}

/// Expressions of effects on descriptors; what other effects say is not followed.
fn each_expr(effect: &Effect, mut each: impl FnMut(&Expr)) {
    match effect {
        Effect::Opens { fd, access, flags, cloexec, .. } => {
            each(fd);
            [access, flags, cloexec].into_iter().flatten().for_each(&mut each);
        }
        Effect::Closes { fd, first, last } => [fd, first, last].into_iter().flatten().for_each(&mut each),
        Effect::Duplicates { fd, to, cloexec } => {
            each(fd);
            each(to);
            cloexec.iter().for_each(&mut each);
        }
        Effect::SetsCloexec { fd, first, last, to } => {
            [fd, first, last].into_iter().flatten().for_each(&mut each);
            each(to);
        }
        Effect::SetsStatus { fd, to } => {
            each(fd);
            each(to);
        }
        _ => {}
    }
}

/// Bits that a parameter of flags does not define on the target, or a value that its enumeration lacks.
pub fn undefined(param: &ResolvedParam, value: i128, resolved: &Resolved) -> Option<i128> {
    match &param.ty {
        Type::Flags { set, .. } => {
            let known = resolved.sets.get(set)?.known;
            let bits = value & !known & 0xffff_ffff_ffff_ffff;
            (bits != 0).then_some(bits)
        }
        Type::Enum { set, .. } => {
            let found = resolved.sets.get(set)?;
            (!found.members.iter().any(|member| member.value == value)).then_some(value)
        }
        _ => None,
    }
}

/// Whether an undefined bit of a parameter is accepted today, so that only a lint finds it.
pub fn is_accepted(param: &ResolvedParam) -> bool {
    matches!(param.unknown, Some(Unknown::Ignored | Unknown::Reserved))
}
