//! Gathers the facts of every header. Each header is read alone, as a program would include it first.

use super::evaluate::Stop;
use super::file::{HeaderFile, Macro};
use super::layout::Layouts;
use super::lex::Spot;
use super::library::Library;
use super::machine::Machine;
use super::macros::{expand_body, value};
use super::preprocess::{Problem, predefine, preprocess};
use super::print::print_type;
use super::scope::Scope;
use super::symbol::{Sym, Symbols};
use super::table::Table;
use super::types::{Record, Type, TypeId};
use super::unit::read_declarations;
use super::value::Value;
use crate::facts::{Constant, Fact, Facts, Field, Layout, Source, WitnessKind};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

/// A fact, and the headers that show it.
struct Found<T> {
    value: T,
    at: Spot,
    through: Vec<u16>,
}

/// Everything found so far.
struct Collector<'a> {
    machine: &'a Machine,
    library: &'a mut Library,
    table: Table,
    constants: BTreeMap<Sym, Vec<Found<Constant>>>,
    layouts: BTreeMap<Sym, Vec<Found<Layout>>>,
    /// Macros that are no constants, whatever is included.
    never: HashSet<Spot>,
    /// Constants and structs that could not be computed so far.
    failed: BTreeMap<Spot, (Sym, String)>,
    problems: BTreeMap<Spot, String>,
    refused: Vec<(Arc<str>, Problem)>,
    numbers: BTreeMap<Sym, Found<Constant>>,
    includes: BTreeMap<String, Vec<Arc<str>>>,
}

/// Reads every kernel header of the library.
pub(crate) fn collect(witness: &str, machine: &Machine, library: &mut Library) -> Facts {
    let names = reading_order(library.kernel_headers());
    let predefined = predefine(&machine.predefined(), library);
    let mut collector = Collector {
        machine,
        library,
        table: Table::default(),
        constants: BTreeMap::new(),
        layouts: BTreeMap::new(),
        never: HashSet::new(),
        failed: BTreeMap::new(),
        problems: BTreeMap::new(),
        refused: Vec::new(),
        numbers: BTreeMap::new(),
        includes: BTreeMap::new(),
    };
    for name in names {
        if let Some(file) = collector.library.find(&name, 0) {
            collector.unit(&file, &predefined);
        }
    }
    collector.into_facts(witness)
}

/// Headers that programs include come first. Generic headers are read only through those that the port adapts them
/// with, and headers for one word size through the header that chooses among them.
fn reading_order(mut names: Vec<String>) -> Vec<String> {
    let all: HashSet<String> = names.iter().cloned().collect();
    names.retain(|name| {
        let stem = name.trim_end_matches(".h");
        let chooser =
            ["_32", "_64", "_x32", "_o32", "_n32", "_n64"].iter().find_map(|suffix| stem.strip_suffix(suffix));
        let generic = name.starts_with("asm-generic/");
        let chosen = name.starts_with("asm/") && chooser.is_some_and(|stem| all.contains(&format!("{stem}.h")));
        !generic && !chosen
    });
    names.sort_by(|a, b| (a.starts_with("asm/"), a).cmp(&(b.starts_with("asm/"), b)));
    names
}

/// Whether a fact that was found before makes this one superfluous; notes the header in that case.
fn known<T: PartialEq>(found: &mut [Found<T>], at: Spot, through: u16) -> bool {
    match found.iter_mut().find(|fact| fact.at == at) {
        Some(fact) => {
            if fact.through.last() != Some(&through) {
                fact.through.push(through);
            }
            true
        }
        None => false,
    }
}

fn add<T: PartialEq>(found: &mut Vec<Found<T>>, new: Found<T>) {
    match found.iter_mut().find(|fact| fact.value == new.value) {
        Some(fact) => fact.through.extend(new.through),
        None => found.push(new),
    }
}

