//! A comparison as text for people and for programs.

use super::{Compared, Side};
use crate::args::Format;
use crate::context::Context;
use abispec::evidence::ClauseKey;
use serde_json::json;
use std::io::{self, Write};

/// Lines of a list that people are shown unless they ask for all.
const SHOWN: usize = 40;

pub(super) fn write(
    compared: &Compared,
    left: &Side,
    right: &Side,
    rules: bool,
    context: &Context,
    out: &mut dyn Write,
) -> io::Result<()> {
    match context.format {
        Format::Human => human(compared, left, right, rules, out),
        Format::Json => lines(compared, left, right, rules, out),
    }
}

fn text(key: &ClauseKey) -> String {
    let errno = key.errno.as_ref().map_or_else(String::new, |errno| format!(".{errno}"));
    let command = key.command.as_ref().map_or_else(String::new, |command| format!("({command})"));
    format!("{}{command}{errno}  {}", key.syscall, key.text)
}

fn human(compared: &Compared, left: &Side, right: &Side, all: bool, out: &mut dyn Write) -> io::Result<()> {
    let (a, b) = (&left.kernel, &right.kernel);
    writeln!(out, "A is {a}, B is {b}")?;
    let rules = &compared.rules;
    writeln!(
        out,
        "clauses: seen on both {}, on A only {}, on B only {}, on neither {}; said of A only {}, of B only {}",
        rules.both,
        rules.left.len(),
        rules.right.len(),
        rules.neither,
        rules.only_left.len(),
        rules.only_right.len()
    )?;
    if all {
        let lists = [
            ("seen on A only", &rules.left),
            ("seen on B only", &rules.right),
            ("said of A only", &rules.only_left),
            ("said of B only", &rules.only_right),
        ];
        for (what, list) in lists {
            for key in list {
                writeln!(out, "  {what}: {}", text(key))?;
            }
        }
    }
    for (side, list) in ["A", "B"].iter().zip(&compared.findings) {
        for finding in list {
            writeln!(out, "found on {side} only: {finding}")?;
        }
    }
    if compared.programs == 0 {
        return writeln!(out, "answers: the two sides have none of the same programs (`abispec outcomes`)");
    }
    let unstated = compared.differing.iter().filter(|one| !one.stated).count();
    writeln!(
        out,
        "answers: {} programs on both, {} differences; the specification states {} of them",
        compared.programs,
        compared.differing.len(),
        compared.differing.len() - unstated
    )?;
    for one in compared.differing.iter().take(if all { usize::MAX } else { SHOWN }) {
        let stated = if one.stated { "stated" } else { "not stated" };
        writeln!(out, "{}: A answers {}, B answers {} ({} times, {stated})", one.call, one.left, one.right, one.times)?;
        for line in &one.example {
            writeln!(out, "    {line}")?;
        }
    }
    if !all && compared.differing.len() > SHOWN {
        writeln!(out, "and {} more; --rules shows all", compared.differing.len() - SHOWN)?;
    }
    Ok(())
}

fn lines(compared: &Compared, left: &Side, right: &Side, all: bool, out: &mut dyn Write) -> io::Result<()> {
    let rules = &compared.rules;
    let lists = [
        ("seen-left", &rules.left),
        ("seen-right", &rules.right),
        ("said-left", &rules.only_left),
        ("said-right", &rules.only_right),
    ];
    if all {
        for (what, list) in lists {
            for key in list {
                writeln!(out, "{}", json!({"rule": what, "clause": key}))?;
            }
        }
    }
    for (side, list) in ["left", "right"].iter().zip(&compared.findings) {
        for finding in list {
            writeln!(out, "{}", json!({"found": side, "finding": finding}))?;
        }
    }
    for one in &compared.differing {
        let line = json!({
            "differs": one.call, "left": one.left, "right": one.right, "times": one.times, "stated": one.stated,
            "program": one.example,
        });
        writeln!(out, "{line}")?;
    }
    let counts = lists.map(|(what, list)| (what, list.len()));
    let total = json!({
        "left": left.kernel, "right": right.kernel, "both": rules.both, "neither": rules.neither,
        "rules": counts.into_iter().collect::<std::collections::BTreeMap<_, _>>(), "programs": compared.programs,
    });
    writeln!(out, "{total}")
}
