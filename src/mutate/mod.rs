//! Whether an engine notices a change of the specification.

mod aims;
mod alone;
mod batch;
mod equivalent;
mod trial;

pub(crate) use batch::{Work, key};
pub(crate) use equivalent::{Entry, read};
pub(crate) use trial::{Effort, Trials, Verdict};
