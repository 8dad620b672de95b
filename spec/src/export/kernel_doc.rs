//! Comments for the kernel's own sources: kernel-doc with the tags of the kernel's API specifications.

use super::{Document, Selection, effect_text};
use crate::expr::{Expr, Function, print};
use crate::model::{Contract, Effect, EffectRule, ErrorRule, Param, Syscall};
use crate::types::{self, Direction, IntType, Type};
use std::fmt::Write;

/// Writes a comment for each call, to stand above its `SYSCALL_DEFINE`.
pub fn kernel_doc(selection: &Selection<'_>) -> Vec<Document> {
    let one = |call: &Syscall| Document { name: format!("{}.c", call.name.value), text: comment(selection, call) };
    selection.calls.iter().map(|(call, _)| one(call)).collect()
}

fn comment(selection: &Selection<'_>, call: &Syscall) -> String {
    let names = call.param_names();
    let mut lines = vec![format!("sys_{} - {}", call.name.value, call.summary)];
    for param in &call.params {
        lines.push(format!("@{}: {}", param.name.value, types::print(&param.ty.value, &names)));
    }
    lines.push(String::new());
    lines.push(format!("long-desc: {}.", capital(&call.summary)));
    lines.push(String::new());
    // Whoever looks at the caller's memory may have to wait for a page of it.
    let waits = call.contract.blocks.is_some() || call.params.iter().any(|param| param.ty.value.pointer().is_some());
    let sleeps = if waits { " | KAPI_CTX_SLEEPABLE" } else { "" };
    lines.push(format!("context-flags: KAPI_CTX_PROCESS{sleeps}"));
    lines.push(String::new());
    lines.push(format!("param-count: {}", call.params.len()));
    for (index, param) in call.params.iter().enumerate() {
        lines.push(String::new());
        self::param(selection, call, index, param, &mut lines);
    }
    lines.push(String::new());
    returns(&call.contract, &names, &mut lines);
    let release = selection.resolved.target.release;
    let commands = || call.commands.iter().filter(|command| command.span.contains(release));
    for (title, contract) in std::iter::once((None, &call.contract))
        .chain(commands().map(|command| (command.names.first().map(|name| name.value.as_str()), &command.contract)))
    {
        for rule in contract.errors.iter().filter(|rule| rule.span.contains(release)) {
            error(rule, title, &names, &mut lines);
        }
    }
    implied(selection, call, &mut lines);
    if let Some(blocks) = &call.contract.blocks {
        lines.push(String::new());
        lines.push("signal: any".to_owned());
        lines.push("  direction: KAPI_SIGNAL_RECEIVE".to_owned());
        lines.push("  action: KAPI_SIGNAL_ACTION_RETURN".to_owned());
        lines.push(format!("  condition: {}", print(&blocks.value, &names)));
        lines.push("  desc: A signal ends the sleep.".to_owned());
        lines.push("  errno: -EINTR".to_owned());
        lines.push("  timing: KAPI_SIGNAL_TIME_DURING".to_owned());
    }
    for (capability, errno) in capabilities(call) {
        lines.push(String::new());
        lines.push(format!("capability: {capability}"));
        lines.push("  type: KAPI_CAP_PERFORM_OPERATION".to_owned());
        lines.push(format!("  without: The call may fail with {errno}"));
    }
    for rule in call.contract.effects.iter().filter(|rule| rule.span.contains(release)) {
        side_effect(rule, None, &names, &mut lines);
    }
    for command in commands() {
        let title = command.names.first().map(|name| name.value.as_str());
        for rule in command.contract.effects.iter().filter(|rule| rule.span.contains(release)) {
            side_effect(rule, title, &names, &mut lines);
        }
    }
    for ensure in call.contract.ensures.iter().filter(|ensure| ensure.span.contains(release)) {
        lines.push(String::new());
        lines.push(format!("constraint: after success{}", because(ensure.because.as_deref())));
        let that = print(&ensure.that.value, &names);
        let when = ensure.when.as_ref().map(|when| format!("!({}) || ", print(&when.value, &names)));
        lines.push(format!("  expr: {}{that}", when.unwrap_or_default()));
    }
    let mut out = "/**\n".to_owned();
    for line in lines {
        // The end of a comment inside one.
        let line = line.replace("*/", "* /");
        let _ = if line.is_empty() { writeln!(out, " *") } else { writeln!(out, " * {line}") };
    }
    out.push_str(" */\n");
    out
}

