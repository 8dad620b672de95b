//! JUnit XML, which nearly every CI system shows.

use super::{Section, details, knows_nothing, text};
use crate::finding::{Finding, Severity};
use std::io::{self, Write};

/// Writes a run: a suite for each engine. Its first case is the engine itself, the others are its findings and what it
/// skipped. A warning is a case that passed and has something to say.
pub(super) fn write(sections: &[Section<'_>], out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, r#"<?xml version="1.0" encoding="UTF-8"?>"#)?;
    writeln!(out, "<testsuites>")?;
    let nothing = knows_nothing(sections);
    for section in sections {
        let idle = section.idle();
        let skipped = section.skipped.len() + usize::from(idle && !nothing);
        writeln!(
            out,
            r#"  <testsuite name="abispec.{}" tests="{}" failures="{}" errors="{}" skipped="{skipped}" time="{:.3}">"#,
            escaped(section.name),
            1 + section.findings.len() + section.skipped.len(),
            section.errors(),
            u8::from(nothing),
            section.seconds
        )?;
        let class = format!("abispec.{}", section.name);
        let extent = section.extent();
        let body = match (nothing, idle) {
            (true, _) => Body::Error("nothing was compared"),
            (false, true) => Body::Skipped("nothing was compared"),
            (false, false) => Body::Said(&extent),
        };
        case(&class, section.name, &body, out)?;
        for finding in section.findings {
            let name = format!("{}: {}", finding.subject, finding.message);
            let class = format!("{class}.{}", finding.id);
            let body = match finding.severity {
                Severity::Error => Body::Failure(finding),
                Severity::Warning => Body::Warning(finding),
            };
            case(&class, &name, &body, out)?;
        }
        for (what, why) in &section.skipped {
            case(&class, what, &Body::Skipped(why), out)?;
        }
        writeln!(out, "  </testsuite>")?;
    }
    writeln!(out, "</testsuites>")
}

/// What stands in a case.
enum Body<'a> {
    Failure(&'a Finding),
    Warning(&'a Finding),
    Error(&'a str),
    Skipped(&'a str),
    Said(&'a str),
}

fn case(class: &str, name: &str, body: &Body<'_>, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, r#"    <testcase classname="{}" name="{}">"#, escaped(class), escaped(name))?;
    match body {
        Body::Failure(finding) => writeln!(
            out,
            r#"      <failure type="{}" message="{}">{}</failure>"#,
            escaped(&finding.id),
            escaped(&finding.message),
            escaped(&details(finding).join("\n"))
        ),
        Body::Warning(finding) => writeln!(
            out,
            "      <system-out>warning[{}]: {}\n{}</system-out>",
            escaped(&finding.id),
            escaped(&finding.message),
            escaped(&details(finding).join("\n"))
        ),
        Body::Error(why) => {
            writeln!(out, r#"      <error type="nothing-compared" message="{0}">{0}</error>"#, escaped(why))
        }
        Body::Skipped(why) => {
            writeln!(out, r#"      <skipped type="skipped" message="{0}">{0}</skipped>"#, escaped(why))
        }
        Body::Said(text) => writeln!(out, "      <system-out>{}</system-out>", escaped(text)),
    }?;
    writeln!(out, "    </testcase>")
}

/// Text of an element or attribute; what XML 1.0 cannot hold becomes the replacement character.
fn escaped(text: &str) -> String {
    text::escaped(text, |c| !c.is_control() && !matches!(c, '\u{fffe}' | '\u{ffff}'))
}
