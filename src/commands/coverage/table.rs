//! How coverage is written: for people, for programs, and as a table of a document.

use super::{Row, Survey};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{self, Write};

/// The scopes of errors of pages.
const SCOPES: [&str; 3] = ["single", "marked", "shared"];

fn percent(part: usize, whole: usize) -> String {
    if whole == 0 { "-".to_owned() } else { format!("{:.1} %", part as f64 * 100.0 / whole as f64) }
}

fn share(counts: &super::Counts) -> String {
    let (decided, all): (usize, usize) = (counts.decided().iter().sum(), counts.all.iter().sum());
    if all == 0 { "-".to_owned() } else { format!("{decided}/{all}") }
}

fn seen(survey: &Survey<'_>, row: &Row) -> String {
    if survey.kernels.is_empty() { "-".to_owned() } else { format!("{}/{}", row.seen, row.executable) }
}

/// Where calls are tried, and how many.
fn places<'a>(survey: &'a Survey<'_>) -> BTreeMap<(&'static str, &'a str), usize> {
    let mut places = BTreeMap::new();
    for (_, tried, _) in &survey.rows {
        *places.entry((tried.word(), tried.reason().unwrap_or("in the sandbox of any machine"))).or_default() += 1;
    }
    places
}

/// The lines below the table.
fn summary(survey: &Survey<'_>) -> Vec<String> {
    let total = &survey.total;
    let target = &survey.resolved.target;
    let mut lines = vec![
        format!(
            "{} error rules: {} `when`, {} `may` with a condition, {} `may: true`; {} have a condition",
            total.rules(),
            total.when,
            total.conditional,
            total.always,
            percent(total.rules() - total.always, total.rules())
        ),
        format!("{} members of flag sets and {} fields of structs", total.flags, total.fields),
        format!(
            "Linux {} on {}: {} error rules with those that follow from types, {} of them executable",
            target.release, target.arch, total.here, total.executable
        ),
    ];
    if !survey.kernels.is_empty() {
        let by_kernel: Vec<String> = survey
            .kernels
            .iter()
            .map(|kernel| format!("{} on {kernel}", total.kernels.get(kernel).copied().unwrap_or(0)))
            .collect();
        lines.push(format!(
            "{} executable rules seen somewhere ({}): {}",
            total.seen,
            percent(total.seen, total.executable),
            by_kernel.join(", ")
        ));
    }
    if survey.pages {
        let counts = &total.pairs;
        for (scope, name) in SCOPES.iter().enumerate() {
            lines.push(format!(
                "errors of pages, {name}: {} of {} decided ({}): {} have a rule, {} are mistakes of the page, {} belong to another call of it",
                counts.decided()[scope],
                counts.all[scope],
                percent(counts.decided()[scope], counts.all[scope]),
                counts.ruled[scope],
                counts.mistaken[scope],
                counts.others[scope]
            ));
        }
    }
    if let Some((all, lacking)) = &survey.listed {
        lines.push(format!("{} of {all} calls of the tree's table have a file", all - lacking.len()));
    }
    lines
}

/// For people.
pub(super) fn human(survey: &Survey<'_>, out: &mut dyn Write) -> io::Result<()> {
    let bold = anstyle::Style::new().bold();
    let dim = anstyle::Style::new().dimmed();
    let names = survey.rows.iter().map(|(call, ..)| call.name.value.len());
    let width = names.max().unwrap_or(0).max("system call".len());
    writeln!(
        out,
        "{bold}{:<width$}  tried  when   may  may: true  flags  fields  errors of pages       seen{bold:#}",
        "system call"
    )?;
    for (call, tried, row) in &survey.rows {
        line(out, width, &call.name.value, tried.word(), row, survey)?;
    }
    write!(out, "{bold}")?;
    line(out, width, &format!("{} calls", survey.rows.len()), "", &survey.total, survey)?;
    write!(out, "{bold:#}{dim}")?;
    for text in summary(survey) {
        writeln!(out, "{text}")?;
    }
    for ((word, why), count) in places(survey) {
        writeln!(out, "{count:>4} calls {word}: {why}")?;
    }
    write!(out, "{dim:#}")?;
    missing(survey, out)
}

/// What both tables show of a row.
fn cells(survey: &Survey<'_>, row: &Row) -> [String; 7] {
    let counts = [row.when, row.conditional, row.always, row.flags, row.fields].map(|count| count.to_string());
    let [when, conditional, always, flags, fields] = counts;
    [when, conditional, always, flags, fields, share(&row.pairs), seen(survey, row)]
}

