//! How fast the fuzzer is: calls with the oracle, and the same calls without it.

use crate::campaign::random;
use crate::coverage::Coverage;
use crate::generate::Generator;
use crate::lower::Mode;
use crate::program::Program;
use crate::setup::footprint_of;
use crate::worker::{BATCH, Room, Setting, WorkerError};
use abispec::target::{Call, Resolved};
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

/// What was measured.
#[derive(Clone, Copy, Debug, Default)]
pub struct Measured {
    /// Calls a second with generation, model and oracle, all workers together.
    pub checked: f64,
    /// Calls a second when the same programs are only executed, all workers together.
    pub bare: f64,
}

impl Measured {
    /// Checked calls for each bare one.
    pub fn ratio(self) -> f64 {
        self.checked / self.bare
    }
}

/// Measures for `time` each way. Programs that leave files or limits changed are left out: what they cost is their clean-up.
///
/// # Errors
/// When there is no sandbox.
pub fn measure(
    resolved: &Arc<Resolved>,
    wanted: &(dyn Fn(&Call) -> bool + Sync),
    workers: usize,
    time: Duration,
) -> Result<Measured, WorkerError> {
    let generator = Generator::new(resolved.clone(), wanted);
    let setting = Setting::new(resolved.clone());
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
        }
        Ok(sum)
    })
}

/// Batches in one stretch of either kind; the two alternate, so that a machine that slows down slows both.
const STRETCH: usize = 24;

fn one(
    worker: usize,
    generator: &Generator,
    setting: Setting,
    barrier: &Barrier,
    time: Duration,
) -> Result<Measured, WorkerError> {
    let room = Room::open(setting);
    // Every worker gets here, with a sandbox or without: the others wait for all.
    barrier.wait();
    let mut room = room?;
    let mut rng = random(0, worker);
    let wishes = generator.even();
    let mut coverage = Coverage::new(generator.resolved());
    let (mut checked_calls, mut checked_time) = (0_u64, Duration::ZERO);
    let (mut bare_calls, mut bare_time) = (0_u64, Duration::ZERO);
    let plans = room.setting().plans.clone();
    let begin = Instant::now();
    while begin.elapsed() < 2 * time {
        let mut batches: Vec<Vec<Program>> = Vec::with_capacity(STRETCH);
        let start = Instant::now();
        for _ in 0..STRETCH {
            let mut batch = Vec::with_capacity(BATCH);
            while batch.len() < BATCH {
                let program = generator.program(&mut rng, &wishes);
                if !footprint_of(&program, &plans).solitary() {
                    batch.push(program);
                }
            }
            let ran = room.run(&batch, Mode::Quick, &mut coverage)?;
            checked_calls +=
                ran.iter().filter_map(|ran| ran.examined.as_ref()).map(|examined| examined.judged as u64).sum::<u64>();
            batches.push(batch);
        }
        checked_time += start.elapsed();
        for batch in &batches {
            let (calls, took) = room.bare(batch)?;
            bare_calls += calls;
            bare_time += took;
        }
    }
    Ok(Measured {
        checked: checked_calls as f64 / checked_time.as_secs_f64(),
        bare: bare_calls as f64 / bare_time.as_secs_f64(),
    })
}
