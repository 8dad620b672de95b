//! The caller's mappings, as far as they are known: an interval map over the playground and whatever programs map.
//!
//! An address is free, mapped, or unknown (everything that no interval covers). Beyond the address space nothing can belong to a
//! mapping: there pages are free and not mapped. Neighbours with equal properties may be one mapping or two: the kernel decides.

use super::numbers::Numbers;
use abispec::expr::Word;

/// Properties of a mapping; `None` is unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mapping {
    /// Readable.
    pub read: Option<bool>,
    /// Writable.
    pub write: Option<bool>,
    /// Executable.
    pub exec: Option<bool>,
    /// Shared; otherwise private.
    pub shared: Option<bool>,
    /// Without a file.
    pub anonymous: Option<bool>,
    /// Locked in memory.
    pub locked: Option<bool>,
    /// Grows downwards.
    pub growsdown: Option<bool>,
}

impl Mapping {
    /// From the arguments of mmap; what is not given is unknown.
    pub fn new(numbers: &Numbers, prot: Option<i128>, flags: Option<i128>) -> Self {
        let flag = |bit: i128| flags.map(|flags| flags & bit != 0);
        let shared = flags.map(|flags| flags & (numbers.map_shared | numbers.map_private) != numbers.map_private);
        // Huge pages are those of a file of the kernel's: neither surely anonymous nor surely a file's.
        let huge = flag(numbers.map_hugetlb);
        let mut mapping = Self {
            shared,
            anonymous: flag(numbers.map_anonymous).filter(|_| huge == Some(false)),
            locked: flag(numbers.map_locked),
            growsdown: flag(numbers.map_growsdown),
            ..Self::default()
        };
        mapping.protect(numbers, prot);
        mapping
    }

    fn protect(&mut self, numbers: &Numbers, prot: Option<i128>) {
        let bit = |bit: i128| prot.map(|prot| prot & bit != 0);
        self.read = bit(numbers.prot_read);
        self.write = bit(numbers.prot_write);
        self.exec = bit(numbers.prot_exec);
    }

    /// Whether it has a property. Shared memory without a file of the caller's has one of the kernel's: it is neither surely
    /// `anonymous` nor surely a `file`.
    pub fn is(&self, word: Word) -> Option<bool> {
        match word {
            Word::Anonymous | Word::File if self.anonymous? && self.shared? => None,
            Word::Anonymous => self.anonymous,
            Word::File => self.anonymous.map(|anonymous| !anonymous),
            Word::Shared => self.shared,
            Word::Private => self.shared.map(|shared| !shared),
            Word::Locked => self.locked,
            Word::Growsdown => self.growsdown,
            Word::IsReadable => self.read,
            Word::IsWritable => self.write,
            Word::IsExecutable => self.exec,
            _ => None,
        }
    }
}

/// An interval of pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    start: u64,
    end: u64,
    /// `None` is free.
    mapping: Option<Mapping>,
}

/// What part of a range is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part<'a> {
    Unknown,
    Free,
    Mapped(&'a Mapping),
}

/// The mappings of the caller.
#[derive(Clone, Debug, PartialEq)]
pub struct Mappings {
    /// In order, without overlap.
    spans: Vec<Span>,
    page: u64,
    task_size: u64,
    /// Pages may fault although they are mapped.
    guarded: bool,
    /// Advice may have divided mappings.
    divided: bool,
}

impl Mappings {
    /// Mappings of which only these ranges are known, and free.
    pub fn new(free: &[(u64, u64)], page: u64, task_size: u64) -> Self {
        let mut mappings = Self { spans: Vec::new(), page, task_size, guarded: false, divided: false };
        for (start, end) in free {
            mappings.set(*start, *end, Some(None));
        }
        mappings
    }

    /// The pages of a range; `None` if it has none.
    fn pages(&self, address: i128, len: i128) -> Option<(u64, u64)> {
        if address < 0 || len <= 0 {
            return None;
        }
        let page = i128::from(self.page);
        let end = (address.checked_add(len)?.checked_add(page - 1)?) / page * page;
        let start = address / page * page;
        // The very last byte is nobody's.
        Some((u64::try_from(start).ok()?, u64::try_from(end.min(i128::from(u64::MAX))).ok()?))
    }

