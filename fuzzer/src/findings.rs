//! Confirmed divergences as findings, with their reproducers.

use crate::confirm::Confirmed;
use crate::exec::Entry;
use crate::habitat::Habitat;
use crate::pending::write_whole;
use crate::reproduce;
use abispec::finding::{Finding, SourcePlace};
use abispec::model::Spec;
use abispec::target::Resolved;
use std::fs;
use std::io;
use std::path::Path;

/// Turns a divergence into a finding.
pub fn finding(spec: &Spec, resolved: &Resolved, found: &Confirmed) -> Finding {
    let verdict = &found.verdict;
    let name = &found.key.syscall;
    let place = place(spec, resolved, found);
    let call = found.program.calls.get(found.call).map_or_else(|| name.clone(), |call| call.line(resolved));
    let message = match &found.law {
        Some(_) => format!("the law says {}; {}", verdict.expected, verdict.actual),
        None => format!("the specification permits {}, the kernel answers {}", verdict.expected, verdict.actual),
    };
    let mut finding = Finding::error(verdict.id, name.clone(), message)
        .values(verdict.expected.clone(), verdict.actual.clone())
        .other(call);
    finding.spec = place;
    finding.entry = Some(found.key.entry.name().to_owned());
    finding.clause = found.key.clause.map(|clause| resolved.clause(clause).text.clone());
    finding.trace = trace(resolved, found);
    let rule = found.key.clause.map(|clause| resolved.clause(clause));
    let says = rule.map_or_else(String::new, |rule| format!("the clause is `{}`; ", rule.text));
    finding.help(format!("{says}`abispec explain {}` says what this means", verdict.id))
}

/// Where the specification says otherwise: the clause, or else the call.
fn place(spec: &Spec, resolved: &Resolved, found: &Confirmed) -> Option<SourcePlace> {
    match found.key.clause {
        Some(clause) => Some(spec.place(resolved.clause(clause).at)),
        None => spec.syscalls.get(&found.key.syscall).map(|call| spec.place(call.name.at)),
    }
}

fn trace(resolved: &Resolved, found: &Confirmed) -> Vec<String> {
    let arch = resolved.target.arch;
    let lines = found.program.lines(resolved).into_iter().enumerate();
    let mut trace: Vec<String> = lines
        .map(|(index, line)| match found.answers.get(index).copied().flatten() {
            Some(answer) => format!("{line}  -> {}", answer.text(arch)),
            None => line,
        })
        .collect();
    if let Some((program, answers)) = found.law.as_ref().and_then(|law| law.other.as_ref()) {
        trace.push("with the other call:".to_owned());
        let lines = program.lines(resolved).into_iter().zip(answers);
        trace.extend(lines.map(|(line, answer)| match answer {
            Some(answer) => format!("{line}  -> {}", answer.text(arch)),
            None => line,
        }));
    }
    if found.habitat != Habitat::default() {
        trace.push(format!("({})", found.habitat));
    }
    if !found.beside.is_empty() {
        trace.push(format!("(one of this program and {} others that were in flight with it)", found.beside.len()));
    }
    match found.key.entry {
        Entry::Native => {}
        Entry::Ia32 => trace.push("(through the i386 entry, int 0x80)".to_owned()),
        Entry::Vdso => trace.push("(through the vDSO, every second call)".to_owned()),
    }
    trace
}

/// Saves the replay file and the C program of a divergence below `dir`, and names them in the finding.
///
/// # Errors
/// When a file cannot be written.
pub fn save(dir: &Path, resolved: &Resolved, found: &Confirmed, kernel: &str, finding: &mut Finding) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    let place = finding.spec.as_ref().map_or_else(String::new, SourcePlace::to_string);
    let clause = found.key.clause.map_or_else(String::new, |clause| format!("-{}", clause.0));
    let answer: String = found.key.answer.chars().filter(char::is_ascii_alphanumeric).collect();
    let dash = if answer.is_empty() { "" } else { "-" };
    let entry = match found.key.entry {
        Entry::Native => String::new(),
        Entry::Ia32 | Entry::Vdso => format!("-{}", found.key.entry.name()),
    };
    let stem = format!("{}-{}{clause}{dash}{answer}{entry}", found.key.syscall, found.key.id);
    let mut files = Vec::new();
    // Without a call there is nothing to run again.
    if !found.program.calls.is_empty() {
        files.push((format!("{stem}.yaml"), reproduce::write_yaml(found, resolved, &place, kernel)));
        files.push((format!("{stem}.c"), reproduce::write_c(found, resolved, &place, kernel)));
    }
    let beside = found.beside.iter().enumerate().map(|(index, program)| {
        let one = Confirmed { program: program.clone(), answers: Vec::new(), beside: Vec::new(), ..found.clone() };
        (format!("{stem}-{}.yaml", index + 2), reproduce::write_yaml(&one, resolved, &place, kernel))
    });
    for (name, text) in files.into_iter().chain(beside) {
        let path = dir.join(name);
        write_whole(&path, &text)?;
        finding.files.push(path.display().to_string());
    }
    Ok(())
}
