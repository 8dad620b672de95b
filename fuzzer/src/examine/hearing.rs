//! One call that ran, with all that its contract is held against: by the specification, and by other versions of it.

use super::effects::{Looked, effects};
use super::looks::{Answers, table};
use super::memory::own;
use super::{Context, apart, changes};
use crate::cell::CellMemory;
use crate::jury::{Jury, Seat};
use crate::lower::Probe;
use crate::oracle::{Answer, Verdict, judge_ensures, judge_error, judge_left, judge_success, leaves, may_be_value};
use crate::plan::{VariantPlan, WrittenParam};
use crate::world::{Scene, View, World, applies, apply, apply_failure, apply_partly};
use abispec::errno::Errno;
use abispec::expr::{BinaryOp, Expr, Moment, Truth, truth};
use abispec::target::{ClauseId, ResolvedEffect, ResolvedParam, Rule, Variant};
use abispec::types::Type;
use std::ops::Range;

/// What is known of a call after it.
pub(super) struct Hearing<'a> {
    pub(super) context: Context<'a>,
    pub(super) plan: &'a VariantPlan,
    pub(super) answers: Answers<'a>,
    pub(super) answer: Answer,
    /// A signal ended its sleep.
    pub(super) interrupted: bool,
    /// The model before it.
    pub(super) world: &'a World,
    pub(super) before: &'a CellMemory<'a>,
    pub(super) after: &'a CellMemory<'a>,
    /// What was asked of the descriptor table when the program was over, if this is its last call.
    pub(super) end: &'a [Probe],
}

/// A judgement that waits for the end of the program, since what is written shows itself there.
pub(super) struct Reserved<'j> {
    pub(super) seat: &'j Seat,
    /// Of the ranges that calls of the program own, those of the call by the specification.
    pub(super) instead_of: Range<usize>,
    /// Those that it owns by the seat's version.
    pub(super) owned: Vec<(u64, u64)>,
    pub(super) succeeded: bool,
}

impl Reserved<'_> {
    /// Whether the call owns the same by this version.
    pub(super) fn is_same(&self, owned: &[(u64, u64)]) -> bool {
        owned[self.instead_of.clone()] == self.owned
    }

    /// All that the calls of the program own by this version.
    pub(super) fn all(&self, owned: &[(u64, u64)]) -> Vec<(u64, u64)> {
        let Range { start, end } = self.instead_of;
        [&owned[..start], &self.owned, &owned[end..]].concat()
    }
}

/// What another version says of a call that is right by the specification.
enum Otherwise {
    /// It is wrong.
    Verdict(Verdict),
    /// The same, although it has other rules or effects for it.
    Alike,
    /// The same.
    Silent,
}

/// What a contract says of a call.
pub(super) struct Heard {
    pub(super) verdict: Option<Verdict>,
    /// The model after the call, where the call may have changed it.
    pub(super) next: Option<World>,
}

