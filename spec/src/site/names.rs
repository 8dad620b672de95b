//! Pages of sets, structs, resources and laws.

use super::Source;
use super::html::{Links, escape, page as whole, span};
use crate::arch::{Arch, DataModel};
use crate::expr::{Expr, print};
use crate::law::{Form, Law};
use crate::model::{Set, Spec, Struct};
use crate::types;
use std::collections::BTreeMap;
use std::fmt::Write;

const ROOT: &str = "../";

/// Bytes in a line of a byte map.
const LINE: u32 = 8;

/// Lines of one field that a byte map draws before it says how many there are.
const DRAWN: u32 = 4;

pub(super) fn set(source: &Source<'_>, links: &Links, values: &BTreeMap<String, i128>, set: &Set) -> String {
    let name = &set.name.value;
    let what = match set.kind {
        crate::model::SetKind::Flags => "any OR of these",
        crate::model::SetKind::Enum => "exactly one of these",
        crate::model::SetKind::Bits => "flags, some of which are fields of several bits",
    };
    let header = set.header.as_ref().map(|header| format!(" · <code>&lt;{}&gt;</code>", escape(&header.value)));
    let mut out = format!("<h1>{name}</h1>\n<p class=\"lead\">{what}{}</p>\n", header.unwrap_or_default());
    for other in &set.includes {
        let _ = writeln!(out, "<p>and those of <a href=\"{}.html\">{}</a></p>", other.value, other.value);
    }
    members(links, values, set, true, &mut out);
    used_by(source.spec, name, &mut out);
    whole(ROOT, &format!("{name} · abispec"), &out)
}

/// A table of members with their values on x86_64 and on the ports that differ. Each has an address on its set's own page.
pub(super) fn members(links: &Links, values: &BTreeMap<String, i128>, set: &Set, own_page: bool, out: &mut String) {
    out.push_str("<table class=\"members\">\n<tr><th>name<th>value<th>elsewhere\n");
    for member in &set.members {
        let name = &member.name.value;
        let value = match &member.value.value {
            Expr::Int(value) => number(*value),
            other => {
                let text = links.linked(&print(other, &[]), ROOT, &[]);
                values
                    .get(name)
                    .map_or_else(|| text.clone(), |value| format!("{} <small>{text}</small>", number(*value)))
            }
        };
        let mut by_value: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for (arch, own) in &member.arch {
            by_value.entry(print(&own.value, &[])).or_default().push(arch.name());
        }
        let elsewhere: Vec<String> = by_value
            .iter()
            .map(|(value, ports)| {
                let value = value.parse::<i128>().map_or_else(|_| escape(value), number);
                format!("<small>{} {value}</small>", ports.join(", "))
            })
            .collect();
        let id = if own_page { format!(" id=\"{name}\"") } else { String::new() };
        let marks = if member.mask { " <span class=\"mark\">mask</span>" } else { "" };
        let _ = writeln!(
            out,
            "<tr{id}><td><b>{name}</b>{}{marks}<td><code>{value}</code><td>{}",
            span(member.span),
            elsewhere.join("<br>")
        );
    }
    out.push_str("</table>\n");
}

fn number(value: i128) -> String {
    if value < 10 { value.to_string() } else { format!("{value:#x}") }
}

