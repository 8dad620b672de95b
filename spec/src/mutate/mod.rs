//! Mutants: the specification with one clause changed, to see whether anything notices.
//!
//! A change that only permits more contradicts no kernel, so none is made: a `may` gets narrower, an `ensures` stronger.

mod effects;
mod ensures;
mod errors;
mod expression;
mod granule;
mod number;
mod params;
mod returns;
mod sets;
mod structs;
#[cfg(test)]
mod tests;

use crate::arch::Arch;
use crate::model::{Contract, Spec, Syscall};
use crate::place::Place;
use crate::target::{ClauseId, ClauseKind, Resolved};
use crate::version::Span;
use std::fmt;

/// A specification with one clause changed, as the change that makes it.
pub struct Mutant {
    /// The call whose specification changes.
    pub syscall: String,
    /// Its name among the mutants of the call: `EMFILE.0.negated`.
    pub id: String,
    /// What changes, as text.
    pub change: String,
    /// Where the changed value was written.
    pub at: Place,
    /// Who could notice.
    pub shows: Shows,
    /// Releases for which the changed value says anything.
    pub span: Span,
    clause: Option<MutatedClause>,
    apply: Apply,
    difference: Option<Apply>,
}

/// Who could notice a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shows {
    /// Only who states numbers and prototypes at rest.
    Witness,
    /// Only who makes calls.
    Calls,
    /// Both.
    Both,
    /// Nobody, for this reason.
    Nobody(&'static str),
}

/// The clause that changes, as a resolved specification has it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct MutatedClause {
    kind: ClauseKind,
    at: Place,
    text: String,
}

type Apply = Box<dyn Fn(&mut Spec) + Send + Sync>;

impl Mutant {
    /// Makes the change.
    pub fn apply(&self, spec: &mut Spec) {
        (self.apply)(spec);
    }

    /// The clause that changes; `None` for what is no clause of its own and for what the target does not have.
    pub fn clause(&self, resolved: &Resolved) -> Option<ClauseId> {
        let wanted = self.clause.as_ref()?;
        let found = resolved.clauses.iter().position(|clause| {
            clause.syscall == self.syscall
                && clause.kind == wanted.kind
                && clause.at == wanted.at
                && clause.text == wanted.text
                && !clause.implied
        });
        found.and_then(|index| u32::try_from(index).ok()).map(ClauseId)
    }

    /// Turns the clause's condition into the one under which the change makes a difference; `false` where that is not known.
    /// Where the clause cannot be exercised then, nothing can tell the mutant from the original.
    pub fn apply_difference(&self, spec: &mut Spec) -> bool {
        self.difference.as_ref().inspect(|apply| apply(spec)).is_some()
    }

    /// Whether what changes is a clause of its own, which a target may lack.
    pub fn changes_clause(&self) -> bool {
        self.clause.is_some()
    }
}

impl fmt::Debug for Mutant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mutant")
            .field("syscall", &self.syscall)
            .field("id", &self.id)
            .field("change", &self.change)
            .finish()
    }
}

/// Every mutant of a call, in the order of its file. Of what differs by port, the part of `arch` is changed.
pub fn mutants(spec: &Spec, syscall: &str, arch: Arch) -> Vec<Mutant> {
    let Some(call) = spec.syscalls.get(syscall) else { return Vec::new() };
    let mut making = Making { spec, call, arch, names: call.param_names(), mutants: Vec::new() };
    number::mutants(&mut making);
    params::mutants(&mut making);
    for part in making.parts() {
        let contract = part.of(call);
        returns::mutants(&mut making, part, contract);
        ensures::mutants(&mut making, part, contract);
        effects::mutants(&mut making, part, contract);
        errors::mutants(&mut making, part, contract);
    }
    sets::mutants(&mut making);
    structs::mutants(&mut making);
    making.mutants
}

/// A part of a call's specification that has a contract.
#[derive(Clone, Copy, Debug)]
enum Part {
    Common,
    Command(usize),
}

impl Part {
    fn of(self, call: &Syscall) -> &Contract {
        match self {
            Self::Common => &call.contract,
            Self::Command(index) => &call.commands[index].contract,
        }
    }

    fn of_mut(self, call: &mut Syscall) -> Option<&mut Contract> {
        match self {
            Self::Common => Some(&mut call.contract),
            Self::Command(index) => call.commands.get_mut(index).map(|command| &mut command.contract),
        }
    }
}

/// Where mutants of one call are gathered.
struct Making<'a> {
    spec: &'a Spec,
    call: &'a Syscall,
    arch: Arch,
    names: Vec<&'a str>,
    mutants: Vec<Mutant>,
}

/// What all mutants of one value share.
#[derive(Clone, Debug)]
struct Subject {
    prefix: String,
    at: Place,
    shows: Shows,
    span: Span,
    clause: Option<MutatedClause>,
}

impl Making<'_> {
    fn parts(&self) -> Vec<Part> {
        let commands = (0..self.call.commands.len()).map(Part::Command);
        std::iter::once(Part::Common).chain(commands).collect()
    }

    /// A value of a part, which only calls can show to be wrong.
    fn subject(&self, part: Part, name: &str, at: Place, span: Span, clause: Option<(ClauseKind, String)>) -> Subject {
        let prefix = match part {
            Part::Common => name.to_owned(),
            Part::Command(index) => format!("{}.{name}", self.call.commands[index].names[0].value),
        };
        let clause = clause.map(|(kind, text)| MutatedClause { kind, at, text });
        Subject { prefix, at, shows: Shows::Calls, span, clause }
    }

    fn add(
        &mut self,
        subject: &Subject,
        what: &str,
        change: String,
        apply: impl Fn(&mut Spec) + Send + Sync + 'static,
    ) {
        self.mutants.push(Mutant {
            syscall: self.call.name.value.clone(),
            id: format!("{}.{what}", subject.prefix),
            change,
            at: subject.at,
            shows: subject.shows,
            span: subject.span,
            clause: subject.clause.clone(),
            apply: Box::new(apply),
            difference: None,
        });
    }

    /// Says of the last mutant under which condition of its clause it makes a difference.
    fn differs(&mut self, part: Part, apply: impl Fn(&mut Contract) + Send + Sync + 'static) {
        let name = self.call.name.value.clone();
        let apply = move |spec: &mut Spec| {
            if let Some(contract) = spec.syscalls.get_mut(&name).and_then(|call| part.of_mut(call)) {
                apply(contract);
            }
        };
        if let Some(last) = self.mutants.last_mut() {
            last.difference = Some(Box::new(apply));
        }
    }

    /// The same, changing a contract.
    fn add_to_contract(
        &mut self,
        part: Part,
        subject: &Subject,
        what: &str,
        change: String,
        apply: impl Fn(&mut Contract) + Send + Sync + 'static,
    ) {
        let name = self.call.name.value.clone();
        self.add(subject, what, change, move |spec| {
            if let Some(contract) = spec.syscalls.get_mut(&name).and_then(|call| part.of_mut(call)) {
                apply(contract);
            }
        });
    }
}
