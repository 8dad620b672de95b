//! The part of a replay file that names a law: which, and what it was given.

use super::yaml::{FORMAT, RawArg, ReplayError, arg_text, argument, at, write_calls};
use crate::generate::GIVEN;
use crate::laws::{Case, EXPLANATION, stranger};
use crate::program::{Argument, Invocation, Program};
use abispec::law::resolved::ResolvedForm;
use abispec::suggest::nearest;
use abispec::target::Resolved;
use serde_yaml::Spanned;
use std::collections::BTreeMap;
use std::fmt::Write;

/// What a file says of a law, before it has a meaning.
pub(super) struct Raw<'a> {
    pub(super) law: &'a Spanned<String>,
    pub(super) given: &'a BTreeMap<String, Spanned<RawArg>>,
}

/// Finds out which case of which law a program is.
///
/// # Errors
/// When the law does not exist, or the program is none of its.
pub(super) fn case(raw: &Raw<'_>, program: &Program, resolved: &Resolved) -> Result<Case, ReplayError> {
    let name = &raw.law.value;
    let Some(index) = resolved.laws.iter().position(|law| law.name == *name) else {
        let near = nearest(name, resolved.laws.iter().map(|law| law.name.as_str()));
        let near = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
        return Err(at(raw.law, format!("the specification has no law `{name}` for this kernel{near}")));
    };
    let law = &resolved.laws[index];
    let (count, calls) = match &law.form {
        ResolvedForm::Same { .. } => (0, 0),
        ResolvedForm::Relation { given, calls, .. } => (*given, calls.len()),
    };
    let names = &law.names[..count];
    if let Some((strange, value)) = raw.given.iter().find(|(name, _)| !names.contains(name)) {
        return Err(at(value, format!("`{name}` is given no `{strange}`")));
    }
    let Some(before) = program.calls.len().checked_sub(calls) else {
        return Err(at(raw.law, format!("the law `{name}` makes {calls} call(s), the program has fewer")));
    };
    let mut args: Vec<Argument> = Vec::with_capacity(count);
    for wanted in names {
        let Some(value) = raw.given.get(wanted) else {
            return Err(at(raw.law, format!("`given` lacks `{wanted}` of the law `{name}`")));
        };
        args.push(argument(value, before)?);
    }
    if let Some(param) = stranger(resolved, &law.variables[..count], &args) {
        let value = raw.given.get(&param.name);
        let message = format!("`{}` is not of the type that the law `{name}` states", param.name);
        return Err(value.map_or_else(|| at(raw.law, message.clone()), |value| at(value, message.clone())));
    }
    let mut seed = program.clone();
    if calls > 0 {
        seed.calls.truncate(before);
        seed.calls.push(Invocation { call: GIVEN, args });
    }
    let case = Case { law: index, seed };
    match case.program(resolved) {
        Some(own) if own == *program => Ok(case),
        _ if calls == 0 => Err(at(raw.law, format!("no call of the program is one that the law `{name}` speaks of"))),
        _ => Err(at(raw.law, format!("the last {calls} call(s) are not those of the law `{name}` with what is given"))),
    }
}

/// Writes which law was broken and what it was given.
pub(super) fn write(law: &str, given: &[(String, Argument)], out: &mut String) {
    let _ = writeln!(out, "law: {law}");
    if !given.is_empty() {
        let _ = writeln!(out, "given:");
        for (name, arg) in given {
            let _ = writeln!(out, "  {name}: {}", arg_text(arg));
        }
    }
}

/// Writes a case that only raised a suspicion so far.
pub fn write_case(case: &Case, resolved: &Resolved, capabilities: bool) -> String {
    let law = case.law(resolved);
    let given: Vec<(String, Argument)> = law.names.iter().cloned().zip(case.given(law).iter().cloned()).collect();
    let mut out = format!("format: {FORMAT}\nfinding: {}\ncapabilities: {capabilities}\n", EXPLANATION.0);
    write(&law.name, &given, &mut out);
    out.push_str("calls:\n");
    write_calls(&case.program(resolved).unwrap_or_default(), resolved, &mut out);
    out
}
