//! Descriptor tables that several tasks may share, and which facts about them a call can be judged by.
//!
//! The kernel's order of calls is not the order in which their ends are seen. Every call in flight therefore collects what
//! others may have done to its table between its two stops, and what they may have done is unknown to it.

use super::witness::Descriptor;
use crate::world::description::{Access, Description};
use crate::world::descriptors::{Descriptors, Slot};
use abispec::expr::Word;
use std::sync::Arc;

/// What a call may do to descriptor numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Reach {
    /// It may open numbers that are closed.
    pub(super) opens: bool,
    /// It may close or replace these.
    pub(super) numbers: Vec<i128>,
    /// It may do anything.
    pub(super) all: bool,
}

impl Reach {
    /// Whether it does nothing.
    pub(super) fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    fn add(&mut self, other: &Self) {
        self.opens |= other.opens;
        self.all |= other.all;
        self.numbers.extend(&other.numbers);
    }
}

/// A call between its two stops.
#[derive(Debug)]
pub(super) struct Flight {
    tid: i32,
    own: Reach,
    /// What others may have done meanwhile.
    met: Reach,
}

/// A descriptor table.
#[derive(Debug)]
pub(super) struct Table {
    /// What is known of it.
    pub(super) descriptors: Arc<Descriptors>,
    /// It has to be looked at anew.
    pub(super) stale: bool,
    /// Tasks that have it.
    pub(super) users: usize,
    pub(super) flights: Vec<Flight>,
    /// The kernel opens and closes its numbers at any time, as a ring of requests asks it to.
    pub(super) escaped: bool,
}

impl Table {
    /// A table of which nothing is known yet.
    pub(super) fn unknown() -> Self {
        let mut descriptors = Descriptors::new();
        descriptors.lose();
        Self { descriptors: Arc::new(descriptors), stale: true, users: 1, flights: Vec::new(), escaped: false }
    }

    /// A copy, as a new process gets it: descriptions are shared from here on. What others who have the table, or calls of theirs
    /// that are under way, did to it since the kernel made the copy is not in it.
    pub(super) fn fork(&mut self) -> Self {
        self.descriptors_mut().share();
        let descriptors = self.descriptors.clone();
        let busy = self.flights.iter().any(|flight| !flight.own.is_nothing());
        let stale = self.stale || busy || self.users > 1;
        Self { descriptors, stale, users: 1, flights: Vec::new(), escaped: self.escaped }
    }

    /// What is known, to be changed.
    pub(super) fn descriptors_mut(&mut self) -> &mut Descriptors {
        Arc::make_mut(&mut self.descriptors)
    }

    /// A call begins.
    pub(super) fn begin(&mut self, tid: i32, own: Reach) {
        self.flights.retain(|flight| flight.tid != tid);
        let mut met = Reach::default();
        for flight in &mut self.flights {
            met.add(&flight.own);
            if !own.is_nothing() {
                flight.met.add(&own);
            }
        }
        self.flights.push(Flight { tid, own, met });
    }

    /// A call ends: what it may have done itself, and what others may have done meanwhile.
    pub(super) fn end(&mut self, tid: i32) -> (Reach, Reach) {
        match self.flights.iter().position(|flight| flight.tid == tid) {
            Some(index) => {
                let flight = self.flights.swap_remove(index);
                (flight.own, flight.met)
            }
            None => (Reach::default(), Reach { all: true, ..Reach::default() }),
        }
    }

    /// Whether a look at a number is worth as much as the call that is about to be made; a closed one may be being opened.
    pub(super) fn is_quiet(&self, fd: i128) -> bool {
        !self.flights.iter().any(|flight| flight.own.all || flight.own.numbers.contains(&fd))
    }

    /// Whether nobody is changing it.
    pub(super) fn is_still(&self) -> bool {
        self.flights.iter().all(|flight| flight.own.is_nothing())
    }

    /// Whether somebody may be opening a number.
    pub(super) fn is_opening(&self) -> bool {
        self.flights.iter().any(|flight| flight.own.opens)
    }

    /// Takes over what the kernel shows of one number.
    pub(super) fn learn(&mut self, fd: i32, seen: Descriptor) {
        let opening = self.is_opening();
        let descriptors = self.descriptors_mut();
        match seen {
            Descriptor::Closed if opening => descriptors.blur(fd.into()),
            Descriptor::Closed => descriptors.close(fd.into()),
            Descriptor::Open { flags, .. } => {
                let (description, cloexec) = described(seen, flags);
                descriptors.open(fd.into(), description, Some(cloexec));
            }
        }
    }

    /// Takes over what the kernel shows of the whole table.
    pub(super) fn learn_all(&mut self, all: &[(i32, Descriptor)]) {
        self.descriptors = Arc::new(Descriptors::new());
        for (fd, seen) in all {
            self.learn(*fd, *seen);
        }
        self.stale = false;
    }

    /// Learns the kind behind a number that is known to be open.
    pub(super) fn learn_kind(&mut self, fd: i32, kind: Option<Word>) {
        if let Some(description) = self.descriptors_mut().description_mut(fd.into()) {
            description.kind = kind;
        }
    }

    /// What a call that met these others can be judged by.
    pub(super) fn as_known(descriptors: &Arc<Descriptors>, met: &Reach) -> Arc<Descriptors> {
        let mut known = descriptors.clone();
        if met.is_nothing() {
            return known;
        }
        let changed = Arc::make_mut(&mut known);
        if met.all {
            changed.lose();
            return known;
        }
        met.numbers.iter().for_each(|fd| changed.blur(*fd));
        if met.opens {
            changed.may_open();
        }
        known
    }

