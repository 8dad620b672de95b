//! A jury: other versions of calls' contracts that hear every call of a run. Who would have judged a call otherwise than the
//! specification does, twice, is told apart from it and leaves.
//!
//! So a single run settles the question of `abispec mutate` for all mutants of a call, where one run each would ask it anew.

mod differs;
mod shown;

pub(crate) use differs::Differs;
use differs::Rest;
use shown::Shown;

use crate::generate::{Aim, Aims};
use crate::oracle::Verdict;
use crate::plan::{self, WrittenParam};
use crate::program::{Invocation, Program};
use abispec::errno::Errno;
use abispec::expr::Expr;
use abispec::target::{ClauseId, Resolved, ResolvedEffect, Rule, Variant};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// Calls that a juror judges otherwise before it leaves: once may be an accident of the moment.
const VOTES: u32 = 2;

/// Calls of which a juror has something else to say, and that it judges as the specification does all the same, after which another
/// clause is taken to decide always.
pub const HIDDEN: u32 = 20;
/// Who is taken for such a one hears one call of so many more.
const SELDOM: u32 = 16;

/// Another version of a call's contract.
#[derive(Debug)]
pub struct Version {
    call: usize,
    /// The variants that judge calls otherwise, with their places among the call's.
    variants: Vec<(usize, Seat)>,
    /// The clause of the specification that it has otherwise.
    clause: Option<ClauseId>,
    aims: Vec<Aim>,
}

impl Version {
    /// How `other` has the call `name`, beside how `own` has it; `call` is its place among the calls that are made, and `aims` are
    /// what programs should be like to find it out. `None` where they differ in nothing that a hearing could show.
    pub fn of(name: &str, call: usize, own: &Resolved, other: &Resolved, aims: Vec<Aim>) -> Option<Self> {
        let (owns, others) = (&own.call(name)?.variants, &other.call(name)?.variants);
        let differing = owns.iter().zip(others).enumerate().filter_map(|(index, (first, second))| {
            let written = plan::written(other, second);
            let mut differs = Differs::between(first, second);
            differs.memory |= written != plan::written(own, first);
            let Rest { errnos, gone, text, new, effects, ensures } = Rest::of(first, second);
            let text = if differs.needs_all() { second.clone() } else { text };
            // Rules that can never hold make no difference.
            differs.rules &= differs.arguments || new > 0 || !gone.is_empty();
            differs
                .any()
                .then_some((index, Seat { juror: 0, text, errnos, gone, new, effects, ensures, written, differs }))
        });
        let variants: Vec<_> = differing.collect();
        (owns.len() == others.len() && !variants.is_empty()).then_some(Self { call, variants, clause: None, aims })
    }

    /// The same, of a clause that calls should show as long as it is not found out; it is one of those of the calls that are made.
    #[must_use]
    pub fn about(self, clause: Option<ClauseId>) -> Self {
        Self { clause, ..self }
    }
}

/// One version of one variant of a call.
#[derive(Debug)]
pub(crate) struct Seat {
    /// Its version's number in the jury.
    juror: usize,
    /// The contract as this version has it, or as much of it as judging needs.
    pub(crate) text: Variant,
    /// The errnos whose rules are others.
    pub(crate) errnos: Vec<Errno>,
    /// Rules of the specification that it has no more.
    pub(crate) gone: Vec<Rule>,
    /// How many of the first rules of its text are its own.
    pub(crate) new: usize,
    /// Effects that only one of the two has: of the specification, and of this version.
    pub(crate) effects: [Vec<ResolvedEffect>; 2],
    /// Conditions after success that only one of the two has.
    pub(crate) ensures: [Vec<Expr>; 2],
    /// The parameters that it writes through.
    pub(crate) written: Vec<WrittenParam>,
    /// In what it differs from the specification.
    pub(crate) differs: Differs,
}

#[derive(Debug)]
struct Juror {
    votes: AtomicU32,
    /// Calls of which it has something else to say, and which it judges as the specification does.
    agreed: AtomicU32,
    /// Told apart, or taken for one that never will be.
    settled: AtomicBool,
    how: OnceLock<String>,
    clause: Option<ClauseId>,
    aims: Vec<Aim>,
}

/// Versions of contracts that hear calls.
#[derive(Debug)]
pub struct Jury {
    jurors: Vec<Juror>,
    /// By call and variant.
    seats: BTreeMap<(usize, usize), Vec<Seat>>,
    sitting: AtomicUsize,
    calls: AtomicU32,
    shown: Shown,
    patience: Duration,
    /// When somebody was told apart last.
    last: Mutex<Option<Instant>>,
}

impl Jury {
    /// A jury that has heard enough when for so long nobody was told apart.
    pub fn new(patience: Duration) -> Self {
        let (jurors, seats) = (Vec::new(), BTreeMap::new());
        let (sitting, calls) = (AtomicUsize::new(0), AtomicU32::new(0));
        Self { jurors, seats, sitting, calls, shown: Shown::default(), patience, last: Mutex::new(None) }
    }

