//! Whether an engine notices a change of the specification.

mod equivalent;
mod trial;

pub(crate) use equivalent::{Entry, read};
pub(crate) use trial::{Effort, Trials, Verdict};
