//! Finds the facts of some headers. Each header is read alone, as a program would include it first.

use super::evaluate::Stop;
use super::expand::Use;
use super::file::{HeaderFile, Macro};
use super::ioctl::{Packing, expand_to_makers, packing_at, request};
use super::lex::{Spot, Token};
use super::macros::{expand_body, value};
use super::preprocess::{Problem, preprocess};
use super::record::layout;
use super::scope::Scope;
use super::symbol::{Sym, Symbols};
use super::table::Table;
use super::types::PlaceMap;
use super::unit::read_declarations;
use super::value::Value;
use super::view::View;
use crate::facts::{Constant, Ioctl, Layout};
use std::collections::{BTreeMap, HashSet};
use std::ops::Range;

/// A fact, where it stands, and the headers that show it.
#[derive(Clone, Debug)]
pub(crate) struct Found<T> {
    /// What it is called.
    pub(crate) name: Sym,
    /// The fact.
    pub(crate) value: T,
    /// Where it stands.
    pub(crate) at: Spot,
    /// The headers, by number, in the order in which they are read.
    pub(crate) through: Vec<u16>,
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
    /// Constants and structs that could not be computed; a later header may have computed them.
    pub(crate) failed: BTreeMap<Spot, (Sym, String)>,
    /// What was not understood.
    pub(crate) problems: BTreeMap<Spot, String>,
    /// Headers that cannot be read alone.
    pub(crate) refused: Vec<(u16, Problem)>,
    /// Headers in which names are used that nothing defines: programs include something else first.
    pub(crate) lacking: Vec<&'s HeaderFile>,
    /// For each header the files that it consists of.
    pub(crate) includes: Vec<(u16, Vec<u16>)>,
    /// The texts of names.
    pub(crate) symbols: Symbols<'s>,
}

/// What is known of a macro.
#[derive(Clone, Copy)]
enum State {
    /// Nothing yet, or no value so far.
    Open,
    /// It is no constant, whatever is included.
    Never,
    /// The constant of this number.
    Known(u32),
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
    before: Option<Before<'a, 's>>,
    table: Table<'s>,
    states: Vec<State>,
    /// Enumeration constants and structs that are known, by name and place: a macro can make several at one place.
    enumerators: PlaceMap<usize>,
    records: PlaceMap<usize>,
    /// The header that is being read uses a name that nothing defines.
    lacks: bool,
    /// How requests are packed, by the place that says it.
    packings: BTreeMap<Spot, Option<Packing>>,
    findings: Findings<'s>,
}

/// What comes before headers that are read a second time.
#[derive(Clone, Copy)]
pub(crate) struct Before<'a, 's> {
    /// The header that is included first.
    pub(crate) header: &'s HeaderFile,
    /// The places of constants and structs that are known.
    pub(crate) known: &'a HashSet<Spot>,
}

