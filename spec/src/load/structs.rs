//! Structs and unions.

use super::reader::{Fields, Log, list, number, text, type_value};
use super::sets::names;
use super::syscall::unknown;
use super::yaml::{Value, Yaml};
use crate::arch::Arch;
use crate::expr::Scope;
use crate::model::{Field, PerModel, Spec, Struct};
use crate::place::{At, FileId, Place};
use crate::suggest::nearest;
use crate::types::Type;
use crate::version::Release;

pub(super) fn load(log: &Log<'_>, files: Vec<(FileId, Yaml)>, spec: &mut Spec) {
    let mut bodies = Vec::new();
    for (_, yaml) in files {
        let Some(mut names) = Fields::open(log, "a file of structs", yaml) else { continue };
        for (name, body) in names.rest() {
            if spec.structs.contains_key(&name.value) {
                log.report("duplicate-name", name.at, format!("the struct `{}` is defined twice", name.value), None);
                continue;
            }
            // The name is enough for others to refer to; the body follows when every name is known.
            let zero = At::new(PerModel { lp64: 0, ilp32: 0 }, name.at);
            let empty = Struct {
                name: name.clone(),
                union: false,
                header: None,
                c: name.value.clone(),
                btf: None,
                size: zero.clone(),
                align: zero,
                fields: Vec::new(),
                ports: Vec::new(),
                versions: Vec::new(),
                view: None,
                within: None,
            };
            spec.structs.insert(name.value.clone(), empty);
            bodies.push((name, body));
        }
    }
    let filled: Vec<Struct> = bodies.into_iter().filter_map(|(name, body)| one(log, spec, name, body)).collect();
    let whole = |name: &str| filled.iter().find(|found| found.name.value == name && found.view.is_none());
    let seen: Vec<Option<Struct>> =
        filled.iter().map(|found| Some(seen(log, found, whole(&found.view.as_ref()?.value)))).collect();
    for (found, seen) in filled.into_iter().zip(seen) {
        spec.structs.insert(found.name.value.clone(), seen.unwrap_or(found));
    }
    for found in spec.structs.values() {
        let mut path = Vec::new();
        if contains_itself(spec, &found.name.value, &found.name.value, &mut path) {
            let message = format!("the struct `{}` contains itself: {}", found.name.value, path.join(" -> "));
            log.report("cyclic-struct", found.name.at, message, Some("point to it instead".to_owned()));
        }
    }
}

/// A view with what it has of the struct that it is a view of.
fn seen(log: &Log<'_>, view: &Struct, whole: Option<&Struct>) -> Struct {
    let Some(whole) = whole else {
        let of = view.view.as_ref().unwrap_or(&view.name);
        let message = format!("`{}` is no struct that has views", of.value);
        let help = "name a struct that states its own `size`".to_owned();
        log.report("unknown-struct", of.at, message, Some(help));
        return view.clone();
    };
    Struct {
        name: view.name.clone(),
        union: false,
        fields: view.fields.clone(),
        view: view.view.clone(),
        within: view.within.clone(),
        ports: if view.ports.is_empty() { whole.ports.clone() } else { view.ports.clone() },
        ..whole.clone()
    }
}

fn one(log: &Log<'_>, spec: &Spec, name: At<String>, body: Yaml) -> Option<Struct> {
    let mut fields = Fields::open(log, format!("the struct `{}`", name.value), body)?;
    if let Some(view) = fields.text("view") {
        let within = fields.text("within").map(|at| at.value);
        let members = members(log, spec, false, &mut fields);
        let ports = fields.take("ports").map(|yaml| ports(log, yaml)).unwrap_or_default();
        fields.close();
        let none = At::new(PerModel { lp64: 0, ilp32: 0 }, name.at);
        return Some(Struct {
            union: false,
            header: None,
            c: view.value.clone(),
            btf: None,
            size: none.clone(),
            align: none,
            fields: members,
            ports,
            versions: Vec::new(),
            view: Some(view),
            within,
            name,
        });
    }
    let union = match fields.text("kind") {
        None => false,
        Some(kind) if kind.value == "union" => true,
        Some(kind) if kind.value == "struct" => false,
        Some(kind) => {
            log.report("bad-kind", kind.at, format!("`{}` is neither struct nor union", kind.value), None);
            false
        }
    };
    let header = fields.text("header");
    let c = fields.text("c").map_or_else(|| name.value.clone(), |at| at.value);
    let btf = match fields.text("btf") {
        None => Some(c.clone()),
        Some(btf) if btf.value == "none" => None,
        Some(btf) => Some(btf.value),
    };
    let size = fields.need("size").and_then(|yaml| per_model(log, "size", yaml));
    let align = fields.need("align").and_then(|yaml| per_model(log, "align", yaml));
    let members = members(log, spec, union, &mut fields);
    let versions = versions(log, &mut fields);
    let ports = fields.take("ports").map(|yaml| ports(log, yaml)).unwrap_or_default();
    fields.close();
    let (size, align) = (size?, align?);
    Some(Struct {
        name,
        union,
        header,
        c,
        btf,
        size,
        align,
        fields: members,
        ports,
        versions,
        view: None,
        within: None,
    })
}

