//! Functions of memory and mappings.

use super::View;
use super::files::word;
use crate::world::text::{Ending, PATH_MAX};
use abispec::expr::{Function, Moment, OperandValue, Word};

/// Segments that the kernel takes in one call.
const IOV_MAX: i128 = 1024;
/// Bytes that are looked at for one answer.
const LOOK_MAX: u64 = 1 << 20;

/// The most bytes that an access of a fixed size has.
const FIXED: i128 = 4096;

impl View<'_> {
    pub(super) fn memory(&self, function: Function, operands: &[OperandValue], moment: Moment) -> Option<i128> {
        let value = |index: usize| operands.get(index).and_then(|operand| operand.value());
        let truth = |answer: Option<bool>| answer.map(i128::from);
        match function {
            Function::Mapped => truth(self.mapped(value(0)?, value(1)?, word(value(2)?)?, moment)),
            Function::Unreadable => match self.form(value(0)?).ending {
                Ending::Unreadable => Some(1),
                Ending::Nul(_) | Ending::Overlong => Some(0),
                Ending::Unknown => None,
            },
            Function::Overlong => match self.form(value(0)?).ending {
                Ending::Overlong => Some(1),
                Ending::Nul(_) | Ending::Unreadable => Some(0),
                Ending::Unknown => None,
            },
            Function::Length => match self.form(value(0)?).ending {
                Ending::Nul(len) => Some(len as i128),
                Ending::Overlong => Some(PATH_MAX as i128),
                Ending::Unreadable | Ending::Unknown => None,
            },
            Function::U64 => self.load_at(value(0)?, 8, false, moment),
            Function::UserRange => truth(self.user_range(value(0)?, value(1)?)),
            Function::SameBytes => truth(self.same_bytes(value(0)?, value(1)?, value(2)?, moment)),
            Function::Zeroed => truth(self.zeroed(value(0)?, value(1)?, value(2)?, moment)),
            Function::IovTotal => self.segments(value(0)?, value(1)?, moment, |_, len| Some(len)).try_fold(0, add),
            Function::IovLongest => {
                self.segments(value(0)?, value(1)?, moment, |_, len| Some(len)).try_fold(0, longest)
            }
            Function::IovMapped => {
                let access = word(value(2)?)?;
                every(self.segments(value(0)?, value(1)?, moment, |base, len| {
                    self.mapped(base, len, access, moment).map(i128::from)
                }))
            }
            Function::IovUserRange => every(
                self.segments(value(0)?, value(1)?, moment, |base, len| self.user_range(base, len).map(i128::from)),
            ),
            _ => None,
        }
    }

    pub(super) fn mappings(&self, function: Function, operands: &[OperandValue], moment: Moment) -> Option<i128> {
        let value = |index: usize| operands.get(index).and_then(|operand| operand.value());
        let mappings = &self.scene(moment).world.mappings;
        let (address, len) = (value(0)?, value(1)?);
        let answer = match function {
            Function::VmaMapped => mappings.mapped(address, len),
            Function::VmaFree => mappings.free(address, len),
            Function::VmaSingle => mappings.single(address, len),
            Function::VmaIs => mappings.all(address, len, word(value(2)?)?),
            _ => None,
        };
        answer.map(i128::from)
    }

    /// Whether a range can be read and written: what mappings say goes before what the arena was when it was made.
    pub(super) fn access(&self, address: u64, len: u64, moment: Moment) -> (Option<bool>, Option<bool>) {
        let scene = self.scene(moment);
        let mapped = scene.world.mappings.access(address, len);
        if mapped.0.is_some() && mapped.1.is_some() {
            return mapped;
        }
        // Where something is mapped, it is no guard page of the arena, nor one of the first that nobody has mostly.
        if scene.world.mappings.free(address.into(), len.into()) == Some(false) {
            return mapped;
        }
        let arena = scene.memory.access(address, len);
        (mapped.0.or(arena.0), mapped.1.or(arena.1))
    }

    fn mapped(&self, address: i128, len: i128, access: Word, moment: Moment) -> Option<bool> {
        if len == 0 {
            return Some(true);
        }
        if len < 0 {
            return None;
        }
        let (Ok(start), Ok(bytes)) = (u64::try_from(address), u64::try_from(len)) else { return Some(false) };
        let (readable, writable) = self.access(start, bytes, moment);
        match access {
            Word::Read => readable,
            Word::Write => writable,
            _ => None,
        }
    }

    pub(super) fn load_at(&self, address: i128, size: u8, signed: bool, moment: Moment) -> Option<i128> {
        let mut bytes = [0; 8];
        let target = bytes.get_mut(..usize::from(size))?;
        if !self.scene(moment).memory.read(u64::try_from(address).ok()?, target) {
            return None;
        }
        let bits = u32::from(size) * 8;
        let value = match cfg!(target_endian = "little") {
            true => u64::from_le_bytes(bytes),
            false => u64::from_be_bytes(bytes).checked_shr(64 - bits)?,
        };
        let negative = signed && value >> (bits - 1) & 1 != 0;
        Some(i128::from(value) - if negative { 1_i128 << bits } else { 0 })
    }

    fn same_bytes(&self, a: i128, b: i128, count: i128, moment: Moment) -> Option<bool> {
        let (a, b) = (u64::try_from(a).ok()?, u64::try_from(b).ok()?);
        let count = u64::try_from(count.max(0)).ok().filter(|count| *count <= LOOK_MAX)? as usize;
        let memory = self.scene(moment).memory;
        let (mut first, mut second) = (vec![0; count], vec![0; count]);
        let known = memory.read(a, &mut first) && memory.read(b, &mut second);
        known.then(|| first == second)
    }

    fn zeroed(&self, address: i128, from: i128, to: i128, moment: Moment) -> Option<bool> {
        if from >= to {
            return Some(true);
        }
        let mut at = u64::try_from(address.checked_add(from)?).ok()?;
        let mut left = u64::try_from(to - from).ok().filter(|left| *left <= LOOK_MAX)?;
        let memory = self.scene(moment).memory;
        let mut buffer = [0; 256];
        while left > 0 {
            let piece = left.min(256);
            let bytes = buffer.get_mut(..piece as usize)?;
            if !memory.read(at, bytes) {
                return None;
            }
            if bytes.iter().any(|byte| *byte != 0) {
                return Some(false);
            }
            at += piece;
            left -= piece;
        }
        Some(true)
    }

    fn user_range(&self, start: i128, len: i128) -> Option<bool> {
        let end = i128::from(self.numbers.task_size);
        // Of what has a fixed size some kernels look at the start alone, since nobody has the page that follows.
        if start == end && (1..=FIXED).contains(&len) {
            return None;
        }
        Some(start >= 0 && len >= 0 && start.checked_add(len)? <= end)
    }

    /// What `judge` says of the base and length of every segment; one unknown answer for segments that cannot be read.
    fn segments(
        &self,
        address: i128,
        count: i128,
        moment: Moment,
        judge: impl Fn(i128, i128) -> Option<i128>,
    ) -> impl Iterator<Item = Option<i128>> {
        let known = (0..=IOV_MAX).contains(&count);
        let word = self.numbers.word as u8;
        (0..if known { count } else { 1 }).map(move |index| {
            let at = |field: i128| address.checked_add((index * 2 + field) * i128::from(word));
            let base = self.load_at(at(0)?, word, false, moment).filter(|_| known)?;
            judge(base, self.load_at(at(1)?, word, false, moment)?)
        })
    }
}

fn add(total: i128, len: Option<i128>) -> Option<i128> {
    Some(total + len?)
}

fn longest(so_far: i128, len: Option<i128>) -> Option<i128> {
    Some(so_far.max(len?))
}

/// Whether all are true; one false decides.
fn every(answers: impl Iterator<Item = Option<i128>>) -> Option<i128> {
    let mut all = Some(1);
    for answer in answers {
        match answer {
            Some(0) => return Some(0),
            Some(_) => {}
            None => all = None,
        }
    }
    all
}