    /// After a call's own effects: what others did to the same numbers meanwhile may have come before or after.
    pub(super) fn blur_conflicts(&mut self, own: &Reach, opened: &[i128], met: &Reach) {
        if met.is_nothing() || own.is_nothing() {
            return;
        }
        if met.all || own.all {
            self.descriptors_mut().lose();
            self.stale = true;
            return;
        }
        let closed = own.numbers.iter().filter(|fd| met.opens || met.numbers.contains(fd));
        let opened = opened.iter().filter(|fd| met.numbers.contains(fd));
        let doubtful: Vec<i128> = closed.chain(opened).copied().collect();
        let descriptors = self.descriptors_mut();
        doubtful.into_iter().for_each(|fd| descriptors.blur(fd));
    }
}

const O_CLOEXEC: u64 = libc::O_CLOEXEC as u64;

/// What is known of an open descriptor that was looked at. Its flags may be changed by anybody who has it too.
pub(super) fn described(seen: Descriptor, flags: u64) -> (Description, bool) {
    let access = Access::from_mode(i128::from(flags & 3));
    let is_path = flags & libc::O_PATH as u64 != 0;
    let access = if is_path { Some(Access::NONE) } else { access };
    let description = Description { access, is_path: Some(is_path), ..Description::of(seen.kind()) };
    (description, flags & O_CLOEXEC != 0)
}

/// Whether what is known of a number contradicts what the kernel shows.
pub(super) fn contradicts(descriptors: &Descriptors, fd: i32, seen: Descriptor) -> bool {
    let (slot, description) = (descriptors.slot(fd.into()), descriptors.description(fd.into()));
    match (slot, seen) {
        (Slot::Unknown, _) | (Slot::Closed, Descriptor::Closed) => false,
        (Slot::Closed, Descriptor::Open { .. }) | (Slot::Open(_), Descriptor::Closed) => true,
        (Slot::Open(known), Descriptor::Open { flags, .. }) => {
            let differs = |known: Option<bool>, bit: i32| known.is_some_and(|known| known != (flags & bit as u64 != 0));
            let (other, _) = described(seen, flags);
            differs(known.cloexec, libc::O_CLOEXEC)
                || description.is_some_and(|known| {
                    known.kind.zip(other.kind).is_some_and(|(a, b)| a != b)
                        || known.access.is_some_and(|access| Some(access) != other.access)
                        || differs(known.is_path, libc::O_PATH)
                        || differs(known.nonblock, libc::O_NONBLOCK)
                        || differs(known.append, libc::O_APPEND)
                })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(kind: Word, flags: u64) -> Descriptor {
        Descriptor::Open { kind: Some(kind.number() as u8), flags, position: 0 }
    }

    fn table() -> Table {
        let mut table = Table::unknown();
        table.learn_all(&[(0, open(Word::CharDevice, 2)), (3, open(Word::Regular, O_CLOEXEC))]);
        table
    }

    fn opener() -> Reach {
        Reach { opens: true, ..Reach::default() }
    }

    fn closer(fd: i128) -> Reach {
        Reach { numbers: vec![fd], ..Reach::default() }
    }

    #[test]
    fn what_others_may_do_meanwhile_is_not_known() {
        let mut table = table();
        table.begin(1, Reach::default());
        table.begin(2, closer(3));
        table.begin(3, opener());
        let before = table.descriptors.clone();
        let (_, met) = table.end(1);
        let known = Table::as_known(&before, &met);
        assert_eq!((known.is_open(0), known.is_open(3), known.is_open(9)), (Some(true), None, None));
        table.begin(4, Reach::default());
        let (_, met) = table.end(4);
        assert_eq!(met, Reach { opens: true, numbers: vec![3], all: false });
    }

    #[test]
    fn a_number_that_is_closed_and_opened_at_once_is_neither() {
        let mut table = table();
        table.begin(1, closer(3));
        table.begin(2, opener());
        // The end of the call that opened it is seen first.
        let (own, met) = table.end(2);
        table.learn(3, open(Word::Socket, 2));
        table.blur_conflicts(&own, &[3], &met);
        let (own, met) = table.end(1);
        table.descriptors_mut().close(3);
        table.blur_conflicts(&own, &[], &met);
        assert_eq!(table.descriptors.is_open(3), None);
    }

    #[test]
    fn a_new_process_shares_what_is_open() {
        let mut table = table();
        let child = table.fork();
        assert_eq!(child.descriptors.is_open(3), Some(true));
        assert!(!child.stale);
        table.begin(1, closer(3));
        assert!(table.fork().stale);
        table.end(1);
        assert!(!table.fork().stale);
        table.users = 2;
        assert!(table.fork().stale, "another thread may have opened one since");
    }

    #[test]
    fn what_the_kernel_shows_may_contradict() {
        let table = table();
        let known = &table.descriptors;
        assert!(!contradicts(known, 3, open(Word::Regular, O_CLOEXEC)));
        assert!(contradicts(known, 3, open(Word::Regular, 0)));
        assert!(contradicts(known, 3, open(Word::Socket, O_CLOEXEC)));
        assert!(contradicts(known, 3, Descriptor::Closed));
        assert!(contradicts(known, 4, open(Word::Regular, 0)));
    }
}
