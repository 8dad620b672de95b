//! Proposes a type for each parameter, from its C type, its name, its neighbours, and how the call's code uses it.

use super::code::Code;
use super::sets::{self, NewSet};
use super::structs::{self, NewStruct};
use crate::facts::Facts;
use crate::tree::Found;
use abispec::ctype::int_of;
use abispec::model::Spec;
use abispec::types::IntType;

/// What is known when types are proposed, and the sets and structs that the proposals need.
pub(super) struct Sheet<'a> {
    pub(super) spec: &'a Spec,
    pub(super) headers: &'a [Facts],
    pub(super) found: &'a Found,
    pub(super) code: &'a Code,
    pub(super) sets: Vec<NewSet>,
    pub(super) structs: Vec<NewStruct>,
}

impl<'a> Sheet<'a> {
    pub(super) fn new(spec: &'a Spec, headers: &'a [Facts], found: &'a Found, code: &'a Code) -> Self {
        Self { spec, headers, found, code, sets: Vec::new(), structs: Vec::new() }
    }

    fn param(&self, index: usize) -> Option<(&'a str, &'a str)> {
        self.found.params.get(index).map(|(c, name)| (c.as_str(), name.as_str()))
    }

    fn calls(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.code.calls.contains(*name))
    }
}

/// A parameter as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Param {
    pub(super) name: String,
    pub(super) c: String,
    pub(super) ty: String,
    /// Further keys and values.
    pub(super) keys: Vec<(&'static str, String)>,
    /// What is still to be looked at.
    pub(super) confirm: &'static str,
}

/// Proposes all parameters.
pub(super) fn params(sheet: &mut Sheet<'_>) -> Vec<Param> {
    (0..sheet.found.params.len()).filter_map(|index| param(sheet, index)).collect()
}

fn param(sheet: &mut Sheet<'_>, index: usize) -> Option<Param> {
    let (c, name) = sheet.param(index)?;
    let plain = |ty: &str, confirm| Param {
        name: name.to_owned(),
        c: c.to_owned(),
        ty: ty.to_owned(),
        keys: Vec::new(),
        confirm,
    };
    Some(if c.contains('*') { pointer(sheet, index, c, name, &plain) } else { number(sheet, index, c, name, &plain) })
}

type Plain<'p> = dyn Fn(&str, &'static str) -> Param + 'p;

fn words(c: &str) -> Vec<&str> {
    c.split(|ch: char| ch.is_whitespace() || ch == '*')
        .filter(|word| !word.is_empty() && !matches!(*word, "const" | "__user" | "volatile" | "restrict"))
        .collect()
}

fn is_descriptor(name: &str) -> bool {
    matches!(name, "fildes" | "fd" | "dfd" | "ufd" | "efd")
        || name.ends_with("fd")
        || name.starts_with("fd_") && !name.contains("flag")
}

fn is_size(name: &str) -> bool {
    matches!(
        name,
        "count" | "size" | "len" | "usize" | "bufsiz" | "nbytes" | "length" | "buflen" | "nbyte" | "lenp" | "siz"
    ) || name.ends_with("size")
        || name.ends_with("len")
}

fn number(sheet: &mut Sheet<'_>, index: usize, c: &str, name: &str, plain: &Plain<'_>) -> Param {
    let before = index.checked_sub(1).and_then(|before| sheet.param(before));
    let int = matches!(c, "int" | "unsigned int" | "unsigned");
    let resource = |resource: &str| sheet.spec.resources.contains_key(resource);
    if int && is_descriptor(name) {
        return plain("fd", "which descriptors it takes");
    }
    match c {
        "umode_t" => return plain("mode", ""),
        "pid_t" if resource("pid") => return plain("pid", ""),
        "loff_t" | "off_t" => return plain("offset", ""),
        _ => {}
    }
    if int && matches!(name, "sig" | "signo" | "signum") {
        return plain("signal", "");
    }
    if let Some((before_c, before_name)) = before
        && before_c.contains('*')
        && (is_size(name) || matches!(name, "vlen" | "nfds" | "maxevents" | "nr" | "nr_segs" | "usize"))
    {
        let extensible = sheet.calls(&["copy_struct_from_user", "copy_struct_to_user"])
            && words(before_c).first() == Some(&"struct");
        return plain(&format!("{}[{before_name}]", if extensible { "bytesize" } else { "len" }), "");
    }
    if c.contains("long") || c == "size_t" {
        if matches!(name, "addr" | "start") || (name.ends_with("addr") && c.contains("long")) {
            return plain("vma", "");
        }
        if is_size(name) || name.ends_with("_len") {
            return plain("size", "");
        }
    }
    if let Some((set, keys)) = sets::propose(sheet, c, name) {
        return Param { keys, ..plain(&set, "the set, and what an undefined value does") };
    }
    let confirm = "whether it has a narrower type";
    match int_of(c) {
        Some(IntType::Fixed { bits, signed }) => plain(&format!("{}int{bits}", if signed { "" } else { "u" }), confirm),
        Some(IntType::Long { signed: true }) => plain("long", confirm),
        Some(IntType::Long { signed: false }) => plain("ulong", confirm),
        None => plain("long", "its width: the C type is not known"),
    }
}

