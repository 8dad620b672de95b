//! From a suspicion to a finding: the same again in a fresh sandbox, three times, then as simple as it can be.

use crate::coverage::Coverage;
use crate::examine::Suspicion;
use crate::exec::Entry;
use crate::generate::ProgramTree;
use crate::habitat::Habitat;
use crate::laws::Evidence;
use crate::lower::Mode;
use crate::oracle::{Answer, Verdict};
use crate::program::Program;
use crate::worker::{Room, Setting, WorkerError};
use abispec::target::ClauseId;
use proptest::strategy::ValueTree;
use std::time::{Duration, Instant};

/// What makes two divergences the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// Id of the finding.
    pub id: &'static str,
    /// The system call.
    pub syscall: String,
    /// The contradicted clause.
    pub clause: Option<ClauseId>,
    /// For errnos, which one; empty otherwise.
    pub answer: String,
    /// The way into the kernel that programs took.
    pub entry: Entry,
}

impl Key {
    /// The key of a suspicion against a program.
    pub fn of(setting: &Setting, program: &Program, suspicion: &Suspicion) -> Self {
        let verdict = &suspicion.verdict;
        let call = program.calls.get(suspicion.call).and_then(|call| setting.resolved.calls.get(call.call));
        // The errno is part of what went wrong; returned values and positions differ with every program.
        let answer = if verdict.id.ends_with("-errno") { verdict.actual.clone() } else { String::new() };
        Self {
            id: verdict.id,
            syscall: call.map_or_else(String::new, |call| call.name.clone()),
            clause: verdict.clause,
            answer,
            entry: setting.entry,
        }
    }
}

/// A divergence that was seen again each time it was tried.
#[derive(Clone, Debug)]
pub struct Confirmed {
    /// What makes it the same as others.
    pub key: Key,
    /// The shortest and plainest program that shows it.
    pub program: Program,
    /// Index of the call in that program.
    pub call: usize,
    /// What is wrong.
    pub verdict: Verdict,
    /// How each call of the program answered.
    pub answers: Answers,
    /// Who the executor was, and where.
    pub habitat: Habitat,
    /// For a broken law, which and with what.
    pub law: Option<Box<Evidence>>,
    /// Programs that were in flight as well, where nobody knows which it was.
    pub beside: Vec<Program>,
}

/// What trying a suspicion again gave.
#[derive(Clone, Debug)]
pub enum Trial {
    /// It is a divergence.
    Confirmed(Box<Confirmed>),
    /// It turned out to be one that is known already.
    Known,
    /// It did not show itself every time.
    Unstable,
}

/// How often a divergence must show itself.
const TIMES: usize = 3;
/// Longest time for making one program simpler.
const SHRINKING: Duration = Duration::from_secs(8);

/// How the calls of a program answered, as far as they were made.
pub type Answers = Vec<Option<Answer>>;

/// Runs a program alone in a fresh sandbox, watching every call.
///
/// # Errors
/// When the sandbox is lost for good.
pub fn watch(room: &mut Room, program: &Program) -> Result<(Answers, Option<Suspicion>), WorkerError> {
    room.renew()?;
    let resolved = room.setting().resolved.clone();
    let mut scratch = Coverage::new(&resolved);
    let ran = room.run(std::slice::from_ref(program), Mode::Careful, &mut scratch)?;
    let examined = ran.into_iter().next().and_then(|ran| ran.examined);
    Ok(examined.map_or_else(|| (Vec::new(), None), |examined| (examined.answers, examined.suspicion)))
}

fn once(room: &mut Room, program: &Program) -> Result<Option<(Suspicion, Answers)>, WorkerError> {
    let (answers, suspicion) = watch(room, program)?;
    Ok(suspicion.map(|suspicion| (suspicion, answers)))
}

/// Tries a suspicion again, and with `shrink` makes the program simpler as long as it stays.
///
/// # Errors
/// When the sandbox is lost for good.
pub fn confirm(
    room: &mut Room,
    program: &Program,
    shrink: bool,
    known: &dyn Fn(&Key) -> bool,
) -> Result<Trial, WorkerError> {
    let setting = room.setting().clone();
    let Some((first, mut answers)) = once(room, program)? else { return Ok(Trial::Unstable) };
    let key = Key::of(&setting, program, &first);
    if known(&key) {
        return Ok(Trial::Known);
    }
    for _ in 1..TIMES {
        match once(room, program)? {
            Some((again, _)) if Key::of(&setting, program, &again) == key => {}
            _ => return Ok(Trial::Unstable),
        }
    }
    // Nothing that comes after the call can matter.
    let mut start = program.clone();
    start.calls.truncate(first.call + 1);
    let mut tree = ProgramTree::new(start);
    let mut best = (program.clone(), first);
    let begin = Instant::now();
    let mut current = tree.current();
    loop {
        let kept = match once(room, &current)? {
            Some((suspicion, seen)) if Key::of(&setting, &current, &suspicion) == key => {
                best = (current.clone(), suspicion);
                answers = seen;
                true
            }
            _ => false,
        };
        if !shrink || begin.elapsed() > SHRINKING {
            break;
        }
        if !kept && !tree.complicate() {
            break;
        }
        if !tree.simplify() {
            break;
        }
        current = tree.current();
    }
    let (program, suspicion) = best;
    let habitat = room.setting().habitat;
    let call = suspicion.call;
    let verdict = suspicion.verdict;
    Ok(Trial::Confirmed(Box::new(Confirmed {
        key,
        call,
        verdict,
        program,
        answers,
        habitat,
        law: None,
        beside: Vec::new(),
    })))
}
