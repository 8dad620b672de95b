//! The checker: events of followed tasks in, divergences out. It asks a [`Witness`] and makes no system call itself.

mod notes;
mod unspecified;

use super::book::{Book, Entry};
use super::judge::{Arguments, Judged, Returned, judge, nothing_known, numbers_of};
use super::memory::{Access, Piece, Range};
use super::names::Names;
use super::profile::Profile;
use super::roles::{self, CloneFlags, Role};
use super::table::{Reach, Table};
use super::tally::Tally;
use super::tasks::{Pending, Tasks};
use super::witness::{Answer, Descriptor, Question, Status, Witness};
use crate::exec;
use crate::oracle::{self, Verdict};
use crate::plant::Plant;
use crate::world::World;
use crate::world::descriptors::{Descriptors, Slot};
use abispec::expr::{Moment, Word, evaluate};
use abispec::model::Effect;
use abispec::target::{ClauseId, Variant};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Something that happened to a followed task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Event {
    /// It is followed from here on, with its thread group: an attached task, or the first program of a command.
    Found {
        /// Its thread group.
        group: i32,
    },
    /// It makes a call.
    Entry {
        /// The number.
        nr: u64,
        /// All registers.
        args: [u64; 6],
        /// Whether it enters as programs of this port do.
        native: bool,
    },
    /// It has made the call.
    Exit {
        /// What came back.
        ret: i64,
    },
    /// It has made a task.
    Spawned {
        /// The new one.
        child: i32,
    },
    /// It has begun another program.
    Executed {
        /// Its number before: a thread that executes takes over its group's number.
        former: i32,
    },
    /// It is gone.
    Ended,
}

/// What is checked beside the kernel.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Also what the program does wrong.
    pub lint: bool,
    /// Which calls with which flags the program needs.
    pub profile: bool,
    /// Filters of the tracer's own that sit on every followed task.
    pub own_filters: u32,
    /// Planted violations, for tests.
    pub plants: Vec<Plant>,
}

/// A divergence.
#[derive(Clone, Debug)]
pub struct Found {
    /// What is wrong.
    pub verdict: Verdict,
    /// The call.
    pub call: usize,
    /// Its variant.
    pub variant: usize,
    /// The thread group and the task that made it.
    pub group: i32,
    /// The task.
    pub tid: i32,
    /// The call as people read it.
    pub text: String,
    /// What came back.
    pub answer: String,
    /// Filters on the task beside the tracer's own.
    pub filters: u32,
    /// How often the same was seen.
    pub count: u64,
}

/// What makes two divergences the same: call, variant, id, clause, and what came instead.
type Key = (usize, usize, &'static str, Option<ClauseId>, String);

/// The checker.
#[derive(Debug)]
pub struct Checker<'a, W> {
    book: &'a Book<'a>,
    /// Who answers.
    pub witness: W,
    settings: Settings,
    blank: World,
    tasks: Tasks,
    /// Counts.
    pub tally: Tally,
    found: BTreeMap<Key, Found>,
    /// What the program needs.
    pub profile: Profile,
    /// How often limits were changed, by anybody.
    limits: u64,
}

/// Returns that the kernel uses inside itself: the call is made again, or fails with EINTR, when a signal has been handled.
const RESTARTS: [i64; 4] = [-512, -513, -514, -516];
/// Bytes of the words that locks are.
const WORD: u64 = 8;
/// Of what is looked at by the way: the first so many of each call, and then one in so many.
const LOOKS: u64 = 64;

impl<'a, W: Witness> Checker<'a, W> {
    /// A checker that has seen nothing.
    pub fn new(book: &'a Book<'a>, witness: W, settings: Settings) -> Self {
        Self {
            book,
            witness,
            settings,
            blank: nothing_known(book),
            tasks: Tasks::default(),
            tally: Tally::new(book.resolved),
            found: BTreeMap::new(),
            profile: Profile::default(),
            limits: 0,
        }
    }

