//! Numbers for parameters and fields: valid ones, boundaries, and ones that no caller should pass.

use super::dice::Dice;
use super::mine::{Mined, Spot};
use crate::exec::layout::{ARENA_BASE, PLAYGROUND_BASE, PLAYGROUND_PAGES};
use abispec::target::Resolved;
use abispec::types::{IntType, Type};

/// How an argument is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Intent {
    /// As a caller who knows the call would pass it.
    Valid,
    /// At the limits, or beyond them.
    Odd,
}

/// A page that is mapped in no executor: the guard before the first cell.
pub(super) const UNMAPPED: u64 = ARENA_BASE + 8;
/// Addresses that no process can have.
const IMPOSSIBLE: [u64; 5] =
    [0xffff_8000_0000_1000, 0x8000_0000_0000_0000, 0x7fff_ffff_ffff, 0xffff_ffff_ffff_f000, 0x0000_8000_0000_0000];

/// The descriptor that stands for the working directory, as a register.
pub(super) const AT_FDCWD: u64 = 0xffff_ffff_ffff_ff9c;

/// A pointer that leads nowhere.
pub(super) fn bad_pointer(dice: &mut Dice<'_>) -> u64 {
    match dice.below(8) {
        0..3 => 0,
        3..6 => UNMAPPED,
        6 => 1,
        _ => dice.of(IMPOSSIBLE),
    }
}

/// A length of pages.
pub(super) fn pages(dice: &mut Dice<'_>, intent: Intent) -> u64 {
    match (intent, dice.below(8)) {
        (Intent::Valid, 0) => 1 + dice.below(4095) as u64,
        (Intent::Valid, _) => 4096 * (1 + dice.below(4) as u64),
        (Intent::Odd, 0..3) => 0,
        (Intent::Odd, 3) => u64::MAX,
        (Intent::Odd, 4) => u64::MAX - 4095,
        (Intent::Odd, 5) => (1 << 47) - 4096,
        (Intent::Odd, _) => 1 + dice.below(3 * 4096) as u64,
    }
}

/// A number for anything that is neither a pointer nor a resource.
pub(super) fn number(
    dice: &mut Dice<'_>,
    resolved: &Resolved,
    ty: &Type,
    mined: &Mined,
    spot: Spot,
    intent: Intent,
) -> u64 {
    let mined_here = mined.at(spot);
    // Flags and enumerations have their own members; elsewhere the spec's constants are the best boundaries.
    let from_spec = match (ty, intent) {
        (Type::Flags { .. } | Type::Enum { .. }, Intent::Valid) => 10,
        (_, Intent::Valid) => 35,
        (_, Intent::Odd) => 50,
    };
    if !mined_here.is_empty() && dice.chance(from_spec) {
        let value = mined_here[dice.below(mined_here.len())].1;
        return low_bits(value);
    }
    match ty {
        Type::Flags { set, .. } => flags(dice, resolved, set, intent),
        Type::Enum { set, .. } => member(dice, resolved, set, intent),
        Type::Const(value) if intent == Intent::Valid => low_bits(*value),
        Type::Bool => dice.below(2 + usize::from(intent == Intent::Odd)) as u64,
        Type::Int { int, range } => int_value(dice, *int, range.as_deref(), intent),
        Type::Offset => offset(dice, intent),
        Type::Size | Type::Len(_) | Type::Bytesize(_) => size(dice, intent),
        Type::Mode => mode(dice, intent),
        Type::Signal => dice.below(if intent == Intent::Valid { 65 } else { 80 }) as u64,
        Type::Vma | Type::Addr => vma(dice, intent),
        Type::Unused => dice.bits(),
        _ => any(dice, IntType::Long { signed: true }),
    }
}

/// The low 64 bits of an exact number.
fn low_bits(value: i128) -> u64 {
    let bytes = value.to_le_bytes();
    let mut low = [0; 8];
    low.copy_from_slice(&bytes[..8]);
    u64::from_le_bytes(low)
}

fn flags(dice: &mut Dice<'_>, resolved: &Resolved, set: &str, intent: Intent) -> u64 {
    let Some(set) = resolved.sets.get(set) else { return 0 };
    let count = match dice.below(10) {
        0..3 => 0,
        3..7 => 1,
        7..9 => 2,
        _ => 1 + dice.below(set.members.len()),
    };
    let mut value = 0;
    for _ in 0..count {
        if let Some(member) = dice.pick(&set.members) {
            value |= low_bits(member.value);
        }
    }
    if intent == Intent::Odd {
        let unknown = !low_bits(set.known);
        value |= match dice.below(6) {
            0 => unknown,
            1 => 1 << 31 & unknown,
            2 => 1 << 63 & unknown,
            _ => {
                let bit = 1 << dice.below(33);
                bit & unknown
            }
        };
    }
    value
}

fn member(dice: &mut Dice<'_>, resolved: &Resolved, set: &str, intent: Intent) -> u64 {
    let members = resolved.sets.get(set).map(|set| set.members.as_slice()).unwrap_or_default();
    match (intent, dice.pick(members)) {
        (Intent::Valid, Some(member)) => low_bits(member.value),
        _ => match dice.below(6) {
            0 => u64::MAX,
            1 => u64::from(u32::MAX),
            2 => 0x7fff_ffff,
            3 => dice.bits(),
            // Clocks of descriptors and processes are numbers of this form.
            4 => !(dice.below(6) as u64) << 3 | dice.below(8) as u64,
            _ => dice.below(64) as u64,
        },
    }
}