fn members(log: &Log<'_>, spec: &Spec, union: bool, fields: &mut Fields<'_>) -> Vec<Field> {
    let mut members: Vec<Field> = Vec::new();
    for item in fields.need("fields").map(|yaml| list(log, "fields", yaml)).unwrap_or_default() {
        let Some(field) = field(log, spec, union, item) else { continue };
        if members.iter().any(|other| other.name.value == field.name.value) {
            let message = format!("the field `{}` is defined twice", field.name.value);
            log.report("duplicate-field", field.name.at, message, None);
            continue;
        }
        members.push(field);
    }
    members
}

fn ports(log: &Log<'_>, yaml: Yaml) -> Vec<Arch> {
    let mut found = Vec::new();
    for name in names(log, "ports", yaml) {
        match Arch::ALL.iter().find(|arch| arch.name() == name.value) {
            Some(arch) => found.push(*arch),
            None => {
                let near = nearest(&name.value, Arch::ALL.iter().map(|arch| arch.name()));
                let help = near.map(|near| format!("did you mean `{near}`?"));
                log.report("unknown-port", name.at, format!("unknown port `{}`", name.value), help);
            }
        }
    }
    found
}

fn field(log: &Log<'_>, spec: &Spec, union: bool, yaml: Yaml) -> Option<Field> {
    let mut fields = Fields::open(log, "a field", yaml)?;
    let name = fields.need_text("name");
    let scope =
        Scope { sets: &spec.sets, structs: &spec.structs, resources: &spec.resources, params: &[], after: false };
    let ty = fields.need_text("type").and_then(|ty| type_value(log, &ty, scope));
    let offset = if union {
        let at = fields.at();
        fields.take("offset").map_or(Some(At::new(PerModel { lp64: 0, ilp32: 0 }, at)), |o| per_model(log, "offset", o))
    } else {
        fields.need("offset").and_then(|yaml| per_model(log, "offset", yaml))
    };
    let c = fields.text("c");
    let unknown = fields.text("unknown").and_then(|value| unknown(log, &value));
    let member = fields.text("member").map(|at| at.value);
    let span = fields.span();
    fields.close();
    Some(Field { name: name?, ty: ty?, offset: offset?, c, unknown, span, member })
}

fn per_model(log: &Log<'_>, what: &'static str, yaml: Yaml) -> Option<At<PerModel>> {
    let at: Place = yaml.at;
    if !matches!(yaml.value, Value::Map(_)) {
        let same = number(log, what, &yaml)?;
        return Some(At::new(PerModel { lp64: same.value, ilp32: same.value }, at));
    }
    let mut fields = Fields::open(log, format!("`{what}`"), yaml)?;
    let lp64 = fields.need("lp64").and_then(|yaml| number(log, "lp64", &yaml));
    let ilp32 = fields.need("ilp32").and_then(|yaml| number(log, "ilp32", &yaml));
    fields.close();
    Some(At::new(PerModel { lp64: lp64?.value, ilp32: ilp32?.value }, at))
}

fn versions(log: &Log<'_>, fields: &mut Fields<'_>) -> Vec<(u32, Release)> {
    let Some(yaml) = fields.take("versions") else { return Vec::new() };
    let Some(mut entries) = Fields::open(log, "`versions`", yaml) else { return Vec::new() };
    let mut versions: Vec<(u32, Release)> = Vec::new();
    for (size, release) in entries.rest() {
        let Ok(bytes) = size.value.parse::<u32>() else {
            log.report("bad-number", size.at, format!("a version's size is a number, this is `{}`", size.value), None);
            continue;
        };
        let at = release.at;
        let Some(release) = text(log, "versions", release) else { continue };
        match release.value.parse() {
            Ok(release) => versions.push((bytes, release)),
            Err(error) => log.report("bad-release", at, format!("{error}"), None),
        }
    }
    versions.sort_unstable();
    versions
}

fn contains_itself(spec: &Spec, start: &str, at: &str, path: &mut Vec<String>) -> bool {
    if path.len() > 32 {
        return false;
    }
    path.push(at.to_owned());
    let Some(found) = spec.structs.get(at) else { return false };
    for field in &found.fields {
        if let Some(inner) = held(&field.ty.value) {
            if inner == start {
                path.push(inner.to_owned());
                return true;
            }
            if !path.iter().any(|seen| seen == inner) && contains_itself(spec, start, inner, path) {
                return true;
            }
        }
    }
    path.pop();
    false
}

/// The struct that a value of this type holds inside itself.
fn held(ty: &Type) -> Option<&str> {
    match ty {
        Type::Struct(name) | Type::Union(name) => Some(name),
        Type::Array { of, .. } => held(of),
        _ => None,
    }
}
