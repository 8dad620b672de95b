//! A whole run: workers, what they share, and what comes out of it.

mod alarm;
mod budget;
mod first;
mod shard;
mod side;
mod so_far;
mod suspected;
mod wishes;

pub use first::First;
pub use shard::Shard;
pub use side::{Absent, Entries, SideOutcome, missing_ia32};
pub use so_far::{Listener, SoFar};

use crate::confirm::{Confirmed, Key, Trial, confirm};
use crate::coverage::{Coverage, Executable};
use crate::examine::Suspicion;
use crate::exec::FileSystem;
use crate::generate::Wishes;
use crate::habitat::{self, Habitat};
use crate::jury::Jury;
use crate::kernel;
use crate::laws;
use crate::lower::Mode;
use crate::pending::Pending;
use crate::plant::Plant;
use crate::program::Program;
use crate::reproduce;
use crate::setup::footprint_of;
use crate::worker::{BATCH, Ran, Room, Setting, UNKILLABLE, VARIATIONS, WorkerError};
use abispec::target::{Call, ClauseId, Resolved};
use alarm::at_once;
use budget::Budget;
use proptest::prelude::Rng;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use side::Side;
use std::collections::btree_map;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use suspected::Suspected;

/// What is told of every confirmed divergence.
pub type Reporter = Arc<dyn Fn(&Confirmed) + Send + Sync>;

/// What a run is asked to do.
#[derive(Clone)]
pub struct Options {
    /// Longest time.
    pub time: Option<Duration>,
    /// Most calls, over all workers; each ends after its own part, so that the same seed and number give the same run.
    pub calls: Option<u64>,
    /// Where the programs come from: the same seed gives the same programs.
    pub seed: u64,
    /// Workers side by side.
    pub workers: usize,
    /// Versions of contracts that hear every call through the port's own entry; the run ends when they have
    /// heard enough.
    pub jury: Option<Arc<Jury>>,
    /// Planted violations, for tests of the oracle.
    pub plants: Vec<Plant>,
    /// The run ends at the first confirmed divergence.
    pub stop_at_first: bool,
    /// Programs of divergences are made simpler.
    pub shrink: bool,
    /// Laws are tried too.
    pub laws: bool,
    /// Told of every divergence at once, so that none is lost.
    pub report: Option<Reporter>,
    /// Told from time to time what has been tried.
    pub so_far: Option<SoFar>,
    /// Programs that are run before any is generated.
    pub first: Vec<First>,
    /// Where suspicions are kept while they are tried again.
    pub pending: Option<Arc<Pending>>,
    /// A user-mode emulator that runs the sandboxes.
    pub emulator: Option<PathBuf>,
    /// Where the kernel says what is wrong with it.
    pub kernel: kernel::Source,
    /// The ways into the kernel that programs take.
    pub entries: Entries,
    /// What work directories lie on.
    pub file_systems: Vec<FileSystem>,
    /// Executors are in the initial user namespace, and nothing is denied.
    pub privileged: bool,
    /// Clauses that programs are aimed at, again and again; by default those that have not been seen.
    pub rules: Option<BTreeSet<ClauseId>>,
    /// This run is one of several that share a seed; each makes other programs.
    pub shard: Shard,
    /// Set from outside to end the run.
    pub stop: Arc<AtomicBool>,
}

impl Default for Options {
    fn default() -> Self {
        let workers = std::thread::available_parallelism().map_or(1, usize::from);
        let stop = Arc::new(AtomicBool::new(false));
        Self {
            time: None,
            calls: None,
            seed: 0,
            workers,
            jury: None,
            plants: Vec::new(),
            stop_at_first: false,
            shrink: true,
            laws: true,
            report: None,
            so_far: None,
            first: Vec::new(),
            pending: None,
            emulator: None,
            kernel: kernel::Source::default(),
            entries: Entries::default(),
            file_systems: vec![FileSystem::default()],
            privileged: false,
            rules: None,
            shard: Shard::default(),
            stop,
        }
    }
}