fn int_value(
    dice: &mut Dice<'_>,
    int: IntType,
    range: Option<&(abispec::expr::Expr, abispec::expr::Expr)>,
    intent: Intent,
) -> u64 {
    use abispec::expr::Expr;
    if let (Intent::Valid, Some((Expr::Int(low), Expr::Int(high)))) = (intent, range) {
        let width = usize::try_from(high - low).unwrap_or(usize::MAX).saturating_add(1);
        return low_bits(low + i128::try_from(dice.below(width)).unwrap_or(0));
    }
    match intent {
        Intent::Valid => match dice.below(8) {
            0..4 => 0,
            4 => 1,
            5 => dice.below(16) as u64,
            6 => dice.below(4096) as u64,
            _ => any(dice, int),
        },
        Intent::Odd => any(dice, int),
    }
}

/// Any value of an integer, the ends of its range more often than the middle.
fn any(dice: &mut Dice<'_>, int: IntType) -> u64 {
    let bits = int.bytes(8) * 8;
    let top = 1_u64 << (bits - 1);
    match dice.below(10) {
        0 => 0,
        1 => 1,
        2 => u64::MAX,
        3 => top,
        4 => top - 1,
        5 => top + 1,
        6 => u64::MAX - 1,
        7 => dice.below(256) as u64,
        8 => (dice.below(256) as u64).wrapping_neg(),
        _ => dice.bits(),
    }
}

fn offset(dice: &mut Dice<'_>, intent: Intent) -> u64 {
    match (intent, dice.below(8)) {
        (Intent::Valid, 0..3) => 0,
        (Intent::Valid, 3) => 1 + dice.below(20) as u64,
        (Intent::Valid, 4) => 4096,
        (Intent::Valid, 5) => 4990 + dice.below(20) as u64,
        (Intent::Valid, _) => dice.below(9000) as u64,
        (Intent::Odd, 0) => u64::MAX,
        (Intent::Odd, 1) => i64::MAX.cast_unsigned(),
        (Intent::Odd, 2) => i64::MIN.cast_unsigned(),
        (Intent::Odd, 3) => i64::MAX.cast_unsigned() - dice.below(5000) as u64,
        (Intent::Odd, 4) => (1 + dice.below(5000) as u64).wrapping_neg(),
        (Intent::Odd, 5) => (16 << 20) - 2 + dice.below(5) as u64,
        (Intent::Odd, _) => dice.bits(),
    }
}

fn size(dice: &mut Dice<'_>, intent: Intent) -> u64 {
    match (intent, dice.below(10)) {
        (Intent::Valid, 0) => 0,
        (Intent::Valid, 1..3) => 8,
        (Intent::Valid, 3..6) => 1 + dice.below(20) as u64,
        (Intent::Valid, 6) => 4096,
        (Intent::Valid, 7) => 7 + dice.below(3) as u64,
        (Intent::Valid, _) => dice.below(600) as u64,
        (Intent::Odd, 0) => u64::MAX,
        (Intent::Odd, 1) => i64::MAX.cast_unsigned(),
        (Intent::Odd, 2) => 1 << 31,
        (Intent::Odd, 3) => 0x7fff_f000 - 1 + dice.below(3) as u64,
        (Intent::Odd, 4) => (1 + dice.below(5000) as u64).wrapping_neg(),
        (Intent::Odd, 5) => 5000,
        (Intent::Odd, 6) => 0,
        (Intent::Odd, _) => dice.bits() >> dice.below(64),
    }
}

fn mode(dice: &mut Dice<'_>, intent: Intent) -> u64 {
    match (intent, dice.below(4)) {
        (Intent::Valid, 0) => 0o644,
        (Intent::Valid, 1) => 0o777,
        (Intent::Valid, _) => dice.below(0o1000) as u64,
        (Intent::Odd, 0) => 0,
        (Intent::Odd, _) => dice.below(0x1_0000) as u64,
    }
}

/// Whether an address is one of the playground's.
pub(super) fn in_playground(address: u64) -> bool {
    (PLAYGROUND_BASE..PLAYGROUND_BASE + PLAYGROUND_PAGES * 4096).contains(&address)
}

/// An address of the playground, mostly on a page boundary.
fn vma(dice: &mut Dice<'_>, intent: Intent) -> u64 {
    // Near the beginning, where the other calls of a program map theirs.
    let pages = if dice.chance(85) { 9 } else { usize::try_from(PLAYGROUND_PAGES).unwrap_or(64) };
    let page = dice.below(pages) as u64 * 4096;
    let within = PLAYGROUND_BASE + page;
    match (intent, dice.below(8)) {
        (Intent::Valid, _) => within,
        (Intent::Odd, 0..3) => within + 1 + dice.below(4095) as u64,
        (Intent::Odd, 3) => 0,
        (Intent::Odd, 4) => dice.of(IMPOSSIBLE),
        (Intent::Odd, 5) => PLAYGROUND_BASE - 4096,
        (Intent::Odd, 6) => PLAYGROUND_BASE + PLAYGROUND_PAGES * 4096,
        (Intent::Odd, _) => within,
    }
}
