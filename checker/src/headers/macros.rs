//! The values of macros that stand for integer constants.

use super::evaluate::{Stop, evaluate};
use super::expand::{Expander, Use};
use super::file::Macro;
use super::grammar::{Grammar, Tokens};
use super::lex::Token;
use super::machine::Machine;
use super::scope::Scope;
use super::symbol::{Sym, Symbols};
use super::table::Table;
use super::value::Value;

/// Replaces the macros in a macro's own replacement, at the end of `out`. `false`: that came to no end.
pub(crate) fn expand_body<'s>(
    definition: &'s Macro,
    table: &mut Table<'s>,
    symbols: &mut Symbols<'s>,
    use_: &mut Use,
    out: &mut Vec<Token>,
) -> bool {
    table.set_busy(definition.name, true);
    let done = Expander { table, symbols, file: "", use_ }.expand(&definition.body, out, 0);
    table.set_busy(definition.name, false);
    done.is_ok()
}

/// The value of an expanded macro.
pub(crate) fn value(
    tokens: &[Token],
    scope: &Scope<'_>,
    machine: &Machine,
    symbols: &Symbols<'_>,
) -> Result<Value, Stop> {
    let is_type = |name: Sym| scope.types.typedefs.contains_key(&name);
    let grammar = Grammar::new(symbols, machine, &is_type);
    match grammar.expression(Tokens(tokens)) {
        Ok((Tokens([]), expr)) => evaluate(&expr, scope, machine),
        Ok(_) | Err(_) => Err(Stop::NotConstant("something that is no expression")),
    }
}