fn line(out: &mut dyn Write, width: usize, name: &str, tried: &str, row: &Row, survey: &Survey<'_>) -> io::Result<()> {
    let [when, conditional, always, flags, fields, pages, seen] = cells(survey, row);
    writeln!(
        out,
        "{name:<width$}  {tried:<5}  {when:>4}  {conditional:>4}  {always:>9}  {flags:>5}  {fields:>6}  {pages:>15}  {seen:>9}"
    )
}

/// What is missing, a line each. What no file describes is always said.
fn missing(survey: &Survey<'_>, out: &mut dyn Write) -> io::Result<()> {
    for name in survey.listed.iter().flat_map(|(_, lacking)| lacking) {
        writeln!(out, "no file describes {name}")?;
    }
    if !survey.missing {
        return Ok(());
    }
    for (call, errno, page) in &survey.undecided {
        writeln!(out, "no rule for {call}.{errno}, which {page}(2) names")?;
    }
    if !survey.kernels.is_empty() {
        for clause in &survey.unseen {
            let command = clause.command.as_ref().map(|command| format!("({command})")).unwrap_or_default();
            let errno = clause.errno.map(|errno| errno.name()).unwrap_or_default();
            writeln!(out, "not seen: {}{command}.{errno}  {}", clause.syscall, clause.text)?;
        }
    }
    Ok(())
}

fn row_json(row: &Row) -> Value {
    let counts = &row.pairs;
    let scopes: serde_json::Map<String, Value> = SCOPES
        .iter()
        .enumerate()
        .map(|(scope, name)| {
            let value = json!({
                "all": counts.all[scope], "rule": counts.ruled[scope], "mistake_of_page": counts.mistaken[scope],
                "other_call": counts.others[scope],
            });
            ((*name).to_owned(), value)
        })
        .collect();
    json!({
        "when": row.when, "may": row.conditional, "may_true": row.always, "rules_here": row.here,
        "executable": row.executable, "seen": row.seen, "seen_by_kernel": row.kernels, "flags": row.flags,
        "fields": row.fields, "pages": scopes,
    })
}

/// For programs, one value a line.
pub(super) fn json(survey: &Survey<'_>, out: &mut dyn Write) -> io::Result<()> {
    for (call, tried, row) in &survey.rows {
        let mut line = row_json(row);
        line["syscall"] = json!(call.name.value);
        line["tried"] = json!(tried.word());
        line["why"] = json!(tried.reason());
        writeln!(out, "{line}")?;
    }
    let mut line = row_json(&survey.total);
    line["total"] = json!(survey.rows.len());
    line["kernel"] = json!(survey.resolved.target.release.to_string());
    line["arch"] = json!(survey.resolved.target.arch.name());
    line["kernels"] = json!(survey.kernels);
    if let Some((all, lacking)) = &survey.listed {
        line["table"] = json!(all);
        line["without_file"] = json!(lacking);
    }
    if survey.pages {
        let undecided: Vec<Value> = survey
            .undecided
            .iter()
            .map(|(call, errno, page)| json!({"syscall": call, "errno": errno, "page": page}))
            .collect();
        line["undecided"] = json!(undecided);
    }
    writeln!(out, "{line}")
}

/// A table in Markdown.
pub(super) fn markdown(survey: &Survey<'_>, out: &mut dyn Write) -> io::Result<()> {
    for text in summary(survey) {
        writeln!(out, "- {text}")?;
    }
    writeln!(out, "\n| calls | tried | why |\n|---:|---|---|")?;
    for ((word, why), count) in places(survey) {
        writeln!(out, "| {count} | {word} | {why} |")?;
    }
    let (titles, rule): (String, String) =
        survey.kernels.iter().map(|kernel| (format!(" {kernel} |"), "---:|".to_owned())).unzip();
    writeln!(out, "\n| call | tried | when | may | may: true | flags | fields | errors of pages | seen |{titles}")?;
    writeln!(out, "|---|---|---:|---:|---:|---:|---:|---:|---:|{rule}")?;
    for (call, tried, row) in &survey.rows {
        table_line(survey, &format!("`{}`", call.name.value), tried.word(), row, out)?;
    }
    table_line(survey, &format!("{} calls", survey.rows.len()), "", &survey.total, out)?;
    if survey.missing && !survey.undecided.is_empty() {
        writeln!(out)?;
        for (call, errno, page) in &survey.undecided {
            writeln!(out, "- no rule for {call}.{errno}, which {page}(2) names")?;
        }
    }
    Ok(())
}

fn table_line(survey: &Survey<'_>, name: &str, tried: &str, row: &Row, out: &mut dyn Write) -> io::Result<()> {
    let kernels: String =
        survey.kernels.iter().map(|kernel| format!(" {} |", row.kernels.get(kernel).copied().unwrap_or(0))).collect();
    writeln!(out, "| {name} | {tried} | {} |{kernels}", cells(survey, row).join(" | "))
}
