//! A call that is made: what is looked at before the kernel has a hand in it.

use super::Checker;
use crate::trace::book::Entry;
use crate::trace::judge::Arguments;
use crate::trace::memory::Piece;
use crate::trace::roles::{self, CloneFlags, Role};
use crate::trace::table::Reach;
use crate::trace::tasks::Pending;
use crate::trace::witness::{Answer, Descriptor, Question, Witness};
use crate::world::descriptors::Slot;
use abispec::expr::{Moment, evaluate};
use abispec::model::Effect;
use abispec::target::Variant;

impl<W: Witness> Checker<'_, W> {
    pub(super) fn entry(&mut self, tid: i32, nr: u64, args: [u64; 6], native: bool) -> bool {
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
        let reach = reach_of(entry.role);
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
        if table.escaped {
            table.descriptors_mut().lose();
            return;
        }
        if !table.stale {
            return;
        }
        if !table.is_still() {
            // What is known is wrong somewhere, and a look now would see calls half done.
            table.descriptors_mut().lose();
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
        let mut reach = reach_of(entry.role);
        // What effects tell, a role need not.
        reach.opens = sight.opens || reach.opens && entry.role != Some(Role::Opens);
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
}

/// What a call of this role may do to the table.
fn reach_of(role: Option<Role>) -> Reach {
    match role {
        Some(Role::Opens | Role::Controls | Role::Receives | Role::ReceivesMany) => {
            Reach { opens: true, ..Reach::default() }
        }
        Some(Role::Escapes | Role::Unshares) => Reach { all: true, ..Reach::default() },
        Some(Role::Limits | Role::Spawns) | None => Reach::default(),
    }
}
