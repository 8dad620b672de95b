//! Memory for pointer parameters: structs field by field, buffers, texts, and where they lie.

use super::dice::Dice;
use super::mine::{Mined, Spot};
use super::values::{Intent, UNMAPPED, number};
use crate::exec::layout::PLAYGROUND_BASE;
use crate::lower::POISON;
use crate::program::{Block, Placement};
use abispec::target::{Resolved, ResolvedField};
use abispec::types::{Direction, Type};

/// Bytes that one buffer has at most, so that a program fits into its cell.
const LARGEST: u64 = 2048;
/// Elements of one array that are filled; a caller who is free to choose has no more.
const MOST_ELEMENTS: u64 = 40;
/// Bytes that an array of fixed length has at most.
const LARGEST_FIXED: u64 = 8200;

/// Where values come from while memory is filled.
pub(super) struct Filling<'a> {
    pub(super) resolved: &'a Resolved,
    pub(super) mined: &'a Mined,
    /// The pointer parameter.
    pub(super) param: u8,
    /// Descriptors that the program probably has.
    pub(super) descriptors: &'a [u64],
}

impl Filling<'_> {
    /// A block for what a pointer leads to. `count` is the value of the parameter that counts it.
    pub(super) fn pointee(
        &self,
        dice: &mut Dice<'_>,
        to: &Type,
        direction: Direction,
        count: u64,
        intent: Intent,
    ) -> Block {
        let mut block = Block::new(Vec::new());
        match to {
            Type::Array { of, count: length } => {
                for _ in 0..count.min(MOST_ELEMENTS) {
                    self.append(dice, of, direction, &mut block, intent);
                }
                // One whose length the type states is whole, or the kernel would go beyond it.
                if let (abispec::types::Count::Number(_), true) = (length, count > MOST_ELEMENTS) {
                    let whole = (block.bytes.len() as u64 / MOST_ELEMENTS).saturating_mul(count).min(LARGEST_FIXED);
                    let blank = if direction.reads() { 0 } else { POISON };
                    block.bytes.resize(usize::try_from(whole).unwrap_or(0), blank);
                }
            }
            Type::Extensible { name, .. } => {
                self.append(dice, &Type::Struct(name.clone()), direction, &mut block, intent);
                let known = block.bytes.len();
                // What is answered has room, little as may be passed.
                let least = if direction.writes() { known } else { 0 };
                block.bytes.resize(usize::try_from(count.min(4200)).unwrap_or(0).max(least), 0);
                if block.bytes.len() > known && intent == Intent::Odd {
                    let at = known + dice.below(block.bytes.len() - known);
                    block.bytes[at] = 1;
                }
            }
            other => self.append(dice, other, direction, &mut block, intent),
        }
        block
    }

    /// A block of plain bytes.
    pub(super) fn buffer(&self, dice: &mut Dice<'_>, direction: Direction, count: u64) -> Block {
        let bytes = usize::try_from(count.min(LARGEST)).unwrap_or(0);
        if !direction.reads() {
            return Block::new(vec![POISON; bytes]);
        }
        let mut content = vec![0; bytes];
        if dice.chance(70) {
            // Small numbers mean something where bytes are read as a counter.
            for chunk in content.chunks_mut(8) {
                let value = dice.below(4) as u64;
                chunk.copy_from_slice(&value.to_le_bytes()[..chunk.len()]);
            }
        } else {
            for chunk in content.chunks_mut(8) {
                let value = if dice.chance(50) { u64::MAX } else { dice.bits() };
                chunk.copy_from_slice(&value.to_le_bytes()[..chunk.len()]);
            }
        }
        Block::new(content)
    }

    fn append(&self, dice: &mut Dice<'_>, ty: &Type, direction: Direction, block: &mut Block, intent: Intent) {
        let at = block.bytes.len();
        if let Type::Struct(name) | Type::Union(name) = ty
            && let Some(found) = self.resolved.structs.get(name)
        {
            let size = found.size as usize;
            let blank = if direction.reads() { 0 } else { POISON };
            block.bytes.resize(at + size, blank);
            if direction.reads() {
                // Of several fields one is odd at most: two mistakes hide each other.
                let odd = (intent == Intent::Odd).then(|| dice.below(found.fields.len().max(1)));
                let mut pointed = None;
                let one_of =
                    |index: usize| (0..index).all(|before| !overlap(&found.fields[before], &found.fields[index]));
                let apart = (0..found.fields.len()).all(one_of);
                let mut filled: Vec<&ResolvedField> = Vec::new();
                for (index, field) in found.fields.iter().enumerate() {
                    // Of fields that share bytes one has them.
                    if !apart {
                        let later = found.fields[index + 1..].iter().filter(|other| overlap(field, other)).count();
                        if filled.iter().any(|other| overlap(field, other)) || dice.below(later + 1) > 0 {
                            continue;
                        }
                        filled.push(field);
                    }
                    let intent = if odd == Some(index) { Intent::Odd } else { Intent::Valid };
                    pointed = self.field(dice, field, at, block, intent, odd.is_some(), pointed);
                }
            }
            return;
        }
        if let Type::Array { of, count: abispec::types::Count::Number(n) } = ty {
            for _ in 0..(*n).min(MOST_ELEMENTS) {
                self.append(dice, of, direction, block, intent);
            }
            return;
        }
        let size = abispec_size(self.resolved, ty);
        if direction.reads() {
            let value = self.scalar(dice, ty, u32::try_from(at).unwrap_or(0), intent);
            block.bytes.extend_from_slice(&value.to_le_bytes()[..size.min(8)]);
        } else {
            block.bytes.resize(at + size, POISON);
        }
    }

    fn scalar(&self, dice: &mut Dice<'_>, ty: &Type, offset: u32, intent: Intent) -> u64 {
        match ty {
            Type::Resource(name) if name.starts_with("fd") && !(intent == Intent::Odd && dice.chance(50)) => {
                dice.pick(self.descriptors).copied().unwrap_or(0)
            }
            Type::Resource(_) => dice.of([0, 1, 2, u64::MAX, 0x7fff_ffff]),
            // A word so long may be meant as an address.
            Type::Int { int, .. } if is_word(*int) && dice.chance(12) => PLAYGROUND_BASE + 4096 * dice.below(6) as u64,
            other => number(dice, self.resolved, other, self.mined, Spot::Behind(self.param, offset), intent),
        }
    }

    #[expect(clippy::too_many_arguments, reason = "one step of filling a struct, used once")]
    /// Fills one field; a pointer says how many bytes it leads to, for the length that follows it.
    fn field(
        &self,
        dice: &mut Dice<'_>,
        field: &ResolvedField,
        start: usize,
        block: &mut Block,
        intent: Intent,
        wild: bool,
        pointed: Option<u64>,
    ) -> Option<u64> {
        let offset = start + field.offset as usize;
        let size = field.shape.size as usize;
        let slot = block.bytes.get_mut(offset..offset + size)?;
        match &field.shape.ty {
            Type::Ptr { direction, .. } | Type::Buffer { direction, .. } => {
                // Where the length behind it may be anything, there must be nothing to be overrun.
                if intent == Intent::Odd || wild {
                    slot.copy_from_slice(&dice.of([0, UNMAPPED]).to_le_bytes()[..size]);
                    return Some(1 + dice.below(16) as u64);
                }
                let bytes = if dice.chance(40) { 8 } else { dice.below(40) as u64 };
                let bytes = bytes.max(self.least(&field.shape.ty));
                let inner = self.buffer(dice, *direction, bytes);
                block.links.push((u32::try_from(offset).unwrap_or(0), inner));
                Some(bytes)
            }
            Type::Struct(_) | Type::Union(_) | Type::Array { .. } => {
                let mut inner = Block::new(Vec::new());
                self.append(dice, &field.shape.ty, Direction::In, &mut inner, intent);
                let bytes = inner.bytes.len().min(size);
                slot[..bytes].copy_from_slice(&inner.bytes[..bytes]);
                None
            }
            other => {
                // What has a range of its own, or one value, is no length.
                let length = !matches!(other, Type::Const(_) | Type::Int { range: Some(_), .. });
                let value = match pointed {
                    Some(bytes) if intent == Intent::Valid && length => bytes,
                    _ => self.scalar(dice, other, u32::try_from(offset).unwrap_or(0), intent),
                };
                let bytes = size.min(8);
                slot[..bytes].copy_from_slice(&value.to_le_bytes()[..bytes]);
                None
            }
        }
    }
}