fn pointer(sheet: &mut Sheet<'_>, index: usize, c: &str, name: &str, plain: &Plain<'_>) -> Param {
    let constant = c.starts_with("const ");
    let depth = c.matches('*').count();
    let words = words(c);
    let next = sheet.param(index + 1);
    let sized = next.filter(|(c, name)| {
        !c.contains('*') && (is_size(name) || matches!(*name, "vlen" | "nfds" | "maxevents" | "nr" | "nr_segs"))
    });
    let direction = direction(sheet, name, constant);
    if depth == 1 && matches!(words.as_slice(), ["char"]) {
        return characters(sheet, index, name, constant, sized, direction, plain);
    }
    if depth == 1 && matches!(words.as_slice(), ["void"] | ["unsigned", "char"] | ["u8"]) {
        return match sized {
            Some((_, size)) => plain(&format!("buffer[{direction}, {size}]"), "who writes it"),
            None => plain("ulong", "what it points to"),
        };
    }
    if depth == 1
        && let ["struct", tag] = words.as_slice()
        && let Some(known) = structs::propose(sheet, tag)
    {
        // Of a struct that the kernel writes as far as the caller knows it, the size is no number of elements.
        let written = sheet.calls(&["copy_struct_to_user"]) && !sheet.calls(&["copy_struct_from_user"]);
        if let Some((_, size)) = sized.filter(|_| !written) {
            if sheet.calls(&["copy_struct_from_user"]) {
                return plain(&format!("ptr[in, extensible[{known}, {size}]]"), "");
            }
            return plain(&format!("ptr[{direction}, array[struct[{known}], {size}]]"), "whether it may be NULL");
        }
        return plain(&format!("ptr[{direction}, struct[{known}]]"), "whether it may be NULL, and who writes it");
    }
    let element = match words.as_slice() {
        ["loff_t"] => Some("int64".to_owned()),
        ["sigset_t"] => Some("uint64".to_owned()),
        _ if depth == 1 => match int_of(&words.join(" ")) {
            Some(IntType::Fixed { bits, signed }) => Some(format!("{}int{bits}", if signed { "" } else { "u" })),
            Some(IntType::Long { signed }) => Some(if signed { "long" } else { "ulong" }.to_owned()),
            None => None,
        },
        _ => None,
    };
    match element {
        Some(element) if is_descriptor(name) && element == "int32" => {
            plain(&format!("ptr[{direction}, fd]"), "how many it points to")
        }
        Some(element) => plain(&format!("ptr[{direction}, {element}]"), "whether it may be NULL, and who writes it"),
        None => plain("ulong", "what it points to"),
    }
}

fn characters(
    sheet: &Sheet<'_>,
    index: usize,
    name: &str,
    constant: bool,
    sized: Option<(&str, &str)>,
    direction: &str,
    plain: &Plain<'_>,
) -> Param {
    if let Some((_, size)) = sized {
        return plain(&format!("buffer[{direction}, {size}]"), "");
    }
    let file = ["filename", "path", "oldname", "newname", "file", "dir", "new_root", "put_old"];
    if !(constant || file.contains(&name)) {
        return plain("ulong", "what it points to");
    }
    let before = index.checked_sub(1).and_then(|before| sheet.param(before)).map(|(_, name)| name);
    let base = before.filter(|before| before.ends_with("dfd") || before.ends_with("dirfd"));
    if base.is_some() || file.iter().any(|word| name.contains(word)) {
        let keys = base.map(|base| ("base", base.to_owned())).into_iter().collect();
        return Param { keys, ..plain("path", "follow, empty and must_exist") };
    }
    plain("string", "whether it names a file")
}

/// Who writes the memory, as far as the code shows it.
fn direction(sheet: &Sheet<'_>, name: &str, constant: bool) -> &'static str {
    if constant {
        return "in";
    }
    let used = |functions: &[&str]| {
        sheet.code.bodies.iter().any(|body| {
            body.windows(2).enumerate().any(|(index, pair)| {
                functions.contains(&pair[0].text.as_str())
                    && body.iter().skip(index).take_while(|word| word.text != ";").any(|word| word.text == name)
            })
        })
    };
    let reads = used(&[
        "copy_from_user",
        "get_user",
        "copy_struct_from_user",
        "memdup_user",
        "get_timespec64",
        "strncpy_from_user",
        "unsafe_get_user",
    ]);
    let writes =
        used(&["copy_to_user", "put_user", "put_timespec64", "copy_struct_to_user", "clear_user", "unsafe_put_user"]);
    match (reads, writes) {
        (true, true) => "inout",
        (true, false) => "in",
        (false, _) => "out",
    }
}
