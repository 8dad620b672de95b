//! The grammar of types: text to terms.

use crate::expr::parse::{Syntax, SyntaxError, name, number, parse_prefix};

/// A parsed type whose names are not resolved yet: `ptr[in, array[fd[pipe], 2]]?`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    /// The word before the bracket.
    pub name: String,
    /// What stands in the brackets.
    pub args: Vec<TermArg>,
    /// Whether a `?` follows.
    pub nullable: bool,
    /// Byte offset of its first character.
    pub offset: usize,
}

/// What may stand in a type's brackets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TermArg {
    /// Another type, a parameter or a set.
    Term(Term),
    /// A number.
    Number(i128),
    /// `low:high`.
    Range(Box<(Syntax, Syntax)>),
}

/// Types nest this deep at most, which bounds the parser's stack.
const MAX_DEPTH: usize = 16;

/// Parses a whole type.
///
/// # Errors
/// The first place where the text stops making sense, and what would make sense there.
pub fn parse(text: &str) -> Result<Term, SyntaxError> {
    let (term, rest) = term(text, text, 0)?;
    if rest.trim_start().is_empty() { Ok(term) } else { Err(error(text, rest.trim_start(), "the end of the type")) }
}

fn error(text: &str, rest: &str, expected: &str) -> SyntaxError {
    SyntaxError { offset: text.len() - rest.len(), expected: expected.to_owned() }
}

fn term<'a>(text: &'a str, rest: &'a str, depth: usize) -> Result<(Term, &'a str), SyntaxError> {
    let rest = rest.trim_start();
    if depth > MAX_DEPTH {
        return Err(error(text, rest, "a type that nests less deeply"));
    }
    let offset = text.len() - rest.len();
    let (mut rest, word) = name(rest).map_err(|_| error(text, rest, "the name of a type"))?;
    let mut args = Vec::new();
    if let Some(inside) = rest.strip_prefix('[') {
        rest = inside;
        loop {
            let (arg, after) = argument(text, rest, depth + 1)?;
            args.push(arg);
            let after = after.trim_start();
            if let Some(after) = after.strip_prefix(']') {
                rest = after;
                break;
            }
            rest = after.strip_prefix(',').ok_or_else(|| error(text, after, "`,` or `]`"))?;
        }
    }
    let (nullable, rest) = rest.strip_prefix('?').map_or((false, rest), |after| (true, after));
    Ok((Term { name: word.to_owned(), args, nullable, offset }, rest))
}

fn argument<'a>(text: &'a str, rest: &'a str, depth: usize) -> Result<(TermArg, &'a str), SyntaxError> {
    let rest = rest.trim_start();
    let inner = term(text, rest, depth);
    if let Ok((found, after)) = &inner
        && after.trim_start().starts_with([',', ']'])
    {
        return Ok((TermArg::Term(found.clone()), after));
    }
    let shift = |error: SyntaxError| SyntaxError { offset: error.offset + text.len() - rest.len(), ..error };
    let (low, used) = match parse_prefix(rest) {
        Ok(parsed) => parsed,
        // The type's own message is the better one where a word stands.
        Err(syntax) => return Err(inner.err().unwrap_or_else(|| shift(syntax))),
    };
    let after = rest[used..].trim_start();
    let Some(high) = after.strip_prefix(':') else {
        if inner.is_ok() && !after.starts_with([',', ']']) {
            return Err(error(text, after, "`,` or `]`"));
        }
        let literal = rest[..used].trim();
        let (sign, digits) = literal.strip_prefix('-').map_or((1, literal), |digits| (-1, digits));
        return match number(digits) {
            Some(value) => Ok((TermArg::Number(sign * value), after)),
            None => Err(inner.err().unwrap_or_else(|| error(text, rest, "a number, a type or a range low:high"))),
        };
    };
    let (top, used) =
        parse_prefix(high).map_err(|error| SyntaxError { offset: error.offset + text.len() - high.len(), ..error })?;
    Ok((TermArg::Range(Box::new((low, top))), &high[used..]))
}
