//! Descriptions for syzkaller, with the constants beside them.
//!
//! What syzlang has no words for (errors, releases, conditions) stands in comments. A call that multiplexes has one
//! description for each command, named after it, and a last one for other selectors.

mod constants;
mod layout;
mod types;

use super::{Document, Selection};
use crate::expr::print;
use crate::model::{Contract, Syscall};
use crate::resolve::constant_values;
use crate::target::{Call, Target, Variant};
use crate::types::Type;
use crate::version::Span;
use constants::Constants;
use std::fmt::Write;
use types::Types;

/// Writes the descriptions, `abispec.txt`, and the constants, `abispec.txt.const`. With `ports` the constants are those of
/// every port that syzkaller knows, otherwise those of the selection's port alone.
pub fn syzlang(selection: &Selection<'_>, ports: bool) -> Result<Vec<Document>, String> {
    let mut constants = Constants::new(selection, ports)?;
    let mut types = Types::new(selection);
    let mut calls = String::new();
    for (written, call) in &selection.calls {
        constants.call(written);
        describe(selection, written, call, &mut types, &mut calls);
    }
    let mut text = format!(
        "# The system calls of {}, as abispec specifies them: {} calls.\n# Errors, releases and conditions are comments.\n\n",
        selection.title(),
        selection.calls.len()
    );
    let shared = types.declarations(&mut constants);
    for header in types.headers() {
        let _ = writeln!(text, "include <{header}>");
    }
    let _ = write!(text, "\n{shared}\n{calls}");
    for name in types.constants() {
        constants.name(name);
    }
    Ok(vec![
        Document { name: "abispec.txt".to_owned(), text },
        Document { name: "abispec.txt.const".to_owned(), text: constants.text() },
    ])
}

fn describe(selection: &Selection<'_>, written: &Syscall, call: &Call, types: &mut Types<'_>, out: &mut String) {
    let release = selection.resolved.target.release;
    let names = written.param_names();
    let _ = writeln!(out, "# {}: {}{}", call.name, written.summary, since(written.span));
    if let Some(config) = &written.config {
        let _ = writeln!(out, "#   needs {}", config.value);
    }
    errors(&written.contract, &names, selection, out);
    let last = call.variants.len() - 1;
    for (index, variant) in call.variants.iter().enumerate() {
        let command = variant.command.as_ref().filter(|_| index < last || call.select.is_none());
        if let Some(command) = command
            && let Some(found) =
                written.commands.iter().find(|found| found.names.iter().any(|name| name.value == *command))
            && found.span.contains(release)
        {
            // Commands that share a block share its errors, which stand before the first of them.
            let first = found.names.first().is_some_and(|name| name.value == *command);
            if first {
                errors(&found.contract, &names, selection, out);
            }
        }
        line(call, variant, command.map(String::as_str), types, out);
    }
    out.push('\n');
}

fn line(call: &Call, variant: &Variant, command: Option<&str>, types: &mut Types<'_>, out: &mut String) {
    let mut args = Vec::new();
    for (index, param) in variant.params.iter().enumerate() {
        let selects = call.select.map(usize::from) == Some(index);
        let ty = match command {
            Some(name) if selects => types.selector(name),
            _ => types.argument(param, widest(call, index, types.word()), &variant.params),
        };
        args.push(format!("{} {ty}", types::identifier(&param.name)));
    }
    let name = command.map_or_else(|| call.name.clone(), |command| format!("{}${command}", call.name));
    let returns = types.result(&variant.returns).map(|name| format!(" {name}")).unwrap_or_default();
    // What a call returns is no errno-like code then, and means nothing to the fuzzer's own feedback.
    let ignore = !matches!(variant.returns, Type::Zero | Type::Never | Type::Resource(_));
    let attributes = if ignore { " (ignore_return)" } else { "" };
    let _ = writeln!(out, "{name}({}){returns}{attributes}", args.join(", "));
}

/// The most bytes that an argument has in any variant of a call.
fn widest(call: &Call, index: usize, word: u32) -> u32 {
    let bytes = call.variants.iter().filter_map(|variant| variant.params.get(index)).map(|param| param.int.bytes(word));
    bytes.max().unwrap_or(word)
}

fn errors(contract: &Contract, names: &[&str], selection: &Selection<'_>, out: &mut String) {
    let release = selection.resolved.target.release;
    for rule in contract.errors.iter().filter(|rule| rule.span.contains(release)) {
        let word = if rule.duty { "when" } else { "may " };
        let condition = print(&rule.condition.value, names);
        let _ = writeln!(out, "#   {} {word} {condition}{}", rule.errno.value.name(), since(rule.span));
    }
}

fn since(span: Span) -> String {
    match (span.since, span.until) {
        (None, None) => String::new(),
        (Some(since), None) => format!(" (since {since})"),
        (None, Some(until)) => format!(" (until {until})"),
        (Some(since), Some(until)) => format!(" ({since} to {until})"),
    }
}

/// The values of all constants on a port.
fn values(selection: &Selection<'_>, arch: crate::arch::Arch) -> std::collections::BTreeMap<String, i128> {
    constant_values(selection.spec, &Target::new(arch, selection.resolved.target.release))
}

/// Whether a parameter's type may be measured by another parameter.
fn measurable(params: &[crate::target::ResolvedParam], index: u8) -> bool {
    params.get(usize::from(index)).is_some_and(|param| {
        matches!(param.ty, Type::Ptr { .. } | Type::Buffer { .. } | Type::Text { .. } | Type::Path { .. } | Type::Vma)
    })
}

/// What a parameter is called where a description names it.
fn name_of(params: &[crate::target::ResolvedParam], index: u8) -> String {
    params.get(usize::from(index)).map(|param| types::identifier(&param.name)).unwrap_or_default()
}
