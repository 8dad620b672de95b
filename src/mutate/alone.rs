//! The mutants of one call against the engines at rest, and what is left to do for them.

use super::aims::{aim, keys, rules};
use super::batch::key;
use super::trial::{Missed, Trials, Verdict};
use abispec::model::Spec;
use abispec::mutate::{Mutant, Shows};
use abispec::target::Resolved;
use abispec_fuzzer::coverage::{Executable, executable};
use abispec_fuzzer::generate::Aim;
use abispec_fuzzer::habitat::Habitat;
use abispec_fuzzer::jury::Version;
use abispec_fuzzer::scope;
use std::collections::BTreeSet;

/// One call of the specification, alone: what changes with a mutant is quickly worked out.
pub(super) struct Alone<'t, 'a> {
    trials: &'t Trials<'a>,
    name: &'t str,
    /// Its place among the calls of the whole.
    call: usize,
    spec: Spec,
    resolved: Resolved,
    habitats: Vec<Habitat>,
    executable: Vec<Executable>,
    checked: BTreeSet<String>,
    /// Where mutants are made, and what they are resolved to.
    scratch: Spec,
    changed: Resolved,
    differing: Resolved,
}

/// What is left to do for a mutant after the engines at rest.
pub(super) enum Then {
    /// Nothing.
    Settled(Verdict),
    /// It hears calls as they are specified.
    Hear(Version),
}

impl<'t, 'a> Alone<'t, 'a> {
    pub(super) fn new(trials: &'t Trials<'a>, name: &'t str) -> Option<Self> {
        let call = trials.resolved.calls.iter().position(|call| call.name == name)?;
        let spec = trials.spec.with_calls(|other| other == name);
        let resolved = abispec::resolve(&spec, &trials.target);
        let habitats = trials.habitats();
        let executable = executable(&resolved, &habitats);
        let checked = checked(trials, &spec);
        let (scratch, changed, differing) = (spec.clone(), resolved.clone(), resolved.clone());
        Some(Self { trials, name, call, spec, resolved, habitats, executable, checked, scratch, changed, differing })
    }

    /// Asks the engines at rest, and says what is left to do.
    pub(super) fn begin(&mut self, mutant: &Mutant) -> Then {
        match mutant.shows {
            Shows::Nobody(why) => Then::Settled(Verdict::NotExecutable(why.to_owned())),
            // It changes nothing but the call itself.
            Shows::Calls => {
                if let Some(why) = self.never_heard(mutant) {
                    return Then::Settled(Verdict::NotExecutable(why));
                }
                self.remake(|spec| mutant.apply(spec));
                abispec::resolve_call(&self.scratch, self.name, &mut self.changed);
                self.hear(mutant)
            }
            Shows::Witness | Shows::Both => {
                let mut changed = self.spec.clone();
                mutant.apply(&mut changed);
                // Calls share sets and structs, and the checker need not be asked for each of them.
                let found = || checked(self.trials, &changed).into_iter().find(|one| !self.checked.contains(one));
                if let Some(how) = self.trials.checks.of(key(mutant), found) {
                    return Then::Settled(Verdict::Killed { by: "check", how });
                }
                if mutant.shows == Shows::Witness {
                    let silent = || Verdict::NotExecutable("no witness on this machine states it".to_owned());
                    return Then::Settled(if self.is_stated(mutant) {
                        Verdict::Survived(Missed::Witness)
                    } else {
                        silent()
                    });
                }
                if let Some(why) = self.never_heard(mutant) {
                    return Then::Settled(Verdict::NotExecutable(why));
                }
                self.changed = abispec::resolve(&changed, &self.trials.target);
                let then = self.hear(mutant);
                self.changed = self.resolved.clone();
                then
            }
        }
    }

    /// Whether anything on this machine says what a mutant changes of a number or a prototype.
    fn is_stated(&self, mutant: &Mutant) -> bool {
        self.trials.facts.iter().any(|facts| match mutant.id.as_str() {
            "nr.number" => facts.numbers.contains_key(self.name),
            _ => facts.prototypes.contains_key(self.name),
        })
    }

    /// Makes a change in the call as it is specified.
    fn remake(&mut self, change: impl FnOnce(&mut Spec)) {
        if let Some(call) = self.spec.syscalls.get(self.name) {
            self.scratch.syscalls.insert(self.name.to_owned(), call.clone());
        }
        change(&mut self.scratch);
    }

    /// What becomes of a mutant that is resolved.
    fn hear(&mut self, mutant: &Mutant) -> Then {
        let mut tells_apart = false;
        self.remake(|spec| tells_apart = mutant.apply_difference(spec));
        if tells_apart {
            abispec::resolve_call(&self.scratch, self.name, &mut self.differing);
        }
        // What tells the mutant from the original may be what cannot happen here.
        if tells_apart
            && let Some(clause) = mutant.clause(&self.resolved)
            && let Some(Executable::No(why)) = executable(&self.differing, &self.habitats).get(clause.0 as usize)
        {
            return Then::Settled(Verdict::NotExecutable(format!("a difference {why}")));
        }
        let aims = self.aims(mutant, tells_apart);
        let clause = mutant.clause(&self.trials.resolved);
        match Version::of(self.name, self.call, &self.resolved, &self.changed, aims) {
            Some(version) => Then::Hear(version.about(clause)),
            None => Then::Settled(Verdict::NotExecutable("changes nothing that the call is judged by".to_owned())),
        }
    }

    /// Why no call here says anything about a mutant.
    fn never_heard(&self, mutant: &Mutant) -> Option<String> {
        let release = self.trials.target.release;
        if !mutant.span.contains(release) {
            return Some(format!("says nothing about Linux {}", release.base()));
        }
        let call = self.resolved.call(self.name);
        if let Some(why) = call.and_then(|call| scope::denied(self.resolved.target.arch, call)) {
            return Some(format!("needs a machine of its own: {why}"));
        }
        if !mutant.changes_clause() {
            return None;
        }
        let Some(clause) = mutant.clause(&self.resolved) else {
            return Some("the target does not have the clause".to_owned());
        };
        match self.executable.get(clause.0 as usize) {
            Some(Executable::No(why)) => Some(why.clone()),
            Some(Executable::Yes) | None => None,
        }
    }

    /// Where programs should look: at the changed clause, at what it was, and at what tells one from the other.
    fn aims(&self, mutant: &Mutant, tells_apart: bool) -> Vec<Aim> {
        let Some(clause) = mutant.clause(&self.resolved) else {
            // A key of a parameter is no clause.
            let texts = [&self.resolved, &self.changed].into_iter();
            let keys = texts.flat_map(|resolved| keys(resolved, mutant, self.call));
            return keys.chain(rules(&self.resolved, &self.changed, self.name, self.call)).collect();
        };
        let texts = [Some(&self.resolved), Some(&self.changed), tells_apart.then_some(&self.differing)];
        texts.into_iter().flatten().flat_map(|resolved| aim(resolved, self.name, clause, self.call)).collect()
    }
}

/// What the checker says of a specification, a line each.
fn checked(trials: &Trials<'_>, spec: &Spec) -> BTreeSet<String> {
    let findings = abispec_checker::check(spec, &trials.facts).findings;
    findings.into_iter().map(|finding| format!("{}: {}: {}", finding.id, finding.subject, finding.message)).collect()
}
