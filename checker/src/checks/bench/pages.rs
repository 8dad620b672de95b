//! What a check of man pages asks the specification for.

use super::Bench;
use crate::errnos::{Errnos, errnos};
use crate::facts::WitnessKind;
use abispec::export::Reach;
use abispec::model::{Set, Syscall};
use std::rc::Rc;

impl<'a> Bench<'a> {
    /// The calls of the specification with the name under which a page, or a comment in the kernel, describes each. The others are silent.
    pub(in crate::checks) fn described(&mut self) -> Vec<(&'a Syscall, &'a str)> {
        let (spec, facts) = (self.spec, self.facts);
        if self.is(WitnessKind::Tree) || self.is(WitnessKind::Import) {
            // A comment above the definition; hardly any call has one so far.
            // Rules that follow from types are those of the calls that this kernel has.
            let here = spec.syscalls.iter().filter(|(name, _)| self.resolved.call(name).is_some());
            let own = |(name, call)| facts.errnos.get_key_value(name).map(|(name, _)| (call, name.as_str()));
            return here.filter_map(own).collect();
        }
        if !self.is(WitnessKind::Man) {
            return Vec::new();
        }
        let mut found = Vec::new();
        for (name, call) in &spec.syscalls {
            let page = page_of(call).filter(|page| facts.families.contains_key(*page));
            match facts.families.get_key_value(name) {
                Some((own, _)) => found.push((call, own.as_str())),
                None => match page {
                    Some(page) => found.push((call, page)),
                    None => self.silent(name, facts.why_silent(name).unwrap_or("no page describes the call")),
                },
            }
        }
        found
    }

    /// Every errno that each call may give on any release, with the place of the first rule that says so.
    pub(in crate::checks) fn errnos(&self) -> Rc<Errnos<'a>> {
        self.errnos.get_or_init(|| Rc::new(errnos(self.spec, &self.resolved))).clone()
    }

    /// The sets of constants that a call takes, those behind pointers too.
    pub(in crate::checks) fn sets_of(&self, call: &Syscall) -> Vec<&'a Set> {
        let mut reach = Reach::default();
        reach.call(self.spec, call);
        let mut names = reach.sets;
        let included: Vec<&str> = names
            .iter()
            .filter_map(|name| self.spec.sets.get(*name))
            .flat_map(|set| set.includes.iter().map(|other| other.value.as_str()))
            .collect();
        names.extend(included);
        names.iter().filter_map(|name| self.spec.sets.get(*name)).collect()
    }
}

/// The page that the specification names for a call, without its section.
pub(in crate::checks) fn page_of(call: &Syscall) -> Option<&str> {
    call.man.as_deref()?.split('(').next()
}