/// Numbers that grow while a run goes on.
#[derive(Debug, Default)]
pub struct Progress {
    /// Calls that were judged.
    pub calls: AtomicU64,
    /// Programs that were run.
    pub programs: AtomicU64,
    /// Divergences that were confirmed.
    pub findings: AtomicU64,
}

/// A suspicion that did not show itself again.
#[derive(Clone, Debug)]
pub struct Dismissed {
    /// How often there was one like it.
    pub times: u64,
    /// One program that raised it.
    pub program: Program,
    /// What was suspected.
    pub suspicion: Suspicion,
}

/// What came out of a run.
#[derive(Debug)]
pub struct Outcome {
    /// Confirmed divergences, one for each key.
    pub confirmed: Vec<Confirmed>,
    /// Suspicions that did not show themselves again in a fresh sandbox, with one program each.
    pub dismissed: BTreeMap<Key, Dismissed>,
    /// The specification for the first entry.
    pub resolved: Arc<Resolved>,
    /// Which clauses were seen.
    pub coverage: Coverage,
    /// Which clauses can be seen at all.
    pub executable: Vec<Executable>,
    /// Calls that were judged.
    pub calls: u64,
    /// Programs that were run.
    pub programs: u64,
    /// How many of the programs that come first were taken.
    pub first: usize,
    /// How long it took.
    pub elapsed: Duration,
    /// Why workers ended early.
    pub errors: Vec<String>,
    /// What each entry but the first came to; the numbers above are of all of them, coverage is that of the first.
    pub others: Vec<SideOutcome>,
    /// Entries that were wanted and are not there.
    pub absent: Vec<Absent>,
}

/// What workers share.
struct Shared {
    confirmed: Mutex<BTreeMap<Key, Option<Confirmed>>>,
    dismissed: Mutex<BTreeMap<Key, Dismissed>>,
    progress: Arc<Progress>,
    /// What the kernel says of itself.
    kernel: Mutex<kernel::Watch>,
    deadline: Option<Instant>,
    /// How many of the programs that come first have been taken.
    first: AtomicUsize,
    board: so_far::Board,
    options: Options,
}

/// Suspicions with one key that are each tried again; of further ones fewer and fewer, since what comes and goes may hide what stays.
const TRIES: u64 = 4;
/// One batch in this many is for laws.
const LAWS_TURN: usize = 5;
/// Programs between two looks at what has not been seen yet.
const REPLAN: usize = 400;
/// Sandboxes that a worker may lose before it gives up.
const LOSSES: u32 = 1000;
/// Sandboxes that may be late.
const LATE: u32 = 20;

/// Runs programs for the calls that `wanted` picks until time, calls or `stop` end it.
///
/// # Errors
/// When not even one worker has a sandbox.
pub fn run(
    resolved: &Arc<Resolved>,
    wanted: &(dyn Fn(&Call) -> bool + Sync),
    options: Options,
    progress: &Arc<Progress>,
) -> Result<Outcome, WorkerError> {
    let begin = Instant::now();
    let (sides, mut absent) = side::open(resolved, wanted, &options)?;
    let watched = kernel::Watch::begin(&options.kernel);
    absent.extend(watched.silent.iter().map(|(what, why)| Absent { what: (*what).to_owned(), why: why.clone() }));
    let shared = Shared {
        confirmed: Mutex::new(BTreeMap::new()),
        dismissed: Mutex::new(BTreeMap::new()),
        progress: progress.clone(),
        kernel: Mutex::new(watched),
        deadline: options.time.map(|time| begin + time),
        first: AtomicUsize::new(0),
        board: so_far::Board::new(options.so_far.clone(), options.workers.max(1)),
        options,
    };
    let mut coverage: Vec<Coverage> = sides.iter().map(Side::coverage).collect();
    let mut errors = Vec::new();
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let teller = scope.spawn(|| shared.board.tell(&sides, &over));
        let handles: Vec<_> = (0..shared.options.workers.max(1))
            .map(|number| {
                let (shared, sides) = (&shared, &sides);
                scope.spawn(move || work(number, sides, shared))
            })
            .collect();
        for handle in handles {
            match handle.join() {
                Ok((own, error)) => {
                    coverage.iter_mut().zip(&own).for_each(|(sum, own)| sum.add(own));
                    errors.extend(error.map(|error| error.to_string()));
                }
                Err(_) => errors.push("a worker ended unexpectedly".to_owned()),
            }
        }
        over.store(true, Ordering::Release);
        teller.thread().unpark();
    });
    let confirmed = shared.confirmed.into_inner().unwrap_or_else(PoisonError::into_inner);
    let mut others = side::outcomes(&sides, coverage);
    let first = others.remove(0);
    Ok(Outcome {
        confirmed: confirmed.into_values().flatten().collect(),
        dismissed: shared.dismissed.into_inner().unwrap_or_else(PoisonError::into_inner),
        resolved: first.resolved,
        coverage: first.coverage,
        executable: first.executable,
        calls: progress.calls.load(Ordering::Relaxed),
        programs: progress.programs.load(Ordering::Relaxed),
        first: shared.first.load(Ordering::Relaxed).min(shared.options.first.len()),
        elapsed: begin.elapsed(),
        errors,
        others,
        absent,
    })
}