    /// Takes in an event; says whether the end of the call that was entered is wanted.
    pub fn on(&mut self, tid: i32, event: Event) -> bool {
        self.witness.event(tid, &event);
        match event {
            Event::Found { group } => {
                if self.tasks.found(tid, group) {
                    self.tally.processes += 1;
                } else {
                    self.tally.threads += 1;
                }
            }
            Event::Entry { nr, args, native } => return self.entry(tid, nr, args, native),
            Event::Exit { ret } => self.exit(tid, ret),
            Event::Spawned { child } => self.spawned(tid, child),
            Event::Executed { former } => {
                self.tally.programs += 1;
                self.tasks.executed(tid, former);
            }
            Event::Ended => self.tasks.ended(tid),
        }
        false
    }

    /// What was found, in the order of the specification.
    pub fn found(&self) -> impl Iterator<Item = &Found> {
        self.found.values()
    }

    fn ask(&mut self, tid: i32, question: Question) -> Option<Answer> {
        match self.witness.ask(tid, question) {
            Answer::Nothing => None,
            answer => Some(answer),
        }
    }

    fn status(&mut self, tid: i32) -> Option<Status> {
        match self.ask(tid, Question::Status)? {
            Answer::Status(status) => Some(status),
            _ => None,
        }
    }

    fn descriptor(&mut self, tid: i32, fd: i32) -> Option<Descriptor> {
        match self.ask(tid, Question::Descriptor(fd))? {
            Answer::Descriptor(found) => Some(found),
            _ => None,
        }
    }

    fn entry(&mut self, tid: i32, nr: u64, args: [u64; 6], native: bool) -> bool {
        let number = u32::try_from(nr).unwrap_or(u32::MAX);
        if !native {
            self.tally.foreign += 1;
            if let Some(table) = self.tasks.table_of(tid) {
                table.descriptors_mut().lose();
                table.stale = true;
            }
            return false;
        }
        self.tally.made(number);
        if self.settings.profile {
            self.profile.needs(self.book, number, &args);
        }
        let Some(entry) = self.book.entry(nr) else { return false };
        if !self.tasks.is_known(tid) {
            return false;
        }
        if entry.role == Some(Role::Spawns) {
            let flags = match roles::clone_flags(number, &args) {
                CloneFlags::Known(flags) => Some(flags),
                CloneFlags::At(address) => {
                    let mut bytes = [0; 8];
                    (self.witness.read(tid, address, &mut bytes) == 8).then(|| u64::from_le_bytes(bytes))
                }
            };
            self.tasks.spawning(tid, flags);
            if !entry.checked {
                return false;
            }
        }
        self.refresh(tid);
        let described = self.book.variant(entry, &args);
        if let Some((call, variant)) = described {
            let sight = &entry.sights[variant];
            self.look_at_descriptors(tid, &call.variants[variant], entry, variant, &args);
            let pieces = if entry.checked { self.capture(tid, entry, variant, &args) } else { Vec::new() };
            let signals = match sight.asks_signals {
                true => self.ask(tid, Question::BlockedSignals).and_then(|answer| match answer {
                    Answer::Number(mask) => Some(mask),
                    _ => None,
                }),
                false => None,
            };
            let reach = self.reach(entry, variant, &args);
            let (alone, own_memory) = (self.tasks.is_alone(tid), self.tasks.owns_memory(tid));
            let more = |pending| Pending { pieces, signals, variant: Some(variant), alone, own_memory, ..pending };
            return self.begin(tid, number, args, reach, more);
        }
        let reach = match entry.role {
            Some(Role::Opens | Role::Controls | Role::Receives | Role::ReceivesMany) => {
                Reach { opens: true, ..Reach::default() }
            }
            Some(Role::Escapes | Role::Unshares) => Reach { all: true, ..Reach::default() },
            Some(Role::Limits | Role::Spawns) | None => Reach::default(),
        };
        self.begin(tid, number, args, reach, |pending| pending)
    }

