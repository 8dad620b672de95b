//! `--rules`: the clauses that a run is aimed at.

use crate::failure::Failure;
use abispec::model::Spec;
use abispec::suggest::nearest;
use abispec::target::{Clause, ClauseId, ClauseKind, Resolved};
use abispec_fuzzer::coverage;
use std::collections::BTreeSet;

/// The clauses that words name: `dup.EBADF`, a law, or the place that `--unseen` prints, with or without its folder and column.
pub(super) fn named(spec: &Spec, resolved: &Resolved, words: &[String]) -> Result<BTreeSet<ClauseId>, Failure> {
    let ids: Vec<(ClauseId, [String; 2])> = resolved
        .clauses
        .iter()
        .enumerate()
        .map(|(index, clause)| (coverage::id(index), [name(clause), spec.place(clause.at).to_string()]))
        .collect();
    let mut found = BTreeSet::new();
    for word in words {
        let is_named = |[name, place]: &[String; 2]| name == word || is_place(place, word);
        let named: Vec<ClauseId> = ids.iter().filter(|(_, both)| is_named(both)).map(|(id, _)| *id).collect();
        if named.is_empty() {
            let near = nearest(word, ids.iter().flat_map(|(_, both)| both.iter().map(String::as_str)));
            let failure = Failure::new(format!("the specification has no rule `{word}` for this kernel"));
            return Err(failure.help(match near {
                Some(near) => format!("did you mean `{near}`?"),
                None => "name it like `dup.EBADF`, like a law, or by the place that `--unseen` prints".to_owned(),
            }));
        }
        found.extend(named);
    }
    Ok(found)
}

fn name(clause: &Clause) -> String {
    match clause.errno {
        Some(errno) => format!("{}.{}", clause.syscall, errno.name()),
        None => match clause.kind {
            ClauseKind::Law => clause.syscall.clone(),
            _ => String::new(),
        },
    }
}

/// Whether a word is a place: `spec/syscalls/dup.yaml:12:7`, `dup.yaml:12`.
fn is_place(place: &str, word: &str) -> bool {
    if !word.contains(".yaml:") {
        return false;
    }
    let line = place.rsplit_once(':').map_or(place, |(line, _)| line);
    [place, line]
        .into_iter()
        .any(|whole| whole == word || whole.strip_suffix(word).is_some_and(|rest| rest.ends_with('/')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_named_from_their_end() {
        let place = "spec/syscalls/dup.yaml:12:7";
        for word in [place, "spec/syscalls/dup.yaml:12", "syscalls/dup.yaml:12:7", "dup.yaml:12"] {
            assert!(is_place(place, word), "{word}");
        }
        for word in ["", "12:7", "dup.yaml:1", "up.yaml:12", "dup.yaml:12:8", "dup.yaml"] {
            assert!(!is_place(place, word), "{word}");
        }
    }
}
