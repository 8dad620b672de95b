//! What a check of man pages asks the specification for.

use super::Bench;
use crate::facts::WitnessKind;
use abispec::errno::Errno;
use abispec::model::{Contract, Set, Spec, Syscall};
use abispec::place::Place;
use abispec::types::Type;
use std::collections::{BTreeMap, BTreeSet};

/// Structs are followed into each other so far.
const DEEPEST: usize = 4;

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
    pub(in crate::checks) fn errnos(&self) -> BTreeMap<&'a str, BTreeMap<Errno, Place>> {
        let mut found: BTreeMap<&str, BTreeMap<Errno, Place>> = BTreeMap::new();
        for (name, call) in &self.spec.syscalls {
            let rules = found.entry(name).or_default();
            let commands = call.commands.iter().map(|command| &command.contract);
            let contracts = std::iter::once(&call.contract).chain(commands);
            for rule in contracts.flat_map(|contract: &Contract| &contract.errors) {
                rules.entry(rule.errno.value).or_insert(rule.errno.at);
            }
        }
        for clause in &self.resolved.clauses {
            if let (Some(errno), Some(rules)) = (clause.errno, found.get_mut(clause.syscall.as_str())) {
                rules.entry(errno).or_insert(clause.at);
            }
        }
        found
    }

    /// The sets of constants that a call takes, those behind pointers too.
    pub(in crate::checks) fn sets_of(&self, call: &Syscall) -> Vec<&'a Set> {
        let mut names = BTreeSet::new();
        let commands = call.commands.iter().flat_map(|command| command.params.iter().map(|(_, param)| param));
        for param in call.params.iter().chain(commands) {
            collect(self.spec, &param.ty.value, DEEPEST, &mut names);
        }
        let included: Vec<String> = names
            .iter()
            .filter_map(|name| self.spec.sets.get(name))
            .flat_map(|set| set.includes.iter().map(|other| other.value.clone()))
            .collect();
        names.extend(included);
        names.iter().filter_map(|name| self.spec.sets.get(name)).collect()
    }
}

/// The page that the specification names for a call, without its section.
pub(in crate::checks) fn page_of(call: &Syscall) -> Option<&str> {
    call.man.as_deref()?.split('(').next()
}

fn collect(spec: &Spec, ty: &Type, depth: usize, names: &mut BTreeSet<String>) {
    match ty {
        Type::Flags { set, .. } | Type::Enum { set, .. } => {
            names.insert(set.clone());
        }
        Type::Ptr { to, .. } => collect(spec, to, depth, names),
        Type::Array { of, .. } => collect(spec, of, depth, names),
        Type::Struct(name) | Type::Union(name) | Type::Extensible { name, .. } => {
            let fields = spec.structs.get(name).map(|found| found.fields.as_slice()).unwrap_or_default();
            for field in fields.iter().filter(|_| depth > 0) {
                collect(spec, &field.ty.value, depth - 1, names);
            }
        }
        Type::Int { .. }
        | Type::Const(_)
        | Type::Bool
        | Type::Resource(_)
        | Type::Buffer { .. }
        | Type::Text { .. }
        | Type::Path { .. }
        | Type::Len(_)
        | Type::Bytesize(_)
        | Type::Offset
        | Type::Size
        | Type::Mode
        | Type::Signal
        | Type::Vma
        | Type::Addr
        | Type::Unused
        | Type::ByCommand
        | Type::Zero
        | Type::Never => {}
    }
}
