//! Replay files.
//!
//! ```yaml
//! format: 1
//! finding: missing-error
//! syscall: dup
//! capabilities: true
//! calls:
//!   - call: openat
//!     args: [{number: -100}, {memory: {text: "f"}}, {number: 0}, {number: 0}]
//!   - call: dup
//!     args: [{result: {of: 0}}]
//! ```

use crate::confirm::Confirmed;
use crate::exec::{Entry, FileSystem};
use crate::habitat::Habitat;
use crate::laws::Case;
use crate::program::{Argument, Block, Invocation, Output, Placement, Program};
use abispec::suggest::nearest;
use abispec::target::Resolved;
use serde::Deserialize;
use serde_yaml::Spanned;
use std::collections::BTreeMap;
use std::fmt::Write;

/// A replay file.
#[derive(Debug)]
pub struct Replay {
    /// The program.
    pub program: Program,
    /// Who executors are, and where.
    pub habitat: Habitat,
    /// The way into the kernel that it takes.
    pub entry: Entry,
    /// Id of the finding that it showed.
    pub finding: Option<String>,
    /// The case of a law that it is.
    pub law: Option<Case>,
}

/// Why a replay file cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub struct ReplayError {
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1.
    pub column: u32,
    /// What is wrong.
    pub message: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    format: Spanned<u32>,
    #[serde(default)]
    finding: Option<String>,
    #[serde(default)]
    syscall: Option<String>,
    #[serde(default)]
    clause: Option<String>,
    #[serde(default, rename = "place")]
    _place: Option<String>,
    #[serde(default, rename = "expected")]
    _expected: Option<String>,
    #[serde(default)]
    actual: Option<String>,
    #[serde(default)]
    kernel: Option<String>,
    #[serde(default = "yes")]
    capabilities: bool,
    #[serde(default)]
    entry: Option<Spanned<String>>,
    #[serde(default)]
    file_system: Option<Spanned<String>>,
    #[serde(default)]
    privileged: bool,
    #[serde(default)]
    law: Option<Spanned<String>>,
    #[serde(default)]
    given: BTreeMap<String, Spanned<RawArg>>,
    calls: Spanned<Vec<RawCall>>,
}

