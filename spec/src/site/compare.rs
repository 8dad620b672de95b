//! Two kernels beside each other.

use super::html::page as whole;
use super::{Source, index};
use crate::expr::print;
use crate::model::Contract;
use crate::version::Span;
use serde_json::{Value, json};
use std::fmt::Write;

pub(super) fn page(source: &Source<'_>) -> String {
    let releases = index::releases(source);
    let mut out = "<h1>Compare kernels</h1>\n<p class=\"lead\">What programs notice between two releases</p>\n<form class=\"filters\" \
                   id=\"compare\">\n"
        .to_owned();
    for (id, chosen) in [("old", releases.first()), ("new", releases.last())] {
        let _ = write!(out, "<label>{id} <select id=\"{id}\">");
        for release in &releases {
            let selected = if Some(release) == chosen { " selected" } else { "" };
            let _ = write!(out, "<option{selected}>{release}");
        }
        out.push_str("</select></label>\n");
    }
    out.push_str("</form>\n<div id=\"changes\"><p>This page needs scripts.</p></div>\n<script src=\"changes.js\" defer></script>\n\
                  <script src=\"contracts.js\" defer></script>\n");
    whole("", "compare kernels · abispec", &out)
}

/// Everything that some release has and another lacks: names first, then what calls promise.
pub(super) fn data(source: &Source<'_>) -> [String; 2] {
    let (mut list, mut contracts) = (Vec::new(), Vec::new());
    let mut add = |kind: &str, name: String, span: Span, href: String| {
        if span.since.is_some() || span.until.is_some() {
            let text = |release: Option<crate::version::Release>| {
                release.map_or_else(String::new, |release| release.to_string())
            };
            let into = if matches!(kind, "errors" | "promises") { &mut contracts } else { &mut list };
            into.push(json!([kind, name, text(span.since), text(span.until), href]));
        }
    };
    for (name, call) in &source.spec.syscalls {
        let href = format!("calls/{name}.html");
        add("calls", name.clone(), call.span, href.clone());
        let names = call.param_names();
        rules(&call.contract, &names, name, &href, &mut add);
        for command in &call.commands {
            let title = command.names.first().map(|name| name.value.clone()).unwrap_or_default();
            let place = format!("{href}#{title}");
            add("commands", format!("{name} {title}"), command.span, place.clone());
            rules(&command.contract, &names, &format!("{name} {title}"), &place, &mut add);
        }
    }
    for (name, set) in &source.spec.sets {
        for member in &set.members {
            let own = &member.name.value;
            add("flags", format!("{own} of {name}"), member.span, format!("flags/{name}.html#{own}"));
        }
    }
    for (name, found) in &source.spec.structs {
        for field in &found.fields {
            add("fields", format!("{name}.{}", field.name.value), field.span, format!("types/{name}.html"));
        }
    }
    let [list, contracts] = [list, contracts].map(Value::Array);
    [format!("const CHANGES = {list};\n"), format!("CHANGES.push(...{contracts});\n")]
}

fn rules(
    contract: &Contract,
    names: &[&str],
    subject: &str,
    href: &str,
    add: &mut impl FnMut(&str, String, Span, String),
) {
    for rule in &contract.errors {
        let condition = print(&rule.condition.value, names);
        add("errors", format!("{subject}: {} when {condition}", rule.errno.value.name()), rule.span, href.to_owned());
    }
    for ensure in &contract.ensures {
        add("promises", format!("{subject}: {}", print(&ensure.that.value, names)), ensure.span, href.to_owned());
    }
}
