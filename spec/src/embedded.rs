//! The specification that was current when this crate was built.

use crate::model::Spec;
use std::sync::OnceLock;

/// What the build script wrote.
static BYTES: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/spec.postcard"));

/// The specification inside this crate. The first call decodes it, later ones return the same.
///
/// # Panics
/// Never: the bytes come from this crate's own build, and a test decodes them.
pub fn embedded() -> &'static Spec {
    static SPEC: OnceLock<Spec> = OnceLock::new();
    SPEC.get_or_init(|| postcard::from_bytes(BYTES).expect("the build wrote what this very version reads"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_specification_decodes_and_shows_places_within_the_project() {
        let spec = embedded();
        assert!(spec.syscalls.len() > 20);
        for call in spec.syscalls.values() {
            let place = spec.place(call.name.at);
            assert_eq!(place.file, format!("spec/syscalls/{}.yaml", call.name.value));
        }
    }
}
