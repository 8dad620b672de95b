//! Finds the facts of some headers. Each header is read as a program would include it first, and says what stands in it;
//! what it includes speaks for itself.

use super::evaluate::Stop;
use super::expand::Use;
use super::file::{HeaderFile, Macro};
use super::ioctl::{Packing, expand_to_makers, packing_at, request};
use super::lex::{Kind, Spot, Token};
use super::macros::{expand_body, value};
use super::preprocess::{Problem, preprocess};
use super::record::layout;
use super::scope::Scope;
use super::symbol::{Sym, Symbols, sym};
use super::table::Table;
use super::types::{PlaceMap, SpotSet};
use super::unit::read_declarations;
use super::value::Value;
use super::view::View;
use crate::facts::{Constant, Ioctl, Layout};
use std::collections::BTreeMap;
use std::ops::Range;

/// A fact and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Found<T> {
    /// What it is called.
    pub(crate) name: Sym,
    /// The fact.
    pub(crate) value: T,
    /// Where it stands.
    pub(crate) at: Spot,
    /// The header that was read, by its number.
    pub(crate) through: u16,
}

/// A constant, and what it is as a device control request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    /// The constant.
    pub(crate) constant: Constant,
    /// The request.
    pub(crate) request: Option<Box<Ioctl>>,
}

/// Everything that some headers say.
pub(crate) struct Findings<'s> {
    /// Macros and enumeration constants.
    pub(crate) constants: Vec<Found<Named>>,
    /// Structs and unions.
    pub(crate) layouts: Vec<Found<Layout>>,
    /// For names that may be defined more than once: the headers that show each definition.
    pub(crate) shown: Vec<((Sym, Spot), Vec<u16>)>,
    /// The definitions of system call numbers that `asm/unistd.h` shows.
    pub(crate) numbers: Vec<(Sym, Spot)>,
    /// Constants and structs that could not be computed; another reading may compute them.
    pub(crate) failed: BTreeMap<Spot, (Sym, String)>,
    /// What was not understood.
    pub(crate) problems: BTreeMap<Spot, String>,
    /// Headers that cannot be read alone.
    pub(crate) refused: Vec<(u16, Problem)>,
    /// Headers in which something is used that nothing defines: programs include something else first.
    pub(crate) lacking: Vec<&'s HeaderFile>,
    /// What has no value for want of names that nothing defines.
    pub(crate) wants: Vec<Want>,
    /// For each header the files that it consists of.
    pub(crate) includes: Vec<(u16, Vec<u16>)>,
    /// The texts of names.
    pub(crate) symbols: Symbols<'s>,
}

/// A definition that uses names that nothing defines.
#[derive(Clone, Debug)]
pub(crate) struct Want {
    /// Where it stands.
    pub(crate) at: Spot,
    /// The header that was read, by its number.
    pub(crate) through: u16,
    /// The names, in the order in which they are used.
    pub(crate) names: Vec<Sym>,
}

/// How headers are read.
#[derive(Clone, Copy, Default)]
pub(crate) struct Reading<'a, 's> {
    /// The headers that are included first.
    pub(crate) before: &'a [&'s HeaderFile],
    /// The places of what is known.
    pub(crate) known: Option<&'a SpotSet>,
}

/// What is known of a macro.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing yet, or no value so far.
    Open,
    /// It has a value, or can have none, whatever is included.
    Done,
}

/// A macro that may be a constant, and its replacement.
struct Candidate<'s> {
    definition: &'s Macro,
    tokens: Range<usize>,
    /// The replacement up to the macros that make requests, where it is one.
    request: Option<Range<usize>>,
}

struct Collector<'a, 's> {
    view: &'a View<'s>,
    reading: Reading<'a, 's>,
    /// The header that is being read.
    file: &'s HeaderFile,
    table: Table<'s>,
    states: Vec<State>,
    /// Enumeration constants and structs that are found, by name and place: a macro can make several at one place.
    found: PlaceMap<()>,
    shown: PlaceMap<Vec<u16>>,
    /// The header that is being read uses something that nothing defines.
    lacks: bool,
    /// How requests are packed, by the place that says it.
    packings: BTreeMap<Spot, Option<Packing>>,
    findings: Findings<'s>,
}

