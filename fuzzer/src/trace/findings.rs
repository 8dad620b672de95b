//! Divergences of a trace as findings.

use super::book::Book;
use super::checker::Found;
use abispec::finding::Finding;
use abispec::model::Spec;

/// Turns a divergence into a finding.
pub fn finding(spec: &Spec, book: &Book<'_>, found: &Found) -> Finding {
    let resolved = book.resolved;
    let call = &resolved.calls[found.call];
    let verdict = &found.verdict;
    let misuse = verdict.id.starts_with("misuse-");
    let message = match misuse {
        true => format!("{}; {}", verdict.expected, verdict.actual),
        false => format!("the specification permits {}, the kernel answers {}", verdict.expected, verdict.actual),
    };
    let mut finding = Finding::error(verdict.id, call.name.clone(), message)
        .values(verdict.expected.clone(), verdict.actual.clone())
        .other(format!("pid {}: {}", found.group, found.text));
    finding.spec = match verdict.clause {
        Some(clause) => Some(spec.place(resolved.clause(clause).at)),
        None => {
            parameter(spec, book, found).or_else(|| spec.syscalls.get(&call.name).map(|call| spec.place(call.name.at)))
        }
    };
    finding.trace.push(format!("pid {} tid {}: {}  -> {}", found.group, found.tid, found.text, found.answer));
    if found.count > 1 {
        finding.trace.push(format!("seen {} times", found.count));
    }
    if found.filters > 0 {
        let filters = found.filters;
        finding.trace.push(format!(
            "(the program runs under {filters} seccomp filter(s) of its own: one of them may have answered)"
        ));
    }
    let says =
        verdict.clause.map_or_else(String::new, |clause| format!("the clause is `{}`; ", resolved.clause(clause).text));
    finding.help(format!("{says}`abispec explain {}` says what this means", verdict.id))
}

/// The line of the parameter that a misuse names.
fn parameter(spec: &Spec, book: &Book<'_>, found: &Found) -> Option<abispec::finding::SourcePlace> {
    let name = found.verdict.expected.split('`').nth(1)?;
    let call = spec.syscalls.get(&book.resolved.calls[found.call].name)?;
    let command = book.resolved.calls[found.call].variants[found.variant].command.as_deref();
    let of_command = call
        .commands
        .iter()
        .filter(|known| known.names.iter().any(|one| Some(one.value.as_str()) == command))
        .flat_map(|known| known.params.iter().map(|(_, param)| param));
    let mut all = of_command.chain(&call.params);
    all.find(|param| param.name.value == name).map(|param| spec.place(param.name.at))
}
