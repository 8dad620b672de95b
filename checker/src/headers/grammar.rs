//! Tokens as nom reads them, and the parsers that every grammar needs.

use super::lex::{Kind, Token};
use super::machine::Machine;
use super::symbol::{Sym, Symbols, sym};
use nom::error::{ErrorKind, ParseError};
use nom::{Err, IResult, Input, Needed, Parser};
use std::cell::Cell;
use std::iter::{Copied, Enumerate};
use std::slice::Iter;

/// A run of tokens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Tokens<'t>(pub(crate) &'t [Token]);

impl<'t> Input for Tokens<'t> {
    type Item = Token;
    type Iter = Copied<Iter<'t, Token>>;
    type IterIndices = Enumerate<Self::Iter>;

    fn input_len(&self) -> usize {
        self.0.len()
    }

    fn take(&self, index: usize) -> Self {
        Self(&self.0[..index])
    }

    fn take_from(&self, index: usize) -> Self {
        Self(&self.0[index..])
    }

    fn take_split(&self, index: usize) -> (Self, Self) {
        let (before, after) = self.0.split_at(index);
        (Self(after), Self(before))
    }

    fn position<P: Fn(Token) -> bool>(&self, predicate: P) -> Option<usize> {
        self.0.iter().position(|token| predicate(*token))
    }

    fn iter_elements(&self) -> Self::Iter {
        self.0.iter().copied()
    }

    fn iter_indices(&self) -> Self::IterIndices {
        self.iter_elements().enumerate()
    }

    fn slice_index(&self, count: usize) -> Result<usize, Needed> {
        if count <= self.0.len() { Ok(count) } else { Err(Needed::new(count - self.0.len())) }
    }
}

/// What was expected, and how many tokens were left then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fail {
    /// Tokens left: the less, the further the parser got.
    pub(crate) left: usize,
    /// What was expected there.
    pub(crate) expected: &'static str,
}

impl<'t> ParseError<Tokens<'t>> for Fail {
    fn from_error_kind(input: Tokens<'t>, _kind: ErrorKind) -> Self {
        Self { left: input.0.len(), expected: "something else" }
    }

    fn append(_input: Tokens<'t>, _kind: ErrorKind, other: Self) -> Self {
        other
    }

    fn or(self, other: Self) -> Self {
        if other.left < self.left { other } else { self }
    }
}

/// What a parser over tokens returns.
pub(crate) type Parsed<'t, T> = IResult<Tokens<'t>, T, Fail>;

/// A failure at `input`.
pub(crate) fn expected<'t, T>(input: Tokens<'t>, expected: &'static str) -> Parsed<'t, T> {
    Err(Err::Error(Fail { left: input.0.len(), expected }))
}

/// A token that `test` accepts.
pub(crate) fn satisfying<'t>(
    what: &'static str,
    test: impl Fn(&Token) -> bool,
) -> impl Parser<Tokens<'t>, Output = Token, Error = Fail> {
    move |input: Tokens<'t>| match input.0.split_first() {
        Some((token, rest)) if test(token) => Ok((Tokens(rest), *token)),
        _ => expected(input, what),
    }
}

/// This operator, separator or keyword.
pub(crate) fn word<'t>(wanted: Sym) -> impl Parser<Tokens<'t>, Output = Token, Error = Fail> {
    satisfying(name_of(wanted), move |token| token.is(wanted))
}

const fn name_of(wanted: Sym) -> &'static str {
    match wanted {
        sym::PAREN_OPEN => "`(`",
        sym::PAREN_CLOSE => "`)`",
        sym::BRACE_OPEN => "`{`",
        sym::BRACE_CLOSE => "`}`",
        sym::BRACKET_CLOSE => "`]`",
        sym::SEMICOLON => "`;`",
        sym::COMMA => "`,`",
        sym::COLON => "`:`",
        _ => "another token",
    }
}

/// One of these words.
pub(crate) fn one_word<'t>(wanted: &'static [Sym]) -> impl Parser<Tokens<'t>, Output = Token, Error = Fail> {
    satisfying("a keyword", move |token| matches!(token.kind, Kind::Name | Kind::Punct) && wanted.contains(&token.sym))
}

/// Any identifier.
pub(crate) fn name<'t>() -> impl Parser<Tokens<'t>, Output = Token, Error = Fail> {
    satisfying("a name", |token| token.kind == Kind::Name)
}

/// Everything from an opening bracket to the one that closes it.
pub(crate) fn balanced(input: Tokens<'_>) -> Parsed<'_, Tokens<'_>> {
    let mut nesting = 0_usize;
    for (position, token) in input.0.iter().enumerate() {
        if token.kind == Kind::Punct {
            match token.sym {
                sym::PAREN_OPEN | sym::BRACE_OPEN | sym::BRACKET_OPEN => nesting += 1,
                sym::PAREN_CLOSE | sym::BRACE_CLOSE | sym::BRACKET_CLOSE => nesting = nesting.saturating_sub(1),
                _ => {}
            }
        }
        if nesting == 0 {
            return if position == 0 { expected(input, "a bracket") } else { Ok(input.take_split(position + 1)) };
        }
    }
    expected(input, "the closing bracket")
}

/// The grammars of expressions and declarations, and what they look up while they read.
pub(crate) struct Grammar<'g> {
    /// The texts of tokens.
    pub(crate) symbols: &'g Symbols<'g>,
    /// Widths of constants.
    pub(crate) machine: &'g Machine,
    /// Which identifiers name types.
    pub(crate) is_type: &'g dyn Fn(Sym) -> bool,
    depth: Cell<u32>,
    expressions: Cell<u32>,
    operators: Cell<u32>,
}

/// Deepest nesting of brackets.
const DEPTH: u32 = 120;
/// Most operators of one expression: each makes its tree higher.
const OPERATORS: u32 = 1000;

impl<'g> Grammar<'g> {
    /// A grammar that knows these types.
    pub(crate) fn new(symbols: &'g Symbols<'g>, machine: &'g Machine, is_type: &'g dyn Fn(Sym) -> bool) -> Self {
        Self { symbols, machine, is_type, depth: Cell::new(0), expressions: Cell::new(0), operators: Cell::new(0) }
    }

    /// Runs a parser one level deeper.
    pub(crate) fn deeper<'t, T>(
        &self,
        input: Tokens<'t>,
        parser: impl FnOnce(Tokens<'t>) -> Parsed<'t, T>,
    ) -> Parsed<'t, T> {
        if self.depth.get() >= DEPTH {
            return Err(Err::Failure(Fail { left: input.0.len(), expected: "fewer levels of brackets" }));
        }
        self.depth.set(self.depth.get() + 1);
        let result = parser(input);
        self.depth.set(self.depth.get() - 1);
        result
    }

    /// Runs the parser of an expression, and counts its operators anew unless it stands in another one.
    pub(crate) fn in_expression<T>(&self, parser: impl FnOnce() -> T) -> T {
        let outer = self.expressions.get();
        if outer == 0 {
            self.operators.set(0);
        }
        self.expressions.set(outer + 1);
        let result = parser();
        self.expressions.set(outer);
        result
    }

    /// Notes that the expression has one more operator.
    pub(crate) fn operator<'t>(&self, input: Tokens<'t>) -> Result<(), Err<Fail>> {
        self.operators.set(self.operators.get() + 1);
        if self.operators.get() > OPERATORS {
            return Err(Err::Failure(Fail { left: input.0.len(), expected: "fewer operators" }));
        }
        Ok(())
    }
}
