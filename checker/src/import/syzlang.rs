//! syzkaller's descriptions, `*.txt`, and their constants, `*.txt.const`.
//!
//! What is read of the descriptions is what can be compared: the calls, how many arguments each takes at most, and the
//! flags and commands that some description of a call tries. Templates and layouts are the fuzzer's own.

use super::Mistake;
use crate::facts::{Constant, Fact, Facts, Parameter, Prototype, Source, Unstated, WitnessKind};
use abispec::arch::Arch;
use abispec::finding::SourceFile;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// syzkaller's names of ports.
const PORTS: [(&str, Arch); 9] = [
    ("386", Arch::I386),
    ("amd64", Arch::X86_64),
    ("arm", Arch::Arm),
    ("arm64", Arch::Arm64),
    ("loong64", Arch::Loongarch64),
    ("mips64le", Arch::MipsN64),
    ("ppc64le", Arch::Powerpc64),
    ("riscv64", Arch::Riscv64),
    ("s390x", Arch::S390x),
];

/// A description of a call: its arguments' types as text.
struct Described<'a> {
    call: &'a str,
    args: Vec<&'a str>,
    at: Source,
}

pub(super) fn read(files: &[SourceFile]) -> Result<Vec<Facts>, Mistake> {
    let mut ports: Vec<Facts> = PORTS
        .iter()
        .map(|(name, arch)| Facts::new(WitnessKind::Import, format!("syzkaller ({name})"), *arch))
        .collect();
    let (constants, descriptions): (Vec<&SourceFile>, Vec<&SourceFile>) =
        files.iter().partition(|file| file.path.ends_with(".const"));
    if constants.is_empty() {
        return Err(Mistake::of("", "there are no constants: files that end in .const stand beside the descriptions"));
    }
    for file in &constants {
        read_constants(file, &mut ports)?;
    }
    let mut lists: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut calls = Vec::new();
    for file in &descriptions {
        read_descriptions(file, &mut lists, &mut calls)?;
    }
    for facts in &mut ports {
        state(&lists, &calls, facts);
    }
    // A port that no file of constants names has nothing to say.
    ports.retain(|facts| !facts.numbers.is_empty() || !facts.constants.is_empty());
    Ok(ports)
}

fn place(file: &SourceFile, line: usize) -> Source {
    Source::line(Arc::from(file.path.as_str()), u32::try_from(line + 1).unwrap_or(u32::MAX), 1)
}

/// `NAME = 12, arm:arm64:13, mips64le:???`
fn read_constants(file: &SourceFile, ports: &mut [Facts]) -> Result<(), Mistake> {
    let mut arches: Vec<&str> = PORTS.iter().map(|(name, _)| *name).collect();
    for (index, line) in file.text.lines().enumerate() {
        let mistake = |why: String| Mistake::at(&file.path, index + 1, why);
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, values) = line.split_once('=').ok_or_else(|| mistake("the line has no `=`".to_owned()))?;
        let (name, values) = (name.trim(), values.trim());
        if name == "arches" {
            arches = values.split(',').map(str::trim).collect();
            continue;
        }
        let mut whole: Option<&str> = None;
        let mut own: BTreeMap<&str, &str> = BTreeMap::new();
        for part in values.split(',').map(str::trim) {
            match part.rsplit_once(':') {
                None => whole = Some(part),
                Some((names, value)) => own.extend(names.split(':').map(|name| (name, value))),
            }
        }
        for ((port, _), facts) in PORTS.iter().zip(ports.iter_mut()).filter(|((port, _), _)| arches.contains(port)) {
            let Some(value) = own.get(port).copied().or(whole).filter(|value| *value != "???") else { continue };
            let value = value.parse::<u64>().map_err(|_| mistake(format!("`{value}` is no number")))?;
            let source = place(file, index);
            if let Some(call) = name.strip_prefix("__NR_") {
                let number = u32::try_from(value).map_err(|_| mistake(format!("{value} is no number of a call")))?;
                facts.numbers.entry(call.to_owned()).or_insert_with(|| Fact::new(number, source));
            } else {
                let constant = Constant { value: i128::from(value), bits: 64, signed: false };
                facts.constants.entry(name.to_owned()).or_insert_with(|| vec![Fact::new(constant, source)]);
            }
        }
    }
    Ok(())
}