    /// Keeps a call that was entered until it returns, with what else is known of it.
    fn begin(
        &mut self,
        tid: i32,
        nr: u32,
        args: [u64; 6],
        reach: Reach,
        more: impl FnOnce(Pending) -> Pending,
    ) -> bool {
        let Some(table) = self.tasks.table_of(tid) else { return false };
        let descriptors = table.descriptors.clone();
        table.begin(tid, reach);
        let limits = self.limits;
        let (pieces, signals, variant) = (Vec::new(), None, None);
        let pending =
            Pending { nr, args, pieces, descriptors, signals, variant, alone: false, own_memory: false, limits };
        self.tasks.set_pending(tid, more(pending));
        true
    }

    /// Looks at a whole table anew, where it is stale and nobody is changing it.
    fn refresh(&mut self, tid: i32) {
        let Some(table) = self.tasks.table_of(tid) else { return };
        if !table.stale || !table.is_still() {
            return;
        }
        if let Some(Answer::Descriptors(all)) = self.ask(tid, Question::Descriptors)
            && let Some(table) = self.tasks.table_of(tid)
        {
            table.learn_all(&all);
        }
    }

    /// Looks at the descriptors that a call is about, where the model does not know them: and where it takes them for closed,
    /// since one that was opened unseen would look like a divergence.
    fn look_at_descriptors(&mut self, tid: i32, variant: &Variant, entry: &Entry, index: usize, args: &[u64; 6]) {
        let sight = &entry.sights[index];
        for param in &sight.descriptors {
            let Some(found) = variant.params.get(usize::from(*param)) else { continue };
            let fd = found.int.value_of(args[usize::from(*param)], 4);
            let Some(number) = i32::try_from(fd).ok().filter(|fd| *fd >= 0) else { continue };
            let Some(table) = self.tasks.table_of(tid) else { return };
            if !table.is_quiet(fd) {
                continue;
            }
            match table.descriptors.slot(fd) {
                Slot::Open(_) => {
                    let unknown = table.descriptors.description(fd).is_some_and(|found| found.kind.is_none());
                    if unknown
                        && sight.looks_closer
                        && let Some(kind) = self.ask(tid, Question::Kind(number)).map(|answer| answer.kind())
                        && let Some(table) = self.tasks.table_of(tid)
                    {
                        table.learn_kind(number, kind);
                    }
                }
                slot @ (Slot::Closed | Slot::Unknown) => {
                    let Some(seen) = self.descriptor(tid, number) else { continue };
                    let surprise = slot == Slot::Closed && seen != Descriptor::Closed;
                    if let Some(table) = self.tasks.table_of(tid) {
                        table.learn(number, seen);
                        table.stale |= surprise;
                    }
                    self.tally.surprises += u64::from(surprise);
                }
            }
        }
    }

    /// Reads the memory that a call is about.
    fn capture(&mut self, tid: i32, entry: &Entry, variant: usize, args: &[u64; 6]) -> Vec<Piece> {
        let sight = &entry.sights[variant];
        let mut pieces = Vec::with_capacity(sight.captures.len());
        for capture in &sight.captures {
            let address = args[usize::from(capture.param)];
            if address == 0 {
                continue;
            }
            let (bytes, wanted) = match &capture.bytes {
                None => match self.witness.ask(tid, Question::Text(address)) {
                    Answer::Bytes(bytes) => (bytes, 1),
                    _ => continue,
                },
                Some(expr) => {
                    let arguments = Arguments { book: self.book, variant: &sight.success, args };
                    let wanted = evaluate(expr, &arguments, Moment::Before);
                    let wanted = wanted.and_then(|wanted| u64::try_from(wanted).ok()).unwrap_or(0);
                    let mut bytes = vec![0; usize::try_from(wanted.min(capture.limit)).unwrap_or(0)];
                    let read = self.witness.read(tid, address, &mut bytes);
                    bytes.truncate(read);
                    (bytes, wanted)
                }
            };
            pieces.push(Piece { address, bytes, wanted, written: capture.written });
        }
        pieces
    }