pub(super) fn structure(source: &Source<'_>, links: &Links, found: &Struct) -> String {
    let name = &found.name.value;
    let kind = if found.union { "union" } else { "struct" };
    let header = found.header.as_ref().map(|header| format!(" · <code>&lt;{}&gt;</code>", escape(&header.value)));
    let mut out =
        format!("<h1>{name}</h1>\n<p class=\"lead\">{kind} {}{}</p>\n", escape(&found.c), header.unwrap_or_default());
    if let Some(view) = &found.view {
        let within = found.within.as_ref().map(|within| format!(".{within}")).unwrap_or_default();
        let whole = links.linked(&view.value, ROOT, &[]);
        let _ = writeln!(out, "<p>A view of {whole}<code>{}</code>.</p>", escape(&within));
    }
    if !found.ports.is_empty() {
        let ports: Vec<&str> = found.ports.iter().map(|arch| arch.name()).collect();
        let _ = writeln!(out, "<p>The layout of {}; others have one of their own.</p>", ports.join(", "));
    }
    for (size, since) in &found.versions {
        let _ = writeln!(out, "<p>{size} bytes <span class=\"mark\">since {since}</span></p>");
    }
    let same = found.size.value.lp64 == found.size.value.ilp32
        && found.fields.iter().all(|field| field.offset.value.lp64 == field.offset.value.ilp32);
    out.push_str(if same { "<h2>Bytes</h2>\n" } else { "<h2>Bytes, 64-bit</h2>\n" });
    byte_map(source, found, DataModel::Lp64, &mut out);
    if !same {
        out.push_str("<h2>Bytes, 32-bit</h2>\n");
        byte_map(source, found, DataModel::Ilp32, &mut out);
    }
    out.push_str("<h2>Fields</h2>\n<table>\n<tr><th>offset<th>name<th>type\n");
    for field in &found.fields {
        let offset = field.offset.value;
        let offset = if offset.lp64 == offset.ilp32 {
            offset.lp64.to_string()
        } else {
            format!("{} / {}", offset.lp64, offset.ilp32)
        };
        let ty = links.linked(&types::print(&field.ty.value, &[]), ROOT, &[]);
        let _ = writeln!(
            out,
            "<tr><td>{offset}<td><b>{}</b>{}<td><code>{ty}</code>",
            escape(&field.name.value),
            span(field.span)
        );
    }
    out.push_str("</table>\n");
    used_by(source.spec, name, &mut out);
    whole(ROOT, &format!("{name} · abispec"), &out)
}

/// A struct as its bytes, eight in a line.
pub(super) fn byte_map(source: &Source<'_>, found: &Struct, model: DataModel, out: &mut String) {
    let size = found.size.value.on(model);
    let _ = writeln!(
        out,
        "<p><small>{size} bytes, aligned to {}</small></p>\n<div class=\"bytes\">",
        found.align.value.on(model)
    );
    let mut fields: Vec<_> = found
        .fields
        .iter()
        .map(|field| {
            (
                field.offset.value.on(model),
                crate::resolve::size_of(source.spec, &field.ty.value, model).unwrap_or(0),
                field,
            )
        })
        .collect();
    fields.sort_by_key(|(offset, ..)| *offset);
    let mut at = 0;
    for (index, (offset, bytes, field)) in fields.iter().enumerate() {
        if *offset > at {
            cells(at, offset - at, "gap", "", out);
        }
        let shade = if index % 2 == 0 { "even" } else { "odd" };
        // Fields that share bytes are drawn one after the other, from the same place.
        cells(*offset, *bytes, shade, &field.name.value, out);
        at = at.max(offset + bytes);
    }
    if size > at {
        cells(at, size - at, "gap", "", out);
    }
    out.push_str("</div>\n");
}

/// The cells of one field, divided where a line ends.
fn cells(offset: u32, bytes: u32, class: &str, name: &str, out: &mut String) {
    let (mut at, end) = (offset, offset + bytes);
    let mut lines = 0;
    while at < end {
        let here = (LINE - at % LINE).min(end - at);
        if lines == DRAWN {
            let _ = writeln!(out, "<div class=\"{class} more\" style=\"grid-column:1/9\">… to {}</div>", end - 1);
            // The rest of the last line stays where it is.
            at = end - end % LINE;
            lines += 1;
            continue;
        }
        let label = if at == offset { escape(name) } else { String::new() };
        let column = at % LINE + 1;
        let _ = writeln!(
            out,
            "<div class=\"{class}\" style=\"grid-column:{column}/span {here}\" title=\"{} {offset} to {}\"><small>{at}</small>{label}</div>",
            escape(name),
            end.saturating_sub(1)
        );
        at += here;
        lines += 1;
    }
}

