//! Flag sets and enumerations.

use super::reader::{Fields, Log, expression, text};
use super::yaml::{Value, Yaml};
use crate::arch::Arch;
use crate::expr::{Expected, Expr, Scope};
use crate::model::{Member, Set, SetKind, Spec};
use crate::place::{At, FileId, Place};
use crate::suggest::nearest;
use crate::version::Span;
use std::collections::BTreeMap;

/// A member whose value waits until all names are known.
struct Pending {
    set: String,
    index: usize,
    value: Option<Yaml>,
    arch: Vec<(Arch, Yaml)>,
}

pub(super) fn load(log: &Log<'_>, files: Vec<(FileId, Yaml)>, spec: &mut Spec) {
    let mut pending = Vec::new();
    for (_, yaml) in files {
        let Some(mut names) = Fields::open(log, "a file of flag sets", yaml) else { continue };
        for (name, body) in names.rest() {
            if let Some(other) = spec.sets.get(&name.value) {
                let first = &log.files[other.name.at.file.0 as usize].path;
                let message = format!("the set `{}` is already defined in {first}:{}", name.value, other.name.at.line);
                log.report("duplicate-name", name.at, message, None);
                continue;
            }
            if let Some(set) = skeleton(log, name, body, &mut pending) {
                spec.sets.insert(set.name.value.clone(), set);
            }
        }
    }
    let filled = values(log, spec, pending);
    for (set, index, value, arch) in filled {
        if let Some(member) = spec.sets.get_mut(&set).and_then(|set| set.members.get_mut(index)) {
            member.value = value.unwrap_or_else(|| member.value.clone());
            member.arch = arch;
        }
    }
    for set in spec.sets.values() {
        for included in &set.includes {
            if !spec.sets.contains_key(&included.value) {
                let help = nearest(&included.value, spec.sets.keys().map(String::as_str));
                let help = help.map(|found| format!("did you mean `{found}`?"));
                log.report("unknown-set", included.at, format!("unknown set `{}`", included.value), help);
            }
        }
    }
}

fn skeleton(log: &Log<'_>, name: At<String>, body: Yaml, pending: &mut Vec<Pending>) -> Option<Set> {
    let mut fields = Fields::open(log, format!("the set `{}`", name.value), body)?;
    let kind = fields.need_text("kind").and_then(|kind| match kind.value.as_str() {
        "flags" => Some(SetKind::Flags),
        "enum" => Some(SetKind::Enum),
        "bits" => Some(SetKind::Bits),
        other => {
            log.report("bad-kind", kind.at, format!("`{other}` is no kind of set; write flags, enum or bits"), None);
            None
        }
    });
    let header = fields.text("header");
    let prefix = fields.texts("prefix").into_iter().map(|at| at.value).collect();
    let includes = fields.texts("includes");
    let mut members: Vec<Member> = Vec::new();
    if let Some(yaml) = fields.take("members")
        && let Some(mut entries) = Fields::open(log, format!("the members of `{}`", name.value), yaml)
    {
        for (member_name, body) in entries.rest() {
            let member = member(log, &name.value, members.len(), member_name, body, pending);
            members.extend(member);
        }
    }
    if members.is_empty() && includes.is_empty() {
        log.report("empty-set", name.at, format!("the set `{}` has no members", name.value), None);
    }
    fields.close();
    Some(Set { name, kind: kind?, header, prefix, includes, members })
}

fn member(
    log: &Log<'_>,
    set: &str,
    index: usize,
    name: At<String>,
    body: Yaml,
    pending: &mut Vec<Pending>,
) -> Option<Member> {
    let placeholder = At::new(Expr::Int(0), body.at);
    if !matches!(body.value, Value::Map(_)) {
        pending.push(Pending { set: set.to_owned(), index, value: Some(body), arch: Vec::new() });
        let span = Span::default();
        return Some(Member { name, value: placeholder, arch: BTreeMap::new(), span, mask: false, internal: false });
    }
    let mut fields = Fields::open(log, format!("the member `{}`", name.value), body)?;
    let value = fields.need("value");
    let mut arch = Vec::new();
    if let Some(yaml) = fields.take("arch")
        && let Some(mut entries) = Fields::open(log, "`arch`", yaml)
    {
        for (port, value) in entries.rest() {
            arch.extend(ports(log, &port).into_iter().map(|port| (port, value.clone())));
        }
    }
    let span = fields.span();
    let mask = fields.truth("mask");
    let internal = fields.truth("internal");
    fields.close();
    pending.push(Pending { set: set.to_owned(), index, value, arch });
    Some(Member { name, value: placeholder, arch: BTreeMap::new(), span, mask, internal })
}

/// The ports that a key of `arch:` names: one, or a family (`mips`, `sparc`, `parisc`, `powerpc`).
fn ports(log: &Log<'_>, name: &At<String>) -> Vec<Arch> {
    match name.value.as_str() {
        "mips" => vec![Arch::MipsO32, Arch::MipsN32, Arch::MipsN64],
        "sparc" => vec![Arch::Sparc, Arch::Sparc64],
        "parisc" => vec![Arch::Parisc, Arch::Parisc64],
        "powerpc" => vec![Arch::Powerpc, Arch::Powerpc64],
        "x86" => vec![Arch::X86_64, Arch::I386, Arch::X32],
        other => match Arch::from_name(other) {
            Some(arch) => vec![arch],
            None => {
                let help = nearest(other, Arch::ALL.iter().map(|arch| arch.name()));
                let help = help.map(|found| format!("did you mean `{found}`?"));
                log.report("unknown-port", name.at, format!("unknown port `{other}`"), help);
                Vec::new()
            }
        },
    }
}

type Filled = (String, usize, Option<At<Expr>>, BTreeMap<Arch, At<Expr>>);

fn values(log: &Log<'_>, spec: &Spec, pending: Vec<Pending>) -> Vec<Filled> {
    let scope =
        Scope { sets: &spec.sets, structs: &spec.structs, resources: &spec.resources, params: &[], after: false };
    let one = |yaml| expression(log, "value", yaml, scope, Expected::Number);
    pending
        .into_iter()
        .map(|member| {
            let value = member.value.and_then(one);
            let arch = member.arch.into_iter().filter_map(|(arch, yaml)| Some((arch, one(yaml)?))).collect();
            (member.set, member.index, value, arch)
        })
        .collect()
}

/// Texts of a list value, for other loaders that need names with places.
pub(super) fn names(log: &Log<'_>, what: &str, yaml: Yaml) -> Vec<At<String>> {
    match yaml.value {
        Value::List(list) => list.into_iter().filter_map(|item| text(log, what, item)).collect(),
        Value::Text(text) => split(&text, yaml.at),
        other => {
            log.report(
                "wrong-type",
                yaml.at,
                format!("`{what}` is a list of names, this is {}", other.describe()),
                None,
            );
            Vec::new()
        }
    }
}

/// Names separated by commas, each with its own place.
pub(super) fn split(text: &str, at: Place) -> Vec<At<String>> {
    let mut names = Vec::new();
    let mut offset = 0;
    for part in text.split(',') {
        let lead = part.len() - part.trim_start().len();
        let column = at.column + u32::try_from(offset + lead).unwrap_or(0);
        names.push(At::new(part.trim().to_owned(), Place { column, ..at }));
        offset += part.len() + 1;
    }
    names
}
