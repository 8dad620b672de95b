//! Flag sets, structs and resources on a terminal.

use super::View;
use abispec::expr::Expr;
use abispec::model::{Resource, Set, SetKind, Struct, Unknown};
use abispec::place::At;
use abispec::types;
use abispec::version::Span;
use anstyle::Style;
use std::io::{self, Write};

/// A member as it is shown.
pub(super) struct Shown<'a> {
    pub(super) name: &'a str,
    pub(super) value: Option<i128>,
    notes: String,
}

/// The members of a set, included ones too, with their values on the port.
pub(super) fn members<'a>(view: &View<'a>, set: &str) -> Vec<Shown<'a>> {
    let Some(found) = view.spec.sets.get(set) else { return Vec::new() };
    let included = found.includes.iter().filter_map(|name| view.spec.sets.get(&name.value));
    let all = std::iter::once(found).chain(included).flat_map(|set| &set.members);
    all.map(|member| {
        let mut notes = Vec::new();
        if member.mask
            && let Expr::Const(_) | Expr::Binary(..) = &member.value.value
        {
            notes.push(format!("= {}", abispec::expr::print(&member.value.value, &[])));
        }
        notes.extend(span(member.span));
        if member.internal {
            notes.push("not in the headers".to_owned());
        }
        let value = view.resolved.constants.get(&member.name.value).copied();
        Shown { name: &member.name.value, value, notes: notes.join(", ") }
    })
    .collect()
}

/// `since 5.6, until 6.2`.
pub(super) fn span(span: Span) -> Option<String> {
    let since = span.since.map(|since| format!("since {since}"));
    let until = span.until.map(|until| format!("until {until}"));
    let words: Vec<_> = since.into_iter().chain(until).collect();
    if words.is_empty() { None } else { Some(words.join(", ")) }
}

/// What an undefined bit or value does, in words.
pub(super) fn unknown(unknown: &At<Unknown>) -> String {
    match unknown.value {
        Unknown::Rejected(errno) => format!("undefined: {}", errno.name()),
        Unknown::Ignored => "undefined: ignored".to_owned(),
        Unknown::Reserved => "undefined: reserved".to_owned(),
    }
}

/// A set with its members.
pub(super) fn set(view: &View<'_>, set: &Set, out: &mut dyn Write) -> io::Result<()> {
    let bold = Style::new().bold();
    let dim = Style::new().dimmed();
    write!(out, "{bold}{} {}{bold:#}", set.kind.name(), set.name.value)?;
    if let Some(header) = &set.header {
        write!(out, "  {dim}{}{dim:#}", header.value)?;
    }
    writeln!(out)?;
    let members = members(view, &set.name.value);
    let width = members.iter().map(|member| member.name.len()).max().unwrap_or(0);
    for member in members {
        let value = match member.value {
            Some(value) if set.kind == SetKind::Enum => value.to_string(),
            Some(value) if value < 0 => value.to_string(),
            Some(value) => format!("{value:#x}"),
            None => "?".to_owned(),
        };
        let line = format!("  {:<width$}  {value:>12}  {}", member.name, member.notes);
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

/// A struct with its fields.
pub(super) fn structure(view: &View<'_>, found: &Struct, out: &mut dyn Write) -> io::Result<()> {
    let bold = Style::new().bold();
    let dim = Style::new().dimmed();
    let model = view.resolved.target.arch.data_model();
    let what = if found.union { "union" } else { "struct" };
    write!(out, "{bold}{what} {}{bold:#}", found.name.value)?;
    write!(out, "  {} bytes, aligned to {}", found.size.on(model), found.align.on(model))?;
    if let Some(header) = &found.header {
        write!(out, "  {dim}{}{dim:#}", header.value)?;
    }
    writeln!(out)?;
    if let Some(view) = &found.view {
        let within = found.within.as_ref().map(|within| format!(".{within}")).unwrap_or_default();
        writeln!(out, "  a view of {}{within}", view.value)?;
    }
    let width = found.fields.iter().map(|field| field.name.value.len()).max().unwrap_or(0);
    for field in &found.fields {
        let notes = field.unknown.as_ref().map(unknown).into_iter().chain(span(field.span));
        let notes: Vec<_> = notes.collect();
        let ty = types::print(&field.ty.value, &[]);
        let line =
            format!("  {:>4}  {:<width$}  {ty:<28}  {}", field.offset.on(model), field.name.value, notes.join(", "));
        writeln!(out, "{}", line.trim_end())?;
    }
    if !found.versions.is_empty() {
        let versions: Vec<_> = found.versions.iter().map(|(size, since)| format!("{size} since {since}")).collect();
        writeln!(out, "  sizes: {}", versions.join(", "))?;
    }
    Ok(())
}

/// A resource.
pub(super) fn resource(view: &View<'_>, found: &Resource, out: &mut dyn Write) -> io::Result<()> {
    let bold = Style::new().bold();
    writeln!(out, "{bold}resource {}{bold:#}", found.name.value)?;
    if let Some(parent) = &found.parent {
        writeln!(out, "  parent   {parent}")?;
    }
    if let Some(base) = found.base {
        writeln!(out, "  base     {}", base.name())?;
    }
    if let Some(kind) = found.kind {
        writeln!(out, "  kind     {}", kind.name())?;
    }
    for (name, value) in &found.special {
        writeln!(out, "  special  {name} = {value}")?;
    }
    let children: Vec<&str> = view
        .spec
        .resources
        .values()
        .filter(|other| other.parent.as_deref() == Some(found.name.value.as_str()))
        .map(|other| other.name.value.as_str())
        .collect();
    if !children.is_empty() {
        writeln!(out, "  kinds    {}", children.join(", "))?;
    }
    Ok(())
}
