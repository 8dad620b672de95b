//! Findings as text for people and for programs.

mod human;
mod json;

pub use human::write as write_human;
pub use json::write as write_json;