/// Reads some headers, in this order.
pub(crate) fn collect<'s>(view: &View<'s>, headers: &[&'s HeaderFile], reading: Reading<'_, 's>) -> Findings<'s> {
    let mut symbols = Symbols::new(&view.stock.texts);
    let findings = Findings {
        constants: Vec::new(),
        layouts: Vec::new(),
        shown: Vec::new(),
        numbers: Vec::new(),
        failed: BTreeMap::new(),
        problems: BTreeMap::new(),
        refused: Vec::new(),
        lacking: Vec::new(),
        wants: Vec::new(),
        includes: Vec::new(),
        symbols: Symbols::new(&view.stock.texts),
    };
    let Some(first) = headers.first() else { return findings };
    let mut collector = Collector {
        view,
        reading,
        file: first,
        table: Table::default(),
        states: vec![State::Open; view.stock.macros as usize],
        found: PlaceMap::default(),
        shown: PlaceMap::default(),
        lacks: false,
        packings: BTreeMap::new(),
        findings,
    };
    for header in headers {
        collector.file = header;
        collector.unit(&mut symbols);
    }
    let mut shown: Vec<_> = collector.shown.into_iter().collect();
    shown.sort_unstable_by_key(|(place, _)| *place);
    Findings { symbols, shown, ..collector.findings }
}

impl<'s> Collector<'_, 's> {
    /// Reads one header.
    fn unit(&mut self, symbols: &mut Symbols<'s>) {
        let file = self.file;
        let mut use_ = Use::default();
        let files = self.reading.before.iter().copied().chain([file]);
        let unit = preprocess(files, self.view, &mut self.table, symbols, &mut use_);
        if let Some(problem) = unit.problems.iter().find(|problem| problem.fatal) {
            self.findings.refused.push((file.number, problem.clone()));
            return;
        }
        self.findings.includes.push((file.number, unit.files.iter().copied().collect()));
        let machine = self.view.machine();
        if &*file.name == "asm/unistd.h" {
            let numbers = self.table.definitions().filter(|found| symbols.text(found.name).starts_with("__NR_"));
            self.findings.numbers.extend(numbers.map(|found| (found.name, found.at)));
        }
        // Replacements may make new texts, so they are all made before the texts are borrowed for good.
        let mut tokens = Vec::new();
        let candidates = self.candidates(symbols, &mut use_, &mut tokens);
        let requests = candidates.iter().any(|candidate| candidate.request.is_some());
        let packing = if requests { self.packing(symbols) } else { None };
        let symbols: &Symbols<'s> = symbols;
        let (scope, problems) = read_declarations(&unit.tokens, machine, symbols);
        self.note_problems(unit.problems, problems);
        for Candidate { definition, tokens: range, request: written } in candidates {
            let found = value(&tokens[range.clone()], &scope, machine, symbols);
            if found.as_ref().is_err_and(Stop::may_end) {
                self.want(definition.at, &tokens[range], &scope);
            }
            let written = written.map(|range| &tokens[range]);
            self.constant(definition, found, written.zip(packing.as_ref()), symbols);
        }
        self.enumerators(&scope);
        self.layouts(&scope, &unit.tokens, symbols);
        if std::mem::take(&mut self.lacks) {
            self.findings.lacking.push(file);
        }
    }

    /// Notes which names would have to be defined for what stands at a place.
    fn want(&mut self, at: Spot, tokens: &[Token], scope: &Scope<'_>) {
        self.lacks |= at.file == self.file.number;
        let mut names = Vec::new();
        for token in tokens.iter().filter(|token| token.kind == Kind::Name) {
            if !names.contains(&token.sym) && !scope.types.knows(token.sym) {
                names.push(token.sym);
            }
        }
        self.findings.wants.push(Want { at, through: self.file.number, names });
    }

    /// Whether what stands at a place is to be found out now. A header says what stands in it, and what stands in files
    /// that are no headers of their own.
    fn is_wanted(&self, at: Spot) -> bool {
        let wanted = at.file == self.file.number || self.view.is_part(at.file);
        wanted && self.reading.known.is_none_or(|known| !known.contains(&at))
    }

    /// Notes that the header shows a definition, where it matters.
    fn show(&mut self, name: Sym, at: Spot) {
        if self.view.stock.may_be_several(name) {
            self.shown.entry((name, at)).or_default().push(self.file.number);
        }
    }

    fn note_problems(&mut self, problems: Vec<Problem>, more: Vec<Problem>) {
        for problem in problems.into_iter().chain(more) {
            if self.view.stock.file(problem.at.file).is_some_and(|file| file.kernel) {
                self.findings.problems.entry(problem.at).or_insert(problem.reason);
            }
        }
    }

    fn packing(&mut self, symbols: &mut Symbols<'s>) -> Option<Packing> {
        let at = packing_at(&self.table)?;
        if let Some(known) = self.packings.get(&at) {
            return known.clone();
        }
        let packing = Packing::read(&mut self.table, symbols, self.view.machine());
        self.packings.insert(at, packing.clone());
        packing
    }

    /// The macros that may be constants and are not known yet, with their replacements, which go to `tokens`.
    fn candidates(&mut self, symbols: &mut Symbols<'s>, use_: &mut Use, tokens: &mut Vec<Token>) -> Vec<Candidate<'s>> {
        let mut open = Vec::new();
        let definitions: Vec<&'s Macro> = self.table.definitions().collect();
        for definition in definitions {
            // What has no number is the compiler's.
            let Some(state) = self.states.get(definition.number as usize).copied() else { continue };
            if definition.params.is_some() || definition.body.is_empty() {
                continue;
            }
            self.show(definition.name, definition.at);
            if state == State::Open && self.is_wanted(definition.at) {
                open.push(definition);
            }
        }
        let mut found = Vec::with_capacity(open.len());
        for definition in open {
            let start = tokens.len();
            use_.requests = false;
            if !expand_body(definition, &mut self.table, symbols, use_, tokens) {
                tokens.truncate(start);
                continue;
            }
            let end = tokens.len();
            let request = use_.requests && expand_to_makers(&definition.body, &mut self.table, symbols, use_, tokens);
            if !request {
                tokens.truncate(end);
            }
            let request = request.then_some(end..tokens.len());
            found.push(Candidate { definition, tokens: start..end, request });
        }
        found
    }

    fn constant(
        &mut self,
        definition: &Macro,
        found: Result<Value, Stop>,
        written: Option<(&[Token], &Packing)>,
        symbols: &Symbols<'s>,
    ) {
        let machine = self.view.machine();
        let (name, at, through) = (definition.name, definition.at, self.file.number);
        let done = match found {
            Ok(found) => {
                let written =
                    written.and_then(|(tokens, packing)| request(tokens, found.number, packing, machine, symbols));
                let value = Named { constant: self.typed(found), request: written.map(Box::new) };
                self.findings.constants.push(Found { name, value, at, through });
                true
            }
            Err(Stop::NotConstant(_)) => true,
            Err(Stop::Unknown) => false,
            Err(Stop::Failed(reason)) => {
                self.findings.failed.entry(at).or_insert((name, reason));
                false
            }
        };
        if let Some(state) = self.states.get_mut(definition.number as usize).filter(|_| done) {
            *state = State::Done;
        }
    }

    fn typed(&self, value: Value) -> Constant {
        let machine = self.view.machine();
        let bits = (value.kind.size(machine) * 8).min(128) as u8;
        Constant { value: value.number, bits, signed: value.kind.signed(machine) }
    }

    fn enumerators(&mut self, scope: &Scope<'_>) {
        let through = self.file.number;
        for name in &scope.types.constant_names {
            let Some((value, at)) = scope.types.constants.get(name).copied() else { continue };
            // A macro of the same name is what programs see.
            if self.table.get(*name).is_some_and(|definition| {
                definition.at != at && !definition.body.iter().all(|token| token.sym == *name)
            }) {
                continue;
            }
            self.show(*name, at);
            if self.is_wanted(at) && self.found.insert((*name, at), ()).is_none() {
                let value = Named { constant: self.typed(value), request: None };
                self.findings.constants.push(Found { name: *name, value, at, through });
            }
        }
    }

    fn layouts(&mut self, scope: &Scope<'_>, tokens: &[Token], symbols: &Symbols<'s>) {
        let through = self.file.number;
        for record in scope.types.records.iter().filter(|record| record.members.is_some()) {
            let (Some(name), at) = (record.name, record.at) else { continue };
            self.show(name, at);
            if !self.is_wanted(at) || self.found.contains_key(&(name, at)) {
                continue;
            }
            match scope.with_layouts(|layouts| layout(record, layouts, scope, symbols)) {
                Ok(value) => {
                    self.found.insert((name, at), ());
                    self.findings.layouts.push(Found { name, value, at, through });
                }
                Err(reason) => {
                    self.want(at, record_at(tokens, at), scope);
                    self.findings.failed.entry(at).or_insert((name, reason));
                }
            }
        }
    }
}

/// The tokens of the record at a place, up to its closing brace.
fn record_at(tokens: &[Token], at: Spot) -> &[Token] {
    let start = tokens.iter().position(|token| token.at == at).unwrap_or(tokens.len());
    let mut depth = 0_usize;
    let end = tokens.iter().skip(start).position(|token| match token.sym {
        sym::BRACE_OPEN => {
            depth += 1;
            false
        }
        sym::BRACE_CLOSE => {
            depth = depth.saturating_sub(1);
            depth == 0
        }
        _ => false,
    });
    tokens.get(start..end.map_or(tokens.len(), |length| start + length)).unwrap_or_default()
}
