//! Walks a header and what it includes: conditionals, inclusion, definitions. What is left are the tokens of C.

use super::expand::{Expander, MOST_STEPS, Overgrown, Use, is_builtin};
use super::export::drops_include;
use super::expr::condition;
use super::file::{Condition, HeaderFile, Part, Target};
use super::lex::{Kind, Spot, Token};
use super::symbol::{Sym, Symbols, sym};
use super::table::Table;
use super::view::View;
use std::collections::BTreeSet;
use std::ops::Range;

/// Deepest nesting of `#include`.
const DEPTH: usize = 100;
/// Most tokens of one translation unit.
const MOST: usize = 1_000_000;
/// What an inclusion costs of the steps of a unit, so that headers that include each other twice come to an end.
const STEPS_OF_INCLUSION: u64 = 1000;
const TOO_MUCH: &str =
    "with what it includes, the header has more than 1,000,000 tokens or takes more than 50,000,000 steps";

/// A header with everything it includes.
#[derive(Debug, Default)]
pub(crate) struct Unit {
    /// Its tokens.
    pub(crate) tokens: Vec<Token>,
    /// What went wrong.
    pub(crate) problems: Vec<Problem>,
    /// The kernel's headers it is made of, each once.
    pub(crate) files: BTreeSet<u16>,
}

/// Something that the reader could not do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    /// Where.
    pub(crate) at: Spot,
    /// What.
    pub(crate) reason: String,
    /// Nothing that the unit says can be relied on.
    pub(crate) fatal: bool,
}

/// Preprocesses `files`, one after the other. `table` holds the definitions at the end.
pub(crate) fn preprocess<'s>(
    files: impl Iterator<Item = &'s HeaderFile>,
    view: &View<'s>,
    table: &mut Table<'s>,
    symbols: &mut Symbols<'s>,
    use_: &mut Use,
) -> Unit {
    table.clear();
    for definition in view.predefined() {
        table.define(definition);
    }
    let mut walk = Walk { view, table, symbols, unit: Unit::default(), depth: 0, use_, over: false };
    for file in files {
        walk.file(file);
    }
    walk.unit
}

struct Walk<'a, 's> {
    view: &'a View<'s>,
    table: &'a mut Table<'s>,
    symbols: &'a mut Symbols<'s>,
    unit: Unit,
    depth: usize,
    use_: &'a mut Use,
    /// A limit is passed: nothing more is read.
    over: bool,
}