    /// Every part of a range, in order; stops when `look` says so.
    fn parts<'a>(&'a self, start: u64, end: u64, mut look: impl FnMut(Part<'a>) -> bool) {
        let mut at = start;
        let first = self.spans.partition_point(|span| span.end <= start);
        let below = end.min(self.task_size);
        for span in self.spans.iter().skip(first).take_while(|span| span.start < end) {
            if at < span.start && at < below && !look(Part::Unknown) {
                return;
            }
            if !look(span.mapping.as_ref().map_or(Part::Free, Part::Mapped)) {
                return;
            }
            at = span.end;
        }
        if at < below && !look(Part::Unknown) {
            return;
        }
        if end > self.task_size && at < end {
            look(Part::Free);
        }
    }

    /// Whether every page belongs to a mapping.
    pub fn mapped(&self, address: i128, len: i128) -> Option<bool> {
        if len == 0 {
            return Some(true);
        }
        let (start, end) = self.pages(address, len)?;
        let mut answer = Some(true);
        self.parts(start, end, |part| {
            match part {
                Part::Free => answer = Some(false),
                Part::Unknown => answer = None,
                Part::Mapped(_) => {}
            }
            part != Part::Free
        });
        answer
    }

    /// Whether no page belongs to a mapping.
    pub fn free(&self, address: i128, len: i128) -> Option<bool> {
        if len == 0 {
            return Some(true);
        }
        let (start, end) = self.pages(address, len)?;
        let mut answer = Some(true);
        self.parts(start, end, |part| {
            match part {
                Part::Mapped(_) => answer = Some(false),
                Part::Unknown => answer = None,
                Part::Free => {}
            }
            !matches!(part, Part::Mapped(_))
        });
        answer
    }

    /// Whether the range lies within one mapping.
    pub fn single(&self, address: i128, len: i128) -> Option<bool> {
        let (start, end) = self.pages(address, len)?;
        let (mut count, mut first, mut answer) = (0, None, Some(true));
        self.parts(start, end, |part| {
            match part {
                Part::Free => answer = Some(false),
                Part::Unknown => answer = None,
                Part::Mapped(mapping) => {
                    count += 1;
                    if surely_differ(first.get_or_insert(mapping), mapping) {
                        answer = Some(false);
                    }
                }
            }
            answer != Some(false)
        });
        let several_pages = end - start > self.page;
        match answer {
            Some(true) if count > 1 || self.divided && several_pages => None,
            answer => answer,
        }
    }

    /// Whether every mapping in the range has a property; unknown where a page belongs to none.
    pub fn all(&self, address: i128, len: i128, word: Word) -> Option<bool> {
        if len == 0 {
            return Some(true);
        }
        let (start, end) = self.pages(address, len)?;
        let (mut answer, mut whole) = (Some(true), true);
        self.parts(start, end, |part| {
            match part {
                Part::Free | Part::Unknown => whole = false,
                Part::Mapped(mapping) => match mapping.is(word) {
                    Some(true) => {}
                    Some(false) => answer = Some(false),
                    None if answer == Some(true) => answer = None,
                    None => {}
                },
            }
            whole
        });
        if whole { answer } else { None }
    }

    /// Whether a range can be read and written through its mappings.
    pub fn access(&self, address: u64, len: u64) -> (Option<bool>, Option<bool>) {
        let Some((start, end)) = self.pages(i128::from(address), i128::from(len)) else { return (None, None) };
        let (mut readable, mut writable) = (Some(true), Some(true));
        let and = |all: &mut Option<bool>, one: Option<bool>| {
            *all = match (*all, one) {
                (Some(false), _) | (_, Some(false)) => Some(false),
                (Some(true), one) => one,
                (None, _) => None,
            };
        };
        self.parts(start, end, |part| {
            let (read, write) = match part {
                Part::Free => (Some(false), Some(false)),
                Part::Unknown => (None, None),
                Part::Mapped(mapping) => {
                    let (read, write) = accesses(mapping);
                    let sure = |access: Option<bool>| access.filter(|can| !(self.guarded && *can));
                    (sure(read), sure(write))
                }
            };
            and(&mut readable, read);
            and(&mut writable, write);
            readable != Some(false) || writable != Some(false)
        });
        (readable, writable)
    }

    /// Records a mapping.
    pub fn map(&mut self, address: i128, len: i128, mapping: Mapping) {
        let Some((start, end)) = self.pages(address, len) else { return };
        self.set(start, end, Some(Some(mapping)));
        if mapping.growsdown != Some(false) {
            // It may grow into what lies below it.
            let gap = self.spans.iter().find(|span| span.end == start && span.mapping.is_none()).copied();
            if let Some(gap) = gap {
                self.set(gap.start, gap.end, None);
            }
        }
    }

    /// Records that a range is free.
    pub fn unmap(&mut self, address: i128, len: i128) {
        if let Some((start, end)) = self.pages(address, len) {
            self.set(start, end, Some(None));
        }
    }

