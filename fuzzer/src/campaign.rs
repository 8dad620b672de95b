//! A whole run: workers, what they share, and what comes out of it.

use crate::confirm::{Confirmed, Key, Trial, confirm};
use crate::coverage::{Coverage, Executable, executable};
use crate::examine::Suspicion;
use crate::generate::{Aim, Generator, Wishes};
use crate::laws;
use crate::lower::Mode;
use crate::oracle::Verdict;
use crate::pending::Pending;
use crate::plant::Plant;
use crate::program::Program;
use crate::reproduce;
use crate::setup::footprint_of;
use crate::worker::{BATCH, Ran, Room, Setting, VARIATIONS, WorkerError};
use abispec::target::{Call, ClauseId, Resolved};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What is told of every confirmed divergence.
pub type Reporter = Arc<dyn Fn(&Confirmed) + Send + Sync>;

/// What a run is asked to do.
#[derive(Clone)]
pub struct Options {
    /// Longest time.
    pub time: Option<Duration>,
    /// Most calls, over all workers.
    pub calls: Option<u64>,
    /// Where the programs come from: the same seed gives the same programs.
    pub seed: u64,
    /// Workers side by side.
    pub workers: usize,
    /// Conditions that programs are aimed at besides those of the specification.
    pub aims: Arc<Vec<Aim>>,
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
    /// Programs that are run before any is generated.
    pub first: Vec<First>,
    /// Where suspicions are kept while they are tried again.
    pub pending: Option<Arc<Pending>>,
    /// A user-mode emulator that runs the sandboxes.
    pub emulator: Option<PathBuf>,
    /// This run is one of several that share a seed; each makes other programs.
    pub shard: Shard,
    /// Set from outside to end the run.
    pub stop: Arc<AtomicBool>,
}

/// A program that is run before any is generated.
#[derive(Clone, Debug)]
pub struct First {
    /// The program.
    pub program: Program,
    /// The case of a law that it is.
    pub law: Option<laws::Case>,
    /// Whether its executor keeps the capabilities of its user namespace.
    pub capabilities: bool,
    /// The file of a suspicion that an earlier run did not settle.
    pub left: Option<PathBuf>,
}

/// One of several runs that share a seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Which one, from 1.
    pub number: u16,
    /// How many there are.
    pub of: u16,
}

impl Default for Shard {
    fn default() -> Self {
        Self { number: 1, of: 1 }
    }
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
            aims: Arc::default(),
            plants: Vec::new(),
            stop_at_first: false,
            shrink: true,
            laws: true,
            report: None,
            first: Vec::new(),
            pending: None,
            emulator: None,
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
    /// Which clauses were seen.
    pub coverage: Coverage,
    /// Which clauses can be seen at all.
    pub executable: Vec<Executable>,
    /// Calls that were judged.
    pub calls: u64,
    /// Programs that were run.
    pub programs: u64,
    /// How long it took.
    pub elapsed: Duration,
    /// Why workers ended early.
    pub errors: Vec<String>,
}

/// What workers share.
struct Shared {
    confirmed: Mutex<BTreeMap<Key, Option<Confirmed>>>,
    dismissed: Mutex<BTreeMap<Key, Dismissed>>,
    progress: Arc<Progress>,
    executable: Vec<Executable>,
    makers: laws::Makers,
    deadline: Option<Instant>,
    /// How many of the programs that come first have been taken.
    first: AtomicUsize,
    options: Options,
}

