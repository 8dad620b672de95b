//! Which header defines a name that another one uses without including it.

use super::collect::Want;
use super::file::Part;
use super::lex::{Kind, Token};
use super::symbol::{Sym, sym};
use super::types::SymMap;
use super::view::View;
use std::collections::BTreeSet;

/// The headers that define some names.
pub(crate) struct Providers(SymMap<BTreeSet<u16>>);

impl Providers {
    /// Nothing is known of these names yet.
    pub(crate) fn of(names: impl Iterator<Item = Sym>) -> Self {
        Self(names.map(|name| (name, BTreeSet::new())).collect())
    }

    /// Notes that a header defines a name.
    pub(crate) fn note(&mut self, name: Sym, header: u16) {
        if let Some(headers) = self.0.get_mut(&name) {
            headers.insert(header);
        }
    }

    /// Notes which headers define names as macros or types that are no facts by themselves.
    pub(crate) fn look_into(&mut self, view: &View<'_>) {
        for header in view.units() {
            for part in &header.parts {
                match part {
                    Part::Define(definition) => self.note(definition.name, header.number),
                    Part::Text(range) => {
                        let tokens = header.tokens.get(range.clone()).unwrap_or_default();
                        typedefs(tokens).for_each(|name| self.note(name, header.number));
                    }
                    Part::If { .. }
                    | Part::Else { .. }
                    | Part::Endif
                    | Part::Include { .. }
                    | Part::Undef(_)
                    | Part::Error { .. }
                    | Part::Pragma(_)
                    | Part::Broken { .. } => {}
                }
            }
        }
    }

    /// The headers that have to come first, in the order of their numbers. A name that several headers define tells nothing.
    pub(crate) fn before(&self, want: &Want) -> Vec<u16> {
        let only = |name: &Sym| match self.0.get(name) {
            Some(headers) if headers.len() == 1 => headers.first().copied(),
            _ => None,
        };
        let mut before: Vec<u16> =
            want.names.iter().filter_map(only).filter(|header| *header != want.through).collect();
        before.sort_unstable();
        before.dedup();
        before
    }
}

/// The names in front of the semicolons that end type definitions.
fn typedefs(tokens: &[Token]) -> impl Iterator<Item = Sym> {
    let mut defining = false;
    let mut depth = 0_usize;
    tokens.windows(2).filter_map(move |pair| {
        let [token, next] = pair else { return None };
        match token.sym {
            sym::TYPEDEF if depth == 0 => defining = true,
            sym::BRACE_OPEN => depth += 1,
            sym::BRACE_CLOSE => depth = depth.saturating_sub(1),
            sym::SEMICOLON if depth == 0 => defining = false,
            _ => {}
        }
        (defining && depth == 0 && token.kind == Kind::Name && next.is(sym::SEMICOLON)).then_some(token.sym)
    })
}
