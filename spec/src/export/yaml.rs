//! JSON back to the specification's own files.

use crate::finding::SourceFile;
use crate::fmt::{NOT_TEXTS, ORDER};
use crate::load::{FORMAT, FORMAT_FILE};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Keys whose maps are by names.
const NAMED: [&str; 6] = ["needs", "nr", "arch", "given", "special", "versions"];

/// Gives the files of a specification whose JSON this is, as [`json`](super::json) writes it. What stood in one file
/// stands in one file again where the JSON has places.
///
/// # Errors
/// When it is not the JSON of a specification, or of a version that this program does not read. Mistakes inside are for
/// [`load`](crate::load::load) to report.
pub fn yaml(json: &Value) -> Result<Vec<SourceFile>, String> {
    if json.get("format").and_then(Value::as_str) != Some("abispec") {
        return Err("it is not the JSON of a specification: `format` is not `abispec`".to_owned());
    }
    let version = json.get("version").and_then(Value::as_u64);
    if version != Some(super::JSON_VERSION.into()) {
        let found = version.map_or_else(|| "none".to_owned(), |version| version.to_string());
        return Err(format!("its version is {found}, this program reads {}", super::JSON_VERSION));
    }
    let mut files = vec![SourceFile { path: FORMAT_FILE.to_owned(), text: format!("format: {FORMAT}\n") }];
    for (name, call) in section(json, "syscalls")? {
        let mut body = Tree::of(call);
        body.set("syscall", Tree::text(name));
        syscall(name, &mut body)?;
        files.push(SourceFile { path: format!("syscalls/{name}.yaml"), text: document(&body) });
    }
    for (key, folder) in [("sets", "flags"), ("structs", "types"), ("resources", "resources"), ("laws", "laws")] {
        let mut by_file: BTreeMap<String, Vec<(String, Tree)>> = BTreeMap::new();
        for (name, found) in section(json, key)? {
            let mut body = Tree::of(found);
            match key {
                "sets" => set(name, &mut body)?,
                "structs" => structure(&mut body),
                "laws" => law(name, &mut body)?,
                _ => {}
            }
            by_file.entry(stem(found)).or_default().push((name.clone(), body));
        }
        for (stem, body) in by_file {
            files.push(SourceFile { path: format!("{folder}/{stem}.yaml"), text: document(&Tree::Named(body)) });
        }
    }
    Ok(files)
}

fn section<'a>(json: &'a Value, key: &str) -> Result<&'a Map<String, Value>, String> {
    json.get(key).and_then(Value::as_object).ok_or_else(|| format!("`{key}` is no object"))
}

/// The name of the file that a thing came from, without its ending; `all` where the JSON has no places.
fn stem(found: &Value) -> String {
    let place = found.get("at").and_then(Value::as_str).unwrap_or_default();
    let file =
        place.split(':').next().and_then(|path| path.rsplit('/').next()).and_then(|name| name.strip_suffix(".yaml"));
    let safe = |name: &&str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c));
    file.filter(safe).unwrap_or("all").to_owned()
}

/// A value whose maps keep their order.
#[derive(Clone, Debug)]
enum Tree {
    /// By names that the specification gives, in an order that may count.
    Named(Vec<(String, Self)>),
    /// By keys of the language, which have an order of their own.
    Map(Vec<(String, Self)>),
    List(Vec<Self>),
    Scalar(Value),
}

impl Tree {
    /// The same without places.
    fn of(value: &Value) -> Self {
        Self::inside(value, false)
    }

    /// The same, where `named` says that keys are names that the specification gives, of which `at` may be one.
    fn inside(value: &Value, named: bool) -> Self {
        match value {
            Value::Object(map) => {
                let kept = map.iter().filter(|(key, _)| named || *key != "at");
                let below = |key: &str| NAMED.contains(&key);
                let entries = kept.map(|(key, value)| (key.clone(), Self::inside(value, below(key)))).collect();
                if named { Self::Named(entries) } else { Self::Map(entries) }
            }
            Value::Array(list) => Self::List(list.iter().map(Self::of).collect()),
            other => Self::Scalar(other.clone()),
        }
    }

