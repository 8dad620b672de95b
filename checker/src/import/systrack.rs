//! systrack: what it found in one kernel image, as JSON.

use super::Mistake;
use crate::facts::{Claim, Fact, Facts, Parameter, Position, Prototype, Source, Unstated, WitnessKind};
use abispec::arch::Arch;
use abispec::finding::SourceFile;
use abispec::version::Release;
use serde_json::Value;
use std::sync::Arc;

pub(super) fn read(file: &SourceFile) -> Result<Vec<Facts>, Mistake> {
    let path = file.path.as_str();
    let json: Value = serde_json::from_str(&file.text)
        .map_err(|error| Mistake::at(path, error.line(), format!("it is no JSON: {error}")))?;
    let kernel = json.get("kernel").ok_or_else(|| Mistake::of(path, "it has no `kernel`"))?;
    let word = |outer: &str, key: &str| kernel.get(outer).and_then(|of| of.get(key)).and_then(Value::as_str);
    let arch = port(word("architecture", "name").unwrap_or_default(), word("abi", "name").unwrap_or_default());
    let arch = arch.ok_or_else(|| Mistake::of(path, "its architecture and ABI are no port that is known"))?;
    let source = Source { file: Arc::from(path), at: Position::Whole };
    let mut facts = Facts::new(WitnessKind::Import, path, arch);
    let version = kernel.get("version").and_then(Value::as_str).unwrap_or_default();
    if let Some(release) = release(version) {
        facts.release = Claim::Says { value: release, source: source.clone() };
    }
    let calls = json.get("syscalls").and_then(Value::as_array);
    for call in calls.ok_or_else(|| Mistake::of(path, "it has no list of `syscalls`"))? {
        let text = |key: &str| call.get(key).and_then(Value::as_str);
        let number = call.get("number").and_then(Value::as_u64).and_then(|number| u32::try_from(number).ok());
        let (Some(name), Some(number)) = (text("name"), number) else {
            return Err(Mistake::of(path, "a call of it has no name or no number"));
        };
        facts.numbers.insert(name.to_owned(), Fact::new(number, source.clone()));
        // Where it did not find the definition it says nothing of parameters.
        let Some(signature) = call.get("signature").and_then(Value::as_array) else { continue };
        let params = signature.iter().filter_map(Value::as_str).map(parameter).collect();
        let entry = text("origname").unwrap_or(name);
        facts.prototypes.insert(entry.to_owned(), Fact::new(Prototype { params }, source.clone()));
    }
    Ok(vec![facts])
}

/// `const char *pathname`: the name is the last word.
fn parameter(text: &str) -> Parameter {
    let text = text.trim();
    let start = text.rfind(|c: char| !c.is_ascii_alphanumeric() && c != '_').map_or(0, |index| index + 1);
    let (ty, name) = text.split_at(start);
    if ty.trim().is_empty() {
        return Parameter { name: String::new(), c_type: Err(Unstated::RegisterOnly) };
    }
    Parameter { name: name.to_owned(), c_type: Ok(ty.trim().to_owned()) }
}

fn port(architecture: &str, abi: &str) -> Option<Arch> {
    Some(match (architecture, abi) {
        ("x86", "x64") => Arch::X86_64,
        ("x86", "x32") => Arch::X32,
        ("x86", "ia32") => Arch::I386,
        ("arm", "eabi") => Arch::Arm,
        ("arm64", "aarch64") => Arch::Arm64,
        ("arm64", "aarch32") => Arch::Arm,
        ("mips", "o32") => Arch::MipsO32,
        ("mips", "n32") => Arch::MipsN32,
        ("mips", "n64") => Arch::MipsN64,
        ("powerpc", "ppc32") => Arch::Powerpc,
        ("powerpc", "ppc64") => Arch::Powerpc64,
        ("riscv", "rv64") => Arch::Riscv64,
        ("riscv", "rv32") => Arch::Riscv32,
        ("s390", "s390x") => Arch::S390x,
        _ => return None,
    })
}

/// `v6.12.3` or `6.12.3-rc1+`.
fn release(text: &str) -> Option<Release> {
    let text = text.strip_prefix('v').unwrap_or(text);
    text.split(|c: char| !c.is_ascii_digit() && c != '.').next()?.parse::<Release>().ok().map(Release::base)
}