impl Filling<'_> {
    /// Bytes that a pointer to one number leads to; a pointer to bytes may lead to none.
    fn least(&self, ty: &Type) -> u64 {
        let Type::Ptr { to, .. } = ty else { return 0 };
        match &**to {
            number @ Type::Int { .. } => Some(abispec_size(self.resolved, number) as u64).filter(|size| *size > 1),
            _ => None,
        }
        .unwrap_or(0)
    }
}

/// Whether two fields share bytes.
fn overlap(a: &ResolvedField, b: &ResolvedField) -> bool {
    a.offset < b.offset.saturating_add(b.shape.size) && b.offset < a.offset.saturating_add(a.shape.size)
}

/// Bytes of a scalar type in memory.
fn abispec_size(resolved: &Resolved, ty: &Type) -> usize {
    let word = resolved.target.arch.data_model().word();
    let bytes = match ty {
        Type::Int { int, .. } => int.bytes(word),
        Type::Flags { width, .. } | Type::Enum { width, .. } => width.map_or(4, |int| int.bytes(word)),
        Type::Resource(_) | Type::Bool | Type::Const(_) | Type::Mode | Type::Signal => 4,
        Type::Offset => 8,
        _ => word,
    };
    bytes as usize
}

/// Chooses where a block lies; only one block of a program can end at the inaccessible page.
pub(super) fn place(
    dice: &mut Dice<'_>,
    block: &mut Block,
    edge_free: &mut bool,
    direction: Direction,
    intent: Intent,
) {
    let length = u32::try_from(block.bytes.len()).unwrap_or(u32::MAX);
    match intent {
        Intent::Valid => {
            if *edge_free && block.links.is_empty() && dice.chance(20) {
                block.placement = Placement::Edge(length);
                *edge_free = false;
            } else if !direction.writes() && dice.chance(10) {
                block.placement = Placement::ReadOnly;
            }
        }
        Intent::Odd => {
            if *edge_free && length > 0 && block.links.is_empty() && dice.chance(60) {
                let cut =
                    if dice.chance(50) { length - 1 } else { u32::try_from(dice.below(length as usize)).unwrap_or(0) };
                block.placement = Placement::Edge(cut);
                *edge_free = false;
            } else if direction.writes() {
                block.placement = Placement::ReadOnly;
            }
        }
    }
}

/// Lets a block end at the inaccessible page behind its last word that is not zero: what lies before is looked at first.
pub(super) fn cut_behind_the_last_word(block: &mut Block, edge_free: &mut bool) {
    let end = block.bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| (last + 1).next_multiple_of(8));
    if *edge_free && end > 0 && end < block.bytes.len() && block.links.is_empty() {
        block.placement = Placement::Edge(u32::try_from(end).unwrap_or(u32::MAX));
        *edge_free = false;
    }
}

/// Whether a pointer leads to structs with words that are no pointers by their type, and may be meant as addresses.
pub(super) fn may_hold_addresses(resolved: &Resolved, ty: &Type) -> bool {
    let Type::Ptr { to, direction, .. } = ty else { return false };
    let inner = match &**to {
        Type::Array { of, .. } => of,
        other => other,
    };
    let (Type::Struct(name) | Type::Extensible { name, .. }) = inner else { return false };
    let word = |field: &ResolvedField| matches!(&field.shape.ty, Type::Int { int, .. } if is_word(*int));
    direction.reads() && resolved.structs.get(name).is_some_and(|found| found.fields.iter().any(word))
}

fn is_word(int: abispec::types::IntType) -> bool {
    int.bytes(8) == 8 && !int.signed()
}