    fn text(text: &str) -> Self {
        Self::Scalar(text.into())
    }

    fn take(&mut self, key: &str) -> Option<Self> {
        let Self::Map(entries) = self else { return None };
        let index = entries.iter().position(|(known, _)| known == key)?;
        Some(entries.remove(index).1)
    }

    fn take_text(&mut self, key: &str, what: &str) -> Result<String, String> {
        match self.take(key) {
            Some(Self::Scalar(Value::String(text))) => Ok(text),
            _ => Err(format!("{what} has no `{key}`")),
        }
    }

    fn take_list(&mut self, key: &str, what: &str) -> Result<Vec<Self>, String> {
        match self.take(key) {
            None => Ok(Vec::new()),
            Some(Self::List(list)) => Ok(list),
            Some(_) => Err(format!("`{key}` of {what} is no list")),
        }
    }

    fn set(&mut self, key: &str, value: Self) {
        if let Self::Map(entries) = self {
            entries.retain(|(known, _)| known != key);
            entries.push((key.to_owned(), value));
        }
    }

    fn set_unless_empty(&mut self, key: &str, entries: Vec<(String, Self)>) {
        if !entries.is_empty() {
            self.set(key, Self::Named(entries));
        }
    }
}

fn set(name: &str, set: &mut Tree) -> Result<(), String> {
    let mut members = Vec::new();
    for mut member in set.take_list("members", name)? {
        let key = member.take_text("name", &format!("a member of `{name}`"))?;
        let short = match &member {
            Tree::Map(entries) => match entries.as_slice() {
                [(key, value @ Tree::Scalar(Value::Number(_)))] if key == "value" => Some(value.clone()),
                _ => None,
            },
            _ => None,
        };
        members.push((key, short.unwrap_or(member)));
    }
    set.set_unless_empty("members", members);
    Ok(())
}

/// What a view has of the struct that it is a view of.
const SHARED: [&str; 6] = ["header", "c", "btf", "size", "align", "versions"];

fn structure(found: &mut Tree) {
    if let Tree::Map(entries) = &found
        && entries.iter().any(|(key, _)| key == "view")
    {
        SHARED.iter().for_each(|key| drop(found.take(key)));
        return;
    }
    if found.take("union").is_some() {
        found.set("kind", Tree::text("union"));
    }
    let btf = found.take("btf").unwrap_or_else(|| Tree::text("none"));
    found.set("btf", btf);
    let fields = found.take("fields").unwrap_or_else(|| Tree::List(Vec::new()));
    found.set("fields", fields);
}

/// What is given stands in the order in which it is made.
fn law(name: &str, law: &mut Tree) -> Result<(), String> {
    let order = law.take_list("given_order", name)?;
    let mut given = law.take("given");
    if let Some(Tree::Named(entries)) = &mut given {
        let place =
            |key: &str| order.iter().position(|name| matches!(name, Tree::Scalar(Value::String(name)) if name == key));
        entries.sort_by_key(|(key, _)| place(key));
        if entries.is_empty() {
            given = None;
        }
    }
    if let Some(given) = given {
        law.set("given", given);
    }
    Ok(())
}

fn syscall(name: &str, call: &mut Tree) -> Result<(), String> {
    if let Some(truth) = call.take("unimplemented") {
        call.set("unimplemented", truth);
        for implied in ["errors", "returns", "params"] {
            call.take(implied);
        }
        return Ok(());
    }
    contract(name, call)?;
    let mut commands = Vec::new();
    for mut command in call.take_list("commands", name)? {
        let names: Vec<String> = command
            .take_list("names", name)?
            .into_iter()
            .filter_map(|name| match name {
                Tree::Scalar(Value::String(name)) => Some(name),
                _ => None,
            })
            .collect();
        contract(name, &mut command)?;
        for mut param in command.take_list("params", name)? {
            let key = param.take_text("name", &format!("a parameter of `{name}`"))?;
            command.set(&key, param);
        }
        commands.push((names.join(", "), command));
    }
    call.set_unless_empty("commands", commands);
    Ok(())
}

