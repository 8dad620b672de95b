//! The values of macros that stand for integer constants.

use super::evaluate::{Stop, evaluate};
use super::expand::Expander;
use super::file::Macro;
use super::grammar::{Grammar, Tokens};
use super::lex::Token;
use super::machine::Machine;
use super::scope::Scope;
use super::symbol::{Sym, Symbols};
use super::table::Table;
use super::value::Value;

/// Replaces the macros in a macro's own replacement. `None`: that came to no end.
pub(crate) fn expand_body(definition: &Macro, table: &mut Table, symbols: &mut Symbols) -> Option<Vec<Token>> {
    let mut out = Vec::new();
    let mut counter = 0;
    table.set_busy(definition.name, true);
    let done = Expander { table, symbols, file: "", counter: &mut counter }.expand(&definition.body, &mut out, 0);
    table.set_busy(definition.name, false);
    done.ok().map(|()| out)
}

/// The value of an expanded macro.
pub(crate) fn value(tokens: &[Token], scope: &Scope<'_>, machine: &Machine, symbols: &Symbols) -> Result<Value, Stop> {
    let is_type = |name: Sym| scope.types.typedefs.contains_key(&name);
    let grammar = Grammar::new(symbols, machine, &is_type);
    match grammar.expression(Tokens(tokens)) {
        Ok((Tokens([]), expr)) => evaluate(&expr, scope, machine),
        Ok(_) | Err(_) => Err(Stop::NotConstant("something that is no expression")),
    }
}
