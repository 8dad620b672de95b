//! Puts the findings of a port's headers together.

use super::clib::PROGRAM;
use super::collect::{Before, Findings, Found, Named, collect};
use super::file::HeaderFile;
use super::lex::Spot;
use super::preprocess::Problem;
use super::stock::Stock;
use super::symbol::{Sym, Symbols, Texts};
use super::types::PlaceMap;
use super::view::View;
use crate::facts::{Fact, Facts, Layout, Source, WitnessKind};
use rayon::prelude::*;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

/// Into how many parts a port's headers are divided, to be read side by side. The number decides in rare cases which of
/// two values of one macro counts as the first, so it does not depend on the machine.
const PARTS: usize = 6;

/// Reads every kernel header that a port sees.
pub(crate) fn gather(witness: &str, view: &View<'_>) -> Facts {
    let order = reading_order(view.kernel_headers());
    let headers: Vec<_> = order.iter().filter_map(|name| view.find(name)).collect();
    let mut merged = Merged::new(&view.stock.texts);
    for part in side_by_side(view, &headers, None) {
        merged.add(part, true);
    }
    // Some headers use what programs include before them: those are read again after it.
    if let Some(header) = view.find(PROGRAM) {
        let known = merged.places();
        let lacking = std::mem::take(&mut merged.lacking);
        for part in side_by_side(view, &lacking, Some(Before { header, known: &known })) {
            merged.add(part, false);
        }
    }
    facts(witness, view, merged)
}

fn side_by_side<'s>(view: &View<'s>, headers: &[&'s HeaderFile], before: Option<Before<'_, 's>>) -> Vec<Findings<'s>> {
    let size = headers.len().div_ceil(PARTS).max(1);
    headers.par_chunks(size).map(|headers| collect(view, headers, before)).collect()
}

/// Headers that programs include come first. Generic headers are read only through those that the port adapts them
/// with, and headers for one word size through the header that chooses among them.
fn reading_order(all: &BTreeMap<String, usize>) -> Vec<&str> {
    let mut names: Vec<&str> = all.keys().map(String::as_str).collect();
    names.retain(|name| {
        let stem = name.trim_end_matches(".h");
        let chooser =
            ["_32", "_64", "_x32", "_o32", "_n32", "_n64"].iter().find_map(|suffix| stem.strip_suffix(suffix));
        let generic = name.starts_with("asm-generic/");
        let chosen = name.starts_with("asm/") && chooser.is_some_and(|stem| all.contains_key(&format!("{stem}.h")));
        !generic && !chosen
    });
    names.sort_by_key(|name| (name.starts_with("asm/"), *name));
    names
}

/// Findings of one kind, each once.
struct Once<T> {
    found: Vec<Found<T>>,
    at: PlaceMap<usize>,
}

impl<T> Once<T> {
    fn new() -> Self {
        Self { found: Vec::new(), at: PlaceMap::default() }
    }

    fn add(&mut self, findings: Vec<Found<T>>) {
        for mut new in findings {
            match self.at.get(&(new.name, new.at)).and_then(|known| self.found.get_mut(*known)) {
                Some(known) => known.through.append(&mut new.through),
                None => {
                    self.at.insert((new.name, new.at), self.found.len());
                    self.found.push(new);
                }
            }
        }
    }
}

/// What several readers found.
struct Merged<'s> {
    symbols: Symbols<'s>,
    constants: Once<Named>,
    layouts: Once<Layout>,
    failed: BTreeMap<Spot, (Sym, String)>,
    problems: BTreeMap<Spot, String>,
    refused: Vec<(u16, Problem)>,
    lacking: Vec<&'s HeaderFile>,
    includes: Vec<(u16, Vec<u16>)>,
}

impl<'s> Merged<'s> {
    fn new(texts: &'s Texts) -> Self {
        Self {
            symbols: Symbols::new(texts),
            constants: Once::new(),
            layouts: Once::new(),
            failed: BTreeMap::new(),
            problems: BTreeMap::new(),
            refused: Vec::new(),
            lacking: Vec::new(),
            includes: Vec::new(),
        }
    }

    /// Adds what a reader found in headers that it read `alone`, or after others: then only its facts count.
    fn add(&mut self, part: Findings<'s>, alone: bool) {
        let Findings { mut constants, mut layouts, failed, symbols, .. } = part;
        constants.iter_mut().for_each(|found| found.name = self.symbols.take(found.name, &symbols));
        layouts.iter_mut().for_each(|found| found.name = self.symbols.take(found.name, &symbols));
        self.constants.add(constants);
        self.layouts.add(layouts);
        if !alone {
            return;
        }
        for (at, (name, reason)) in failed {
            let name = self.symbols.take(name, &symbols);
            self.failed.entry(at).or_insert((name, reason));
        }
        for (at, reason) in part.problems {
            self.problems.entry(at).or_insert(reason);
        }
        self.refused.extend(part.refused);
        self.lacking.extend(part.lacking);
        self.includes.extend(part.includes);
    }