/// Effects by their names, error rules by their errnos.
fn contract(name: &str, out: &mut Tree) -> Result<(), String> {
    let effects = out.take_list("effects", name)?;
    if !effects.is_empty() {
        let effects: Result<_, _> = effects.into_iter().map(|rule| effect(name, rule)).collect();
        out.set("effects", Tree::List(effects?));
    }
    let mut errnos: Vec<(String, Tree)> = Vec::new();
    for mut rule in out.take_list("errors", name)? {
        let errno = rule.take_text("errno", &format!("an error rule of `{name}`"))?;
        match errnos.iter_mut().find(|(known, _)| *known == errno) {
            Some((_, Tree::List(rules))) => rules.push(rule),
            _ => errnos.push((errno, Tree::List(vec![rule]))),
        }
    }
    out.set_unless_empty("errors", errnos);
    Ok(())
}

fn effect(name: &str, mut rule: Tree) -> Result<Tree, String> {
    let effect = rule.take_text("effect", &format!("an effect of `{name}`"))?;
    let mut out = Vec::new();
    for beside in ["when", "on", "since", "until"] {
        out.extend(rule.take(beside).map(|value| (beside.to_owned(), value)));
    }
    let body = rule.take("what").filter(|_| effect == "changes").unwrap_or(rule);
    out.insert(0, (effect, body));
    Ok(Tree::Map(out))
}

/// A file: its top-level keys as a block, lists and named things one a line below them, what is inside these in one line.
fn document(body: &Tree) -> String {
    let mut out = String::new();
    in_order(body).into_iter().for_each(|(key, value)| block(key, value, 0, &mut out));
    out
}

/// The entries of a map in the order in which they are written; none of what is no map.
fn in_order(map: &Tree) -> Vec<&(String, Tree)> {
    let entries = match map {
        Tree::Named(entries) => return entries.iter().collect(),
        Tree::Map(entries) => entries,
        Tree::List(_) | Tree::Scalar(_) => return Vec::new(),
    };
    let rank = |key: &str| ORDER.iter().position(|known| *known == key).unwrap_or(ORDER.len());
    let mut entries: Vec<_> = entries.iter().collect();
    entries.sort_by_key(|(key, _)| rank(key));
    entries
}

fn block(key: &str, value: &Tree, depth: usize, out: &mut String) {
    let (indent, key) = ("  ".repeat(depth), scalar(key));
    match value {
        Tree::Map(entries) | Tree::Named(entries)
            if depth < 3 && entries.iter().any(|(_, value)| !matches!(value, Tree::Scalar(_))) =>
        {
            out.push_str(&format!("{indent}{key}:\n"));
            in_order(value).into_iter().for_each(|(key, value)| block(key, value, depth + 1, out));
        }
        Tree::List(list) if !list.is_empty() && list.iter().all(|item| matches!(item, Tree::Map(_))) => {
            out.push_str(&format!("{indent}{key}:\n"));
            list.iter().for_each(|item| out.push_str(&format!("{indent}  - {}\n", flow(item))));
        }
        _ => out.push_str(&format!("{indent}{key}: {}\n", flow(value))),
    }
}

fn flow(value: &Tree) -> String {
    match value {
        Tree::Map(_) | Tree::Named(_) => {
            let inside = in_order(value).into_iter().map(|(key, value)| format!("{}: {}", scalar(key), flow(value)));
            format!("{{{}}}", inside.collect::<Vec<_>>().join(", "))
        }
        Tree::List(list) => format!("[{}]", list.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Tree::Scalar(Value::String(text)) => scalar(text),
        Tree::Scalar(other) => other.to_string(),
    }
}

/// A text, quoted wherever YAML could read it as anything else.
fn scalar(text: &str) -> String {
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "_./()-".contains(c))
        && !NOT_TEXTS.contains(&text.to_ascii_lowercase().as_str());
    if plain { text.to_owned() } else { Value::String(text.to_owned()).to_string() }
}