fn param(selection: &Selection<'_>, call: &Syscall, index: usize, param: &Param, lines: &mut Vec<String>) {
    let names = call.param_names();
    let ty = &param.ty.value;
    lines.push(format!("param: {}", param.name.value));
    lines.push(format!("  type: {}", kind(ty, &param.c.value)));
    let mut flags = match ty.pointer().map(|(direction, _)| direction) {
        Some(Direction::Out) => vec!["KAPI_PARAM_OUT", "KAPI_PARAM_USER"],
        Some(Direction::InOut) => vec!["KAPI_PARAM_INOUT", "KAPI_PARAM_USER"],
        Some(Direction::In) => vec!["KAPI_PARAM_IN", "KAPI_PARAM_USER"],
        None => vec!["KAPI_PARAM_IN"],
    };
    if ty.pointer().is_some_and(|(_, nullable)| nullable) {
        flags.push("KAPI_PARAM_OPTIONAL");
    }
    lines.push(format!("  flags: {}", flags.join(" | ")));
    let size = call
        .params
        .iter()
        .position(|other| matches!(&other.ty.value, Type::Len(at) | Type::Bytesize(at) if usize::from(*at) == index));
    match ty {
        Type::Flags { set, .. } => {
            let members = selection.resolved.sets.get(set).map(|set| {
                set.members.iter().filter(|member| !member.mask).map(|member| member.name.clone()).collect::<Vec<_>>()
            });
            lines.push("  constraint-type: KAPI_CONSTRAINT_MASK".to_owned());
            lines.push(format!("  valid-mask: {}", members.unwrap_or_default().join(" | ")));
        }
        Type::Enum { set, .. } => {
            let members = selection.resolved.sets.get(set).map(|set| {
                set.members.iter().filter(|member| !member.mask).map(|member| member.name.clone()).collect::<Vec<_>>()
            });
            lines.push("  constraint-type: KAPI_CONSTRAINT_ENUM".to_owned());
            lines.push(format!("  constraint: one of {}", members.unwrap_or_default().join(", ")));
        }
        Type::Int { range: Some(range), .. } if matches!(**range, (Expr::Int(_), Expr::Int(_))) => {
            lines.push("  constraint-type: KAPI_CONSTRAINT_RANGE".to_owned());
            lines.push(format!("  range: {}, {}", print(&range.0, &names), print(&range.1, &names)));
        }
        Type::Path { .. } => lines.push("  constraint-type: KAPI_CONSTRAINT_USER_PATH".to_owned()),
        Type::Text { .. } => lines.push("  constraint-type: KAPI_CONSTRAINT_USER_STRING".to_owned()),
        Type::Buffer { .. } if size.is_some() => {
            lines.push("  constraint-type: KAPI_CONSTRAINT_BUFFER".to_owned());
            lines.push(format!("  size-param: {}", size.unwrap_or_default()));
        }
        Type::Ptr { .. } => lines.push("  constraint-type: KAPI_CONSTRAINT_USER_PTR".to_owned()),
        other => {
            lines.push("  constraint-type: KAPI_CONSTRAINT_CUSTOM".to_owned());
            lines.push(format!("  constraint: {}", types::print(other, &names)));
        }
    }
}

fn kind(ty: &Type, c: &str) -> &'static str {
    match ty {
        Type::Resource(name) if name == "fd" || name.starts_with("fd[") => "KAPI_TYPE_FD",
        Type::Path { .. } => "KAPI_TYPE_PATH",
        Type::Ptr { .. } | Type::Buffer { .. } | Type::Text { .. } => "KAPI_TYPE_USER_PTR",
        _ if c.contains('*') => "KAPI_TYPE_USER_PTR",
        _ if crate::ctype::int_of(c).is_some_and(IntType::signed) => "KAPI_TYPE_INT",
        _ => "KAPI_TYPE_UINT",
    }
}

fn returns(contract: &Contract, names: &[&str], lines: &mut Vec<String>) {
    let Some(returns) = &contract.returns else { return };
    lines.push("return:".to_owned());
    let (ty, check, success) = match &returns.value {
        Type::Resource(name) if name == "fd" || name.starts_with("fd[") => ("KAPI_TYPE_FD", "KAPI_RETURN_FD", ">= 0"),
        Type::Zero => ("KAPI_TYPE_INT", "KAPI_RETURN_EXACT", "0"),
        Type::Never => ("KAPI_TYPE_VOID", "KAPI_RETURN_NO_RETURN", "none"),
        Type::Addr => ("KAPI_TYPE_PTR", "KAPI_RETURN_CUSTOM", "an address"),
        _ => ("KAPI_TYPE_INT", "KAPI_RETURN_ERROR_CHECK", ">= 0"),
    };
    lines.push(format!("  type: {ty}"));
    lines.push(format!("  check-type: {check}"));
    lines.push(format!("  success: {success}"));
    lines.push(format!("  desc: {}", types::print(&returns.value, names)));
}