impl Collector<'_> {
    /// Reads one header.
    fn unit(&mut self, file: &Rc<HeaderFile>, predefined: &[Rc<Macro>]) {
        let unit = preprocess(file, predefined, self.library, &mut self.table);
        if let Some(problem) = unit.problems.iter().find(|problem| problem.fatal) {
            self.refused.push((Arc::clone(&file.name), problem.clone()));
            return;
        }
        let files = unit.files.iter().map(|number| self.library.path(*number)).collect();
        self.includes.insert(file.name.to_string(), files);
        let through = file.tokens.first().map_or(u16::MAX, |token| token.at.file);
        // Replacements may make new texts, so they are all made before the texts are borrowed for good.
        let definitions = self.candidates(through);
        let mut expanded = Vec::with_capacity(definitions.len());
        for definition in definitions {
            if let Some(tokens) = expand_body(&definition, &mut self.table, &mut self.library.symbols) {
                expanded.push((definition, tokens));
            }
        }
        let symbols = &self.library.symbols;
        let (scope, problems) = read_declarations(&unit.tokens, self.machine, symbols);
        let is_kernel = |at: Spot| self.library.file(at.file).is_some_and(|file| file.kernel);
        for problem in unit.problems.into_iter().chain(problems).filter(|problem| is_kernel(problem.at)) {
            self.problems.entry(problem.at).or_insert(problem.reason);
        }
        let constant = |value: Value| Constant {
            value: value.number,
            bits: (value.kind.size(self.machine) * 8).min(128) as u8,
            signed: value.kind.signed(self.machine),
        };
        for (definition, tokens) in expanded {
            match value(&tokens, &scope, self.machine, symbols) {
                Ok(found) => {
                    self.failed.remove(&definition.at);
                    let found = Found { value: constant(found), at: definition.at, through: vec![through] };
                    add(self.constants.entry(definition.name).or_default(), found);
                }
                Err(Stop::NotConstant("a name")) => {}
                Err(Stop::NotConstant(_)) => {
                    self.never.insert(definition.at);
                }
                Err(Stop::Failed(reason)) => {
                    self.failed.entry(definition.at).or_insert((definition.name, reason));
                }
            }
        }
        for (name, (found, at)) in &scope.types.constants {
            // A macro of the same name is what programs see.
            if self.table.get(*name).is_some_and(|definition| {
                definition.at != *at && !definition.body.iter().all(|token| token.sym == *name)
            }) {
                continue;
            }
            let facts = self.constants.entry(*name).or_default();
            if is_kernel(*at) && !known(facts, *at, through) {
                add(facts, Found { value: constant(*found), at: *at, through: vec![through] });
            }
        }
        for record in scope.types.records.iter().filter(|record| record.members.is_some() && is_kernel(record.at)) {
            let Some(name) = record.name else { continue };
            let facts = self.layouts.entry(name).or_default();
            if known(facts, record.at, through) {
                continue;
            }
            match scope.with_layouts(|layouts| layout(record, layouts, &scope, symbols)) {
                Ok(found) => {
                    self.failed.remove(&record.at);
                    add(facts, Found { value: found, at: record.at, through: vec![through] });
                }
                Err(reason) => {
                    self.failed.entry(record.at).or_insert((name, reason));
                }
            }
        }
        if &*file.name == "asm/unistd.h" {
            self.numbers(through);
        }
    }

    /// The macros that may be constants and are not known yet.
    fn candidates(&mut self, through: u16) -> Vec<Rc<Macro>> {
        let mut found = Vec::new();
        for definition in self.table.definitions() {
            let kernel = self.library.file(definition.at.file).is_some_and(|file| file.kernel);
            if !kernel
                || definition.params.is_some()
                || definition.body.is_empty()
                || self.never.contains(&definition.at)
            {
                continue;
            }
            let facts = self.constants.get_mut(&definition.name);
            if !facts.is_some_and(|facts| known(facts, definition.at, through)) {
                found.push(definition);
            }
        }
        found
    }

    fn numbers(&mut self, through: u16) {
        for (name, facts) in &self.constants {
            if !self.library.symbols.text(*name).starts_with("__NR_") {
                continue;
            }
            if let Some(fact) = facts.iter().find(|fact| fact.through.contains(&through)) {
                self.numbers.insert(*name, Found { value: fact.value, at: fact.at, through: Vec::new() });
            }
        }
    }

    fn into_facts(self, witness: &str) -> Facts {
        let Self { machine, library, constants, layouts, failed, problems, refused, numbers, includes, .. } = self;
        let mut facts = Facts::new(WitnessKind::Headers, witness, machine.arch);
        let mut paths = HashMap::new();
        let mut source = |at: Spot| {
            let path = paths.entry(at.file).or_insert_with(|| library.path(at.file));
            Source::line(Arc::clone(path), at.line, u32::from(at.column))
        };
        for (name, number) in numbers {
            let text = library.symbols.text(name).trim_start_matches("__NR_").to_owned();
            if let Ok(value) = u32::try_from(number.value.value) {
                facts.numbers.insert(text, Fact::new(value, source(number.at)));
            }
        }
        let mut silent: Vec<(String, String)> = Vec::new();
        for (name, problem) in refused {
            silent.push((name.to_string(), format!("{}: {}", source(problem.at), problem.reason)));
        }
        for (at, reason) in problems {
            silent.push((source(at).file.to_string(), format!("{}: {reason}", source(at))));
        }
        for (at, (name, reason)) in failed {
            silent.push((library.symbols.text(name).to_owned(), format!("{}: {reason}", source(at))));
        }
        for (subject, reason) in silent {
            facts.silence(subject, reason);
        }
        facts.constants = finish(constants, library, &mut source);
        facts.constants.retain(|name, _| !name.starts_with("__NR_"));
        facts.layouts = finish(layouts, library, &mut source);
        facts.headers = includes;
        facts
    }
}

