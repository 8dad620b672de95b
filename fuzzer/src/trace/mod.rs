//! Holding any program's system calls against the specification, while it runs.
//!
//! [`follow`] drives the tasks with ptrace and turns their stops into events; [`checker`] takes the events in, follows what they
//! do to descriptor tables (`table`, `tasks`), reads what a call is about ([`book`] says what that is), and judges each
//! call by the fuzzer's oracle ([`judge`](self)). Whatever it wants to know of a task it asks a [`witness`]: the live system
//! ([`system`]) or a recording ([`record`]).
//!
//! A foreign program cannot be run again. So a suspicion is not believed: everything that it may rest on is looked at once
//! more at the end of the call, and what does not hold on both sides of it is unknown when it is judged again.

mod able;
pub mod book;
pub mod checker;
pub mod decode;
mod eyes;
pub mod findings;
pub mod follow;
mod judge;
pub mod lint;
mod memory;
pub mod names;
mod obsolete;
pub mod profile;
pub mod record;
pub mod roles;
pub mod system;
mod table;
pub mod tally;
mod tasks;
pub mod witness;
