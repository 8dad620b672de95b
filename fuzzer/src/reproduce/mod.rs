//! A divergence as files: YAML that is replayed, and a C program that needs nothing but a libc.

mod c;
mod c_apart;
mod c_entry;
mod law;
mod law_c;
mod yaml;

pub use c::write as write_c;
pub use law::write_case;
pub(crate) use yaml::write_flown;
pub use yaml::{Replay, ReplayError, Shows, entry, read, shows, write as write_yaml, write_suspicion};
