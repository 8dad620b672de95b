//! The checker: events of followed tasks in, divergences out. It asks a [`Witness`] and makes no system call itself.

mod again;
mod before;
mod notes;
mod unspecified;

use super::book::{Book, Entry};
use super::judge::{Returned, judge, nothing_known};
use super::memory::Access;
use super::names::Names;
use super::profile::Profile;
use super::roles::Role;
use super::table::{Reach, Table};
use super::tally::Tally;
use super::tasks::{Pending, Tasks};
use super::witness::{Answer, Descriptor, Question, Status, Witness};
use crate::exec;
use crate::oracle::{self, Verdict};
use crate::plant::Plant;
use crate::world::World;
use crate::world::descriptors::{Descriptors, Slot};
use abispec::expr::Word;
use abispec::model::Effect;
use abispec::target::ClauseId;
use std::collections::BTreeMap;

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
            let untold = match entry.role {
                Some(Role::Controls) => variant.command.is_none(),
                Some(Role::Opens) => !sight.opens,
                _ => false,
            };
            if untold && ret > 2 {
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
        if matches!(entry.role, Some(Role::Receives | Role::ReceivesMany | Role::Unshares | Role::Escapes)) {
            self.unspecified(tid, entry, pending, truth);
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