/// Reads some headers, in this order, each alone or after another one.
pub(crate) fn collect<'s>(view: &View<'s>, headers: &[&'s HeaderFile], before: Option<Before<'_, 's>>) -> Findings<'s> {
    let findings = Findings {
        constants: Vec::new(),
        layouts: Vec::new(),
        failed: BTreeMap::new(),
        problems: BTreeMap::new(),
        refused: Vec::new(),
        lacking: Vec::new(),
        includes: Vec::new(),
        symbols: Symbols::new(&view.stock.texts),
    };
    let mut symbols = Symbols::new(&view.stock.texts);
    let mut collector = Collector {
        view,
        before,
        table: Table::default(),
        states: vec![State::Open; view.stock.macros as usize],
        enumerators: PlaceMap::default(),
        records: PlaceMap::default(),
        lacks: false,
        packings: BTreeMap::new(),
        findings,
    };
    for header in headers {
        collector.unit(header, &mut symbols);
    }
    Findings { symbols, ..collector.findings }
}

/// Notes that a header shows what was found before.
fn note<T>(found: &mut Found<T>, through: u16) {
    if found.through.last() != Some(&through) {
        found.through.push(through);
    }
}

impl<'s> Collector<'_, 's> {
    /// Reads one header.
    fn unit(&mut self, file: &'s HeaderFile, symbols: &mut Symbols<'s>) {
        let mut use_ = Use::default();
        let first = self.before.map(|before| before.header);
        let files = first.into_iter().chain([file]);
        let unit = preprocess(files, self.view, &mut self.table, symbols, &mut use_);
        if let Some(problem) = unit.problems.iter().find(|problem| problem.fatal) {
            self.findings.refused.push((file.number, problem.clone()));
            return;
        }
        self.findings.includes.push((file.number, unit.files.iter().copied().collect()));
        let through = file.number;
        let machine = self.view.machine();
        // Replacements may make new texts, so they are all made before the texts are borrowed for good.
        let mut tokens = Vec::new();
        let candidates = self.candidates(through, symbols, &mut use_, &mut tokens);
        let requests = candidates.iter().any(|candidate| candidate.request.is_some());
        let packing = if requests { self.packing(symbols) } else { None };
        let symbols: &Symbols<'s> = symbols;
        let (scope, problems) = read_declarations(&unit.tokens, machine, symbols);
        self.note_problems(unit.problems, problems);
        for Candidate { definition, tokens: range, request: written } in candidates {
            let found = value(&tokens[range], &scope, machine, symbols);
            let written = written.map(|range| &tokens[range]);
            self.constant(definition, found, written.zip(packing.as_ref()), through, symbols);
        }
        self.enumerators(&scope, through);
        self.layouts(&scope, through, symbols);
        if std::mem::take(&mut self.lacks) {
            self.findings.lacking.push(file);
        }
    }

    fn is_known(&self, at: Spot) -> bool {
        self.before.is_some_and(|before| before.known.contains(&at))
    }

    fn is_kernel(&self, at: Spot) -> bool {
        self.view.stock.file(at.file).is_some_and(|file| file.kernel)
    }

    fn note_problems(&mut self, problems: Vec<Problem>, more: Vec<Problem>) {
        for problem in problems.into_iter().chain(more) {
            if self.is_kernel(problem.at) {
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
    fn candidates(
        &mut self,
        through: u16,
        symbols: &mut Symbols<'s>,
        use_: &mut Use,
        tokens: &mut Vec<Token>,
    ) -> Vec<Candidate<'s>> {
        let mut open = Vec::new();
        for definition in self.table.definitions() {
            if definition.params.is_some() || definition.body.is_empty() {
                continue;
            }
            // What has no number is the compiler's.
            match self.states.get(definition.number as usize) {
                Some(State::Open) if self.is_kernel(definition.at) && !self.is_known(definition.at) => {
                    open.push(definition)
                }
                Some(State::Known(at)) => {
                    if let Some(found) = self.findings.constants.get_mut(*at as usize) {
                        note(found, through);
                    }
                }
                Some(State::Open | State::Never) | None => {}
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
        through: u16,
        symbols: &Symbols<'s>,
    ) {
        let machine = self.view.machine();
        let number = definition.number as usize;
        match found {
            Ok(found) => {
                let written =
                    written.and_then(|(tokens, packing)| request(tokens, found.number, packing, machine, symbols));
                let value = Named { constant: self.typed(found), request: written.map(Box::new) };
                let known = State::Known(self.findings.constants.len() as u32);
                self.findings.constants.push(Found {
                    name: definition.name,
                    value,
                    at: definition.at,
                    through: vec![through],
                });
                if let Some(state) = self.states.get_mut(number) {
                    *state = known;
                }
            }
            Err(Stop::Unknown) => self.lacks = true,
            Err(Stop::NotConstant(_)) => {
                if let Some(state) = self.states.get_mut(number) {
                    *state = State::Never;
                }
            }
            Err(Stop::Failed(reason)) => {
                self.lacks = true;
                self.findings.failed.entry(definition.at).or_insert((definition.name, reason));
            }
        }
    }

    fn typed(&self, value: Value) -> Constant {
        let machine = self.view.machine();
        let bits = (value.kind.size(machine) * 8).min(128) as u8;
        Constant { value: value.number, bits, signed: value.kind.signed(machine) }
    }

    fn enumerators(&mut self, scope: &Scope<'_>, through: u16) {
        for name in &scope.types.constant_names {
            let Some((value, at)) = scope.types.constants.get(name).copied() else { continue };
            // A macro of the same name is what programs see.
            if self.table.get(*name).is_some_and(|definition| {
                definition.at != at && !definition.body.iter().all(|token| token.sym == *name)
            }) {
                continue;
            }
            match self.enumerators.get(&(*name, at)) {
                Some(known) => {
                    if let Some(found) = self.findings.constants.get_mut(*known) {
                        note(found, through);
                    }
                }
                None if self.is_kernel(at) && !self.is_known(at) => {
                    let value = Named { constant: self.typed(value), request: None };
                    self.enumerators.insert((*name, at), self.findings.constants.len());
                    self.findings.constants.push(Found { name: *name, value, at, through: vec![through] });
                }
                None => {}
            }
        }
    }

    fn layouts(&mut self, scope: &Scope<'_>, through: u16, symbols: &Symbols<'s>) {
        for record in scope.types.records.iter().filter(|record| record.members.is_some()) {
            let wanted = self.is_kernel(record.at) && !self.is_known(record.at);
            let (Some(name), true) = (record.name, wanted) else { continue };
            if let Some(known) = self.records.get(&(name, record.at)) {
                if let Some(found) = self.findings.layouts.get_mut(*known) {
                    note(found, through);
                }
                continue;
            }
            match scope.with_layouts(|layouts| layout(record, layouts, scope, symbols)) {
                Ok(value) => {
                    self.records.insert((name, record.at), self.findings.layouts.len());
                    self.findings.layouts.push(Found { name, value, at: record.at, through: vec![through] });
                }
                Err(reason) => {
                    self.lacks = true;
                    self.findings.failed.entry(record.at).or_insert((name, reason));
                }
            }
        }
    }
}