/// Suspicions with one key that are tried again before the key is given up as unstable.
const TRIES: u64 = 4;
/// One batch in this many is for laws.
const LAWS_TURN: usize = 5;
/// Programs between two looks at what has not been seen yet.
const REPLAN: usize = 400;
/// Sandboxes that a worker may lose before it gives up.
const LOSSES: u32 = 1000;

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
    let mut setting = Setting::for_some(resolved.clone(), wanted);
    setting.plants = Arc::new(options.plants.clone());
    setting.emulator.clone_from(&options.emulator);
    // The first sandbox says whether there can be any; its room is thrown away.
    drop(Room::open(setting.clone())?);
    let shared = Shared {
        confirmed: Mutex::new(BTreeMap::new()),
        dismissed: Mutex::new(BTreeMap::new()),
        progress: progress.clone(),
        executable: executable(resolved),
        makers: laws::Makers::new(resolved, &|call| options.laws && wanted(call)),
        deadline: options.time.map(|time| begin + time),
        first: AtomicUsize::new(0),
        options,
    };
    let generator = Generator::new(resolved.clone(), wanted);
    let mut coverage = Coverage::new(resolved);
    let mut errors = Vec::new();
    std::thread::scope(|scope| {
        let handles: Vec<_> = (0..shared.options.workers.max(1))
            .map(|number| {
                let (shared, generator, setting) = (&shared, &generator, setting.clone());
                scope.spawn(move || work(number, setting, generator, shared))
            })
            .collect();
        for handle in handles {
            match handle.join() {
                Ok((own, error)) => {
                    coverage.add(&own);
                    errors.extend(error.map(|error| error.to_string()));
                }
                Err(_) => errors.push("a worker ended unexpectedly".to_owned()),
            }
        }
    });
    let confirmed = shared.confirmed.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(Outcome {
        confirmed: confirmed.into_values().flatten().collect(),
        dismissed: shared.dismissed.into_inner().unwrap_or_else(PoisonError::into_inner),
        coverage,
        executable: shared.executable,
        calls: progress.calls.load(Ordering::Relaxed),
        programs: progress.programs.load(Ordering::Relaxed),
        elapsed: begin.elapsed(),
        errors,
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

fn work(number: usize, setting: Setting, generator: &Generator, shared: &Shared) -> (Coverage, Option<WorkerError>) {
    let mut coverage = Coverage::new(&setting.resolved);
    let shard = shared.options.shard;
    let rng = random(shared.options.seed, number * usize::from(shard.of) + usize::from(shard.number - 1));
    let config = Config { failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, rng);
    for _ in 0..LOSSES {
        let working = Working::start(setting.clone(), generator, shared, &mut runner);
        match working.and_then(|mut working| working.go(&mut coverage)) {
            Ok(()) => return (coverage, None),
            // Somebody killed the sandbox, memory pressure for example: a new one goes on.
            Err(WorkerError::Lost) => {}
            Err(error) => return (coverage, Some(error)),
        }
    }
    (coverage, Some(WorkerError::Lost))
}

/// What is suspected.
enum Suspected<'a> {
    /// One call.
    Call(&'a Program, Suspicion),
    /// A law.
    Law(laws::Suspect),
}

impl Suspected<'_> {
    fn dismissed(self, resolved: &Resolved) -> Dismissed {
        match self {
            Self::Call(program, suspicion) => Dismissed { times: 0, program: program.clone(), suspicion },
            Self::Law(laws::Suspect { case, broken }) => {
                let program = case.program(resolved).unwrap_or_default();
                let clause = Some(case.law(resolved).clause);
                let verdict =
                    Verdict { id: laws::EXPLANATION.0, clause, expected: broken.expected, actual: broken.actual };
                let call = program.calls.len().saturating_sub(1);
                Dismissed { times: 0, program, suspicion: Suspicion { call, verdict } }
            }
        }
    }
}

struct Working<'a> {
    generator: &'a Generator,
    shared: &'a Shared,
    runner: &'a mut TestRunner,
    /// One room where executors have capabilities, one where they have none.
    rooms: [Room; 2],
    /// Where suspicions are tried again, made when first needed.
    trials: [Option<Room>; 2],
    wishes: Wishes,
    /// The law that comes next.
    law: usize,
    planned: usize,
    solitary: Vec<Program>,
}

impl<'a> Working<'a> {
    fn start(
        setting: Setting,
        generator: &'a Generator,
        shared: &'a Shared,
        runner: &'a mut TestRunner,
    ) -> Result<Self, WorkerError> {
        let without = Setting { capabilities: false, ..setting.clone() };
        Ok(Self {
            generator,
            shared,
            runner,
            rooms: [Room::open_hasty(setting)?, Room::open_hasty(without)?],
            trials: [None, None],
            wishes: generator.even(),
            law: 0,
            planned: REPLAN,
            solitary: Vec::new(),
        })
    }

