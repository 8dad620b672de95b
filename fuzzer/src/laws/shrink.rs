//! From a suspicion to a finding: the law broken again in fresh sandboxes, three times, then by as little as will do.

use super::compare::compare;
use super::judge::{Broken, Judged, judge};
use super::observe::{Seen, run};
use super::rewrite::rewrite;
use super::{Case, Evidence};
use crate::confirm::{Confirmed, Key};
use crate::coverage::Coverage;
use crate::generate::{GIVEN, ProgramTree};
use crate::lower::Mode;
use crate::oracle::{Answer, Verdict};
use crate::program::Program;
use crate::worker::{Room, WorkerError};
use abispec::law::resolved::ResolvedForm;
use proptest::strategy::ValueTree;
use std::time::{Duration, Instant};

/// How often a law must be broken.
const TIMES: usize = 3;
/// Longest time for making one case simpler.
const SHRINKING: Duration = Duration::from_secs(8);

/// What trying a case alone showed.
#[derive(Clone, Debug)]
pub struct Watched {
    /// The program.
    pub program: Program,
    /// What its calls answered.
    pub answers: Vec<Option<Answer>>,
    /// Of an equivalence, the program with the other call, and what its calls answered.
    pub other: Option<(Program, Vec<Option<Answer>>)>,
    /// What it says of the law.
    pub judged: Judged,
}

fn alone(room: &mut Room, program: &Program) -> Result<Option<Seen>, WorkerError> {
    room.renew()?;
    let mut scratch = Coverage::new(&room.setting().resolved);
    let ran = run(room, std::slice::from_ref(program), Mode::Quick, &mut scratch)?;
    Ok(ran.into_iter().next().and_then(|run| run.seen))
}

/// Tries a case alone, each of its programs in a fresh sandbox. `None` where the case is none of its law.
///
/// # Errors
/// When the sandbox is lost for good.
pub fn watch(room: &mut Room, case: &Case) -> Result<Option<Watched>, WorkerError> {
    let setting = room.setting().clone();
    let (resolved, numbers) = (&setting.resolved, &setting.numbers);
    let Some(program) = case.program(resolved) else { return Ok(None) };
    let silent = |program| Watched { program, answers: Vec::new(), other: None, judged: Judged::Silent };
    let Some(seen) = alone(room, &program)? else { return Ok(Some(silent(program))) };
    let law = case.law(resolved);
    if matches!(law.form, ResolvedForm::Relation { .. }) {
        let judged = judge(resolved, numbers, case, &seen);
        return Ok(Some(Watched { program, answers: seen.answers(), other: None, judged }));
    }
    let Some(rewritten) = rewrite(resolved, law, &case.seed) else { return Ok(None) };
    // The second pair is in the other order: two sandboxes in turn may have two numbers in turn, of devices for example.
    let other = alone(room, &rewritten.program)?;
    let twice = alone(room, &rewritten.program)?;
    let again = alone(room, &program)?;
    let (Some(other), Some(twice), Some(again)) = (other, twice, again) else { return Ok(Some(silent(program))) };
    let judge = |other: &Seen| compare(resolved, numbers, case, &rewritten, [&seen, other, &again]);
    let judged = steady(judge(&other), judge(&twice));
    let other = Some((rewritten.program, other.answers()));
    Ok(Some(Watched { program, answers: seen.answers(), other, judged }))
}

/// What two runs of the other program say together. What differs between them, such as the processor time that only one of them
/// was charged, is the luck of a run and no other answer, though the first program had the same luck twice.
fn steady(once: Judged, twice: Judged) -> Judged {
    if once == twice { once } else { Judged::Silent }
}

fn broken(room: &mut Room, case: &Case) -> Result<Option<(Watched, Broken)>, WorkerError> {
    Ok(watch(room, case)?.and_then(|watched| match watched.judged.clone() {
        Judged::Broken(broken) => Some((watched, broken)),
        Judged::Held | Judged::Silent => None,
    }))
}

/// The key of a broken law.
pub(crate) fn key(room: &Room, case: &Case) -> Key {
    let setting = room.setting();
    let law = case.law(&setting.resolved);
    let (syscall, clause) = (law.name.clone(), Some(law.clause));
    Key { id: super::EXPLANATION.0, syscall, clause, answer: String::new(), entry: setting.entry }
}

/// Whether a simpler case gives a relation what it names: the calls that make it may go, but not become others, since
/// nobody knows what those make.
fn keeps_given(from: &Case, simpler: &Case) -> bool {
    let relation = |case: &Case| case.seed.calls.last().is_some_and(|call| call.call == GIVEN);
    let (before, now) = (&from.seed.calls, &simpler.seed.calls);
    !relation(from)
        || relation(simpler)
            && (now.len() < before.len() || now.iter().zip(before).rev().skip(1).all(|(now, before)| now == before))
}

/// Tries a case again, and with `shrink` makes it simpler as long as the law stays broken; `None` where it does not show
/// itself every time.
///
/// # Errors
/// When the sandbox is lost for good.
pub fn try_again(room: &mut Room, case: &Case, shrink: bool) -> Result<Option<Confirmed>, WorkerError> {
    let mut best = None;
    for _ in 0..TIMES {
        best = broken(room, case)?;
        if best.is_none() {
            return Ok(None);
        }
    }
    let Some(mut best) = best.map(|found| (case.clone(), found)) else { return Ok(None) };
    let mut tree = ProgramTree::new(case.seed.clone());
    let begin = Instant::now();
    while shrink && begin.elapsed() < SHRINKING && tree.simplify() {
        let simpler = Case { law: case.law, seed: tree.current() };
        match if keeps_given(&best.0, &simpler) { broken(room, &simpler)? } else { None } {
            Some(found) => best = (simpler, found),
            None if !tree.complicate() => break,
            None => {}
        }
    }
    let (case, (watched, broken)) = best;
    let setting = room.setting();
    let law = case.law(&setting.resolved);
    let given = law.names.iter().cloned().zip(case.given(law).iter().cloned()).collect();
    let evidence = Evidence { law: law.name.clone(), given, other: watched.other };
    Ok(Some(Confirmed {
        key: key(room, &case),
        call: watched.program.calls.len().saturating_sub(1),
        verdict: Verdict {
            id: super::EXPLANATION.0,
            clause: Some(law.clause),
            expected: broken.expected,
            actual: broken.actual,
        },
        program: watched.program,
        answers: watched.answers,
        habitat: setting.habitat,
        law: Some(Box::new(evidence)),
        beside: Vec::new(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_other_program_does_once_breaks_no_law() {
        let broken = |actual: &str| Judged::Broken(Broken { expected: "0x00".to_owned(), actual: actual.to_owned() });
        assert_eq!(steady(broken("0x6b"), broken("0x6b")), broken("0x6b"));
        for otherwise in [broken("0x12"), Judged::Held, Judged::Silent] {
            assert_eq!(steady(broken("0x6b"), otherwise), Judged::Silent);
        }
    }
}