    /// Records a protection.
    pub fn protect(&mut self, address: i128, len: i128, numbers: &Numbers, prot: Option<i128>) {
        let Some((start, end)) = self.pages(address, len) else { return };
        let mut parts = Vec::new();
        let mut at = start;
        for span in self.spans.iter().filter(|span| span.start < end && span.end > start) {
            let (from, to) = (span.start.max(start), span.end.min(end));
            if at < from {
                parts.push((at, from, Mapping::default()));
            }
            parts.push((from, to, span.mapping.unwrap_or_default()));
            at = to;
        }
        if at < end {
            parts.push((at, end, Mapping::default()));
        }
        for (from, to, mut mapping) in parts {
            mapping.protect(numbers, prot);
            self.set(from, to, Some(Some(mapping)));
        }
    }

    /// Makes a range unknown.
    pub fn blur(&mut self, address: i128, len: i128) {
        if let Some((start, end)) = self.pages(address, len) {
            self.set(start, end, None);
        }
    }

    /// Makes everything unknown.
    pub fn lose(&mut self) {
        self.spans.clear();
    }

    /// Notes that mappings may be divided where nothing shows it.
    pub fn divide(&mut self) {
        self.divided = true;
    }

    /// Locks were set or taken away: which mappings are locked is unknown, and where one ends and the next begins.
    pub fn forget_locks(&mut self) {
        self.divided = true;
        for mapping in self.spans.iter_mut().filter_map(|span| span.mapping.as_mut()) {
            mapping.locked = None;
        }
    }

    /// Notes that pages may fault although they are mapped.
    pub fn guard(&mut self) {
        self.guarded = true;
    }

    /// Puts a state (`None`: unknown) in place of whatever the range was.
    fn set(&mut self, start: u64, end: u64, state: Option<Option<Mapping>>) {
        if start >= end {
            return;
        }
        let mut spans = Vec::with_capacity(self.spans.len() + 2);
        let keep = |spans: &mut Vec<Span>, span: Span| {
            if span.start < span.end {
                spans.push(span);
            }
        };
        for span in &self.spans {
            keep(&mut spans, Span { end: span.end.min(start), ..*span });
            keep(&mut spans, Span { start: span.start.max(end), ..*span });
        }
        if let Some(mapping) = state {
            spans.push(Span { start, end, mapping });
        }
        spans.sort_unstable_by_key(|span| span.start);
        spans.dedup_by(|next, last| {
            // Free pages have no borders.
            let joined = last.mapping.is_none() && next.mapping.is_none() && last.end == next.start;
            if joined {
                last.end = next.end;
            }
            joined
        });
        self.spans = spans;
    }
}

/// Whether two mappings differ in something that is known of both.
fn surely_differ(a: &Mapping, b: &Mapping) -> bool {
    let pairs = [
        (a.read, b.read),
        (a.write, b.write),
        (a.exec, b.exec),
        (a.shared, b.shared),
        (a.anonymous, b.anonymous),
        (a.locked, b.locked),
        (a.growsdown, b.growsdown),
    ];
    pairs.into_iter().any(|(a, b)| a.is_some() && b.is_some() && a != b)
}

