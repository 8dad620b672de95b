//! One page for a night: kernels beside each other, what was found, what was seen where, how it was before.
//!
//! The page needs nothing from elsewhere and no script: filters are style, what is long is folded away.

mod findings;
mod matrix;
mod trends;

use super::digest::series;
use super::{Digest, Run};
use crate::report::{escaped, grouped};
use std::collections::BTreeSet;
use std::fmt::Write;

/// The nights that a page tells of.
#[derive(Clone, Copy, Debug)]
pub struct Nights<'a> {
    /// The joined runs of this one.
    pub runs: &'a [Run],
    /// This one in short.
    pub digest: &'a Digest,
    /// The nights before, in any order.
    pub earlier: &'a [Digest],
    /// What the last of these had not.
    pub new: &'a BTreeSet<String>,
}

impl Nights<'_> {
    /// The runs of a kernel.
    fn of<'a>(&'a self, kernel: &'a str, arch: &'a str) -> impl Iterator<Item = &'a Run> {
        self.runs.iter().filter(move |run| run.head.kernel == kernel && run.head.arch == arch)
    }
}

/// The page as HTML.
pub fn page(nights: &Nights<'_>, explain: &dyn Fn(&str) -> Option<&'static str>) -> String {
    let date = super::digest::date(nights.digest.started);
    let mut out = String::new();
    let style = include_str!("style.css");
    let _ = writeln!(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, \
         initial-scale=1\">\n<title>abispec, {date}</title>\n<link rel=\"icon\" href=\"data:,\">\n<style>\n{style}</style>\n</head>\n<body>\n\
         <header>\n<h1>abispec, {date}</h1>\n<p>{}</p>\n<nav aria-label=\"sections\"><a href=\"#kernels\">kernels</a> <a \
         href=\"#findings\">findings</a> <a href=\"#calls\">calls</a> <a href=\"#trends\">trends</a> <a href=\"#skipped\">left \
         out</a></nav>\n</header>\n<main>",
        escape(&verdict(nights))
    );
    kernels(nights, &mut out);
    findings::write(nights, explain, &mut out);
    matrix::write(nights, &mut out);
    trends::write(nights, &mut out);
    skipped(nights, &mut out);
    out.push_str("</main>\n</body>\n</html>\n");
    out
}

/// The night in a sentence.
fn verdict(nights: &Nights<'_>) -> String {
    let kernels = &nights.digest.kernels;
    let divergences: u64 = kernels.iter().map(|fared| fared.divergences).sum();
    let known: u64 = kernels.iter().map(|fared| fared.known).sum();
    let calls: u64 = kernels.iter().map(|fared| fared.calls).sum();
    let new = if nights.earlier.is_empty() { String::new() } else { format!(", {} of them new", nights.new.len()) };
    format!("{} kernels, {} calls, {divergences} divergences{new}, {known} known ones.", kernels.len(), grouped(calls))
}

fn kernels(nights: &Nights<'_>, out: &mut String) {
    out.push_str(
        "<section id=\"kernels\">\n<h2>Kernels</h2>\n<div class=\"wide\">\n<table>\n<thead><tr><th>kernel</th><th \
         class=\"n\">divergences</th><th class=\"n\">new</th><th class=\"n\">known</th><th class=\"n\">error rules seen</th><th \
         class=\"n\">calls</th><th>went</th></tr></thead>\n<tbody>\n",
    );
    for fared in &nights.digest.kernels {
        let own = format!("{} {} ", series(&fared.kernel), fared.arch);
        let new = nights.new.iter().filter(|name| name.starts_with(&own)).count();
        let percent = (100 * fared.seen)
            .checked_div(fared.possible)
            .map_or_else(String::new, |percent| format!(" ({percent} %)"));
        let engines: Vec<String> = nights
            .of(&fared.kernel, &fared.arch)
            .map(|run| match &run.end {
                Some(end) => format!("{} {:.0} s", run.head.engine, end.seconds),
                None => format!("{} broke off", run.head.engine),
            })
            .collect();
        let class = if fared.divergences > 0 { "bad" } else { "good" };
        let _ = writeln!(
            out,
            "<tr><th scope=\"row\">{} <small>{}</small></th><td class=\"n {class}\">{}</td><td class=\"n\">{new}</td><td \
             class=\"n\">{}</td><td class=\"n\">{} of {}{percent}</td><td class=\"n\">{}</td><td>{}</td></tr>",
            escape(&fared.kernel),
            escape(&fared.arch),
            fared.divergences,
            fared.known,
            grouped(fared.seen),
            grouped(fared.possible),
            grouped(fared.calls),
            escape(&engines.join(", ")),
        );
    }
    out.push_str("</tbody>\n</table>\n</div>\n</section>\n");
}

fn skipped(nights: &Nights<'_>, out: &mut String) {
    out.push_str("<section id=\"skipped\">\n<h2>Left out</h2>\n");
    for run in nights.runs {
        let told = super::Told::of(run, true);
        let section = told.section();
        if section.skipped.is_empty() {
            continue;
        }
        let _ = writeln!(
            out,
            "<details><summary>{}: {} kinds</summary>\n<ul>",
            escape(section.name),
            section.skipped.len()
        );
        for (what, why) in &section.skipped {
            let _ = writeln!(out, "<li>{}: {}</li>", escape(what), escape(why));
        }
        out.push_str("</ul>\n</details>\n");
    }
    out.push_str("</section>\n");
}

/// A text inside a page; what HTML cannot hold becomes the replacement character.
fn escape(text: &str) -> String {
    let holds = |c: char| !c.is_control() && !matches!(c, '\u{fdd0}'..='\u{fdef}' | '\u{fffe}' | '\u{ffff}');
    escaped(text, holds)
}