    /// Where constants and structs are known to stand.
    fn places(&self) -> HashSet<Spot> {
        let constants = self.constants.found.iter().map(|found| found.at);
        constants.chain(self.layouts.found.iter().map(|found| found.at)).collect()
    }
}

fn facts(witness: &str, view: &View<'_>, merged: Merged<'_>) -> Facts {
    let stock = view.stock;
    let unistd = view.find("asm/unistd.h").map(|file| file.number);
    let mut facts = Facts::new(WitnessKind::Headers, witness, view.machine().arch);
    let computed = merged.places();
    let Merged { symbols, constants, layouts, failed, problems, refused, includes, .. } = merged;
    for (header, problem) in refused {
        facts.silence(&*name_of(stock, header), format!("{}: {}", source(stock, problem.at), problem.reason));
    }
    for (header, files) in includes {
        let files = files.iter().map(|number| path_of(stock, *number)).collect();
        facts.headers.insert(name_of(stock, header).to_string(), files);
    }
    for (at, reason) in problems {
        let at = source(stock, at);
        facts.silence(&*at.file, format!("{at}: {reason}"));
    }
    for (at, (name, reason)) in failed {
        if !computed.contains(&at) {
            facts.silence(symbols.text(name), format!("{}: {reason}", source(stock, at)));
        }
    }
    for (name, found) in by_name(layouts.found, &symbols) {
        let several = found.len() > 1;
        let values = found.into_iter().map(|found| fact(found, several, stock)).collect();
        facts.layouts.insert(name.to_owned(), values);
    }
    for (name, found) in by_name(constants.found, &symbols) {
        add_constant(&mut facts, name, found, unistd, stock);
    }
    facts.silent.sort();
    facts
}

fn add_constant(facts: &mut Facts, name: &str, found: Vec<Found<Named>>, unistd: Option<u16>, stock: &Stock) {
    if let Some(call) = name.strip_prefix("__NR_") {
        let shown = found.iter().find(|found| unistd.is_some_and(|unistd| found.through.contains(&unistd)));
        if let Some(shown) = shown
            && let Ok(number) = u32::try_from(shown.value.constant.value)
        {
            facts.numbers.insert(call.to_owned(), Fact::new(number, source(stock, shown.at)));
        }
        return;
    }
    let several = found.len() > 1;
    if let [one] = found.as_slice()
        && let Some(request) = &one.value.request
    {
        facts.ioctls.insert(name.to_owned(), Fact::new((**request).clone(), source(stock, one.at)));
    }
    let constants = found.into_iter().map(|found| {
        let Found { name, value, at, through } = found;
        fact(Found { name, value: value.constant, at, through }, several, stock)
    });
    facts.constants.insert(name.to_owned(), constants.collect());
}

/// The findings of each name, those with one value as one.
fn by_name<'t, T: PartialEq>(found: Vec<Found<T>>, symbols: &'t Symbols<'_>) -> BTreeMap<&'t str, Vec<Found<T>>> {
    let mut named: BTreeMap<&str, Vec<Found<T>>> = BTreeMap::new();
    for mut new in found {
        let known = named.entry(symbols.text(new.name)).or_default();
        match known.iter_mut().find(|known| known.value == new.value) {
            Some(known) => known.through.append(&mut new.through),
            None => known.push(new),
        }
    }
    named
}

fn fact<T>(found: Found<T>, several: bool, stock: &Stock) -> Fact<T> {
    let headers =
        if several { found.through.iter().map(|header| name_of(stock, *header)).collect() } else { Vec::new() };
    Fact { source: source(stock, found.at), value: found.value, headers }
}

fn source(stock: &Stock, at: Spot) -> Source {
    Source::line(path_of(stock, at.file), at.line, u32::from(at.column))
}

fn path_of(stock: &Stock, number: u16) -> Arc<str> {
    stock.file(number).map_or_else(|| Arc::from("<built-in>"), |file| Arc::clone(&file.path))
}

fn name_of(stock: &Stock, number: u16) -> Arc<str> {
    stock.file(number).map_or_else(|| Arc::from("<built-in>"), |file| Arc::clone(&file.name))
}
