//! The exit codes, the same as those of the kernel's own ABI checks.

use std::process::ExitCode;

/// How a command ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Exit {
    /// Everything that was compared agrees.
    Conforms,
    /// At least one divergence was found.
    Divergences,
    /// The command could not do its work, or compared nothing.
    CouldNotRun,
}

/// Everything that was compared agrees.
pub(crate) const CONFORMS: u8 = 0;
/// At least one divergence was found.
pub(crate) const DIVERGENCES: u8 = 1;
/// The command could not do its work, or compared nothing.
pub(crate) const COULD_NOT_RUN: u8 = 2;

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Conforms => CONFORMS,
            Exit::Divergences => DIVERGENCES,
            Exit::CouldNotRun => COULD_NOT_RUN,
        })
    }
}
