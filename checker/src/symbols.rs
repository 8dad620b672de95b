//! A kernel's list of its own symbols, as `/proc/kallsyms` shows it or as `System.map` holds it: which system calls it serves.

use crate::facts::{Fact, Facts, Source, WitnessKind};
use abispec::arch::Arch;
use std::fs;
use std::path::Path;
use std::sync::Arc;

/// Reads which of the system calls that `wanted` accepts, by their functions' names behind `sys_`, a kernel serves.
///
/// # Errors
/// When the file cannot be read, or lists no function of a system call.
pub fn read_symbols(path: &Path, arch: Arch, wanted: &dyn Fn(&str) -> bool) -> Result<Facts, String> {
    let shown = path.display().to_string();
    let text = fs::read_to_string(path).map_err(|error| format!("{shown}: {error}"))?;
    read_symbols_text(&shown, &text, arch, wanted)
}

/// Reads such a list from memory; see [`read_symbols`].
///
/// # Errors
/// When it lists no function of a system call.
pub fn read_symbols_text(
    witness: &str,
    text: &str,
    arch: Arch,
    wanted: &dyn Fn(&str) -> bool,
) -> Result<Facts, String> {
    let mut facts = Facts::new(WitnessKind::Symbols, witness, arch);
    let file: Arc<str> = Arc::from(witness);
    let mut any = false;
    for (line, text) in (1..).zip(text.lines()) {
        let Some((kind, symbol)) = symbol(text) else { continue };
        let Some(name) = symbol.strip_prefix(prefix(arch)) else { continue };
        any = true;
        // A weak function stands for every call that this kernel was built without, and answers ENOSYS.
        let serves = match kind {
            'T' | 't' => true,
            'W' | 'w' => false,
            _ => continue,
        };
        if wanted(name) {
            facts.served.insert(name.to_owned(), Fact::new(serves, Source::line(file.clone(), line, 1)));
        }
    }
    if any { Ok(facts) } else { Err(format!("{witness} lists no function of a system call")) }
}

/// A line's kind of symbol and its name. Symbols of modules are none of the kernel's own.
fn symbol(line: &str) -> Option<(char, &str)> {
    let mut words = line.split_ascii_whitespace();
    let (_, kind, name) = (words.next()?, words.next()?, words.next()?);
    let (kind, none) = (kind.chars().next()?, words.next().is_none());
    none.then_some((kind, name))
}

/// What the functions that a port's table of system calls names begin with.
fn prefix(arch: Arch) -> &'static str {
    match arch {
        Arch::X86_64 => "__x64_sys_",
        Arch::Arm64 => "__arm64_sys_",
        Arch::Riscv64 => "__riscv_sys_",
        Arch::S390x => "__s390x_sys_",
        _ => "sys_",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "\
ffffffff81000000 T __x64_sys_open
ffffffff81000010 t __do_sys_open
ffffffff81000020 W __x64_sys_kexec_load
ffffffff81000030 T __ia32_sys_close
ffffffff81000040 D __x64_sys_data
ffffffffc0000000 t __x64_sys_module\t[module]
0000000000000000 T __x64_sys_unasked
";

    #[test]
    fn weak_functions_stand_for_what_is_not_served() {
        let facts = read_symbols_text("map", LIST, Arch::X86_64, &|name| name != "unasked").expect("a list");
        let found: Vec<_> = facts.served.iter().map(|(name, fact)| (name.as_str(), fact.value)).collect();
        assert_eq!(found, [("kexec_load", false), ("open", true)]);
        assert_eq!(facts.served["kexec_load"].source.to_string(), "map:3:1");
    }

    #[test]
    fn a_list_without_calls_is_none() {
        for text in ["", "\n", "x\n", "ffffffffffffffff B The real System.map is elsewhere\n", "\0 \0 \0"] {
            assert!(read_symbols_text("map", text, Arch::X86_64, &|_| true).is_err(), "{text:?}");
        }
        assert!(read_symbols(Path::new("/nonexistent"), Arch::X86_64, &|_| true).is_err());
    }
}