fn yes() -> bool {
    true
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCall {
    call: Spanned<String>,
    args: Spanned<Vec<Spanned<RawArg>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum RawArg {
    Number(i128),
    Result(RawResult),
    Memory(RawMemory),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawResult {
    of: usize,
    #[serde(default)]
    param: Option<u8>,
    #[serde(default)]
    offset: Option<u32>,
    #[serde(default)]
    high: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawMemory {
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    hex: Option<String>,
    #[serde(default)]
    edge: Option<u32>,
    #[serde(default)]
    read_only: bool,
    #[serde(default)]
    links: Vec<RawLink>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLink {
    at: u32,
    to: RawMemory,
}

/// The format that is written and read.
pub(super) const FORMAT: u32 = 1;
/// Memory of one argument, beyond which a file cannot be meant.
const MOST_BYTES: usize = 12 << 10;

fn parse(text: &str) -> Result<RawFile, ReplayError> {
    serde_yaml::from_str(text).map_err(|error| {
        let (line, column) = error.location().map_or((1, 1), |at| (narrow(at.line()), narrow(at.column())));
        let message = error.to_string();
        let message = message.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
        ReplayError { line, column, message }
    })
}

/// The way into the kernel that a replay file takes, which says for what port the specification is to be resolved.
///
/// # Errors
/// The first mistake that has nothing to do with the specification, with its place.
pub fn entry(text: &str) -> Result<Entry, ReplayError> {
    entry_of(&parse(text)?)
}

/// What a replay file says of the divergence that it was written for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shows {
    /// Id of the finding.
    pub finding: Option<String>,
    /// The system call or the law.
    pub subject: Option<String>,
    /// The contradicted clause.
    pub clause: Option<String>,
    /// What the kernel answered.
    pub actual: Option<String>,
    /// The kernel, by its own name.
    pub kernel: Option<String>,
}

/// Reads what a replay file says of the divergence that it was written for.
///
/// # Errors
/// The first mistake that has nothing to do with the specification, with its place.
pub fn shows(text: &str) -> Result<Shows, ReplayError> {
    let raw = parse(text)?;
    let subject = raw.law.map(|law| law.value).or(raw.syscall);
    Ok(Shows { finding: raw.finding, subject, clause: raw.clause, actual: raw.actual, kernel: raw.kernel })
}

fn entry_of(raw: &RawFile) -> Result<Entry, ReplayError> {
    let Some(name) = &raw.entry else { return Ok(Entry::Native) };
    Entry::from_name(&name.value).ok_or_else(|| {
        let names = Entry::ALL.map(|entry| format!("`{}`", entry.name())).join(", ");
        at(name, format!("there is no entry `{}`; there are {names}", name.value))
    })
}

/// Reads a replay file. The specification is resolved for its [`entry`].
///
/// # Errors
/// The first mistake, with its place.
pub fn read(text: &str, resolved: &Resolved) -> Result<Replay, ReplayError> {
    let raw = parse(text)?;
    let entry = entry_of(&raw)?;
    let word = entry.word() as usize;
    if raw.format.value != FORMAT {
        return Err(at(&raw.format, format!("this program reads format {FORMAT}, the file has {}", raw.format.value)));
    }
    if raw.calls.value.is_empty() {
        return Err(at(&raw.calls, "a program has at least one call"));
    }
    let mut program = Program::default();
    for (index, call) in raw.calls.value.iter().enumerate() {
        let name = &call.call.value;
        let Some(position) = resolved.calls.iter().position(|known| known.name == *name) else {
            let help = nearest(name, resolved.calls.iter().map(|call| call.name.as_str()));
            let help = help.map_or_else(String::new, |found| format!("; did you mean `{found}`?"));
            return Err(at(&call.call, format!("the specification has no system call `{name}` for this kernel{help}")));
        };
        let wanted = resolved.calls[position].variants[0].params.len();
        if call.args.value.len() != wanted {
            let message = format!("{name} takes {wanted} argument(s), here are {}", call.args.value.len());
            return Err(at(&call.args, message));
        }
        let args = call.args.value.iter().map(|arg| argument(arg, index, word)).collect::<Result<_, _>>()?;
        program.calls.push(Invocation { call: position, args });
    }
    if !crate::hazard::fits(&program) {
        return Err(at(&raw.calls, "only one block of a program can end at the inaccessible page (`edge`)"));
    }
    let law = match &raw.law {
        Some(law) => Some(super::law::case(&super::law::Raw { law, given: &raw.given, word }, &program, resolved)?),
        None => match raw.given.values().next() {
            Some(value) => return Err(at(value, "`given` has a meaning beside `law` only")),
            None => None,
        },
    };
    let file_system = match &raw.file_system {
        None => FileSystem::default(),
        Some(name) => FileSystem::from_name(&name.value).ok_or_else(|| {
            let names = FileSystem::ALL.map(FileSystem::name);
            at(name, format!("the sandbox has no file system `{}`; there are {}", name.value, names.join(", ")))
        })?,
    };
    let habitat = Habitat { capabilities: raw.capabilities, file_system, privileged: raw.privileged };
    Ok(Replay { program, habitat, entry, finding: raw.finding, law })
}

fn narrow(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX).max(1)
}

pub(super) fn at<T>(spanned: &Spanned<T>, message: impl Into<String>) -> ReplayError {
    let place = &spanned.referenced;
    ReplayError { line: narrow(place.line()), column: narrow(place.column()), message: message.into() }
}

/// An argument of call `index`; pointers in memory have `word` bytes.
pub(super) fn argument(raw: &Spanned<RawArg>, index: usize, word: usize) -> Result<Argument, ReplayError> {
    match &raw.value {
        RawArg::Number(value) => match (u64::try_from(*value), i64::try_from(*value)) {
            (Ok(value), _) => Ok(Argument::Number(value)),
            (_, Ok(value)) => Ok(Argument::Number(value.cast_unsigned())),
            _ => Err(at(raw, "a register has 64 bits")),
        },
        RawArg::Result(result) => {
            if result.of >= index {
                return Err(at(raw, format!("call {} does not come before call {index}", result.of)));
            }
            let output = match (result.param, result.offset) {
                (None, None) => Output::Ret,
                (Some(param), offset) if param < 6 => Output::Written { param, offset: offset.unwrap_or(0) },
                (Some(param), _) => return Err(at(raw, format!("there is no parameter {param}"))),
                (None, Some(_)) => return Err(at(raw, "`offset` needs `param`")),
            };
            Ok(Argument::Result { of: result.of, output, high: result.high })
        }
        RawArg::Memory(memory) => block(memory, word).map(Argument::Block).map_err(|message| at(raw, message)),
    }
}

fn block(raw: &RawMemory, word: usize) -> Result<Block, String> {
    let bytes = match (&raw.text, &raw.hex) {
        (Some(text), None) => {
            let mut bytes = text.clone().into_bytes();
            bytes.push(0);
            bytes
        }
        (None, Some(hex)) => from_hex(hex)?,
        _ => return Err("memory has `text` or `hex`".to_owned()),
    };
    if bytes.len() > MOST_BYTES {
        return Err(format!("memory of one argument has at most {MOST_BYTES} bytes"));
    }
    let placement = match (raw.edge, raw.read_only) {
        (Some(_), true) => return Err("memory is `edge` or `read_only`, not both".to_owned()),
        (Some(edge), false) => Placement::Edge(edge),
        (None, true) => Placement::ReadOnly,
        (None, false) => Placement::Middle,
    };
    let mut links = Vec::new();
    for link in &raw.links {
        if link.at as usize + word > bytes.len() {
            return Err(format!("there is no room for a pointer at {}", link.at));
        }
        links.push((link.at, block(&link.to, word)?));
    }
    Ok(Block { bytes, placement, links })
}

fn from_hex(hex: &str) -> Result<Vec<u8>, String> {
    let digits: Vec<u8> = hex.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    if !digits.len().is_multiple_of(2) {
        return Err("hexadecimal bytes have two digits each".to_owned());
    }
    let digit = |byte: u8| {
        char::from(byte).to_digit(16).ok_or_else(|| format!("`{}` is no hexadecimal digit", char::from(byte)))
    };
    digits.chunks(2).map(|pair| Ok(u8::try_from(digit(pair[0])? * 16 + digit(pair[1])?).unwrap_or(0))).collect()
}

/// Writes a divergence as a replay file. `place` is where the specification says otherwise.
pub fn write(found: &Confirmed, resolved: &Resolved, place: &str, kernel: &str) -> String {
    let mut out = String::new();
    let verdict = &found.verdict;
    let _ = writeln!(out, "# Run again with: abispec replay FILE");
    let _ = writeln!(out, "format: {FORMAT}\nfinding: {}", verdict.id);
    if found.law.is_none() {
        let _ = writeln!(out, "syscall: {}", found.key.syscall);
    }
    if let Some(clause) = found.key.clause {
        let _ = writeln!(out, "clause: {}", quoted(&resolved.clause(clause).text));
    }
    let _ = writeln!(out, "place: {}\nkernel: {}", quoted(place), quoted(kernel));
    let _ = writeln!(out, "expected: {}\nactual: {}", quoted(&verdict.expected), quoted(&verdict.actual));
    out.push_str(&habitat_lines(found.habitat));
    out.push_str(&entry_line(found.key.entry));
    if let Some(law) = &found.law {
        super::law::write(&law.law, &law.given, &mut out);
    }
    out.push_str("calls:\n");
    write_calls(&found.program, resolved, &mut out);
    out
}

/// Writes a program that only raised a suspicion so far.
pub fn write_suspicion(
    program: &Program,
    resolved: &Resolved,
    entry: Entry,
    habitat: Habitat,
    finding: &str,
) -> String {
    let mut out = suspicion_head(entry, habitat, finding);
    write_calls(program, resolved, &mut out);
    out
}

/// Writes a program of which only the names of its calls are known.
pub(crate) fn write_flown(calls: &[(String, Vec<Argument>)], entry: Entry, habitat: Habitat, finding: &str) -> String {
    let mut out = suspicion_head(entry, habitat, finding);
    calls.iter().for_each(|(name, args)| write_call(name, args, &mut out));
    out
}

fn suspicion_head(entry: Entry, habitat: Habitat, finding: &str) -> String {
    let sandbox = habitat_lines(habitat) + &entry_line(entry);
    format!("format: {FORMAT}\nfinding: {finding}\n{sandbox}calls:\n")
}

/// The line that names an entry; the port's own needs none.
pub(super) fn entry_line(entry: Entry) -> String {
    match entry {
        Entry::Native => String::new(),
        Entry::Ia32 | Entry::Vdso => format!("entry: {}\n", entry.name()),
    }
}

/// What a replay file says of the sandbox.
pub(super) fn habitat_lines(habitat: Habitat) -> String {
    let mut lines = format!("capabilities: {}\n", habitat.capabilities);
    if habitat.file_system != FileSystem::default() {
        let _ = writeln!(lines, "file_system: {}", habitat.file_system.name());
    }
    if habitat.privileged {
        lines.push_str("privileged: true\n");
    }
    lines
}

/// Writes the calls of a program.
pub(super) fn write_calls(program: &Program, resolved: &Resolved, out: &mut String) {
    for call in &program.calls {
        write_call(&resolved.calls[call.call].name, &call.args, out);
    }
}

fn write_call(name: &str, args: &[Argument], out: &mut String) {
    let args: Vec<String> = args.iter().map(arg_text).collect();
    let _ = writeln!(out, "  - call: {name}\n    args: [{}]", args.join(", "));
}

pub(super) fn arg_text(arg: &Argument) -> String {
    match arg {
        Argument::Number(value) => {
            let signed = value.cast_signed();
            if (-4096..10).contains(&signed) {
                format!("{{number: {signed}}}")
            } else {
                format!("{{number: {value:#x}}}")
            }
        }
        Argument::Result { of, output, high } => {
            let mut text = format!("{{result: {{of: {of}");
            if let Output::Written { param, offset } = output {
                let _ = write!(text, ", param: {param}, offset: {offset}");
            }
            if let Some(high) = high {
                let _ = write!(text, ", high: {high:#x}");
            }
            text + "}}"
        }
        Argument::Block(block) => format!("{{memory: {}}}", block_text(block)),
    }
}

fn block_text(block: &Block) -> String {
    let end = block.bytes.iter().position(|byte| *byte == 0);
    let plain = end.is_some_and(|end| {
        end + 1 == block.bytes.len()
            && block.bytes[..end].iter().all(|byte| (0x20..0x7f).contains(byte) && !matches!(byte, b'"' | b'\\'))
    });
    let mut text = if plain {
        format!("{{text: \"{}\"", String::from_utf8_lossy(&block.bytes[..block.bytes.len() - 1]))
    } else {
        let hex: String = block.bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{{hex: \"{hex}\"")
    };
    match block.placement {
        Placement::Middle => {}
        Placement::Edge(edge) => {
            let _ = write!(text, ", edge: {edge}");
        }
        Placement::ReadOnly => text.push_str(", read_only: true"),
    }
    if !block.links.is_empty() {
        let links: Vec<String> =
            block.links.iter().map(|(at, to)| format!("{{at: {at}, to: {}}}", block_text(to))).collect();
        let _ = write!(text, ", links: [{}]", links.join(", "));
    }
    text + "}"
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', " "))
}
