//! A system call on a terminal.

use super::View;
use super::names::{self, span};
use abispec::errno::Errno;
use abispec::export::{Reach, effect_text};
use abispec::expr::{Expr, print};
use abispec::model::{Command, Contract, ErrorRule, Origin, Param, Syscall};
use abispec::place::At;
use abispec::target::ClauseKind;
use abispec::types;
use anstyle::{AnsiColor, Style};
use std::io::{self, Write};

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const ERRNO: Style = AnsiColor::Red.on_default();
const WORD: Style = AnsiColor::Cyan.on_default();

/// Writes all of a call.
pub(super) fn human(view: &View<'_>, call: &Syscall, out: &mut dyn Write) -> io::Result<()> {
    let names = call.param_names();
    let target = &view.resolved.target;
    writeln!(out, "{BOLD}{}{BOLD:#}  {}", call.name.value, call.summary)?;
    let number = match call.number(target.arch) {
        Some(number) => format!("number {} on {}", number.value, target.arch),
        None => format!("{} lacks it", target.arch),
    };
    let kernel = match view.kernel {
        Some(kernel) => format!("Linux {kernel}"),
        None => "all releases".to_owned(),
    };
    let mut facts = vec![kernel, number];
    facts.extend(span(call.span));
    if !call.groups.is_empty() {
        facts.push(format!("groups {}", call.groups.join(", ")));
    }
    if let Some(config) = &call.config {
        facts.push(format!("needs {}", config.value));
    }
    facts.extend(call.man.clone());
    facts.push(view.spec.place(call.name.at).to_string());
    writeln!(out, "{DIM}{}{DIM:#}", facts.join(" · "))?;

    if let Some(scope) = call.scope.as_ref().map(|at| &at.value) {
        writeln!(out, "{DIM}{}: {}{DIM:#}", scope.extent.meaning(), scope.because)?;
    }
    let signature: Vec<String> = call.params_on(target.arch).into_iter().map(declaration).collect();
    let signature = if signature.is_empty() { "void".to_owned() } else { signature.join(", ") };
    writeln!(out, "\n  {BOLD}long {}({signature}){BOLD:#}", call.name.value)?;
    if !call.params.is_empty() {
        writeln!(out, "\n{BOLD}parameters{BOLD:#}")?;
        params(&call.params.iter().collect::<Vec<_>>(), &names, out)?;
    }
    contract(&call.contract, &names, out)?;
    for found in &call.commands {
        command(found, &names, out)?;
    }
    let mut used = Reach::default();
    used.call(view.spec, call);
    for name in used.structs {
        if let Some(found) = view.spec.structs.get(name) {
            writeln!(out)?;
            names::structure(view, found, out)?;
        }
    }
    for name in used.sets {
        if let Some(set) = view.spec.sets.get(name) {
            writeln!(out)?;
            names::set(view, set, out)?;
        }
    }
    if view.implied {
        implied(view, out)?;
    }
    Ok(())
}

/// `const char __user *filename`.
fn declaration(param: &Param) -> String {
    let space = if param.c.value.ends_with('*') { "" } else { " " };
    format!("{}{space}{}", param.c.value, param.name.value)
}

fn params(list: &[&Param], names: &[&str], out: &mut dyn Write) -> io::Result<()> {
    let width = list.iter().map(|param| param.name.value.len()).max().unwrap_or(0);
    for param in list {
        let mut notes: Vec<String> = param.unknown.as_ref().map(names::unknown).into_iter().collect();
        if let Some(base) = param.base.and_then(|base| names.get(usize::from(base))) {
            notes.push(format!("relative to {base}"));
        }
        if !param.asks.is_empty() {
            let asked: Vec<&str> = param.asks.iter().map(|operation| operation.name()).collect();
            notes.push(format!("asks the file system to {}", asked.join(", ")));
        }
        let ty = types::print(&param.ty.value, names);
        let line = format!("  {:<width$}  {ty:<32}  {}", param.name.value, notes.join(", "));
        writeln!(out, "{}", line.trim_end())?;
        let conditions: [(&str, &Option<At<Expr>>); 5] = [
            ("undefined values matter when", &param.unknown_when),
            ("used when", &param.used),
            ("follows a last symbolic link when", &param.follow),
            ("may be empty when", &param.empty),
            ("must exist when", &param.must_exist),
        ];
        for (words, given) in conditions {
            if let Some(condition) = given {
                writeln!(out, "  {:width$}  {DIM}{words}{DIM:#} {}", "", print(&condition.value, names))?;
            }
        }
    }
    Ok(())
}

fn command(command: &Command, names: &[&str], out: &mut dyn Write) -> io::Result<()> {
    let title: Vec<&str> = command.names.iter().map(|name| name.value.as_str()).collect();
    let mut notes: Vec<String> = span(command.span).into_iter().collect();
    if let Some(on) = &command.on {
        notes.push(format!("on {}", types::print(&on.value, names)));
    }
    if let Some(config) = &command.config {
        notes.push(format!("needs {}", config.value));
    }
    writeln!(out, "\n{BOLD}== {}{BOLD:#}  {DIM}{}{DIM:#}", title.join(", "), notes.join(", "))?;
    params(&command.params.iter().map(|(_, param)| param).collect::<Vec<_>>(), names, out)?;
    contract(&command.contract, names, out)
}

