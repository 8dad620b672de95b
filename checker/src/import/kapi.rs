//! The JSON of the `kapi` tool: one of the kernel's API specifications a document, as the tool prints it. A file may hold
//! several documents one behind the other.

use super::{Mistake, is_name};
use crate::facts::{Attribution, Fact, Facts, Field, Layout, Parameter, Prototype, Source, Unstated, WitnessKind};
use abispec::arch::Arch;
use abispec::errno::Errno;
use abispec::finding::SourceFile;
use serde_json::{Deserializer, Value};
use std::collections::BTreeSet;
use std::sync::Arc;

/// What the tool says in words or in numbers of its own, for which the specification has conditions and effects.
const PROSE: &[&str] = &[
    "return_spec",
    "capabilities",
    "locks",
    "signals",
    "signal_masks",
    "side_effects",
    "state_transitions",
    "constraints",
];

pub(super) fn read(files: &[SourceFile], arch: Arch) -> Result<Vec<Facts>, Mistake> {
    let witness: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
    let mut facts = Facts::new(WitnessKind::Import, witness.join(", "), arch);
    let mut listed = BTreeSet::new();
    let mut called = BTreeSet::new();
    for file in files {
        documents(file, &mut facts, &mut listed, &mut called)?;
    }
    if called.is_empty() {
        let first = files.first().map_or("", |file| file.path.as_str());
        let what = if listed.is_empty() {
            "no document of it has the `api_details` of a system call".to_owned()
        } else {
            format!(
                "it only lists {} name(s); the details of each are asked for by its name, as in `kapi --format json sys_open`",
                listed.len()
            )
        };
        return Err(Mistake::of(first, what));
    }
    for name in listed.difference(&called) {
        facts.silence(name, "it is listed, and its details are in no document");
    }
    Ok(vec![facts])
}

fn documents(
    file: &SourceFile,
    facts: &mut Facts,
    listed: &mut BTreeSet<String>,
    called: &mut BTreeSet<String>,
) -> Result<(), Mistake> {
    let path: Arc<str> = Arc::from(file.path.as_str());
    let mut stream = Deserializer::from_str(&file.text).into_iter::<Value>();
    let mut at = 0;
    let mut any = false;
    while let Some(document) = stream.next() {
        let document =
            document.map_err(|error| Mistake::at(&file.path, error.line(), format!("it is no JSON: {error}")))?;
        any = true;
        // A document begins behind the blanks that follow the one before.
        let start = at + (file.text[at..].len() - file.text[at..].trim_start().len());
        let begin = 1 + file.text[..start].matches('\n').count();
        at = stream.byte_offset();
        let details = document.get("api_details");
        let list = document.get("apis").and_then(Value::as_array);
        if details.is_none() && list.is_none() {
            return Err(Mistake::at(&file.path, begin, "it has neither `api_details` nor `apis`"));
        }
        let names = list.into_iter().flatten().filter_map(|item| item.get("name").and_then(Value::as_str));
        listed.extend(names.filter_map(|name| name.strip_prefix("sys_")).map(str::to_owned));
        let Some(details) = details else { continue };
        let source = Source::line(path.clone(), u32::try_from(begin).unwrap_or(u32::MAX), 1);
        let Some(name) = details.get("name").and_then(Value::as_str) else {
            return Err(Mistake::at(&file.path, begin, "its `api_details` have no `name`"));
        };
        // Functions, ioctls and files of sysfs are specified in the same way.
        match name.strip_prefix("sys_") {
            Some(call) => {
                self::call(call, details, &source, facts).map_err(|why| Mistake::at(&file.path, begin, why))?;
                called.insert(call.to_owned());
            }
            None => facts.silence(name, "it is no system call"),
        }
    }
    if any { Ok(()) } else { Err(Mistake::of(&file.path, "the file is empty")) }
}

