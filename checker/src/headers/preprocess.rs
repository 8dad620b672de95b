//! Walks a header and what it includes: conditionals, inclusion, definitions. What is left are the tokens of C.

use super::expand::{Expander, Overgrown};
use super::export::drops_include;
use super::expr::condition;
use super::file::{Condition, HeaderFile, Macro, Part, define};
use super::lex::{Kind, Spot, Token, lex};
use super::library::Library;
use super::symbol::{Sym, sym};
use super::table::Table;
use std::collections::BTreeSet;
use std::ops::Range;
use std::rc::Rc;

/// Deepest nesting of `#include`.
const DEPTH: usize = 100;
/// Most tokens of one translation unit.
const MOST: usize = 4_000_000;

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

/// The definitions that a compiler for a port makes before the first line.
pub(crate) fn predefine(text: &str, library: &mut Library) -> Vec<Rc<Macro>> {
    let tokens = lex(text, u16::MAX, false, &mut library.symbols);
    let lines = tokens.chunk_by(|_, next| !next.first);
    lines.filter_map(|line| define(line).ok()).map(Rc::new).collect()
}

/// Preprocesses `file`. `table` holds the definitions at the end.
pub(crate) fn preprocess(
    file: &Rc<HeaderFile>,
    predefined: &[Rc<Macro>],
    library: &mut Library,
    table: &mut Table,
) -> Unit {
    table.clear();
    for definition in predefined {
        table.define(Rc::clone(definition));
    }
    let mut walk = Walk { library, table, unit: Unit::default(), depth: 0, counter: 0 };
    walk.file(file);
    walk.unit
}

struct Walk<'a> {
    library: &'a mut Library,
    table: &'a mut Table,
    unit: Unit,
    depth: usize,
    counter: u32,
}

impl Walk<'_> {
    fn problem(&mut self, at: Spot, reason: impl Into<String>, fatal: bool) {
        self.unit.problems.push(Problem { at, reason: reason.into(), fatal });
    }

    fn overgrown(&mut self, error: Overgrown) {
        self.problem(error.at, error.reason, false);
    }

    fn file(&mut self, file: &Rc<HeaderFile>) {
        if let Some(token) = file.tokens.first().filter(|_| file.kernel) {
            self.unit.files.insert(token.at.file);
        }
        let mut at = 0;
        while let Some(part) = file.parts.get(at) {
            at += 1;
            match part {
                Part::Text(range) => self.text(file, range),
                Part::Define(definition) => self.table.define(Rc::clone(definition)),
                Part::Undef(name) => self.table.undefine(*name),
                Part::If { first: true, .. } => at = self.branch(file, at - 1),
                // Reached from above: the branch before it was taken.
                Part::If { first: false, branches, .. } | Part::Else { branches } => at = branches.end,
                Part::Endif => {}
                Part::Include { name, next, at } => self.include(file, name, *next, *at),
                Part::Error { message, at } => {
                    let text = self.join(&file.tokens[message.clone()]);
                    self.problem(*at, format!("the header refuses to be read alone: #error {text}"), true);
                }
                Part::Pragma(range) => self.pragma(&file.tokens[range.clone()]),
                Part::Broken { reason, at } => self.problem(*at, *reason, true),
            }
            if self.unit.tokens.len() > MOST {
                self.problem(Spot::default(), "the header grows to more than 4,000,000 tokens", true);
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
                match self::condition(&expanded, &self.library.symbols) {
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
        matches!(name, sym::FILE | sym::LINE | sym::COUNTER | sym::HAS_INCLUDE | sym::HAS_INCLUDE_NEXT)
            || self.table.get(name).is_some()
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
                    (self.find(file, &after[1..end], token.sym == sym::HAS_INCLUDE_NEXT).is_ok(), end + 1)
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

    fn include(&mut self, file: &HeaderFile, name: &Range<usize>, next: bool, at: Spot) {
        if self.depth >= DEPTH {
            return self.problem(at, "headers include each other without an end", true);
        }
        let written = &file.tokens[name.clone()];
        let mut expanded = Vec::new();
        let tokens = if written.first().is_some_and(|token| token.kind == Kind::Name) {
            if let Err(error) = self.expander("").expand(written, &mut expanded, 0) {
                return self.overgrown(error);
            }
            &expanded
        } else {
            written
        };
        match self.find(file, tokens, next) {
            Ok(found) => {
                self.depth += 1;
                self.file(&found);
                self.depth -= 1;
            }
            // What an installed header does not include.
            Err(reason) if reason.is_empty() => {}
            Err(reason) => self.problem(at, reason, false),
        }
    }

    fn find(&mut self, file: &HeaderFile, name: &[Token], next: bool) -> Result<Rc<HeaderFile>, String> {
        let from = if next { file.folder + 1 } else { 0 };
        let (text, found) = match name {
            [token, ..] if token.kind == Kind::Text => {
                let text = self.library.symbols.text(token.sym).trim_matches('"').to_owned();
                let found = if next { self.library.find(&text, from) } else { self.library.find_beside(&text, file) };
                (text, found)
            }
            [open, inner @ ..] if open.is(sym::LESS) => {
                let inner = inner.split(|token| token.is(sym::GREATER)).next().unwrap_or_default();
                let text: String = inner.iter().map(|token| self.library.symbols.text(token.sym)).collect();
                let found = self.library.find(&text, from);
                (text, found)
            }
            _ => return Err("expected <name> or \"name\" after #include".to_owned()),
        };
        found.ok_or_else(|| {
            if file.source && drops_include(&text) {
                String::new()
            } else {
                format!("the header <{text}> is not installed")
            }
        })
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
        let words: Vec<_> = tokens.iter().map(|token| self.library.symbols.text(token.sym)).collect();
        words.join(" ")
    }

    fn expander<'s>(&'s mut self, file: &'s str) -> Expander<'s> {
        Expander { table: self.table, symbols: &mut self.library.symbols, file, counter: &mut self.counter }
    }
}