    /// What a call may do to the table.
    fn reach(&self, entry: &Entry, variant: usize, args: &[u64; 6]) -> Reach {
        let sight = &entry.sights[variant];
        let opens = sight.opens || entry.role == Some(Role::Controls);
        let mut reach = Reach { opens, ..Reach::default() };
        if !sight.changes_table {
            return reach;
        }
        let arguments = Arguments { book: self.book, variant: &sight.success, args };
        let value = |expr| evaluate(expr, &arguments, Moment::Before);
        for rule in &sight.success.effects {
            match &rule.effect.effect {
                Effect::Closes { fd: Some(fd), .. } | Effect::Duplicates { to: fd, .. } => match value(fd) {
                    Some(fd) => reach.numbers.push(fd),
                    // Its own result.
                    None => reach.opens = true,
                },
                Effect::Closes { .. } => reach.all = true,
                _ => {}
            }
        }
        reach
    }

    fn exit(&mut self, tid: i32, ret: i64) {
        let Some(pending) = self.tasks.take_pending(tid) else { return };
        let Some(entry) = self.book.entry(pending.nr.into()) else { return };
        let Some(table) = self.tasks.table_of(tid) else { return };
        let (own, met) = table.end(tid);
        if RESTARTS.contains(&ret) {
            self.tally.interrupted += 1;
            if own.all {
                table.stale = true;
            }
            return;
        }
        if matches!(entry.role, Some(Role::Limits)) {
            self.limits += 1;
        }
        match pending.variant {
            Some(variant) => self.specified(tid, entry, variant, &pending, ret, (own, met)),
            None => {
                if let oracle::Answer::Error(errno) = oracle::Answer::of(ret) {
                    self.tally.failed(pending.nr, errno);
                }
                self.unspecified(tid, entry, &pending, ret);
            }
        }
    }

