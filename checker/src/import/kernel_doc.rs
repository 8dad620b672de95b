//! Comments with the tags of the kernel's API specifications, in any C file.

use super::Mistake;
use crate::facts::{Attribution, Fact, Facts, Parameter, Prototype, Source, Unstated, WitnessKind};
use abispec::arch::Arch;
use abispec::errno::Errno;
use abispec::finding::SourceFile;
use std::sync::Arc;

/// A comment that is being read.
struct Open {
    call: String,
    /// Whether any tag of an API specification was met; other comments say nothing here.
    specified: bool,
    params: Vec<Parameter>,
    errnos: Vec<(String, Source)>,
    at: Source,
}

pub(super) fn read(files: &[SourceFile], arch: Arch) -> Result<Vec<Facts>, Mistake> {
    let witness: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
    let mut facts = Facts::new(WitnessKind::Import, witness.join(", "), arch);
    for file in files {
        let path: Arc<str> = Arc::from(file.path.as_str());
        let mut open: Option<Open> = None;
        let mut inside = false;
        for (index, line) in file.text.lines().enumerate() {
            let trimmed = line.trim_start();
            if trimmed.starts_with("/**") {
                inside = true;
            }
            let ends = inside && trimmed.contains("*/");
            if inside {
                let body = trimmed.trim_start_matches(['/', '*']);
                let column = u32::try_from(line.len() - body.len() + 1).unwrap_or(1);
                let at = Source::line(path.clone(), u32::try_from(index + 1).unwrap_or(u32::MAX), column);
                tag(body.trim_end().trim_end_matches("*/"), at, &mut open);
            }
            if ends {
                inside = false;
                if let Some(done) = open.take().filter(|open| open.specified) {
                    close(done, &mut facts);
                }
            }
        }
        if inside {
            return Err(Mistake::of(&file.path, "its last comment does not end"));
        }
    }
    if facts.prototypes.is_empty() {
        let first = files.first().map_or("", |file| file.path.as_str());
        return Err(Mistake::of(
            first,
            "no comment specifies a system call: `sys_NAME - ...` with `param:` or `error:`",
        ));
    }
    Ok(vec![facts])
}

fn tag(body: &str, at: Source, open: &mut Option<Open>) {
    // What belongs to a tag is indented by more than the tag itself.
    let text = body.strip_prefix(' ').unwrap_or(body);
    if open.is_none() {
        let name = text.split_once(" - ").map(|(name, _)| name.trim().trim_end_matches("()"));
        if let Some(call) = name.and_then(|name| name.strip_prefix("sys_")) {
            *open = Some(Open { call: call.to_owned(), specified: false, params: Vec::new(), errnos: Vec::new(), at });
        }
        return;
    }
    let Some(found) = open else { return };
    let Some((key, value)) = text.split_once(':') else { return };
    match key {
        "param" => {
            found.specified = true;
            let name = value.split(',').next().unwrap_or_default().trim().to_owned();
            found.params.push(Parameter { name, c_type: Err(Unstated::RegisterOnly) });
        }
        "error" => {
            found.specified = true;
            let name = value.trim().trim_start_matches('-').split([',', ' ']).next().unwrap_or_default();
            if Errno::from_name(name).is_some() {
                found.errnos.push((name.to_owned(), at));
            }
        }
        "context-flags" | "api-type" | "return" => found.specified = true,
        _ => {}
    }
}

fn close(done: Open, facts: &mut Facts) {
    for (errno, source) in done.errnos {
        let errnos = facts.errnos.entry(done.call.clone()).or_default();
        errnos.entry(errno).or_insert_with(|| Fact::new(Attribution::Single, source));
    }
    facts.prototypes.insert(done.call, Fact::new(Prototype { params: done.params }, done.at));
}
