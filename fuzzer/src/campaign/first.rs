//! Programs that come before any is generated.

use super::Working;
use crate::confirm::Trial;
use crate::coverage::Coverage;
use crate::exec::Entry;
use crate::habitat::Habitat;
use crate::laws;
use crate::program::Program;
use crate::worker::WorkerError;
use std::path::PathBuf;

/// A program that is run before any is generated.
#[derive(Clone, Debug)]
pub struct First {
    /// The program.
    pub program: Program,
    /// The case of a law that it is.
    pub law: Option<laws::Case>,
    /// Who its executor is, and where.
    pub habitat: Habitat,
    /// The way into the kernel that it takes.
    pub entry: Entry,
    /// The file of a suspicion that an earlier run did not settle.
    pub left: Option<PathBuf>,
    /// It shows a divergence that is known: whether it still does is to be found out for certain.
    pub known: bool,
}

impl Working<'_> {
    /// A program that comes before any is generated.
    pub(super) fn first(&mut self, first: &First, coverage: &mut Coverage) -> Result<(), WorkerError> {
        // What needs a sandbox that this run has not is left for one that has it.
        let Some(persona) = self.side.habitats.iter().position(|habitat| *habitat == first.habitat) else {
            return Ok(());
        };
        if first.left.is_none() && first.law.is_none() && !first.known {
            return self.batch(persona, std::slice::from_ref(&first.program), coverage);
        }
        let shrink = self.shared.options.shrink && !first.known;
        if let Trial::Confirmed(found) = self.again(persona, &first.program, first.law.as_ref(), shrink)? {
            self.confirmed(*found, None);
        }
        if let (Some(pending), Some(path)) = (&self.shared.options.pending, &first.left) {
            pending.settle(path);
        }
        Ok(())
    }
}
