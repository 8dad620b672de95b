//! Writes what was extracted as files of a specification.

use super::Extract;
use super::propose::{Param, Sheet};
use super::sets::NewSet;
use super::structs::NewStruct;
use crate::tree::Found;
use abispec::version::Release;
use std::fmt::Write as _;

/// Bytes of a line.
const WIDTH: usize = 116;

/// Everything that is written of a call.
pub(super) struct Call<'a> {
    pub(super) name: &'a str,
    pub(super) entry: Option<&'a str>,
    pub(super) summary: Option<&'a str>,
    pub(super) option: Option<&'a str>,
    pub(super) numbers: &'a [(String, u32)],
    pub(super) params: &'a [Param],
    pub(super) found: &'a Found,
    pub(super) release: Option<Release>,
}

/// The files of a call: its own first, then those of new sets and structs.
pub(super) fn write(call: &Call<'_>, sheet: &Sheet<'_>) -> Extract {
    let mut notes = Vec::new();
    let mut files = vec![(format!("syscalls/{}.yaml", call.name), syscall(call, sheet, &mut notes))];
    if !sheet.sets.is_empty() {
        let texts: Vec<String> = sheet.sets.iter().map(set).collect();
        files.push((format!("flags/{}.yaml", call.name), texts.concat()));
        notes.push("flags: `since:` of each member, and whether the prefix holds other constants".to_owned());
    }
    if !sheet.structs.is_empty() {
        let texts: Vec<String> = sheet.structs.iter().map(structure).collect();
        files.push((format!("types/{}.yaml", call.name), texts.concat()));
        notes.push("types: what each field means; `versions:` of a struct whose size is passed".to_owned());
    }
    Extract { files, notes }
}

fn syscall(call: &Call<'_>, sheet: &Sheet<'_>, notes: &mut Vec<String>) -> String {
    let mut out = String::new();
    let release = call.release.map_or_else(String::new, |release| format!("Linux {} ", release.base()));
    let (line, _) = call.found.place;
    // Writing to a string does not fail.
    let _ = writeln!(
        out,
        "# From {release}{}:{line}. What is to be confirmed says so; then remove these comments.",
        call.found.path
    );
    let _ = writeln!(out, "syscall: {}", call.name);
    match call.summary {
        Some(summary) => {
            let _ = writeln!(out, "summary: {}", quoted(summary));
        }
        None => {
            let _ = writeln!(out, "summary: to be written, what the call does in a line");
            notes.push("summary: what the call does, in a line".to_owned());
        }
    }
    let since = call.release.map_or_else(|| "?".to_owned(), |release| release.base().to_string());
    let _ = writeln!(out, "# since: \"{since}\"   # if this release is the first that has the call");
    notes.push(format!("since: \"{since}\", if this release is the first that has the call; else the first one"));
    out.push_str(&numbers(call.numbers));
    if let Some(entry) = call.entry {
        let _ = writeln!(out, "entry: {entry}");
    }
    if let Some(option) = call.option {
        let _ = writeln!(out, "config: {option}");
    }
    if call.params.is_empty() {
        let _ = writeln!(out, "params: []");
    } else {
        let _ = writeln!(out, "params:");
    }
    for param in call.params {
        let keys: String = param.keys.iter().map(|(key, value)| format!(", {key}: {}", quoted(value))).collect();
        let confirm = if param.confirm.is_empty() { String::new() } else { format!("   # confirm: {}", param.confirm) };
        let _ = writeln!(
            out,
            "  - {{name: {}, c: {}, type: {}{keys}}}{confirm}",
            param.name,
            quoted(&param.c),
            quoted(&param.ty)
        );
        if !param.confirm.is_empty() {
            notes.push(format!("{}: {}", param.name, param.confirm));
        }
    }
    let _ = writeln!(out, "returns: {}   # confirm", returns(sheet));
    notes.push("returns, ensures, effects: what success promises and changes".to_owned());
    errors(call, sheet, &mut out, notes);
    out
}