fn finish<T>(
    all: BTreeMap<Sym, Vec<Found<T>>>,
    library: &Library,
    source: &mut dyn FnMut(Spot) -> Source,
) -> BTreeMap<String, Vec<Fact<T>>> {
    let mut out = BTreeMap::new();
    for (name, found) in all {
        let several = found.len() > 1;
        let header = |number: &u16| library.file(*number).map(|file| Arc::clone(&file.name));
        let facts: Vec<_> = found
            .into_iter()
            .map(|fact| {
                let headers = if several { fact.through.iter().filter_map(header).collect() } else { Vec::new() };
                Fact { source: source(fact.at), value: fact.value, headers }
            })
            .collect();
        if !facts.is_empty() {
            out.insert(library.symbols.text(name).to_owned(), facts);
        }
    }
    out
}

/// The layout of a record as a fact.
fn layout(record: &Record, layouts: &Layouts<'_>, scope: &Scope<'_>, symbols: &Symbols) -> Result<Layout, String> {
    let shape = layouts.shape(record)?;
    let mut fields = Vec::new();
    list_fields(record, &shape.offsets, 0, layouts, scope, symbols, &mut fields)?;
    let name = record.name.map(|name| symbols.text(name)).unwrap_or_default();
    let word = if record.union { "union " } else { "struct " };
    let c_name = if record.tagged { format!("{word}{name}") } else { name.to_owned() };
    Ok(Layout { c_name, union: record.union, size: shape.size, align: Some(shape.align), fields })
}

fn list_fields(
    record: &Record,
    offsets: &[u64],
    base: u64,
    layouts: &Layouts<'_>,
    scope: &Scope<'_>,
    symbols: &Symbols,
    fields: &mut Vec<Field>,
) -> Result<(), String> {
    for (member, offset) in record.members.iter().flatten().zip(offsets) {
        let offset_bits = base + offset;
        match member.name {
            Some(name) => fields.push(Field {
                name: symbols.text(name).to_owned(),
                offset_bits,
                size_bits: width(member.bits, member.ty, layouts)?,
                bitfield: member.bits.is_some(),
                c_type: print_type(&scope.types, member.ty, symbols),
            }),
            None => {
                if let Type::Record(number) = scope.types.bare(member.ty)
                    && let Some(inner) = scope.types.records.get(*number)
                {
                    let shape = layouts.shape(inner)?;
                    list_fields(inner, &shape.offsets, offset_bits, layouts, scope, symbols, fields)?;
                }
            }
        }
    }
    Ok(())
}

fn width(bits: Option<u64>, ty: TypeId, layouts: &Layouts<'_>) -> Result<u64, String> {
    match bits {
        Some(bits) => Ok(bits),
        None => layouts.extent(ty).map(|extent| extent.size * 8),
    }
}
