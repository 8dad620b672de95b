//! Puts the findings of a port's headers together.

use super::collect::{Findings, Found, Named, collect};
use super::lex::Spot;
use super::stock::Stock;
use super::symbol::{Sym, Symbols};
use super::types::PlaceMap;
use super::view::View;
use crate::facts::{Fact, Facts, Source, WitnessKind};
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Into how many parts a port's headers are divided, to be read side by side. The number decides in rare cases which of
/// two values of one macro counts as the first, so it does not depend on the machine.
const PARTS: usize = 6;

/// Reads every kernel header that a port sees.
pub(crate) fn gather(witness: &str, view: &View<'_>) -> Facts {
    let order = reading_order(view.kernel_headers());
    let headers: Vec<_> = order.iter().filter_map(|name| view.find(name)).collect();
    let size = headers.len().div_ceil(PARTS).max(1);
    let parts: Vec<Findings<'_>> = headers.par_chunks(size).map(|headers| collect(view, headers)).collect();
    let unistd = view.find("asm/unistd.h").map(|file| file.number);
    facts(witness, view, parts, unistd)
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

/// What several readers found, each fact once.
struct Merged<T> {
    found: Vec<Found<T>>,
    at: PlaceMap<usize>,
}

impl<T> Merged<T> {
    fn new() -> Self {
        Self { found: Vec::new(), at: PlaceMap::default() }
    }

    /// Adds a reader's findings, whose names are renumbered.
    fn add(&mut self, findings: Vec<Found<T>>, mut rename: impl FnMut(Sym) -> Sym) {
        for mut new in findings {
            new.name = rename(new.name);
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

fn facts(witness: &str, view: &View<'_>, parts: Vec<Findings<'_>>, unistd: Option<u16>) -> Facts {
    let stock = view.stock;
    let mut facts = Facts::new(WitnessKind::Headers, witness, view.machine().arch);
    let mut symbols = Symbols::new(&stock.texts);
    let (mut constants, mut layouts) = (Merged::new(), Merged::new());
    let mut failed: BTreeMap<Spot, (Sym, String)> = BTreeMap::new();
    let mut problems: BTreeMap<Spot, String> = BTreeMap::new();
    for part in parts {
        let shared = stock.texts.len();
        let mut rename = |name: Sym| if name.index() < shared { name } else { symbols.intern(part.symbols.text(name)) };
        constants.add(part.constants, &mut rename);
        layouts.add(part.layouts, &mut rename);
        for (at, (name, reason)) in part.failed {
            failed.entry(at).or_insert_with(|| (rename(name), reason));
        }
        for (at, reason) in part.problems {
            problems.entry(at).or_insert(reason);
        }
        for (header, problem) in part.refused {
            facts.silence(&*name_of(stock, header), format!("{}: {}", source(stock, problem.at), problem.reason));
        }
        for (header, files) in part.includes {
            let files = files.iter().map(|number| path_of(stock, *number)).collect();
            facts.headers.insert(name_of(stock, header).to_string(), files);
        }
    }
    for (at, reason) in problems {
        let at = source(stock, at);
        facts.silence(&*at.file, format!("{at}: {reason}"));
    }
    let places = constants.found.iter().map(|found| found.at);
    let computed: BTreeSet<Spot> = places.chain(layouts.found.iter().map(|found| found.at)).collect();
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
