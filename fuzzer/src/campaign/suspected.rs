//! What is tried again before it is called a divergence.

use super::Dismissed;
use crate::examine::Suspicion;
use crate::laws;
use crate::oracle::Verdict;
use crate::program::Program;
use abispec::target::Resolved;

/// What is suspected.
pub(super) enum Suspected<'a> {
    /// One call.
    Call(&'a Program, Suspicion),
    /// A law.
    Law(laws::Suspect),
}

impl Suspected<'_> {
    /// As one that did not show itself again, no time yet.
    pub(super) fn dismissed(self, resolved: &Resolved) -> Dismissed {
        match self {
            Self::Call(program, suspicion) => Dismissed { times: 0, program: program.clone(), suspicion },
            Self::Law(laws::Suspect { case, broken }) => {
                let program = case.program(resolved).unwrap_or_default();
                let clause = Some(case.law(resolved).clause);
                let verdict =
                    Verdict { id: laws::EXPLANATION.0, clause, expected: broken.expected, actual: broken.actual };
                let call = program.calls.len().saturating_sub(1);
                Dismissed { times: 0, program, suspicion: Suspicion { call, verdict } }
            }
        }
    }
}