/// The random source of a worker.
pub fn random(seed: u64, worker: usize) -> TestRng {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    // A xorshift state of zeros stays zero, and neighbouring seeds should not look alike.
    let mixed = (worker as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ seed.rotate_left(32) ^ 0x5851_f42d_4c95_7f2d;
    bytes[8..].copy_from_slice(&mixed.to_le_bytes());
    TestRng::from_seed(RngAlgorithm::XorShift, &bytes)
}

fn work(worker: usize, sides: &[Side], shared: &Shared) -> (Vec<Coverage>, Option<WorkerError>) {
    let mut coverage: Vec<Coverage> = sides.iter().map(Side::coverage).collect();
    let shard = shared.options.shard;
    let number = worker * usize::from(shard.of) + usize::from(shard.number - 1);
    // An entry's programs are the same whichever others there are.
    let source = |side: &Side| {
        let rng = random(shared.options.seed ^ (side.setting.entry as u64) << 56, number);
        let config = Config { failure_persistence: None, ..Config::default() };
        TestRunner::new_with_rng(config, rng)
    };
    let mut runners: Vec<TestRunner> = sides.iter().map(source).collect();
    let budget = Budget::of(&shared.options, worker);
    let mut posted = Instant::now();
    let mut late = 0;
    for _ in 0..LOSSES {
        let started =
            sides.iter().zip(&mut runners).map(|(side, runner)| Working::start(side, shared, &budget, runner));
        let started: Result<Vec<Working<'_>>, WorkerError> = started.collect();
        match started.and_then(|mut working| {
            go(&mut working, shared, &budget, &mut coverage, &mut |seen| shared.board.post(worker, seen, &mut posted))
        }) {
            Ok(()) => return (coverage, None),
            // Somebody killed the sandbox, memory pressure for example: a new one goes on.
            Err(WorkerError::Lost) => {}
            // The machine is so busy that a sandbox is not made in time: a run of hours does not end for that.
            Err(WorkerError::Sandbox(error)) if error.is_late() && late < LATE => late += 1,
            Err(error) => return (coverage, Some(error)),
        }
    }
    (coverage, Some(WorkerError::Lost))
}

/// Programs that come before any is generated, which workers take in turn; then batches, of the entries by their shares.
fn go(
    working: &mut [Working<'_>],
    shared: &Shared,
    budget: &Budget,
    coverage: &mut [Coverage],
    post: &mut dyn FnMut(&[Coverage]),
) -> Result<(), WorkerError> {
    while !budget.spent() && !shared.over() {
        let next = shared.first.fetch_add(1, Ordering::Relaxed);
        let Some(first) = shared.options.first.get(next) else { break };
        let able =
            working.iter_mut().zip(&mut *coverage).find(|(working, _)| working.side.setting.entry == first.entry);
        if let Some((working, coverage)) = able {
            working.first(first, coverage)?;
        }
    }
    let mut turn = 0;
    while !budget.spent() && !shared.over() {
        let entries = working.iter().map(|working| working.side.setting.entry);
        let chosen = side::turn(turn, entries);
        turn += 1;
        if let (Some(working), Some(coverage)) = (working.get_mut(chosen), coverage.get_mut(chosen)) {
            working.step(coverage)?;
        }
        post(coverage);
    }
    Ok(())
}

impl Shared {
    fn over(&self) -> bool {
        let options = &self.options;
        options.stop.load(Ordering::Relaxed)
            || self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
            || options.jury.as_ref().is_some_and(|jury| jury.has_heard_enough())
            || options.stop_at_first && self.progress.findings.load(Ordering::Relaxed) > 0
    }

    /// Counts what was judged.
    fn count(&self, side: &Side, budget: &Budget, calls: u64, programs: u64) {
        budget.spend(calls);
        for progress in [&*self.progress, &side.progress] {
            progress.calls.fetch_add(calls, Ordering::Relaxed);
            progress.programs.fetch_add(programs, Ordering::Relaxed);
        }
    }
}

/// What a worker has of one entry.
struct Working<'a> {
    side: &'a Side,
    shared: &'a Shared,
    budget: &'a Budget,
    runner: &'a mut TestRunner,
    /// One room for each kind of sandbox.
    rooms: Vec<Room>,
    /// Where suspicions are tried again.
    trials: Vec<Option<Room>>,
    wishes: Wishes,
    /// What is wished for where a server answers for files.
    served: Wishes,
    /// Of a hundred turns, how many more are for rooms where a server answers.
    lean: u32,
    /// The law that comes next.
    law: usize,
    planned: usize,
    /// Batches so far.
    turn: usize,
    solitary: Vec<Program>,
}

impl<'a> Working<'a> {
    fn start(
        side: &'a Side,
        shared: &'a Shared,
        budget: &'a Budget,
        runner: &'a mut TestRunner,
    ) -> Result<Self, WorkerError> {
        let open = |habitat: &Habitat| Room::open_hasty(Setting { habitat: *habitat, ..side.setting.clone() });
        let rooms = side.habitats.iter().map(open).collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            side,
            shared,
            budget,
            runner,
            trials: rooms.iter().map(|_| None).collect(),
            rooms,
            wishes: side.generator.even(),
            served: side.generator.even(),
            lean: 0,
            law: 0,
            planned: REPLAN,
            turn: 0,
            solitary: Vec::new(),
        })
    }

    fn over(&self) -> bool {
        self.budget.spent() || self.shared.over()
    }

    /// Makes and runs one batch, and the programs that had to stay out of it.
    fn step(&mut self, coverage: &mut Coverage) -> Result<(), WorkerError> {
        if self.planned >= REPLAN {
            self.planned = 0;
            self.replan(coverage);
        }
        let persona = self.persona();
        self.turn += 1;
        if self.turn.is_multiple_of(LAWS_TURN) {
            return self.laws(persona, coverage);
        }
        let mut batch = self.gather(persona);
        self.batch(persona, &batch, coverage)?;
        self.variations(persona, &mut batch, coverage)?;
        for program in std::mem::take(&mut self.solitary) {
            if self.over() {
                break;
            }
            self.batch(persona, std::slice::from_ref(&program), coverage)?;
        }
        Ok(())
    }

    /// The room whose turn it is.
    fn persona(&mut self) -> usize {
        let turn = habitat::of_turn(self.turn, self.rooms.len());
        if self.lean == 0 || self.runner.rng().next_u32() % 100 >= self.lean {
            return turn;
        }
        // Where much of what is waited for is what only a server answers, its rooms have more turns.
        let is_served = |room: &usize| self.rooms[*room].setting().habitat.is_served();
        let served = || (0..self.rooms.len()).filter(is_served);
        self.turn.checked_rem(served().count()).and_then(|which| served().nth(which)).unwrap_or(turn)
    }

    /// Tries some laws.
    fn laws(&mut self, persona: usize, coverage: &mut Coverage) -> Result<(), WorkerError> {
        let Side { makers, generator, .. } = self.side;
        let rng = self.runner.rng();
        let done = laws::turn(makers, generator, rng, &mut self.rooms[persona], coverage, &mut self.law)?;
        self.shared.count(self.side, self.budget, done.calls, done.programs);
        for (program, suspicion) in done.suspicions {
            let key = Key::of(self.rooms[persona].setting(), &program, &suspicion);
            self.suspect(persona, Suspected::Call(&program, suspicion), &key)?;
        }
        for suspect in done.broken {
            let key = laws::key(&self.rooms[persona], &suspect.case);
            self.suspect(persona, Suspected::Law(suspect), &key)?;
        }
        // What a law runs is gone by now.
        self.heed(persona, &[])
    }

    /// Programs that leave files and limits alone share a batch; the others run one by one.
    fn gather(&mut self, persona: usize) -> Vec<Program> {
        let mut batch = Vec::with_capacity(BATCH);
        let served = self.rooms[persona].setting().habitat.is_served();
        let plans = self.rooms[0].setting().plans.clone();
        // Where every program is solitary, a batch must end too.
        for _ in 0..2 * BATCH {
            if batch.len() == BATCH || self.solitary.len() >= 12 {
                break;
            }
            let wishes = if served { &self.served } else { &self.wishes };
            let rng = self.runner.rng();
            let shown = self.side.setting.jury.as_ref().filter(|_| rng.next_u32() & 1 == 0);
            // What a server's refusals show is shown where one answers.
            let own = |clause: &ClauseId| self.side.generator.served().contains(clause) == served;
            let program = match shown.and_then(|jury| jury.shown(rng.next_u64(), &own)) {
                Some(shown) => self.side.generator.near(rng, wishes, &shown),
                None => self.side.generator.program(rng, wishes),
            };
            self.planned += 1;
            let footprint = footprint_of(&program, &plans);
            if footprint.solitary() { self.solitary.push(program) } else { batch.push(program) }
        }
        batch
    }

    fn batch(&mut self, persona: usize, programs: &[Program], coverage: &mut Coverage) -> Result<(), WorkerError> {
        if programs.is_empty() {
            return Ok(());
        }
        let ran = self.rooms[persona].run(programs, Mode::Quick, coverage)?;
        self.weigh(persona, programs, ran)?;
        self.heed(persona, programs)
    }

    /// Runs a batch again with other numbers.
    fn variations(
        &mut self,
        persona: usize,
        programs: &mut [Program],
        coverage: &mut Coverage,
    ) -> Result<(), WorkerError> {
        for _ in 0..VARIATIONS {
            if self.over() || programs.is_empty() {
                break;
            }
            let (room, rng) = (&mut self.rooms[persona], self.runner.rng());
            let Some(ran) = room.run_varied(&self.side.generator, rng, programs, coverage)? else { break };
            self.weigh(persona, programs, ran)?;
            self.heed(persona, programs)?;
        }
        Ok(())
    }

    /// Counts what ran, and tries again what looked wrong.
    fn weigh(&mut self, persona: usize, programs: &[Program], ran: Vec<Ran>) -> Result<(), WorkerError> {
        let mut suspicious = Vec::new();
        let served = self.rooms[persona].setting().habitat.is_served();
        for (program, ran) in programs.iter().zip(ran) {
            let Some(examined) = ran.examined else { continue };
            self.shared.count(self.side, self.budget, examined.judged as u64, 1);
            let wishes = if served { &mut self.served } else { &mut self.wishes };
            wishes.recall.learn(self.side.generator.resolved(), program, &examined.answers);
            if let Some(suspicion) = examined.suspicion {
                suspicious.push((program, suspicion));
            }
        }
        for (program, suspicion) in suspicious {
            let key = Key::of(self.rooms[persona].setting(), program, &suspicion);
            self.suspect(persona, Suspected::Call(program, suspicion), &key)?;
        }
        Ok(())
    }

    fn suspect(&mut self, persona: usize, suspected: Suspected<'_>, key: &Key) -> Result<(), WorkerError> {
        let lock = |key: &Key| self.shared.confirmed.lock().unwrap_or_else(PoisonError::into_inner).contains_key(key);
        if lock(key) {
            return Ok(());
        }
        {
            let mut dismissed = self.shared.dismissed.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(like) = dismissed.get_mut(key)
                && like.times >= TRIES
                && !like.times.is_power_of_two()
            {
                like.times += 1;
                return Ok(());
            }
        }
        let kept = self.shared.options.pending.as_ref().and_then(|pending| {
            let Setting { resolved, habitat, .. } = self.rooms[persona].setting();
            let text = match &suspected {
                Suspected::Call(program, _) => {
                    reproduce::write_suspicion(program, resolved, key.entry, *habitat, key.id)
                }
                Suspected::Law(suspect) => reproduce::write_case(&suspect.case, resolved, key.entry, *habitat),
            };
            // Where nothing can be written, the run goes on without this safety.
            pending.keep(&format!("{}-{}", key.syscall, key.id), &text).ok().map(|path| (pending, path))
        });
        let shrink = self.shared.options.shrink;
        let found = match &suspected {
            Suspected::Call(program, suspicion) if suspicion.verdict.id == UNKILLABLE => {
                Trial::Confirmed(Box::new(at_once(self.rooms[persona].setting(), program, suspicion, key)))
            }
            Suspected::Call(program, _) => self.again(persona, program, None, shrink)?,
            Suspected::Law(suspect) => self.again(persona, &suspect.case.seed, Some(&suspect.case), shrink)?,
        };
        match found {
            Trial::Known => {}
            Trial::Confirmed(found) => self.confirmed(*found, Some(key)),
            Trial::Unstable => {
                let mut dismissed = self.shared.dismissed.lock().unwrap_or_else(PoisonError::into_inner);
                let resolved = &self.rooms[persona].setting().resolved;
                dismissed.entry(key.clone()).or_insert_with(|| suspected.dismissed(resolved)).times += 1;
            }
        }
        if let Some((pending, path)) = kept {
            pending.settle(&path);
        }
        Ok(())
    }

    /// Tries a program, or the case of a law, again in fresh sandboxes.
    fn again(
        &mut self,
        persona: usize,
        program: &Program,
        case: Option<&laws::Case>,
        shrink: bool,
    ) -> Result<Trial, WorkerError> {
        let shared = self.shared;
        let trial = self.trial(persona)?;
        if let Some(case) = case {
            let found = laws::try_again(trial, case, shrink)?;
            return Ok(found.map_or(Trial::Unstable, |found| Trial::Confirmed(Box::new(found))));
        }
        confirm(trial, program, shrink, &|key| {
            shared.confirmed.lock().unwrap_or_else(PoisonError::into_inner).contains_key(key)
        })
    }

    /// The room where suspicions of another are tried again, made when first needed.
    fn trial(&mut self, persona: usize) -> Result<&mut Room, WorkerError> {
        match &mut self.trials[persona] {
            Some(room) => Ok(room),
            empty => Ok(empty.insert(Room::open(self.rooms[persona].setting().clone())?)),
        }
    }

    /// Reports a divergence, once for each key. `suspected` is what the quick look called it.
    fn confirmed(&self, found: Confirmed, suspected: Option<&Key>) {
        let mut confirmed = self.shared.confirmed.lock().unwrap_or_else(PoisonError::into_inner);
        // What the quick look called by another name is not tried again either.
        if let Some(key) = suspected.filter(|key| **key != found.key) {
            confirmed.entry(key.clone()).or_insert(None);
        }
        if let btree_map::Entry::Vacant(free) = confirmed.entry(found.key.clone()) {
            if let Some(report) = &self.shared.options.report {
                report(&found);
            }
            free.insert(Some(found));
            self.shared.progress.findings.fetch_add(1, Ordering::Relaxed);
        }
    }
}
