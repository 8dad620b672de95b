//! Where names come from, by the texts of headers: a judge needs not understand them, the compiler does.

use std::collections::{BTreeMap, BTreeSet};

/// Which headers define a name.
#[derive(Debug)]
pub(crate) struct Definers {
    headers: BTreeMap<String, BTreeSet<String>>,
}

impl Definers {
    /// From the text of each header and the header that a program includes to see it.
    pub(crate) fn of(texts: impl Iterator<Item = (String, String)>) -> Self {
        let mut headers: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (text, through) in texts {
            for name in defined(&text) {
                headers.entry(name.to_owned()).or_default().insert(through.clone());
            }
        }
        Self { headers }
    }

    /// The header that alone defines a name, or that does so for the others: `asm/` has what a port defines.
    pub(crate) fn only(&self, name: &str) -> Option<&str> {
        let found = self.headers.get(name)?;
        let of_the_port = || found.iter().filter(|header| header.starts_with("asm/"));
        let mut candidates: Vec<&String> = found.iter().collect();
        if candidates.len() > 1 && of_the_port().count() == 1 {
            candidates = of_the_port().collect();
        }
        if let [only] = candidates.as_slice() { Some(only) } else { None }
    }
}

/// The names of macros, of structs and unions with members, of types and of enumerators that begin a line.
fn defined(text: &str) -> BTreeSet<&str> {
    let mut found = BTreeSet::new();
    for line in text.lines() {
        let line = line.trim();
        if let Some(rest) = after_define(line) {
            found.insert(split_name(rest).0);
        } else if let Some(rest) = line.strip_prefix("struct ").or_else(|| line.strip_prefix("union ")) {
            let (name, rest) = split_name(rest.trim_start());
            if rest.trim_start().starts_with('{') || rest.is_empty() {
                found.insert(name);
            }
        } else if line.starts_with("typedef ") || line.starts_with('}') {
            let end = line.trim_end_matches(';').rfind(|c: char| !is_of_name(c)).map_or(0, |at| at + 1);
            found.insert(split_name(line.get(end..).unwrap_or_default()).0);
        } else {
            let (name, rest) = split_name(line);
            if rest.trim_start().starts_with([',', '=']) {
                found.insert(name);
            }
        }
    }
    found.remove("");
    found
}

/// The names after `#define` that have a replacement and no parameters.
pub(crate) fn object_macros(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for rest in text.lines().filter_map(|line| after_define(line.trim_start())) {
        let (name, body) = split_name(rest);
        if !name.is_empty() && !body.starts_with('(') && !body.trim().is_empty() {
            found.insert(name.to_owned());
        }
    }
    found
}

fn after_define(line: &str) -> Option<&str> {
    Some(line.strip_prefix('#')?.trim_start().strip_prefix("define")?.trim_start())
}

fn split_name(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c| !is_of_name(c)).unwrap_or(text.len()))
}

fn is_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}
