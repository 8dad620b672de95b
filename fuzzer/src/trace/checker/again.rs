//! A suspicion: what it may rest on is looked at once more.

use super::Checker;
use crate::oracle::Verdict;
use crate::trace::judge::{Arguments, Judged, Returned, judge, numbers_of};
use crate::trace::memory::{Access, Piece, Range};
use crate::trace::table::contradicts;
use crate::trace::tasks::Pending;
use crate::trace::witness::{Answer, Descriptor, Question, Witness};
use abispec::expr::{Moment, evaluate};
use abispec::target::Variant;
use std::sync::Arc;

/// Bytes of the words that locks are.
const WORD: u64 = 8;

impl<W: Witness> Checker<'_, W> {
    /// What may be done in the memory that arguments point to.
    pub(super) fn access(&mut self, tid: i32, variant: &Variant, pending: &Pending) -> Access {
        let mut ranges = Vec::new();
        for (index, param) in variant.params.iter().enumerate() {
            let Some(memory) = &param.memory else { continue };
            let arguments = Arguments { book: self.book, variant, args: &pending.args };
            let bytes = memory.bytes.as_ref().and_then(|bytes| evaluate(bytes, &arguments, Moment::Before));
            let len = bytes.and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or(1).max(1);
            ranges.extend(Range::look(&mut self.witness, tid, pending.args[index], len));
        }
        Access { ranges }
    }

    /// Looks at everything anew that a suspicion may rest on, and judges again by what held on both sides of the call.
    pub(super) fn settle(
        &mut self,
        tid: i32,
        call: &Returned<'_>,
        judged: &Judged,
        verdict: Verdict,
    ) -> Result<Verdict, &'static str> {
        let mut known = call.descriptors.clone();
        let mut surprised = false;
        let about_after = call.looks && matches!(verdict.id, "broken-effect" | "broken-ensures");
        let expected = judged.after.as_ref().unwrap_or(&call.descriptors);
        for fd in numbers_of(call, self.book, judged) {
            let Ok(number) = i32::try_from(fd) else { continue };
            let seen = self.descriptor(tid, number);
            let contradicted = seen.is_none_or(|seen| contradicts(expected, number, seen));
            // What the call itself closed can not be looked at any more.
            let gone = seen == Some(Descriptor::Closed) && known.is_open(fd) == Some(true);
            // Where the call itself was to change it, the look is what contradicts the clause.
            let its_own =
                about_after && (judged.opened.contains(&fd) || expected.slot(fd) != call.descriptors.slot(fd));
            if (contradicted || gone) && !its_own {
                Arc::make_mut(&mut known).blur(fd);
            }
            surprised |= contradicted;
        }
        // Which number is the lowest that is free, all of them say.
        if verdict.id == "broken-ensures"
            && call.sight.opens
            && let Some(Answer::Descriptors(all)) = self.ask(tid, Question::Descriptors)
        {
            for (number, seen) in all {
                if contradicts(expected, number, seen) {
                    Arc::make_mut(&mut known).blur(number.into());
                    surprised = true;
                }
            }
        }
        let own_memory = self.has_memory_to_itself(tid, call);
        let mut pieces: Vec<Piece> = Vec::new();
        for piece in call.pieces {
            // A word that others write too may have had another value in between, as that of a lock has.
            if !own_memory && (2..=WORD).contains(&piece.wanted) {
                continue;
            }
            let mut again = vec![0; piece.bytes.len()];
            let read = self.witness.read(tid, piece.address, &mut again);
            let same = read == piece.bytes.len() && again == piece.bytes;
            if same || piece.written && own_memory {
                pieces.push(piece.clone());
            }
        }
        let again = Returned {
            variant: call.variant,
            sight: call.sight,
            args: call.args,
            ret: call.ret,
            descriptors: known,
            pieces: &pieces,
            access: call.access.clone(),
            own_memory,
            signals: call.signals,
            open_limit: match self.ask(tid, Question::Limit(libc::RLIMIT_NOFILE)) {
                Some(Answer::Limit(soft, _)) if call.open_limit == Some(soft) => Some(soft),
                _ => None,
            },
            limits: call.limits,
            looks: call.looks,
        };
        let judged = judge(self.book, &self.blank, &again, &mut self.witness, tid, &mut Vec::new());
        if surprised && let Some(table) = self.tasks.table_of(tid) {
            table.stale = true;
        }
        match judged.verdict {
            Some(again) if (again.id, again.clause) == (verdict.id, verdict.clause) => Ok(again),
            Some(_) | None => Err(verdict.id),
        }
    }

    /// Whether all memory that arguments point to is the caller's own, so that no other process can have written there.
    fn has_memory_to_itself(&mut self, tid: i32, call: &Returned<'_>) -> bool {
        if !call.own_memory {
            return false;
        }
        let pointers: Vec<u64> = call
            .variant
            .params
            .iter()
            .zip(call.args)
            .filter(|(param, address)| param.memory.is_some() && *address != 0)
            .map(|(_, address)| address)
            .collect();
        pointers.into_iter().all(|address| {
            Range::look(&mut self.witness, tid, address, 1)
                .is_some_and(|range| Access { ranges: vec![range] }.is_private(address))
        })
    }
}
