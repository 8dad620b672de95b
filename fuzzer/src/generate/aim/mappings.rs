//! Pages that are as a condition wants them: there or not, in one mapping or two, of what they are mapped from.

use super::super::producers::Producers;
use super::super::values::in_playground;
use super::Aiming;
use crate::exec::layout::{PAGE, PLAYGROUND_BASE, PLAYGROUND_PAGES};
use crate::program::{Argument, Program};
use abispec::expr::{Expr, Function, Word};
use std::ops::Range;

/// What a condition says of a range of addresses, and whether it is to be so.
#[derive(Clone)]
pub(super) struct RangeWish {
    pub(super) function: Function,
    pub(super) operands: Vec<Expr>,
    pub(super) want: bool,
}

/// How pages are mapped that conditions speak of.
struct Mapping {
    pages: Option<Range<u64>>,
    holes: Vec<Range<u64>>,
    /// Where another mapping begins.
    split: Option<u64>,
    readable: bool,
    writable: bool,
    executable: bool,
    shared: bool,
    file: bool,
    locked: bool,
    grows: bool,
}

impl Mapping {
    fn need(&mut self, range: Range<u64>) {
        self.pages = Some(match &self.pages {
            Some(pages) => pages.start.min(range.start)..pages.end.max(range.end),
            None => range,
        });
    }

    fn property(&mut self, word: Word, want: bool) {
        match word {
            Word::Anonymous => self.file = !want,
            Word::File => self.file = want,
            Word::Shared => self.shared = want,
            Word::Private => self.shared = !want,
            Word::Locked => self.locked = want,
            Word::Growsdown => self.grows = want,
            Word::IsReadable => self.readable = want,
            Word::IsWritable => self.writable = want,
            Word::IsExecutable => self.executable = want,
            _ => {}
        }
    }
}

impl Aiming<'_, '_, '_> {
    /// Maps what conditions want to be mapped, now that the addresses are known.
    pub(super) fn make_mappings(&mut self, producers: &Producers<'_>, program: &mut Program) {
        let wishes = std::mem::take(&mut self.draft.ranges);
        let mut mapping = Mapping {
            pages: None,
            holes: Vec::new(),
            split: None,
            readable: true,
            writable: true,
            executable: false,
            shared: self.dice.chance(15),
            file: self.dice.chance(15),
            locked: false,
            grows: false,
        };
        for wish in &wishes {
            self.wish_for_pages(wish, &mut mapping);
        }
        make(&mapping, producers, program);
    }

    fn wish_for_pages(&mut self, wish: &RangeWish, mapping: &mut Mapping) {
        let [start, len, rest @ ..] = &wish.operands[..] else { return };
        let Some(range) = self.value(start).zip(self.value(len)).and_then(|(start, len)| pages(start, len)) else {
            return;
        };
        let count = (range.end - range.start) / PAGE;
        let page = range.start + self.dice.below(count as usize) as u64 * PAGE;
        match (wish.function, wish.want) {
            (Function::VmaFree, true) => mapping.holes.push(range),
            (Function::VmaFree, false) => mapping.need(page..page + PAGE),
            (Function::VmaMapped, false) => {
                mapping.need(range);
                mapping.holes.push(page..page + PAGE);
            }
            (Function::VmaSingle, false) => {
                mapping.need(range.clone());
                if page > range.start && self.dice.chance(60) {
                    mapping.split = Some(page);
                } else {
                    mapping.holes.push(page..page + PAGE);
                }
            }
            (Function::VmaIs, want) => {
                mapping.need(range);
                if let Some(Expr::Word(word)) = rest.first() {
                    mapping.property(*word, want);
                }
            }
            _ => mapping.need(range),
        }
    }
}

/// The pages of a range, if they are the playground's.
fn pages(start: i128, len: i128) -> Option<Range<u64>> {
    let start = u64::try_from(start).ok().filter(|start| in_playground(*start))?;
    let end = start.checked_add(u64::try_from(len).ok()?.max(1))?;
    let end = (end <= PLAYGROUND_BASE + PLAYGROUND_PAGES * PAGE).then(|| end.next_multiple_of(PAGE))?;
    Some(start - start % PAGE..end)
}

fn make(mapping: &Mapping, producers: &Producers<'_>, program: &mut Program) {
    let number = Argument::Number;
    let flag = |name: &str, set: bool| if set { producers.constant(name) } else { 0 };
    if let Some(pages) = &mapping.pages {
        let file = if mapping.file { producers.memory(program) } else { None };
        let flags = flag("MAP_SHARED", mapping.shared)
            | flag("MAP_PRIVATE", !mapping.shared)
            | flag("MAP_ANONYMOUS", file.is_none())
            | flag("MAP_LOCKED", mapping.locked)
            | flag("MAP_GROWSDOWN", mapping.grows)
            | producers.constant("MAP_FIXED");
        // On most processors pages that can be written can be read.
        let prot = flag("PROT_READ", mapping.readable)
            | flag("PROT_WRITE", mapping.writable && mapping.readable)
            | flag("PROT_EXEC", mapping.executable);
        let fd = file.unwrap_or(number(u64::MAX));
        let length = number(pages.end - pages.start);
        let args = vec![number(pages.start), length, number(prot), number(flags), fd, number(0)];
        let _ = producers.push(program, "mmap", args);
        if let Some(at) = mapping.split {
            let other = number(flag("PROT_READ", !mapping.readable || mapping.writable));
            let _ = producers.push(program, "mprotect", vec![number(at), number(pages.end - at), other]);
        }
    }
    for hole in &mapping.holes {
        let _ = producers.push(program, "munmap", vec![number(hole.start), number(hole.end - hole.start)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_whole_pages_of_the_playground() {
        let base = i128::from(PLAYGROUND_BASE);
        let whole = |from: u64, to: u64| Some(PLAYGROUND_BASE + from * PAGE..PLAYGROUND_BASE + to * PAGE);
        assert_eq!(pages(base, 1), whole(0, 1));
        assert_eq!(pages(base + 4095, 2), whole(0, 2));
        assert_eq!(pages(base + 4096, 0), whole(1, 2));
        assert_eq!(pages(base, i128::from(PLAYGROUND_PAGES * PAGE) + 1), None);
        assert_eq!(pages(0, 4096), None);
        assert_eq!(pages(base, -1), None);
    }
}
