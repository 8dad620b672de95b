//! Divergences that are known: what a run meets of them, and which it should have met.

use super::{Job, Ports};
use crate::failure::Failure;
use crate::known::today;
use abispec::arch::Arch;
use abispec::finding::Finding;
use abispec::journal::Waived;
use abispec::known::{Circumstances, Entry as Known, Known as List, Waivers};
use abispec_fuzzer::campaign::First;
use abispec_fuzzer::environment::Environment;
use abispec_fuzzer::habitat::Habitat;
use abispec_fuzzer::refusal;
use abispec_fuzzer::reproduce;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

/// A list in use.
pub(super) struct Waiving {
    list: Arc<List>,
    circumstances: Circumstances,
    options: Option<BTreeSet<String>>,
    /// Everything that was found, known or not.
    raised: Mutex<Vec<Finding>>,
    met: Mutex<Vec<Waived>>,
}

impl Waiving {
    /// For the running kernel.
    pub(super) fn new(list: &Arc<List>, environment: &Environment) -> Self {
        let circumstances = Circumstances { kernel: Some(environment.release), pages: None, ports: vec![Arch::NATIVE] };
        let options = environment.config.clone();
        Self { list: list.clone(), circumstances, options, raised: Mutex::default(), met: Mutex::default() }
    }

    /// Says whether a finding is known, and remembers it.
    pub(super) fn known(&self, finding: &Finding) -> Option<Waived> {
        self.raised.lock().unwrap_or_else(PoisonError::into_inner).push(finding.clone());
        let mut one = vec![finding.clone()];
        let mut waivers = Waivers::new(&self.list, today());
        let taken = waivers.take(&mut one, &self.circumstances, &|_, _| false);
        let (finding, entry) = taken.into_iter().next()?;
        let waived = Waived { finding, reason: entry.reason.clone(), link: entry.link.clone() };
        self.met.lock().unwrap_or_else(PoisonError::into_inner).push(waived.clone());
        Some(waived)
    }

    /// The programs of the list that can be tried in this run, each with the entry's number.
    ///
    /// # Errors
    /// When one is no program.
    pub(super) fn programs(
        &self,
        ports: &Ports,
        chosen: &[String],
        habitats: &[Habitat],
        job: &Job<'_>,
    ) -> Result<Vec<(usize, First)>, Failure> {
        let mut programs = Vec::new();
        let everything = job.syscalls.is_empty() && job.rules.is_empty();
        let wanted = |entry: &Known| everything || entry.subjects.iter().any(|(subject, _)| chosen.contains(subject));
        for (number, entry) in self.list.entries().iter().enumerate() {
            let Some((text, at)) =
                entry.replay.as_ref().filter(|_| entry.fits(&self.circumstances) && wanted(entry) && self.shows(entry))
            else {
                continue;
            };
            let way = reproduce::entry(text).map_err(|error| {
                Failure::new("the replay file of a known divergence is not right")
                    .at(self.list.place(*at).to_string())
                    .why(format!("its line {}: {}", error.line, error.message))
            })?;
            // What this kernel or this run has not cannot be tried.
            let Some(resolved) = ports.of(way) else { continue };
            let Ok(replay) = reproduce::read(text, resolved) else { continue };
            if let Some((_, why)) = refusal::find(resolved, &replay.program, way) {
                return Err(Failure::new("the program of a known divergence is not run")
                    .at(self.list.place(*at).to_string())
                    .why(why)
                    .help("write it so that it can be, or leave `replay` out"));
            }
            // A run with more rights shows what one with fewer does.
            let habitat = Habitat { privileged: replay.habitat.privileged || job.privileged, ..replay.habitat };
            if job.entries.contains(&way) && habitats.contains(&habitat) {
                programs.push((number, First { known: true, habitat, ..super::earlier(replay, None) }));
            }
        }
        Ok(programs)
    }

    /// Whether the running kernel lacks the options without which an entry shows itself.
    fn shows(&self, entry: &Known) -> bool {
        let absent = |option: &String| self.options.as_ref().is_some_and(|set| !set.contains(option));
        entry.without.iter().all(absent)
    }

    /// What was met of the list.
    pub(super) fn met(&self) -> Vec<Waived> {
        self.met.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What the list is to be reported for, where the programs of these entries were tried.
    pub(super) fn about_the_list(&self, tried: &[usize]) -> Vec<Finding> {
        let mut waivers = Waivers::new(&self.list, today());
        let mut raised = self.raised.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let entries = self.list.entries();
        let compared =
            |entry: &Known, _: &str| tried.iter().any(|number| std::ptr::eq(&raw const entries[*number], entry));
        waivers.take(&mut raised, &self.circumstances, &compared);
        waivers.findings()
    }
}
