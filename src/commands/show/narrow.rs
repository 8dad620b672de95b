//! The part of a specification that one question is about.

use crate::failure::Failure;
use abispec::model::{Contract, Spec};
use abispec::suggest::nearest;
use abispec::version::Release;

/// The specification with this system call alone; sets, structs and resources stay, since conditions may name any.
pub(super) fn to_call(spec: &Spec, name: &str) -> Spec {
    Spec { files: spec.files.clone(), ..spec.with_calls(|call| call == name) }
}

/// Keeps one command of a call.
pub(super) fn to_command(spec: &mut Spec, name: &str, command: &str) -> Result<(), Failure> {
    let Some(call) = spec.syscalls.get_mut(name) else { return Ok(()) };
    let commands: Vec<String> =
        call.commands.iter().flat_map(|command| &command.names).map(|name| name.value.clone()).collect();
    if !commands.iter().any(|known| known == command) {
        let failure = Failure::new(format!("{name} has no command `{command}`"));
        return Err(match nearest(command, commands.iter().map(String::as_str)) {
            Some(found) => failure.help(format!("did you mean `{found}`?")),
            None if commands.is_empty() => failure.help("it does not multiplex; leave --command out"),
            None => failure.help(format!("it has {}", commands.join(", "))),
        });
    }
    call.commands.retain(|found| found.names.iter().any(|name| name.value == command));
    Ok(())
}

/// Drops what a kernel lacks.
pub(in crate::commands) fn to_kernel(spec: &mut Spec, kernel: Release) {
    spec.syscalls.retain(|_, call| call.span.contains(kernel));
    for call in spec.syscalls.values_mut() {
        contract(&mut call.contract, kernel);
        call.commands.retain(|command| command.span.contains(kernel));
        call.commands.iter_mut().for_each(|command| contract(&mut command.contract, kernel));
    }
    for set in spec.sets.values_mut() {
        set.members.retain(|member| member.span.contains(kernel));
    }
    for found in spec.structs.values_mut() {
        found.fields.retain(|field| field.span.contains(kernel));
        found.versions.retain(|(_, since)| *since <= kernel);
    }
}

fn contract(contract: &mut Contract, kernel: Release) {
    contract.errors.retain(|rule| rule.span.contains(kernel));
    contract.ensures.retain(|ensure| ensure.span.contains(kernel));
    contract.effects.retain(|effect| effect.span.contains(kernel));
}
