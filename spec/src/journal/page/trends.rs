//! How each kernel fared from night to night.

use super::{Nights, escape};
use crate::journal::{Digest, Fared, digest::date};
use std::collections::BTreeSet;
use std::fmt::Write;

/// Nights that are drawn.
const DRAWN: usize = 60;
const WIDTH: f64 = 280.0;
const HEIGHT: f64 = 48.0;

pub(super) fn write(nights: &Nights<'_>, out: &mut String) {
    out.push_str("<section id=\"trends\">\n<h2>Trends</h2>\n");
    let mut all: Vec<&Digest> = nights.earlier.iter().chain([nights.digest]).collect();
    all.sort_by_key(|digest| digest.started);
    let all = &all[all.len().saturating_sub(DRAWN)..];
    if all.len() < 2 {
        out.push_str("<p>This is the first night.</p>\n</section>\n");
        return;
    }
    let series: BTreeSet<(&str, &str)> =
        nights.digest.kernels.iter().map(|fared| (fared.series.as_str(), fared.arch.as_str())).collect();
    let _ = writeln!(
        out,
        "<p>{} nights, {} to {}.</p>\n<div class=\"wide\">\n<table>\n<thead><tr><th>kernel</th><th>divergences</th><th>error rules \
         seen</th></tr></thead>\n<tbody>",
        all.len(),
        date(all[0].started),
        date(all[all.len() - 1].started)
    );
    for (series, arch) in series {
        let of = |digest: &&Digest| {
            digest.kernels.iter().find(|fared| fared.series == series && fared.arch == arch).cloned()
        };
        let points: Vec<Option<Fared>> = all.iter().map(of).collect();
        let _ = writeln!(
            out,
            "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td></tr>",
            escape(series),
            line(&points, "divergences", &|fared| fared.divergences),
            line(&points, "error rules seen", &|fared| fared.seen)
        );
    }
    out.push_str("</tbody>\n</table>\n</div>\n</section>\n");
}

/// A line through the nights, with its last value beside it; nights without the kernel are passed over.
fn line(points: &[Option<Fared>], what: &str, value: &dyn Fn(&Fared) -> u64) -> String {
    let values: Vec<(usize, u64)> =
        points.iter().enumerate().filter_map(|(night, fared)| Some((night, value(fared.as_ref()?)))).collect();
    let most = values.iter().map(|(_, value)| *value).max().unwrap_or(0).max(1);
    let x = |night: usize| 4.0 + (WIDTH - 8.0) * night as f64 / (points.len().max(2) - 1) as f64;
    let y = |value: u64| HEIGHT - 4.0 - (HEIGHT - 8.0) * value as f64 / most as f64;
    let path: Vec<String> = values.iter().map(|(night, value)| format!("{:.1},{:.1}", x(*night), y(*value))).collect();
    let (first, last) = (values.first().map_or(0, |one| one.1), values.last().map_or(0, |one| one.1));
    let dot = values.last().map_or_else(String::new, |(night, value)| {
        format!("<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\"/>", x(*night), y(*value))
    });
    format!(
        "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{what}: from {first} to {last}, at most {most}\"><polyline \
         points=\"{}\"/>{dot}</svg> {last}",
        path.join(" ")
    )
}
