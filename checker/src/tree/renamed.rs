//! Calls that a port's own `asm/unistd.h` gives other names than the table that its numbers come from.

use crate::facts::{Entry, Fact, Facts, Source};
use crate::files::Files;
use std::sync::Arc;

/// Takes the names back that the header of a port undefines, and gives their numbers the names that it defines instead. The
/// port's own C table then names the function that serves the new name.
pub(super) fn rename(files: &dyn Files, folder: &str, facts: &mut Facts) {
    let path = format!("arch/{folder}/include/uapi/asm/unistd.h");
    let Some(text) = files.text(&path) else { return };
    let file: Arc<str> = Arc::from(files.show(&path));
    let directives = unconditional(&text);
    for (_, words) in &directives {
        let ["undef", name] = words.as_slice() else { continue };
        let Some(name) = name.strip_prefix("__NR_") else { continue };
        let Some(number) = facts.numbers.remove(name) else { continue };
        let abi = facts.entries.remove(name).map(|fact| fact.value.abi).unwrap_or_default();
        let defined = directives.iter().find_map(|(line, words)| match words.as_slice() {
            ["define", other, value] if value.parse() == Ok(number.value) => {
                Some((*line, other.strip_prefix("__NR_")?))
            }
            _ => None,
        });
        if let Some((line, other)) = defined {
            let source = Source::line(Arc::clone(&file), line, 1);
            let entry = Entry { abi, entry: Some(other.to_owned()), compat: None };
            facts.numbers.insert(other.to_owned(), Fact::new(number.value, source.clone()));
            facts.entries.insert(other.to_owned(), Fact::new(entry, source));
        }
    }
}

/// The directives that no condition decides about, each with its line and split into words.
fn unconditional(text: &str) -> Vec<(u32, Vec<&str>)> {
    let mut found = Vec::new();
    let mut depth = 0_usize;
    for (line, text) in (1..).zip(text.lines()) {
        let Some(rest) = text.trim_start().strip_prefix('#') else { continue };
        let words: Vec<&str> = rest.split_whitespace().collect();
        match words.first() {
            Some(&("if" | "ifdef" | "ifndef")) => depth += 1,
            Some(&"endif") => depth = depth.saturating_sub(1),
            _ if depth == 0 => found.push((line, words)),
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::WitnessKind;
    use crate::files::Memory;
    use abispec::arch::Arch;

    #[test]
    fn a_number_has_the_name_that_the_port_gives_it() {
        let header = "#include <asm/unistd_32.h>\n#define __NR_moor2 84\n#undef __NR_moor\n#undef __NR_sink\n\
            #ifdef QUAY\n#undef __NR_hoist\n#endif\n#undef __NR_unknown\n";
        let files = [("arch/quay/include/uapi/asm/unistd.h".to_owned(), header.as_bytes().to_vec())].into();
        let memory = Memory { name: "tree".to_owned(), files };
        let mut facts = Facts::new(WitnessKind::Tree, "tree", Arch::Csky);
        let place = || Source::line(Arc::from("table"), 1, 1);
        for (name, number) in [("moor", 84), ("sink", 7), ("hoist", 8)] {
            let entry = Entry { abi: "common".to_owned(), entry: Some(name.to_owned()), compat: None };
            facts.numbers.insert(name.to_owned(), Fact::new(number, place()));
            facts.entries.insert(name.to_owned(), Fact::new(entry, place()));
        }
        rename(&memory, "quay", &mut facts);
        let numbers: Vec<_> = facts.numbers.iter().map(|(name, fact)| (name.as_str(), fact.value)).collect();
        assert_eq!(numbers, [("hoist", 8), ("moor2", 84)]);
        assert_eq!(facts.numbers["moor2"].source.to_string(), "tree/arch/quay/include/uapi/asm/unistd.h:2:1");
        assert_eq!(facts.entries["moor2"].value.entry.as_deref(), Some("moor2"));
        assert_eq!(facts.entries.len(), 2);
    }
}