fn call(call: &str, details: &Value, source: &Source, facts: &mut Facts) -> Result<(), String> {
    if facts.prototypes.contains_key(call) || facts.errnos.contains_key(call) {
        return Err(format!("sys_{call} has been described before"));
    }
    let list = |key: &str| match details.get(key) {
        None => Ok([].as_slice()),
        Some(list) => list.as_array().map(Vec::as_slice).ok_or_else(|| format!("`{key}` of sys_{call} is no list")),
    };
    let mut params: Vec<(u64, &Value)> = Vec::new();
    for (at, param) in list("parameters")?.iter().enumerate() {
        params.push((param.get("index").and_then(Value::as_u64).unwrap_or(at as u64), param));
    }
    params.sort_by_key(|(index, _)| *index);
    if params.iter().enumerate().any(|(at, (index, _))| *index != at as u64) {
        return Err(format!("the `parameters` of sys_{call} are not numbered from 0 on"));
    }
    for (index, param) in &params {
        let key = format!("{call}.{index}");
        if let Some(mask) = param.get("valid_mask").and_then(Value::as_u64).filter(|mask| *mask != 0) {
            facts.masks.insert(key.clone(), Fact::new(mask, source.clone()));
        }
        let names = param.get("enum_values").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        let names: BTreeSet<String> = names.map(str::trim).filter(|name| is_name(name)).map(str::to_owned).collect();
        if !names.is_empty() {
            facts.tried.insert(key, Fact::new(names, source.clone()));
        }
    }
    if params.is_empty() {
        // The tool leaves empty lists out.
        facts.silence(call, "its specification lists no parameters");
    } else {
        let params = params.into_iter().map(|(_, param)| parameter(param)).collect();
        facts.prototypes.insert(call.to_owned(), Fact::new(Prototype { params }, source.clone()));
    }
    for error in list("errors")? {
        self::error(call, error, source, facts);
    }
    for described in list("struct_specs")? {
        layout(call, described, source, facts)?;
    }
    for key in PROSE.iter().filter(|key| details.get(**key).is_some()) {
        facts.silence(format!("{call}.{key}"), "it is said in words, which are not compared");
    }
    Ok(())
}

fn error(call: &str, error: &Value, source: &Source, facts: &mut Facts) {
    let name = error.get("name").and_then(Value::as_str).unwrap_or_default().trim().trim_start_matches('-');
    let code = error.get("error_code").and_then(Value::as_i64).map(i64::unsigned_abs).filter(|code| *code != 0);
    let numbered = code.and_then(|code| u32::try_from(code).ok()).and_then(|code| Errno::from_number(code, facts.arch));
    let errno = match (Errno::from_alias(name), numbered, code) {
        (Some(named), Some(numbered), _) if named != numbered => {
            // Which of them is meant is unknown.
            for errno in [named, numbered] {
                let why =
                    format!("it calls error {} {named}, which is {numbered} on this port", code.unwrap_or_default());
                facts.silence(format!("{call}.{errno}"), why);
            }
            return;
        }
        (Some(named), ..) => named,
        (None, Some(numbered), _) if name.is_empty() => numbered,
        _ => {
            let shown = if name.is_empty() { code.unwrap_or_default().to_string() } else { name.to_owned() };
            facts.silence(format!("{call}.{shown}"), "it is no errno that programs see");
            return;
        }
    };
    let errnos = facts.errnos.entry(call.to_owned()).or_default();
    errnos.entry(errno.name().to_owned()).or_insert_with(|| Fact::new(Attribution::Single, source.clone()));
}

/// A parameter with its C type, where that is one and not a kind of the framework's own.
fn parameter(param: &Value) -> Parameter {
    let text = |key: &str| param.get(key).and_then(Value::as_str).unwrap_or_default().trim().to_owned();
    let c = text("type_name");
    let stated = !c.is_empty() && !c.starts_with("KAPI_");
    Parameter { name: text("name"), c_type: if stated { Ok(c) } else { Err(Unstated::RegisterOnly) } }
}

fn layout(call: &str, described: &Value, source: &Source, facts: &mut Facts) -> Result<(), String> {
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().trim().to_owned();
    let number = |value: &Value, key: &str| value.get(key).and_then(Value::as_u64);
    let bits = |bytes: u64| bytes.checked_mul(8).ok_or_else(|| format!("a struct of sys_{call} is too large"));
    let c_name = text(described, "name");
    // A size that nobody stated is 0.
    let size = number(described, "size").filter(|size| *size != 0);
    let listed = described.get("fields").and_then(Value::as_array).filter(|fields| !fields.is_empty());
    let (false, Some(size), Some(listed)) = (c_name.is_empty(), size, listed) else {
        facts.silence(format!("{call}.struct_specs"), "a struct of it has no name, no size or no fields");
        return Ok(());
    };
    let mut fields = Vec::new();
    for field in listed {
        let (Some(offset), Some(size)) = (number(field, "offset"), number(field, "size")) else { continue };
        fields.push(Field {
            name: text(field, "name"),
            offset_bits: bits(offset)?,
            size_bits: bits(size)?,
            bitfield: false,
            c_type: text(field, "type_name"),
        });
    }
    let tag = c_name.split_whitespace().next_back().unwrap_or_default().to_owned();
    let union = c_name.starts_with("union ");
    let layout =
        Layout { c_name, union, size, align: number(described, "alignment").filter(|align| *align != 0), fields };
    facts.layouts.entry(tag).or_insert_with(|| vec![Fact::new(layout, source.clone())]);
    Ok(())
}