fn contract(contract: &Contract, names: &[&str], out: &mut dyn Write) -> io::Result<()> {
    if let Some(returns) = &contract.returns {
        writeln!(out, "\n{BOLD}returns{BOLD:#}  {}", types::print(&returns.value, names))?;
    }
    if let Some(blocks) = &contract.blocks {
        writeln!(out, "{BOLD}blocks{BOLD:#}   when {}", print(&blocks.value, names))?;
    }
    if let Some(needs) = &contract.success_needs {
        writeln!(out, "{BOLD}needs{BOLD:#}    for success: {}", needs.value)?;
    }
    for (errno, needs) in &contract.needs {
        writeln!(out, "{BOLD}needs{BOLD:#}    for {}: {}", errno.name(), needs.value)?;
    }
    if !contract.ensures.is_empty() {
        writeln!(out, "\n{BOLD}after success{BOLD:#}")?;
        for ensure in &contract.ensures {
            let when = ensure.when.as_ref().map(|when| format!("  {WORD}when{WORD:#} {}", print(&when.value, names)));
            writeln!(out, "  {}{}", print(&ensure.that.value, names), when.unwrap_or_default())?;
            notes("  ", ensure.because.as_deref(), span(ensure.span), out)?;
        }
    }
    if !contract.effects.is_empty() {
        writeln!(out, "\n{BOLD}success changes{BOLD:#}")?;
        for rule in &contract.effects {
            let (name, keys) = effect_text(&rule.effect, names);
            let keys: Vec<_> = keys.iter().map(|(key, value)| format!("{key}: {value}")).collect();
            writeln!(out, "  {WORD}{name}{WORD:#} {}", keys.join(", "))?;
            if let Some(when) = &rule.when {
                writeln!(out, "      {WORD}when{WORD:#} {}", print(&when.value, names))?;
            }
            notes("    ", None, span(rule.span), out)?;
        }
    }
    errors(&contract.errors, names, out)
}

fn notes(indent: &str, because: Option<&str>, span: Option<String>, out: &mut dyn Write) -> io::Result<()> {
    let words: Vec<String> =
        because.map(str::to_owned).into_iter().chain(span.map(|span| format!("({span})"))).collect();
    if words.is_empty() { Ok(()) } else { writeln!(out, "  {indent}{DIM}{}{DIM:#}", words.join(" ")) }
}

/// Rules, each errno named once.
fn errors(rules: &[ErrorRule], names: &[&str], out: &mut dyn Write) -> io::Result<()> {
    if rules.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{BOLD}errors{BOLD:#}")?;
    let width = rules.iter().map(|rule| rule.errno.value.name().len()).max().unwrap_or(0);
    let mut last: Option<Errno> = None;
    for rule in rules {
        let errno = if last == Some(rule.errno.value) { "" } else { rule.errno.value.name() };
        last = Some(rule.errno.value);
        let word = if rule.duty { "when" } else { "may " };
        let condition = print(&rule.condition.value, names);
        writeln!(out, "  {ERRNO}{errno:<width$}{ERRNO:#}  {WORD}{word}{WORD:#} {condition}")?;
        let mut facts: Vec<String> = rule.because.iter().cloned().collect();
        let mut marks: Vec<String> = span(rule.span).into_iter().collect();
        if !matches!(rule.origin, Origin::Args) {
            marks.push(rule.origin.name().to_owned());
        }
        if !rule.before.is_empty() {
            let before: Vec<_> = rule.before.iter().map(|errno| errno.name()).collect();
            marks.push(format!("before {}", before.join(", ")));
        }
        marks.extend(rule.needs.iter().map(|needs| format!("needs {needs}")));
        if !marks.is_empty() {
            facts.push(format!("({})", marks.join("; ")));
        }
        if !facts.is_empty() {
            writeln!(out, "  {:width$}       {DIM}{}{DIM:#}", "", facts.join(" "))?;
        }
    }
    Ok(())
}

fn implied(view: &View<'_>, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "\n{BOLD}errors that follow from the types{BOLD:#}")?;
    let clauses: Vec<_> = view.resolved.clauses.iter().filter(|clause| clause.implied).collect();
    let width = clauses.iter().filter_map(|clause| clause.errno).map(|errno| errno.name().len()).max().unwrap_or(0);
    for clause in clauses {
        let Some(errno) = clause.errno else { continue };
        let word = if clause.kind == ClauseKind::When { "when" } else { "may " };
        let command = clause.command.as_ref().map(|command| format!("  {DIM}{command}{DIM:#}")).unwrap_or_default();
        writeln!(out, "  {ERRNO}{:<width$}{ERRNO:#}  {WORD}{word}{WORD:#} {}{command}", errno.name(), clause.text)?;
    }
    Ok(())
}