fn read_descriptions<'a>(
    file: &'a SourceFile,
    lists: &mut BTreeMap<&'a str, Vec<&'a str>>,
    calls: &mut Vec<Described<'a>>,
) -> Result<(), Mistake> {
    for (index, line) in file.text.lines().enumerate() {
        let line = without_comment(line).trim_end();
        // Fields of structs are indented; structs, resources and templates begin with other forms.
        let name_end = line.find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '$').unwrap_or(line.len());
        let (name, rest) = line.split_at(name_end);
        if name.is_empty() {
            continue;
        }
        let rest = rest.trim_start();
        if let Some(members) = rest.strip_prefix('=') {
            lists.insert(name, members.split(',').map(str::trim).collect());
        } else if rest.starts_with('(') && !line.starts_with("type ") {
            let inside = closing(rest)
                .ok_or_else(|| Mistake::at(&file.path, index + 1, "the description's parentheses do not close"))?;
            let args = split(inside)
                .into_iter()
                .map(|arg| arg.split_once(char::is_whitespace).map_or("", |(_, ty)| ty.trim()));
            let call = name.split('$').next().unwrap_or(name);
            calls.push(Described { call, args: args.collect(), at: place(file, index) });
        }
    }
    Ok(())
}

/// A line up to its comment; a `#` inside a text is none.
fn without_comment(line: &str) -> &str {
    let mut quote = None;
    for (index, c) in line.char_indices() {
        match (c, quote) {
            ('#', None) => return &line[..index],
            ('"' | '`', None) => quote = Some(c),
            (c, Some(open)) if c == open => quote = None,
            _ => {}
        }
    }
    line
}

/// What stands between a parenthesis and the one that closes it.
fn closing(text: &str) -> Option<&str> {
    let mut depth = 0;
    for (index, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => continue,
        }
        if depth == 0 {
            return Some(&text[1..index]);
        }
    }
    None
}

/// The parts between commas that stand in no bracket.
fn split(text: &str) -> Vec<&str> {
    let (mut parts, mut start, mut depth) = (Vec::new(), 0, 0_u32);
    for (index, c) in text.char_indices() {
        match c {
            '[' | '(' => depth += 1,
            ']' | ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(text[start..index].trim());
                start = index + 1;
            }
            _ => {}
        }
    }
    let last = text[start..].trim();
    if !last.is_empty() {
        parts.push(last);
    }
    parts
}

fn state(lists: &BTreeMap<&str, Vec<&str>>, calls: &[Described<'_>], facts: &mut Facts) {
    for described in calls {
        // Helpers of the fuzzer's executor are no calls; a description of a call that the port lacks says nothing here.
        if described.call.starts_with("syz_") || !facts.numbers.contains_key(described.call) {
            continue;
        }
        let unnamed = || Parameter { name: String::new(), c_type: Err(Unstated::RegisterOnly) };
        let longest = facts.prototypes.get(described.call).map_or(0, |fact| fact.value.params.len());
        if described.args.len() > longest || !facts.prototypes.contains_key(described.call) {
            let params = described.args.iter().map(|_| unnamed()).collect();
            facts.prototypes.insert(described.call.to_owned(), Fact::new(Prototype { params }, described.at.clone()));
        }
        for (index, ty) in described.args.iter().enumerate() {
            let names = constants_of(ty, lists);
            // Names that are constants on this port; others are of other ports, or strings.
            let names: BTreeSet<String> =
                names.into_iter().filter(|name| facts.constants.contains_key(*name)).map(str::to_owned).collect();
            if names.is_empty() {
                continue;
            }
            let tried = facts
                .tried
                .entry(format!("{}.{index}", described.call))
                .or_insert_with(|| Fact::new(BTreeSet::new(), described.at.clone()));
            tried.value.extend(names);
        }
    }
}

/// The constants that `flags[list]` or `const[NAME]` names.
fn constants_of<'a>(ty: &'a str, lists: &BTreeMap<&'a str, Vec<&'a str>>) -> BTreeSet<&'a str> {
    let mut found = BTreeSet::new();
    let Some((kind, inside)) = ty.split_once('[') else { return found };
    let first = inside.split([',', ']']).next().unwrap_or_default().trim();
    match kind {
        "flags" => {
            let mut waiting = vec![first];
            let mut seen = BTreeSet::new();
            while let Some(name) = waiting.pop() {
                match lists.get(name) {
                    // A list may name other lists.
                    Some(members) if seen.insert(name) => waiting.extend(members),
                    Some(_) => {}
                    None => {
                        found.insert(name);
                    }
                }
            }
        }
        "const" => {
            found.extend(first.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| !word.is_empty()))
        }
        _ => {}
    }
    found
}