fn error(rule: &ErrorRule, command: Option<&str>, names: &[&str], lines: &mut Vec<String>) {
    let condition = print(&rule.condition.value, names);
    let mut reason = rule.because.as_deref().map_or_else(|| rule.origin.name().to_owned(), capital);
    if let Some(command) = command {
        let _ = write!(reason, " ({command})");
    }
    lines.push(String::new());
    lines.push(format!("error: {}, {reason}", rule.errno.value.name()));
    lines.push(format!("  condition: {condition}"));
    let word = if rule.duty { "The call fails exactly then." } else { "The call may fail then." };
    lines.push(format!("  desc: {word}"));
}

/// Errors that follow from types, of whatever command.
fn implied(selection: &Selection<'_>, call: &Syscall, lines: &mut Vec<String>) {
    let Some((_, found)) = selection.calls.iter().find(|(written, _)| written.name == call.name) else { return };
    let mut seen: Vec<(&str, &str)> = Vec::new();
    for rule in found.variants.iter().flat_map(|variant| &variant.rules) {
        let clause = selection.resolved.clause(rule.clause);
        let key = (rule.errno.name(), clause.text.as_str());
        if !clause.implied || seen.contains(&key) {
            continue;
        }
        seen.push(key);
        lines.push(String::new());
        lines.push(format!("error: {}, follows from the types", rule.errno.name()));
        lines.push(format!("  condition: {}", clause.text));
        let word = if rule.duty { "The call fails exactly then." } else { "The call may fail then." };
        lines.push(format!("  desc: {word}"));
    }
}

/// The capabilities that conditions of errors ask for, each with the errno that its lack may give.
fn capabilities(call: &Syscall) -> Vec<(String, &'static str)> {
    let mut found: Vec<(String, &'static str)> = Vec::new();
    let contracts = std::iter::once(&call.contract).chain(call.commands.iter().map(|command| &command.contract));
    for rule in contracts.flat_map(|contract| &contract.errors) {
        rule.condition.value.walk(&mut |expr| {
            if let Expr::Call(Function::Capable | Function::NsCapable, args) = expr
                && let Some(Expr::Const(name)) = args.first()
                && !found.iter().any(|(known, _)| known == name)
            {
                found.push((name.clone(), rule.errno.value.name()));
            }
        });
    }
    found
}

fn side_effect(rule: &EffectRule, command: Option<&str>, names: &[&str], lines: &mut Vec<String>) {
    let (name, keys) = effect_text(&rule.effect, names);
    lines.push(String::new());
    lines.push(format!("side-effect: {}", effect_kind(&rule.effect)));
    let keys: Vec<String> = keys.iter().map(|(key, value)| format!("{key}: {value}")).collect();
    lines.push(format!("  target: {}", command.unwrap_or("success")));
    lines.push(format!("  desc: {name} {}", keys.join(", ")));
    if let Some(when) = &rule.when {
        lines.push(format!("  condition: {}", print(&when.value, names)));
    }
}

fn effect_kind(effect: &Effect) -> &'static str {
    match effect {
        Effect::Opens { .. } | Effect::Duplicates { .. } => "KAPI_EFFECT_RESOURCE_CREATE",
        Effect::Closes { .. } => "KAPI_EFFECT_RESOURCE_DESTROY",
        Effect::SetsOffset { .. } => "KAPI_EFFECT_FILE_POSITION",
        Effect::SetsSize { .. } | Effect::SetsPermissions { .. } | Effect::Creates { .. } | Effect::Links { .. } => {
            "KAPI_EFFECT_FILESYSTEM"
        }
        Effect::Removes { .. } | Effect::Renames { .. } => "KAPI_EFFECT_FILESYSTEM",
        Effect::SetsCwd { .. } | Effect::SetsUmask { .. } | Effect::SetsLimit { .. } | Effect::SetsSigmask { .. } => {
            "KAPI_EFFECT_PROCESS_STATE"
        }
        Effect::Ends { .. } | Effect::Executes { .. } | Effect::Begins { .. } => "KAPI_EFFECT_PROCESS_STATE",
        Effect::SetsNice { .. } | Effect::SetsPolicy { .. } | Effect::SetsCloexec { .. } => "KAPI_EFFECT_PROCESS_STATE",
        Effect::Maps { .. } => "KAPI_EFFECT_ALLOC_MEMORY",
        Effect::Unmaps { .. } => "KAPI_EFFECT_FREE_MEMORY",
        Effect::SetsStatus { .. } | Effect::Queues { .. } | Effect::Drains { .. } | Effect::SetsSeals { .. } => {
            "KAPI_EFFECT_MODIFY_STATE"
        }
        Effect::Writes { .. } | Effect::Protects { .. } | Effect::Changes { .. } => "KAPI_EFFECT_MODIFY_STATE",
    }
}

fn because(text: Option<&str>) -> String {
    text.map(|text| format!(", {text}")).unwrap_or_default()
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().collect::<String>() + chars.as_str()).unwrap_or_default()
}
