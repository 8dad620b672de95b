//! A worker's turn for laws: some cases of them, run in batches.

use super::Case;
use super::compare::compare;
use super::judge::{Broken, Judged, judge};
use super::make::Makers;
use super::observe::{Run, run};
use super::rewrite::{Rewritten, rewrite};
use crate::coverage::Coverage;
use crate::examine::Suspicion;
use crate::generate::Generator;
use crate::lower::Mode;
use crate::program::Program;
use crate::setup::footprint_of;
use crate::worker::{BATCH, Room, WorkerError};
use proptest::test_runner::TestRng;

/// What a turn gave.
#[derive(Debug, Default)]
pub struct Turn {
    /// Calls that were judged.
    pub calls: u64,
    /// Programs that were run.
    pub programs: u64,
    /// What the oracle suspects of single calls.
    pub suspicions: Vec<(Program, Suspicion)>,
    /// Cases in which a law was broken.
    pub broken: Vec<Suspect>,
}

/// A case in which a law was broken once.
#[derive(Clone, Debug)]
pub struct Suspect {
    /// The case.
    pub case: Case,
    /// What was seen.
    pub broken: Broken,
}

/// Cases of programs that run alone, in one turn: each takes a batch or three for itself.
const ALONE: usize = 6;

/// Programs of one case: one for a relation, three for an equivalence.
struct Trial {
    case: Case,
    rewritten: Option<Rewritten>,
    programs: Vec<Program>,
}

/// Makes cases, runs them and judges them. `next` says with which law to go on and is left at the one after the last.
///
/// # Errors
/// When the sandbox is lost for good.
pub fn turn(
    makers: &Makers,
    generator: &Generator,
    rng: &mut TestRng,
    room: &mut Room,
    coverage: &mut Coverage,
    next: &mut usize,
) -> Result<Turn, WorkerError> {
    let mut done = Turn::default();
    let begun = *next;
    let (together, mut alone) = gather(makers, generator, rng, room, next);
    let (cut, left) = execute(room, coverage, together, &mut done)?;
    // Laws that did not come to run because another one spoilt the batch come first in the next turn.
    *next = next.saturating_sub(left).max(begun + 1);
    alone.extend(cut);
    for trial in alone {
        // Programs that change files or limits may not meet each other's leavings.
        let mut runs = Vec::with_capacity(trial.programs.len());
        for program in &trial.programs {
            runs.extend(run(room, std::slice::from_ref(program), Mode::Quick, coverage)?);
        }
        settle(room, coverage, &trial, runs, &mut done);
    }
    Ok(done)
}

fn gather(
    makers: &Makers,
    generator: &Generator,
    rng: &mut TestRng,
    room: &Room,
    next: &mut usize,
) -> (Vec<Trial>, Vec<Trial>) {
    let setting = room.setting();
    let (mut together, mut alone) = (Vec::new(), Vec::new());
    let mut used = 0;
    // Where no case is made, a turn must end too.
    for _ in 0..2 * BATCH {
        let Some(law) = makers.laws().get(*next % makers.laws().len().max(1)) else { break };
        *next += 1;
        let Some(trial) = makers.case(generator, rng, *law).and_then(|case| of(case, &setting.resolved)) else {
            continue;
        };
        let solitary = |program: &Program| footprint_of(program, &setting.plans).solitary();
        if trial.programs.iter().any(solitary) {
            alone.push(trial);
        } else if used + trial.programs.len() <= BATCH {
            used += trial.programs.len();
            together.push(trial);
        } else {
            break;
        }
        if alone.len() >= ALONE {
            break;
        }
    }
    (together, alone)
}

fn of(case: Case, resolved: &abispec::target::Resolved) -> Option<Trial> {
    let program = case.program(resolved)?;
    match rewrite(resolved, case.law(resolved), &case.seed) {
        Some(rewritten) => {
            let programs = vec![program.clone(), rewritten.program.clone(), program];
            Some(Trial { case, rewritten: Some(rewritten), programs })
        }
        None => Some(Trial { case, rewritten: None, programs: vec![program] }),
    }
}

/// Runs trials as one batch; gives the one that spoilt it, if its programs did not all come to run, and how many behind it did
/// not run at all.
fn execute(
    room: &mut Room,
    coverage: &mut Coverage,
    trials: Vec<Trial>,
    done: &mut Turn,
) -> Result<(Option<Trial>, usize), WorkerError> {
    let programs: Vec<Program> = trials.iter().flat_map(|trial| trial.programs.iter().cloned()).collect();
    if programs.is_empty() {
        return Ok((None, 0));
    }
    let (mut cut, mut left) = (None, 0);
    let mut runs = run(room, &programs, Mode::Quick, coverage)?.into_iter();
    for trial in trials {
        let own: Vec<Run> = runs.by_ref().take(trial.programs.len()).collect();
        let examined = own.iter().filter(|run| run.examined.is_some()).count();
        settle(room, coverage, &trial, own, done);
        left += usize::from(examined == 0);
        if (1..trial.programs.len()).contains(&examined) && cut.is_none() {
            cut = Some(trial);
        }
    }
    Ok((cut, left))
}

/// Judges what the programs of one case showed.
fn settle(room: &Room, coverage: &mut Coverage, trial: &Trial, runs: Vec<Run>, done: &mut Turn) {
    let setting = room.setting();
    let (resolved, numbers) = (&setting.resolved, &setting.numbers);
    let mut seen = Vec::with_capacity(runs.len());
    for (run, program) in runs.into_iter().zip(&trial.programs) {
        if let Some(examined) = run.examined {
            done.calls += examined.judged as u64;
            done.programs += 1;
            done.suspicions.extend(examined.suspicion.map(|suspicion| (program.clone(), suspicion)));
        }
        seen.push(run.seen);
    }
    let judged = match (&trial.rewritten, &seen[..]) {
        (Some(rewritten), [Some(first), Some(other), Some(again)]) => {
            compare(resolved, numbers, &trial.case, rewritten, [first, other, again])
        }
        (None, [Some(seen)]) => judge(resolved, numbers, &trial.case, seen),
        _ => Judged::Silent,
    };
    match judged {
        Judged::Held => coverage.mark(trial.case.law(resolved).clause),
        Judged::Broken(broken) => done.broken.push(Suspect { case: trial.case.clone(), broken }),
        Judged::Silent => {}
    }
}
