//! What changed between two kernels, judged by what programs that were compiled for the old one notice.
//!
//! Each difference has a class, one file each in `class/`, with its id, its impact and its explanation. The other files
//! pair what the two sides state and say which class a change belongs to.

mod calls;
mod changed;
mod class;
mod constants;
mod definition;
mod derived;
mod difference;
mod extensible;
mod fields;
mod layouts;
mod ports;
mod reach;
mod run;
mod scale;
mod side;
pub mod sides;
mod spec;

pub use class::{ALL, Class, Impact, find};
pub use difference::{Comparison, Difference, Stated};
pub use ports::merge;
pub use reach::within_reach;
pub use run::{Request, run};
pub use side::Side;
pub use spec::{compare_rules, facts_of};

use abispec::model::Spec;
use difference::Log;

/// Compares two sides that speak of the same port. The specification knows which structs carry their size.
pub fn compare(spec: &Spec, old: &Side<'_>, new: &Side<'_>) -> Comparison {
    let mut log = Log::default();
    scale::headers(old, new, &mut log);
    constants::compare(old, new, &mut log);
    layouts::compare(spec, old, new, &mut log);
    calls::compare(old, new, &mut log);
    log.finish(old, new)
}