impl<'s> Walk<'_, 's> {
    fn problem(&mut self, at: Spot, reason: impl Into<String>, fatal: bool) {
        self.unit.problems.push(Problem { at, reason: reason.into(), fatal });
    }

    fn overgrown(&mut self, error: Overgrown) {
        self.problem(error.at, error.reason, false);
    }

    fn file(&mut self, file: &'s HeaderFile) {
        if file.kernel {
            self.unit.files.insert(file.number);
        }
        let mut at = 0;
        while let Some(part) = file.parts.get(at) {
            at += 1;
            match part {
                Part::Text(range) => self.text(file, range),
                Part::Define(definition) => self.table.define(definition),
                Part::Undef(name) => self.table.undefine(*name),
                Part::If { first: true, .. } => at = self.branch(file, at - 1),
                // Reached from above: the branch before it was taken.
                Part::If { first: false, branches, .. } | Part::Else { branches } => at = branches.end,
                Part::Endif => {}
                Part::Include { target, next, at } => self.include(file, target, *next, *at),
                Part::Error { message, at } => {
                    let text = self.join(&file.tokens[message.clone()]);
                    self.problem(*at, format!("the header refuses to be read alone: #error {text}"), true);
                }
                Part::Pragma(range) => self.pragma(&file.tokens[range.clone()]),
                Part::Broken { reason, at } => self.problem(*at, *reason, true),
            }
            self.use_.steps += 1;
            if !self.over && (self.unit.tokens.len() > MOST || self.use_.steps > MOST_STEPS) {
                self.over = true;
                self.problem(Spot { line: 1, file: file.number, column: 1 }, TOO_MUCH, true);
            }
            if self.over {
                return;
            }
        }
    }

    /// Finds the branch of the conditional at `at` that is taken; returns the part to go on with.
    fn branch(&mut self, file: &HeaderFile, mut at: usize) -> usize {
        loop {
            match file.parts.get(at) {
                Some(Part::If { condition, branches, .. }) => {
                    if self.holds(file, condition) {
                        return at + 1;
                    }
                    at = branches.next;
                }
                Some(_) => return at + 1,
                None => return at,
            }
        }
    }

    fn holds(&mut self, file: &HeaderFile, condition: &Condition) -> bool {
        match condition {
            Condition::Defined { name, wanted } => self.is_defined(*name) == *wanted,
            Condition::Expression(range, at) => {
                let tokens = self.operators(file, &file.tokens[range.clone()]);
                let mut expanded = Vec::new();
                if let Err(error) = self.expander("").expand(&tokens, &mut expanded, 0) {
                    self.overgrown(error);
                    return false;
                }
                let expanded = self.operators(file, &expanded);
                match self::condition(&expanded, self.symbols) {
                    Ok(value) => value,
                    Err(reason) => {
                        self.problem(*at, format!("the condition cannot be evaluated: {reason}"), true);
                        false
                    }
                }
            }
        }
    }

    fn is_defined(&self, name: Sym) -> bool {
        is_builtin(name) || matches!(name, sym::HAS_INCLUDE | sym::HAS_INCLUDE_NEXT) || self.table.get(name).is_some()
    }

    /// Replaces `defined X` and `__has_include(..)` by their values.
    fn operators(&mut self, file: &HeaderFile, tokens: &[Token]) -> Vec<Token> {
        let mut out = Vec::with_capacity(tokens.len());
        let mut rest = tokens;
        while let Some((token, after)) = rest.split_first() {
            let (value, used) = match (token.sym, after) {
                (sym::DEFINED, [open, name, close, ..]) if open.is(sym::PAREN_OPEN) && close.is(sym::PAREN_CLOSE) => {
                    (self.is_defined(name.sym), 3)
                }
                (sym::DEFINED, [name, ..]) if name.kind == Kind::Name => (self.is_defined(name.sym), 1),
                (sym::HAS_INCLUDE | sym::HAS_INCLUDE_NEXT, [open, ..]) if open.is(sym::PAREN_OPEN) => {
                    let end = after.iter().position(|token| token.is(sym::PAREN_CLOSE)).unwrap_or(after.len() - 1);
                    (
                        self.has_include(
                            file,
                            after.get(1..end).unwrap_or_default(),
                            token.sym == sym::HAS_INCLUDE_NEXT,
                        ),
                        end + 1,
                    )
                }
                _ => {
                    out.push(*token);
                    rest = after;
                    continue;
                }
            };
            out.push(Token { kind: Kind::Number, sym: if value { sym::ONE } else { sym::ZERO }, ..*token });
            rest = &after[used.min(after.len())..];
        }
        out
    }

    fn has_include(&self, file: &HeaderFile, name: &[Token], next: bool) -> bool {
        self.find(file, &Target::read(name, |sym| self.symbols.text(sym)), next).is_ok()
    }

    fn include(&mut self, file: &HeaderFile, target: &Target, next: bool, at: Spot) {
        if self.depth >= DEPTH {
            return self.problem(at, "headers include each other without an end", true);
        }
        let found = match target {
            Target::Computed(written) => {
                let mut tokens = Vec::new();
                match self.expander("").expand(&file.tokens[written.clone()], &mut tokens, 0) {
                    Ok(()) => self.find(file, &Target::read(&tokens, |sym| self.symbols.text(sym)), next),
                    Err(error) => return self.overgrown(error),
                }
            }
            written => self.find(file, written, next),
        };
        match found {
            Ok(found) => {
                self.use_.steps += STEPS_OF_INCLUSION;
                self.depth += 1;
                self.file(found);
                self.depth -= 1;
            }
            // What an installed header does not include.
            Err(Some(name)) if file.source && drops_include(&name) => {}
            Err(Some(name)) => self.problem(at, format!("the header <{name}> is not installed"), false),
            Err(None) => self.problem(at, "expected <name> or \"name\" after #include", false),
        }
    }

    /// The header that is meant, or its name where it is not there.
    fn find(&self, file: &HeaderFile, target: &Target, next: bool) -> Result<&'s HeaderFile, Option<Box<str>>> {
        let (name, found) = match target {
            Target::Quote(name) if !next => (name, self.view.find_beside(name, file)),
            Target::Quote(name) | Target::Angle(name) if next => (name, self.view.find_next(name, file)),
            Target::Quote(name) | Target::Angle(name) => (name, self.view.find(name)),
            Target::Computed(_) | Target::Broken => return Err(None),
        };
        found.ok_or_else(|| Some(name.clone()))
    }

    fn text(&mut self, file: &HeaderFile, range: &Range<usize>) {
        let mut out = std::mem::take(&mut self.unit.tokens);
        let done = self.expander(&file.path).expand(&file.tokens[range.clone()], &mut out, 0);
        self.unit.tokens = out;
        if let Err(error) = done {
            self.overgrown(error);
        }
    }

    /// `#pragma pack` goes on to the reader of declarations as one token and its arguments.
    fn pragma(&mut self, tokens: &[Token]) {
        if let Some((word, arguments)) = tokens.split_first().filter(|(word, _)| word.sym == sym::PACK) {
            self.unit.tokens.push(Token { sym: sym::PRAGMA_PACK, kind: Kind::Other, ..*word });
            self.unit.tokens.extend_from_slice(arguments);
        }
    }

    fn join(&self, tokens: &[Token]) -> String {
        let words: Vec<_> = tokens.iter().map(|token| self.symbols.text(token.sym)).collect();
        words.join(" ")
    }

    fn expander<'e>(&'e mut self, file: &'e str) -> Expander<'e, 's> {
        Expander { table: self.table, symbols: self.symbols, file, use_: self.use_ }
    }
}
