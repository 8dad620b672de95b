//! What was found, each with the kernels that show it and the programs that show it again.

use super::{Nights, escape};
use crate::finding::Severity;
use crate::journal::digest::{name, series};
use crate::journal::{Reported, Waived};
use std::collections::BTreeMap;
use std::fmt::Write;

/// Bytes of programs that a page may hold; what comes after is named only.
const PROGRAMS: usize = 900_000;

/// A divergence, on whatever kernels.
struct Shown<'a> {
    reported: &'a Reported,
    kernels: Vec<&'a str>,
    new: bool,
}

pub(super) fn write(nights: &Nights<'_>, explain: &dyn Fn(&str) -> Option<&'static str>, out: &mut String) {
    let mut shown: BTreeMap<String, Shown<'_>> = BTreeMap::new();
    for run in nights.runs {
        for reported in &run.findings {
            let name = name(run, reported);
            let new = nights.new.contains(&name);
            // The same on all kernels: what it is called behind the kernel's own name.
            let own = format!("{} ", series(&run.head.kernel));
            let alike = name.strip_prefix(&own).unwrap_or(&name).to_owned();
            let one = shown.entry(alike).or_insert(Shown { reported, kernels: Vec::new(), new: false });
            one.kernels.push(&run.head.kernel);
            one.new |= new;
        }
    }
    let mut list: Vec<Shown<'_>> = shown.into_values().collect();
    list.sort_by_key(|one| (!one.new, one.reported.finding.severity == Severity::Warning));
    out.push_str("<section id=\"findings\">\n<h2>Findings</h2>\n");
    if list.is_empty() {
        out.push_str("<p>Nothing diverges that is not known.</p>\n");
    }
    let mut room = PROGRAMS;
    for one in &list {
        finding(one, explain, &mut room, out);
    }
    known(nights, out);
    out.push_str("</section>\n");
}

fn finding(one: &Shown<'_>, explain: &dyn Fn(&str) -> Option<&'static str>, room: &mut usize, out: &mut String) {
    let finding = &one.reported.finding;
    let class = if finding.severity == Severity::Error { "error" } else { "warning" };
    let new = if one.new { " <strong class=\"tag\">new</strong>" } else { "" };
    let kernels: String =
        one.kernels.iter().map(|kernel| format!(" <span class=\"tag\">{}</span>", escape(kernel))).collect();
    let _ = writeln!(
        out,
        "<details class=\"{class}\"><summary><b>{}</b> <code>{}</code>{new}{kernels}<br>{}</summary>\n<dl>",
        escape(&finding.subject),
        escape(&finding.id),
        escape(&finding.message)
    );
    let place = finding.spec.as_ref().map(ToString::to_string);
    let facts = [
        ("specification", &place),
        ("clause", &finding.clause),
        ("other side", &finding.other),
        ("expected", &finding.expected),
        ("actual", &finding.actual),
        ("help", &finding.help),
    ];
    for (label, value) in facts {
        if let Some(value) = value {
            let _ = writeln!(out, "<dt>{label}</dt><dd>{}</dd>", escape(value));
        }
    }
    if let Some(text) = explain(&finding.id) {
        let _ = writeln!(out, "<dt>means</dt><dd>{}</dd>", escape(text.trim()));
    }
    out.push_str("</dl>\n");
    if !finding.trace.is_empty() {
        let _ = writeln!(out, "<pre>{}</pre>", escape(&finding.trace.join("\n")));
    }
    for (file, text) in &one.reported.texts {
        if let Some(left) = room.checked_sub(text.len()) {
            *room = left;
            let _ =
                writeln!(out, "<details><summary>{}</summary>\n<pre>{}</pre>\n</details>", escape(file), escape(text));
        } else {
            let _ = writeln!(out, "<p>{} is in the journal.</p>", escape(file));
        }
    }
    out.push_str("</details>\n");
}

fn known(nights: &Nights<'_>, out: &mut String) {
    let mut known: BTreeMap<(&str, &str), (&Waived, Vec<&str>)> = BTreeMap::new();
    for run in nights.runs {
        for waived in &run.known {
            let key = (waived.finding.subject.as_str(), waived.reason.as_str());
            let kernels = &mut known.entry(key).or_insert((waived, Vec::new())).1;
            if !kernels.contains(&run.head.kernel.as_str()) {
                kernels.push(&run.head.kernel);
            }
        }
    }
    if known.is_empty() {
        return;
    }
    let _ = writeln!(out, "<details><summary>{} known</summary>\n<ul>", known.len());
    for ((subject, reason), (waived, kernels)) in known {
        let reason = reason.split_whitespace().collect::<Vec<_>>().join(" ");
        let link = match &waived.link {
            Some(link) if link.starts_with("https://") || link.starts_with("http://") => {
                format!(" <a href=\"{0}\">{0}</a>", escape(link))
            }
            Some(link) => format!(" {}", escape(link)),
            None => String::new(),
        };
        let _ = writeln!(
            out,
            "<li><b>{}</b> <code>{}</code> on {}: {}{link}</li>",
            escape(subject),
            escape(&waived.finding.id),
            escape(&kernels.join(", ")),
            escape(&reason)
        );
    }
    out.push_str("</ul>\n</details>\n");
}
