//! The specification in the forms that other programs read.

mod effect;
mod json;

pub use effect::effect_text;
pub use json::{JSON_VERSION, json};