    fn over(&self) -> bool {
        let options = &self.shared.options;
        options.stop.load(Ordering::Relaxed)
            || self.shared.deadline.is_some_and(|deadline| Instant::now() >= deadline)
            || options.calls.is_some_and(|most| self.shared.progress.calls.load(Ordering::Relaxed) >= most)
            || options.stop_at_first && self.shared.progress.findings.load(Ordering::Relaxed) > 0
    }

    fn go(&mut self, coverage: &mut Coverage) -> Result<(), WorkerError> {
        self.first(coverage)?;
        let mut turn = 0;
        while !self.over() {
            if self.planned >= REPLAN {
                self.planned = 0;
                self.wishes = self.plan(coverage);
            }
            let persona = turn % 2;
            turn += 1;
            if turn % LAWS_TURN == 0 {
                self.laws(persona, coverage)?;
                continue;
            }
            let mut batch = self.gather();
            self.batch(persona, &batch, coverage)?;
            self.variations(persona, &mut batch, coverage)?;
            for program in std::mem::take(&mut self.solitary) {
                if self.over() {
                    break;
                }
                self.batch(persona, std::slice::from_ref(&program), coverage)?;
            }
        }
        Ok(())
    }

    /// Programs that come before any is generated; workers take them in turn.
    fn first(&mut self, coverage: &mut Coverage) -> Result<(), WorkerError> {
        let shared = self.shared;
        while !self.over() {
            let next = shared.first.fetch_add(1, Ordering::Relaxed);
            let Some(first) = shared.options.first.get(next) else { break };
            let persona = usize::from(!first.capabilities);
            if first.left.is_none() && first.law.is_none() {
                self.batch(persona, std::slice::from_ref(&first.program), coverage)?;
                continue;
            }
            if let Trial::Confirmed(found) = self.again(persona, &first.program, first.law.as_ref())? {
                self.confirmed(*found, None);
            }
            if let (Some(pending), Some(path)) = (&shared.options.pending, &first.left) {
                pending.settle(path);
            }
        }
        Ok(())
    }

    /// Tries some laws.
    fn laws(&mut self, persona: usize, coverage: &mut Coverage) -> Result<(), WorkerError> {
        let makers = &self.shared.makers;
        let rng = self.runner.rng();
        let done = laws::turn(makers, self.generator, rng, &mut self.rooms[persona], coverage, &mut self.law)?;
        self.shared.progress.calls.fetch_add(done.calls, Ordering::Relaxed);
        self.shared.progress.programs.fetch_add(done.programs, Ordering::Relaxed);
        for (program, suspicion) in done.suspicions {
            let key = Key::of(&self.rooms[persona].setting().resolved, &program, &suspicion);
            self.suspect(persona, Suspected::Call(&program, suspicion), &key)?;
        }
        for suspect in done.broken {
            let key = laws::key(&self.rooms[persona], &suspect.case);
            self.suspect(persona, Suspected::Law(suspect), &key)?;
        }
        Ok(())
    }

    /// Programs that leave files and limits alone share a batch; the others run one by one.
    fn gather(&mut self) -> Vec<Program> {
        let mut batch = Vec::with_capacity(BATCH);
        let plans = self.rooms[0].setting().plans.clone();
        // Where every program is solitary, a batch must end too.
        for _ in 0..2 * BATCH {
            if batch.len() == BATCH || self.solitary.len() >= 12 {
                break;
            }
            let program = self.generator.program(self.runner.rng(), &self.wishes);
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
        self.weigh(persona, programs, ran)
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
            let Some(ran) = room.run_varied(self.generator, rng, programs, coverage)? else { break };
            self.weigh(persona, programs, ran)?;
        }
        Ok(())
    }

