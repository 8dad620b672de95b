//! The index of calls, and what is searched.

use super::html::{escape, page as whole};
use super::{Source, names};
use crate::arch::Arch;
use crate::version::Release;
use serde_json::json;
use std::collections::BTreeSet;
use std::fmt::Write;

pub(super) fn page(source: &Source<'_>) -> String {
    let spec = source.spec;
    let groups: BTreeSet<&str> = spec.syscalls.values().flat_map(|call| &call.groups).map(String::as_str).collect();
    let mut out = format!(
        "<h1>The Linux kernel ABI</h1>\n<p class=\"lead\">What {} system calls take, return and leave changed, and when they \
         fail.</p>\n<form class=\"filters\" id=\"filters\">\n<label>group <select id=\"group\"><option value=\"\">all",
        spec.syscalls.len()
    );
    groups.iter().for_each(|group| out.push_str(&format!("<option>{group}")));
    out.push_str("</select></label>\n<label>kernel <select id=\"kernel\"><option value=\"\">any");
    releases(source).iter().rev().for_each(|release| out.push_str(&format!("<option>{release}")));
    out.push_str("</select></label>\n<label>port <select id=\"port\"><option value=\"\">any");
    Arch::ALL.iter().for_each(|arch| out.push_str(&format!("<option>{arch}")));
    out.push_str("</select></label>\n<output id=\"count\"></output>\n</form>\n<table id=\"calls\">\n");
    for (name, call) in &spec.syscalls {
        let since = call.span.since.map_or_else(String::new, |since| since.to_string());
        let _ =
            writeln!(out, "<tr><td><a href=\"calls/{name}.html\">{name}</a><td>{}<td>{since}", escape(&call.summary));
    }
    out.push_str("</table>\n");
    whole("", "abispec: the Linux kernel ABI", &out)
}

/// Every release that the specification tells apart, and the newest.
pub(super) fn releases(source: &Source<'_>) -> BTreeSet<Release> {
    let oldest = Release::new(5, 10);
    let spec = source.spec;
    let calls = spec.syscalls.values().map(|call| call.span);
    let members = spec.sets.values().flat_map(|set| &set.members).map(|member| member.span);
    let rules = spec.syscalls.values().flat_map(|call| &call.contract.errors).map(|rule| rule.span);
    let spans = calls.chain(members).chain(rules);
    let mut found: BTreeSet<Release> =
        spans.flat_map(|span| [span.since, span.until]).flatten().filter(|release| *release > oldest).collect();
    found.insert(oldest);
    found.insert(source.newest);
    found
}

/// What the search looks through: calls with what filters ask, then constants, sets, structs and laws with their pages.
pub(super) fn data(source: &Source<'_>) -> String {
    let spec = source.spec;
    let release = |release: Option<Release>| release.map_or_else(String::new, |release| release.to_string());
    // A few names of groups, in a few hundred calls.
    let names: BTreeSet<&str> = spec.syscalls.values().flat_map(|call| &call.groups).map(String::as_str).collect();
    let groups: Vec<&str> = names.into_iter().collect();
    let group = |name: &String| groups.iter().position(|group| group == name);
    let calls: Vec<_> = spec
        .syscalls
        .iter()
        .map(|(name, call)| {
            json!([
                name,
                call.summary,
                release(call.span.since),
                release(call.span.until),
                call.groups.iter().filter_map(group).collect::<Vec<_>>(),
                names::ports(call)
            ])
        })
        .collect();
    let mut seen = BTreeSet::new();
    let sets: Vec<_> = spec
        .sets
        .iter()
        .map(|(name, set)| {
            let members: Vec<&str> = set
                .members
                .iter()
                .map(|member| member.name.value.as_str())
                .filter(|member| seen.insert((*member).to_owned()))
                .collect();
            json!([name, members.join(" ")])
        })
        .collect();
    let ports: Vec<&str> = Arch::ALL.iter().map(|arch| arch.name()).collect();
    let whole = json!({
        "calls": calls, "sets": sets, "structs": spec.structs.keys().collect::<Vec<_>>(),
        "laws": spec.laws.keys().collect::<Vec<_>>(), "ports": ports, "groups": groups,
    });
    format!("const SEARCH = {whole};\n")
}
