//! Why a program that somebody wrote is not run.

use crate::exec::Entry;
use crate::hazard::{self, Hazard};
use crate::lower::{LowerError, refuse, variant_index};
use crate::program::Program;
use abispec::target::Resolved;

/// The first call of a program for which the whole is not run, and the reason; `None` where it can be.
pub fn find(resolved: &Resolved, program: &Program, entry: Entry) -> Option<(usize, &'static str)> {
    if !hazard::fits(program) {
        return Some((program.calls.len().saturating_sub(1), meaning(LowerError::Hazard(Hazard::Edges))));
    }
    if let Some(index) = hazard::beyond(resolved, program) {
        return Some((index, meaning(LowerError::Hazard(Hazard::Overrun))));
    }
    program.calls.iter().enumerate().find_map(|(index, call)| {
        let spec = &resolved.calls[call.call];
        let error = refuse(resolved, call, &spec.variants[variant_index(spec, call)], entry)?;
        Some((index, meaning(error)))
    })
}

const fn meaning(error: LowerError) -> &'static str {
    let hazard = match error {
        LowerError::Hazard(hazard) => hazard,
        LowerError::Foreign => return "what it takes through this entry is not specified",
        LowerError::TooMuchMemory | LowerError::BatchFull => return "it does not fit",
    };
    match hazard {
        Hazard::Mappings => "it may change mappings that are the executor's own",
        Hazard::Signal => "it may send the executor a signal that ends or stops it",
        Hazard::Overrun => {
            "the kernel may write more than the memory that it is given has, by what the specification says today"
        }
        Hazard::Stray => "a pointer that is only a number leads into the memory of programs",
        Hazard::Edges => "more than one block wants the inaccessible page behind it",
        Hazard::Poison => "it would poison pages that somebody has",
        Hazard::Never => "the specification says that the call is never tried",
        Hazard::Restarts => "the kernel would write to memory that may be gone, whenever the caller goes on",
        Hazard::Returns => "who makes it could not go on afterwards",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::{Argument, Invocation};
    use abispec::arch::Arch;
    use abispec::target::Target;
    use abispec::version::Release;

    #[test]
    fn a_program_is_refused_for_its_first_call_that_cannot_be_made() {
        let resolved = abispec::resolve(abispec::embedded(), &Target::new(Arch::X86_64, Release::new(7, 3)));
        let call = |name: &str, args: &[u64]| Invocation {
            call: resolved.calls.iter().position(|call| call.name == name).unwrap_or_default(),
            args: args.iter().map(|value| Argument::Number(*value)).collect(),
        };
        let refused = |calls: Vec<Invocation>| find(&resolved, &Program { calls }, Entry::Native);
        assert_eq!(refused(vec![call("getpid", &[]), call("kill", &[0, 0])]), None);
        let (index, why) = refused(vec![call("getpid", &[]), call("kill", &[0, 9])]).unwrap_or_default();
        assert_eq!(index, 1);
        assert!(why.contains("signal"), "{why}");
    }
}
