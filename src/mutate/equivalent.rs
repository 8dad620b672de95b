//! Mutants that no run can tell from the specification, with the reason.

use crate::failure::Failure;
use serde::Deserialize;
use serde_yaml::Spanned;

/// One mutant that is equivalent.
#[derive(Debug)]
pub(crate) struct Entry {
    /// The system call.
    pub(crate) syscall: String,
    /// The mutant's id.
    pub(crate) mutant: String,
    /// What it changes; an entry holds only as long as this is so.
    pub(crate) change: String,
    /// Why nothing can tell.
    pub(crate) reason: String,
    /// Line of the file.
    pub(crate) line: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawEntry {
    syscall: Spanned<String>,
    mutant: String,
    change: String,
    reason: Spanned<String>,
}

/// Reads a list; `name` is its place for messages.
pub(crate) fn read(text: &str, name: &str) -> Result<Vec<Entry>, Failure> {
    let broken = |line: u64, column: u64, why: String| {
        Failure::new("the list of equivalent mutants is broken")
            .at(format!("{name}:{line}:{column}"))
            .why(why)
            .help("an entry has the keys `syscall`, `mutant`, `change` and `reason`")
    };
    let raw: Vec<RawEntry> = serde_yaml::from_str(text).map_err(|error| {
        let (line, column) = error.location().map_or((1, 1), |at| (at.line(), at.column()));
        let message = error.without_snippet().to_string();
        broken(line, column, message)
    })?;
    let mut entries: Vec<Entry> = Vec::new();
    for entry in raw {
        let (line, column) = (entry.reason.referenced.line(), entry.reason.referenced.column());
        if entry.reason.value.trim().is_empty() {
            return Err(broken(line, column, "a reason is missing".to_owned()));
        }
        let line = entry.syscall.referenced.line();
        let twice = |other: &Entry| other.syscall == entry.syscall.value && other.mutant == entry.mutant;
        if entries.iter().any(twice) {
            let why = format!("{} {} is listed twice", entry.syscall.value, entry.mutant);
            return Err(broken(line, entry.syscall.referenced.column(), why));
        }
        entries.push(Entry {
            syscall: entry.syscall.value,
            mutant: entry.mutant,
            change: entry.change,
            reason: entry.reason.value,
            line,
        });
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_projects_own_list_is_well_formed() {
        let text = include_str!("../../ci/equivalent-mutants.yaml");
        assert!(read(text, "ci/equivalent-mutants.yaml").is_ok_and(|list| !list.is_empty()));
    }

    #[test]
    fn an_entry_without_a_reason_one_with_a_strange_key_and_one_twice_are_refused() {
        let shown = |text: &str| format!("{:?}", read(text, "f.yaml").unwrap_err());
        let entry = "- syscall: a\n  mutant: b\n  change: c\n";
        assert!(read(&format!("{entry}  reason: d\n"), "f.yaml").is_ok());
        assert!(shown(entry).contains("reason"));
        assert!(shown(&format!("{entry}  reason: ''\n")).contains("f.yaml:4:"));
        assert!(shown(&format!("{entry}  reason: d\n  extra: e\n")).contains("extra"));
        assert!(shown(&format!("{entry}  reason: d\n{entry}  reason: d\n")).contains("listed twice"));
    }
}