/// Whether a mapping can be read and written: a file may end before its mapping does, and what is only writable or only
/// executable is readable on some ports.
fn accesses(mapping: &Mapping) -> (Option<bool>, Option<bool>) {
    let nothing = [mapping.read, mapping.write, mapping.exec] == [Some(false); 3];
    let held = (mapping.anonymous == Some(true)).then_some(true);
    let read = match mapping.read {
        Some(true) => held,
        _ if nothing => Some(false),
        _ => None,
    };
    let write = match mapping.write {
        Some(true) => held,
        Some(false) => Some(false),
        None => None,
    };
    (read, write)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::numbers::testing::numbers;

    const PAGE: i128 = 4096;
    const BASE: i128 = 0x10_0000;
    const SIZE: u64 = 1 << 47;

    fn mappings() -> Mappings {
        Mappings::new(&[(BASE as u64, (BASE + 16 * PAGE) as u64)], 4096, SIZE)
    }

    fn anonymous(prot: i128) -> Mapping {
        Mapping::new(&numbers(), Some(prot), Some(0x22))
    }

    fn facts(mappings: &Mappings, page: i128, pages: i128) -> (Option<bool>, Option<bool>, Option<bool>) {
        let (address, len) = (BASE + page * PAGE, pages * PAGE);
        (mappings.mapped(address, len), mappings.free(address, len), mappings.single(address, len))
    }

    const YES: Option<bool> = Some(true);
    const NO: Option<bool> = Some(false);

    #[test]
    fn mapping_and_unmapping() {
        let mut mappings = mappings();
        assert_eq!(facts(&mappings, 0, 16), (NO, YES, NO));
        mappings.map(BASE, 4 * PAGE, anonymous(3));
        mappings.map(BASE + 4 * PAGE, PAGE + 1, anonymous(3));
        mappings.map(BASE + 8 * PAGE, PAGE, anonymous(1));
        let table = [
            (0, 4, YES, NO, YES),
            (1, 2, YES, NO, YES),
            (0, 6, YES, NO, None),
            (5, 2, NO, NO, NO),
            (6, 2, NO, YES, NO),
            (8, 1, YES, NO, YES),
            (15, 1, NO, YES, NO),
            (15, 2, NO, None, NO),
            (16, 1, None, None, None),
            (-1, 2, None, NO, None),
        ];
        for (page, pages, mapped, free, single) in table {
            assert_eq!(facts(&mappings, page, pages), (mapped, free, single), "{page}+{pages}");
        }
        mappings.unmap(BASE + PAGE, PAGE);
        assert_eq!(facts(&mappings, 0, 3), (NO, NO, NO));
        assert_eq!(facts(&mappings, 0, 1), (YES, NO, YES));
    }

    #[test]
    fn beyond_the_address_space() {
        let mappings = mappings();
        let end = i128::from(SIZE);
        assert_eq!(mappings.mapped(end, PAGE), NO);
        assert_eq!(mappings.free(end, PAGE), YES);
        assert_eq!(mappings.mapped(end - PAGE, 2 * PAGE), NO);
        assert_eq!(mappings.free(end - PAGE, 2 * PAGE), None);
        assert_eq!(mappings.mapped(BASE, i128::from(u64::MAX)), NO);
        assert_eq!(mappings.mapped(77, 0), YES);
        assert_eq!(mappings.mapped(-1, 5), None);
    }

    #[test]
    fn protections_divide_mappings() {
        let (mut mappings, numbers) = (mappings(), numbers());
        mappings.map(BASE, 4 * PAGE, anonymous(3));
        mappings.protect(BASE + PAGE, PAGE, &numbers, Some(1));
        assert_eq!(mappings.single(BASE, 2 * PAGE), NO);
        assert_eq!(mappings.all(BASE, 4 * PAGE, Word::IsWritable), NO);
        assert_eq!(mappings.all(BASE, 4 * PAGE, Word::IsReadable), YES);
        assert_eq!(mappings.all(BASE, 5 * PAGE, Word::IsReadable), None);
        assert_eq!(mappings.access((BASE + PAGE) as u64, 8), (YES, NO));
        assert_eq!(mappings.access(BASE as u64, 8192), (YES, NO));
        mappings.protect(BASE + PAGE, PAGE, &numbers, Some(3));
        assert_eq!(mappings.single(BASE, 4 * PAGE), None);
        mappings.protect(BASE, 4 * PAGE, &numbers, Some(0));
        assert_eq!(mappings.access(BASE as u64, 8), (NO, NO));
    }

    #[test]
    fn properties_of_a_mapping() {
        let numbers = numbers();
        let table: &[(i128, Word, Option<bool>)] = &[
            (0x22, Word::Anonymous, YES),
            (0x22, Word::File, NO),
            (0x21, Word::Anonymous, None),
            (0x21, Word::Shared, YES),
            (0x03, Word::Shared, YES),
            (0x02, Word::Private, YES),
            (0x02, Word::File, YES),
            (0x2022, Word::Locked, YES),
            (0x122, Word::Growsdown, YES),
        ];
        for (flags, word, expected) in table {
            assert_eq!(Mapping::new(&numbers, Some(3), Some(*flags)).is(*word), *expected, "{flags:#x} {word:?}");
        }
        let file = Mapping::new(&numbers, Some(3), Some(2));
        assert_eq!(accesses(&file), (None, None));
    }

    #[test]
    fn what_grows_spoils_what_lies_below() {
        let mut mappings = mappings();
        mappings.map(BASE + 8 * PAGE, PAGE, Mapping::new(&numbers(), Some(3), Some(0x122)));
        assert_eq!(facts(&mappings, 0, 1).1, None);
        assert_eq!(facts(&mappings, 9, 1).1, YES);
    }

    #[test]
    fn advice_may_divide() {
        let mut mappings = mappings();
        mappings.map(BASE, 4 * PAGE, anonymous(3));
        mappings.divide();
        assert_eq!(mappings.single(BASE, 4 * PAGE), None);
        assert_eq!(mappings.single(BASE, PAGE), YES);
    }
}
