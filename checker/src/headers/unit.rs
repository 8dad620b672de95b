//! Reads the declarations of a translation unit.

use super::declare::to_semicolon;
use super::expr::complaint;
use super::grammar::{Grammar, Tokens};
use super::lex::Token;
use super::machine::Machine;
use super::preprocess::Problem;
use super::scope::Scope;
use super::symbol::{Sym, Symbols};

/// Most declarations of a unit that are not understood: what follows so many is no C.
const MOST_PROBLEMS: usize = 200;

/// Reads every declaration; what is not understood is skipped up to its end and noted.
pub(crate) fn read_declarations<'a>(
    tokens: &[Token],
    machine: &'a Machine,
    symbols: &'a Symbols<'a>,
) -> (Scope<'a>, Vec<Problem>) {
    let mut scope = Scope::new(machine, symbols);
    let mut problems = Vec::new();
    let mut refused = 0;
    let mut rest = tokens;
    while let Some(first) = rest.first() {
        let parsed = {
            let is_type = |name: Sym| scope.types.typedefs.contains_key(&name);
            Grammar::new(symbols, machine, &is_type).declaration(Tokens(rest))
        };
        match parsed {
            Ok((after, declaration)) => {
                if let Err(reason) = scope.declare(&declaration) {
                    problems.push(Problem { at: first.at, reason, fatal: false });
                }
                rest = after.0;
            }
            Err(error) => {
                let at = match &error {
                    nom::Err::Error(fail) | nom::Err::Failure(fail) => {
                        rest.get(rest.len().saturating_sub(fail.left)).unwrap_or(first).at
                    }
                    nom::Err::Incomplete(_) => first.at,
                };
                let reason = format!("the declaration is not understood: {}", complaint(error, rest, symbols));
                problems.push(Problem { at, reason, fatal: false });
                refused += 1;
                if refused > MOST_PROBLEMS {
                    let reason = "the declarations behind it are not read: too many are not understood".to_owned();
                    problems.push(Problem { at, reason, fatal: false });
                    break;
                }
                rest = to_semicolon(Tokens(rest)).map_or(&[], |(after, ())| after.0);
            }
        }
    }
    (scope, problems)
}