impl<'a> Hearing<'a> {
    /// The call as a contract sees it before it is made.
    pub(super) fn view<'v>(&self, variant: &'v Variant) -> View<'v>
    where
        'a: 'v,
    {
        let before = Scene { world: self.world, memory: self.before };
        View::new(self.context.numbers, variant, self.answers.registers, before)
    }

    /// The same after it, where nothing else changed than memory.
    pub(super) fn returned<'v>(&self, variant: &'v Variant) -> View<'v>
    where
        'a: 'v,
    {
        self.view(variant).returned(self.answers.ret, Scene { world: self.world, memory: self.after })
    }

    /// Whether the caller was killed where the contract says that it lives on: what began in the call may have done that.
    pub(super) fn is_cut_off(&self, variant: &Variant) -> bool {
        self.answer == Answer::Left
            && apart::was_killed(self.answers.sandbox, self.answers.low.op)
            && leaves(variant, &self.view(variant)) == Truth::False
    }

    /// Judges the call by a contract. Clauses that were seen to hold go to `seen`.
    pub(super) fn judge(&self, variant: &Variant, seen: &mut Vec<ClauseId>) -> Heard {
        let Self { context, answers, .. } = self;
        let mut next = changes(*context, self.plan, variant, self.answer).then(|| self.world.clone());
        let verdict = match self.answer {
            Answer::Error(number) => {
                let verdict = self.error(variant, number, seen);
                if let Some(next) = &mut next {
                    let view = self.returned(variant);
                    apply_failure(&view, next);
                    if let Some(errno) = Errno::from_number(number, context.resolved.target.arch) {
                        apply_partly(&view, &variant.effects, errno, next);
                    }
                }
                let faulted = i128::from(number) == context.numbers.efault();
                let asked = answers.low.asked && faulted && self.plan.asks.partly;
                verdict.or_else(|| if asked { self.after_fault(variant, next.as_ref(), seen) } else { None })
            }
            Answer::Left => {
                let verdict = judge_left(variant, &self.view(variant), seen);
                verdict.or_else(|| match effects(&self.returned(variant), answers, seen) {
                    Looked::Right => None,
                    Looked::Broken(verdict) | Looked::Changed(verdict) => Some(verdict),
                })
            }
            Answer::Value(value) => {
                let first = judge_success(variant, &self.view(variant), value, seen);
                if let Some(next) = &mut next {
                    apply(&self.returned(variant), &variant.effects, next);
                }
                let view = self.afterwards(variant, next.as_ref());
                first.or_else(|| {
                    if !answers.low.asked {
                        return judge_ensures(variant, &view, value, seen);
                    }
                    let changed = match effects(&view, answers, seen) {
                        Looked::Right => None,
                        Looked::Broken(verdict) => return Some(verdict),
                        Looked::Changed(verdict) => Some(verdict),
                    };
                    // A condition that speaks of what changed is a better name for it than any effect.
                    judge_ensures(variant, &view.looking(answers), value, seen).or(changed)
                })
            }
        };
        Heard { verdict, next }
    }

    /// Holds what the kernel says of files after a fault against the model, which knows no more of what may have changed.
    fn after_fault(&self, variant: &Variant, next: Option<&World>, seen: &mut Vec<ClauseId>) -> Option<Verdict> {
        let view = self.afterwards(variant, next);
        let Some(found) = self.answers.difference(&view) else {
            let errno = self.errno()?;
            let happened = |rule: &&ResolvedEffect| {
                rule.effect.on.contains(&errno) && rule.effect.when.is_some() && applies(&view, rule) == Truth::True
            };
            seen.extend(variant.effects.iter().filter(happened).map(|rule| rule.clause));
            return None;
        };
        let (expected, actual) = (found.expected(), found.actual());
        Some(Verdict { id: "failure-changed-state", clause: None, expected, actual })
    }

    /// Holds the descriptor table after the call against a model.
    pub(super) fn table(&self, next: Option<&World>) -> Option<Verdict> {
        let failed = matches!(self.answer, Answer::Error(_));
        table(next.unwrap_or(self.world), &self.answers.low.after, self.answers.sandbox, failed)
    }

    /// Lets the jury hear a call that is right by the specification; `next` is the model after it.
    /// Who cannot say before the program is over goes to `later`, where `own` is what the call may write by the specification.
    pub(super) fn before_the_jury<'j>(
        &self,
        jury: &'j Jury,
        (call, variant): (usize, usize),
        next: Option<&World>,
        own: &Range<usize>,
        later: &mut Vec<Reserved<'j>>,
    ) {
        let mut seen = Vec::new();
        let contract = &self.context.resolved.calls[call].variants[variant];
        for seat in jury.hearing(call, variant) {
            seen.clear();
            if self.is_cut_off(&seat.text) {
                continue;
            }
            match self.otherwise(contract, seat, next, &mut seen) {
                Otherwise::Verdict(verdict) => {
                    jury.vote(seat, &verdict);
                    continue;
                }
                Otherwise::Alike => jury.agrees(seat),
                Otherwise::Silent => {}
            }
            if seat.differs.memory && self.answer != Answer::Left {
                let mut owned = Vec::new();
                self.own(&seat.text, &seat.written, &mut owned);
                let succeeded = matches!(self.answer, Answer::Value(_));
                later.push(Reserved { seat, instead_of: own.clone(), owned, succeeded });
            }
        }
    }

    /// Adds the memory that the call may write by a contract.
    pub(super) fn own(&self, variant: &Variant, written: &[WrittenParam], owned: &mut Vec<(u64, u64)>) {
        let error = match self.answer {
            Answer::Error(number) => Some(number),
            Answer::Value(_) => None,
            Answer::Left => return,
        };
        own(&self.returned(variant), written, self.answers.low, error, self.context, owned);
    }

    /// What a version of the contract says that differs from the specification only in what its seat names.
    fn otherwise(&self, own: &Variant, seat: &Seat, next: Option<&World>, seen: &mut Vec<ClauseId>) -> Otherwise {
        let (verdict, alike) = if seat.differs.arguments || seat.differs.effects && self.may_change_otherwise(seat) {
            let Heard { verdict, next: theirs } = self.judge(&seat.text, seen);
            let world = theirs.as_ref().unwrap_or(self.world);
            let end = || table(world, self.end, self.answers.sandbox, false);
            let verdict = verdict.or_else(|| self.table(theirs.as_ref())).or_else(end);
            // What the model says otherwise and nobody looks at is not hidden, but unseen.
            let unseen = || world != next.unwrap_or(self.world) && !self.is_told_more(own, seat, next, theirs.as_ref());
            let alike = || self.has_other_effects(seat) || seat.differs.arguments && self.sees_other_rules(own, seat);
            let alike = verdict.is_none() && alike() && !unseen();
            (verdict, alike)
        } else {
            let verdict = self.by_rest(seat, next, seen);
            let speaks = || match self.answer {
                _ if !seat.differs.needs_all() && self.has_other_rules(seat) => true,
                Answer::Value(_) => self.promises_more(seat, next),
                Answer::Error(_) | Answer::Left => false,
            };
            let alike = verdict.is_none() && speaks();
            (verdict, alike)
        };
        match verdict {
            Some(verdict) => Otherwise::Verdict(verdict),
            None if alike => Otherwise::Alike,
            None => Otherwise::Silent,
        }
    }

    /// Whether the model that a version leaves says more than the other one of what the kernel was asked, and all of it is so.
    fn is_told_more(&self, own: &Variant, seat: &Seat, next: Option<&World>, theirs: Option<&World>) -> bool {
        let told = |variant: &Variant, world: Option<&World>| self.answers.agreements(&self.afterwards(variant, world));
        self.answers.low.asked && told(&seat.text, theirs) > told(own, next)
    }

    fn errno(&self) -> Option<Errno> {
        match self.answer {
            Answer::Error(number) => Errno::from_number(number, self.context.resolved.target.arch),
            Answer::Value(_) | Answer::Left => None,
        }
    }

    /// Whether this answer is one that the version's own rules might have judged otherwise: an error that a rule of the
    /// specification demands or permits here and the version's does not, or any answer where the version alone demands an error.
    /// What is permitted and did not happen says nothing.
    fn has_other_rules(&self, seat: &Seat) -> bool {
        let answered = self.errno();
        let no_more = |rule: &&Rule| answered.is_some_and(|errno| rule.duty || rule.errno == errno);
        let demanded = |rule: &&Rule| rule.duty;
        let (gone, new) = (&seat.gone[..], &seat.text.rules[..seat.new]);
        // Asking whether a condition holds costs most, and few rules are about one answer.
        if !gone.iter().any(|rule| no_more(&rule)) && !new.iter().any(|rule| demanded(&rule)) {
            return false;
        }
        let view = self.view(&seat.text);
        let holds = |rule: &&Rule| truth(&rule.condition, &view, Moment::Before) == Truth::True;
        let lacks = |list: &[Rule], one: &Rule| {
            let like = |other: &&Rule| (other.errno, other.duty) == (one.errno, one.duty);
            !list.iter().filter(like).any(|other| holds(&other))
        };
        gone.iter().filter(no_more).filter(holds).any(|rule| lacks(new, rule))
            || new.iter().filter(demanded).filter(holds).any(|rule| lacks(gone, rule))
    }

    /// Whether a rule that this answer might have followed holds by what arguments mean in one of the two, and not in the other.
    fn sees_other_rules(&self, own: &Variant, seat: &Seat) -> bool {
        let (answered, others) = (self.errno(), &seat.text.rules);
        let (view, other) = (self.view(own), self.view(&seat.text));
        let holds = |rule: &Rule, view: &View<'_>| truth(&rule.condition, view, Moment::Before) == Truth::True;
        own.rules.len() == others.len()
            && own.rules.iter().zip(others).any(|(rule, like)| {
                (rule.duty || answered == Some(rule.errno)) && holds(rule, &view) != holds(like, &other)
            })
    }

    /// Whether the version promises something of this success of which the specification says nothing, and it is so.
    fn promises_more(&self, seat: &Seat, next: Option<&World>) -> bool {
        let [own, others] = &seat.ensures;
        if others.is_empty() {
            return false;
        }
        let view = self.afterwards(&seat.text, next).looking(&self.answers);
        let speaks = |expr: &&Expr| {
            matches!(expr, Expr::Binary(BinaryOp::Implies, when, _)
            if truth(when, &view, Moment::After) == Truth::True)
        };
        let kept = |expr: &Expr| truth(expr, &view, Moment::After) == Truth::True;
        !own.iter().any(|expr| speaks(&expr)) && others.iter().filter(speaks).any(kept)
    }

    /// Whether this call has other effects by the version than by the specification.
    fn has_other_effects(&self, seat: &Seat) -> bool {
        let (view, errno) = (self.returned(&seat.text), self.errno());
        let here = |effect: &ResolvedEffect| match self.answer {
            Answer::Value(_) => true,
            Answer::Error(_) => errno.is_some_and(|errno| effect.effect.on.contains(&errno)),
            Answer::Left => false,
        };
        let happens = |effect: &&ResolvedEffect| here(effect) && applies(&view, effect) == Truth::True;
        let [own, others] =
            seat.effects.each_ref().map(|list| list.iter().filter(happens).map(|one| &one.effect.effect));
        !own.eq(others)
    }

    /// Whether this call may have other effects by the version, known or not. Where it has the same, the model is the same.
    fn may_change_otherwise(&self, seat: &Seat) -> bool {
        match self.answer {
            Answer::Left => true,
            Answer::Error(_) => {
                let errno = self.errno();
                let partly = |effect: &ResolvedEffect| errno.is_some_and(|errno| effect.effect.on.contains(&errno));
                seat.effects.iter().flatten().any(partly)
            }
            Answer::Value(_) => {
                let view = self.returned(&seat.text);
                let [own, others] = seat.effects.each_ref().map(|list| {
                    let known = list.iter().map(|one| (applies(&view, one), &one.effect.effect));
                    known.filter(|(applies, _)| *applies != Truth::False)
                });
                !own.eq(others)
            }
        }
    }

    /// The same of a version that has the same effects: only what differs need be asked.
    fn by_rest(&self, seat: &Seat, next: Option<&World>, seen: &mut Vec<ClauseId>) -> Option<Verdict> {
        let (variant, differs) = (&seat.text, seat.differs);
        match self.answer {
            Answer::Error(number) => {
                let concerned = differs.rules && self.errno().is_some_and(|errno| seat.errnos.contains(&errno));
                concerned.then(|| self.error(variant, number, seen)).flatten()
            }
            Answer::Left => judge_left(variant, &self.view(variant), seen),
            Answer::Value(value) => {
                // What the specification demands too does not hold: the call is right by it.
                let demands =
                    differs.rules && (differs.needs_all() || variant.rules[..seat.new].iter().any(|r| r.duty));
                let before = || judge_success(variant, &self.view(variant), value, seen);
                let verdict = (demands || differs.returns).then(before).flatten();
                verdict.or_else(|| {
                    let view = differs.ensures.then(|| self.afterwards(variant, next))?;
                    match self.answers.low.asked {
                        true => judge_ensures(variant, &view.looking(&self.answers), value, seen),
                        false => judge_ensures(variant, &view, value, seen),
                    }
                })
            }
        }
    }

    fn afterwards<'v>(&self, variant: &'v Variant, next: Option<&'v World>) -> View<'v>
    where
        'a: 'v,
    {
        let world = next.unwrap_or(self.world);
        self.returned(variant).returned(self.answers.ret, Scene { world, memory: self.after })
    }

    fn error(&self, variant: &Variant, number: u32, seen: &mut Vec<ClauseId>) -> Option<Verdict> {
        let Context { resolved, numbers, .. } = self.context;
        let mut verdict = judge_error(variant, &self.view(variant), number, resolved.target.arch, seen);
        if self.interrupted && number == libc::EINTR.cast_unsigned() {
            // Only a sleeper is interrupted: where EINTR is wrong, so was the sleep.
            verdict = verdict.map(|verdict| Verdict {
                id: "unexpected-block",
                expected: "the call does not sleep".to_owned(),
                actual: "it slept until a signal came".to_owned(),
                ..verdict
            });
        }
        // Where nobody has pages the address that was asked for is what an errno looks like, and is the answer.
        let ret = self.answers.ret.cast_unsigned();
        let asked = |(param, register): (&ResolvedParam, &u64)| matches!(param.ty, Type::Vma) && *register == ret;
        let echoed = variant.params.iter().zip(&self.answers.registers).any(asked);
        verdict.filter(|_| !echoed && !may_be_value(variant, self.answers.ret, numbers.word))
    }
}