/// What the code shows of the result: a descriptor where it makes one.
fn returns(sheet: &Sheet<'_>) -> &'static str {
    const MAKES: &[&str] = &[
        "get_unused_fd_flags",
        "anon_inode_getfd",
        "anon_inode_getfd_secure",
        "fd_publish",
        "FD_ADD",
        "get_unused_fd",
        "alloc_fd",
    ];
    let makes = MAKES.iter().any(|name| sheet.code.calls.contains(*name));
    let zero = sheet.code.bodies.first().is_some_and(|body| {
        body.windows(3).any(|words| words[0].text == "return" && words[1].text == "0" && words[2].text == ";")
    });
    let out_of_pointer = sheet.found.params.iter().any(|(c, _)| c.replace(' ', "").ends_with("int__user*"));
    match (makes, zero) {
        (true, _) if !out_of_pointer => "fd",
        (_, true) => "zero",
        _ => "long",
    }
}

fn errors(call: &Call<'_>, sheet: &Sheet<'_>, out: &mut String, notes: &mut Vec<String>) {
    let points = call.params.iter().any(|param| param.c.contains('*'));
    let promised = call.found.errnos.iter().map(String::as_str);
    let seen = sheet.code.errnos.keys().copied();
    // What the types and the option imply is not repeated.
    let implied = |name: &str| name == "EFAULT" && points || name == "ENOSYS" && call.option.is_some();
    let mut names: Vec<&str> = seen.chain(promised).filter(|name| !implied(name)).collect();
    names.sort_unstable();
    names.dedup();
    if names.is_empty() {
        notes.push("errors: the call's own code names none; what it calls elsewhere may give some".to_owned());
        return;
    }
    let _ = writeln!(
        out,
        "errors:   # confirm: replace `may: true` by the condition, remove what cannot come, add what other files give"
    );
    for name in names {
        let lines: Vec<String> =
            sheet.code.errnos.get(name).into_iter().flatten().take(4).map(u32::to_string).collect();
        let place = if lines.is_empty() {
            "the comment above the call".to_owned()
        } else {
            format!("{}:{}", call.found.path, lines.join(", "))
        };
        let _ =
            writeln!(out, "  {name}:\n    - {{may: true, because: {}}}", quoted(&format!("to be confirmed, {place}")));
    }
    for capability in &call.found.capabilities {
        let _ = writeln!(out, "# the comment above the call names {capability}");
    }
    notes.push("errors: the condition of each".to_owned());
}

fn numbers(numbers: &[(String, u32)]) -> String {
    let mut lines = vec!["nr: {".to_owned()];
    for (index, (port, number)) in numbers.iter().enumerate() {
        let number = if *number >= 0x4000_0000 { format!("{number:#x}") } else { number.to_string() };
        let item = format!("{port}: {number}{}", if index + 1 == numbers.len() { "}" } else { "," });
        match lines.last_mut() {
            Some(line) if line.len() + item.len() < WIDTH => {
                if !line.ends_with('{') {
                    line.push(' ');
                }
                line.push_str(&item);
            }
            _ => lines.push(format!("     {item}")),
        }
    }
    lines.join("\n") + "\n"
}

fn set(set: &NewSet) -> String {
    let kind = if set.flags { "flags" } else { "enum" };
    let mut out =
        format!("{}:\n  kind: {kind}\n  header: {}\n  prefix: [{}]\n  members:\n", set.name, set.header, set.prefix);
    for (name, value) in &set.members {
        let value = if (0..10).contains(value) || *value < 0 { value.to_string() } else { format!("{value:#x}") };
        let _ = writeln!(out, "    {name}: {value}");
    }
    out
}

fn structure(found: &NewStruct) -> String {
    let mut out = format!("{}:\n  header: {}\n", found.name, found.header);
    if let Some(tag) = &found.tag {
        let _ = writeln!(out, "  c: {tag}");
    }
    if let Some(arch) = found.only {
        let _ = writeln!(out, "  ports: [{arch}]");
    }
    if found.wide.union {
        let _ = writeln!(out, "  kind: union");
    }
    let narrow = found.narrow.as_ref();
    let pair = |wide: u64, narrow: Option<u64>| match narrow {
        Some(narrow) if narrow != wide => format!("{{lp64: {wide}, ilp32: {narrow}}}"),
        _ => wide.to_string(),
    };
    let _ = writeln!(out, "  size: {}", pair(found.wide.size, narrow.map(|layout| layout.size)));
    let align = found.wide.align.unwrap_or(1);
    let _ = writeln!(out, "  align: {}\n  fields:", pair(align, narrow.and_then(|layout| layout.align)));
    let mut end = 0;
    for field in &found.wide.fields {
        let other = narrow.and_then(|layout| layout.field(&field.name));
        if field.bitfield || field.offset_bits % 8 != 0 {
            let _ = writeln!(
                out,
                "    # {}: a bit-field of {} bits at bit {}",
                field.name, field.size_bits, field.offset_bits
            );
            continue;
        }
        if field.offset_bits < end && !found.wide.union {
            let _ = writeln!(
                out,
                "    # {}: the same bytes as the field before it, from {}",
                field.name,
                field.offset_bits / 8
            );
            continue;
        }
        end = field.offset_bits + field.size_bits;
        let offset = pair(field.offset_bits / 8, other.map(|other| other.offset_bits / 8));
        let ty = field_type(&field.c_type, field.size_bits / 8, other.map(|other| other.size_bits / 8));
        let _ = writeln!(out, "    - {{name: {}, type: {}, offset: {offset}}}", field.name, quoted(&ty));
    }
    out
}

/// A field's type by its width on both data models and its C type's sign.
fn field_type(c: &str, wide: u64, narrow: Option<u64>) -> String {
    let signed = matches!(
        c.trim_start_matches("__"),
        "s8" | "s16" | "s32" | "s64" | "int" | "short" | "long" | "long long" | "kernel_long_t"
    );
    let sign = if signed { "" } else { "u" };
    match (wide, narrow) {
        (8, Some(4)) => format!("{sign}long"),
        (1 | 2 | 4 | 8, narrow)
            if !c.contains('[')
                && !c.starts_with("struct ")
                && !c.starts_with("union ")
                && narrow.is_none_or(|narrow| narrow == wide) =>
        {
            format!("{sign}int{}", wide * 8)
        }
        // What is half as wide with 32-bit longs is made of longs; of anything else the bytes that both have.
        (bytes, Some(narrow)) if bytes == narrow * 2 && bytes % 8 == 0 => format!("array[ulong, {}]", bytes / 8),
        (bytes, narrow) => format!("array[uint8, {}]", narrow.map_or(bytes, |narrow| narrow.min(bytes))),
    }
}

/// A YAML scalar, in quotes where it needs them.
fn quoted(text: &str) -> String {
    let plain = text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | ' '));
    if plain { text.to_owned() } else { format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")) }
}
