//! Puts the findings of a port's headers together.

use super::clib::PROGRAM;
use super::collect::{Findings, Found, Named, Reading, Want, collect};
use super::file::HeaderFile;
use super::lex::Spot;
use super::preprocess::Problem;
use super::provider::Providers;
use super::stock::Stock;
use super::symbol::{Sym, Symbols, Texts};
use super::types::{PlaceMap, SpotSet};
use super::view::View;
use crate::facts::{Fact, Facts, Layout, Source, WitnessKind};
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Into how many parts a port's headers are divided, to be read side by side. What files say that are no headers of their
/// own is computed once in each part.
const PARTS: usize = 8;

/// Reads every kernel header that a port sees.
pub(crate) fn gather<'s>(witness: &str, view: &View<'s>) -> Facts {
    let mut merged = Merged::new(&view.stock.texts);
    for part in side_by_side(view, &view.units(), Reading::default()) {
        merged.add(part, true);
    }
    // Some headers use what programs include before them: those are read again after it.
    let lacking = std::mem::take(&mut merged.lacking);
    let known = merged.places();
    let before: Vec<&HeaderFile> = view.find(PROGRAM).into_iter().collect();
    for part in side_by_side(view, &lacking, Reading { before: &before, known: Some(&known) }) {
        merged.add(part, false);
    }
    // What others use stands in a header that programs have to know.
    let known = merged.places();
    let groups = behind_providers(view, &merged, &known);
    let read = |(before, headers): &(Vec<&'s HeaderFile>, Vec<&'s HeaderFile>)| {
        collect(view, headers, Reading { before, known: Some(&known) })
    };
    let parts: Vec<Findings<'s>> = groups.par_iter().map(read).collect();
    for part in parts {
        merged.add(part, false);
    }
    facts(witness, view, merged)
}

fn side_by_side<'s>(view: &View<'s>, headers: &[&'s HeaderFile], reading: Reading<'_, 's>) -> Vec<Findings<'s>> {
    let size = headers.len().div_ceil(PARTS).max(1);
    headers.par_chunks(size).map(|headers| collect(view, headers, reading)).collect()
}

/// The headers in which something is still unknown, behind those that alone define it, each group with what comes first.
fn behind_providers<'s>(
    view: &View<'s>,
    merged: &Merged<'s>,
    known: &SpotSet,
) -> Vec<(Vec<&'s HeaderFile>, Vec<&'s HeaderFile>)> {
    let wants: Vec<&Want> = merged.wants.iter().filter(|want| !known.contains(&want.at)).collect();
    let mut providers = Providers::of(wants.iter().flat_map(|want| &want.names).copied());
    merged.constants.found.iter().for_each(|found| providers.note(found.name, found.through));
    merged.layouts.found.iter().for_each(|found| providers.note(found.name, found.through));
    providers.look_into(view);
    let mut groups: BTreeMap<Vec<u16>, BTreeSet<u16>> = BTreeMap::new();
    for want in wants {
        let before = providers.before(want);
        if !before.is_empty() {
            groups.entry(before).or_default().insert(want.through);
        }
    }
    let files = |numbers: &mut dyn Iterator<Item = u16>| numbers.filter_map(|number| view.stock.file(number)).collect();
    groups.into_iter().map(|(before, of)| (files(&mut before.into_iter()), files(&mut of.into_iter()))).collect()
}

/// Findings of one kind, each once.
struct Once<T> {
    found: Vec<Found<T>>,
    at: PlaceMap<()>,
}

impl<T> Once<T> {
    fn new() -> Self {
        Self { found: Vec::new(), at: PlaceMap::default() }
    }

