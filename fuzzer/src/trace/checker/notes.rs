//! What is kept of a divergence or a misuse: once for each kind, with the first call that showed it.

use super::{Checker, Found, Key};
use crate::oracle::{self, Verdict};
use crate::trace::decode;
use crate::trace::lint::{self, Misuse};
use crate::trace::tasks::Pending;
use crate::trace::witness::Witness;

impl<W: Witness> Checker<'_, W> {
    pub(super) fn note(
        &mut self,
        tid: i32,
        place: (usize, usize),
        pending: &Pending,
        answer: oracle::Answer,
        settled: Result<Verdict, &'static str>,
    ) {
        let (call, variant) = place;
        let spec = &self.book.resolved.calls[call];
        let verdict = match settled {
            Ok(verdict) => verdict,
            Err(id) => {
                *self.tally.unsettled.entry((spec.name.clone(), id.to_owned())).or_default() += 1;
                return;
            }
        };
        let instead = match answer {
            oracle::Answer::Error(_) => verdict.actual.clone(),
            oracle::Answer::Value(_) | oracle::Answer::Left => String::new(),
        };
        let key = (call, variant, verdict.id, verdict.clause, instead);
        if let Some(known) = self.found.get_mut(&key) {
            known.count += 1;
            return;
        }
        let status = self.status(tid);
        let group = status.as_ref().map_or(tid, |status| status.group);
        let filters = status.map_or(0, |status| status.filters.saturating_sub(self.settings.own_filters));
        let resolved = self.book.resolved;
        let text = decode::call(resolved, spec, &spec.variants[variant], &pending.args, &pending.pieces);
        let answer = answer.text(resolved.target.arch);
        self.found.insert(key, Found { verdict, call, variant, group, tid, text, answer, filters, count: 1 });
    }

    pub(super) fn lint(&mut self, tid: i32, place: (usize, usize), pending: &Pending, answer: oracle::Answer) {
        let (call, variant) = place;
        let found: Vec<Misuse> = lint::misuses(self.book, call, variant, &pending.args, &pending.pieces, answer);
        for misuse in found {
            let key = (call, variant, misuse.id, None, misuse.expected.clone());
            if let Some(known) = self.found.get_mut(&key) {
                known.count += 1;
                continue;
            }
            let verdict = Verdict { id: misuse.id, clause: None, expected: misuse.expected, actual: misuse.actual };
            self.note_misuse(tid, place, pending, answer, key, verdict);
        }
    }

    pub(super) fn note_misuse(
        &mut self,
        tid: i32,
        place: (usize, usize),
        pending: &Pending,
        answer: oracle::Answer,
        key: Key,
        verdict: Verdict,
    ) {
        let (call, variant) = place;
        let resolved = self.book.resolved;
        let spec = &resolved.calls[call];
        let group = self.status(tid).map_or(tid, |status| status.group);
        let text = decode::call(resolved, spec, &spec.variants[variant], &pending.args, &pending.pieces);
        let answer = answer.text(resolved.target.arch);
        self.found.insert(key, Found { verdict, call, variant, group, tid, text, answer, filters: 0, count: 1 });
    }
}
