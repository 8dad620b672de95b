//! Every call on every kernel: how many of its error rules were seen.

use super::{Nights, escape};
use crate::finding::Severity;
use crate::journal::Run;
use crate::journal::section::is_rule;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// A call on a kernel.
#[derive(Clone, Copy, Default)]
struct Cell {
    seen: usize,
    possible: usize,
    divergences: usize,
}

pub(super) fn write(nights: &Nights<'_>, out: &mut String) {
    let columns: Vec<(&str, BTreeMap<&str, Cell>)> = nights
        .digest
        .kernels
        .iter()
        .map(|fared| (fared.kernel.as_str(), cells(nights.of(&fared.kernel, &fared.arch))))
        .collect();
    let calls: BTreeSet<&str> = columns.iter().flat_map(|(_, cells)| cells.keys().copied()).collect();
    out.push_str("<section id=\"calls\">\n<h2>Calls</h2>\n");
    if calls.is_empty() {
        out.push_str("<p>No run made calls.</p>\n</section>\n");
        return;
    }
    out.push_str(
        "<p>How many of the error rules that can be brought about were seen, through the port's own entry. A mark says that a \
         call diverges.</p>\n<fieldset>\n<legend>Show</legend>\n\
         <label><input type=\"radio\" name=\"show\" id=\"all\" checked> all</label>\n\
         <label><input type=\"radio\" name=\"show\" id=\"diverging\"> diverging</label>\n\
         <label><input type=\"radio\" name=\"show\" id=\"partly\"> with rules that were not seen</label>\n\
         <label><input type=\"radio\" name=\"show\" id=\"unlike\"> unlike from kernel to kernel</label>\n</fieldset>\n\
         <div class=\"wide\">\n<table class=\"matrix\">\n<thead><tr><th>call</th>",
    );
    for (kernel, _) in &columns {
        let _ = write!(out, "<th class=\"n\">{}</th>", escape(&super::series(kernel)));
    }
    out.push_str("</tr></thead>\n<tbody>\n");
    for call in calls {
        let row: Vec<Option<Cell>> = columns.iter().map(|(_, cells)| cells.get(call).copied()).collect();
        let any = |wanted: &dyn Fn(&Cell) -> bool| row.iter().flatten().any(wanted);
        let counts: BTreeSet<_> =
            row.iter().map(|cell| cell.map(|cell| (cell.possible, cell.divergences > 0))).collect();
        let mut classes = Vec::new();
        classes.extend(any(&|cell| cell.divergences > 0).then_some("d"));
        classes.extend(any(&|cell| cell.seen < cell.possible).then_some("p"));
        classes.extend((counts.len() > 1).then_some("u"));
        let class = if classes.is_empty() { String::new() } else { format!(" class=\"{}\"", classes.join(" ")) };
        let _ = write!(out, "<tr{class}><th scope=\"row\">{}</th>", escape(call));
        for cell in row {
            match cell {
                None => out.push_str("<td></td>"),
                Some(Cell { seen, possible, divergences }) => {
                    let share = (4 * seen).checked_div(possible).unwrap_or(4);
                    let mark = if divergences > 0 { "<b title=\"diverges\">&#9679;</b> " } else { "" };
                    let _ = write!(out, "<td class=\"s{share}\">{mark}{seen}/{possible}</td>");
                }
            }
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody>\n</table>\n</div>\n</section>\n");
}

fn cells<'a>(runs: impl Iterator<Item = &'a Run>) -> BTreeMap<&'a str, Cell> {
    let mut cells: BTreeMap<&str, Cell> = BTreeMap::new();
    let mut findings: BTreeMap<&str, usize> = BTreeMap::new();
    for run in runs {
        for seen in run.coverage.iter().filter(|seen| seen.entry == "64") {
            for one in seen.evidence.clauses.iter().filter(|one| is_rule(&one.clause)) {
                let cell = cells.entry(&one.clause.syscall).or_default();
                cell.seen += 1;
                cell.possible += 1;
            }
            for key in seen.unseen.iter().filter(|key| is_rule(key)) {
                cells.entry(&key.syscall).or_default().possible += 1;
            }
        }
        for reported in run.findings.iter().filter(|one| one.finding.severity == Severity::Error) {
            *findings.entry(&reported.finding.subject).or_default() += 1;
        }
    }
    for (subject, count) in findings {
        if let Some(cell) = cells.get_mut(subject) {
            cell.divergences += count;
        }
    }
    cells
}
