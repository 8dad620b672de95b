//! Tables of flags and enumerations in the form of strace's own sources, one file for each set.

use super::{Document, Selection};
use std::fmt::Write;

/// Writes a table for each set that the chosen calls lead to: `NAME.in`, for the folder that strace's generator reads.
///
/// strace defines what the system's headers lack and compares the other values with theirs when it is compiled.
/// Members of an enumeration stand in the order of their values. Masks follow the flags that they cover, since strace
/// takes out what it has printed.
pub fn strace(selection: &Selection<'_>) -> Vec<Document> {
    let mut documents = Vec::new();
    for name in selection.reach().sets {
        let Some(set) = selection.resolved.sets.get(name).filter(|set| !set.members.is_empty()) else { continue };
        let header = selection.spec.sets.get(name).and_then(|set| set.header.as_ref());
        let mut text = String::new();
        if set.exclusive {
            text.push_str("#sorted\n");
        }
        if let Some(header) = header {
            let _ = writeln!(text, "/* <{}> of {} */", header.value, selection.title());
        }
        let mut members: Vec<_> = set.members.iter().filter(|member| !set.exclusive || !member.mask).collect();
        if set.exclusive {
            // strace compares values without a sign.
            members.sort_by_key(|member| (member.value < 0, member.value));
            members.dedup_by_key(|member| member.value);
        } else {
            members.sort_by_key(|member| member.mask);
        }
        for member in members {
            if member.value < 0 {
                let _ = writeln!(text, "{}\t{}", member.name, member.value);
            } else {
                let _ = writeln!(text, "{}\t{:#x}", member.name, member.value);
            }
        }
        documents.push(Document { name: format!("{name}.in"), text });
    }
    documents
}