/// The calls whose parameters lead to a set or struct.
fn used_by(spec: &Spec, name: &str, out: &mut String) {
    let leads = |call: &&crate::model::Syscall| {
        let mut reach = crate::export::Reach::default();
        reach.call(spec, call);
        reach.sets.contains(name) || reach.structs.contains(name)
    };
    let calls: Vec<String> = spec
        .syscalls
        .values()
        .filter(leads)
        .map(|call| format!("<a href=\"{ROOT}calls/{0}.html\">{0}</a>", call.name.value))
        .collect();
    if !calls.is_empty() {
        let _ = writeln!(out, "<h2>Taken by</h2>\n<p>{}</p>", calls.join(" · "));
    }
}

pub(super) fn resources(source: &Source<'_>) -> String {
    let mut out =
        "<h1>Resources</h1>\n<p class=\"lead\">What calls hand out and take</p>\n<table class=\"wide\">\n<tr><th>name<th>passed \
                   as<th>made by<th>taken by\n"
            .to_owned();
    let mut made: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut taken: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for call in source.spec.syscalls.values() {
        let (makes, takes) = crate::export::made_and_taken(source.spec, call);
        makes.into_iter().for_each(|name| made.entry(name).or_default().push(&call.name.value));
        takes.into_iter().for_each(|name| taken.entry(name).or_default().push(&call.name.value));
    }
    let links = |calls: Option<&Vec<&str>>| {
        let calls = calls.map(Vec::as_slice).unwrap_or_default();
        calls.iter().map(|name| format!("<a href=\"calls/{name}.html\">{name}</a>")).collect::<Vec<_>>().join(" ")
    };
    for (name, resource) in &source.spec.resources {
        let base = match (&resource.base, &resource.parent) {
            (Some(base), _) => base.name().to_owned(),
            (None, Some(parent)) => parent.clone(),
            (None, None) => String::new(),
        };
        let special: Vec<String> = resource.special.iter().map(|(name, value)| format!("{name} {value}")).collect();
        let _ = writeln!(
            out,
            "<tr id=\"{name}\"><td><b>{name}</b><br><small>{}</small><td>{base}<td>{}<td>{}",
            special.join(", "),
            links(made.get(name.as_str())),
            links(taken.get(name.as_str()))
        );
    }
    out.push_str("</table>\n");
    whole("", "resources · abispec", &out)
}

pub(super) fn laws(source: &Source<'_>, links: &Links) -> String {
    let mut out = "<h1>Laws</h1>\n<p class=\"lead\">What several calls promise together</p>\n".to_owned();
    for law in source.spec.laws.values() {
        one_law(law, links, &mut out);
    }
    whole("", "laws · abispec", &out)
}

fn one_law(law: &Law, links: &Links, out: &mut String) {
    let names = law.names();
    let name = &law.name.value;
    let _ = writeln!(
        out,
        "<section id=\"{name}\"><h2>{name}{}</h2>\n<p>{}</p>\n<pre>",
        span(law.span),
        escape(&law.summary)
    );
    match &law.form {
        Form::Same { left, right } => {
            let _ = writeln!(out, "{}\n  is  {}", escape(&left.text), escape(&right.text));
        }
        Form::Relation { calls, that, .. } => {
            calls.iter().for_each(|line| out.push_str(&(escape(&line.text) + "\n")));
            let _ = writeln!(out, "then  {}", links.linked(&print(&that.value, &names), "", &names));
        }
    }
    if let Some(when) = &law.when {
        let _ = writeln!(out, "when  {}", links.linked(&print(&when.value, &names), "", &names));
    }
    out.push_str("</pre></section>\n");
}

/// The ports whose numbers a call has.
pub(super) fn ports(call: &crate::model::Syscall) -> u32 {
    Arch::ALL
        .iter()
        .enumerate()
        .filter(|(_, arch)| call.number(**arch).is_some())
        .fold(0, |bits, (index, _)| bits | 1 << index)
}
