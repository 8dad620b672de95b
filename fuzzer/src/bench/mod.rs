//! How fast the fuzzer is: calls with the oracle, and the same calls without it.

mod memory;
mod time;

use crate::campaign::random;
use crate::coverage::Coverage;
use crate::generate::Generator;
use crate::lower::Mode;
use crate::program::Program;
use crate::scope;
use crate::setup::footprint_of;
use crate::worker::{BATCH, Room, Setting, VARIATIONS, WorkerError};
use abispec::target::{Call, Resolved};
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

/// Calls that cost little themselves, so that what is measured is the engine. What makes their descriptors comes on top.
pub const CHEAP: &[&str] =
    &["getpid", "getuid", "umask", "lseek", "dup", "uname", "clock_gettime", "sched_getaffinity"];

/// What was measured.
#[derive(Clone, Debug, Default)]
pub struct Measured {
    /// Calls a second with generation, model and oracle, all workers together.
    pub checked: f64,
    /// Calls a second when the same programs are only executed, all workers together.
    pub bare: f64,
    /// Processor time of a checked call, generation, model and oracle included: what a loaded machine does not change much.
    pub checked_cost: Duration,
    /// Processor time of a bare call.
    pub bare_cost: Duration,
    /// Most memory that this process and all processes of the sandboxes had at once, in bytes. What they share is counted in
    /// each, so that it is rather too much.
    pub memory: u64,
    /// How long it took to put a fresh executor with fresh files in place of another, each time.
    pub renewals: Vec<Duration>,
}

impl Measured {
    /// Checked calls for each bare one.
    pub fn ratio(&self) -> f64 {
        self.checked / self.bare
    }

    /// The middle of the times for a fresh executor.
    pub fn renewal(&self) -> Duration {
        let mut sorted = self.renewals.clone();
        sorted.sort_unstable();
        sorted.get(sorted.len() / 2).copied().unwrap_or_default()
    }
}

/// Measures for `time` each way. Calls that the sandbox denies are left out, and programs that leave files or limits changed: what
/// they cost is their clean-up.
///
/// # Errors
/// When there is no sandbox.
pub fn measure(
    resolved: &Arc<Resolved>,
    wanted: &(dyn Fn(&Call) -> bool + Sync),
    workers: usize,
    time: Duration,
) -> Result<Measured, WorkerError> {
    let permitted = |call: &Call| scope::permits(resolved, call);
    let generator = Generator::new(resolved.clone(), &|call| wanted(call) && permitted(call), &permitted);
    let setting = Setting::for_some(resolved.clone(), wanted);
    let barrier = Barrier::new(workers);
    std::thread::scope(|scope| {
        let handles: Vec<_> = (0..workers)
            .map(|worker| {
                let (generator, setting, barrier) = (&generator, setting.clone(), &barrier);
                scope.spawn(move || one(worker, generator, setting, barrier, time))
            })
            .collect();
        let mut sum = Measured::default();
        for handle in handles {
            let own = handle.join().map_err(|_| WorkerError::Lost)??;
            sum.checked += own.checked;
            sum.bare += own.bare;
            sum.checked_cost += own.checked_cost / workers as u32;
            sum.bare_cost += own.bare_cost / workers as u32;
            sum.memory += own.memory;
            sum.renewals.extend(own.renewals);
        }
        sum.memory += memory::peak("self").unwrap_or(0);
        Ok(sum)
    })
}

/// Executors that are replaced to see how long that takes, for each worker.
const RENEWALS: usize = 21;

/// Batches in one stretch of either kind; the two alternate, so that a machine that slows down slows both.
const STRETCH: usize = 24;

/// The processor time of a room's executor.
struct Executor {
    pid: i32,
    before: Duration,
}

impl Executor {
    fn of(room: &Room) -> Self {
        let pid = room.sandbox.executor_pid();
        Self { pid, before: time::of(pid) }
    }

    /// What it used since the last look; of a new one, since it was started.
    fn spent(&mut self, room: &Room) -> Duration {
        let now = Self::of(room);
        let before = if now.pid == self.pid { self.before } else { Duration::ZERO };
        let spent = now.before.saturating_sub(before);
        *self = now;
        spent
    }
}

fn one(
    worker: usize,
    generator: &Generator,
    setting: Setting,
    barrier: &Barrier,
    time: Duration,
) -> Result<Measured, WorkerError> {
    let room = Room::open_hasty(setting);
    // Every worker gets here, with a sandbox or without: the others wait for all.
    barrier.wait();
    let mut room = room?;
    let mut rng = random(0, worker);
    let wishes = generator.even();
    let mut coverage = Coverage::new(generator.resolved());
    let (mut checked_calls, mut checked_time, mut checked_cost) = (0_u64, Duration::ZERO, Duration::ZERO);
    let (mut bare_calls, mut bare_time, mut bare_cost) = (0_u64, Duration::ZERO, Duration::ZERO);
    let plans = room.setting().plans.clone();
    let begin = Instant::now();
    while begin.elapsed() < 2 * time {
        let mut batches: Vec<Vec<Program>> = Vec::with_capacity(STRETCH);
        for _ in 0..STRETCH / (1 + VARIATIONS) {
            let mut batch = Vec::with_capacity(BATCH);
            for round in 0..=VARIATIONS {
                let (start, own, mut executor) = (Instant::now(), time::own(), Executor::of(&room));
                let ran = if round == 0 {
                    while batch.len() < BATCH {
                        let program = generator.program(&mut rng, &wishes);
                        if !footprint_of(&program, &plans).solitary() {
                            batch.push(program);
                        }
                    }
                    Some(room.run(&batch, Mode::Quick, &mut coverage)?)
                } else {
                    room.run_varied(generator, &mut rng, &mut batch, &mut coverage)?
                };
                let Some(ran) = ran else { break };
                let examined = ran.iter().filter_map(|ran| ran.examined.as_ref());
                checked_calls += examined.map(|examined| examined.judged as u64).sum::<u64>();
                checked_time += start.elapsed();
                checked_cost += executor.spent(&room) + time::own().saturating_sub(own);
                // What was checked is kept for the other way, at nobody's expense.
                let checked = batch.iter().zip(&ran).filter(|(_, ran)| ran.examined.is_some());
                batches.push(checked.map(|(program, _)| program.clone()).collect());
            }
        }
        for batch in &batches {
            let mut executor = Executor::of(&room);
            let (calls, took) = room.bare(batch)?;
            bare_calls += calls;
            bare_time += took;
            bare_cost += executor.spent(&room);
        }
    }
    let memory = memory::of_sandbox(room.sandbox.pid());
    let mut renewals = Vec::with_capacity(RENEWALS);
    for _ in 0..RENEWALS {
        let start = Instant::now();
        room.renew()?;
        renewals.push(start.elapsed());
    }
    Ok(Measured {
        checked: checked_calls as f64 / checked_time.as_secs_f64(),
        bare: bare_calls as f64 / bare_time.as_secs_f64(),
        checked_cost: checked_cost.div_f64(checked_calls.max(1) as f64),
        bare_cost: bare_cost.div_f64(bare_calls.max(1) as f64),
        memory,
        renewals,
    })
}