    fn specified(&mut self, tid: i32, entry: &Entry, index: usize, pending: &Pending, ret: i64, reach: (Reach, Reach)) {
        let Some(call_index) = entry.call else { return };
        let call = &self.book.resolved.calls[call_index];
        let (variant, sight) = (&call.variants[index], &entry.sights[index]);
        let truth = ret;
        let ret = match entry.checked {
            true => Plant::seen(&self.settings.plants, exec::Entry::Native, call, &pending.args, ret),
            false => ret,
        };
        let answer = oracle::Answer::of(ret);
        let count = self.tally.calls.get(&pending.nr).map_or(0, |call| call.count);
        if let oracle::Answer::Error(errno) = answer {
            self.tally.failed(pending.nr, errno);
        }
        let (own, met) = reach;
        let faulted = ret == -i64::from(libc::EFAULT);
        let returned = Returned {
            variant,
            sight,
            args: pending.args,
            ret,
            descriptors: Table::as_known(&pending.descriptors, &met),
            pieces: &pending.pieces,
            access: if faulted { self.access(tid, variant, pending) } else { Access::default() },
            own_memory: pending.own_memory && self.tasks.owns_memory(tid),
            signals: pending.signals,
            open_limit: self.open_limit(tid).filter(|_| pending.limits == self.limits),
            limits: pending.limits == self.limits,
            looks: pending.alone && self.tasks.is_alone(tid) && (count <= LOOKS || count.is_multiple_of(LOOKS)),
        };
        let mut seen = Vec::new();
        let mut judged = judge(self.book, &self.blank, &returned, &mut self.witness, tid, &mut seen);
        if entry.checked {
            self.tally.judged += 1;
            let word = self.book.numbers.word;
            let value = |position: u8| {
                let position = usize::from(position);
                variant.params[position].int.value_of(pending.args[position], word)
            };
            self.tally.passed(call_index, index, variant, value);
            if matches!(answer, oracle::Answer::Value(_)) {
                self.tally.coverage.successes[call_index][index] += 1;
            }
            match judged.verdict.take() {
                None => seen.into_iter().for_each(|clause| self.tally.coverage.mark(clause)),
                Some(verdict) => {
                    let settled = self.settle(tid, &returned, &judged, verdict);
                    self.note(tid, (call_index, index), pending, answer, settled);
                }
            }
            if self.settings.lint {
                self.lint(tid, (call_index, index), pending, answer);
            }
        }
        let opened = judged.opened;
        let unshares = u32::try_from(libc::SYS_close_range) == Ok(pending.nr);
        if unshares && ret == 0 && pending.args[2] & u64::from(libc::CLOSE_RANGE_UNSHARE) != 0 {
            self.tasks.unshare(tid);
        }
        if let Some(table) = self.tasks.table_of(tid) {
            if truth != ret {
                table.stale = true;
            } else if judged.opened_others && own.numbers.is_empty() && !own.all {
                table.descriptors_mut().may_open();
            } else if let Some(after) = judged.after {
                if met.is_nothing() {
                    table.descriptors = after;
                } else {
                    // Others went on meanwhile: only what this call itself did is taken over.
                    let numbers: Vec<i128> = own.numbers.iter().chain(&opened).copied().collect();
                    carry(table, &after, &numbers);
                }
            }
            // A command that no block describes may have made a descriptor.
            if entry.role == Some(Role::Controls) && variant.command.is_none() && ret > 2 {
                table.descriptors_mut().blur(ret.into());
            }
            table.blur_conflicts(&own, &opened, &met);
            // Events that are read may bring descriptors with them.
            table.stale |= truth > 0 && variant.effects.iter().any(|rule| reads_events(&rule.effect.effect)) && {
                let first = sight.descriptors.first().map(|param| pending.args[usize::from(*param)]);
                let fd = first.map_or(-1, |register| i128::from(register as u32 as i32));
                let kind = pending.descriptors.description(fd).and_then(|description| description.kind);
                kind == Some(Word::Other)
            };
        }
    }

    /// The limit of open descriptors, as it was when it was last set or asked for.
    fn open_limit(&mut self, tid: i32) -> Option<u64> {
        let limits = self.limits;
        if let Some((known, limit)) = self.tasks.open_limit(tid)
            && known == limits
        {
            return Some(limit);
        }
        let Some(Answer::Limit(soft, _)) = self.ask(tid, Question::Limit(libc::RLIMIT_NOFILE)) else { return None };
        self.tasks.set_open_limit(tid, (limits, soft));
        Some(soft)
    }

    /// What may be done in the memory that arguments point to.
    fn access(&mut self, tid: i32, variant: &Variant, pending: &Pending) -> Access {
        let mut ranges = Vec::new();
        for (index, param) in variant.params.iter().enumerate() {
            let Some(memory) = &param.memory else { continue };
            let arguments = Arguments { book: self.book, variant, args: &pending.args };
            let bytes = memory.bytes.as_ref().and_then(|bytes| evaluate(bytes, &arguments, Moment::Before));
            let len = bytes.and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or(1).max(1);
            ranges.extend(Range::look(&mut self.witness, tid, pending.args[index], len));
        }
        Access { ranges }
    }

