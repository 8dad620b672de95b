//! What a run saw, counted.

use super::names::Names;
use crate::coverage::Coverage;
use abispec::errno::Errno;
use abispec::target::{Resolved, Variant};
use abispec::types::Type;
use std::collections::BTreeMap;

/// Counts of a run.
#[derive(Debug)]
pub struct Tally {
    /// Calls that were judged.
    pub judged: u64,
    /// Calls that a signal cut short, and that are judged when they are made again.
    pub interrupted: u64,
    /// Calls of another ABI, which are not followed.
    pub foreign: u64,
    /// Calls by number.
    pub calls: BTreeMap<u32, CallTally>,
    /// Clauses that were seen.
    pub coverage: Coverage,
    /// What was passed to parameters with flags and enumerations, by call, variant and parameter.
    pub used: BTreeMap<(usize, usize, u8), Used>,
    /// Suspicions whose premises did not hold when they were looked at again, by call and id.
    pub unsettled: BTreeMap<(String, String), u64>,
    /// Descriptor tables that were not what the model thought, and were looked at anew.
    pub surprises: u64,
    /// Processes and threads that were followed.
    pub processes: u64,
    /// The threads beyond the first of each process.
    pub threads: u64,
    /// Programs that were executed.
    pub programs: u64,
}

/// Counts of one call.
#[derive(Clone, Debug, Default)]
pub struct CallTally {
    /// How often it was made.
    pub count: u64,
    /// What it failed with, by number, and how often.
    pub errors: BTreeMap<u32, u64>,
}

/// What was passed to one parameter.
#[derive(Clone, Debug, Default)]
pub struct Used {
    /// OR of all values.
    pub bits: u64,
    /// Values, each with how often; not all of them where there are many.
    pub values: BTreeMap<i128, u64>,
}

/// No more values of one enumeration are told apart.
const VALUES_MAX: usize = 256;

impl Tally {
    /// Nothing yet.
    pub fn new(resolved: &Resolved) -> Self {
        Self {
            judged: 0,
            interrupted: 0,
            foreign: 0,
            calls: BTreeMap::new(),
            coverage: Coverage::new(resolved),
            used: BTreeMap::new(),
            unsettled: BTreeMap::new(),
            surprises: 0,
            processes: 0,
            threads: 0,
            programs: 0,
        }
    }

    /// Counts the making of a call.
    pub fn made(&mut self, nr: u32) {
        self.calls.entry(nr).or_default().count += 1;
    }

    /// Counts a failure.
    pub fn failed(&mut self, nr: u32, errno: u32) {
        *self.calls.entry(nr).or_default().errors.entry(errno).or_default() += 1;
    }

    /// Counts what was passed.
    pub fn passed(&mut self, call: usize, index: usize, variant: &Variant, value: impl Fn(u8) -> i128) {
        for (position, param) in (0..).zip(&variant.params) {
            if matches!(param.ty, Type::Flags { .. } | Type::Enum { .. }) {
                let used = self.used.entry((call, index, position)).or_default();
                let value = value(position);
                used.bits |= value as u64;
                if used.values.len() < VALUES_MAX || used.values.contains_key(&value) {
                    *used.values.entry(value).or_default() += 1;
                }
            }
        }
    }

    /// Names of the flags and values that were passed, by set, each with a place in the headers; undefined bits as a number.
    pub fn names(&self, resolved: &Resolved) -> BTreeMap<String, Vec<String>> {
        let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for ((call, variant, position), used) in &self.used {
            let Some(param) = resolved.calls.get(*call).and_then(|call| call.variants.get(*variant)) else { continue };
            let Some(ty) = param.params.get(usize::from(*position)).map(|param| &param.ty) else { continue };
            for value in used.values.keys() {
                match ty {
                    Type::Flags { set, .. } => {
                        let value = if *value < 0 { value & 0xffff_ffff } else { *value };
                        found.entry(set.clone()).or_default().extend(super::decode::flags(resolved, set, value));
                    }
                    Type::Enum { set, .. } => {
                        found.entry(set.clone()).or_default().push(super::decode::member(resolved, set, *value));
                    }
                    _ => {}
                }
            }
        }
        for names in found.values_mut() {
            names.sort();
            names.dedup();
        }
        found
    }

    /// Errors by name, with the calls that gave them and how often.
    pub fn errors(&self, resolved: &Resolved, names: &Names) -> Vec<(String, String, u64)> {
        let arch = resolved.target.arch;
        let each = |nr: &u32, call: &CallTally| {
            let name = names.name(*nr);
            call.errors
                .iter()
                .map(|(number, count)| {
                    let errno = Errno::from_number(*number, arch);
                    (name.clone(), errno.map_or_else(|| number.to_string(), |errno| errno.name().to_owned()), *count)
                })
                .collect::<Vec<_>>()
        };
        let mut all: Vec<_> = self.calls.iter().flat_map(|(nr, call)| each(nr, call)).collect();
        all.sort_by(|a, b| b.2.cmp(&a.2).then_with(|| a.cmp(b)));
        all
    }

    /// Calls that the specification lacks, most frequent first.
    pub fn unspecified(&self, resolved: &Resolved, names: &Names) -> Vec<(String, u64)> {
        let known = |nr: &u32| resolved.calls.iter().any(|call| call.nr == *nr);
        let mut all: Vec<(String, u64)> =
            self.calls.iter().filter(|(nr, _)| !known(nr)).map(|(nr, call)| (names.name(*nr), call.count)).collect();
        all.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.cmp(b)));
        all
    }
}
