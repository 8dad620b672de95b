//! libseccomp's table: a line for each call, a column with the number for each port.

use super::Mistake;
use crate::facts::{Claim, Fact, Facts, Source, WitnessKind};
use abispec::arch::Arch;
use abispec::finding::SourceFile;
use abispec::version::Release;
use std::sync::Arc;

/// The columns with the ports that they are of, and what the table leaves out of the port's numbers.
const COLUMNS: [(&str, Arch, u32); 16] = [
    ("x86", Arch::I386, 0),
    ("x86_64", Arch::X86_64, 0),
    ("x32", Arch::X32, 0x4000_0000),
    ("arm", Arch::Arm, 0),
    ("aarch64", Arch::Arm64, 0),
    ("loongarch64", Arch::Loongarch64, 0),
    ("m68k", Arch::M68k, 0),
    ("mips", Arch::MipsO32, 4000),
    ("mips64", Arch::MipsN64, 5000),
    ("mips64n32", Arch::MipsN32, 6000),
    ("parisc", Arch::Parisc, 0),
    ("parisc64", Arch::Parisc64, 0),
    ("ppc", Arch::Powerpc, 0),
    ("ppc64", Arch::Powerpc64, 0),
    ("riscv64", Arch::Riscv64, 0),
    ("s390x", Arch::S390x, 0),
];

pub(super) fn read(file: &SourceFile) -> Result<Vec<Facts>, Mistake> {
    let path = file.path.as_str();
    let mut lines = file.text.lines().enumerate();
    let (_, head) = lines.next().ok_or_else(|| Mistake::of(path, "the file is empty"))?;
    let head: Vec<&str> = head.split(',').collect();
    let release = head.first().and_then(|first| first.strip_prefix("#syscall")).map(release);
    let Some(release) = release else {
        return Err(Mistake::at(path, 1, "the first line does not begin with `#syscall`"));
    };
    let name: Arc<str> = Arc::from(path);
    let mut found = Vec::new();
    for (column, arch, base) in COLUMNS {
        let Some(index) = head.iter().position(|title| *title == column) else { continue };
        let mut facts = Facts::new(WitnessKind::Import, format!("{path} ({column})"), arch);
        if let Some(release) = release {
            facts.release = Claim::Says { value: release, source: Source::line(name.clone(), 1, 1) };
        }
        found.push((index, base, facts));
    }
    if found.is_empty() {
        return Err(Mistake::at(path, 1, "no column is a port"));
    }
    for (line, row) in lines {
        let cells: Vec<&str> = row.split(',').collect();
        if row.is_empty() || row.starts_with('#') {
            continue;
        }
        if cells.len() != head.len() {
            let why = format!("the line has {} columns, the first one {}", cells.len(), head.len());
            return Err(Mistake::at(path, line + 1, why));
        }
        for (index, base, facts) in &mut found {
            // `PNR`: the port has no such call.
            let cell = cells[*index];
            if cell == "PNR" {
                continue;
            }
            let number: u32 = cell
                .parse()
                .map_err(|_| Mistake::at(path, line + 1, format!("`{cell}` is neither a number nor PNR")))?;
            let column: usize = cells[..*index].iter().map(|cell| cell.len() + 1).sum();
            let source = Source::line(
                name.clone(),
                u32::try_from(line + 1).unwrap_or(u32::MAX),
                u32::try_from(column + 1).unwrap_or(u32::MAX),
            );
            facts.numbers.insert(cells[0].to_owned(), Fact::new(number + *base, source));
        }
    }
    Ok(found.into_iter().map(|(_, _, facts)| facts).collect())
}

/// `(v7.1.0-rc4 2026-05-19)`: the kernel whose tables were read.
fn release(text: &str) -> Option<Release> {
    let word = text.trim().trim_start_matches('(').split_whitespace().next()?.strip_prefix('v')?;
    let numbers = word.split('-').next()?;
    numbers.parse::<Release>().ok().map(Release::base)
}
