//! The specification that was current when this crate was built.

use crate::model::{Spec, Syscall};
use std::sync::OnceLock;

/// What the build script wrote: everything but the calls.
static REST: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/spec.postcard"));
/// The calls, one behind the other.
static CALLS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/calls.postcard"));
/// The name of each call, and where its bytes end.
static ENDS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/ends.postcard"));

/// The specification inside this crate. The first call decodes it, later ones return the same.
///
/// # Panics
/// Never: the bytes come from this crate's own build, and a test decodes them.
pub fn embedded() -> &'static Spec {
    static SPEC: OnceLock<Spec> = OnceLock::new();
    SPEC.get_or_init(|| decode(|_| true).expect(OWN))
}

/// The specification inside this crate with this one of its calls only, for a program that looks a call up: the others take most
/// of the time that [`embedded()`] takes. `None` where there is no call of this name.
///
/// # Panics
/// Never, as above.
pub fn embedded_call(name: &str) -> Option<Spec> {
    let spec = decode(|call| call == name).expect(OWN);
    (!spec.syscalls.is_empty()).then_some(spec)
}

const OWN: &str = "the build wrote what this very version reads";

/// Everything but the calls, and of those the wanted ones.
fn decode(wanted: impl Fn(&str) -> bool) -> postcard::Result<Spec> {
    let ends: Vec<(&str, usize)> = postcard::from_bytes(ENDS)?;
    let mut spec: Spec = postcard::from_bytes(REST)?;
    let mut begin = 0;
    for (name, end) in ends {
        if wanted(name) {
            let call: Syscall = postcard::from_bytes(CALLS.get(begin..end).unwrap_or_default())?;
            spec.syscalls.insert(name.to_owned(), call);
        }
        begin = end;
    }
    Ok(spec)
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

    #[test]
    fn one_call_by_itself_is_what_it_is_among_all() {
        let spec = embedded();
        for (name, call) in spec.syscalls.iter().step_by(77).chain(spec.syscalls.last_key_value()) {
            let alone = embedded_call(name).unwrap();
            assert_eq!(alone.syscalls.iter().collect::<Vec<_>>(), [(name, call)]);
            assert_eq!(Spec { syscalls: spec.syscalls.clone(), ..alone }, *spec);
        }
        assert_eq!(embedded_call("no_such_call"), None);
    }
}
