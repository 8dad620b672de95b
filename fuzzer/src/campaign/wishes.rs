//! What programs should be like: the more there is of a call that has not been seen, the more often it is made.

use super::Working;
use super::side::Side;
use crate::coverage::{Coverage, Executable};
use crate::exec::Entry;
use crate::generate::{Aims, Recall, Wishes};
use crate::jury::Jury;
use abispec::target::{Call, ClauseId};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Of a hundred turns, how many more rooms have at most where a server answers.
const MOST: usize = 40;

/// What jurors wait for of whom nothing is known yet.
#[derive(Default)]
struct Waiting {
    clauses: BTreeSet<ClauseId>,
    aims: Arc<Aims>,
}

impl Working<'_> {
    /// Looks at what has not been seen, and what is waited for, and wishes anew.
    pub(super) fn replan(&mut self, coverage: &Coverage) {
        let of = |jury: &Jury| Waiting { clauses: jury.clauses(), aims: Arc::new(jury.aims()) };
        let waiting = self.side.setting.jury.as_deref().map(of).unwrap_or_default();
        let recall = std::mem::take(&mut self.wishes.recall);
        self.wishes = self.plan(coverage, recall, &waiting, false);
        let recall = std::mem::take(&mut self.served.recall);
        self.served = self.plan(coverage, recall, &waiting, true);
        // As many turns more as there are clauses among those waited for that hardly anything but a server brings about.
        let served = waiting.clauses.intersection(self.side.generator.served()).count();
        let share = (MOST * served).checked_div(waiting.clauses.len());
        self.lean = share.and_then(|share| u32::try_from(share).ok()).unwrap_or(0);
    }

    /// More wishes for calls with clauses that have not been seen; where a server answers for files, first those that hardly
    /// anything else brings about.
    fn plan(&self, coverage: &Coverage, recall: Recall, waiting: &Waiting, served: bool) -> Wishes {
        let Side { generator, executable, .. } = self.side;
        let resolved = generator.resolved();
        let focus: BTreeSet<usize> = generator.focus().iter().copied().collect();
        let jury = self.side.setting.jury.as_deref();
        let missing = |clause: &ClauseId| {
            executable[clause.0 as usize] == Executable::Yes
                && (coverage.count(*clause) == 0 || waiting.clauses.contains(clause))
        };
        let by_servers = served && generator.served().iter().any(missing);
        let unseen = |clause: ClauseId| missing(&clause) && (!by_servers || generator.served().contains(&clause));
        let wanted = |clause| u32::from(unseen(clause));
        let wish = |call: usize, index: usize, variant: &abispec::target::Variant| {
            let rules = variant.rules.iter().map(|rule| wanted(rule.clause)).sum::<u32>();
            let others = variant.ensures.iter().map(|ensure| wanted(ensure.clause)).sum::<u32>()
                + variant.effects.iter().map(|effect| wanted(effect.clause)).sum::<u32>();
            let heard = jury.map_or(0, |jury| u32::try_from(jury.waiting(call, index)).unwrap_or(u32::MAX));
            let wanted = rules.saturating_add(others).saturating_add(heard);
            // Where a server answers, that is what the time is for.
            if by_servers { 2 + 30 * rules } else { 2 + 3 * wanted.min(16) }
        };
        let of_call = |(index, call): (usize, &Call)| {
            if !focus.contains(&index) {
                return vec![0; call.variants.len()];
            }
            let many = u32::try_from(call.variants.len()).unwrap_or(1);
            // A call with many commands is worth more than one, but not so much that the others starve.
            let scale = |wish: u32| if many > 1 && !by_servers { (wish * 4).div_ceil(many.min(12)) } else { wish * 4 };
            let wish = |(at, variant)| scale(wish(index, at, variant));
            call.variants.iter().enumerate().map(wish).collect()
        };
        let calls = resolved.calls.iter().enumerate().map(of_call).collect();
        let clauses = match &self.shared.options.rules {
            // They are named by the port's own specification.
            Some(rules) if self.side.setting.entry != Entry::Ia32 => rules.clone(),
            _ => (0..resolved.clauses.len())
                .map(|index| ClauseId(index as u32))
                .filter(|clause| unseen(*clause))
                .collect(),
        };
        Wishes { calls, clauses, aims: waiting.aims.clone(), recall, served }
    }
}