    /// Looks at everything anew that a suspicion may rest on, and judges again by what held on both sides of the call.
    fn settle(
        &mut self,
        tid: i32,
        call: &Returned<'_>,
        judged: &Judged,
        verdict: Verdict,
    ) -> Result<Verdict, &'static str> {
        let mut known = call.descriptors.clone();
        let mut surprised = false;
        let about_after = call.looks && matches!(verdict.id, "broken-effect" | "broken-ensures");
        let expected = judged.after.as_ref().unwrap_or(&call.descriptors);
        for fd in numbers_of(call, self.book, judged) {
            let Ok(number) = i32::try_from(fd) else { continue };
            let seen = self.descriptor(tid, number);
            let contradicted = seen.is_none_or(|seen| super::table::contradicts(expected, number, seen));
            // What the call itself closed can not be looked at any more.
            let gone = seen == Some(Descriptor::Closed) && known.is_open(fd) == Some(true);
            // Where the call itself was to change it, the look is what contradicts the clause.
            let its_own =
                about_after && (judged.opened.contains(&fd) || expected.slot(fd) != call.descriptors.slot(fd));
            if (contradicted || gone) && !its_own {
                Arc::make_mut(&mut known).blur(fd);
            }
            surprised |= contradicted;
        }
        let own_memory = self.has_memory_to_itself(tid, call);
        let mut pieces: Vec<Piece> = Vec::new();
        for piece in call.pieces {
            // A word that others write too may have had another value in between, as that of a lock has.
            if !own_memory && (2..=WORD).contains(&piece.wanted) {
                continue;
            }
            let mut again = vec![0; piece.bytes.len()];
            let read = self.witness.read(tid, piece.address, &mut again);
            let same = read == piece.bytes.len() && again == piece.bytes;
            if same || piece.written && own_memory {
                pieces.push(piece.clone());
            }
        }
        let again = Returned {
            variant: call.variant,
            sight: call.sight,
            args: call.args,
            ret: call.ret,
            descriptors: known,
            pieces: &pieces,
            access: call.access.clone(),
            own_memory,
            signals: call.signals,
            open_limit: match self.ask(tid, Question::Limit(libc::RLIMIT_NOFILE)) {
                Some(Answer::Limit(soft, _)) if call.open_limit == Some(soft) => Some(soft),
                _ => None,
            },
            limits: call.limits,
            looks: call.looks,
        };
        let judged = judge(self.book, &self.blank, &again, &mut self.witness, tid, &mut Vec::new());
        if surprised && let Some(table) = self.tasks.table_of(tid) {
            table.stale = true;
        }
        match judged.verdict {
            Some(again) if (again.id, again.clause) == (verdict.id, verdict.clause) => Ok(again),
            Some(_) | None => Err(verdict.id),
        }
    }

    /// Whether all memory that arguments point to is the caller's own, so that no other process can have written there.
    fn has_memory_to_itself(&mut self, tid: i32, call: &Returned<'_>) -> bool {
        if !call.own_memory {
            return false;
        }
        let pointers: Vec<u64> = call
            .variant
            .params
            .iter()
            .zip(call.args)
            .filter(|(param, address)| param.memory.is_some() && *address != 0)
            .map(|(_, address)| address)
            .collect();
        pointers.into_iter().all(|address| {
            Range::look(&mut self.witness, tid, address, 1)
                .is_some_and(|range| Access { ranges: vec![range] }.is_private(address))
        })
    }

    fn spawned(&mut self, tid: i32, child: i32) {
        match self.tasks.spawned(tid, child) {
            true => self.tally.threads += 1,
            false => self.tally.processes += 1,
        }
    }

    /// The names of calls.
    pub fn names(&self) -> Names {
        Names::of(self.book.resolved)
    }

    /// The specification that is held against.
    pub fn book(&self) -> &'a Book<'a> {
        self.book
    }
}

/// Whether an effect is that of taking something out of a descriptor.
fn reads_events(effect: &Effect) -> bool {
    matches!(effect, Effect::Writes { .. } | Effect::Drains { .. })
}

/// Takes over from `after` what it says of some numbers.
fn carry(table: &mut Table, after: &Descriptors, numbers: &[i128]) {
    for fd in numbers {
        let descriptors = table.descriptors_mut();
        match after.slot(*fd) {
            Slot::Closed => descriptors.close(*fd),
            Slot::Unknown => descriptors.blur(*fd),
            Slot::Open(slot) => match after.description(*fd) {
                Some(description) => {
                    descriptors.open(*fd, *description, slot.cloexec);
                }
                None => descriptors.blur(*fd),
            },
        }
    }
}
