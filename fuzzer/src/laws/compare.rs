//! Whether two calls did the same: a program with one of them, with the other, and with the first again. Pure.

use super::Case;
use super::judge::{Broken, Judged, at_any_time};
use super::observe::{Descriptor, Seen};
use super::observer::Scene;
use super::rewrite::{Rewritten, matched, owned};
use crate::oracle::Answer;
use crate::program::Argument;
use crate::world::Numbers;
use abispec::expr::{Moment, Truth, truth};
use abispec::law::resolved::{ResolvedArg, ResolvedForm, ResolvedLaw, ResolvedLine};
use abispec::target::Resolved;

/// Judges an equivalence by three runs: the program, the rewritten one, and the program again. What differs between the
/// first and the third, such as times and numbers of inodes, is not compared; what grows with time and is the same in both
/// was the same in between.
pub(super) fn compare(
    resolved: &Resolved,
    numbers: &Numbers,
    case: &Case,
    rewritten: &Rewritten,
    runs: [&Seen; 3],
) -> Judged {
    let law = case.law(resolved);
    let ResolvedForm::Same { left, right } = &law.form else { return Judged::Silent };
    let [first, other, again] = runs;
    let comparing = Comparing { resolved, numbers, law, left, right, case, rewritten, first, other, again };
    let calls = case.seed.calls.len();
    if runs.iter().any(|seen| seen.returns.len() != calls) || !comparing.applies() {
        return Judged::Silent;
    }
    for index in 0..calls {
        let (a, b, c) = (first.returns[index], other.returns[index], again.returns[index]);
        let any_time = |ret| matches!(Answer::of(ret), Answer::Error(number) if at_any_time(resolved, number));
        // What depends on an answer that differs anyway may differ too.
        if a != c || any_time(a) || any_time(b) {
            return Judged::Silent;
        }
        if let Some(broken) = comparing.answer(index).or_else(|| comparing.memory(index)) {
            return Judged::Broken(broken);
        }
    }
    comparing.descriptors().map_or(Judged::Held, Judged::Broken)
}

struct Comparing<'a> {
    resolved: &'a Resolved,
    numbers: &'a Numbers,
    law: &'a ResolvedLaw,
    left: &'a ResolvedLine,
    right: &'a ResolvedLine,
    case: &'a Case,
    rewritten: &'a Rewritten,
    first: &'a Seen,
    other: &'a Seen,
    again: &'a Seen,
}

impl Comparing<'_> {
    /// The arguments of a replaced call, by the law's variables.
    fn bound(&self, index: usize) -> Option<Vec<Argument>> {
        matched(self.resolved, self.numbers, self.law, self.left, &self.case.seed.calls[index])
    }

    /// Whether the law's condition is true of every call that was replaced.
    fn applies(&self) -> bool {
        let Some(when) = &self.law.when else { return true };
        let params = &self.resolved.calls[self.left.call].variants[self.left.variant].params;
        self.rewritten.changed.iter().all(|index| {
            let mut values = vec![None; self.law.variables.len()];
            for ((arg, register), param) in self.left.args.iter().zip(self.first.registers[*index]).zip(params) {
                if let ResolvedArg::Variable(variable) = arg {
                    values[usize::from(*variable)] = Some(param.int.value_of(register, self.numbers.word));
                }
            }
            let scene = Scene { values, memory: Some(self.first.before()), numbers: self.numbers };
            truth(when, &scene, Moment::Before) == Truth::True
        })
    }

    /// The call, as the program or the other one has it.
    fn call(&self, index: usize, other: bool) -> String {
        let program = if other { &self.rewritten.program } else { &self.case.seed };
        format!("r{index} = {}", program.calls[index].line(self.resolved))
    }

    fn answer(&self, index: usize) -> Option<Broken> {
        let (a, b) = (self.first.returns[index], self.other.returns[index]);
        let gives = |other, ret| {
            format!("{} gives {}", self.call(index, other), Answer::of(ret).text(self.resolved.target.arch))
        };
        (a != b).then(|| Broken { expected: gives(false, a), actual: gives(true, b) })
    }

    /// Blocks of a call, and those of the other program that belong to the same arguments.
    fn blocks(&self, index: usize) -> Vec<(usize, usize)> {
        if !self.rewritten.changed.contains(&index) {
            return (0..self.first.blocks[index].len()).map(|at| (at, at)).collect();
        }
        let bound = self.bound(index).unwrap_or_default();
        let positions = |line| owned(line, &bound, self.law.variables.len()).concat();
        positions(self.left).into_iter().zip(positions(self.right)).collect()
    }

    fn memory(&self, index: usize) -> Option<Broken> {
        self.blocks(index).into_iter().find_map(|(at, there)| {
            let a = self.first.blocks[index].get(at)?;
            let b = self.other.blocks[index].get(there)?;
            let c = self.again.blocks[index].get(at)?;
            let byte = differs(&a.bytes, &b.bytes, &c.bytes)?;
            let what = format!("byte {byte} behind argument {}", a.param);
            Some(Broken {
                expected: format!("{} leaves {:#04x} in {what}", self.call(index, false), a.bytes[byte]),
                actual: format!("{} leaves {:#04x} there", self.call(index, true), b.bytes[byte]),
            })
        })
    }

    /// The first descriptor that is another at the end.
    fn descriptors(&self) -> Option<Broken> {
        self.first.end.iter().zip(&self.again.end).find_map(|(a, c)| {
            // A call may reach other numbers than the one that it replaces.
            let b = self.other.end.iter().find(|(number, _)| *number == a.0)?;
            (a == c && a != b).then(|| Broken {
                expected: format!("descriptor {} at the end has {}", a.0, self.descriptor(a)),
                actual: format!("with the other call it has {}", self.descriptor(b)),
            })
        })
    }

    fn descriptor(&self, (_, answers): &Descriptor) -> String {
        let text = |answer: &Option<i64>| {
            answer.map_or_else(|| "-".to_owned(), |ret| Answer::of(ret).text(self.resolved.target.arch))
        };
        let [cloexec, status, offset] = answers;
        format!("F_GETFD: {}, F_GETFL: {}, position: {}", text(cloexec), text(status), text(offset))
    }
}

/// The first byte of a word that two runs of one program have alike and the other program has not. Single bytes of what is
/// random are alike too often.
fn differs(first: &[u8], other: &[u8], again: &[u8]) -> Option<usize> {
    let whole = first == again;
    let words = first.chunks(8).zip(other.chunks(8)).zip(again.chunks(8)).enumerate();
    let mut differing = words.filter(|(_, ((a, b), c))| a == c && a != b && (whole || a.len() == 8));
    differing.find_map(|(at, ((a, b), _))| Some(at * 8 + a.iter().zip(b.iter()).position(|(a, b)| a != b)?))
}