    /// Takes in another version, and gives its number.
    pub fn admit(&mut self, version: Version) -> usize {
        let juror = self.jurors.len();
        self.jurors.push(Juror {
            votes: AtomicU32::new(0),
            agreed: AtomicU32::new(0),
            settled: AtomicBool::new(false),
            how: OnceLock::new(),
            clause: version.clause,
            aims: version.aims,
        });
        for (variant, seat) in version.variants {
            self.seats.entry((version.call, variant)).or_default().push(Seat { juror, ..seat });
        }
        self.sitting.fetch_add(1, Ordering::Relaxed);
        self.shown.open(version.clause);
        juror
    }

    /// How many still sit.
    pub fn sitting(&self) -> usize {
        self.sitting.load(Ordering::Relaxed)
    }

    /// Whether nobody is left, or nothing has come of the hearing for too long.
    pub(crate) fn has_heard_enough(&self) -> bool {
        self.sitting() == 0 || {
            let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
            // The first look is when the hearing begins.
            last.get_or_insert_with(Instant::now).elapsed() > self.patience
        }
    }

    /// What told a version apart; `None` while nothing has.
    pub fn told_apart(&self, juror: usize) -> Option<&str> {
        self.jurors.get(juror)?.how.get().map(String::as_str)
    }

    /// In how many calls a version had something else to say than the specification, and judged as it does, since what both have
    /// decides: where that is always so, no kernel that keeps to the specification can tell the two apart.
    pub fn agreed(&self, juror: usize) -> u32 {
        self.jurors.get(juror).map_or(0, |juror| juror.agreed.load(Ordering::Relaxed))
    }

    /// Whether any call showed the clause that a version has otherwise, or it has none.
    pub fn was_shown(&self, juror: usize) -> bool {
        let clause = self.jurors.get(juror).and_then(|juror| juror.clause);
        clause.is_none_or(|clause| self.shown.was_shown(clause))
    }

    /// Counts such a call.
    pub(crate) fn agrees(&self, seat: &Seat) {
        let juror = &self.jurors[seat.juror];
        if juror.agreed.fetch_add(1, Ordering::Relaxed) + 1 == HIDDEN {
            self.settle(juror);
        }
    }

    /// No more programs are made for a juror's sake.
    fn settle(&self, juror: &Juror) {
        if !juror.settled.swap(true, Ordering::Relaxed) {
            self.shown.settle(juror.clause);
        }
    }

    /// Keeps the first calls of a program, the last of which showed these clauses.
    pub(crate) fn keep(&self, clauses: &[ClauseId], calls: &[Invocation]) {
        self.shown.keep(clauses, calls);
    }

    /// A program that showed a clause of these which somebody has otherwise of whom nothing is known yet; `ticket` is any number.
    pub(crate) fn shown(&self, ticket: u64, of: &dyn Fn(&ClauseId) -> bool) -> Option<Program> {
        self.shown.any(ticket, of)
    }

    /// What programs should be like, for those of whom nothing is known yet.
    pub(crate) fn aims(&self) -> Aims {
        self.jurors.iter().filter(|juror| juror.is_open()).flat_map(|juror| juror.aims.iter().cloned()).collect()
    }

    /// The clauses that those have otherwise of whom nothing is known yet.
    pub(crate) fn clauses(&self) -> BTreeSet<ClauseId> {
        self.jurors.iter().filter(|juror| juror.is_open()).filter_map(|juror| juror.clause).collect()
    }

    /// How many there are of whom nothing is known yet and who hear of a variant of a call.
    pub(crate) fn waiting(&self, call: usize, variant: usize) -> usize {
        self.of(call, variant).filter(|seat| self.jurors[seat.juror].is_open()).count()
    }

    fn of(&self, call: usize, variant: usize) -> impl Iterator<Item = &Seat> {
        let seats = self.seats.get(&(call, variant));
        seats.into_iter().flatten().filter(|seat| self.jurors[seat.juror].sits())
    }

    /// Those who hear one call of a variant.
    pub(crate) fn hearing(&self, call: usize, variant: usize) -> impl Iterator<Item = &Seat> {
        let seldom = !self.calls.fetch_add(1, Ordering::Relaxed).is_multiple_of(SELDOM);
        self.of(call, variant).filter(move |seat| !seldom || !self.jurors[seat.juror].is_hidden())
    }

    /// A version judges a call that is right by the specification otherwise.
    pub(crate) fn vote(&self, seat: &Seat, verdict: &Verdict) {
        let juror = &self.jurors[seat.juror];
        if juror.votes.fetch_add(1, Ordering::Relaxed) + 1 != VOTES {
            return;
        }
        let Verdict { id, expected, actual, .. } = verdict;
        // The last vote is cast once.
        let _ = juror.how.set(format!("{id}: {actual}, not {expected}"));
        self.sitting.fetch_sub(1, Ordering::Relaxed);
        self.settle(juror);
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }
}

impl Juror {
    fn sits(&self) -> bool {
        self.votes.load(Ordering::Relaxed) < VOTES
    }

    fn is_open(&self) -> bool {
        !self.settled.load(Ordering::Relaxed)
    }

    fn is_hidden(&self) -> bool {
        self.agreed.load(Ordering::Relaxed) >= HIDDEN
    }
}
