//! JSON as KernelCI's database takes it, version 5 of its schema.

use super::{Origin, Section, details, knows_nothing};
use crate::finding::Severity;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{self, Write};

/// Who reports; whoever hands the file on puts the name there by which the database knows them.
const ORIGIN: &str = "abispec";
/// Characters of a log that a report may quote.
const EXCERPT: usize = 16_000;

/// Writes a run: each kernel is a checkout and a build, each engine, each finding and what was skipped a test of it.
pub(super) fn write(sections: &[Section<'_>], out: &mut dyn Write) -> io::Result<()> {
    let nothing = knows_nothing(sections);
    let mut checkouts: BTreeMap<String, Value> = BTreeMap::new();
    let mut builds: BTreeMap<String, Value> = BTreeMap::new();
    let mut tests = Vec::new();
    let nowhere = Origin { kernel: "none".to_owned(), arch: String::new(), started: 0 };
    for section in sections {
        let origin = section.origin.unwrap_or(&nowhere);
        let checkout = format!("{ORIGIN}:{}", plain(&origin.kernel));
        let build = format!("{checkout}:{}", origin.arch);
        checkouts.entry(checkout.clone()).or_insert_with(
            || json!({"id": checkout, "origin": ORIGIN, "git_commit_name": plain(&origin.kernel), "valid": true}),
        );
        builds.entry(build.clone()).or_insert_with(|| {
            json!({"id": build, "checkout_id": checkout, "origin": ORIGIN, "architecture": origin.arch, "status": "PASS"})
        });
        // The engine's own name, without the kernel that a report of several adds.
        let engine = path(section.name.split(' ').next().unwrap_or_default());
        let run = format!("{build}:{}:{engine}", origin.started);
        let status = match (section.errors() > 0, nothing, section.idle()) {
            (true, ..) => "FAIL",
            (false, true, _) => "MISS",
            (false, false, true) => "SKIP",
            (false, false, false) => "PASS",
        };
        let test = |id: String, path: String, status: &str| {
            let mut test = json!({"id": id, "build_id": build, "origin": ORIGIN, "path": path, "status": status});
            if origin.started > 0 {
                test["start_time"] = Value::from(rfc3339(origin.started));
            }
            test
        };
        let mut whole = test(run.clone(), format!("abispec.{engine}"), status);
        whole["duration"] = Value::from(section.seconds);
        whole["comment"] = Value::from(section.extent());
        whole["misc"] = json!({"compared": section.compared});
        tests.push(whole);
        for (number, finding) in section.findings.iter().enumerate() {
            let status = match finding.severity {
                Severity::Error => "FAIL",
                Severity::Warning => "DONE",
            };
            let path = format!("abispec.{engine}.{}.{}", path(&finding.subject), path(&finding.id));
            let mut one = test(format!("{run}:{}", number + 1), path, status);
            one["comment"] = Value::from(plain(&finding.message));
            let lines = details(finding).join("\n");
            one["log_excerpt"] = Value::from(plain(&lines.chars().take(EXCERPT).collect::<String>()));
            one["misc"] = serde_json::to_value(finding)?;
            tests.push(one);
        }
        for (number, (what, why)) in section.skipped.iter().enumerate() {
            let mut one = test(format!("{run}:skipped:{}", number + 1), format!("abispec.{engine}.skipped"), "SKIP");
            one["comment"] = Value::from(plain(&format!("{what}: {why}")));
            tests.push(one);
        }
    }
    let values = |map: BTreeMap<String, Value>| map.into_values().collect::<Vec<_>>();
    let report = json!({
        "version": {"major": 5, "minor": 3},
        "checkouts": values(checkouts),
        "builds": values(builds),
        "tests": tests,
    });
    serde_json::to_writer_pretty(&mut *out, &report)?;
    writeln!(out)
}

/// Text without what the database cannot hold.
fn plain(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// A part of a test's path: letters, digits, dashes and underscores.
fn path(text: &str) -> String {
    let fits = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    let path: String = text.chars().map(fits).take(100).collect();
    if path.is_empty() { "_".to_owned() } else { path }
}

/// A moment in UTC, given in seconds since the start of 1970.
fn rfc3339(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    // Years that begin with March have their odd day at the end; eras of 400 of them are alike.
    let shifted = days + 719_468;
    let (era, day) = (shifted / 146_097, shifted % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let of_month = of_year - (153 * month + 2) / 5 + 1;
    let (month, carry) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    let year = year + era * 400 + carry;
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{of_month:02}T{hour:02}:{minute:02}:{second:02}+00:00")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_those_of_the_calendar() {
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00+00:00"),
            (951_782_400, "2000-02-29T00:00:00+00:00"),
            (951_868_799, "2000-02-29T23:59:59+00:00"),
            (1_798_761_599, "2026-12-31T23:59:59+00:00"),
            (4_107_542_400, "2100-03-01T00:00:00+00:00"),
        ] {
            assert_eq!(rfc3339(seconds), expected);
        }
    }
}
