//! The part of a replay file that names a law: which, and what it was given.

use super::yaml::{FORMAT, RawArg, ReplayError, arg_text, argument, at, entry_line, habitat_lines, write_calls};
use crate::exec::Entry;
use crate::generate::GIVEN;
use crate::habitat::Habitat;
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
    /// Bytes of a pointer.
    pub(super) word: usize,
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
        args.push(argument(value, before, raw.word)?);
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
pub fn write_case(case: &Case, resolved: &Resolved, entry: Entry, habitat: Habitat) -> String {
    let law = case.law(resolved);
    let given: Vec<(String, Argument)> = law.names.iter().cloned().zip(case.given(law).iter().cloned()).collect();
    let sandbox = habitat_lines(habitat) + &entry_line(entry);
    let mut out = format!("format: {FORMAT}\nfinding: {}\n{sandbox}", EXPLANATION.0);
    write(&law.name, &given, &mut out);
    out.push_str("calls:\n");
    write_calls(&case.program(resolved).unwrap_or_default(), resolved, &mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::super::read;
    use super::write_case;
    use crate::exec::Entry;
    use crate::laws::Case;
    use abispec::arch::Arch;
    use abispec::target::{Resolved, Target};
    use abispec::version::Release;

    const FILE: &str = "format: 1
law: dup_shares_the_position
given: {fd: {result: {of: 0}}, n: {number: 5}}
calls:
  - {call: memfd_create, args: [{memory: {text: m}}, {number: 0}]}
  - {call: dup, args: [{result: {of: 0}}]}
  - {call: lseek, args: [{result: {of: 0}}, {number: 5}, {number: 0}]}
  - {call: lseek, args: [{result: {of: 1}}, {number: 0}, {number: 1}]}
";

    fn resolved() -> Resolved {
        abispec::resolve(abispec::embedded(), &Target::new(Arch::X86_64, Release::new(6, 12)))
    }

    #[test]
    fn a_case_is_read_as_it_was_written() {
        let resolved = resolved();
        let case: Case = read(FILE, &resolved).unwrap().law.unwrap();
        assert_eq!(case.law(&resolved).name, "dup_shares_the_position");
        let again =
            read(&write_case(&case, &resolved, Entry::Native, crate::habitat::Habitat::default()), &resolved).unwrap();
        assert_eq!(again.law, Some(case));
    }

    #[test]
    fn slips_are_met_with_their_place() {
        let resolved = resolved();
        let table = [
            (
                "law: dup_shares_the_position",
                "law: dup_share_the_position",
                2,
                "did you mean `dup_shares_the_position`?",
            ),
            ("n: {number: 5}", "m: {number: 5}", 3, "is given no `m`"),
            (", n: {number: 5}", "", 2, "`given` lacks `n`"),
            ("n: {number: 5}", "n: {number: 9001}", 3, "`n` is not of the type"),
            ("fd: {result: {of: 0}}", "fd: {number: 0}", 3, "`fd` is not of the type"),
            ("fd: {result: {of: 0}}", "fd: {result: {of: 1}}", 3, "call 1 does not come before call 1"),
            (
                "{number: 5}, {number: 0}]",
                "{number: 6}, {number: 0}]",
                2,
                "the last 3 call(s) are not those of the law",
            ),
            ("law: dup_shares_the_position\n", "", 2, "`given` has a meaning beside `law` only"),
        ];
        for (from, to, line, message) in table {
            let text = FILE.replacen(from, to, 1);
            assert_ne!(text, FILE);
            let error = read(&text, &resolved).unwrap_err();
            assert!(error.message.contains(message), "{from} -> {to}: {error:?}");
            assert_eq!(error.line, line, "{from} -> {to}: {error:?}");
        }
        let other = FILE
            .replace("given: {fd: {result: {of: 0}}, n: {number: 5}}\n", "")
            .replace("dup_shares_the_position", "dup2_is_dup3");
        assert!(read(&other, &resolved).unwrap_err().message.contains("no call of the program"));
    }
}
