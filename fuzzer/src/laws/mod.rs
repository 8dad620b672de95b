//! Laws: properties over several calls, tried with programs that are made for them.
//!
//! A case is one way to try a law. A relation is tried by its own calls, behind calls that make what they are given; an
//! equivalence by any program in which its left call occurs, held against the same program with the right call in its
//! place. Judging looks at what the calls answered, at memory and at descriptors, and at no model of the kernel.

mod compare;
mod domain;
mod judge;
mod make;
mod observe;
mod observer;
mod rewrite;
mod shrink;
mod turn;

pub use domain::stranger;
pub use judge::{Broken, Judged, judge};
pub use make::{Makers, template};
pub use observe::{Held, Run, Seen, run};
pub use rewrite::{Rewritten, rewrite};
pub(crate) use shrink::key;
pub use shrink::{Watched, try_again, watch};
pub use turn::{Suspect, Turn, turn};

use crate::coverage::Executable;
use crate::oracle::Answer;
use crate::program::{Argument, Program};
use abispec::expr::Expr;
use abispec::law::resolved::{ResolvedForm, ResolvedLaw};
use abispec::target::Resolved;

/// The id of the finding, with what it means.
pub const EXPLANATION: (&str, &str) = (
    "broken-law",
    "Several calls together did not do what a law says: two calls that are the same answered differently, or a relation between results did not hold.\n\nEach call alone may be right: the law says what the others cannot. `abispec show LAW` prints it. Replay the program, and decide whether the kernel broke the property or the law claims too much: then its `when` must exclude the case.",
);

/// One way to try a law.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// Index into [`Resolved::laws`].
    pub law: usize,
    /// For an equivalence, the program with the left call. For a relation, what makes that which is given, and a last
    /// call of [`GIVEN`](crate::generate::GIVEN) that holds it.
    pub seed: Program,
}

impl Case {
    /// The law.
    pub fn law<'a>(&self, resolved: &'a Resolved) -> &'a ResolvedLaw {
        &resolved.laws[self.law]
    }

    /// What is given, in the order of the law's variables; nothing for an equivalence.
    pub fn given<'a>(&'a self, law: &ResolvedLaw) -> &'a [Argument] {
        match law.form {
            ResolvedForm::Same { .. } => &[],
            ResolvedForm::Relation { .. } => self.seed.calls.last().map_or(&[], |call| &call.args),
        }
    }

    /// The program that tries the law: of an equivalence, the one with the left call. `None` where the case is none of
    /// this law.
    pub fn program(&self, resolved: &Resolved) -> Option<Program> {
        let law = self.law(resolved);
        match &law.form {
            ResolvedForm::Same { .. } => rewrite(resolved, law, &self.seed).map(|_| self.seed.clone()),
            ResolvedForm::Relation { .. } => template(resolved, law, &self.seed),
        }
    }
}

/// What a broken law looked like when it was confirmed, beside its program.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// The law.
    pub law: String,
    /// What was given, by the names of the law.
    pub given: Vec<(String, Argument)>,
    /// Of an equivalence, the program with the other call, and what its calls answered.
    pub other: Option<(Program, Vec<Option<Answer>>)>,
}

/// Whether a law can be tried in the sandbox.
pub fn executable(law: &ResolvedLaw) -> Executable {
    let that = match &law.form {
        ResolvedForm::Same { .. } => None,
        ResolvedForm::Relation { that, .. } => Some(that),
    };
    let mut why = None;
    for condition in law.when.iter().chain(that) {
        if *condition == Expr::Bool(false) {
            why = Some("never true on this target".to_owned());
        }
        condition.walk(&mut |expr| {
            if let Expr::Unknown(reason) = expr {
                why = Some(reason.clone());
            }
        });
    }
    why.map_or(Executable::Yes, Executable::No)
}