    fn add(&mut self, findings: Vec<Found<T>>) {
        for new in findings {
            if self.at.insert((new.name, new.at), ()).is_none() {
                self.found.push(new);
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
    wants: Vec<Want>,
    shown: PlaceMap<Vec<u16>>,
    numbers: Vec<(Sym, Spot)>,
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
            wants: Vec::new(),
            shown: PlaceMap::default(),
            numbers: Vec::new(),
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
        self.lacking.extend(part.lacking);
        for Want { at, through, names } in part.wants {
            let names = names.into_iter().map(|name| self.symbols.take(name, &symbols)).collect();
            self.wants.push(Want { at, through, names });
        }
        if !alone {
            return;
        }
        for ((name, at), headers) in part.shown {
            self.shown.entry((self.symbols.take(name, &symbols), at)).or_default().extend(headers);
        }
        self.numbers.extend(part.numbers);
        for (at, (name, reason)) in failed {
            let name = self.symbols.take(name, &symbols);
            self.failed.entry(at).or_insert((name, reason));
        }
        for (at, reason) in part.problems {
            self.problems.entry(at).or_insert(reason);
        }
        self.refused.extend(part.refused);
        self.includes.extend(part.includes);
    }

    /// Where constants and structs are known to stand.
    fn places(&self) -> SpotSet {
        let constants = self.constants.found.iter().map(|found| found.at);
        constants.chain(self.layouts.found.iter().map(|found| found.at)).collect()
    }
}

fn facts(witness: &str, view: &View<'_>, merged: Merged<'_>) -> Facts {
    let stock = view.stock;
    let mut facts = Facts::new(WitnessKind::Headers, witness, view.machine().arch);
    let computed = merged.places();
    let Merged { symbols, constants, layouts, failed, problems, refused, includes, shown, numbers, .. } = merged;
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
    facts.layouts = by_name(layouts.found, &symbols)
        .into_iter()
        .map(|(name, found)| {
            let several = found.len() > 1;
            let values = found.into_iter().map(|group| group.fact(several, &shown, stock, |value| value));
            (name.to_owned(), values.collect())
        })
        .collect();
    let numbers: PlaceMap<()> = numbers.into_iter().map(|place| (place, ())).collect();
    let mut values = Vec::new();
    for (name, found) in by_name(constants.found, &symbols) {
        if let Some(call) = name.strip_prefix("__NR_") {
            let shown = found.iter().find(|found| found.places.iter().any(|place| numbers.contains_key(place)));
            if let Some(shown) = shown
                && let Ok(number) = u32::try_from(shown.value.constant.value)
            {
                facts.numbers.insert(call.to_owned(), Fact::new(number, source(stock, shown.at())));
            }
            continue;
        }
        if let [one] = found.as_slice()
            && let Some(request) = &one.value.request
        {
            facts.ioctls.insert(name.to_owned(), Fact::new((**request).clone(), source(stock, one.at())));
        }
        let several = found.len() > 1;
        let constants = found.into_iter().map(|group| group.fact(several, &shown, stock, |value| value.constant));
        values.push((name.to_owned(), constants.collect()));
    }
    facts.constants = values.into_iter().collect();
    facts.silent.sort();
    facts
}

/// Definitions of one name that agree.
struct Group<T> {
    value: T,
    /// Name and place of each, and the header that it was found through.
    places: Vec<(Sym, Spot)>,
    through: Vec<u16>,
}

impl<T> Group<T> {
    /// Where the first one stands.
    fn at(&self) -> Spot {
        self.places.first().map(|(_, at)| *at).unwrap_or_default()
    }

    /// The fact, with the headers that show it where there are `several` of the name.
    fn fact<U>(self, several: bool, shown: &PlaceMap<Vec<u16>>, stock: &Stock, value: impl FnOnce(T) -> U) -> Fact<U> {
        let mut headers = Vec::new();
        if several {
            for (place, through) in self.places.iter().zip(&self.through) {
                match shown.get(place) {
                    Some(shown) => headers.extend(shown.iter().map(|header| name_of(stock, *header))),
                    None => headers.push(name_of(stock, *through)),
                }
            }
        }
        Fact { source: source(stock, self.at()), value: value(self.value), headers }
    }
}

/// The findings of each name, those with one value as one, sorted by name.
fn by_name<'t, T: PartialEq>(mut found: Vec<Found<T>>, symbols: &'t Symbols<'_>) -> Vec<(&'t str, Vec<Group<T>>)> {
    found.sort_by(|a, b| symbols.text(a.name).cmp(symbols.text(b.name)));
    let mut named: Vec<(&str, Vec<Group<T>>)> = Vec::with_capacity(found.len());
    for Found { name, value, at, through } in found {
        let text = symbols.text(name);
        if named.last().is_none_or(|(last, _)| *last != text) {
            named.push((text, Vec::with_capacity(1)));
        }
        let Some((_, groups)) = named.last_mut() else { continue };
        match groups.iter_mut().find(|group| group.value == value) {
            Some(group) => {
                group.places.push((name, at));
                group.through.push(through);
            }
            None => groups.push(Group { value, places: vec![(name, at)], through: vec![through] }),
        }
    }
    named
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