    /// Counts what ran, and tries again what looked wrong.
    fn weigh(&mut self, persona: usize, programs: &[Program], ran: Vec<Ran>) -> Result<(), WorkerError> {
        let progress = &self.shared.progress;
        let mut suspicious = Vec::new();
        for (program, ran) in programs.iter().zip(ran) {
            let Some(examined) = ran.examined else { continue };
            progress.calls.fetch_add(examined.judged as u64, Ordering::Relaxed);
            progress.programs.fetch_add(1, Ordering::Relaxed);
            if let Some(suspicion) = examined.suspicion {
                suspicious.push((program, suspicion));
            }
        }
        for (program, suspicion) in suspicious {
            let key = Key::of(&self.rooms[persona].setting().resolved, program, &suspicion);
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
            {
                like.times += 1;
                return Ok(());
            }
        }
        let kept = self.shared.options.pending.as_ref().and_then(|pending| {
            let resolved = &self.rooms[persona].setting().resolved;
            let text = match &suspected {
                Suspected::Call(program, _) => reproduce::write_suspicion(program, resolved, persona == 0, key.id),
                Suspected::Law(suspect) => reproduce::write_case(&suspect.case, resolved, persona == 0),
            };
            // Where nothing can be written, the run goes on without this safety.
            pending.keep(&format!("{}-{}", key.syscall, key.id), &text).ok().map(|path| (pending, path))
        });
        let found = match &suspected {
            Suspected::Call(program, _) => self.again(persona, program, None)?,
            Suspected::Law(suspect) => self.again(persona, &suspect.case.seed, Some(&suspect.case))?,
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
    fn again(&mut self, persona: usize, program: &Program, case: Option<&laws::Case>) -> Result<Trial, WorkerError> {
        let setting = self.rooms[persona].setting().clone();
        let trial = match &mut self.trials[persona] {
            Some(trial) => trial,
            empty => empty.insert(Room::open(setting)?),
        };
        let shrink = self.shared.options.shrink;
        if let Some(case) = case {
            let found = laws::try_again(trial, case, shrink)?;
            return Ok(found.map_or(Trial::Unstable, |found| Trial::Confirmed(Box::new(found))));
        }
        confirm(trial, program, shrink, &|key| {
            self.shared.confirmed.lock().unwrap_or_else(PoisonError::into_inner).contains_key(key)
        })
    }

    /// Reports a divergence, once for each key. `suspected` is what the quick look called it.
    fn confirmed(&self, found: Confirmed, suspected: Option<&Key>) {
        let mut confirmed = self.shared.confirmed.lock().unwrap_or_else(PoisonError::into_inner);
        // What the quick look called by another name is not tried again either.
        if let Some(key) = suspected.filter(|key| **key != found.key) {
            confirmed.entry(key.clone()).or_insert(None);
        }
        if let Entry::Vacant(free) = confirmed.entry(found.key.clone()) {
            if let Some(report) = &self.shared.options.report {
                report(&found);
            }
            free.insert(Some(found));
            self.shared.progress.findings.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// More wishes for calls with clauses that have not been seen.
    fn plan(&self, coverage: &Coverage) -> Wishes {
        let resolved = self.generator.resolved();
        let focus: BTreeSet<usize> = self.generator.focus().iter().copied().collect();
        let unseen = |clause: abispec::target::ClauseId| {
            let index = clause.0 as usize;
            u32::from(self.shared.executable[index] == Executable::Yes && coverage.count(clause) == 0)
        };
        let wish = |variant: &abispec::target::Variant| {
            let rules = variant.rules.iter().map(|rule| unseen(rule.clause)).sum::<u32>();
            let others = variant.ensures.iter().map(|ensure| unseen(ensure.clause)).sum::<u32>()
                + variant.effects.iter().map(|effect| unseen(effect.clause)).sum::<u32>();
            2 + 3 * (rules + others).min(16)
        };
        let of_call = |(index, call): (usize, &Call)| {
            if !focus.contains(&index) {
                return vec![0; call.variants.len()];
            }
            let many = u32::try_from(call.variants.len()).unwrap_or(1);
            // A call with many commands is worth more than one, but not so much that the others starve.
            let scale = |wish: u32| if many > 1 { (wish * 4).div_ceil(many.min(12)) } else { wish * 4 };
            call.variants.iter().map(|variant| scale(wish(variant))).collect()
        };
        let calls = resolved.calls.iter().enumerate().map(of_call).collect();
        let wanted = |index: &usize| {
            self.shared.executable[*index] == Executable::Yes && coverage.count(ClauseId(*index as u32)) == 0
        };
        let clauses = (0..resolved.clauses.len()).filter(wanted).map(|index| ClauseId(index as u32)).collect();
        Wishes { calls, clauses, aims: self.shared.options.aims.clone() }
    }
}
