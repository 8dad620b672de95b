//! kernel-abi-tools: a line for each call of x86_64 with its number and the first mainline release that has it.

use super::Mistake;
use crate::facts::{Fact, Facts, Source, WitnessKind};
use abispec::arch::Arch;
use abispec::finding::SourceFile;
use abispec::version::Release;
use std::sync::Arc;

pub(super) fn read(file: &SourceFile) -> Result<Vec<Facts>, Mistake> {
    let path = file.path.as_str();
    let name: Arc<str> = Arc::from(path);
    let mut facts = Facts::new(WitnessKind::Import, path, Arch::X86_64);
    let mut rows: Vec<(&str, Release, Source)> = Vec::new();
    for (index, line) in file.text.lines().enumerate() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let mistake = |why: &str| Mistake::at(path, index + 1, why);
        let cells: Vec<&str> = line.split('\t').collect();
        let [number, call, release] = cells[..] else {
            return Err(mistake("the line is not a number, a name and a release, with tabs between them"));
        };
        let number: u32 = number.parse().map_err(|_| mistake("the first column is no number"))?;
        let release: Release = release.parse().map_err(|_| mistake("the third column is no release"))?;
        let source = Source::line(name.clone(), u32::try_from(index + 1).unwrap_or(u32::MAX), 1);
        facts.numbers.insert(call.to_owned(), Fact::new(number, source.clone()));
        rows.push((call, release, source));
    }
    // What the oldest release has may be older.
    let Some(oldest) = rows.iter().map(|(_, release, _)| *release).min() else {
        return Err(Mistake::of(path, "no line has a call"));
    };
    for (call, release, source) in rows.into_iter().filter(|(_, release, _)| *release > oldest) {
        facts.since.insert(call.to_owned(), Fact::new(release, source));
    }
    Ok(vec![facts])
}
