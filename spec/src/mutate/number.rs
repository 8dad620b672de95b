//! System call numbers.

use super::{Making, Shows, Subject};
use crate::version::Span;

pub(super) fn mutants(making: &mut Making<'_>) {
    let Some(number) = making.call.number(making.arch) else { return };
    // Another number is another call: what it would do is nobody's to try.
    let shows = Shows::Witness;
    let subject = Subject { prefix: "nr".to_owned(), at: number.at, shows, span: Span::default(), clause: None };
    let (old, name, arch) = (number.value, making.call.name.value.clone(), making.arch);
    making.add(&subject, "number", format!("number {old}: {} instead", old + 1), move |spec| {
        let Some(call) = spec.syscalls.get_mut(&name) else { return };
        let keys = [arch.name(), "generic", "generic64"];
        let Some(key) = keys.into_iter().find(|key| call.nr.contains_key(*key)) else { return };
        if let Some(number) = call.nr.get_mut(key) {
            number.value = old + 1;
        }
    });
}
