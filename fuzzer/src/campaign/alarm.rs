//! The kernel complains: which of the programs in flight was it?

use super::Working;
use crate::confirm::{Confirmed, Key, watch};
use crate::examine::Suspicion;
use crate::kernel::Alarm;
use crate::oracle::Verdict;
use crate::program::Program;
use crate::reproduce;
use crate::worker::{Setting, WorkerError};
use std::path::PathBuf;
use std::sync::PoisonError;

impl Working<'_> {
    /// Looks whether the kernel complained while these programs ran. If it did, each is tried alone; they are on disk until
    /// that is settled.
    ///
    /// # Errors
    /// When the sandbox is lost for good.
    pub(super) fn heed(&mut self, persona: usize, programs: &[Program]) -> Result<(), WorkerError> {
        let Some(alarm) = self.complaint() else { return Ok(()) };
        let kept = self.keep(persona, programs, &alarm);
        let setting = self.rooms[persona].setting().clone();
        let mut culprit = None;
        for program in programs {
            watch(self.trial(persona)?, program)?;
            if self.complaint().is_some() {
                culprit = Some(program);
                break;
            }
        }
        // What a kernel says once only may have been any of them.
        let program = culprit.or(programs.first()).cloned().unwrap_or_default();
        let beside = if culprit.is_some() { Vec::new() } else { programs.iter().skip(1).cloned().collect() };
        let call = program.calls.len().saturating_sub(1);
        let name = program.calls.get(call).and_then(|call| setting.resolved.calls.get(call.call));
        let key = Key {
            id: alarm.id,
            syscall: name.map_or_else(String::new, |call| call.name.clone()),
            clause: None,
            answer: alarm.text.chars().filter(|c| c.is_ascii_alphabetic()).take(40).collect(),
            entry: setting.entry,
        };
        let expected = "a kernel that does not complain of itself".to_owned();
        let verdict = Verdict { id: alarm.id, clause: None, expected, actual: alarm.text };
        let answers = vec![None; program.calls.len()];
        let habitat = setting.habitat;
        self.confirmed(Confirmed { key, program, call, verdict, answers, habitat, law: None, beside }, None);
        if let Some(pending) = &self.shared.options.pending {
            kept.iter().for_each(|path| pending.settle(path));
        }
        Ok(())
    }

    fn complaint(&self) -> Option<Alarm> {
        self.shared.kernel.lock().unwrap_or_else(PoisonError::into_inner).look()
    }

    /// Puts programs on disk, where there is a folder for that.
    fn keep(&self, persona: usize, programs: &[Program], alarm: &Alarm) -> Vec<PathBuf> {
        let setting = self.rooms[persona].setting();
        let Some(pending) = &self.shared.options.pending else { return Vec::new() };
        let text =
            |program| reproduce::write_suspicion(program, &setting.resolved, setting.entry, setting.habitat, alarm.id);
        programs.iter().filter_map(|program| pending.keep(alarm.id, &text(program)).ok()).collect()
    }
}

/// A divergence as it was seen the first time.
pub(super) fn at_once(setting: &Setting, program: &Program, suspicion: &Suspicion, key: &Key) -> Confirmed {
    Confirmed {
        key: key.clone(),
        program: program.clone(),
        call: suspicion.call,
        verdict: suspicion.verdict.clone(),
        answers: vec![None; program.calls.len()],
        habitat: setting.habitat,
        law: None,
        beside: Vec::new(),
    }
}
